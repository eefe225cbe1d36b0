from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.holidays import (
    CALENDARS,
    closed_days,
    easter,
    half_days,
    nth_weekday,
)
from ibkr_connector.simulator.exchange.hours import Hours
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.order_types import Auction
from ibkr_connector.simulator.exchange.sessions import (
    FAMILIES,
    Phase,
    family_of,
    hours_text,
    next_change,
    phase,
    schedule,
)
from ibkr_connector.simulator.exchange.trading_hours import ExchangeHours


def made(sec_type: str = "STK", exchange: str = "NASDAQ", family: str = "") -> Instrument:
    return Instrument(
        con_id=1,
        symbol="X",
        sec_type=sec_type,
        currency="USD",
        exchanges=(exchange,),
        family=family,
        min_tick=Decimal("0.01"),
        market_rule=26,
        price=Decimal(100),
        spread=Decimal("0.02"),
    )


STOCK, FUTURE, PAIR = made(), made("FUT", "CME"), made("CASH", "IDEALPRO")
BITCOIN, LONDON, TOKYO = made("CRYPTO", "PAXOS"), made("STK", "LSE"), made("STK", "TSEJ")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "year", "closed"),
    [
        # as published by the exchanges
        (
            "new york",
            2026,
            "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225",
        ),
        ("new york", 2027, "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224"),
        ("new york", 2022, "0117 0221 0415 0530 0620 0704 0905 1124 1226"),
        ("new york", 2021, "0101 0118 0215 0402 0531 0705 0906 1125 1224"),
        ("london", 2026, "0101 0403 0406 0504 0525 0831 1225 1228"),
        ("london", 2021, "0101 0402 0405 0503 0531 0830 1227 1228"),
        ("frankfurt", 2026, "0101 0403 0406 0501 1224 1225 1231"),
        ("toronto", 2026, "0101 0216 0403 0518 0701 0803 0907 1012 1225 1228"),
        (
            "tokyo",
            2026,
            "0101 0102 0112 0211 0223 0320 0429 0504 0505 0506 0720 0811 0921 0922 0923 1012 "
            "1103 1123 1231",
        ),
        ("none", 2026, ""),
    ],
)
def test_exchanges_are_shut_when_they_said(calendar: str, year: int, closed: str) -> None:
    found = sorted(f"{day:%m%d}" for day in closed_days(calendar, year))
    assert found == closed.split()


@pytest.mark.parametrize(
    ("calendar", "year", "halved"),
    [
        ("new york", 2024, "0703 1129 1224"),
        ("new york", 2025, "0703 1128 1224"),
        ("new york", 2026, "1127 1224"),
        ("new york", 2021, "1126"),
        ("london", 2026, "1224 1231"),
    ],
)
def test_half_days_are_known(calendar: str, year: int, halved: str) -> None:
    assert sorted(f"{day:%m%d}" for day in half_days(calendar, year)) == halved.split()


@pytest.mark.parametrize(
    ("year", "day"),
    [(2000, "0423"), (2024, "0331"), (2025, "0420"), (2026, "0405"), (2038, "0425")],
)
def test_easter_is_when_it_is(year: int, day: str) -> None:
    assert f"{easter(year):%m%d}" == day


def test_the_last_weekday_of_a_month_is_found_in_december_too() -> None:
    assert nth_weekday(2026, 12, 0, number=-1) == date(2026, 12, 28)


@given(st.sampled_from(sorted(CALENDARS)), st.integers(2000, 2090))
def test_no_day_is_both_shut_and_half(calendar: str, year: int) -> None:
    assert not closed_days(calendar, year) & half_days(calendar, year)
    assert all(day.weekday() < 5 for day in closed_days(calendar, year))


@pytest.mark.parametrize(
    ("instrument", "moment", "expected"),
    [
        (STOCK, "2026-11-18 08:59", Phase.CLOSED),
        (STOCK, "2026-11-18 09:00", Phase.PRE),
        (STOCK, "2026-11-18 14:30", Phase.REGULAR),
        (STOCK, "2026-11-18 20:59", Phase.REGULAR),
        (STOCK, "2026-11-18 21:00", Phase.POST),
        (STOCK, "2026-11-19 01:00", Phase.CLOSED),
        (STOCK, "2026-11-21 15:00", Phase.CLOSED),
        (STOCK, "2026-11-26 15:00", Phase.CLOSED),
        (STOCK, "2026-11-27 17:59", Phase.REGULAR),
        (STOCK, "2026-11-27 18:00", Phase.POST),
        (STOCK, "2026-07-01 13:30", Phase.REGULAR),
        (FUTURE, "2026-11-22 22:59", Phase.CLOSED),
        (FUTURE, "2026-11-22 23:00", Phase.PRE),
        (FUTURE, "2026-11-23 14:30", Phase.REGULAR),
        (FUTURE, "2026-11-23 22:30", Phase.CLOSED),
        (FUTURE, "2026-11-20 22:00", Phase.CLOSED),
        (PAIR, "2026-11-22 22:14", Phase.CLOSED),
        (PAIR, "2026-11-22 22:15", Phase.REGULAR),
        (PAIR, "2026-11-18 22:05", Phase.CLOSED),
        (PAIR, "2026-11-20 22:00", Phase.CLOSED),
        (BITCOIN, "2026-11-21 03:00", Phase.REGULAR),
        (LONDON, "2026-11-18 08:00", Phase.REGULAR),
        (LONDON, "2026-07-01 07:00", Phase.REGULAR),
        (LONDON, "2026-11-18 16:30", Phase.CLOSED),
        (TOKYO, "2026-11-18 02:29", Phase.REGULAR),
        (TOKYO, "2026-11-18 03:00", Phase.CLOSED),
        (TOKYO, "2026-11-18 03:30", Phase.REGULAR),
    ],
)
def test_markets_open_and_close_on_their_own_clocks(
    instrument: Instrument, moment: str, expected: Phase
) -> None:
    assert phase(instrument, utc(moment)) is expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FAMILIES)), st.integers(0, 3_000_000))
def test_a_phase_lasts_until_the_next_change(family: str, minutes: int) -> None:
    instrument = made(family=family)
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = next_change(instrument, at)
    now = phase(instrument, at)
    assert at < until <= at + timedelta(days=10)
    assert phase(instrument, at + (until - at) / 2) is now
    assert phase(instrument, until - timedelta(seconds=1)) is now
    assert family == "crypto" or phase(instrument, until) is not now


def test_hours_are_written_as_ib_writes_them() -> None:
    now = utc("2026-11-18 15:00")
    assert hours_text(STOCK, now, days=5) == (
        "20261118:0400-20261118:2000;20261119:0400-20261119:2000;20261120:0400-20261120:2000;"
        "20261121:CLOSED;20261122:CLOSED"
    )
    assert hours_text(STOCK, now, liquid=True, days=1) == "20261118:0930-20261118:1600"
    assert hours_text(FUTURE, utc("2026-11-21 15:00"), days=3) == (
        "20261121:CLOSED;20261122:CLOSED;20261122:1700-20261123:1600"
    )
    assert hours_text(TOKYO, now, days=1) == (
        "20261119:0900-20261119:1130;20261119:1230-20261119:1530"
    )
    assert hours_text(BITCOIN, now, days=1) == "20261118:0000-20261119:0000"


def test_a_schedule_names_the_days_that_have_hours() -> None:
    found = schedule(STOCK, utc("2026-11-24 00:00"), utc("2026-12-01 00:00"), regular=True)
    assert [f"{session.day:%m%d}" for session in found] == ["1124", "1125", "1127", "1130"]
    [only] = found[2].liquid
    assert only == (utc("2026-11-27 14:30"), utc("2026-11-27 18:00"))
    assert found[2].zone == "US/Eastern"


def test_families_follow_exchange_and_type() -> None:
    assert family_of(made("OPT", "CBOE")) == "us option"
    assert family_of(made("OPT", "CBOE", "us index option")) == "us index option"
    assert family_of(made("FUT", "EUREX")) == "eurex"
    assert family_of(made("FUND", "FUNDSERV")) == "us stock"


def test_orders_trade_in_the_hours_of_their_exchange() -> None:
    hours: Hours = ExchangeHours()
    night, early = utc("2026-11-21 15:00"), utc("2026-11-18 10:00")
    monday = utc("2026-11-23 14:30")
    assert not hours.is_open(STOCK, early, outside=False)
    assert hours.is_open(STOCK, early, outside=True)
    assert hours.opens(STOCK, night, outside=False) == monday
    assert hours.opens(STOCK, night, outside=True) == utc("2026-11-23 09:00")
    assert hours.opens(STOCK, monday, outside=False) == monday
    assert hours.is_open(FUTURE, utc("2026-11-18 03:00"), outside=False)
    assert not hours.is_open(FUTURE, night, outside=True)


def test_auctions_and_the_end_of_the_day_are_those_of_the_session() -> None:
    hours: Hours = ExchangeHours()
    black_friday = utc("2026-11-27 15:00")
    assert hours.auction(STOCK, Auction.CLOSE, black_friday) == utc("2026-11-27 18:00")
    assert hours.auction(STOCK, Auction.OPEN, black_friday) == utc("2026-11-30 14:30")
    assert hours.day_end(STOCK, black_friday, outside=False) == utc("2026-11-27 18:00")
    assert hours.day_end(STOCK, black_friday, outside=True) == utc("2026-11-27 22:00")
    assert hours.day_end(STOCK, utc("2026-11-28 15:00"), outside=False) == utc("2026-11-30 21:00")
    assert hours.day_end(PAIR, utc("2026-11-18 15:00"), outside=False) == utc("2026-11-18 22:00")
