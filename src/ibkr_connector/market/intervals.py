"""
Arithmetic of spans of time, as pairs of microseconds since 1970, from the first up to the second.

A list of spans is in order, and no two of them touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ibkr_connector.model.bars import micros, moment
from ibkr_connector.model.history import TimeSpan

__all__ = ["Span", "common", "joined", "spans_of", "time_spans", "without"]

Span = tuple[int, int]
"""Microseconds since 1970: from the first up to, and without, the second."""


def joined(spans: Iterable[Span]) -> list[Span]:
    """Put spans in order, those together that touch; empty ones are left out."""
    made: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return what is in the first and not in the second."""
    left: list[Span] = []
    holes = joined(taken)
    for start, end in joined(spans):
        at = start
        for hole_start, hole_end in holes:
            if hole_end <= at or hole_start >= end:
                continue
            if hole_start > at:
                left.append((at, hole_start))
            at = max(at, hole_end)
        if at < end:
            left.append((at, end))
    return left


def common(spans: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """Return what is in both."""
    return joined(
        (max(start, other_start), min(end, other_end))
        for start, end in spans
        for other_start, other_end in others
        if start < other_end and other_start < end
    )


def time_spans(spans: Iterable[Span]) -> tuple[TimeSpan, ...]:
    """Return them as users see them."""
    return tuple(TimeSpan(start=moment(start), end=moment(end)) for start, end in spans)


def spans_of(times: Iterable[TimeSpan]) -> list[Span]:
    """Return what users see as pairs."""
    return [(micros(time.start), micros(time.end)) for time in times]
