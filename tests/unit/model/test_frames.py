"""Series as frames: the same figures, missing where nothing was said, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ibkr_connector import ConfigurationError
from ibkr_connector.model.bars import BarColumns
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.frames import columns_of_table, with_library
from ibkr_connector.model.market import Bar, BarSeries

START = datetime(2026, 3, 8, 6, 59, tzinfo=UTC)  # an hour is skipped in New York right after

SERIES = BarSeries(
    contract=Contract(symbol="AAPL"),
    bar_size="1 min",
    what_to_show="TRADES",
    bars=(
        Bar(
            timestamp=START,
            open=Decimal("1.1"),
            high=Decimal("1.3"),
            low=Decimal("1.0"),
            close=Decimal("1.2"),
            volume=Decimal(12),
            average=Decimal("1.15"),
            trade_count=4,
        ),
        Bar(
            timestamp=START + timedelta(minutes=1),
            open=Decimal(2),
            high=Decimal(2),
            low=Decimal(2),
            close=Decimal(2),
        ),
    ),
)


def test_a_pandas_frame_is_indexed_by_utc_times() -> None:
    frame = SERIES.to_pandas()
    assert list(frame.columns) == [
        "open", "high", "low", "close", "volume", "average", "trade_count",
    ]  # fmt: skip
    assert list(frame.index) == [bar.timestamp for bar in SERIES.bars]
    assert str(frame.index.tz) == "UTC"
    assert frame["close"].tolist() == [1.2, 2.0]
    assert frame["volume"].isna().tolist() == [False, True]
    assert frame["trade_count"].isna().tolist() == [False, True]
    assert frame["trade_count"].sum() == 4


def test_a_polars_frame_has_nulls_and_not_nans() -> None:
    frame = SERIES.to_polars()
    assert frame["timestamp"].to_list() == [bar.timestamp for bar in SERIES.bars]
    assert frame["volume"].to_list() == [12.0, None]
    assert frame["trade_count"].to_list() == [4, None]
    assert frame["open"].to_list() == [1.1, 2.0]


def test_an_arrow_table_brings_the_same_columns_back() -> None:
    assert str(columns_of_table(SERIES.to_arrow()).timestamp) == str(SERIES.columns.timestamp)
    again = columns_of_table(SERIES.to_arrow())
    made = BarSeries.of_columns(
        again, contract=SERIES.contract, bar_size="1 min", what_to_show="TRADES"
    )
    assert made.bars == SERIES.bars


def test_a_frame_changes_no_series() -> None:
    frame = SERIES.to_pandas()
    frame.loc[frame.index[0], "close"] = 99.0
    assert SERIES.to_pandas()["close"].tolist() == [1.2, 2.0]


def test_a_series_without_bars_is_an_empty_frame() -> None:
    empty = BarSeries.of_columns(
        BarColumns(), contract=SERIES.contract, bar_size="1 min", what_to_show="TRADES"
    )
    assert len(empty.to_pandas()) == len(empty.to_polars()) == empty.to_arrow().num_rows == 0
    assert empty.bars == ()


def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigurationError, match="needs nosuchlib") as caught:
        with_library("nosuchlib.parts")
    assert caught.value.hint == "pip install 'ibkr-connector[data]'"
