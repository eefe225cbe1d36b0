"""Orders through a real session and a real socket, with the link cut at every byte."""

from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import OrderRejectedError, OrderUncertainError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import (
    OrderReport,
    OrderRequest,
    OrderStatus,
    limit_order,
    market_order,
)
from ibkr_connector.simulator import Answer, Cut, CutAfter, GatewaySimulator
from kit.order_socket import Wire, wire

AAPL = stock("AAPL")


def resting(key: str) -> OrderRequest:
    return limit_order(AAPL, "BUY", 1, limit_price=Decimal("1.00"), client_order_id=key)


def settled(report: OrderReport) -> bool:
    return report.status is not OrderStatus.UNCERTAIN


def references(gw: GatewaySimulator) -> list[str]:
    """The references of all orders that the venue took, each as often as it has it."""
    venue = gw.venue
    return [order.order_ref for order in (*venue.open_orders(), *venue.closed_orders())]


async def placed_after_all(desk: Wire, order: OrderRequest) -> OrderReport:
    """Place it; when that ends uncertain, connect again and wait for the verdict."""
    try:
        return await desk.desk.place(order)
    except OrderUncertainError as error:
        await desk.ended.wait()
        await desk.connect()
        await desk.desk.reconcile()
        return await desk.desk.wait_for(error.order_id, settled, timeout_s=60)


async def test_a_market_order_is_filled_and_charged(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(market_order(AAPL, "BUY", 10))
        report = await desk.desk.wait_for(
            report.order_id, lambda now: now.is_closed and now.commission is not None, timeout_s=60
        )
        assert report.status is OrderStatus.FILLED
        assert report.filled_quantity == sum(fill.quantity for fill in report.fills) == 10
        assert desk.desk.anomalies == 0
    gw.check()


async def test_a_resting_order_is_cancelled(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await desk.desk.place(resting("a"))
        assert report.status is OrderStatus.SUBMITTED
        assert (await desk.desk.cancel(report.order_id)).status is OrderStatus.CANCELLED


async def test_a_rejection_carries_the_brokers_code(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Answer(to="PlaceOrder", code=201, text="Order rejected - reason: no"))
        with pytest.raises(OrderRejectedError) as caught:
            await desk.desk.place(resting("a"))
        assert caught.value.code == 201


@pytest.mark.parametrize("handled", [True, False])
async def test_a_cut_on_the_order_ends_in_one_order_or_none(tmp_path: Path, handled: bool) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Cut(on="PlaceOrder", handled=handled))
        report = await placed_after_all(desk, resting("a"))
        assert report.status is (OrderStatus.SUBMITTED if handled else OrderStatus.REJECTED)
        assert references(gw) == ([report.order_ref] if handled else [])


@pytest.mark.parametrize("direction", ["received", "sent"])
@pytest.mark.parametrize("start", range(1, 481, 40))
async def test_a_cut_at_every_byte_of_order_and_answer_ends_in_one_order_or_none(
    tmp_path: Path, start: int, direction: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        details = await desk.resolve(AAPL)

        async def at_hand(contract: object) -> object:
            return details  # so that the order's frame is the first on the wire

        desk.desk._admission.resolve = at_hand  # type: ignore[assignment]  # no lookup between
        for byte in range(start, start + 40):
            session = desk.session
            gw.inject(CutAfter(received=byte) if direction == "received" else CutAfter(sent=byte))
            report = await placed_after_all(desk, resting(f"k{byte}"))
            there = references(gw).count(report.order_ref)
            assert there == (0 if report.status is OrderStatus.REJECTED else 1)
            if gw.faults.armed:  # the cut lies behind the frame: all bytes were tried
                assert report.status is OrderStatus.SUBMITTED
                break
            if desk.session is session:  # answered first, and cut then
                await desk.ended.wait()
                await desk.connect()
        assert len(set(references(gw))) == len(references(gw))
