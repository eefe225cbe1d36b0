"""
What goes on beside the orders: the rules' files and the kill switch are looked at again and again.

Owns: what is done when the kill switch asks for more than to stop: cancelling what is open, closing
what is held. It goes through the desk like everybody else, so every order of it is journaled, and
its keys are made of the switch's own, so that a crash half way closes nothing twice.
Programs may share a switch. Each cancels its own orders, which nobody else can, also where another
has called it done; one at a time closes, and what that one has done the others leave. What could
not be done is tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError, OrderStateError
from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderReport, OrderStatus, market_order
from ibkr_connector.model.record import Record
from ibkr_connector.observe.logs import mask_accounts

from .desk import OrdersDesk
from .everyone import Everyone
from .jobs import Jobs
from .kill_switch import KillState, KillSwitch
from .rule_book import RuleBook

__all__ = ["Guard", "KillReport"]

_log = logging.getLogger("ibkr_connector.orders")

_AGAIN_S: Final = 5.0
_AGAIN_CAP_S: Final = 300.0
"""How long one waits before what could not be done is tried again; the wait doubles up to this."""

_TURN_S: Final = 60.0
_TURN_LOOK_S: Final = 0.1
"""How long another program is waited for that closes what is held, and how often one looks."""

_SMART: Final = frozenset({SecurityType.STOCK, SecurityType.OPTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class KillReport(Record):
    """
    What became of engaging the kill switch.

    `cancelled` and `closed` count our orders; `left` counts the open orders of others that we know
    of and left alone. `problems` says what could not be done, and why.
    """

    reason: str
    cancelled: int = 0
    closed: int = 0
    left: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether everything that was asked for was done."""
        return not self.problems


class Guard:
    """
    Watch rules and switch beside the desk; lives on its loop.

    Args:
        desk: Cancels and closes.
        rules: Reloaded when their files change.
        kill: The switch.
        clock: Source of all times.
        positions: Asks what is held, as soon as that shows every fill.
        resolve: Turns a contract into its details.
        everyone: Cancels the orders of all others.
        look: Looks for what other processes have left here.
        is_ready: Whether orders can be sent now.
        accounts: Those of the login; empty without a session.
        readonly: Whether nothing may be sent: then what is asked for is left to others.
        poll_s: How long between two looks.
    """

    def __init__(
        self,
        *,
        desk: OrdersDesk,
        rules: RuleBook,
        kill: KillSwitch,
        clock: Clock,
        positions: Callable[[], Awaitable[Sequence[Position]]],
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        everyone: Everyone,
        look: Callable[[], None],
        is_ready: Callable[[], bool],
        accounts: Callable[[], Sequence[str]],
        readonly: bool = False,
        poll_s: float = 1.0,
    ) -> None:
        self._desk = desk
        self._rules = rules
        self._kill = kill
        self._clock = clock
        self._positions = positions
        self._resolve = resolve
        self._everyone = everyone
        self._look = look
        self._is_ready = is_ready
        self._accounts = accounts
        self._readonly = readonly
        self._poll_s = poll_s
        self._busy = asyncio.Lock()
        self._cancelled = ""
        self._done: tuple[str, KillReport] | None = None
        self._tried = ""
        self._pause_s, self._again_at = _AGAIN_S, 0.0
        self._jobs = Jobs(on_end=self._ended)

    @property
    def kill_sentence(self) -> str:
        """What the engaged switch says; empty when it is released."""
        state = self._kill.state()
        return "" if state is None else state.sentence

    async def start(self) -> None:
        """Begin to watch."""
        await self._jobs.start()
        self._jobs.spawn(self._watch())

    async def aclose(self) -> None:
        """End; idempotent."""
        await self._jobs.aclose()

    async def carry_out(self) -> KillReport:
        """Do now what the engaged switch asks for, and say how that went."""
        async with self._busy:
            state = self._kill.state()
            if state is None:
                return KillReport(reason="the kill switch is not engaged")
            if self._done is not None and self._done[0] == state.key:
                return self._done[1]  # whoever looks every second was faster than who has asked
            cancelled, closed = 0, 0
            problems = self._unknown(state)
            if self._readonly and state.asks:
                problems.append("this connector is read-only: it cancels and closes nothing")
            else:
                if state.everyone and state.asks:
                    await self._cancel_everyone(problems)
                cancelled = await self._cancel_ours(state, problems)
                if state.flatten and state.asks:
                    closed = await self._flatten_alone(state, problems)
                elif state.asks and not problems:
                    self._note_done(state, problems)
            self._plan(state, is_done=not problems)
            for problem in problems:
                _log.error("kill switch: %s", problem)
            report = KillReport(
                reason=state.reason,
                cancelled=cancelled,
                closed=closed,
                left=len(self._desk.orders(open_only=True)) - len(self._desk.ours()),
                problems=tuple(problems),
            )
            if report.is_done and (state.cancel or state.flatten):
                self._done = state.key, report
            return report

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._poll_s)
            self._rules.reload_when_changed()
            self._look()
            state = self._kill.state()
            if state is not None and self._is_due(state) and self._is_ready():
                if state.key != self._tried:
                    _log.critical("%s", state.sentence)
                await self.carry_out()

    def _is_due(self, state: KillState) -> bool:
        if self._readonly or not (state.asks or self._are_ours_left(state)):
            return False
        return state.key != self._tried or self._clock.monotonic() >= self._again_at

    def _are_ours_left(self, state: KillState) -> bool:
        """Whether another program has called it done, which cannot cancel our orders."""
        # files of earlier versions do not say when it was asked for
        is_told = state.done_at is not None and state.asked_at is not None
        return state.cancel and is_told and state.key != self._cancelled

    def _plan(self, state: KillState, *, is_done: bool) -> None:
        """Say when what could not be done is tried again."""
        if is_done or state.key != self._tried:
            self._pause_s = _AGAIN_S
        else:
            self._pause_s = min(self._pause_s * 2, _AGAIN_CAP_S)
        self._tried, self._again_at = state.key, self._clock.monotonic() + self._pause_s

    def _unknown(self, state: KillState) -> list[str]:
        """Name the accounts to be closed that do not exist: a slip of the keys is not done."""
        known = self._accounts()
        wanted = {*state.cancel_in, *state.flatten_in} - {*known} if known and state.asks else ()
        return [
            f"{mask_accounts(one)} is none of the login's {len(known)} accounts: nothing is "
            "cancelled or closed there"
            for one in sorted(wanted)
        ]

    async def _cancel_everyone(self, problems: list[str]) -> None:
        _log.warning("kill switch: the orders of all clients and of TWS itself are cancelled")
        try:
            problems += await self._everyone.cancel()
            await self._desk.reconcile()
        except IBKRError as error:
            problems.append(f"the orders of others may not be cancelled: {error}")

    async def _cancel_ours(self, state: KillState, problems: list[str]) -> int:
        if not (state.cancel and (state.asks or self._are_ours_left(state))):
            return 0
        # an order that names no account, or is divided among several, may be of any
        only = {*state.cancel_in, ""}
        ids = [
            one.order_id
            for one in self._desk.ours()
            if (not state.cancel_in or one.account in only or one.terms.is_divided)
            and (state.asks or _is_older(one, state.asked_at))
            # what closes is of a first attempt, and goes on
            and not (one.client_order_id or "").startswith(_start_of_keys(state))
        ]
        ended = await asyncio.gather(
            *(self._desk.cancel(order_id) for order_id in ids), return_exceptions=True
        )
        done, alive = 0, []
        for order_id, result in zip(ids, ended, strict=True):
            if isinstance(result, IBKRError):
                if not self._desk.settling.is_lost(order_id):
                    alive.append(f"order {order_id} is not cancelled: {result}")
            elif isinstance(result, BaseException):
                raise result
            else:
                done += 1
        if not alive:
            self._cancelled = state.key
        problems += alive
        return done

    async def _flatten_alone(self, state: KillState, problems: list[str]) -> int:
        """Close what is held while nobody else does; what another has closed meanwhile is done."""
        if not await self._take_turn():
            problems.append("another program has been closing what is held for too long")
            return 0
        try:
            now = self._kill.state()
            if now is None or now.key != state.key:
                problems.append("the switch was released or engaged anew meanwhile")
            if now is None or now.key != state.key or not now.asks:
                return 0
            try:
                # what another program has sent to close is open at the broker, and counts
                await self._desk.reconcile()
            except IBKRError as error:
                _log.warning("the broker could not be asked what else is open: %s", error)
            closed = await self._flatten(state, problems)
            if not problems:
                self._note_done(state, problems)
            return closed
        finally:
            self._kill.turn.release()

    def _note_done(self, state: KillState, problems: list[str]) -> None:
        try:
            self._kill.note_done(state)
        except IBKRError as error:
            # what is done again finds nothing left to do
            problems.append(f"all is done, and could not be noted as such: {error}")

    async def _take_turn(self) -> bool:
        until = self._clock.monotonic() + _TURN_S
        try:
            while not self._kill.turn.acquire():
                if self._clock.monotonic() >= until:
                    return False
                await self._clock.sleep(_TURN_LOOK_S)
        except OSError as error:
            _log.warning("nobody can be kept from closing the same positions: %s", error)
        return True

    async def _flatten(self, state: KillState, problems: list[str]) -> int:
        try:
            positions = [
                row
                for row in await self._positions()
                if row.quantity and (not state.flatten_in or row.account in state.flatten_in)
            ]
        except IBKRError as error:
            problems.append(f"nothing is closed: {error}")
            return 0
        ended = await self._desk.confirmations.exits(
            [partial(self._close, row, _start_of_keys(state)) for row in positions]
        )
        for row, refusal in zip(positions, ended, strict=True):
            if refusal is not None:
                problems.append(
                    f"{row.contract.symbol} is not closed: {refusal}{self._in_the_way(row)}"
                )
        return ended.count(None)

    def _in_the_way(self, row: Position) -> str:
        """Say whose orders would open the position on the other side once it was closed."""
        side = Action.BUY if row.quantity < 0 else Action.SELL
        ours = {one.perm_id for one in self._desk.ours()}
        count = sum(
            one.perm_id not in ours
            and one.contract.con_id == row.contract.con_id
            and one.action is side
            for one in self._desk.orders(open_only=True)
        )
        if not count:
            return ""
        return (
            f"; {count} open {'order' if count == 1 else 'orders'} of others could come on top: "
            "end them in TWS, or engage the switch with `everyone` "
            "too (`ibkr kill --everyone`)"
        )

    async def _close(self, row: Position, start_of_key: str) -> None:
        # the same key after a crash, whatever was closed before it
        account = hashlib.sha256(row.account.encode()).hexdigest()[:8]
        key = f"{start_of_key}{account}-{row.contract.con_id}"
        contract = row.contract
        if not contract.exchange or contract.security_type in _SMART:
            # a position names the exchange it is listed on, or none
            contract = replace(
                contract, exchange="SMART" if contract.security_type in _SMART else ""
            )
        details = await self._resolve(contract)
        order = market_order(
            details.contract,
            Action.SELL if row.quantity > 0 else Action.BUY,
            abs(row.quantity),
            account=row.account,
            client_order_id=key,
        )
        report = await self._desk.place(order, is_exit=True)
        if report.status is OrderStatus.CANCELLED:
            why = f": {report.reason}" if report.reason else ""
            raise OrderStateError(
                f"order {report.order_id} was to close it, and was cancelled{why}",
                request_id=report.order_id,
                hint="engage the switch anew for another one",
            )

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            _log.critical("the guard of the rules has failed", exc_info=error)
            self._desk.suspend("the guard of the rules has failed; restart")


def _start_of_keys(state: KillState) -> str:
    return f"kill-{state.key}-"


def _is_older(report: OrderReport, moment: datetime | None) -> bool:
    """Whether an order was sent before; later ones were let through as they could only close."""
    steps = report.transitions
    return moment is None or (bool(steps) and steps[0].time < moment)
