"""A clock whose time of day jumps, as after a correction of the machine's clock or its sleep."""

from __future__ import annotations

from datetime import datetime, timedelta

from ibkr_connector.clock import ScaledClock

__all__ = ["JumpyClock"]


class JumpyClock(ScaledClock):
    """Waits as a `ScaledClock` does, and says another time of day after each jump."""

    def __init__(self, start: datetime, *, speed: float = 1.0) -> None:
        super().__init__(start, speed=speed)
        self._jumped = timedelta(0)

    def utcnow(self) -> datetime:
        """Return the time of day, jumps included."""
        return super().utcnow() + self._jumped

    def jump(self, seconds: float) -> None:
        """Say another time of day from now on; what waits goes on waiting as long as before."""
        self._jumped += timedelta(seconds=seconds)
