"""
Getting out: cancelling everything of ours, closing one position, closing all.

Owns: in which order that is done. What works on a contract is cancelled, and known to be, before
its position is read and closed, so that nothing that was on its way turns the position over; and
one call goes after the other. All that closes is placed at once, and waited for together: what is
not answered or finds no buyer holds nothing else up. Every order goes through the desk, its limits
and its journal; one that comes too soon for a limit on orders a second waits for its turn.

*limit*: orders of other clients and of TWS itself are not touched; what they fill meanwhile counts
from the next reading of the positions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import (
    IBKRError,
    NotConnectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
    ReadOnlyError,
    RequestTimeoutError,
    RiskLimitError,
)
from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Action, Contract, ContractDetails, SecurityType
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.model.record import Record

from .desk import OrdersDesk
from .reading import as_request

__all__ = ["Closing", "ClosingReport"]

_SMART: Final = frozenset({SecurityType.STOCK, SecurityType.OPTION})
_OWN_KEYS: Final = ("symbol", "contract", "action", "quantity", "account")
_LOOKS, _PAUSE_S = 20, 0.1

_RATE: Final = "max_orders_per_second"
_TURN_S: Final = 0.25
"""How long an exit waits that came too soon for that limit; it is judged anew then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingReport(Record):
    """
    What became of getting out.

    `cancelled` and `closed` are the orders that were cancelled, and those that close positions, as
    they stand now: one that was filled before its cancellation says so. `problems` says what could
    not be done, and why. `uncertain` are the ids of orders among them of which nobody knows yet
    what became: they are not to be placed again.
    """

    cancelled: tuple[OrderReport, ...] = ()
    closed: tuple[OrderReport, ...] = ()
    problems: tuple[str, ...] = ()
    uncertain: tuple[int, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left that works, or that waits to be closed."""
        return not self.problems and all(
            report.status is OrderStatus.FILLED for report in self.closed
        )


class Closing:
    """
    Get out of orders and positions; lives on the desk's loop.

    Args:
        desk: Cancels and places.
        clock: Source of all times.
        resolve: Turns a contract into its details.
        positions: Asks what all accounts of the login hold, as soon as that shows every fill.
        timeout_s: How long the closing orders may take to be filled before the call returns.
    """

    def __init__(
        self,
        *,
        desk: OrdersDesk,
        clock: Clock,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        positions: Callable[[], Awaitable[Sequence[Position]]],
        timeout_s: float,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._resolve = resolve
        self._positions = positions
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()

    async def cancel_all(self) -> ClosingReport:
        """
        Cancel every open order that this client id placed, and say what became of each.

        Raises:
            ReadOnlyError, NotConnectedError: Nothing was cancelled.
        """
        return await self._cancel(self._desk.ours())

    async def close_position(
        self,
        contract: Contract | str,
        *,
        account: str | None = None,
        order: Mapping[str, Any] | None = None,
    ) -> ClosingReport:
        """
        Close what is held of one contract; see `IBKRConnector.close_position`.

        Raises:
            OrderStateError: An order on the contract is still alive, so nothing was closed.
        """
        _check_order(order)
        details = await self._resolve(contract)
        wanted = [leg.con_id for leg, _, _ in details.contract.parts(Action.BUY)]
        async with self._turn:
            return await self._close(
                # a combination of ours that has it as a leg could open it again
                lambda held: any(leg.con_id in wanted for leg, _, _ in held.parts(Action.BUY)),
                account=account,
                order=order,
            )

    async def flatten(self, *, account: str | None = None) -> ClosingReport:
        """Cancel everything of ours and close every position; see `IBKRConnector.flatten`."""
        async with self._turn:
            return await self._close(lambda _: True, account=account, order=None)

    async def _close(
        self,
        concerns: Callable[[Contract], bool],
        *,
        account: str | None,
        order: Mapping[str, Any] | None,
    ) -> ClosingReport:
        wanted = [
            one
            for one in self._desk.ours()
            if concerns(one.contract)
            # what is divided may come to any account
            and (account in (None, one.account) or one.terms.is_divided)
        ]
        report = await self._cancel(wanted)
        if report.problems:
            raise OrderStateError(
                f"nothing was closed, because orders are still alive: {'; '.join(report.problems)}",
                hint="ask again, or cancel them in TWS first",
                disposition=SendDisposition.UNSENT,
            )
        rows = [
            row
            for row in await self._positions()
            if row.quantity and concerns(row.contract) and account in (None, row.account)
        ]
        ended = await self._desk.confirmations.exits(
            [partial(self._place, row, order) for row in rows]
        )
        by_row = list(zip(rows, ended, strict=True))
        placed = [(row, one) for row, one in by_row if isinstance(one, OrderReport)]
        refused = [(row, one) for row, one in by_row if isinstance(one, IBKRError)]
        if not placed and all(_is_unsent(error) for _, error in refused):
            for _, error in refused:
                if isinstance(error, ReadOnlyError | NotConnectedError):
                    raise error
        problems = [f"{row.contract.symbol} is not closed: {error}" for row, error in refused]
        uncertain = [order_id for _, error in refused for order_id in _unknown(error)]
        closed = await self._closed([one.order_id for _, one in placed])
        # from here on every answer is a report: an error would lose which orders have left
        traded = [
            row
            for (row, _), now in zip(placed, closed, strict=True)
            if now.is_closed and now.filled_quantity
        ]
        try:
            await self._see_changed(traded)
        except IBKRError as error:
            problems.append(f"what is left of the positions is not known: {error}")
        return replace(
            report,
            closed=tuple(closed),
            problems=tuple(problems),
            uncertain=tuple(uncertain),
        )

    async def _place(self, row: Position, order: Mapping[str, Any] | None) -> OrderReport:
        details = await self._resolve(_tradable(row.contract))
        request = as_request(
            {
                "order_type": "MKT",
                **(order or {}),
                "contract": details.contract,
                "action": "SELL" if row.quantity > 0 else "BUY",
                "quantity": abs(row.quantity),
                "account": row.account,
            }
        )
        until = self._clock.monotonic() + self._timeout_s
        while True:
            try:
                return await self._desk.place(request, is_exit=True)
            except RiskLimitError as error:
                is_too_soon = {one.rule for one in error.violations} == {_RATE}
                if not is_too_soon or self._clock.monotonic() >= until:
                    raise
            await self._clock.sleep(_TURN_S)

    async def _closed(self, order_ids: Sequence[int]) -> list[OrderReport]:
        """Wait until these orders are closed, all of them in one time, and say how they stand."""
        until = self._clock.monotonic() + self._timeout_s
        reports = []
        for order_id in order_ids:
            left_s = max(until - self._clock.monotonic(), 0.0)
            # one that is still open goes on, and its report says so
            with suppress(RequestTimeoutError):
                await self._desk.wait_for(order_id, lambda now: now.is_closed, timeout_s=left_s)
            reports.append(self._desk.report(order_id))
        return reports

    async def _see_changed(self, traded: Sequence[Position]) -> None:
        """Wait until the broker shows these positions changed, so that the next call does too."""
        left = list(traded)
        for _ in range(_LOOKS):
            if not left:
                return
            held = {
                (row.account, row.contract.con_id): row.quantity for row in await self._positions()
            }
            left = [
                row
                for row in left
                if held.get((row.account, row.contract.con_id), Decimal(0)) == row.quantity
            ]
            if left:
                await self._clock.sleep(_PAUSE_S)

    async def _cancel(self, reports: Sequence[OrderReport]) -> ClosingReport:
        ended = await asyncio.gather(
            *(self._desk.cancel(one.order_id) for one in reports), return_exceptions=True
        )
        cancelled, problems = [], []
        uncertain: list[int] = []
        for one, result in zip(reports, ended, strict=True):
            if isinstance(result, OrderReport):
                cancelled.append(result)
                continue
            if not isinstance(result, IBKRError) or isinstance(
                result, ReadOnlyError | NotConnectedError
            ):
                raise result
            # one that the broker no longer lists holds nothing up: it works no more
            if not self._desk.settling.is_lost(one.order_id):
                problems.append(f"order {one.order_id} is not cancelled: {result}")
                uncertain += _unknown(result)
        return ClosingReport(
            cancelled=tuple(cancelled), problems=tuple(problems), uncertain=tuple(uncertain)
        )


def _check_order(order: Mapping[str, Any] | None) -> None:
    given = [key for key in _OWN_KEYS if key in (order or {})]
    faults = [f"{key} follows from the position; leave it out" for key in given]
    if faults:
        raise OrderValidationError("; ".join(faults))


def _unknown(error: IBKRError) -> Sequence[int]:
    return [error.order_id] if isinstance(error, OrderUncertainError) else []


def _is_unsent(error: IBKRError) -> bool:
    return error.disposition in (None, SendDisposition.UNSENT)


def _tradable(contract: Contract) -> Contract:
    """A position names the exchange that it is listed on, or none: say where to trade it."""
    smart = contract.security_type in _SMART
    return replace(contract, exchange="SMART" if smart else "")
