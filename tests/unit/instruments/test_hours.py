"""Hours are read as IB writes them, on every day of the year and in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.instruments.hours import TradingHours, hours_of, is_open, read_hours
from ibkr_connector.model.contracts import Contract, ContractDetails

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

WEEK = (
    "20261123:0930-20261123:1600;20261124:0930-20261124:1600;20261125:0930-20261125:1600;"
    "20261126:CLOSED;20261127:0930-20261127:1300;20261130:0930-20261130:1600"
)
FUTURES = (
    "20261122:CLOSED;20261122:1700-20261123:1600;20261123:1700-20261124:1600;"
    "20261124:1700-20261125:1600;20261125:1700-20261126:1200;20261126:1700-20261127:1215"
)


def at(day: int, hour: int, minute: int = 0, *, place: ZoneInfo = NEW_YORK) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=place)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "expected"),
    [
        (4, 9, 29, False),
        (4, 9, 30, True),
        (4, 15, 59, True),
        (4, 16, 0, False),
        (5, 12, 0, False),
        (6, 12, 0, True),
        (7, 12, 0, None),
        (3, 12, 0, None),
    ],
)
def test_hours_are_read_as_ib_writes_them(
    day: int, hour: int, minute: int, expected: bool | None
) -> None:
    hours = "20260304:0930-20260304:1600;20260305:CLOSED;20260306:0930-20260306:1600"
    assert is_open(hours, UTC, datetime(2026, 3, day, hour, minute, tzinfo=UTC)) is expected


@pytest.mark.parametrize(
    "text", ["", "always", "20261399:0930-20261399:1600", "20260304:2500-2600"]
)
def test_what_cannot_be_read_is_not_known(text: str) -> None:
    assert is_open(text, UTC, NOON) is None


@pytest.mark.parametrize(
    "text",
    [
        "20261119:0930-20261119:1600",
        "20261119:0930-1600",
        " 20261119:0930-1600 ;",
        "20261119:0930-1600;20261119:0930-20261119:1600",
        "20261119:0930-1600;nonsense",
    ],
)
def test_every_known_form_is_the_same_session(text: str) -> None:
    hours = read_hours(text, NEW_YORK)
    assert [(one.start, one.end) for one in hours.sessions] == [(at(19, 9, 30), at(19, 16))]
    assert hours.problems == (("nonsense",) if "nonsense" in text else ())


def test_a_day_may_have_a_lunch_break() -> None:
    hours = read_hours("20261119:0900-1130,1230-1500", ZoneInfo("Asia/Tokyo"))
    assert len(hours.sessions_on(date(2026, 11, 19))) == 2
    tokyo = ZoneInfo("Asia/Tokyo")
    assert hours.is_open(at(19, 12, place=tokyo)) is False
    assert hours.next_open(at(19, 12, place=tokyo)) == at(19, 12, 30, place=tokyo)
    assert hours.next_close(at(19, 10, place=tokyo)) == at(19, 11, 30, place=tokyo)


def test_holidays_and_half_days_are_told() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    assert hours.closed == {date(2026, 11, 26)}
    assert hours.short_days() == (date(2026, 11, 27),)
    assert hours.next_close(at(27, 10)) == at(27, 13)
    assert hours.next_open(at(25, 17)) == at(27, 9, 30)
    assert hours.is_open(at(28, 12)) is False, "a weekend between days that are named"


def test_a_session_across_midnight_belongs_to_the_day_on_which_it_ends() -> None:
    hours = read_hours(FUTURES, CHICAGO)
    assert hours.days()[0] == date(2026, 11, 23)
    assert hours.closed == {date(2026, 11, 22)}
    assert hours.is_open(at(22, 16, 59, place=CHICAGO)) is False
    assert hours.is_open(at(22, 17, place=CHICAGO)) is True
    assert hours.is_open(at(23, 16, 30, place=CHICAGO)) is False
    assert hours.next_open(at(23, 16, 30, place=CHICAGO)) == at(23, 17, place=CHICAGO)
    assert hours.next_close(at(25, 20, place=CHICAGO)) == at(26, 12, place=CHICAGO)
    assert hours.short_days() == (date(2026, 11, 26), date(2026, 11, 27))


def test_what_comes_after_the_last_session_is_not_known() -> None:
    hours = read_hours(FUTURES, CHICAGO)
    assert hours.is_open(at(27, 18, place=CHICAGO)) is None
    assert hours.next_open(at(27, 10, place=CHICAGO)) is None
    assert hours.next_open(at(1, 10, place=CHICAGO)) is None, "the days before may have sessions"
    assert hours.next_close(at(1, 10, place=CHICAGO)) is None


def test_a_market_that_never_closes_has_no_next_close() -> None:
    days = [f"202611{day}:0000-202611{day + 1}:0000" for day in range(21, 26)]
    hours = read_hours(";".join(days), NEW_YORK)
    assert len(hours.sessions) == 5
    assert hours.next_close(at(22, 12)) is None
    assert hours.next_open(at(22, 12)) is None
    assert hours.short_days() == ()


def test_midnight_may_be_written_as_24_hours() -> None:
    hours = read_hours("20261119:0930-20261119:2400", NEW_YORK)
    assert hours.sessions[0].end == at(20, 0)
    assert hours.sessions[0].day == date(2026, 11, 19)


def test_the_zone_is_that_of_the_exchange_by_any_of_its_names() -> None:
    def opens(name: str) -> datetime | None:
        details = ContractDetails(
            contract=Contract(symbol="X"), time_zone_id=name, liquid_hours=WEEK, trading_hours=WEEK
        )
        return hours_of(details).sessions[0].start

    names = ("US/Eastern", "America/New_York", "EST5EDT", "Eastern Standard Time")
    assert {opens(name) for name in names} == {at(23, 9, 30)}


# --- properties ---------------------------------------------------------------------------------

ZONES = st.sampled_from(
    [
        "America/New_York",
        "America/Chicago",
        "Europe/London",
        "Europe/Berlin",
        "Asia/Tokyo",
        "UTC",
        "Australia/Sydney",
        "Asia/Hong_Kong",
        "America/Sao_Paulo",
    ]
).map(ZoneInfo)
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def week(first: date, opens: int, closes: int, *, nights: bool = False) -> str:
    """Write seven days of hours; `nights` begin on the day before."""
    parts = []
    for number in range(7):
        day = first + timedelta(days=number)
        begins = day - timedelta(days=1) if nights else day
        parts.append(f"{begins:%Y%m%d}:{opens:02}00-{day:%Y%m%d}:{closes:02}00")
    return ";".join(parts)


def check_order(hours: TradingHours) -> None:
    moments = [moment for one in hours.sessions for moment in (one.start, one.end)]
    assert moments == sorted(moments)
    assert all(moment.utcoffset() == timedelta(0) for moment in moments)


@given(place=ZONES, first=DAYS)
def test_the_exchange_opens_at_the_same_hour_of_its_own_clock_all_year(
    place: ZoneInfo, first: date
) -> None:
    hours = read_hours(week(first, 9, 16), place)
    check_order(hours)
    assert len(hours.sessions) == 7
    for one in hours.sessions:
        assert (one.start.astimezone(place).hour, one.end.astimezone(place).hour) == (9, 16)
        assert one.start.astimezone(place).date() == one.day
        assert hours.is_open(one.start) is True
        assert hours.is_open(one.end) is False
        assert hours.is_open(one.start - timedelta(seconds=1)) is False
        assert one.duration == timedelta(hours=7), "no clock is changed by day"


@given(place=ZONES, first=DAYS)
def test_a_night_in_which_the_clock_changes_is_an_hour_longer_or_shorter(
    place: ZoneInfo, first: date
) -> None:
    hours = read_hours(week(first, 17, 16, nights=True), place)
    check_order(hours)
    for one in hours.sessions:
        begins, ends = one.start.astimezone(place), one.end.astimezone(place)
        assert (begins.hour, ends.hour) == (17, 16)
        assert one.day == ends.date() == begins.date() + timedelta(days=1)
        before, after = begins.utcoffset(), ends.utcoffset()
        assert before is not None
        assert after is not None
        assert one.duration == timedelta(hours=23) - (after - before)
        assert hours.next_close(one.start) == one.end


@given(place=ZONES, first=DAYS, minutes=st.integers(0, 7 * 24 * 60 - 1))
def test_open_and_next_open_and_next_close_fit_together(
    place: ZoneInfo, first: date, minutes: int
) -> None:
    hours = read_hours(week(first, 9, 16), place)
    assert hours.first is not None
    moment = hours.first + timedelta(minutes=minutes)
    opens, closes = hours.next_open(moment), hours.next_close(moment)
    if hours.is_open(moment):
        assert closes is not None
        assert opens is None or closes < opens
    elif opens is not None:
        assert closes is not None
        assert opens < closes
        assert hours.is_open(opens) is True


@given(
    place=ZONES,
    first=DAYS,
    nights=st.booleans(),
    moments=st.tuples(st.integers(-3_000, 14_000), st.integers(-3_000, 14_000)),
)
def test_what_is_said_of_a_moment_is_said_of_all_its_stretch(
    place: ZoneInfo, first: date, nights: bool, moments: tuple[int, int]
) -> None:
    hours = read_hours(week(first, 17, 16, nights=True) if nights else week(first, 9, 16), place)
    assert hours.first is not None
    one, other = (hours.first + timedelta(minutes=minutes) for minutes in moments)
    stretch = hours.stretch_at(one)
    assert stretch.start <= one < stretch.end
    assert stretch.is_open is hours.is_open(one)
    for edge in (stretch.start, stretch.end - timedelta(microseconds=1)):
        if 1 < edge.year < 9999:  # without an edge it goes on for ever
            assert hours.is_open(edge) is stretch.is_open
    if stretch.start <= other < stretch.end:
        assert hours.is_open(other) is stretch.is_open


def test_hours_that_say_nothing_are_one_stretch() -> None:
    assert read_hours("", NEW_YORK).stretch_at(NOON).is_open is None


@given(st.text(alphabet="0123456789:-;,CLOSED ", max_size=60))
def test_no_text_whatever_raises(text: str) -> None:
    hours = read_hours(text, NEW_YORK)
    check_order(hours)
    assert hours.is_open(NOON) in {True, False, None}
