"""
A clock that stands still until a test moves it.

Sleepers wake in the order of their times, each at exactly its own time, and everything that they
set in motion comes to rest before time moves on. So a test of hours runs in milliseconds, and
twice the same way. It works on any asyncio selector loop; only what sleeps on this clock obeys it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Final, cast

__all__ = ["EPOCH", "FakeClock"]

EPOCH: Final = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
"""What `utcnow()` says when `monotonic()` is zero: a Friday, New York opens."""

RESTLESS: Final = 10_000
"""Steps after which a loop that never comes to rest is a bug of the test."""


class FakeClock:
    """Implements the `Clock` protocol on virtual time."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Return the virtual seconds since the clock was made, plus its start."""
        return self._now

    def utcnow(self) -> datetime:
        """Return the virtual time of day."""
        return EPOCH + timedelta(seconds=self._now)

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the clock that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    @property
    def sleeping(self) -> int:
        """How many wait on this clock, those not counted whose wait was cancelled."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move time on, waking each sleeper at its time and letting what follows come to rest."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        until = self._now + seconds
        await self.settle()
        while (when := self._next_wake()) is not None and when <= until:
            self._now = when
            self._wake_due()
            await self.settle()
        self._now = until

    async def jump(self) -> float:
        """Move time to the next sleeper and wake it; return how far, 0 when nobody sleeps."""
        await self.settle()
        when = self._next_wake()
        if when is None:
            return 0.0
        before = self._now
        await self.advance(when - before)
        return self._now - before

    async def settle(self) -> None:
        """Let the loop run until nothing more happens without time or input from outside."""
        # The loop's own queue of callbacks tells for certain; counting turns would be a guess.
        loop = asyncio.get_running_loop()
        ready = cast("deque[object]", loop._ready)  # type: ignore[attr-defined]  # see above
        for _ in range(RESTLESS):
            await asyncio.sleep(0)
            if not ready:
                return
        raise RuntimeError("the loop never comes to rest: something spins without waiting")

    def _next_wake(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_due(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)
