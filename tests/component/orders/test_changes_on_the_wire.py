"""Changes of working orders through a real socket: made when the broker shows them, or refused."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    NotConnectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
    RiskLimitError,
)
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition, TimeInForce
from ibkr_connector.orders.journal import read
from ibkr_connector.simulator import Answer, Cut, GatewaySimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from kit.order_socket import Wire, wire

REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 100,
    "order_type": "LMT",
    "limit_price": "1.05",
}


async def working(desk: Wire, **more: Any) -> OrderReport:
    report = await desk.desk.place(REST | more)
    return await desk.desk.wait_for(
        report.order_id, lambda now: now.status is OrderStatus.SUBMITTED, timeout_s=60
    )


@pytest.mark.parametrize(
    ("placed", "changes", "held"),
    [
        ({}, {"limit_price": "1.06"}, {"limit_price": Decimal("1.06")}),
        ({}, {"quantity": 50}, {"quantity": Decimal(50)}),
        ({}, {"quantity": 150, "limit_price": 1}, {"quantity": 150, "limit_price": 1}),
        ({}, {"time_in_force": "GTC"}, {"time_in_force": "GTC"}),
        (
            {},
            {"time_in_force": "GTD", "good_till": "2026-12-18T21:00:00.5+00:00"},
            {"time_in_force": "GTD", "good_till": datetime(2026, 12, 18, 21, tzinfo=UTC)},
        ),
        ({}, {"outside_regular_hours": True}, {"outside_hours": True}),
        ({"display_size": 10}, {"display_size": 20}, {"display_size": Decimal(20)}),
        (
            {"order_type": "STP", "limit_price": None, "stop_price": 9000},
            {"stop_price": 9001},
            {"stop_price": Decimal(9001)},
        ),
        (
            {"order_type": "TRAIL", "limit_price": None, "trail_amount": 50},
            {"trail_amount": None, "trail_percent": 9},
            {"stop_price": None, "trailing_percent": Decimal(9)},
        ),
    ],
)
async def test_a_change_is_made_when_the_venue_holds_it(
    tmp_path: Path, placed: dict[str, Any], changes: dict[str, Any], held: dict[str, Any]
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk, **placed)
        changed = await desk.desk.modify(report.order_id, changes)
        (order,) = gw.venue.open_orders()
        assert {key: getattr(order.terms, key) for key in held} == held
        assert changed.order_id == report.order_id
        assert changed.status is OrderStatus.SUBMITTED
        assert order.perm_id == changed.perm_id == report.perm_id
        assert desk.desk.report(report.order_id) == changed
        assert desk.desk.anomalies == 0


# --- trails -------------------------------------------------------------------------------------


def hold(gw: GatewaySimulator, bid: str) -> None:
    """Hold Apple's market at a quote, and let trails follow it."""
    price = Decimal(bid)
    now = gw.clock.utcnow()
    command = SetQuote(con_id=265598, bid=price, ask=price + Decimal("0.10"), last=price)
    gw.gateway.deliver(gw.venue.execute(command, now), now)
    gw.flush()


TRAIL: dict[str, Any] = {"symbol": "AAPL", "action": "SELL", "quantity": 100, "trail_amount": 10}


async def trailing(gw: GatewaySimulator, desk: Wire, **more: Any) -> OrderReport:
    """Place a trail at 100, and let the market go to 120 and back to 115."""
    hold(gw, "100.00")
    report = await desk.desk.place(TRAIL | more)
    await desk.desk.wait_for(
        report.order_id, lambda now: now.status is OrderStatus.SUBMITTED, timeout_s=60
    )
    hold(gw, "120.00")
    hold(gw, "115.00")
    (order,) = gw.venue.open_orders()
    assert order.trigger_price == Decimal(110)
    await desk.desk.reconcile()  # the broker tells where the stop is
    return desk.desk.report(report.order_id)


@pytest.mark.parametrize("stop", ["112.50", "107", "110"])
@pytest.mark.parametrize("more", [{"order_type": "TRAIL"}, {"order_type": "TRAIL LIMIT"}])
async def test_a_trails_stop_is_moved(tmp_path: Path, more: dict[str, Any], stop: str) -> None:
    if more["order_type"] == "TRAIL LIMIT":
        more = more | {"limit_offset": 1}
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await trailing(gw, desk, **more)
        # the clock stands still: the broker's openOrder is word enough
        changed = await desk.desk.modify(report.order_id, {"stop_price": stop})
        (order,) = gw.venue.open_orders()
        assert order.trigger_price == Decimal(stop) == changed.stop_price
        assert changed.terms == report.terms
        hold(gw, "125.00")
        assert gw.venue.open_orders()[0].trigger_price == Decimal(115)


@pytest.mark.parametrize("stop", ["112.50", "107", "110"])
async def test_a_trails_stop_that_is_not_moved_is_not_told_to_be(tmp_path: Path, stop: str) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await trailing(gw, desk, order_type="TRAIL")
        gw.inject(Answer(to="PlaceOrder", code=2102, text="refused for a test"))
        with pytest.raises(OrderStateError, match="it goes on as it was: refused") as caught:
            await desk.desk.modify(report.order_id, {"stop_price": stop})
        assert caught.value.code == 2102
        assert caught.value.disposition is SendDisposition.SENT
        assert desk.desk.report(report.order_id).stop_price == Decimal(110)


async def test_a_change_of_something_else_leaves_a_trails_stop_where_it_is(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await trailing(gw, desk, order_type="TRAIL")
        await desk.desk.modify(report.order_id, {"quantity": 90})
        (order,) = gw.venue.open_orders()
        # begun anew from the market it would stand at 105
        assert (order.terms.quantity, order.trigger_price) == (Decimal(90), Decimal(110))
        await desk.desk.modify(report.order_id, {"trail_amount": 12})
        assert gw.venue.open_orders()[0].trigger_price == Decimal(103)


async def test_the_limit_of_a_trail_keeps_its_distance_through_changes(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        asked = {"order_type": "TRAIL LIMIT", "stop_price": 90, "limit_price": "89.50"}
        report = await trailing(gw, desk, **asked)
        await desk.desk.modify(report.order_id, {"quantity": 90})
        changed = await desk.desk.modify(report.order_id, {"limit_offset": "0.75"})
        assert changed.terms.limit_offset == Decimal("0.75")
        (order,) = gw.venue.open_orders()
        assert order.trigger_price == Decimal(110)
        assert order.terms.limit_offset == Decimal("0.75")
        hold(gw, "108.00")
        (order,) = gw.venue.open_orders()
        assert order.working_price == Decimal("109.25")
        with pytest.raises(OrderValidationError, match="follows its stop; change limit_offset"):
            await desk.desk.modify(report.order_id, {"limit_price": 1})


@pytest.mark.parametrize("priority", ["Urgent", "Patient"])
async def test_the_priority_of_the_adaptive_algorithm_is_changed(
    tmp_path: Path, priority: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk, adaptive="normal")
        changed = await desk.desk.modify(report.order_id, {"adaptive": priority.lower()})
        assert changed.terms.adaptive == priority
        (order,) = gw.venue.open_orders()
        assert order.terms.algo is not None
        assert order.terms.algo.parameters == {"adaptivePriority": priority}
        with pytest.raises(OrderValidationError, match="neither begin nor end"):
            await desk.desk.modify(report.order_id, {"adaptive": None})


async def test_an_algorithm_does_not_begin_on_a_working_order(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        with pytest.raises(OrderValidationError, match="neither begin nor end"):
            await desk.desk.modify(report.order_id, {"adaptive": "urgent"})


async def test_what_changes_nothing_sends_nothing(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        gw.inject(Answer(to="PlaceOrder", code=105, text="sent after all"))
        assert await desk.desk.modify(report.order_id, {"limit_price": "1.050"}) == report


@pytest.mark.parametrize("code", [104, 105, 110, 201, 321, 329, 2102, 10341])
async def test_a_refusal_leaves_the_order_as_it_was_and_says_its_code(
    tmp_path: Path, code: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        gw.inject(Answer(to="PlaceOrder", code=code, text="refused for a test"))
        with pytest.raises(OrderStateError, match="it goes on as it was: refused") as caught:
            await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
        assert caught.value.code == code
        assert caught.value.disposition is SendDisposition.SENT
        now = desk.desk.report(report.order_id)
        assert (now.status, now.limit_price) == (OrderStatus.SUBMITTED, Decimal("1.05"))
        # and it can be changed, and cancelled, afterwards
        assert (await desk.desk.modify(report.order_id, {"quantity": 90})).quantity == 90
        assert (await desk.desk.cancel(report.order_id)).status is OrderStatus.CANCELLED


async def test_a_change_that_can_trade_at_once_is_filled(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        await desk.desk.modify(report.order_id, {"limit_price": 9000})
        filled = await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        assert filled.status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"action": "SELL"}, "action of an order cannot be changed; cancel it and place another"),
        ({"order_type": "MKT"}, "order_type of an order cannot be changed"),
        ({"limit_prise": 1}, "unknown key 'limit_prise'; did you mean 'limit_price'?"),
        ({"limit_price": None}, "limit_price is missing"),
        ({"limit_price": "1.001"}, "limit_price must be a multiple of 0.01"),
        ({"quantity": 0}, "quantity must be above 0"),
        ({"stop_price": 1}, "stop_price does not belong to an order of type LMT"),
        ({"time_in_force": "GTD"}, "good_till is missing"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused_and_nothing_is_sent(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        with pytest.raises(OrderValidationError) as caught:
            await desk.desk.modify(report.order_id, changes)
        assert fault in caught.value.message
        assert gw.venue.open_orders()[0].terms.limit_price == Decimal("1.05")


async def test_a_change_passes_the_limits_like_an_order(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        with pytest.raises(RiskLimitError, match="MAX_ORDER_SIZE"):
            await desk.desk.modify(report.order_id, {"quantity": 5000})


async def test_a_closed_order_cannot_be_changed(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        await desk.desk.cancel(report.order_id)
        with pytest.raises(OrderStateError, match="is cancelled and cannot be changed"):
            await desk.desk.modify(report.order_id, {"quantity": 5})


@pytest.mark.parametrize("handled", [True, False])
async def test_a_cut_on_a_change_ends_in_one_order_with_the_terms_of_the_venue(
    tmp_path: Path, handled: bool
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await working(desk)
        gw.inject(Cut(on="PlaceOrder", handled=handled))
        with pytest.raises(OrderUncertainError, match="the change was sent"):
            await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
        await desk.ended.wait()
        await desk.connect()
        await desk.desk.reconcile()
        (order,) = gw.venue.open_orders()
        now = desk.desk.report(report.order_id)
        assert now.limit_price == order.terms.limit_price
        assert now.limit_price == Decimal("1.06" if handled else "1.05")


async def test_a_change_that_found_no_socket_is_told_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "j"
    async with GatewaySimulator() as gw, wire(gw, path) as desk:
        report = await working(desk)
        is_alive = desk.link.confirm_alive

        async def gone() -> None:
            assert desk.session is not None
            await desk.session.aclose()
            await is_alive()

        with pytest.MonkeyPatch.context() as patched:
            # the socket ends between the examination of the change and its first byte
            patched.setattr(desk.link, "confirm_alive", gone)
            with pytest.raises(NotConnectedError):
                await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
        told = await desk.desk.history(report.order_id)
        assert [step.what.split(":")[0] for step in told.steps if step.kind == "change"] == [
            "to be changed",
            "not changed",
        ]
        await desk.connect()
        await desk.desk.reconcile()
        changed = await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
        assert changed.limit_price == Decimal("1.06")


async def test_a_change_is_in_the_journal_before_it_is_made_and_after_a_restart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j"
    async with GatewaySimulator() as gw:
        async with wire(gw, path) as desk:
            report = await working(desk)
            await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
        kinds = [entry.kind for entry in read(path)]
        assert "fact" in kinds[kinds.index("change") :]
        async with wire(gw, path) as desk:
            assert desk.desk.report(report.order_id).limit_price == Decimal("1.06")
            changed = await desk.desk.modify(report.order_id, {"time_in_force": "GTC"})
            assert changed.time_in_force is TimeInForce.GTC
            assert changed.limit_price == Decimal("1.06")
