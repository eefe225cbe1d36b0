"""A gateway on the loop of the program that uses it, with a scenario and time of its own."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import ib_async

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import Cut, GatewaySimulator
from ibkr_connector.simulator.scenario import HoldQuote, Scenario

scenario = (
    Scenario(quirks=("preset_tif",))
    .at(60, HoldQuote(symbol="AAPL", bid=Decimal("149.98"), ask=Decimal("150.02")))
    .at(120, Cut(on="PlaceOrder", handled=True))
)


async def main() -> None:
    clock = ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))
    async with GatewaySimulator(scenario, clock=clock) as gateway:
        ib = ib_async.IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=7, timeout=60)
        [stock] = await ib.qualifyContractsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
        ticker = ib.reqMktData(stock)
        await gateway.advance(61)
        while ticker.bid != 149.98:
            await ticker.updateEvent
        print("bid", ticker.bid)

        await gateway.advance(60)
        ib.placeOrder(stock, ib_async.LimitOrder("BUY", 10, 140))
        await ib.disconnectedEvent
        orders = gateway.venue.open_orders()
        print("cut, and the broker has", len(orders), "order")
        gateway.check()


asyncio.run(main())
