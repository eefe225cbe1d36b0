"""An order of yesterday of which no list tells any more is ended on the user's word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.clock import ScaledClock
from ibkr_connector.errors import OrderStateError, OrderUncertainError
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.simulator import GatewaySimulator
from kit.order_socket import Wire, wire

REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 100,
    "order_type": "LMT",
    "limit_price": "1.05",
}


async def test_a_day_order_that_ended_while_nobody_listened_is_settled_and_counts_no_more(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j"
    async with GatewaySimulator() as gw, wire(gw, path) as desk:
        report = await desk.desk.place(REST)
        tomorrow = ScaledClock(desk.clock.utcnow() + timedelta(days=1))
        with pytest.raises(OrderStateError, match="not for you to settle"):
            await desk.desk.settling.settle(report.order_id, why="I say so")
    # a gateway whose lists go back to midnight has never heard of it
    async with GatewaySimulator() as gw:
        desk = Wire(host=gw.host, port=gw.port, path=path, clock=tomorrow)
        await desk.start()
        try:
            await desk.connect()
            await desk.desk.reconcile()
            await desk.desk.wait_for(
                report.order_id, lambda now: now.status is OrderStatus.UNCERTAIN, timeout_s=60
            )
            with pytest.raises(OrderUncertainError):
                await desk.desk.cancel(report.order_id)
            settled = await desk.desk.settling.settle(report.order_id, why="expired, says TWS")
            assert settled.status is OrderStatus.CANCELLED
            assert settled.reason == "settled by the user: expired, says TWS"
            assert (desk.desk.open_count, desk.desk.uncertain_count) == (0, 0)
        finally:
            await desk.close()
    async with GatewaySimulator() as gw, wire(gw, path) as desk:
        assert desk.desk.report(report.order_id).status is OrderStatus.CANCELLED
