"""The life of an order as users see it: its history, and the stream of what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, OrderNotFoundError, market_order
from ibkr_connector.orders.events import FillReceived
from ibkr_connector.simulator import HostedSimulator

Make = Callable[..., IBKRConnector]
REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 5,
    "order_type": "LMT",
    "limit_price": "1.05",
}


async def test_the_history_tells_a_change_between_its_intent_and_what_the_broker_said(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        report = await ib.place_order(REST)
        await ib.modify_order(report.order_id, {"limit_price": "1.06"})
        history = await ib.order_history(report.order_id)
        told = [step.what for step in history.steps]
        asked = next(n for n, what in enumerate(told) if what.startswith("to be changed"))
        learned = next(n for n, what in enumerate(told) if "limit price 1.06" in what and n > asked)
        assert told[0].startswith("intended: BUY 5")
        assert "limit 1.06" in told[asked]
        assert learned > asked
        with pytest.raises(OrderNotFoundError):
            await ib.order_history("no such order")


async def test_events_of_an_order_are_streamed(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        async with ib.stream_order_events() as events:
            placed = await ib.place_order(market_order("AAPL", "BUY", 3))
            async for event in events:
                if isinstance(event, FillReceived):
                    break
        assert isinstance(event, FillReceived)
        assert event.report.order_id == placed.order_id
        assert event.fill.quantity == 3
        assert not event.recovered
