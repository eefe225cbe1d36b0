"""
How often the historical data service may be asked.

Bars of 30 seconds and less: not the same request twice in 15 seconds, fewer than six for the same
contract, exchange and kind in 2 seconds, at most 60 in 10 minutes, and BID_ASK counts twice. Longer
bars are only slowed down, which a simulator has no reason to do (IB campus: historical pacing).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

__all__ = ["MAX_OPEN", "Pacing"]

MAX_OPEN: Final = 50
"""Historical requests that may be open at a time (IB: historical limitations)."""

_SAME: Final = timedelta(seconds=15)
_BURST: Final = timedelta(seconds=2)
_BURST_MAX: Final = 6
"""This many are too many."""
_WINDOW: Final = timedelta(minutes=10)
_WINDOW_MAX: Final = 60


@dataclass(slots=True)
class Pacing:
    """What was asked lately; grows to the size of its window and no further."""

    _asked: deque[tuple[datetime, Hashable, Hashable]] = field(default_factory=deque)

    def admits(self, request: Hashable, kind: Hashable, now: datetime, *, cost: int = 1) -> bool:
        """
        Count a request, and tell whether it is within the limits.

        Args:
            request: All that makes it the same request as another.
            kind: Contract, exchange and kind of data.
            now: When it came.
            cost: How many it counts for.
        """
        while self._asked and self._asked[0][0] <= now - _WINDOW:
            self._asked.popleft()
        same = any(one == request and at > now - _SAME for at, one, _ in self._asked)
        burst = sum(one == kind and at > now - _BURST for at, _, one in self._asked)
        if same or burst + cost >= _BURST_MAX or len(self._asked) + cost > _WINDOW_MAX:
            return False
        # what is refused is not sent on to the service, so it does not count (assumed)
        self._asked.extend([(now, request, kind)] * cost)
        return True

    def has_room(self, now: datetime) -> bool:
        """Count a new stream of live bars, which share the long window only (IB campus)."""
        return self.admits(object(), object(), now)
