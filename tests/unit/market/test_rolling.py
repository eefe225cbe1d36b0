"""Rolling windows: aligned, valid, without copies, and stable under whoever looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import MarketDataError, NoDataError
from ibkr_connector.market.rolling import RollingWindows
from ibkr_connector.model.market import Bar

START = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def bar(minute: int, close: str = "10", *, spread: int = 1, volume: int | None = 5) -> Bar:
    price = Decimal(close)
    return Bar(
        timestamp=START + timedelta(minutes=minute),
        open=price,
        high=price + spread,
        low=price - spread,
        close=price,
        volume=None if volume is None else Decimal(volume),
    )


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 12), st.integers(-3, 40)), min_size=1, max_size=40),
)
@settings(max_examples=50)
def test_a_window_holds_the_newest_valid_bars_in_order(
    length: int, told: list[tuple[int, int]]
) -> None:
    windows = RollingWindows(length)
    kept: list[tuple[int, int]] = []
    refused = 0
    for minute, price in told:
        entered = windows.take("A", bar(minute, str(price), spread=0))
        fits = price > 0 and (not kept or minute >= kept[-1][0])
        assert entered is fits
        refused += not fits
        if fits:
            kept = [*(kept[:-1] if kept and kept[-1][0] == minute else kept), (minute, price)]
    assert windows.rejected == refused
    if not kept:
        assert "A" not in windows
        return
    window = windows["A"]
    newest = kept[-length:]
    assert window.close.tolist() == [price for _, price in newest]
    assert window.timestamp.tolist() == [
        (START + timedelta(minutes=minute)).replace(tzinfo=None) for minute, _ in newest
    ]
    assert len(window) == len(window.high) == len(window.low) == len(window.volume)


def test_views_cost_no_copy_and_stay_what_they_were() -> None:
    windows = RollingWindows(3)
    windows.fill("A", [bar(n, str(10 + n)) for n in range(3)])
    seen = windows["A"]
    again = windows["A"]
    assert np.shares_memory(seen.close, again.close)
    with pytest.raises(ValueError, match="read-only"):
        seen.close[0] = 1.0
    windows.fill("A", [bar(n, str(10 + n)) for n in range(3, 20)])
    assert seen.close.tolist() == [10, 11, 12]
    assert windows["A"].close.tolist() == [27, 28, 29]


def test_the_newest_row_changes_as_its_bar_grows() -> None:
    windows = RollingWindows(5)
    windows.take("A", bar(0, "10"))
    seen = windows["A"]
    windows.take("A", bar(0, "12"))
    assert seen.close.tolist() == [12]
    assert len(windows["A"]) == 1


def test_highs_and_lows_run_since_the_session_began() -> None:
    windows = RollingWindows(2)
    windows.fill("A", [bar(0, "50"), bar(1, "20"), bar(2, "30")])
    assert (windows["A"].session_high, windows["A"].session_low) == (51, 19)
    windows.take("A", bar(24 * 60, "30"))
    assert (windows["A"].session_high, windows["A"].session_low) == (31, 29)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_does_not_enter(price: str) -> None:
    windows = RollingWindows(5)
    windows.take("A", bar(0))
    assert not windows.take("A", bar(1, price, spread=0))
    assert (windows.rejected, len(windows["A"])) == (1, 1)


def test_an_update_has_an_age_and_a_missing_volume_is_missing() -> None:
    windows = RollingWindows(5)
    now = START + timedelta(seconds=90)
    windows.take("A", bar(1, volume=None), now=now)
    assert windows["A"].age_s(now + timedelta(seconds=5)) == 5
    assert np.isnan(windows["A"].volume[0])


def test_symbols_are_seen_together_at_the_times_that_all_have() -> None:
    windows = RollingWindows(10)
    windows.fill("A", [bar(n, str(10 + n)) for n in (0, 1, 2, 4)])
    windows.fill("B", [bar(n, str(20 + n)) for n in (1, 2, 3, 4)])
    times, closes = windows.together()
    assert len(times) == 3
    assert closes["A"].tolist() == [11, 12, 14]
    assert closes["B"].tolist() == [21, 22, 24]
    assert windows.together(["B"], column="high")[1]["B"].tolist() == [22, 23, 24, 25]
    assert windows.symbols == ("A", "B")
    assert len(windows) == 2


def test_what_is_not_there_is_named() -> None:
    windows = RollingWindows(3)
    with pytest.raises(NoDataError, match="no valid bar of X"):
        windows["X"]
    with pytest.raises(NoDataError):
        windows.together()
    with pytest.raises(MarketDataError, match="no column"):
        windows.together(column="colour")
    with pytest.raises(MarketDataError, match="one bar or more"):
        RollingWindows(0)
