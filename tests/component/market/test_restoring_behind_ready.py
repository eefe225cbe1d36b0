"""Many streams come back behind `ready`, and nobody who trades waits for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.status import ConnectionState
from kit.rig import Rig, rig

STREAMS = 40
REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 1,
    "order_type": "LMT",
    "limit_price": "1.00",
}


async def follow(made: Rig) -> None:
    wishes = [
        StreamWish(kind=StreamKind.QUOTES, contract=f"SIM{number:04d}")
        for number in range(1, STREAMS + 1)
    ]
    await made.run(asyncio.gather(*map(made.engine.streaming.open, wishes)), step_s=0.1)


async def test_orders_and_prices_go_before_the_streams_that_are_still_to_come(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        await follow(made)
        await made.run(made.engine.market.quote("MSFT"), step_s=0.1)
        made.simulator.cut()
        await made.until(lambda: made.state is not ConnectionState.READY, step_s=0.1)
        await made.until(lambda: made.state is ConnectionState.READY, step_s=0.01)
        missing = made.engine.status().streams_lost
        assert missing > STREAMS / 2
        began = made.clock.monotonic()
        placed = asyncio.ensure_future(made.engine.orders.place(REST))
        priced = asyncio.ensure_future(made.engine.market.quote("MSFT"))
        await made.until(lambda: placed.done() and priced.done(), step_s=0.01)
        assert placed.result().status == "submitted"
        assert priced.result().bid is not None
        assert made.clock.monotonic() - began < 0.6
        assert made.engine.status().streams_lost > 0
        await made.until(lambda: not made.engine.status().streams_lost, step_s=0.05)
        assert made.clock.monotonic() - began < 3.0
        assert {one.phase for one in made.engine.streams.states()} == {"live"}
        assert made.state is ConnectionState.READY
