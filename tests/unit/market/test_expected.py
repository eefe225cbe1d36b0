"""When bars are expected: breaks at noon, half days, nights, and a calendar beside IB's."""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.instruments.calendars import calendar_days, compare_hours
from ibkr_connector.instruments.hours import read_hours
from ibkr_connector.market.expected import breaks_of, expected, rested, without_breaks
from ibkr_connector.market.gaps import find_gaps
from ibkr_connector.model.bars import BarColumns, micros
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.history import GapKind, Session, TimeSpan
from ibkr_connector.model.ids import ConId

ALWAYS: Final = [
    TimeSpan(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2040, 1, 1, tzinfo=UTC))
]
NOON: Final[dict[str, tuple[str, str, time, time]]] = {
    # what IB tells of a day, the exchange, and when it rests
    "HKEX": ("0930-{day}:1200;{day}:1300-{day}:1600", "Asia/Hong_Kong", time(12), time(13)),
    "JPX": ("0900-{day}:1130;{day}:1230-{day}:1530", "Asia/Tokyo", time(11, 30), time(12, 30)),
}
EXCHANGE: Final = {"HKEX": "SEHK", "JPX": "TSEJ"}
WEEK: Final = [date(2026, 11, 16) + timedelta(days=number) for number in range(5)]


def details(name: str, *, told: bool = True) -> ContractDetails:
    text, place, _, _ = NOON[name]
    if not told:
        text = text[:5] + text[-10:]  # from the first opening to the last close
    days = (f"{day:%Y%m%d}" for day in WEEK)
    return ContractDetails(
        contract=Contract(symbol="X", con_id=ConId(7), primary_exchange=EXCHANGE[name]),
        time_zone_id=place,
        liquid_hours=";".join(f"{day}:" + text.format(day=day) for day in days),
    )


def at(day: date, clock: time, place: str) -> datetime:
    return datetime.combine(day, clock, ZoneInfo(place)).astimezone(UTC)


def whole_day(name: str, day: date) -> Session:
    text, place, _, _ = NOON[name]
    first, last = (time(int(part[:2]), int(part[2:])) for part in (text[:4], text[-4:]))
    return Session(start=at(day, first, place), end=at(day, last, place), day=day)


def bars(sessions: Iterable[Session], minutes: int) -> BarColumns:
    size = minutes * 60_000_000
    stamps = sorted(
        {
            max(mark, micros(one.start))
            for one in sessions
            for mark in range(micros(one.start) // size * size, micros(one.end), size)
        }
    )
    prices = array("d", [1.0] * len(stamps))
    return BarColumns(
        timestamp=array("q", stamps),
        **dict.fromkeys(("open", "high", "low", "close", "volume", "average"), prices),
        trade_count=array("q", [1] * len(stamps)),
    )


class Told:
    """A calendar of IB's, which tells a session's ends alone."""

    def __init__(self, sessions: Iterable[Session] | None) -> None:
        self.sessions = sessions

    async def schedule(self, *_: Any, **__: Any) -> tuple[Session, ...]:
        if self.sessions is None:
            raise HistoricalDataError("no schedule")
        return tuple(self.sessions)


@pytest.mark.parametrize("told", [True, False], ids=["by IB's hours", "by the calendar"])
@pytest.mark.parametrize("name", NOON)
@pytest.mark.parametrize("size", ["1 min", "5 mins", "30 mins", "1 hour"])
async def test_the_break_at_noon_is_no_gap(name: str, size: str, told: bool) -> None:
    days = [whole_day(name, day) for day in WEEK]
    found = await expected(
        Told(days),  # type: ignore[arg-type]
        details(name, told=told),
        start=days[0].start,
        end=days[-1].end,
        regular=True,
    )
    assert found.sessions is not None
    assert len(found.sessions) == 10
    assert found.notes == ()
    minutes = {"1 min": 1, "5 mins": 5, "30 mins": 30, "1 hour": 60}[size]
    there = bars(found.sessions, minutes)
    assert find_gaps(there, found.sessions, bar_size=size, within=ALWAYS) == ()
    # and an afternoon that is missing is one
    morning = bars(found.sessions[:1], minutes)
    (gap,) = find_gaps(morning, found.sessions[:2], bar_size=size, within=ALWAYS)
    assert (gap.kind, gap.end) == (GapKind.SESSION, found.sessions[1].end)


@pytest.mark.parametrize("name", NOON)
def test_the_break_is_that_of_ibs_hours_and_a_half_day_has_none(name: str) -> None:
    known = details(name)
    _, place, begins, ends = NOON[name]
    hours = read_hours(known.liquid_hours, ZoneInfo(place))
    assert breaks_of(hours) == ((begins, ends),)
    day = whole_day(name, date(2026, 2, 13))
    half = replace(day, end=at(day.day, begins, place))
    assert rested([half], known, {}, regular=True) == (half,)
    one, other = rested([day], known, {}, regular=True)
    assert (one.start, one.end) == (day.start, at(day.day, begins, place))
    assert (other.start, other.end) == (at(day.day, ends, place), day.end)


def test_a_session_through_the_night_is_cut_where_the_night_rests() -> None:
    # futures in Hong Kong: an evening session to three, and two of the day
    place = ZoneInfo("Asia/Hong_Kong")
    night = "{eve}:1715-{day}:0300;{day}:0915-{day}:1200;{day}:1300-{day}:1630"
    text = ";".join(
        night.format(eve=f"{day - timedelta(days=1):%Y%m%d}", day=f"{day:%Y%m%d}") for day in WEEK
    )
    breaks = breaks_of(read_hours(text, place))
    assert breaks == ((time(3), time(9, 15)), (time(12), time(13)))
    day = WEEK[2]
    told = Session(
        start=at(day - timedelta(days=1), time(17, 15), "Asia/Hong_Kong"),
        end=at(day, time(16, 30), "Asia/Hong_Kong"),
        day=day,
    )
    parts = tuple(without_breaks([told], breaks, place))
    clocks = [[f"{end.astimezone(place):%H%M}" for end in (one.start, one.end)] for one in parts]
    assert clocks == [["1715", "0300"], ["0915", "1200"], ["1300", "1630"]]
    assert {one.day for one in parts} == {day}


async def test_what_ib_and_the_calendar_do_not_say_alike_is_noted_and_ib_believed() -> None:
    contract = Contract(symbol="X", con_id=ConId(7), primary_exchange="NYSE")
    known = ContractDetails(contract=contract, time_zone_id="US/Eastern")
    days = [date(2025, 11, 24) + timedelta(days=number) for number in range(5)]
    # IB tells a whole day after Thanksgiving, and trading on it
    told = [
        Session(
            start=at(day, time(9, 30), "US/Eastern"), end=at(day, time(16), "US/Eastern"), day=day
        )
        for day in days
    ]
    found = await expected(
        Told(told),  # type: ignore[arg-type]
        known,
        start=told[0].start,
        end=told[-1].end,
        regular=True,
    )
    assert found.sessions == tuple(told)
    assert found.calendar == "IB's schedule"
    assert found.notes == (
        "2025-11-27: IB says 14:30-21:00 UTC, the calendar closed",
        "2025-11-28: IB says 14:30-21:00 UTC, the calendar 14:30-18:00 UTC",
    )


async def test_the_calendar_stands_in_with_its_breaks() -> None:
    start, end = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC)
    found = await expected(
        Told(None),  # type: ignore[arg-type]
        details("JPX", told=False),
        start=start,
        end=end,
        regular=True,
    )
    assert found.sessions is not None
    assert len(found.sessions) == 4
    assert found.calendar.startswith("the exchange's calendar; the gateway tells none")
    nobody = replace(details("JPX"), contract=Contract(symbol="X", con_id=ConId(7)))
    unknown = await expected(
        Told(None),  # type: ignore[arg-type]
        nobody,
        start=start,
        end=end,
        regular=True,
    )
    assert unknown.sessions is None


# --- half days, as many as the calendars know ---------------------------------------------------

HALF_DAYS: Final = {
    "NYSE": "US/Eastern",
    "LSE": "Europe/London",
    "TSX": "America/Toronto",
    "ASX": "Australia/Sydney",
}
AT: Final = {"NYSE": "NYSE", "LSE": "LSE", "TSX": "TSE", "ASX": "ASX"}


@lru_cache
def half_days(name: str) -> tuple[date, ...]:
    library: Any = importlib.import_module("pandas_market_calendars")
    calendar = library.get_calendar(name)
    early = calendar.early_closes(calendar.schedule("2016-01-01", "2026-12-31"))
    return tuple(row.date() for row in early.index)


@given(st.sampled_from(sorted(HALF_DAYS)), st.data())
@settings(max_examples=6)
def test_every_half_day_of_a_calendar_is_read_and_expected_to_its_end(
    name: str, data: st.DataObject
) -> None:
    day = data.draw(st.sampled_from(half_days(name)))
    place = ZoneInfo(HALF_DAYS[name])
    contract = Contract(symbol="X", con_id=ConId(7), primary_exchange=AT[name])
    start = datetime.combine(day - timedelta(days=7), time(0), UTC)
    end = datetime.combine(day + timedelta(days=7), time(0), UTC)
    days = calendar_days(contract, start, end)
    assert days is not None
    # what IB would write of these days
    text = ";".join(
        f"{a.astimezone(place):%Y%m%d:%H%M}-{b.astimezone(place):%Y%m%d:%H%M}"
        for parts in days.values()
        for a, b in parts
    )
    hours = read_hours(text, place)
    assert hours.problems == ()
    assert day in hours.short_days()
    assert compare_hours(hours, name).agrees
    sessions = [Session(start=a, end=b, day=one) for one, parts in days.items() for a, b in parts]
    full = bars(sessions, 1)
    assert find_gaps(full, sessions, bar_size="1 min", within=ALWAYS) == ()
    # the last minute of the half day is missed, and nothing after it
    (half,) = [one for one in sessions if one.day == day]
    short = full.between(sessions[0].start, half.end - timedelta(minutes=1))
    rest = full.between(half.end, sessions[-1].end)
    (gap,) = find_gaps(BarColumns.merged([short, rest]), sessions, bar_size="1 min", within=ALWAYS)
    assert (gap.end, gap.missing) == (half.end, 1)
