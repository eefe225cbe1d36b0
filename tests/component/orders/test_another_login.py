"""A journal that goes on under another login: what that one does not know proves nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import OrderUncertainError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import Action, OrderStatus, limit_order
from ibkr_connector.simulator import Drop, GatewaySimulator
from kit.order_socket import Wire, wire


async def asked_thrice(desk: Wire) -> None:
    """Let the broker be asked again and again, longer apart than an absence takes to count."""
    for _ in range(3):
        await desk.desk.reconcile()
        desk.clock.leap(1)


async def test_an_order_is_not_called_unplaced_because_another_login_does_not_know_it(
    tmp_path: Path,
) -> None:
    worth = Decimal(1_000_000)
    async with (
        GatewaySimulator(accounts={"DU1111111": worth}) as first,
        GatewaySimulator(accounts={"DU2222222": worth}) as second,
    ):
        async with wire(first, tmp_path / "j") as desk:
            for reply in ("OpenOrder", "OrderStatus"):
                first.inject(Drop(reply=reply, answering="PlaceOrder"))
            order = limit_order(stock("AAPL"), Action.BUY, Decimal(5), limit_price=Decimal(50))
            placing = asyncio.ensure_future(desk.desk.place(order))
            await desk.until(lambda: len(tuple(first.venue.open_orders())) == 1)
            first.clear_faults()
            await desk.expire(placing)
            with pytest.raises(OrderUncertainError) as lost:
                await placing
        order_id = lost.value.order_id
        assert order_id is not None
        async with wire(second, tmp_path / "j") as desk:
            await asked_thrice(desk)
            assert (await desk.desk.look_up(order_id)).status is OrderStatus.UNCERTAIN
        async with wire(first, tmp_path / "j") as desk:
            await desk.desk.reconcile()
            assert (await desk.desk.look_up(order_id)).status is OrderStatus.SUBMITTED
