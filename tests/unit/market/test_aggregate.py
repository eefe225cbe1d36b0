"""Bars out of trades: nothing lost, nothing invented, and what is missing is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import MarketDataError
from ibkr_connector.market.aggregate import (
    Aggregator,
    MadeBar,
    TickBars,
    TimeBars,
    VolumeBars,
    aggregated,
)
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.streams import Gap, GapReason, Trade

AAPL = stock("AAPL")
START = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def trade(seconds: float, price: str = "10", size: str = "100", **more: Any) -> Trade:
    return Trade(
        contract=AAPL,
        timestamp=at(seconds),
        received=at(seconds),
        price=Decimal(price),
        size=Decimal(size),
        **more,
    )


def gap(start: float, end: float | None) -> Gap:
    return Gap(
        contract=AAPL,
        reason=GapReason.CONNECTION_LOST,
        start=at(start),
        end=None if end is None else at(end),
    )


def all_of(aggregator: Aggregator, *records: Trade | Gap) -> list[MadeBar]:
    made = [bar for record in records for bar in aggregator.take(record)]
    last = aggregator.rest()
    return made if last is None else [*made, last]


steps = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 500), st.integers(1, 400)),
    min_size=1,
    max_size=25,
)


def told(rows: list[tuple[int, int, int]]) -> list[Trade]:
    made, now = [], 0
    for wait, price, size in rows:
        now += wait
        made.append(trade(now, str(price), str(size)))
    return made


@pytest.mark.parametrize(
    "make", [lambda: TimeBars(60), lambda: TickBars(3), lambda: VolumeBars(250)]
)
@given(rows=steps)
@settings(max_examples=25)
def test_every_trade_is_in_exactly_one_place(make: Any, rows: list[tuple[int, int, int]]) -> None:
    trades = told(rows)
    bars = all_of(make(), *trades)
    assert sum(made.bar.volume or 0 for made in bars) == sum(one.size or 0 for one in trades)
    assert max(made.bar.high for made in bars) == max(one.price or 0 for one in trades)
    assert min(made.bar.low for made in bars) == min(one.price or 0 for one in trades)
    assert bars[0].bar.open == trades[0].price
    assert bars[-1].bar.close == trades[-1].price
    for made in bars:
        bar = made.bar
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.average is not None
        assert bar.low <= round(bar.average, 6) <= bar.high
    starts = [made.bar.timestamp for made in bars]
    assert starts == sorted(starts)


@given(rows=steps)
@settings(max_examples=25)
def test_each_kind_keeps_its_measure(rows: list[tuple[int, int, int]]) -> None:
    trades = told(rows)
    minutes = all_of(TimeBars(60), *trades)
    assert [made.bar.timestamp for made in minutes] == sorted(
        {one.timestamp.replace(second=0) for one in trades}
    )
    assert all(made.end - made.bar.timestamp == timedelta(minutes=1) for made in minutes)
    counts = [made.bar.trade_count for made in all_of(TickBars(3), *trades)]
    assert counts == [3] * (len(trades) // 3) + ([len(trades) % 3] if len(trades) % 3 else [])
    volumes = [made.bar.volume for made in all_of(VolumeBars(250), *trades)]
    assert all(volume == 250 for volume in volumes[:-1])
    assert 0 < (volumes[-1] or 0) <= 250


def test_a_bar_of_time_is_over_when_its_time_is_also_when_nobody_trades() -> None:
    bars = TimeBars(60)
    assert bars.take(trade(10)) == []
    assert bars.until(at(59)) == []
    (made,) = bars.until(at(60))
    assert (made.bar.timestamp, made.end) == (at(0), at(60))
    assert bars.until(at(600)) == []
    assert bars.rest() is None


def test_an_interval_in_which_data_were_missing_says_so() -> None:
    first, second, third = all_of(
        TimeBars(60), trade(10), gap(70, None), gap(70, 100), trade(110), trade(130)
    )
    assert [made.is_whole for made in (first, second, third)] == [True, False, True]
    assert second.gaps == (gap(70, 100),)


def test_a_gap_that_goes_on_is_in_each_interval_that_it_touches() -> None:
    bars = TimeBars(60)
    made = [
        *bars.take(trade(10)),
        *bars.take(gap(30, None)),
        *bars.take(gap(30, 130)),
        *bars.take(trade(140)),
        *bars.take(trade(190)),
    ]
    assert [(one.bar.timestamp, one.is_whole) for one in made] == [(at(0), False), (at(120), False)]
    last = bars.rest()
    assert last is not None
    assert last.is_whole


@pytest.mark.parametrize("make", [lambda: TickBars(2), lambda: VolumeBars(200)])
def test_what_is_missing_between_counted_bars_is_missing_in_the_next(make: Any) -> None:
    first, second, third = all_of(
        make(), trade(1), trade(2), gap(3, None), gap(3, 50), trade(60), trade(61), trade(62)
    )
    assert [made.is_whole for made in (first, second, third)] == [True, False, True]
    assert second.gaps == (gap(3, 50),)


def test_what_does_not_count_for_the_last_price_counts_for_no_bar() -> None:
    halt = Trade(contract=AAPL, timestamp=at(2), received=at(2), price=Decimal(0), size=Decimal(0))
    (made,) = all_of(
        TimeBars(60), trade(1), halt, trade(3, "99", unreported=True), trade(4, "11", "300")
    )
    assert (made.bar.high, made.bar.volume) == (Decimal(11), Decimal(400))
    assert made.bar.trade_count == 2
    assert made.bar.average == Decimal("10.75")


def test_one_trade_may_fill_several_bars_of_volume() -> None:
    bars = VolumeBars(100).take(trade(1, size="250"))
    assert [made.bar.volume for made in bars] == [100, 100]


async def test_a_stream_of_trades_becomes_a_stream_of_bars() -> None:
    async def trades() -> AsyncIterator[Trade | Gap]:
        for second in (1, 20, 70):
            yield trade(second)

    made = [one async for one in aggregated(trades(), TimeBars(60))]
    assert [one.bar.trade_count for one in made] == [2, 1]


@pytest.mark.parametrize("make", [lambda: TimeBars(0), lambda: TickBars(0), lambda: VolumeBars(0)])
def test_bars_of_nothing_are_refused(make: Any) -> None:
    with pytest.raises(MarketDataError, match="not 0"):
        make()


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(-20, 40), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=30)
def test_no_interval_has_two_bars_however_late_a_trade_is(
    rows: list[tuple[int, int, bool]],
) -> None:
    bars, made, now = TimeBars(60), [], 0
    for wait, late, asks in rows:
        now += wait
        if asks:
            made += bars.until(at(now))
        made += bars.take(trade(now - late))
    made += filter(None, [bars.rest()])
    starts = [one.bar.timestamp for one in made]
    assert starts == sorted(set(starts))
    assert sum(one.bar.trade_count or 0 for one in made) == len(rows)


def test_a_trade_after_its_bar_was_given_belongs_to_the_next() -> None:
    bars = TimeBars(60)
    bars.take(trade(30, size="200"))
    (first,) = bars.until(at(60))
    assert bars.take(trade(59.9, size="7")) == []
    (second,) = bars.until(at(120))
    assert (first.bar.timestamp, first.bar.volume) == (at(0), Decimal(200))
    assert (second.bar.timestamp, second.bar.volume) == (at(60), Decimal(7))
