"""A test of your own, against a gateway of your own: the fixtures come with the package."""

import asyncio

from ibkr_connector import IBKRConnector, IBKRError, Settings
from ibkr_connector.simulator import Cut


async def buy_some(ib: IBKRConnector) -> str:
    report = await ib.place_order({"symbol": "AAPL", "action": "BUY", "quantity": 10})
    return (await ib.wait_for_fill(report.order_id, timeout_s=30)).status


def test_it_buys(ibkr_gateway, tmp_path):
    settings = Settings.load(port=ibkr_gateway.port, readonly=False, state_dir=tmp_path)

    async def trade():
        async with IBKRConnector.create(settings) as ib:
            return await buy_some(ib)

    assert asyncio.run(trade()) == "filled"


def test_a_lost_answer_does_not_double_the_order(ibkr_gateway, tmp_path):
    settings = Settings.load(port=ibkr_gateway.port, readonly=False, state_dir=tmp_path)
    ibkr_gateway.do(lambda gateway: gateway.inject(Cut(on="PlaceOrder", handled=True)))

    async def trade():
        async with IBKRConnector.create(settings) as ib:
            try:
                await buy_some(ib)
            except IBKRError as error:
                return type(error).__name__
        return "no error"

    assert asyncio.run(trade()) == "OrderUncertainError"
    orders = ibkr_gateway.do(lambda gateway: gateway.venue.closed_orders())
    assert len(orders) == 1
