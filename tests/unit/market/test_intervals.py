"""Arithmetic of spans, against plain sets of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.market.intervals import Span, common, joined, spans_of, time_spans, without

span_lists = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def numbers(spans: list[Span]) -> set[int]:
    return {number for start, end in spans for number in range(start, end)}


def is_tidy(spans: list[Span]) -> bool:
    return all(a < b for a, b in spans) and all(a[1] < b[0] for a, b in pairwise(spans))


@given(span_lists, span_lists)
@settings(max_examples=60)
def test_spans_are_sets_of_moments(some: list[Span], others: list[Span]) -> None:
    one, two = numbers(some), numbers(others)
    assert numbers(joined(some)) == one
    assert numbers(without(some, others)) == one - two
    assert numbers(common(some, others)) == one & two
    assert is_tidy(joined(some))
    assert is_tidy(without(some, others))
    assert is_tidy(common(some, others))


def test_users_see_times() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    (told,) = time_spans([(int(start.timestamp()) * 10**6, int(start.timestamp()) * 10**6 + 1)])
    assert (told.start, told.end - told.start) == (start, timedelta(microseconds=1))
    assert time_spans(spans_of([told])) == (told,)
