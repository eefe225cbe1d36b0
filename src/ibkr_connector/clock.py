"""
Time as an argument: one protocol, the real clock, one that runs faster, one that stands still.

The only module that reads the machine's clocks. A clock has one time base: `monotonic()`,
`utcnow()` and `sleep()` of one clock agree with each other, whatever the wall does.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "ManualClock", "ScaledClock", "SystemClock"]


@runtime_checkable
class Clock(Protocol):
    """What policies may know of time."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...

    def utcnow(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock."""
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic = staticmethod(time.monotonic)
    """Return the machine's monotonic seconds; an order asks for them a dozen times."""

    def utcnow(self) -> datetime:
        """Return the machine's time of day."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """
    A clock that starts at a chosen moment and runs `speed` times as fast as the machine's.

    Args:
        start: Aware datetime that `utcnow()` says at construction.
        speed: Seconds of this clock per second of the machine; more than zero.
    """

    def __init__(self, start: datetime, *, speed: float = 1.0) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start must be an aware datetime, got {start!r}")
        if speed <= 0:
            raise ValueError(f"speed must be more than zero, got {speed}")
        self._start = start.astimezone(UTC)
        self._speed = speed
        self._origin = time.monotonic()

    def monotonic(self) -> float:
        """Return the seconds of this clock since it was made."""
        return (time.monotonic() - self._origin) * self._speed

    def utcnow(self) -> datetime:
        """Return this clock's time of day."""
        return self._start + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock, which is fewer of the machine's when it is fast."""
        await asyncio.sleep(seconds / self._speed)


class ManualClock:
    """
    A clock that stands still until somebody moves it.

    Sleepers wake at exactly their own time, in order, when `advance` passes it.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start must be an aware datetime, got {start!r}")
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        """Return how far the clock was moved, in seconds."""
        return self._elapsed

    def utcnow(self) -> datetime:
        """Return the start plus how far the clock was moved."""
        return self._start + timedelta(seconds=self._elapsed)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved that far; zero or less yields once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Move time on and wake whoever slept until then; they run when the loop does."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        target = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            self._elapsed, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
        self._elapsed = target
