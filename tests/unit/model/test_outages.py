"""Windows of the week, in their own time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.model.outages import RESET_WINDOWS, parse_windows, window_at

IB = parse_windows(RESET_WINDOWS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-18T05:15", "2026-11-18T06:45"),  # Wednesday 00:15 in New York, winter
        ("2026-07-15T04:15", "2026-07-15T05:45"),  # the same hour of the wall in summer
        ("2026-11-21T04:30", "2026-11-21T08:00"),  # Friday 23:30: the weekend's window
        ("2026-11-21T07:59", "2026-11-21T08:00"),  # Saturday 02:59: begun on Friday
        ("2026-11-22T06:05", "2026-11-22T06:45"),  # Sunday 01:05: the later end of two
    ],
)
def test_ibs_windows_move_with_the_clocks_of_new_york(moment: str, ends: str) -> None:
    found = window_at(IB, at(moment))
    assert found is not None
    assert found[1] == at(ends)


@pytest.mark.parametrize(
    "moment", ["2026-11-18T05:14:59", "2026-11-18T06:45", "2026-11-18T15:00", "2026-11-21T08:00"]
)
def test_a_window_begins_on_its_minute_and_ends_before_its_end(moment: str) -> None:
    assert window_at(IB, at(moment)) is None


def test_none_is_none() -> None:
    assert parse_windows(" none ") == ()


def test_days_may_go_round_the_weekend() -> None:
    (window,) = parse_windows("Sat-Mon 10:00-11:00 Asia/Hong_Kong")
    assert window.days == {5, 6, 0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("00:15-01:45 America/New_York", "expected a window"),
        ("Dom 00:15-01:45 America/New_York", "'Dom'"),
        ("Sun 25:15-01:45 America/New_York", "time of day"),
        ("Sun 00:15-01:45 America/Nowhere", "'America/Nowhere'"),
        ("Sun 00:15-01:45 ../etc", "no time zone"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_windows(text)


@given(st.integers(0, 14 * 24 * 60))
def test_the_end_is_always_ahead_and_within_the_longest_window(minutes: int) -> None:
    now = at("2026-03-01T00:00") + timedelta(minutes=minutes)  # clocks change on the 8th
    found = window_at(IB, now)
    if found is not None:
        assert timedelta(0) < found[1] - now <= timedelta(hours=4)
