"""An open circuit of orders through a real socket: what takes risk away still goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector import CircuitOpenError, IBKRConnector, OrderStatus, OrderUncertainError
from ibkr_connector.model.status import BreakerState
from ibkr_connector.simulator import HostedSimulator, IgnoreRequest
from kit.far_clock import FarClock, far_clock
from kit.market import asked
from kit.rule_socket import limits, order

__all__ = ["far_clock"]

Make = Callable[..., IBKRConnector]


async def test_an_order_is_cancelled_though_the_circuit_of_orders_is_open(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, far_clock: FarClock
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port, breaker_fail_max=1) as ib:
        async with far_clock.running():
            resting = await ib.place_order(order(limit_price="1.00"))
        ibkr_gateway.do(lambda gw: gw.inject(IgnoreRequest(on="CancelOrder", times=1)))
        ibkr_gateway.do(lambda gw: gw.inject(IgnoreRequest(on="ReqAllOpenOrders", times=99)))
        unanswered = asyncio.create_task(ib.cancel_order(resting.order_id))
        await far_clock.until(unanswered.done)
        with pytest.raises(OrderUncertainError):
            await unanswered
        assert ib.get_connection_status().breakers["orders"] is BreakerState.OPEN
        with pytest.raises(CircuitOpenError):
            await ib.place_order(order(limit_price=Decimal("1.01")))

        # the time of the circuit stands still
        report = await ib.cancel_order(resting.order_id)
        assert report.status is OrderStatus.CANCELLED
        assert ib.get_connection_status().breakers["orders"] is BreakerState.OPEN
    assert len(asked(ibkr_gateway, "CancelOrder")) == 2
    assert len(asked(ibkr_gateway, "PlaceOrder")) == 1
