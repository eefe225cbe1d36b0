"""Cutting a long time into legal requests: all of it, nothing twice, always at the same places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.market.chunks import (
    BAR_S,
    STEPS,
    chunks,
    fits_one_request,
    on_the_grid,
    start_of_duration,
)
from ibkr_connector.market.intervals import joined
from ibkr_connector.market.spans import BAR_SIZES, check_duration
from ibkr_connector.model.bars import micros, moment

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
FINEST = {"S": 1, "W": 10, "M": 30, "Y": 60}
"""IB campus: the smallest bars of each unit, in seconds."""

times = st.integers(0, 3 * 365 * 86_400).map(
    lambda seconds: micros(datetime(2024, 1, 1, tzinfo=UTC)) + seconds * 10**6
)


def span(start: datetime, end: datetime) -> tuple[int, int]:
    return micros(start), micros(end)


@pytest.mark.parametrize("size", BAR_SIZES)
def test_every_bar_size_has_a_legal_step(size: str) -> None:
    step = STEPS[size]
    assert check_duration(step.duration) == step.duration
    assert BAR_S[size] >= FINEST[step.duration[-1]]
    assert fits_one_request(step.duration, bar_size=size)
    # bars that may lie across a cut are asked for beyond it
    assert step.margin_s >= (BAR_S[size] if 3_600 < BAR_S[size] < 8 * 86_400 else 0)


@pytest.mark.parametrize("size", [size for size in BAR_SIZES if STEPS[size].margin_s])
@given(start=times, length=st.integers(1, 900 * 86_400 * 10**6))
@settings(max_examples=20)
def test_a_bar_across_a_cut_is_whole_in_one_of_the_answers(
    size: str, start: int, length: int
) -> None:
    made = chunks([(start, start + length)], bar_size=size)
    for chunk, after in pairwise(made):
        assert chunk.window[1] == after.window[0]
        begun = micros(start_of_duration(after.duration, moment(after.end)))
        # a bar begins or ends (TWS names months and weeks by either) in just one of the windows,
        # and the request for that window has all of it
        length_of_bar = 0 if size == "1 month" else BAR_S[size] * 10**6
        assert chunk.end - chunk.window[1] >= length_of_bar
        assert begun <= after.window[0] - (0 if size == "1 week" else 1)


def test_weeks_are_never_cut() -> None:
    made = chunks([span(datetime(2020, 1, 1, tzinfo=UTC), YEAR)], bar_size="1 week")
    assert {moment(chunk.window[0]).strftime("%a %H:%M") for chunk in made} == {"Mon 00:00"}


@given(
    st.sampled_from(("30 secs", "1 min", "30 mins", "4 hours", "1 day", "1 week", "1 month")),
    st.lists(st.tuples(times, st.integers(1, 9 * 86_400 * 10**6)), min_size=1, max_size=3),
)
@settings(max_examples=30)
def test_requests_hold_exactly_what_is_missing(size: str, told: list[tuple[int, int]]) -> None:
    missing = joined((start, start + length) for start, length in told)
    made = chunks(missing, bar_size=size)
    assert joined(part for chunk in made for part in chunk.wanted) == missing
    assert [chunk.window for chunk in made] == sorted({chunk.window for chunk in made})
    for chunk in made:
        start, end = chunk.window
        assert all(start <= a < b <= end for a, b in chunk.wanted)
        # what IB gives for the duration reaches back to the beginning of the window
        assert chunk.end >= end
        assert start_of_duration(chunk.duration, moment(chunk.end)) <= moment(start)


@given(times, st.integers(1, 20 * 86_400 * 10**6), st.integers(1, 20 * 86_400 * 10**6))
@settings(max_examples=30)
def test_cuts_do_not_depend_on_who_asks(start: int, one: int, more: int) -> None:
    few = chunks([(start, start + one)], bar_size="1 min")
    many = chunks([(start, start + one + more)], bar_size="1 min")
    assert [chunk.window for chunk in few] == [chunk.window for chunk in many[: len(few)]]


def test_a_year_of_minutes_is_a_request_a_week() -> None:
    made = chunks([span(YEAR, YEAR.replace(year=2027))], bar_size="1 min")
    assert len(made) == 53
    assert {chunk.duration for chunk in made} == {"1 W"}
    assert {moment(chunk.window[0]).weekday() for chunk in made} == {0}


def test_ten_years_of_days_are_eleven_requests() -> None:
    made = chunks([span(YEAR.replace(year=2016), YEAR)], bar_size="1 day")
    assert len(made) == 11
    assert {chunk.duration for chunk in made} == {"1 Y"}


def test_months_are_those_of_the_calendar() -> None:
    made = chunks([span(YEAR, datetime(2026, 4, 1, tzinfo=UTC))], bar_size="1 hour")
    assert [(moment(a).month, moment(b).month) for a, b in (c.window for c in made)] == [
        (1, 2), (2, 3), (3, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("duration", "size", "fits"),
    [
        ("1 D", "1 min", True),
        ("1 M", "1 min", True),
        ("1 Y", "1 min", False),
        ("365 D", "1 day", True),
        ("400 D", "1 day", False),
        ("10 Y", "1 day", True),
        ("2000 S", "1 secs", True),
        ("2001 S", "1 secs", False),
        ("1 D", "1 secs", False),
        ("1 W", "5 secs", False),
    ],
)
def test_what_fits_one_request_is_one(duration: str, size: str, fits: bool) -> None:
    assert fits_one_request(duration, bar_size=size) is fits


@given(st.integers(1, 400), times)
@settings(max_examples=30)
def test_a_number_of_days_holds_as_many_weekdays(count: int, end: int) -> None:
    until = moment(end)
    start = start_of_duration(f"{count} D", until)
    weekdays = sum((start + timedelta(days=n)).weekday() < 5 for n in range((until - start).days))
    assert weekdays >= count


def test_a_span_begins_where_a_bar_may() -> None:
    odd = datetime(2026, 11, 18, 14, 37, 12, 5, tzinfo=UTC)
    assert on_the_grid(odd, bar_size="5 mins") == odd.replace(minute=35, second=0, microsecond=0)
    assert on_the_grid(odd, bar_size="8 hours") == odd.replace(minute=0, second=0, microsecond=0)
    assert on_the_grid(odd, bar_size="1 day") == datetime(2026, 11, 18, tzinfo=UTC)


def test_the_hour_that_is_skipped_and_the_one_that_comes_twice_change_no_cut() -> None:
    zone = ZoneInfo("America/New_York")
    for day in (datetime(2026, 3, 8, tzinfo=zone), datetime(2026, 11, 1, tzinfo=zone)):
        made = chunks(
            [span(day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC))],
            bar_size="30 secs",
        )
        wanted = joined(part for chunk in made for part in chunk.wanted)
        assert (wanted[0][1] - wanted[0][0]) // 3_600_000_000 in {23, 25}
