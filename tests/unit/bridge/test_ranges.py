"""How much history one request may ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.ranges import MOST_BARS, MOST_YEARS, check_range
from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.market.spans import BAR_SIZES

END = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "bar_size"), [("1 Y", "1 min"), ("68 Y", "1 day"), ("1 D", "1 sec"), ("1 M", "1M")]
)
def test_what_people_ask_for_is_let_through(duration: str, bar_size: str) -> None:
    check_range(bar_size, duration=duration, start=None, end=END)


@pytest.mark.parametrize("bar_size", BAR_SIZES)
def test_more_than_there_may_be_is_refused_by_duration_and_by_start(bar_size: str) -> None:
    with pytest.raises(Refused, match="by the clock"):
        check_range(bar_size, duration="1 D", start=END - timedelta(days=69 * 366), end=END)
    least = END - timedelta(seconds=MOST_BARS - 1)
    check_range(bar_size, duration="1 D", start=least, end=END)
    assert MOST_YEARS == 68, "no longer than a duration may be"


def test_seconds_of_a_year_are_too_many() -> None:
    with pytest.raises(Refused, match="31,557,600 bars"):
        check_range("1 secs", duration="1 Y", start=None, end=END)


@pytest.mark.parametrize(("duration", "bar_size"), [("1 X", "1 min"), ("1 D", "7 parsecs")])
def test_what_is_none_is_named(duration: str, bar_size: str) -> None:
    with pytest.raises(HistoricalDataError):
        check_range(bar_size, duration=duration, start=None, end=END)
