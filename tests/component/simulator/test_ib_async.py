"""ib_async as its users use it: the start-up burst, several clients, and their mistakes."""

from __future__ import annotations

import asyncio
import logging

import pytest
from ib_async import IB, LimitOrder, Stock

from ibkr_connector.simulator import GatewaySimulator, HostedSimulator

PATIENT_S = 60
"""How long the start-up may take; four seconds where nothing is said."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)


async def connected(gateway: HostedSimulator, client_id: int) -> IB:
    ib = IB()
    # raiseSyncErrors: one timed-out part of the start-up is an error
    await ib.connectAsync(
        gateway.host, gateway.port, clientId=client_id, timeout=PATIENT_S, raiseSyncErrors=True
    )
    return ib


@pytest.mark.parametrize("version", [157, 163, 164, 169, 176, 177, 178])
async def test_the_start_up_burst_is_answered_to_the_last_part(
    version: int, make_ibkr_gateway: object
) -> None:
    gateway = make_ibkr_gateway(server_version=version)  # type: ignore[operator]
    ib = await connected(gateway, client_id=1)
    assert ib.client.serverVersion() == version
    assert ib.managedAccounts() == ["DU1234567"]
    assert {value.tag for value in ib.accountValues()} >= {"NetLiquidation", "CashBalance"}
    asked = [type(one.request).__name__ for one in gateway.do(lambda gw: gw.log)]
    assert set(asked) >= {
        "ReqPositions",
        "ReqOpenOrders",
        "ReqCompletedOrders",
        "ReqAccountUpdates",
        "ReqAccountUpdatesMulti",
        "ReqExecutions",
    }
    ib.disconnect()


async def test_several_clients_see_their_own_orders_and_everybodys_positions(
    ibkr_gateway: HostedSimulator,
) -> None:
    one, two = await connected(ibkr_gateway, 1), await connected(ibkr_gateway, 2)
    stock = Stock("AAPL", "SMART", "USD", conId=265598)
    trade = one.placeOrder(stock, LimitOrder("BUY", 5, 1.0))
    while trade.orderStatus.status != "Submitted":
        await trade.statusEvent
    assert [t.order.orderId for t in await one.reqOpenOrdersAsync()] == [trade.order.orderId]
    assert await two.reqOpenOrdersAsync() == []
    assert len(await two.reqAllOpenOrdersAsync()) == 1
    bought = one.placeOrder(stock, LimitOrder("BUY", 5, 10_000.0))
    while not bought.isDone():
        await bought.statusEvent
    while sum(position.position for position in two.positions()) < 5:
        await two.positionEvent
    assert [position.position for position in two.positions()] == [5.0]
    one.disconnect()
    two.disconnect()


async def test_a_client_id_that_is_taken_is_refused_and_free_again_afterwards(
    ibkr_gateway: HostedSimulator,
) -> None:
    first = await connected(ibkr_gateway, 4)
    second, codes = IB(), []
    refused = asyncio.Event()
    second.errorEvent += lambda request, code, text, contract: codes.append(code)
    second.client.apiError += lambda text: refused.set()
    # it waits for its whole time, although its socket has been closed
    connecting = asyncio.create_task(
        second.connectAsync(ibkr_gateway.host, ibkr_gateway.port, clientId=4, timeout=PATIENT_S)
    )
    await refused.wait()
    assert codes == [326]
    assert not connecting.done()
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    assert not second.isConnected()
    first.disconnect()
    while ibkr_gateway.do(lambda gw: len(gw.gateway.sessions)):
        await asyncio.sleep(0)
    third = await connected(ibkr_gateway, 4)
    third.disconnect()


async def test_order_ids_go_on_where_the_last_session_ended(
    ibkr_gateway: HostedSimulator,
) -> None:
    first = await connected(ibkr_gateway, 1)
    stock = Stock("AAPL", "SMART", "USD", conId=265598)
    trade = first.placeOrder(stock, LimitOrder("BUY", 5, 1.0))
    while trade.orderStatus.status != "Submitted":
        await trade.statusEvent
    first.disconnect()
    while ibkr_gateway.do(lambda gw: len(gw.gateway.sessions)):
        await asyncio.sleep(0)
    again = await connected(ibkr_gateway, 1)
    assert again.client.getReqId() > trade.order.orderId
    assert [t.order.lmtPrice for t in again.openTrades()] == [1.0]
    again.disconnect()


async def test_check_names_what_is_not_simulated() -> None:
    async with GatewaySimulator() as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=PATIENT_S)
        ib.client.send(106, 5)  # type: ignore[no-untyped-call]  # ib_async types half of it
        while not gateway.gateway.unsupported:
            await asyncio.sleep(0)
        with pytest.raises(AssertionError, match="client 1: message 106"):
            gateway.check()
        ib.disconnect()
