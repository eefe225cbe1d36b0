"""
Who may write to the wire, and when.

Two limits hold at once. The gateway counts messages per second: aiolimiter's leaky bucket meters
those, small enough that no window of a second ever holds more than the budget. It also counts
historical requests: `windows.py` keeps those rules. Whoever does not fit queues in the lane of his
operation, lanes are served by urgency, and inside a lane first come goes first unless a historical
rule holds him up. The last places in the bucket are kept for orders and cancels.

A request that cannot fit before its deadline is told so at once and leaves the queue to others.

limit: fifty historical requests open at the same time (IB) are not counted here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

from aiolimiter import AsyncLimiter

from ibkr_connector.clock import Clock
from ibkr_connector.errors import NotConnectedError, PacingError
from ibkr_connector.model.orders import SendDisposition

from .operation import Lane, Operation
from .timers import Timer, Timers
from .windows import SLACK_S, HistoryGovernor

__all__ = ["Pacer"]

BURST: Final = 10
"""Messages that may leave at once; more would make the steady rate slower."""

TICK_S: Final = 0.001
"""The queue is not looked at more often; a rest of rounding must not become a loop."""

SMALLEST_BUDGET: Final = 6
"""A budget below this cannot hold the reserve and the dearest call."""

RESERVED: Final[Mapping[Lane, int]] = MappingProxyType(
    {
        Lane.CANCEL: 0,
        Lane.ORDER: 1,
        Lane.CONTROL: 2,
        Lane.DATA: 2,
        Lane.HISTORY: 2,
    }
)
"""Places in the bucket that a lane must leave to more urgent ones."""


class Pacer:
    """
    Admits calls to the wire. Lives on one loop.

    Args:
        clock: The one time base.
        timers: Timers on the same clock.
        messages_per_second: Never more than so many in any second.
    """

    def __init__(self, *, clock: Clock, timers: Timers, messages_per_second: int) -> None:
        if messages_per_second < SMALLEST_BUDGET:
            raise ValueError(
                f"the budget must be at least {SMALLEST_BUDGET} messages a second, "
                f"not {messages_per_second}"
            )
        self._clock = clock
        self._timers = timers
        self._governor = HistoryGovernor()
        self._burst = min(BURST, max(4, messages_per_second // 4))
        # A bucket lets `burst + rate * window` through in its worst window: solve for the rate.
        self._rate = (messages_per_second - self._burst) / (1.0 + SLACK_S)
        self._wire = _Meter(clock, self._burst, self._burst / self._rate)
        # A hair more than one message's time, so that rounding never costs a second turn.
        self._step_s = 1.001 / self._rate
        self._lanes: Mapping[Lane, deque[_Waiter]] = {lane: deque() for lane in Lane}
        self._timer: Timer | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """How many calls wait for the wire."""
        return sum(map(len, self._lanes.values()))

    async def admit(self, op: Operation[Any], *, until: float) -> float:
        """
        Wait for an operation's turn to put its messages on the wire.

        Returns:
            The seconds it waited.

        Raises:
            PacingError: Its turn cannot come before `until`; carries `retry_after_s`.
            NotConnectedError: The pacer was closed.
        """
        if self._closed:
            raise _closing()
        if op.cost > self._burst - RESERVED[op.lane]:
            raise ValueError(f"a cost of {op.cost} never fits lane {op.lane.name}")
        now = self._clock.monotonic()
        if not self.queued and self._try(op, now) == 0.0:
            return 0.0
        expected_s = self._expected_s(op, now)
        if now + expected_s > until:
            raise _too_late(expected_s)
        await self._queue(op, until)
        return self._clock.monotonic() - now

    def close(self) -> None:
        """Send everybody home who still waits."""
        self._closed = True
        self._disarm()
        for queue in self._lanes.values():
            while queue:
                turn = queue.popleft().turn
                if not turn.done():
                    turn.set_exception(_closing())

    async def _queue(self, op: Operation[Any], until: float) -> None:
        waiter = _Waiter(op=op, turn=asyncio.get_running_loop().create_future())
        queue = self._lanes[op.lane]
        queue.append(waiter)
        self._serve()
        try:
            with self._timers.limit(until):
                await waiter.turn
        except TimeoutError:
            raise _too_late(self._expected_s(op, self._clock.monotonic())) from None
        finally:
            if waiter in queue:
                queue.remove(waiter)

    def _serve(self) -> None:
        """Admit everybody whose turn has come, and come back when the next one's may have."""
        now = self._clock.monotonic()
        again_s = float("inf")
        for queue in self._lanes.values():
            held: list[_Waiter] = []
            while queue:
                waiter = queue[0]
                if not waiter.turn.done():
                    wait_s = self._try(waiter.op, now)
                    if wait_s > 0:
                        again_s = min(again_s, wait_s)
                        if self._held_s(waiter.op, now) == 0:
                            break
                        held.append(queue.popleft())
                        continue
                    waiter.turn.set_result(None)
                queue.popleft()
            # The wire is full when somebody is left: nobody less urgent may overtake him.
            wire_is_full = bool(queue)
            queue.extendleft(reversed(held))
            if wire_is_full:
                break
        self._disarm()
        if again_s < float("inf"):
            self._timer = self._timers.call_at(now + max(again_s, TICK_S), self._serve)

    def _try(self, op: Operation[Any], now: float) -> float:
        """Take the budget if all of it is there now; return the seconds until it may be."""
        if (held_s := self._held_s(op, now)) > 0:
            return held_s
        if not self._wire.has_capacity(op.cost + RESERVED[op.lane]):
            return self._step_s
        self._wire.take(op.cost)
        if op.history is not None:
            self._governor.take(op.history, now)
        return 0.0

    def _held_s(self, op: Operation[Any], now: float) -> float:
        return 0.0 if op.history is None else self._governor.wait_s(op.history, now)

    def _expected_s(self, op: Operation[Any], now: float) -> float:
        # The least it can be: those who go first, at the steady rate of the wire, or the
        # historical rules with those that are held up already.
        first = [waiter.op for lane in Lane if lane <= op.lane for waiter in self._lanes[lane]]
        small = [
            ahead.history.weight
            for ahead in first
            if ahead.history is not None and ahead.history.small_bars
        ]
        wire_s = (sum(ahead.cost for ahead in first) - len(small)) / self._rate
        if op.history is None:
            return wire_s
        return max(wire_s, self._governor.wait_s(op.history, now, ahead=sum(small)))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiter:
    op: Operation[Any]
    turn: asyncio.Future[None]


class _Meter(AsyncLimiter):
    """aiolimiter's bucket, read and filled in one step, on our clock."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock, max_rate: float, time_period: float) -> None:
        super().__init__(max_rate, time_period)
        self._clock = clock

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # All it asks of a loop on the paths used here is the time (aiolimiter 1.3 leakybucket.py
        # `_leak`); a test notices when that changes.
        return cast("asyncio.AbstractEventLoop", _LoopTime(self._clock))

    def take(self, amount: int) -> None:
        """Fill in what `has_capacity` has just said fits."""
        # acquire() with room never suspends, so one step is all of it.
        with suppress(StopIteration):
            self.acquire(amount).send(None)


class _LoopTime:
    __slots__ = ("time",)

    def __init__(self, clock: Clock) -> None:
        self.time = clock.monotonic


def _too_late(expected_s: float) -> PacingError:
    return PacingError(
        "the message limits leave no room before the deadline, nothing was sent",
        retry_after_s=round(expected_s, 3),
        disposition=SendDisposition.UNSENT,
    )


def _closing() -> NotConnectedError:
    return NotConnectedError(
        "the connector was closed while the call waited for its turn",
        disposition=SendDisposition.UNSENT,
    )
