"""Waiting for orders through a real socket: lost acknowledgements, deadlines, absent callers."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import OrderUncertainError, RequestTimeoutError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import (
    OrderReport,
    OrderRequest,
    OrderStatus,
    SendDisposition,
    limit_order,
)
from ibkr_connector.orders import inquiry
from ibkr_connector.orders.waiting import Wait
from ibkr_connector.simulator import Cut, Drop, GatewaySimulator, Hold
from kit.order_socket import Wire, wire

AAPL = stock("AAPL")
WAITS: tuple[Wait, ...] = ("sent", "submitted", "filled")
BRACKET: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "MKT",
    "take_profit": "9000",
    "stop_loss": "1.00",
}


def resting(key: str = "a") -> OrderRequest:
    return limit_order(AAPL, "BUY", 1, limit_price=Decimal("1.00"), client_order_id=key)


def marketable() -> OrderRequest:
    return limit_order(AAPL, "BUY", 1, limit_price=Decimal("9000"))


def lose_the_acknowledgement(gw: GatewaySimulator) -> None:
    gw.inject(Drop(reply="OpenOrder", answering="PlaceOrder"))
    gw.inject(Drop(reply="OrderStatus", answering="PlaceOrder"))


def references(gw: GatewaySimulator) -> list[str]:
    return [order.order_ref for order in (*gw.venue.open_orders(), *gw.venue.closed_orders())]


async def taken(gw: GatewaySimulator, count: int) -> None:
    """Wait until the venue has so many orders: `sent` is not `arrived`."""
    async with asyncio.timeout(60):
        while len(references(gw)) < count:
            await asyncio.sleep(0)


def works(desk: Wire, price: str) -> bool:
    """Whether an order at a price is known to work at the broker."""
    return any(
        one.limit_price == Decimal(price) and one.status is OrderStatus.SUBMITTED
        for one in desk.desk.orders()
    )


async def settled(desk: Wire, order_id: int) -> OrderStatus:
    report = await desk.desk.wait_for(
        order_id,
        lambda now: now.status not in (OrderStatus.UNCERTAIN, OrderStatus.PENDING),
        timeout_s=60,
    )
    return report.status


async def test_filled_comes_back_with_the_fill(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(marketable(), wait="filled", timeout_s=60)
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(1))
    gw.check()


async def test_filled_gives_up_at_its_deadline_and_the_order_works_on(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placing = asyncio.ensure_future(desk.desk.place(resting(), wait="filled", timeout_s=60))
        await desk.until(lambda: works(desk, "1.00"))
        await desk.expire(placing)
        with pytest.raises(RequestTimeoutError) as caught:
            await placing
        assert caught.value.report is not None
        assert caught.value.report.status is OrderStatus.SUBMITTED
        assert caught.value.disposition is SendDisposition.SENT
        assert references(gw) == [caught.value.report.order_ref]
        assert (await desk.desk.place(resting(), wait="sent")).order_id == caught.value.request_id
        assert (await desk.desk.cancel(1)).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("wait", WAITS)
async def test_a_lost_acknowledgement_doubles_nothing_whatever_is_awaited(
    tmp_path: Path, wait: Wait
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        lose_the_acknowledgement(gw)
        if wait == "sent":
            report = await desk.desk.place(resting(), wait=wait)
            assert report.status is OrderStatus.PENDING
            await taken(gw, 1)
        else:
            placing = asyncio.ensure_future(desk.desk.place(resting(), wait=wait, timeout_s=60))
            await taken(gw, 1)
            desk.clock.leap(60)
            with pytest.raises(OrderUncertainError) as caught:
                await placing
            assert caught.value.disposition is SendDisposition.SENT
        # the desk asks by itself; after `sent` it asks when the broker's time is over
        if wait != "sent":
            assert await settled(desk, 1) is OrderStatus.SUBMITTED
        await desk.desk.reconcile()
        assert desk.desk.report(1).status is OrderStatus.SUBMITTED
        assert len(references(gw)) == 1


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize("wait", WAITS)
async def test_a_cut_ends_in_one_order_or_none_whatever_is_awaited(
    tmp_path: Path, wait: Wait, handled: bool
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Cut(on="PlaceOrder", handled=handled))
        if wait == "sent":
            await desk.desk.place(resting(), wait=wait)
        else:
            with pytest.raises(OrderUncertainError):
                await desk.desk.place(resting(), wait=wait, timeout_s=60)
        await desk.ended.wait()
        await desk.connect()
        await desk.desk.reconcile()
        there = OrderStatus.SUBMITTED if handled else OrderStatus.REJECTED
        assert await settled(desk, 1) is there
        assert len(references(gw)) == int(handled)


@pytest.mark.parametrize("wait", WAITS)
async def test_a_caller_who_goes_away_neither_doubles_nor_loses_the_order(
    tmp_path: Path, wait: Wait
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        lose_the_acknowledgement(gw)
        placing = asyncio.ensure_future(desk.desk.place(resting(), wait=wait))
        await taken(gw, 1)
        placing.cancel()
        await asyncio.wait([placing])
        await desk.desk.reconcile()
        assert await settled(desk, 1) is OrderStatus.SUBMITTED
        assert len(references(gw)) == 1


async def test_a_fill_that_nobody_heard_is_found_while_it_is_awaited(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Drop(reply="ExecDetails"))
        for word in ("Filled", "PreSubmitted", "Submitted"):
            gw.inject(Drop(reply="OrderStatus", where={"status": word}))
            gw.inject(Drop(reply="OpenOrder", where={"status": word}))
        placing = asyncio.ensure_future(desk.desk.place(marketable(), wait="filled", timeout_s=60))
        await taken(gw, 1)
        gw.faults.clear()
        await desk.desk.reconcile()
        report = await placing
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(1))


def what_filled(report: OrderReport) -> str:
    """Return which message first said that all of it is filled."""
    return next(step.cause for step in report.transitions if step.target == "filled")


def awaited_at_leisure(desk: Wire) -> None:
    """Give executions as long as a busy machine may take."""
    desk.desk._book._moment_s = 60.0


async def test_executions_that_are_held_back_come_with_the_fill_that_is_awaited(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        awaited_at_leisure(desk)
        gw.inject(Hold(reply="ExecDetails", seconds=0.3))
        report = await desk.desk.place(marketable(), wait="filled", timeout_s=120)
        assert report.status is OrderStatus.FILLED
        assert sum(fill.quantity for fill in report.fills) == report.filled_quantity == 1
        assert report.unbacked_quantity == 0
        # the word that it is filled was first
        assert what_filled(report) == "orderStatus"


@pytest.mark.parametrize("by", ["place", "wait_for"])
async def test_executions_that_were_lost_are_asked_for_and_come_with_the_fill(
    tmp_path: Path, by: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        awaited_at_leisure(desk)
        gw.inject(Drop(reply="ExecDetails", times=1))
        wait: Wait = "filled" if by == "place" else "submitted"
        report = await desk.desk.place(marketable(), wait=wait, timeout_s=120)
        if by == "wait_for":
            report = await desk.desk.wait_for(1, lambda now: now.is_closed, timeout_s=120)
        assert report.status is OrderStatus.FILLED
        assert [(fill.quantity, fill.recovered) for fill in report.fills] == [(Decimal(1), True)]
        assert report.unbacked_quantity == 0
        assert what_filled(report) == "orderStatus"


async def test_a_fill_without_executions_is_returned_and_says_that_they_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a busy machine may take longer than it asks
    monkeypatch.setattr(inquiry, "_FETCHES", 1_000_000)
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Drop(reply="ExecDetails"))
        placing = asyncio.ensure_future(desk.desk.place(marketable(), wait="filled", timeout_s=60))
        await desk.until(lambda: any(one.is_closed for one in desk.desk.orders()))
        await desk.expire(placing)
        report = await placing
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(1))
        assert (report.fills, report.unbacked_quantity) == ((), Decimal(1))
        # the desk goes on asking
        gw.faults.clear()
        await desk.until(lambda: desk.desk.report(1).unbacked_quantity == 0)
        assert [fill.quantity for fill in desk.desk.report(1).fills] == [Decimal(1)]


async def test_a_bracket_can_be_awaited_to_the_end_of_its_entry(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placed = await desk.desk.place_bracket(BRACKET, wait="filled", timeout_s=60)
        assert placed.entry.status is OrderStatus.FILLED
        assert placed.stop_loss.status is not OrderStatus.FILLED
        rest = BRACKET | {"order_type": "LMT", "limit_price": "1.05"}
        placing = asyncio.ensure_future(desk.desk.place_bracket(rest, wait="filled", timeout_s=60))
        await desk.until(lambda: desk.desk.open_count == 5)
        await desk.until(lambda: works(desk, "1.05"))
        await desk.expire(placing)
        with pytest.raises(RequestTimeoutError) as caught:
            await placing
        assert caught.value.report is not None
        assert caught.value.report.status is OrderStatus.SUBMITTED
        sent = await desk.desk.place_bracket(rest, wait="sent")
        assert {one.disposition for one in sent.orders} == {SendDisposition.SENT}
        await taken(gw, 9)
    gw.check()
