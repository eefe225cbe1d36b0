"""
"At most so many in any window of so many seconds", counted exactly.

The moments of the last so many are all that has to be kept. No clock and no waiting here: the
moment is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final

__all__ = ["SLACK_S", "KeyedWindows", "Window"]

SLACK_S: Final = 0.05
"""Our moment of sending and the gateway's moment of counting differ; without slack 60 become 61."""

HAIR_S: Final = 1e-9
"""What rounding makes zero, although the window still counts the moment."""

KEYS_KEPT: Final = 1024
"""Keys after which those that no longer limit anything are dropped."""


class Window:
    """At most `limit` in any `span_s` seconds; the limit may be changed at any time."""

    __slots__ = ("_span_s", "_taken", "limit")

    def __init__(self, limit: int, span_s: float) -> None:
        self.limit = limit
        self._span_s = span_s
        self._taken: deque[float] = deque()

    def used(self, now: float) -> int:
        """Return how many count now."""
        self._forget(now)
        return len(self._taken)

    def wait_s(self, now: float, weight: int) -> float:
        """
        Return the seconds until `weight` more fit, 0 when they fit now.

        For more than fits at all, the answer is when the last of them would, one window after the
        other: that is how long the end of a queue waits.
        """
        self._forget(now)
        taken = self._taken
        excess = len(taken) + weight - self.limit
        if excess <= 0:
            return 0.0
        if excess <= len(taken):
            return max(HAIR_S, taken[excess - 1] + self._span_s - now)
        rounds, place = divmod(excess - 1, self.limit)
        leaves = taken[min(place, len(taken) - 1)] if taken else now
        return leaves + self._span_s * (rounds + 1) - now

    def opens_s(self, now: float, weight: int, *, early_s: float, spare: int) -> float:
        """
        Return the seconds until `weight` fit and `spare` more would within `early_s` of it.

        Args:
            now: This moment.
            weight: How many are to go; never more than the limit.
            early_s: How soon the spare places must be free.
            spare: How many places are kept for others.
        """
        self._forget(now)
        taken = self._taken
        excess = len(taken) + weight + spare - self.limit
        if excess <= 0:
            return 0.0
        leaves = taken[min(excess, len(taken)) - 1] if taken else now
        return max(self.wait_s(now, weight), leaves + self._span_s - early_s - now)

    def take(self, now: float, weight: int) -> None:
        """Count `weight` at this moment."""
        self._taken.extend([now] * weight)

    def is_idle(self, now: float) -> bool:
        """Tell whether nothing in the window counts any more."""
        return not self.used(now)

    def _forget(self, now: float) -> None:
        while self._taken and now - self._taken[0] >= self._span_s:
            self._taken.popleft()


class KeyedWindows:
    """One window for each key, made when it is first needed and dropped when it limits nothing."""

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._windows: dict[Hashable, Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def wait_s(self, key: Hashable, now: float, weight: int) -> float:
        """Return the seconds until `weight` more fit under the key."""
        window = self._windows.get(key)
        if window is not None:
            return window.wait_s(now, weight)
        # in an empty window only more than fits at all has to wait
        return self._span_s * ((weight - 1) // self._limit)

    def room(self, key: Hashable, now: float) -> int:
        """Return how many more fit under the key now."""
        window = self._windows.get(key)
        return self._limit - (window.used(now) if window is not None else 0)

    def take(self, key: Hashable, now: float, weight: int) -> None:
        """Count `weight` under the key."""
        if len(self._windows) >= KEYS_KEPT:
            for idle in [name for name, window in self._windows.items() if window.is_idle(now)]:
                del self._windows[idle]
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(self._limit, self._span_s)
        window.take(now, weight)
