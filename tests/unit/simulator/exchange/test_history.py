from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.contract import Instrument, Query
from ibkr_connector.simulator.exchange.history import (
    BAR_SIZES,
    HistoricalBar,
    bars,
    begin_of,
    is_dated,
)
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.exchange.past import (
    head_moment,
    histogram,
    historical_middles,
    historical_quotes,
    historical_trades,
)
from ibkr_connector.simulator.exchange.replay import ReplayTape
from ibkr_connector.simulator.exchange.seeded import SeededTape
from ibkr_connector.simulator.exchange.sessions import Phase, phase
from ibkr_connector.simulator.exchange.shown import SHOWN

CATALOGUE = default_catalogue(date(2026, 11, 18))
TAPE = SeededTape(5)


def one(**texts: object) -> Instrument:
    [found] = CATALOGUE.find(Query(**texts))  # type: ignore[arg-type]
    return found


APPLE = one(con_id=265598)
EURO = one(con_id=12087792)
BITCOIN = one(con_id=479624278)
BOND = one(con_id=9_300_001)
FUTURE = one(local_symbol="ESZ6", sec_type="FUT")
SIEMENS = one(symbol="SIE", sec_type="STK")
TOYOTA = one(symbol="7203", sec_type="STK")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cut(
    instrument: Instrument,
    start: str,
    end: str,
    size: str = "1 day",
    *,
    shown: str = "MIDPOINT",
    regular: bool = False,
    sessions: bool = False,
) -> list[HistoricalBar]:
    return list(
        bars(
            TAPE,
            instrument,
            start=utc(start),
            end=utc(end),
            bar_size=size,
            what_to_show=shown,
            regular=regular,
            sessions=sessions,
        )
    )


def times(found: list[HistoricalBar]) -> list[str]:
    return [f"{bar.start:%H:%M}" for bar in found]


def days(found: list[HistoricalBar]) -> list[str]:
    return [f"{bar.day:%m%d}" for bar in found if bar.day is not None]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([APPLE, EURO, BITCOIN, FUTURE, SIEMENS]),
    st.sampled_from(sorted(size for size in BAR_SIZES if BAR_SIZES[size] <= timedelta(hours=1))),
    st.booleans(),
    st.integers(0, 14),
)
def test_finer_bars_make_the_coarser_one(
    instrument: Instrument, size: str, regular: bool, day: int
) -> None:
    opens = utc("2026-11-16 15:00") + timedelta(days=day)
    coarse, fine = (
        list(
            bars(
                TAPE,
                instrument,
                start=opens,
                end=opens + timedelta(hours=1),
                bar_size=bar_size,
                what_to_show="MIDPOINT",
                regular=regular,
            )
        )
        for bar_size in ("1 hour", size)
    )
    if not coarse:
        assert fine == []
        return
    assert len(coarse) == 1
    [whole] = coarse
    assert whole.high == max(bar.high for bar in fine)
    assert whole.low == min(bar.low for bar in fine)
    assert (whole.open, whole.close) == (fine[0].open, fine[-1].close)


@pytest.mark.parametrize("size", sorted(BAR_SIZES))
@pytest.mark.parametrize("regular", [False, True])
def test_bars_of_all_sizes_are_in_order_and_within_their_range(size: str, regular: bool) -> None:
    end = utc("2026-11-18 16:00")
    start = end - BAR_SIZES[size] * 6
    found = list(
        bars(
            TAPE,
            APPLE,
            start=start,
            end=end,
            bar_size=size,
            what_to_show="TRADES",
            regular=regular,
        )
    )
    assert found
    for bar in found:
        assert start <= bar.start < end
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.average is not None
        assert bar.low <= bar.average <= bar.high
        assert bar.volume is not None
        assert bar.volume >= 0
        assert (bar.day is not None) == is_dated(size)
    for earlier, later in pairwise(found):
        assert earlier.start < later.start


def test_regular_hours_begin_with_the_session_and_end_with_it() -> None:
    found = cut(APPLE, "2026-11-18 00:00", "2026-11-19 00:00", "1 hour", regular=True)
    assert times(found) == ["14:30", "15:00", "16:00", "17:00", "18:00", "19:00", "20:00"]
    short = cut(APPLE, "2026-11-27 00:00", "2026-11-28 00:00", "30 mins", regular=True)
    assert times(short)[0] == "14:30"
    assert times(short)[-1] == "17:30"
    assert cut(APPLE, "2026-11-26 00:00", "2026-11-27 00:00", "1 hour", regular=True) == []


def test_all_hours_are_those_of_the_exchange_only_where_there_are_sessions() -> None:
    span = ("2026-11-18 00:00", "2026-11-19 00:00", "1 hour")
    assert len(cut(APPLE, *span)) == 24
    assert times(cut(APPLE, *span, sessions=True)) == [
        "00:00",
        *[f"{hour:02d}:00" for hour in range(9, 24)],
    ]


def test_bars_of_some_hours_stand_on_the_local_clock() -> None:
    found = cut(APPLE, "2026-11-18 00:00", "2026-11-19 06:00", "4 hours")
    assert times(found) == ["01:00", "05:00", "09:00", "13:00", "17:00", "21:00", "01:00", "05:00"]
    summer = cut(APPLE, "2026-07-01 00:00", "2026-07-01 13:00", "4 hours")
    assert times(summer) == ["00:00", "04:00", "08:00", "12:00"]


def test_a_lunch_break_is_cut_out() -> None:
    found = cut(TOYOTA, "2026-11-18 00:00", "2026-11-18 07:00", "1 hour", regular=True)
    assert times(found) == ["00:00", "01:00", "02:00", "03:30", "04:00", "05:00", "06:00"]


def test_day_bars_are_trading_days() -> None:
    span = ("2026-11-19 00:00", "2026-12-01 00:00")
    # the market is open around the clock, but nobody trades stocks at a weekend
    assert days(cut(APPLE, *span)) == [
        *("1119", "1120", "1123", "1124", "1125", "1126", "1127", "1130")
    ]
    assert "1126" not in days(cut(APPLE, *span, regular=True))
    assert "1121" in days(cut(BITCOIN, *span))
    assert all(bar.start.hour == 0 for bar in cut(APPLE, *span, regular=True))


def test_a_regular_day_is_what_happened_in_its_hours() -> None:
    [whole] = cut(APPLE, "2026-11-18 00:00", "2026-11-19 00:00", regular=True)
    swing = TAPE.swing(APPLE, utc("2026-11-18 14:30"), utc("2026-11-18 21:00"))
    assert swing is not None
    assert (whole.open, whole.high, whole.low, whole.close) == (
        swing.open,
        swing.high,
        swing.low,
        swing.close,
    )


def test_a_future_begins_its_day_on_the_evening_before() -> None:
    [monday] = cut(FUTURE, "2026-11-23 00:00", "2026-11-23 23:30", sessions=True)[:1]
    assert monday.open == TAPE.price(FUTURE, utc("2026-11-22 23:00"))
    assert monday.day == date(2026, 11, 23)


def test_weeks_and_months_are_those_of_the_calendar_and_carry_their_last_trading_day() -> None:
    weeks = cut(APPLE, "2026-11-01 00:00", "2026-11-30 00:00", "1 week", regular=True)
    assert [f"{bar.start:%m%d}" for bar in weeks] == ["1102", "1109", "1116", "1123"]
    assert days(weeks) == ["1106", "1113", "1120", "1127"]
    months = cut(APPLE, "2026-01-01 00:00", "2026-11-18 15:00", "1 month", regular=True)
    assert days(months)[:3] == ["0130", "0227", "0331"]
    assert (len(months), days(months)[-1]) == (11, "1118")
    daily = cut(APPLE, "2026-10-01 00:00", "2026-11-01 00:00", regular=True)
    assert months[9].high == max(bar.high for bar in daily)
    assert months[9].close == daily[-1].close


def test_the_unfinished_bar_is_the_last_and_knows_no_future() -> None:
    found = cut(APPLE, "2026-11-18 15:00", "2026-11-18 15:03:20", "1 min", shown="TRADES")
    assert times(found) == ["15:00", "15:01", "15:02", "15:03"]
    [longer] = cut(APPLE, "2026-11-18 15:03", "2026-11-18 15:04", "1 min", shown="TRADES")
    assert found[-1].volume is not None
    assert longer.volume is not None
    assert found[-1].volume < longer.volume
    assert longer.low <= found[-1].low <= found[-1].high <= longer.high


@pytest.mark.parametrize("shown", sorted(SHOWN - {"SCHEDULE"}))
def test_everything_that_may_be_shown_is_shown(shown: str) -> None:
    instrument = BOND if shown.startswith("YIELD") else APPLE
    found = cut(instrument, "2026-11-10 00:00", "2026-11-18 00:00", "1 hour", shown=shown)
    assert len(found) == 8 * 24
    assert all(bar.low <= bar.high for bar in found)
    assert all(bar.low <= bar.close <= bar.high for bar in found)
    assert (found[0].volume is not None) == (shown in {"TRADES", "ADJUSTED_LAST", "AGGTRADES"})
    assert len({bar.close for bar in found}) > 1
    assert all(0 < bar.close < 1_000 for bar in found)


def test_a_schedule_is_no_bars() -> None:
    assert cut(APPLE, "2026-11-10 00:00", "2026-11-18 00:00", shown="SCHEDULE") == []


def test_bids_asks_and_both_agree() -> None:
    span = ("2026-11-18 15:00", "2026-11-18 15:30", "1 min")
    together = zip(
        cut(APPLE, *span, shown="BID"),
        cut(APPLE, *span, shown="ASK"),
        cut(APPLE, *span, shown="BID_ASK"),
        cut(APPLE, *span),
        strict=True,
    )
    for bid, ask, both, middle in together:
        assert (both.high, both.low) == (ask.high, bid.low)
        assert bid.low <= both.open <= bid.high
        assert ask.low <= both.close <= ask.high
        assert bid.high < ask.high
        assert bid.low <= middle.low <= middle.high <= ask.high


def test_volatility_is_about_the_instruments_own() -> None:
    for shown in ("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY"):
        found = cut(APPLE, "2026-10-01 00:00", "2026-11-18 00:00", shown=shown)
        mean = sum(float(bar.close) for bar in found) / len(found)
        assert 0.4 * APPLE.volatility < mean < 2 * APPLE.volatility


def test_a_bond_that_costs_more_yields_less() -> None:
    span = ("2026-11-16 00:00", "2026-11-19 00:00", "1 day")
    for bid, ask in zip(
        cut(BOND, *span, shown="YIELD_BID"), cut(BOND, *span, shown="YIELD_ASK"), strict=True
    ):
        assert bid.close > ask.close
    [*_, both] = cut(BOND, *span, shown="YIELD_BID_ASK")
    assert both.low < both.open
    assert both.close < both.high
    assert cut(APPLE, *span, shown="YIELD_LAST")[0].close == 0


def test_a_duration_of_days_counts_trading_days() -> None:
    monday = utc("2026-11-30 16:00")
    assert begin_of(APPLE, monday, 1, "D", regular=True) == utc("2026-11-30 14:30")
    assert begin_of(APPLE, monday, 3, "D", regular=True) == utc("2026-11-25 14:30")
    assert begin_of(APPLE, utc("2026-11-30 10:00"), 1, "D", regular=True) == utc("2026-11-27 14:30")
    assert begin_of(APPLE, monday, 2, "D") == utc("2026-11-28 16:00")
    assert begin_of(APPLE, monday, 1, "M") == utc("2026-10-30 16:00")
    assert begin_of(APPLE, utc("2027-03-31 00:00"), 1, "M") == utc("2027-02-28 00:00")
    assert begin_of(APPLE, monday, 2, "Y") == utc("2024-11-30 16:00")
    assert begin_of(APPLE, monday, 90, "S") == utc("2026-11-30 15:58:30")
    assert begin_of(APPLE, monday, 1, "W") == utc("2026-11-23 16:00")


# --- ticks --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(0, 5_000), st.booleans())
def test_ticks_of_the_past_are_counted_and_their_second_is_whole(
    count: int, second: int, backward: bool
) -> None:
    moment = utc("2026-11-18 15:00") + timedelta(seconds=second)
    now = moment + timedelta(hours=2)
    found = historical_trades(
        TAPE,
        APPLE,
        now=now,
        start=None if backward else moment,
        end=moment if backward else None,
        count=count,
    )
    assert len(found) >= count
    at = [tick.at for tick in found]
    assert at == sorted(at)
    assert all((tick < moment) == backward for tick in at)
    # without the second that was completed there would be too few
    edge = at[0] if backward else at[-1]
    assert sum(1 for tick in at if int(tick.timestamp()) != int(edge.timestamp())) < count


def test_at_most_a_thousand_ticks_are_given_and_none_of_the_future() -> None:
    start = utc("2026-11-18 15:00")
    found = historical_quotes(TAPE, APPLE, now=start + timedelta(hours=9), start=start, count=9_999)
    assert 1_000 <= len(found) < 1_010
    few = historical_quotes(TAPE, APPLE, now=start + timedelta(seconds=5), start=start)
    assert few
    assert all(tick.at < start + timedelta(seconds=5) for tick in few)
    assert historical_trades(TAPE, APPLE, now=start, start=start, count=0) == ()


def test_ticks_of_regular_hours_skip_the_night() -> None:
    night = utc("2026-11-18 21:30")
    found = historical_trades(
        TAPE, APPLE, now=night + timedelta(days=2), start=night, count=20, regular=True
    )
    assert all(phase(APPLE, tick.at) is Phase.REGULAR for tick in found)
    assert f"{found[0].at:%m%d %H:%M}" == "1119 14:30"


def test_middle_prices_are_told_when_they_change() -> None:
    start = utc("2026-11-18 15:00")
    found = historical_middles(TAPE, EURO, now=start + timedelta(minutes=5), start=start, count=50)
    assert len(found) >= 50
    assert all(one.price != two.price for one, two in pairwise(found))
    assert all(tick.price == TAPE.price(EURO, tick.at) for tick in found)


def test_a_histogram_has_all_that_was_traded() -> None:
    start, end = utc("2026-11-18 14:30"), utc("2026-11-18 21:00")
    rows = histogram(TAPE, APPLE, start=start, end=end)
    swing = TAPE.swing(APPLE, start, end)
    assert swing is not None
    prices = [price for price, _ in rows]
    assert prices == sorted(prices)
    assert 20 < len(rows) <= 202
    assert sum((size for _, size in rows), Decimal(0)) == swing.volume
    assert swing.low - Decimal("0.1") <= prices[0] < prices[-1] <= swing.high
    assert histogram(ReplayTape({}), APPLE, start=start, end=end) == ()


def test_history_begins_somewhere() -> None:
    first = utc("2026-11-02 15:00")
    replay = ReplayTape({"AAPL": [(first, Decimal(5))]})
    assert head_moment(replay, APPLE, "TRADES") == first
    assert head_moment(replay, EURO, "MIDPOINT") is None
    stock, future = head_moment(TAPE, APPLE, "TRADES"), head_moment(TAPE, FUTURE, "TRADES")
    assert stock is not None
    assert future is not None
    assert stock < future < utc("2026-11-18 00:00")
    option = one(local_symbol="AAPL  261218C00190000")
    assert head_moment(TAPE, option, "TRADES") is None
