"""Orders that have left memory, through a real socket: broker and user still speak of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ibkr_connector import IBKRConnector, OrderStatus
from ibkr_connector.simulator import HostedSimulator

Make = Callable[..., IBKRConnector]
ORDER = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 5,
    "order_type": "MKT",
    "client_order_id": "once",
}


async def forget(ib: IBKRConnector) -> int:
    """Forget every closed order now, as the desk does with those of past days."""

    async def sweep() -> int:
        runtime = ib._runtime
        assert runtime is not None
        assert runtime.engine is not None
        return runtime.engine.orders._book.retention.sweep(0.0, ())

    forgotten: int = await ib.run(sweep())
    return forgotten


async def known(ib: IBKRConnector) -> list[str]:
    runtime = ib._runtime
    assert runtime is not None
    assert runtime.engine is not None
    return [report.order_ref for report in runtime.engine.orders.orders()]


async def charged(ib: IBKRConnector, order_id: int) -> None:
    async with asyncio.timeout(60):
        while (await ib.get_order_status(order_id)).commission is None:
            await asyncio.sleep(0)


async def test_a_forgotten_order_is_told_placed_once_and_recognised_after_a_reconnect(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(ORDER)
        await ib.wait_for_fill(placed.order_id, timeout_s=60)
        await charged(ib, placed.order_id)
        before = await ib.get_order_status(placed.order_id)
        assert before.status is OrderStatus.FILLED
        assert await forget(ib) == 1
        assert await ib.get_order_status(placed.order_id) == before
        assert await forget(ib) == 1
        assert await ib.place_order(ORDER) == before
    async with make_connector(ibkr_gateway.port) as ib:
        # the broker's lists of today have it again
        again = await ib.place_order(ORDER)
        assert (again.order_ref, again.status) == (before.order_ref, before.status)
        assert [fill.exec_id for fill in again.fills] == [fill.exec_id for fill in before.fills]
        assert again.commission == before.commission
        assert len(await ib.run(known(ib))) == 1
    assert ibkr_gateway.do(lambda simulator: len(simulator.venue.executions())) == len(before.fills)
