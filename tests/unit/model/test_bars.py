"""Bars by column: in order, none twice, and the same as their records."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Bar, BarSeries, records_of

START = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
AAPL = Contract(symbol="AAPL")


def bar(minute: int, price: str = "10.25", **more: object) -> Bar:
    number = Decimal(price)
    told = {"volume": Decimal(100), "average": number, "trade_count": 3, **more}
    return Bar(
        timestamp=START + minute * timedelta(minutes=1),
        open=number,
        high=number + 1,
        low=number - 1,
        close=number,
        **told,  # type: ignore[arg-type]
    )


def series(*bars: Bar) -> BarSeries:
    return BarSeries.of_columns(
        BarColumns.of(bars), contract=AAPL, bar_size="1 min", what_to_show="TRADES"
    )


prices = st.decimals(
    min_value=-10_000, max_value=10_000_000, places=4, allow_nan=False, allow_infinity=False
)


@given(st.dictionaries(st.integers(0, 500), prices, max_size=20))
@settings(max_examples=30)
def test_records_survive_the_way_through_columns(told: dict[int, Decimal]) -> None:
    bars = tuple(bar(minute, str(price)) for minute, price in sorted(told.items()))
    assert records_of(BarColumns.of(reversed(bars))) == bars


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=5))
@settings(max_examples=30)
def test_merged_parts_are_in_order_none_twice_and_the_later_counts(parts: list[list[int]]) -> None:
    wanted = {minute: number for number, part in enumerate(parts) for minute in part}
    merged = BarColumns.merged(
        BarColumns.of([bar(minute, str(number + 10)) for minute in part])
        for number, part in enumerate(parts)
    )
    assert merged.is_ascending
    assert [(row.timestamp, row.close) for row in records_of(merged)] == [
        (START + minute * timedelta(minutes=1), Decimal(wanted[minute] + 10))
        for minute in sorted(wanted)
    ]


def test_what_the_gateway_did_not_say_stays_unsaid() -> None:
    told = bar(0, volume=None, average=None, trade_count=None)
    assert records_of(BarColumns.of([told])) == (told,)


def test_a_part_of_the_time_is_a_part_of_the_bars() -> None:
    columns = BarColumns.of([bar(minute) for minute in range(10)])
    part = columns.between(START + timedelta(minutes=3), START + timedelta(minutes=6))
    assert [moment(time) for time in part.timestamp] == [
        START + timedelta(minutes=n) for n in (3, 4, 5)
    ]
    assert len(columns.between(START - timedelta(days=2), START)) == 0
    assert columns.between(START, START + timedelta(days=1)) is columns
    assert micros(moment(17)) == 17


def test_a_series_of_columns_is_a_record_like_any_other() -> None:
    lazy, plain = (
        series(bar(0), bar(1)),
        BarSeries(contract=AAPL, bar_size="1 min", what_to_show="TRADES", bars=(bar(0), bar(1))),
    )
    assert len(lazy) == 2
    assert lazy == plain
    assert hash(lazy) == hash(plain)
    assert lazy.as_dict() == plain.as_dict()
    assert lazy["bars"] is lazy.bars
    assert lazy.bars == plain.bars
    assert plain.columns == lazy.columns
    assert pickle.loads(pickle.dumps(series(bar(0)))) == series(bar(0))
    assert copy.copy(series(bar(0))).bars == (bar(0),)
    assert dataclasses.replace(series(bar(0)), bar_size="2 mins").bar_size == "2 mins"
    with pytest.raises(AttributeError, match="candles"):
        getattr(lazy, "candles")  # noqa: B009


def test_records_are_made_once_and_only_when_looked_at() -> None:
    made: list[int] = []

    def make() -> tuple[Bar, ...]:
        made.append(1)
        return (bar(0, "10.2500"),)

    lazy = BarSeries.of_columns(
        BarColumns.of([bar(0)]), contract=AAPL, bar_size="1 min", what_to_show="TRADES", make=make
    )
    assert len(lazy) == 1
    lazy.to_pandas()
    assert made == []
    assert str(lazy.bars[0].close) == "10.2500"
    assert lazy.bars is lazy.bars
    assert made == [1]
