"""Lines: shared by equal streams, refused when none is left, learned when there are fewer."""

from __future__ import annotations

import pytest

from ibkr_connector.errors import MarketDataPermissionError
from ibkr_connector.resilience.lines import RELEARN_S, LineBudget, LinePool
from kit.fake_clock import FakeClock


def test_two_readers_of_one_stream_use_one_line() -> None:
    lines = LineBudget(100, clock=FakeClock())
    assert lines.take("AAPL")
    assert not lines.take("AAPL")
    assert (lines.used, lines.free) == (1, 99)
    assert not lines.give_back("AAPL"), "the other one still reads"
    assert lines.give_back("AAPL")
    assert not lines.give_back("AAPL"), "nothing is given back twice"
    assert lines.used == 0


def test_when_no_line_is_left_the_error_says_how_many_are_used() -> None:
    lines = LineBudget(20, clock=FakeClock())
    for number in range(20):
        lines.take(number)
    with pytest.raises(MarketDataPermissionError, match="found 20 of 20 taken") as caught:
        lines.take("one more")
    assert "IBKR_MARKET_DATA_LINES" in str(caught.value)
    assert not lines.take(7), "a stream that is open may have another reader"
    lines.give_back(3)
    assert lines.take("one more")


async def test_a_refusal_lowers_the_limit_and_time_raises_it_again() -> None:
    clock = FakeClock()
    lines = LineBudget(100, clock=clock)
    for number in range(41):
        lines.take(number)
    lines.give_back(40)
    lines.refused()
    assert (lines.limit, lines.free) == (40, 0)
    with pytest.raises(MarketDataPermissionError, match="40 of 40 taken; the settings say 100"):
        lines.take("one more")
    await clock.advance(RELEARN_S)
    assert lines.take("one more"), "perhaps TWS uses fewer by now"
    lines.give_back("one more")
    lines.refused()
    assert lines.limit == 40
    await clock.advance(61 * RELEARN_S)
    assert lines.limit == 100


def test_depth_and_ticks_have_stocks_of_their_own() -> None:
    lines = LineBudget(100, clock=FakeClock())
    for number in range(5):
        lines.take(number, pool="ticks")
    for number in range(3):
        lines.take(number, pool=LinePool.DEPTH)
    with pytest.raises(MarketDataPermissionError, match="tick-by-tick"):
        lines.take(5, pool=LinePool.TICKS)
    with pytest.raises(MarketDataPermissionError, match="market depth"):
        lines.take(3, pool=LinePool.DEPTH)
    assert lines.used == 0
    assert lines.give_back(4, pool="ticks")
    lines.give_back(2, pool="depth")
    lines.refused(pool="depth")
    status = lines.status()
    assert (status["depth"].limit, status["depth"].limit_now, status["depth"].used) == (3, 2, 2)
    assert status["ticks"].used == 4
    assert LineBudget(100_000, clock=FakeClock()).status()["depth"].limit == 60


def test_a_login_without_a_single_free_line_is_tried_again_with_one() -> None:
    lines = LineBudget(100, clock=FakeClock())
    lines.take("AAPL")
    lines.give_back("AAPL")
    lines.refused()
    assert lines.limit == 1
