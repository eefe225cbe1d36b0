"""Every time is aware and in UTC, or an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.times import BadTimeError, date_text, parse_time, zone, zone_of_greeting

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20261120", datetime(2026, 11, 20, tzinfo=UTC)),
        ("1795185060", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20261120-14:31:00", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20261120 09:31:00 US/Eastern", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20261120 15:31:00 MET", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20261120  09:31:00", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20261120 09:31:00", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("2026-11-20 09:31:00.0", datetime(2026, 11, 20, 14, 31, tzinfo=UTC)),
        ("20260720 09:31:00 EDT", datetime(2026, 7, 20, 13, 31, tzinfo=UTC)),
    ],
)
def test_each_known_form_is_placed_on_the_utc_line(text: str, expected: datetime) -> None:
    parsed = parse_time(text, login_zone=NEW_YORK)
    assert parsed == expected
    assert parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "20261320",
        "20261120-25:00:00",
        "20261120 09:31:00 Mars/Olympus",
        "20261120 09:31:00 ../etc/passwd",
        "20261120 09:31",
        "٢٠٢٦١١٢٠",
    ],
)
def test_anything_else_is_an_error_and_never_naive(text: str) -> None:
    with pytest.raises(BadTimeError):
        parse_time(text, login_zone=NEW_YORK)


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_time_that_we_send_is_read_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_time(date_text(moment.astimezone(NEW_YORK)), login_zone=NEW_YORK) == moment


WRITTEN: dict[str, Callable[[datetime, ZoneInfo], str]] = {
    "epoch": lambda moment, _: f"{moment.timestamp():.0f}",
    "UTC": lambda moment, _: f"{moment:%Y%m%d-%H:%M:%S}",
    "its zone": lambda moment, place: f"{moment.astimezone(place):%Y%m%d %H:%M:%S} {place.key}",
    "login": lambda moment, place: f"{moment.astimezone(place):%Y%m%d  %H:%M:%S}",
    "dashes": lambda moment, place: f"{moment.astimezone(place):%Y-%m-%d %H:%M:%S.0}",
    "day": lambda moment, _: f"{moment:%Y%m%d}",
}


@given(
    st.datetimes(min_value=datetime(2001, 9, 10), max_value=datetime(2060, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.sampled_from(sorted(WRITTEN)),
)
def test_every_moment_of_every_zone_is_read_from_each_form(
    naive: datetime, name: str, form: str
) -> None:
    place, moment = ZoneInfo(name), naive.replace(microsecond=0, tzinfo=UTC)
    parsed = parse_time(WRITTEN[form](moment, place), login_zone=place)
    if form == "day":
        moment = moment.replace(hour=0, minute=0, second=0)
    elif form not in {"epoch", "UTC"}:
        # of an hour that comes twice the clock does not say which: the first one is meant
        moment = moment.astimezone(place).replace(fold=0).astimezone(UTC)
    assert parsed == moment
    assert parsed.utcoffset() == timedelta(0)


@given(st.text())
def test_no_text_gives_a_naive_time(text: str) -> None:
    try:
        parsed = parse_time(text, login_zone=NEW_YORK)
    except BadTimeError:
        return
    assert parsed.utcoffset() == timedelta(0)


def test_the_greeting_names_the_zone_of_the_login() -> None:
    assert zone_of_greeting("20261120 09:30:00 US/Eastern") == ZoneInfo("US/Eastern")
    assert zone_of_greeting("20261120 09:30:00 China Standard Time") == ZoneInfo("Asia/Shanghai")
    assert zone("W. Europe Standard Time") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("greeting", ["", "20261120 09:30:00", "20261120 09:30:00 Ã¼ber"])
def test_a_greeting_without_a_known_zone_says_so(greeting: str) -> None:
    with pytest.raises(BadTimeError):
        zone_of_greeting(greeting)
