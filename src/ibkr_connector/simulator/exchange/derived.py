"""
Paths of instruments that follow others: futures, options, funds of an index, and crossed pairs.

Within a day each is a rising or falling function of what it follows, so its swing is exactly what
that function makes of the other's. A crossed pair follows two others; where it turned is searched
for, best cells first, so that it too is exact and never leaves room for arbitrage.
"""

from __future__ import annotations

import heapq
import math
from typing import Final, Protocol

from .cells import FAN, QUARTERS_A_DAY, SECONDS, Ohlc, RootPath, Source

__all__ = ["CrossPath", "DayFunction", "FollowingPath"]

_MAX_KNOWN: Final = 4_000
_CUTS: Final = (*(4 * seconds for seconds in SECONDS), 1)
"""Quarters of a second in the cells that are searched, from a day to one quarter."""

_SECOND: Final = 5
_QUARTER: Final = 6


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
    A path made of two others: `scale` times each, or times one over each.

    Args:
        one: The first.
        two: The second.
        scale: Half ticks of the cross for the product of both.
        over: Whether it is one over the first, and one over the second, that is multiplied.
    """

    def __init__(
        self, one: RootPath, two: RootPath, *, scale: float, over: tuple[bool, bool]
    ) -> None:
        self._paths = (one, two)
        self._scale = scale
        self._over = over
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def at(self, quarter: int) -> int:
        """Return the price in one quarter of a second."""
        return round(self._exact(quarter))

    def span(self, first: int, end: int) -> Ohlc:
        """Return where the price went from one quarter until before another."""
        found = [self._extremes(start, level) for start, level in _cells(first, end)]
        return (
            self.at(first),
            max(high for high, _ in found),
            min(low for _, low in found),
            self.at(end - 1),
        )

    def _exact(self, quarter: int) -> float:
        value = self._scale
        for path, is_over in zip(self._paths, self._over, strict=True):
            price = path.at(quarter)
            value = value / price if is_over else value * price
        return value

    def _extremes(self, start: int, level: int) -> tuple[int, int]:
        if level == _QUARTER:
            price = self.at(start)
            return price, price
        known = self._known.get((start, level))
        if known is None:
            index = start // _CUTS[level]
            known = (
                self._search(level, index, highest=True),
                self._search(level, index, highest=False),
            )
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[start, level] = known
        return known

    def _search(self, level: int, index: int, *, highest: bool) -> int:
        """Return the highest or lowest price of a cell, the most promising cells looked into."""
        sign = 1 if highest else -1
        first = index * _CUTS[level]
        best = max(sign * self._exact(first), sign * self._exact(first + _CUTS[level] - 1))
        queue: list[tuple[float, int, int]] = [(-math.inf, level, index)]
        while queue:
            bound, level, index = heapq.heappop(queue)
            # what is rounded to the same half tick is not looked for
            if -bound < round(best) + 0.5:
                break
            if level == _SECOND:
                start = index * _CUTS[_SECOND]
                best = max(best, *(sign * self._exact(start + n) for n in range(1, 4)))
                continue
            reached, opened = self._within(level, index, highest=highest)
            best = max(best, *opened)
            limit = round(best) + 0.5
            fan = index * FAN[level]
            for child, reach in enumerate(reached):
                if reach >= limit:
                    heapq.heappush(queue, (-reach, level + 1, fan + child))
        return round(sign * best)

    def _within(self, level: int, index: int, *, highest: bool) -> tuple[list[float], list[float]]:
        """Return what each child cannot exceed, and where it opens; negative for the lowest."""
        scale = self._scale if highest else -self._scale
        reached = [scale] * FAN[level]
        opened = reached
        for path, is_over in zip(self._paths, self._over, strict=True):
            opens, highs, lows = path.inside(level, index)
            ends = highs if highest != is_over else lows
            if is_over:
                reached = [value / price for value, price in zip(reached, ends, strict=True)]
                opened = [value / price for value, price in zip(opened, opens, strict=False)]
            else:
                reached = [value * price for value, price in zip(reached, ends, strict=True)]
                opened = [value * price for value, price in zip(opened, opens, strict=False)]
        return reached, opened


def _cells(first: int, end: int) -> list[tuple[int, int]]:
    """Cut an interval into the largest cells that fit, as starts and levels."""
    found = []
    while first < end:
        level, size = next(
            (level, cut)
            for level, cut in enumerate(_CUTS)
            if first % cut == 0 and first + cut <= end
        )
        found.append((first, level))
        first += size
    return found
