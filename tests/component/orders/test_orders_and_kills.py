"""A process that is killed at each step of an order, and the one that comes after it."""

import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import OrderUncertainError
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import OrderStatus, limit_order
from ibkr_connector.orders.journal import read, verify
from ibkr_connector.simulator import Cut, GatewaySimulator
from ibkr_connector.simulator.exchange.advisor import Group, Method
from kit.order_doomed import doom
from kit.order_socket import wire


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
        assert await doom(gw.port, path, step) == -signal.SIGKILL

        async with wire(gw, path) as after:
            await after.desk.reconcile()
            status = None
            for report in after.desk.orders():
                settled = await after.desk.wait_for(
                    report.order_id,
                    lambda now: now.status is not OrderStatus.UNCERTAIN,
                    timeout_s=60.0,
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


async def test_a_killed_process_finds_its_group_order_again_with_its_allocation(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders.sqlite3"
    firm = {"DF1000000": Decimal(0), "DU1": Decimal(100_000), "DU2": Decimal(100_000)}
    core = Group(name="Core", method=Method.EQUAL, members={"DU1": None, "DU2": None})
    async with GatewaySimulator(accounts=firm) as gw:
        gw.gateway.advisor.replace_groups([core])
        ended = await doom(gw.port, path, "before the answer", group="Core")
        assert ended == -signal.SIGKILL
        async with wire(gw, path) as after:
            await after.desk.reconcile()
            (report,) = after.desk.orders()
            assert (report.status, report.account) == (OrderStatus.SUBMITTED, "")
            assert report.terms.allocation == Allocation(group="Core")
            assert len(gw.venue.open_orders()) == 1
        # whoever has no journal of it adopts it from the broker with the same allocation
        async with wire(gw, tmp_path / "another.sqlite3") as other:
            await other.desk.reconcile()
            (met,) = other.desk.orders()
            assert met.terms.allocation == Allocation(group="Core")


async def test_a_permanent_id_that_is_given_twice_makes_no_two_orders_one(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite3"
    order = limit_order(stock("AAPL"), "BUY", 1, limit_price=Decimal("1.00"))
    async with GatewaySimulator() as gw, wire(gw, path) as desk:
        first = await desk.desk.place(replace(order, client_order_id="first"))
        await desk.desk.cancel(first.order_id)
    # another gateway counts from the beginning
    async with GatewaySimulator() as gw:
        gw.inject(Cut(on="PlaceOrder", handled=True))
        async with wire(gw, path) as desk:
            with pytest.raises(OrderUncertainError):
                await desk.desk.place(replace(order, client_order_id="second"), timeout_s=60.0)
        async with wire(gw, path) as desk:
            await desk.desk.reconcile()
            (there,) = gw.venue.open_orders()
            assert there.perm_id == first.perm_id
            known = {one.client_order_id: one for one in desk.desk.orders()}
            assert known["first"].status is OrderStatus.CANCELLED
            assert known["second"].status is OrderStatus.SUBMITTED
            assert known["second"].perm_id == first.perm_id
            ended = await desk.desk.cancel(known["second"].order_id)
            assert ended.status is OrderStatus.CANCELLED
