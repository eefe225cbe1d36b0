"""A process that is killed at each step of an order, and the one that comes after it."""

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import OrderStatus, limit_order
from ibkr_connector.orders.journal import read, verify
from ibkr_connector.simulator import GatewaySimulator
from kit.order_socket import wire

HERE = Path(__file__).parent
TESTS = HERE.parents[1]


@pytest.mark.parametrize(
    ("step", "outcomes"),
    [
        ("before the intent", {None}),
        ("after the intent", {OrderStatus.REJECTED}),
        ("before the send", {OrderStatus.REJECTED}),
        ("after the send", {OrderStatus.SUBMITTED, OrderStatus.REJECTED}),
        ("before the answer", {OrderStatus.SUBMITTED}),
        ("after it all", {OrderStatus.SUBMITTED}),
    ],
)
async def test_a_kill_at_any_step_ends_in_one_order_or_none_and_the_journal_says_which(
    tmp_path: Path, step: str, outcomes: set[OrderStatus | None]
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with GatewaySimulator() as gw:
        doomed = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "doomed.py"),
            str(gw.port),
            str(path),
            step,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        assert await doomed.wait() == -signal.SIGKILL

        async with wire(gw, path) as after:
            await after.desk.reconcile()
            status = None
            for report in after.desk.orders():
                settled = await after.desk.wait_for(
                    report.order_id,
                    lambda now: now.status is not OrderStatus.UNCERTAIN,
                    timeout_s=5.0,
                )
                status = settled.status
            venue = gw.venue
            there = [*venue.open_orders(), *venue.closed_orders()]
            assert status in outcomes
            assert len(there) == (1 if status is OrderStatus.SUBMITTED else 0)

            # the same key again: the order that is there, or none where there was none
            if status is not OrderStatus.REJECTED:
                order = limit_order(
                    stock("AAPL"), "BUY", 1, limit_price=Decimal("1.00"), client_order_id="doomed"
                )
                await after.desk.place(order)
                assert len(venue.open_orders()) == 1
    assert verify(path) == len(read(path))
