"""An order of yesterday of which no list tells any more is ended on the user's word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector
from ibkr_connector.clock import ScaledClock
from ibkr_connector.errors import OrderStateError, OrderUncertainError
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.kill_switch import KillSwitch
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from kit.jumpy_clock import LeapingClock
from kit.order_socket import Wire, wire
from kit.rule_socket import MARKET, engine_at, limits, order

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
        tomorrow = LeapingClock(desk.clock.utcnow() + timedelta(days=1))
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


@pytest.mark.parametrize("way", ["flatten", "close_position", "kill switch"])
async def test_an_order_that_no_list_tells_of_keeps_nobody_from_getting_out(
    make_ibkr_gateway: Callable[..., HostedSimulator],
    make_connector: Callable[..., IBKRConnector],
    config: Path,
    way: str,
) -> None:
    limits(config, "allow_short: false")
    day = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
    first = make_ibkr_gateway(clock=ScaledClock(day))
    # permanent ids are an account's, and never come again
    first.do(lambda gw: [gw.venue._register.next_perm_id() for _ in range(100)])
    async with engine_at(make_connector(first.port).settings, ScaledClock(day)) as engine:
        await engine.orders.place(order(quantity=5, **MARKET), wait="filled")
        sale = await engine.orders.place(order("SELL", 5, limit_price="900.00"))
    tomorrow = day + timedelta(days=1)
    second = make_ibkr_gateway(clock=ScaledClock(tomorrow))
    # a minute and more of the machine's
    late = dict.fromkeys(("connect", "sync", "request", "order_ack", "order_fill"), 900.0)
    settings = make_connector(
        second.port, **{f"{name}_timeout_s": seconds for name, seconds in late.items()}
    ).settings
    async with engine_at(settings, ScaledClock(tomorrow, speed=10.0)) as engine:
        await engine.orders.place(order(quantity=5, **MARKET), wait="filled")
        await engine.orders.wait_for(
            sale.order_id, lambda now: now.status is OrderStatus.UNCERTAIN, timeout_s=600
        )
        match way:
            case "flatten":
                problems = (await engine.closing.flatten()).problems
            case "close_position":
                problems = (await engine.closing.close_position("AAPL")).problems
            case _:
                KillSwitch(settings.state_dir, clock=engine._clock).engage("enough", flatten=True)
                problems = (await engine.guard.carry_out()).problems
        assert problems == ()
        assert await engine._facts.settled_positions() == ()
        assert engine.orders.report(sale.order_id).status is OrderStatus.UNCERTAIN
