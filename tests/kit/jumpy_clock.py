"""
Clocks that run as the machine's does, and jump when a test says so.

The time of day jumps after a correction of the machine's clock or its sleep. A deadline that a test
waits for is set so late that a busy machine keeps it too, and is leapt to when all is ready for it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from ibkr_connector.clock import ScaledClock

__all__ = ["JumpyClock", "LeapingClock"]


class JumpyClock(ScaledClock):
    """Waits as a `ScaledClock` does, and says another time of day after each jump."""

    def __init__(self, start: datetime, *, speed: float = 1.0) -> None:
        super().__init__(start, speed=speed)
        self._jumped = timedelta(0)

    def utcnow(self) -> datetime:
        """Return the time of day, jumps included."""
        return super().utcnow() + self._jumped

    def slow_down(self) -> None:
        """Run half as fast from now on, and never slower than the machine's."""
        now, before = self.monotonic(), self._speed
        self._speed = max(1.0, before / 2)
        self._origin += now / before - now / self._speed

    def jump(self, seconds: float) -> None:
        """Say another time of day from now on; what waits goes on waiting as long as before."""
        self._jumped += timedelta(seconds=seconds)


class LeapingClock(ScaledClock):
    """Waits as a `ScaledClock` does until a test leaps over what is left to wait; on one loop."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._leapt = 0.0
        self._leap = asyncio.Event()

    def monotonic(self) -> float:
        """Return the seconds since the clock was made, those leapt over included."""
        return super().monotonic() + self._leapt

    async def sleep(self, seconds: float) -> None:
        """Wait, but not for what is leapt over meanwhile."""
        until = self.monotonic() + seconds
        if seconds <= 0:
            await asyncio.sleep(0)
        while (left := until - self.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._leap.wait()

    def leap(self, seconds: float) -> None:
        """Let that many seconds have passed."""
        self._leapt += seconds
        self._leap.set()
        self._leap = asyncio.Event()
