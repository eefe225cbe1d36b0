"""A gateway that says it is asked too often is asked less: each of its words, on a socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import PacingError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.simulator import Answer
from kit.rig import Rig, rig

VIOLATION = "Historical Market Data Service error message:Historical data request pacing violation"
LIVE = "Invalid Real-time Query:Historical data request pacing violation"


def bars(made: Rig, symbol: str = "AAPL") -> Any:
    return made.engine.market.bars(symbol, duration="1800 S", bar_size="5 secs")


async def test_162_rests_all_history_and_nothing_else_and_the_call_is_made_again(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        made.simulator.inject(Answer(to="ReqHistoricalData", code=162, text=VIOLATION))
        began = made.clock.monotonic()
        asked = asyncio.ensure_future(bars(made))
        await made.until(lambda: bool(made.engine.pipeline.pacing_status().complaints), step_s=0.1)
        status = made.engine.pipeline.pacing_status()
        assert (status.history.limit_now, status.budget_now) == (45, 45)
        assert status.history.held_s > 14.0
        other = asyncio.ensure_future(bars(made, "MSFT"))
        quote = await made.run(made.engine.market.quote("SPY"), step_s=0.1)
        assert quote.bid is not None
        assert made.clock.monotonic() - began < 5.0
        await made.until(lambda: asked.done() and other.done(), step_s=0.5)
        assert 15.0 <= made.clock.monotonic() - began < 25.0
        assert asked.result().bars
        assert other.result().bars
        assert made.asked("ReqHistoricalData") == 3


async def test_each_further_162_rests_twice_as_long_until_the_call_is_told_when_to_come_back(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        made.simulator.inject(Answer(to="ReqHistoricalData", code=162, text=VIOLATION, times=9))
        asked = asyncio.ensure_future(bars(made))
        await made.until(lambda: made.engine.pipeline.pacing_status().complaints == 2, step_s=0.2)
        assert 25.0 < made.engine.pipeline.pacing_status().history.held_s <= 30.0
        with pytest.raises(PacingError) as caught:
            await made.run(asked)
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s > 10.0
        assert made.asked("ReqHistoricalData") <= 3


async def test_420_for_a_stream_of_bars_rests_history_and_the_stream_comes_later(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        wish = StreamWish(kind=StreamKind.FIVE_SECONDS, contract="AAPL")
        ticket = await made.run(made.engine.streaming.open(wish))
        await made.until(lambda: bool(len(ticket.box)), step_s=1.0)
        made.simulator.inject(Answer(to="ReqRealTimeBars", code=420, text=LIVE))
        made.simulator.cut()
        await made.until(lambda: bool(made.engine.pipeline.pacing_status().complaints), step_s=0.5)
        assert made.engine.pipeline.pacing_status().history.limit_now == 45
        await made.until(
            lambda: [one.phase for one in made.engine.streams.states()] == ["live"],
            within_s=200.0,
        )
        seen = len(ticket.box)
        await made.advance(30.0)
        assert len(ticket.box) > seen
