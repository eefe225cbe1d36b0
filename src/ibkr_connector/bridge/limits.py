"""How much one caller may ask: a bucket for each, and room for so many callers."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

from ibkr_connector.clock import Clock

__all__ = ["Buckets"]

_CALLERS: Final = 4096


class Buckets:
    """
    One bucket of requests for each caller, filled at a steady rate.

    The callers longest unheard of are forgotten when there are too many, so that made-up names
    cost no memory; a forgotten one begins with a full bucket.
    """

    def __init__(self, *, per_s: float, burst: int, clock: Clock, callers: int = _CALLERS) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._most = callers
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Take one request; return 0 when it may go, else in how many seconds one may."""
        now = self._clock.monotonic()
        level, at = self._levels.pop(caller, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_s)
        wait = 0.0
        if level >= 1:
            level -= 1
        else:
            wait = (1 - level) / self._per_s
        self._levels[caller] = (level, now)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return wait

    @staticmethod
    def whole(seconds: float) -> int:
        """Return the seconds as a `Retry-After` says them: whole, at least one."""
        return max(1, math.ceil(seconds))
