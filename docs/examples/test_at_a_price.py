"""A test that puts the market where it needs it."""

import asyncio
from decimal import Decimal

import ib_async

from ibkr_connector.simulator.scenario import HoldQuote, Scenario

STOCK = ib_async.Stock("AAPL", "SMART", "USD")


def at(price):
    price = Decimal(price)
    return HoldQuote(symbol="AAPL", bid=price - 1, ask=price + 1, last=price)


async def stopped_out(gateway) -> ib_async.Trade:
    ib = ib_async.IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=7, timeout=60)
    try:
        await ib.qualifyContractsAsync(STOCK)
        trade = ib.placeOrder(STOCK, ib_async.StopOrder("SELL", 10, 180))
        while trade.orderStatus.status != "PreSubmitted":
            await trade.statusEvent
        # a call that waits for another thread must not block this loop
        await asyncio.to_thread(gateway.do, lambda simulator: simulator.act(at(170)))
        while not trade.isDone():
            await trade.statusEvent
        return trade
    finally:
        ib.disconnect()


def test_a_stop_sells_when_the_market_falls(make_ibkr_gateway):
    gateway = make_ibkr_gateway(scenario=Scenario().at(0, at(200)))
    trade = asyncio.run(stopped_out(gateway))
    assert trade.orderStatus.status == "Filled"
    assert trade.orderStatus.avgFillPrice <= 180
