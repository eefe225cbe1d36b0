"""Candles: one for each bar, none for the night, and a file that is a picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector.errors import NoDataError
from ibkr_connector.market.candles import candles_png, draw_candles, save_candles
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import Bar, BarSeries

START = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def series(days: int = 2, bars: int = 13, step: timedelta = timedelta(minutes=30)) -> BarSeries:
    rows = []
    for day in range(days):
        for number in range(bars):
            price = Decimal(100 + (number * 7 + day * 3) % 11)
            rows.append(
                Bar(
                    timestamp=START + day * timedelta(days=1) + number * step,
                    open=price,
                    high=price + 3,
                    low=price - 2,
                    close=price + (1 if number % 3 else -1),
                    volume=Decimal(1000 + 100 * number) if number % 5 else None,
                )
            )
    return BarSeries(
        contract=stock("AAPL"), bar_size="30 mins", what_to_show="TRADES", bars=tuple(rows)
    )


def test_a_candle_and_a_volume_for_each_bar_and_no_room_for_nights() -> None:
    above, below = draw_candles(series()).axes
    assert len(above.patches) == len(below.patches) == 26
    lefts = [round(patch.get_x() + patch.get_width() / 2) for patch in above.patches]
    assert lefts == list(range(26))
    assert above.get_title() == "AAPL, 30 mins, TRADES"
    assert above.get_ylabel() == "price, USD"


def test_times_are_those_of_the_zone_that_is_asked_for() -> None:
    figure = draw_candles(series(days=5), zone=ZoneInfo("America/New_York"))
    labels = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert labels == [f"{day} Nov\n09:30" for day in (18, 19, 20, 21, 22)]


def test_days_have_dates_below() -> None:
    daily = series(days=1, bars=40, step=timedelta(days=1))
    labels = [text.get_text() for text in draw_candles(daily).axes[1].get_xticklabels()]
    assert labels[0] == "18 Nov 2026"
    assert len(labels) <= 8


def test_it_is_a_picture_in_memory_and_on_disk(tmp_path: Path) -> None:
    assert candles_png(series())[:8] == b"\x89PNG\r\n\x1a\n"
    assert save_candles(series(), tmp_path / "bars.svg").read_text().startswith("<?xml")


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(NoDataError):
        draw_candles(series(days=0))
