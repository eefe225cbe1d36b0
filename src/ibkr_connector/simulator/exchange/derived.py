"""
Paths of instruments that follow others: futures, options, funds of an index, and crossed pairs.

Within a day each is a rising or falling function of what it follows, so its swing is exactly what
that function makes of the other's. A crossed pair follows two others; where it turned is searched
for, best cells first, so that it too is exact and never leaves room for arbitrage.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final, Protocol

from .cells import QUARTERS_A_DAY, Ohlc, Source

__all__ = ["CrossPath", "DayFunction", "FollowingPath"]

_MAX_KNOWN: Final = 2_000
_CUTS: Final = (QUARTERS_A_DAY, 14_400, 1_200, 240, 20, 4, 1)
"""Quarters of a second in the cells that are searched, from a day to one quarter."""

_KEPT: Final = 1_200
"""Cells of at least five minutes are remembered."""


class DayFunction(Protocol):
    """What a price of the other makes of one's own, the same for a whole day."""

    def __call__(self, day: int, price: int, /) -> int:
        """Return the own price in half ticks for a price of the other."""
        ...


class FollowingPath:
    """
    A path that is a monotone function of another, one function a day.

    Args:
        other: What it follows.
        function: The function of each day.
        is_falling: Whether it falls when the other rises, as a put does.
    """

    def __init__(self, other: Source, function: DayFunction, *, is_falling: bool = False) -> None:
        self._other = other
        self._function = function
        self._is_falling = is_falling
        self._known: dict[tuple[int, int], int] = {}

    def at(self, quarter: int) -> int:
        """Return the price in one quarter of a second."""
        return self._of(quarter // QUARTERS_A_DAY, self._other.at(quarter))

    def span(self, first: int, end: int) -> Ohlc:
        """Return where the price went from one quarter until before another."""
        parts = []
        while first < end:
            day = first // QUARTERS_A_DAY
            until = min(end, (day + 1) * QUARTERS_A_DAY)
            opens, high, low, closes = self._other.span(first, until)
            if self._is_falling:
                high, low = low, high
            parts.append(tuple(self._of(day, price) for price in (opens, high, low, closes)))
            first = until
        return (
            parts[0][0],
            max(part[1] for part in parts),
            min(part[2] for part in parts),
            parts[-1][3],
        )

    def _of(self, day: int, price: int) -> int:
        key = (day, price)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[key] = self._function(day, price)
        return found


class CrossPath:
    """
    A path made of two others by a function that rises or falls in each.

    Args:
        one: The first.
        two: The second.
        function: The price for a price of each.
        rises: Whether it rises with the first, and with the second.
    """

    def __init__(
        self,
        one: Source,
        two: Source,
        function: Callable[[int, int], int],
        *,
        rises: tuple[bool, bool],
    ) -> None:
        self._one = one
        self._two = two
        self._function = function
        self._rises = rises
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def at(self, quarter: int) -> int:
        """Return the price in one quarter of a second."""
        return self._function(self._one.at(quarter), self._two.at(quarter))

    def span(self, first: int, end: int) -> Ohlc:
        """Return where the price went from one quarter until before another."""
        found = [self._extremes(start, size) for start, size in _cells(first, end)]
        return (
            self.at(first),
            max(high for high, _ in found),
            min(low for _, low in found),
            self.at(end - 1),
        )

    def _extremes(self, start: int, size: int) -> tuple[int, int]:
        known = self._known.get((start, size))
        if known is None:
            high = self._search(start, size, sign=1)
            low = -self._search(start, size, sign=-1)
            known = (high, low)
            if size >= _KEPT:
                if len(self._known) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[start, size] = known
        return known

    def _search(self, start: int, size: int, *, sign: int) -> int:
        """Return the greatest price of a cell times the sign, the best cells looked into first."""
        best = max(sign * self.at(start), sign * self.at(start + size - 1))
        queue = [(-self._bound(start, size, sign), start, size)]
        while queue:
            bound, begin, length = heapq.heappop(queue)
            if -bound <= best:
                break
            if length == 1:
                best = -bound
                break
            part = next(cut for cut in _CUTS if cut < length)
            for child in range(begin, begin + length, part):
                reach = self._bound(child, part, sign)
                if reach > best:
                    best = max(best, sign * self.at(child))
                    heapq.heappush(queue, (-reach, child, part))
        return best

    def _bound(self, start: int, size: int, sign: int) -> int:
        """Return what the cell cannot exceed, each of the two at its best for it."""
        if size == 1:
            return sign * self.at(start)
        _, high, low, _ = self._one.span(start, start + size)
        mine = high if self._rises[0] == (sign > 0) else low
        _, high, low, _ = self._two.span(start, start + size)
        yours = high if self._rises[1] == (sign > 0) else low
        return sign * self._function(mine, yours)


def _cells(first: int, end: int) -> list[tuple[int, int]]:
    """Cut an interval into the largest cells that fit, as starts and lengths."""
    found = []
    while first < end:
        size = next(cut for cut in _CUTS if first % cut == 0 and first + cut <= end)
        found.append((first, size))
        first += size
    return found
