"""Tests of a program on ib_async, against a gateway that does what it is told."""

import asyncio
from datetime import UTC, datetime

import ib_async

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import Cut, GatewaySimulator, Quirk

STOCK = ib_async.Stock("AAPL", "SMART", "USD")


# the program that is tested: it knows nothing of simulators
async def buy(port: int, quantity: int) -> ib_async.Trade:
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=7, timeout=60)
    try:
        await ib.qualifyContractsAsync(STOCK)
        trade = ib.placeOrder(STOCK, ib_async.MarketOrder("BUY", quantity, orderRef="example"))
        over = asyncio.Event()
        trade.statusEvent += lambda one: over.set() if one.isDone() else None
        ib.disconnectedEvent += over.set
        await over.wait()
        return trade
    finally:
        ib.disconnect()


def test_it_buys(ibkr_gateway):
    trade = asyncio.run(buy(ibkr_gateway.port, 10))
    assert trade.orderStatus.status == "Filled"
    held = ibkr_gateway.do(lambda gateway: gateway.venue.ledgers["DU1234567"].holdings)
    assert [position.quantity for position in held.values()] == [10]


def test_a_lost_answer_leaves_one_order(make_ibkr_gateway):
    gateway = make_ibkr_gateway(faults=[Cut(on="PlaceOrder", handled=True)])
    trade = asyncio.run(buy(gateway.port, 10))
    assert trade.orderStatus.status != "Filled"  # nobody told it
    executions = gateway.do(lambda simulator: simulator.venue.executions())
    assert sum(execution.quantity for execution, _ in executions) == 10


def test_it_survives_what_tws_does_to_its_clients(make_ibkr_gateway):
    gateway = make_ibkr_gateway(quirks=[Quirk.STATUS_TWICE, Quirk.EXECUTION_FIRST])
    assert asyncio.run(buy(gateway.port, 10)).filled() == 10


def test_a_minute_passes_when_the_test_says_so():
    async def watch() -> list[float]:
        clock = ManualClock(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))
        async with GatewaySimulator(seed=7, clock=clock) as gateway:
            ib = ib_async.IB()
            await ib.connectAsync(gateway.host, gateway.port, clientId=7, timeout=60)
            ticker = ib.reqMktData(STOCK)
            prices = []
            for _ in range(60):
                await gateway.advance(1)
                await ib.reqCurrentTimeAsync()  # its answer comes behind the ticks
                prices.append(ticker.last)
            ib.disconnect()
            gateway.check()  # nothing was asked that is not simulated
            return prices

    first, second = asyncio.run(watch()), asyncio.run(watch())
    assert len(set(first)) > 10
    assert first == second  # the same seed is the same market
