"""
Keep what accounts are worth and hold, over time: when a change is written, and at each day's end.

Owns when. A change is written a moment after it came, when a burst has settled, and then not again
before the least distance; the end of the account's day is written in any case. What cannot be
written is logged once and written by the next attempt that can, as it is then: a database that
fails or hangs stops nothing else. The figures come from the caches, so nobody is asked.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import AccountError, IBKRError
from ibkr_connector.model.account import AccountSummary, Position
from ibkr_connector.model.account_history import (
    CashFlow,
    EquityHistory,
    EquityPoint,
    KeepingState,
    PositionHistory,
    PositionPoint,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.resilience.timers import Timers

from .reckoning import DAY_ZONE, day_of

if TYPE_CHECKING:
    from .desk import AccountDesk

__all__ = ["SETTLE_S", "AccountKeeper", "Work"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

SETTLE_S: Final = 2.0
"""How long after a change it is written: what follows from one fill comes in several messages."""

_BEFORE_MIDNIGHT: Final = timedelta(seconds=1)
_PATIENCE_S: Final = 30.0
_LAST_S: Final = 2.0
_NOTHING: Final = Decimal(0)


class Work(Protocol):
    """Does a piece of work on the database, all of it or nothing."""

    def __call__(self, work: Callable[..., T], /) -> Awaitable[T]:
        """
        Do it.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        ...


class AccountKeeper:
    """
    Writes and reads the history of accounts; all calls on one loop.

    Args:
        desk: What is written.
        work: Does pieces of work on the database.
        is_open: Whether the database is in use already: then the end of a program is written too.
        clock: The one time base.
        distance_s: The least time between two points of an account; 0 keeps nothing.
        keep_days: After so many days only the last point of each day is kept.
    """

    def __init__(
        self,
        desk: AccountDesk,
        *,
        work: Work,
        is_open: Callable[[], bool] = lambda: True,
        clock: Clock,
        distance_s: float,
        keep_days: int,
    ) -> None:
        self._desk = desk
        self._work = work
        self._is_open = is_open
        self._clock = clock
        self._distance_s = distance_s
        self._keep = timedelta(days=keep_days)
        self._due: dict[str, float] = {}
        self._flows: list[CashFlow] = []
        self._flows_due = 0.0
        self._last_at: dict[str, float] = {}
        self._written: dict[str, EquityPoint] = {}
        self._held: dict[str, dict[ConId, PositionPoint]] = {}
        self._day_ends = self._next_day_end()
        self._wake = asyncio.Event()
        self._timers = Timers(clock)
        self._task: asyncio.Task[None] | None = None
        self._state = KeepingState(is_on=distance_s > 0)
        self._closed = False

    @property
    def state(self) -> KeepingState:
        """How the keeping fares."""
        return self._state

    # --- what comes -----------------------------------------------------------------------------

    def touch(self, account: str) -> None:
        """Something of an account has come."""
        if not self._distance_s or account in self._due or self._closed:
            return
        now = self._clock.monotonic()
        last = self._last_at.get(account)
        least = now + SETTLE_S
        self._due[account] = least if last is None else max(least, last + self._distance_s)
        self._begin_running()

    def _begin_running(self) -> None:
        self._wake.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="ibkr-keeper")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say that it ended by an error of ours; the next change begins it anew."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._task is task:
            self._task = None
        _log.error("the history of accounts ended by an error of ours", exc_info=error)
        problem = f"{type(error).__name__}: {error}"
        self._state = replace(self._state, failures=self._state.failures + 1, problem=problem)

    def note_flow(
        self, account: str, amount: Decimal, *, arrived: datetime | None = None, key: str = ""
    ) -> None:
        """Money was paid in, or out when negative; the same key counts once."""
        if self._closed or not self._distance_s:
            return
        self._flows.append(
            CashFlow(
                account=account,
                at=arrived or self._clock.utcnow(),
                amount=amount,
                key=key or uuid.uuid4().hex,
            )
        )
        self._begin_running()

    # --- what is asked for ----------------------------------------------------------------------

    async def equity(
        self, account: str, start: datetime | None, end: datetime | None
    ) -> EquityHistory:
        """
        Return what an account was worth.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        from . import store  # noqa: PLC0415  # as above

        _check_times(start, end)
        points = await self._work(partial(store.read_equity, account=account, start=start, end=end))
        flows = await self._work(partial(store.read_flows, account=account, start=start, end=end))
        return EquityHistory(account=account, points=points, flows=flows)

    async def held(
        self,
        account: str,
        start: datetime | None,
        end: datetime | None,
        *,
        con_id: ConId | None = None,
    ) -> PositionHistory:
        """
        Return what an account held.

        Raises:
            ConfigurationError: The database cannot be used.
        """
        from . import store  # noqa: PLC0415  # as above

        _check_times(start, end)
        points = await self._work(
            partial(store.read_positions, account=account, start=start, end=end, con_id=con_id)
        )
        return PositionHistory(account=account, points=points)

    # --- life -----------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Write what is due, where that is cheap, and end; bounded in time."""
        if self._closed:
            return
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._flows or (self._due and self._is_open()):
            try:
                with self._timers.limit(self._clock.monotonic() + _LAST_S):
                    await self._write_flows()
                    for account in tuple(self._due) if self._is_open() else ():
                        await self._write(account, is_day_end=False)
            except (IBKRError, TimeoutError) as error:
                self._failed(error)
        await self._timers.aclose()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            now, moment = self._clock.monotonic(), self._clock.utcnow()
            if moment >= self._day_ends:
                await self._end_day()
                continue
            if self._flows and self._flows_due <= now:
                await self._write_flows_quietly()
            for account in [one for one, due in self._due.items() if due <= now]:
                del self._due[account]
                await self._write_quietly(account, is_day_end=False)
            now, moment = self._clock.monotonic(), self._clock.utcnow()
            ends_at = now + (self._day_ends - moment).total_seconds()
            waiting = (self._flows_due,) if self._flows else ()
            until = min([ends_at, *self._due.values(), *waiting])
            try:
                with self._timers.limit(until):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _end_day(self) -> None:
        # the turn is taken first: a database that fails must not have it written for ever
        ended, self._day_ends = self._day_ends, self._next_day_end(past=self._day_ends)
        for account in self._desk.view.accounts:
            self._due.pop(account, None)
            await self._write_quietly(account, is_day_end=True, at=ended)

    def _next_day_end(self, *, past: datetime | None = None) -> datetime:
        """Return the last moment of the account's day, of the next day when it is past."""
        now = self._clock.utcnow()
        if past is not None:
            now = max(now, past + _BEFORE_MIDNIGHT)
        following = now.astimezone(DAY_ZONE).date() + timedelta(days=1)
        midnight = datetime.combine(following, time(), tzinfo=DAY_ZONE)
        return midnight.astimezone(now.tzinfo) - _BEFORE_MIDNIGHT

    # --- writing --------------------------------------------------------------------------------

    async def _write_flows_quietly(self) -> None:
        try:
            with self._timers.limit(self._clock.monotonic() + _PATIENCE_S):
                await self._write_flows()
        except (IBKRError, TimeoutError) as error:
            self._failed(error)
            self._flows_due = self._clock.monotonic() + self._distance_s

    async def _write_flows(self) -> None:
        from . import store  # noqa: PLC0415  # SQLAlchemy takes its time to load

        while self._flows:
            await self._work(partial(store.add_flow, flow=self._flows[0]))
            del self._flows[0]

    async def _write_quietly(
        self, account: str, *, is_day_end: bool, at: datetime | None = None
    ) -> None:
        self._last_at[account] = self._clock.monotonic()
        try:
            with self._timers.limit(self._clock.monotonic() + _PATIENCE_S):
                await self._write(account, is_day_end=is_day_end, at=at)
        except (IBKRError, TimeoutError) as error:
            self._failed(error)
            self.touch(account)

    async def _write(self, account: str, *, is_day_end: bool, at: datetime | None = None) -> None:
        from . import store  # noqa: PLC0415  # SQLAlchemy takes its time to load

        now = at or self._clock.utcnow()
        try:
            summary, positions = self._desk.summary(account), self._desk.positions(account)
        except AccountError:
            return  # nothing was told yet, or not all of it
        if account not in self._held:
            await self._begin(account)
        equity = _equity_point(
            summary, now, is_day_end=is_day_end, daily=self._desk.daily_pnl(account)
        )
        held = self._points(account, positions, now, is_day_end=is_day_end)
        before = self._held[account]
        changed = [
            point
            for con_id, point in held.items()
            if is_day_end or not _is_same(before.get(con_id), point)
        ]
        changed += [_closed(point, now) for con_id, point in before.items() if con_id not in held]
        known = self._written.get(account)
        if not changed and not is_day_end and known is not None and _is_same(known, equity):
            return
        await self._work(partial(store.write_snapshot, equity=equity, positions=changed))
        self._held[account], self._written[account] = held, equity
        if is_day_end:
            self._set_starts(account, tuple(held.values()))
            await self._work(partial(store.prune, account=account, before=now - self._keep))
        if self._state.problem:
            _log.warning("the history of accounts is kept again")
        self._state = replace(self._state, written=self._state.written + 1, last_at=now, problem="")

    async def _begin(self, account: str) -> None:
        """Learn what was written last, so that what happened meanwhile is written as a change."""
        from . import store  # noqa: PLC0415  # as above

        yesterday = day_of(self._clock.utcnow()) - timedelta(days=1)
        ended = await self._work(partial(store.day_end_positions, account=account, day=yesterday))
        if ended and account not in self._desk.starts:
            self._set_starts(account, ended)
        self._held[account] = await self._work(partial(store.newest_positions, account=account))

    def _set_starts(self, account: str, held: tuple[PositionPoint, ...]) -> None:
        self._desk.starts[account] = {
            point.con_id: (point.quantity, point.market_value)
            for point in held
            if point.market_value is not None
        }

    def _points(
        self,
        account: str,
        positions: tuple[Position, ...],
        now: datetime,
        *,
        is_day_end: bool,
    ) -> dict[ConId, PositionPoint]:
        rate = self._desk.view.exchange_rate
        return {
            one.contract.con_id: PositionPoint(
                account=account,
                con_id=one.contract.con_id,
                at=now,
                day=day_of(now),
                is_day_end=is_day_end,
                security_type=one.contract.security_type.value,
                symbol=one.contract.symbol,
                local_symbol=one.contract.local_symbol,
                currency=one.contract.currency,
                multiplier=one.contract.multiplier,
                quantity=one.quantity,
                avg_cost=one.avg_cost,
                price=one.current_price,
                market_value=one.reckoned_value,
                unrealized_pnl=one.reckoned_pnl,
                realized_pnl=one.realized_pnl,
                exchange_rate=rate(account, one.contract.currency),
            )
            for one in positions
            if one.contract.con_id is not None
        }

    def _failed(self, error: Exception) -> None:
        sentence = str(error) or "the database did not answer in time"
        if not self._state.problem:
            _log.error("the history of accounts is not kept for now: %s", sentence)
        self._state = replace(self._state, failures=self._state.failures + 1, problem=sentence)


def _equity_point(
    summary: AccountSummary, now: datetime, *, is_day_end: bool, daily: Decimal | None
) -> EquityPoint:
    unrealized, realized = summary.unrealized_pnl, summary.realized_pnl
    return EquityPoint(
        account=summary.account,
        at=now,
        day=day_of(now),
        is_day_end=is_day_end,
        as_of=summary.as_of,
        currency=summary.currency,
        total_value=summary.total_value,
        cash=summary.cash,
        buying_power=summary.buying_power,
        initial_margin=summary.initial_margin,
        maintenance_margin=summary.maintenance_margin,
        available_funds=summary.available_funds,
        excess_liquidity=summary.excess_liquidity,
        gross_position_value=summary.gross_position_value,
        unrealized_pnl=unrealized,
        realized_pnl=realized,
        daily_pnl=daily,
    )


def _closed(point: PositionPoint, now: datetime) -> PositionPoint:
    return replace(
        point,
        at=now,
        day=day_of(now),
        is_day_end=False,
        quantity=_NOTHING,
        market_value=_NOTHING,
        unrealized_pnl=_NOTHING,
    )


_OF_THE_MOMENT: Final = frozenset({"at", "as_of", "day", "is_day_end"})


def _is_same(before: Any, after: Any) -> bool:
    """Whether two points say the same of different moments."""
    if before is None:
        return False
    known: Mapping[str, Any] = before.as_dict()
    return all(
        value == known[name]
        for name, value in after.as_dict().items()
        if name not in _OF_THE_MOMENT
    )


def _check_times(*moments: datetime | None) -> None:
    for moment in moments:
        if moment is not None and moment.utcoffset() is None:
            raise AccountError(
                f"expected an aware datetime, found {moment!r}",
                hint="say its time zone, as in tzinfo=UTC",
            )
