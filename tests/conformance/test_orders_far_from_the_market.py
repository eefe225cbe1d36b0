"""
Orders that cannot trade, on the simulator and, with `--gateway HOST:PORT`, on a paper account.

    pytest tests/conformance --gateway 127.0.0.1:4002

What they find is true of both, so that tests on the simulator hold for a gateway. Prices are so far
from the market that nothing is filled, and near enough for TWS to take them.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from conformance.conftest import engine
from ibkr_connector.engine import Engine
from ibkr_connector.errors import ConfigurationError, OrderStateError, OrderValidationError
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.simulator import GatewaySimulator

SYMBOL = "AAPL"
CENT = Decimal("0.01")


async def price(trading: Engine, share: str) -> Decimal:
    """Return a share of the last close."""
    bars = await trading.market.bars(
        SYMBOL, duration="5 D", bar_size="1 day", what_to_show="TRADES", end=None,
        regular_hours_only=True,
    )  # fmt: skip
    return (list(bars)[-1].close * Decimal(share)).quantize(CENT)


async def far(trading: Engine, **more: Any) -> dict[str, Any]:
    """Describe an order to buy far below the market."""
    return {
        "symbol": SYMBOL,
        "action": "BUY",
        "quantity": 2,
        "order_type": "LMT",
        "limit_price": await price(trading, "0.70"),
        "time_in_force": "GTC",
        **more,
    }


async def listed(trading: Engine, report: OrderReport) -> list[Any]:
    """Return the broker's own rows of an order."""
    rows = await trading._link.open_orders()
    return [row for row in rows if row.order_ref == report.order_ref]


async def test_an_order_is_placed_once_listed_and_cancelled(trading: Engine) -> None:
    asked = await far(trading, client_order_id="far-1")
    placed = await trading.orders.place(asked)
    assert placed.status is OrderStatus.SUBMITTED
    assert placed.perm_id
    again = await trading.orders.place(asked)
    assert again.order_id == placed.order_id
    assert len(await listed(trading, placed)) == 1

    cancelled = await trading.orders.cancel(placed.order_id)
    assert (cancelled.status, cancelled.filled_quantity) == (OrderStatus.CANCELLED, Decimal(0))
    assert await listed(trading, placed) == []
    assert trading.orders.anomalies == 0


async def test_an_order_is_changed_when_the_broker_shows_it_so(trading: Engine) -> None:
    placed = await trading.orders.place(await far(trading))
    lower = await price(trading, "0.65")
    changed = await trading.orders.modify(placed.order_id, {"limit_price": lower, "quantity": 3})
    assert (changed.limit_price, changed.quantity) == (lower, Decimal(3))
    assert changed.perm_id == placed.perm_id
    [row] = await listed(trading, placed)
    assert (row.limit_price, row.quantity) == (lower, Decimal(3))


async def test_a_bracket_is_three_orders_that_end_with_their_entry(trading: Engine) -> None:
    bracket = await far(
        trading,
        take_profit=await price(trading, "1.30"),
        stop_loss=await price(trading, "0.60"),
    )
    placed = await trading.orders.place_bracket(bracket)
    assert [one.status for one in placed.orders] == [OrderStatus.SUBMITTED] * 3
    await trading.orders.cancel(placed.entry.order_id)
    for one in placed.orders:
        ended = await trading.orders.wait_for(
            one.order_id, lambda report: report.is_closed, timeout_s=60
        )
        assert (ended.status, ended.filled_quantity) == (OrderStatus.CANCELLED, Decimal(0))


async def test_an_order_outlives_its_connection_and_is_found_again(trading: Engine) -> None:
    placed = await trading.orders.place(await far(trading))
    session = trading._link.session
    assert session is not None
    session.abort("cut for a test")
    async with asyncio.timeout(60):
        while trading._link.session in (None, session):
            await asyncio.sleep(0.01)
    await trading.wait_ready(60)
    assert trading.orders.report(placed.order_id).status is OrderStatus.SUBMITTED
    assert len(await listed(trading, placed)) == 1
    assert (await trading.orders.cancel(placed.order_id)).status is OrderStatus.CANCELLED


async def test_a_preview_has_margins_and_leaves_no_order(trading: Engine) -> None:
    before = await trading._link.open_orders()
    preview = await trading.orders.preview(await far(trading))
    assert preview.broker.is_told or preview.warnings or preview.rejected_reason
    assert await trading._link.open_orders() == before


async def test_what_makes_no_sense_is_refused_here_and_never_sent(trading: Engine) -> None:
    placed = await trading.orders.place(await far(trading))
    for wrong in ({"quantity": -1}, {"limit_price": "1.001"}, {"order_type": "LIMITED"}):
        with pytest.raises(OrderValidationError):
            await trading.orders.place(await far(trading, **wrong))
    await trading.orders.cancel(placed.order_id)
    with pytest.raises(OrderStateError, match="cannot be changed"):
        await trading.orders.modify(placed.order_id, {"quantity": 3})


async def test_a_live_account_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with GatewaySimulator(accounts={"U7654321": Decimal(1_000_000)}) as simulator:
        with pytest.raises(ConfigurationError):
            async with engine(tmp_path, simulator.host, simulator.port):
                raise AssertionError("a live account was let in")
        asked = {type(one.request).__name__ for one in simulator.log}
        assert "PlaceOrder" not in asked
