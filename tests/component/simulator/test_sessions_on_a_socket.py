"""What one client may do to another, and to itself, at the gateway's door."""

from __future__ import annotations

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator
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
