"""
How many messages may leave, and when.

Two meters at once. A leaky bucket (aiolimiter) spreads messages out: few leave at once, the rest
follow evenly at the rate of the budget. A window counts exactly, so that no second ever holds more
than the budget, whatever the bucket lets through. Both keep their last places for the urgent: the
less urgent take one of those only when another comes free within a few hundredths of a second. So
the whole budget is used, and a cancellation still need not wait longer than that.

When the gateway says that messages come too fast, the budget becomes smaller at once and grows back
slowly.

Source of the limit: IB allows half as many messages a second as there are market data lines (IB
campus, pacing limitations; code 100). How to slow down and to recover is our own choice.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from aiolimiter import AsyncLimiter

from ibkr_connector.clock import Clock

from .operation import Lane
from .windows import Window

__all__ = ["Wire"]

SPAN_S: Final = 1.0

BURST: Final = 10
"""Messages that may leave at once."""

SMALLEST_BUDGET: Final = 6
"""A budget below this cannot hold the reserve and the dearest call."""

SOON_S: Final = 0.045
"""The less urgent may take a place that is kept when another comes free within this time."""

REST_S: Final = 1.0
"""After a complaint the less urgent wait this long: the gateway counts by the second."""

ONE_COMPLAINT_S: Final = 1.0
"""Complaints this close to each other are one: the gateway makes one for each message."""

STEP_S: Final = 30.0
"""A tenth of the budget comes back for each so many seconds without a complaint."""

NEVER: Final = float("-inf")


class Wire:
    """
    The two meters of one connection.

    Args:
        clock: The one time base.
        budget: Never more messages than so many in any second.
    """

    def __init__(self, clock: Clock, budget: int) -> None:
        if budget < SMALLEST_BUDGET:
            raise ValueError(
                f"the budget must be at least {SMALLEST_BUDGET} messages a second, not {budget}"
            )
        self.budget = budget
        self.burst = min(BURST, max(4, budget // 4))
        self.reserve = min(max(2, int(budget * SOON_S)), self.burst // 3 + 1)
        self._spare = {Lane.CANCEL: 0, Lane.ORDER: self.reserve // 2}
        self._window = Window(budget, SPAN_S)
        self._bucket = _Meter(clock, self.burst, self.burst / budget)
        self._rests_until = NEVER
        self._complained_at = NEVER
        self._recovered_at = NEVER

    @property
    def rate(self) -> int:
        """Messages a second that leave at most now; the budget unless the gateway complained."""
        return self._window.limit

    def used(self, now: float) -> int:
        """Return how many messages left within the last second."""
        return self._window.used(now)

    def spare(self, lane: Lane) -> int:
        """Return how many places a lane leaves to more urgent ones."""
        return self._spare.get(lane, self.reserve)

    def wait_s(self, now: float, cost: int, lane: Lane) -> float:
        """Return the seconds until `cost` messages may leave together, 0 when they may now."""
        if self._window.limit != self.budget:
            self._recover(now)
        spare = self.spare(lane)
        # a budget that the gateway has talked down must not shut out a bracket for ever
        counted = min(cost, self._window.limit - spare)
        wait_s = max(
            self._bucket.wait_s(cost + spare),
            self._window.opens_s(now, counted, early_s=SOON_S, spare=spare),
        )
        return wait_s if lane <= Lane.ORDER else max(wait_s, self._rests_until - now)

    def expected_s(self, now: float, cost: int, lane: Lane) -> float:
        """Return the least that the last of `cost` messages has to wait when all go in turn."""
        expected_s = max(
            self._bucket.wait_s(cost + self.spare(lane)), self._window.wait_s(now, cost)
        )
        return expected_s if lane <= Lane.ORDER else max(expected_s, self._rests_until - now)

    def take(self, now: float, cost: int) -> None:
        """Count messages that `wait_s` has let through just now."""
        self._bucket.fill(cost)
        self._window.take(now, cost)

    def charge(self, now: float) -> None:
        """Count a message that has left without asking."""
        self._bucket.take(1)
        self._window.take(now, 1)

    def warned(self, now: float) -> bool:
        """Hear that messages come nearly too fast; returns whether it is news."""
        return self._slow_down(now, self.rate * 9 // 10)

    def complained(self, now: float) -> bool:
        """Hear that messages came too fast; returns whether it is news."""
        news = self._slow_down(now, self.rate // 2)
        if news:
            self._rests_until = now + REST_S
        return news

    def _slow_down(self, now: float, rate: int) -> bool:
        if now - self._complained_at < ONE_COMPLAINT_S:
            return False
        self._recover(now)
        self._complained_at = self._recovered_at = now
        self._set_rate(max(SMALLEST_BUDGET, rate))
        return True

    def _recover(self, now: float) -> None:
        if self.rate == self.budget:
            return
        steps = int((now - self._recovered_at) // STEP_S)
        if steps > 0:
            self._recovered_at += steps * STEP_S
            self._set_rate(min(self.budget, self.rate + steps * max(1, self.budget // 10)))

    def _set_rate(self, rate: int) -> None:
        self._window.limit = rate
        self._bucket.set_rate(rate)


class _Meter(AsyncLimiter):
    """aiolimiter's bucket, read and filled in one step, on our clock."""

    __slots__ = ("_time",)

    def __init__(self, clock: Clock, max_rate: float, time_period: float) -> None:
        super().__init__(max_rate, time_period)
        self._time = cast("asyncio.AbstractEventLoop", _LoopTime(clock))

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        # All it asks of a loop on the paths used here is the time (aiolimiter 1.3 leakybucket.py
        # `_leak`); a test notices when that changes.
        return self._time

    def wait_s(self, amount: float) -> float:
        """Return the seconds until so much fits; also for more than the bucket holds."""
        self._leak()
        # a hair more, so that rounding never costs a second turn
        return max(0.0, (self._level + amount - self.max_rate) / self._rate_per_sec * 1.001)

    def take(self, amount: int) -> None:
        """Fill in; what does not fit is filled up to the brim."""
        self._leak()
        self.fill(amount)

    def fill(self, amount: int) -> None:
        """As `take`, where `wait_s` has looked at the moment already."""
        self._level = min(self._level + amount, self.max_rate)

    def set_rate(self, per_second: float) -> None:
        """Leak at another rate from now on."""
        self._leak()
        self.time_period = self.max_rate / per_second
        self._rate_per_sec = per_second


class _LoopTime:
    __slots__ = ("time",)

    def __init__(self, clock: Clock) -> None:
        self.time = clock.monotonic
