"""What one client may do to another, and to itself, at the gateway's door."""

from __future__ import annotations

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.connection import Connection
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from kit.raw_client import HELLO, RawClient, frame

APPLE = WireContract(con_id=265598, exchange="SMART")


def order(number: int, **texts: str) -> ask.PlaceOrder:
    said = {"action": "BUY", "totalQuantity": "5", "orderType": "LMT", "lmtPrice": "1"}
    return ask.PlaceOrder(order_id=number, contract=APPLE, texts={**said, "transmit": "1", **texts})


async def test_a_refused_client_places_no_order_behind_its_greeting() -> None:
    async with GatewaySimulator(clock=ManualClock(DEFAULT_START)) as gateway:
        first = await RawClient.start(gateway.host, gateway.port, 1)
        second = await RawClient.open(gateway.host, gateway.port)
        second.write(HELLO)
        await second.fields()
        second.write(frame(ask.StartApi(client_id=1)) + frame(order(1)))
        assert b"326" in await second.rest()
        assert gateway.venue.open_orders() == ()
        await first.aclose()
        await second.aclose()


async def test_each_request_is_answered_before_the_next_that_came_with_it_is_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with GatewaySimulator(clock=ManualClock(DEFAULT_START)) as gateway:
        client = await RawClient.start(gateway.host, gateway.port, 1)
        handled: list[int] = []
        put = Connection._put

        def noted(self: Connection, data: bytes, size: int | None) -> None:
            handled.append(len(gateway.log) - before)
            put(self, data, size)

        monkeypatch.setattr(Connection, "_put", noted)
        before = len(gateway.log)
        client.write(frame(ask.ReqCurrentTime()) * 5)
        for _ in range(5):
            await client.reply()
        assert handled == [1, 2, 3, 4, 5]
        await client.aclose()
