"""
Profit and loss as the broker streams it: one subscription however many ask, kept over reconnects.

Owns which lines are open, what each said last, and who reads it. The line of an account stays open
once it was asked for; that of a position is called off when nobody reads it any more. Refuses to
know how the figures are computed: that is `reckoning`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import LinkEffect, link_effect
from ibkr_connector.errors import IBKRError, NotConnectedError, RequestTimeoutError
from ibkr_connector.gateway.account_port import PnLGateway, PnLLine, PnLRequest, PnLRow
from ibkr_connector.gateway.port import GatewayEvent, GatewayNotice, SessionEnded
from ibkr_connector.mailbox import Mailbox
from ibkr_connector.model.account import PositionPnL, ProfitAndLoss
from ibkr_connector.model.contracts import Contract
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.timers import Timers

from .stream import Seat

__all__ = ["FIRST_FIGURES_S", "PnLDesk", "Told"]

_log = logging.getLogger(__name__)

Told = ProfitAndLoss | PositionPnL
"""What a line tells."""

FIRST_FIGURES_S: Final = 10.0
"""How long the first figures are waited for: they come about a second after the request."""

_LETTERS: Final = 8


class _Followed:
    """One line, what it said last, and its readers."""

    def __init__(self, desk: PnLDesk, request: PnLRequest, contract: Contract | None) -> None:
        self.request = request
        self.contract = contract
        self.line: PnLLine | None = None
        self.boxes: list[Mailbox[Told]] = []
        self.newest: Told | None = None
        self.computed = asyncio.Event()
        self.refusal: IBKRError | None = None
        self.waiting = 0
        self.turn = asyncio.Lock()
        self._desk = desk

    @property
    def is_wanted(self) -> bool:
        """Whether the line is of use: that of an account always is."""
        return bool(self.boxes or self.waiting or self.contract is None)

    def told(self, row: PnLRow) -> None:
        """Take what came over the line."""
        self.newest = self._desk.record(self, row)
        for box in self.boxes:
            box.put(self.newest)
        if row.is_computed:
            self.computed.set()

    def lose(self) -> None:
        """The line is gone: what was said last is not live any more."""
        self.line = None
        self.computed.clear()
        if self.newest is not None and self.newest.is_live:
            self.newest = replace(self.newest, is_live=False)
            for box in self.boxes:
                box.put(self.newest)

    def refused(self, error: IBKRError) -> None:
        """The gateway has ended the line; whoever reads or waits is told."""
        self.refusal = error
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            box.close(error)
        self.computed.set()
        self._desk.forget(self)


class PnLDesk:
    """
    Asks for profit and loss and hands it on; all calls on one loop.

    Args:
        gateway: Opens lines.
        pipeline: Paces what is written.
        clock: Time of what is told.
        currency: Returns the base currency of an account.
    """

    def __init__(
        self,
        *,
        gateway: PnLGateway,
        pipeline: Pipeline,
        clock: Clock,
        currency: Callable[[str], str],
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._currency = currency
        self._followed: dict[PnLRequest, _Followed] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._timers = Timers(clock)
        self._closed = False

    def __len__(self) -> int:
        return len(self._followed)

    def newest(self, request: PnLRequest) -> Told | None:
        """Return what a line said last; `None` when there is none."""
        one = self._followed.get(request)
        return None if one is None else one.newest

    async def read(self, request: PnLRequest, contract: Contract | None = None) -> Told:
        """
        Return the figures of now, opening a line where there is none.

        Raises:
            AccountError: The gateway refuses it.
            RequestTimeoutError: Nothing was computed in time: IB is silent about a contract that it
                does not know.
            NotConnectedError: There is no session.
        """
        one = self._entry(request, contract)
        one.waiting += 1
        try:
            await self._ask(one)
            try:
                with self._timers.limit(self._clock.monotonic() + FIRST_FIGURES_S):
                    await one.computed.wait()
            except TimeoutError:
                raise RequestTimeoutError(
                    f"no profit and loss within {FIRST_FIGURES_S:g} s",
                    hint="IB tells nothing of a contract or model that the account does not have",
                    replay_safe=True,
                ) from None
            if one.refusal is not None:
                raise one.refusal
            assert one.newest is not None
            return one.newest
        finally:
            one.waiting -= 1
            self._drop_unwanted(one)

    async def join(
        self,
        request: PnLRequest,
        contract: Contract | None = None,
        *,
        taken: Callable[[Seat[Told]], None] = lambda _: None,
    ) -> Seat[Told]:
        """Take a place at a line, opening it when there is none; the newest is told at once."""
        one = self._entry(request, contract)
        box: Mailbox[Told] = Mailbox(
            capacity=_LETTERS, lost=lambda _, __, last: last, replaces=lambda _, __: True
        )
        one.boxes.append(box)
        seat = Seat(box, lambda: self._leave(one, box))
        taken(seat)
        if one.newest is not None:
            box.put(one.newest)
        try:
            await self._ask(one)
        except BaseException:
            self._leave(one, box)
            raise
        return seat

    async def restore(self) -> None:
        """
        Ask again for every line that is lost.

        Raises:
            IBKRError: Why one could not be.
        """
        problems: list[IBKRError] = []
        for one in tuple(self._followed.values()):
            try:
                await self._ask(one)
            except IBKRError as error:
                # the others are asked for all the same
                problems.append(error)
        if problems:
            raise problems[0]

    def note(self, event: GatewayEvent) -> None:
        """Take one event of the session; those of others are ignored."""
        lost = isinstance(event, SessionEnded)
        if isinstance(event, GatewayNotice):
            lost = link_effect(event.code) is LinkEffect.DATA_LOST
        if lost:
            for one in tuple(self._followed.values()):
                line = one.line
                one.lose()
                if line is not None and line.is_open:
                    # where the gateway has it still, it is not paid for twice
                    self._spawn(self._call_off(line))

    def record(self, one: _Followed, row: PnLRow) -> Told:
        """Make the record of what a line told."""
        now, asked = self._clock.utcnow(), one.request
        if one.contract is None:
            return ProfitAndLoss(
                account=asked.account,
                model=asked.model,
                as_of=now,
                currency=self._currency(asked.account),
                daily=row.daily,
                unrealized=row.unrealized,
                realized=row.realized,
            )
        return PositionPnL(
            account=asked.account,
            model=asked.model,
            contract=one.contract,
            as_of=now,
            quantity=row.quantity,
            daily=row.daily,
            unrealized=row.unrealized,
            realized=row.realized,
            market_value=row.market_value,
        )

    def forget(self, one: _Followed) -> None:
        """A line was refused: who asks again begins anew."""
        if self._followed.get(one.request) is one:
            del self._followed[one.request]

    async def aclose(self) -> None:
        """End every stream; idempotent."""
        self._closed = True
        for one in tuple(self._followed.values()):
            for box in one.boxes:
                box.close()
            one.boxes.clear()
        self._followed.clear()
        for job in tuple(self._jobs):
            job.cancel()
        if self._jobs:
            await asyncio.wait(tuple(self._jobs))
        await self._timers.aclose()

    # --- inside ---------------------------------------------------------------------------------

    def _entry(self, request: PnLRequest, contract: Contract | None) -> _Followed:
        if self._closed:
            raise NotConnectedError("the connector has been closed")
        one = self._followed.get(request)
        if one is None:
            one = self._followed[request] = _Followed(self, request, contract)
        return one

    async def _ask(self, one: _Followed) -> None:
        async with one.turn:
            if one.line is not None and one.line.is_open:
                return

            async def write() -> None:
                if self._followed.get(one.request) is one and one.is_wanted:
                    one.line = self._gateway.open_pnl(one.request, one)

            await self._pipeline.run(Operation(policy=ENDPOINTS["pnl"], call=write))

    def _leave(self, one: _Followed, box: Mailbox[Told]) -> None:
        box.close()
        if box in one.boxes:
            one.boxes.remove(box)
        self._drop_unwanted(one)

    def _drop_unwanted(self, one: _Followed) -> None:
        if one.is_wanted or self._followed.get(one.request) is not one:
            return
        del self._followed[one.request]
        line, one.line = one.line, None
        if line is not None and line.is_open and not self._closed:
            self._spawn(self._call_off(line))

    async def _call_off(self, line: PnLLine) -> None:
        async def turn() -> None:
            line.close()

        try:
            await self._pipeline.run(Operation(policy=ENDPOINTS["unsubscribe_pnl"], call=turn))
        except IBKRError as error:
            _log.info("profit and loss was called off ahead of its turn: %s", error)
        finally:
            line.close()

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
