"""How many messages one route may bring within a time; pure, moments are arguments."""

from __future__ import annotations

from collections import deque

__all__ = ["Allowance"]


class Allowance:
    """
    A window that slides: never more than `most` messages within any `per_s` seconds.

    A fifth of the places, one at least where there are several, is kept for what is urgent.
    """

    def __init__(self, most: int, per_s: float) -> None:
        self._most = most
        self._per_s = per_s
        self._reserved = max(1, most // 5) if most > 1 else 0
        self._taken: deque[float] = deque()

    def take(self, now: float, *, is_urgent: bool) -> bool:
        """Take a place if there is one."""
        if self.wait_s(now, is_urgent=is_urgent) > 0:
            return False
        self._taken.append(now)
        return True

    def moved(self, now: float) -> None:
        """The newest message was brought only now: until now nobody had taken it."""
        if self._taken:
            self._taken[-1] = now

    def wait_s(self, now: float, *, is_urgent: bool) -> float:
        """Return how long it is until there is a place; 0 when there is one now."""
        while self._taken and now - self._taken[0] >= self._per_s:
            self._taken.popleft()
        usable = self._most if is_urgent else self._most - self._reserved
        surplus = len(self._taken) - usable
        return 0.0 if surplus < 0 else self._taken[surplus] + self._per_s - now
