"""
Counts and distributions that cost a fraction of a microsecond and no lock.

Written on one thread, the I/O loop's, and read on any: a reader sees each figure as it was a moment
ago. Whoever exposes them renders what was counted (`metrics.py`); nothing here knows of that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["LATENCIES", "SLOW_LATENCIES", "Distribution", "Labels", "Tally"]

Labels = tuple[str, ...]

LATENCIES: Final = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds in seconds, from a loopback round trip to a deadline."""

SLOW_LATENCIES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400)
"""Upper bounds in seconds of what people and markets take."""


class Tally:
    """How often, or how much, by labels."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[Labels, float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """Count once more, or by so much."""
        counts = self._counts
        counts[labels] = counts.get(labels, 0) + by

    def rows(self) -> list[tuple[Labels, float]]:
        """Return what was counted so far; from any thread."""
        return list(self._counts.items())


class _Row:
    __slots__ = ("counts", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0


class Distribution:
    """
    How often how long, by labels.

    Args:
        bounds: Upper bounds of its buckets, ascending; what is above the last counts too.
    """

    __slots__ = ("_rows", "bounds")

    def __init__(self, bounds: Sequence[float] = LATENCIES) -> None:
        self.bounds = tuple(bounds)
        self._rows: dict[Labels, _Row] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = _Row(len(self.bounds) + 1)
        row.counts[bisect_left(self.bounds, value)] += 1
        row.total += value

    def rows(self) -> Iterator[tuple[Labels, list[int], float]]:
        """Give labels, how many fell into each bucket, and their sum; from any thread."""
        for labels, row in list(self._rows.items()):
            yield labels, list(row.counts), row.total
