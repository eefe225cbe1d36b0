"""Previews through the connector and a real socket: questions are cut, lost, late, and placed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector, OrderValidationError, RequestTimeoutError, RiskLimitError
from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import CircuitOpenError, ConnectionLostError
from ibkr_connector.model.orders import OrderStatus, limit_order
from ibkr_connector.model.preview import OrderQuestion, Verdict
from ibkr_connector.orders.bracket_rules import as_bracket
from ibkr_connector.orders.journal import read
from ibkr_connector.simulator import Cut, Drop, GatewaySimulator, Hold, HostedSimulator
from ibkr_connector.simulator.wire.requests.orders import PlaceOrder
from kit.order_socket import NOON, wire

Make = Callable[..., IBKRConnector]
ORDER: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": "1.05",
}
BUY = limit_order("AAPL", "BUY", 10, limit_price=Decimal("1.05"))


def there(gw: GatewaySimulator) -> int:
    return len(tuple(gw.venue.open_orders())) + len(tuple(gw.venue.closed_orders()))


def questions(gw: GatewaySimulator) -> list[PlaceOrder]:
    log = [one.request for one in gw.log]
    return [one for one in log if isinstance(one, PlaceOrder) and one.order.flag("whatIf")]


async def test_what_was_previewed_is_placed_once_and_the_decision_is_in_its_history(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        made = await ib.preview_order(ORDER, by="Ada")
        assert made.is_allowed
        assert made.initial_margin.change is not None
        assert made.initial_margin.change >= 0
        assert made.equity_with_loan.after is not None
        assert made.broker.commission is not None
        assert {row.verdict for row in made.rules} <= {Verdict.PASSED, Verdict.NOT_SET}
        assert ibkr_gateway.do(there) == 0
        report = await ib.place_order(made.order, token=made.token)
        assert report.status is OrderStatus.SUBMITTED
        with pytest.raises(OrderValidationError, match="used"):
            await ib.place_order(made.order, token=made.token)
        assert ibkr_gateway.do(there) == 1
        steps = (await ib.order_history(report.order_id)).steps
        assert [step.kind for step in steps[:2]] == ["intent", "decision"]
        assert "by Ada" in steps[1].what


async def test_a_profile_that_needs_previews_places_nothing_else_and_can_still_get_out(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, require_preview=True) as ib:
        for order in (ORDER, {**ORDER, "client_order_id": "k"}):
            with pytest.raises(OrderValidationError, match="token is missing"):
                await ib.place_order(order)
        with pytest.raises(OrderValidationError, match="token is missing"):
            await ib.place_bracket({**ORDER, "take_profit": "2.00", "stop_loss": "1.00"})
        assert ibkr_gateway.do(there) == 0
        market = {**ORDER, "order_type": "MKT", "limit_price": None}
        made = await ib.preview_order(market)
        report = await ib.place_order(market, token=made.token, wait="filled")
        assert report.status is OrderStatus.FILLED
        with pytest.raises(OrderValidationError, match="token is missing"):
            await ib.modify_order(report.order_id, {"quantity": 11})
        closed = await ib.close_position("AAPL")
        assert [one.status for one in closed.closed] == [OrderStatus.FILLED]


async def test_what_the_rules_refuse_is_shown_and_has_no_token(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=5) as ib:
        made = await ib.preview_order(ORDER)
        (broken,) = made.broken
        assert (broken.rule, broken.value, broken.limit) == ("MAX_ORDER_SIZE", "10", "5")
        assert made.token is None
        with pytest.raises(RiskLimitError):
            await ib.place_order(ORDER)


@pytest.mark.parametrize("handled", [True, False])
async def test_a_cut_while_the_broker_is_asked_leaves_no_order_and_no_trace(
    tmp_path: Path, handled: bool
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Cut(on="PlaceOrder", handled=handled))
        with pytest.raises(ConnectionLostError):
            await desk.desk.preview(BUY)
        await desk.ended.wait()
        await desk.connect()
        await desk.desk.reconcile()
        assert (there(gw), desk.desk.orders(), desk.desk.anomalies) == (0, (), 0)
        made = await desk.desk.preview(BUY)
        await desk.desk.place(made.order, token=made.token)
        assert there(gw) == 1
        ids = [one.order_id for one in questions(gw)]
        assert desk.desk.orders()[0].order_id > max(ids)


async def test_field_problem_32_a_question_that_is_never_answered_ends_at_its_deadline(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Drop(reply="OpenOrder", times=1))
        asking = asyncio.ensure_future(desk.desk.preview(BUY, timeout_s=60))
        await desk.until(lambda: bool(questions(gw)))
        desk.clock.leap(60)
        with pytest.raises(RequestTimeoutError) as caught:
            await asking
        assert caught.value.retryable
        assert desk.session is not None
        assert desk.session.open_calls == 0
        assert (there(gw), desk.desk.orders()) == (0, ())
        assert (await desk.desk.preview(BUY)).is_allowed


async def test_an_answer_after_the_deadline_does_not_touch_the_ledger(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    async with GatewaySimulator(clock=clock) as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Hold(reply="OpenOrder", seconds=0.4, times=1))
        asking = asyncio.ensure_future(desk.desk.preview(BUY, timeout_s=60))
        await desk.until(lambda: bool(questions(gw)))
        desk.clock.leap(60)
        with pytest.raises(RequestTimeoutError):
            await asking
        # a second question is answered after the late answer, so that has come by then
        gw.inject(Hold(reply="OpenOrder", seconds=0.6, times=1))
        asking = asyncio.ensure_future(desk.desk.preview(BUY))
        await desk.until(lambda: len(questions(gw)) == 2)
        await gw.advance(0.4)
        await gw.advance(0.2)
        made = await asking
        assert made.is_allowed
        assert (desk.desk.orders(), desk.desk.anomalies, there(gw)) == ((), 0, 0)
        assert [entry.kind for entry in read(desk.path)] == ["opened"]
        report = await desk.desk.place(BUY)
        assert report.order_id not in {one.order_id for one in questions(gw)}
        assert report.status is OrderStatus.SUBMITTED


async def test_a_caller_who_goes_away_while_the_broker_is_asked_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Hold(reply="OpenOrder", seconds=0.2, times=1))
        asking = asyncio.ensure_future(desk.desk.preview(BUY))
        await desk.until(lambda: bool(questions(gw)))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await desk.desk.preview(BUY)).is_allowed
        assert (desk.desk.orders(), there(gw)) == ((), 0)


async def test_unanswered_questions_do_not_stop_orders(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Drop(reply="OpenOrder", where={"whatIf": "1"}))
        for _ in range(6):
            with pytest.raises((RequestTimeoutError, CircuitOpenError)):
                await desk.desk.preview(BUY, timeout_s=0.05)
        assert (await desk.desk.place(BUY)).status is OrderStatus.SUBMITTED


# --- brackets and changes -----------------------------------------------------------------------

BRACKET = {**ORDER, "take_profit": "2.00", "stop_loss": "1.00"}


async def test_a_bracket_is_previewed_and_goes_by_its_token_once(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, require_preview=True) as ib:
        made = await ib.preview_bracket(BRACKET, by="Ada")
        assert made.is_allowed
        assert made.initial_margin.change is not None
        assert [one.limit_price for one in (made.order, *made.exits)] == [
            Decimal("1.05"),
            Decimal("2.00"),
            None,
        ]
        rules = {row.rule for row in made.rules}
        assert {"MAX_ORDER_SIZE", "take profit: MAX_ORDER_SIZE", "trading"} <= rules
        assert ibkr_gateway.do(there) == 0
        for other in ({**BRACKET, "stop_loss": "0.99"}, {**BRACKET, "quantity": 11}):
            with pytest.raises(OrderValidationError, match="another order"):
                await ib.place_bracket(other, token=made.token)
        with pytest.raises(OrderValidationError, match="another order"):
            await ib.place_order(made.order, token=made.token)
        placed = await ib.place_bracket(BRACKET, token=made.token)
        assert ibkr_gateway.do(there) == 3
        with pytest.raises(OrderValidationError, match="used"):
            await ib.place_bracket(BRACKET, token=made.token)
        assert ibkr_gateway.do(there) == 3
        steps = (await ib.order_history(placed.entry.order_id)).steps
        assert [step.kind for step in steps[:2]] == ["intent", "decision"]
        assert "by Ada" in steps[1].what


async def test_a_bracket_with_a_broken_exit_says_which_and_has_no_token(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, max_order_size=5) as ib:
        typed = as_bracket(BRACKET)
        made = await ib.preview_order(typed)
        assert [row.rule for row in made.broken] == [
            "MAX_ORDER_SIZE",
            "take profit: MAX_ORDER_SIZE",
            "stop loss: MAX_ORDER_SIZE",
        ]
        assert made.token is None


async def test_a_change_is_previewed_and_made_by_its_token_on_that_order_alone(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port, require_preview=True, max_order_size=15) as ib:
        numbers = []
        for quantity in (10, 9):
            order = await ib.preview_order({**ORDER, "quantity": quantity})
            report = await ib.place_order(order.order, token=order.token)
            numbers.append(report.order_id)
        first, second = numbers
        asked = len(ibkr_gateway.do(questions))
        made = await ib.preview_change(first, {"quantity": 12}, by="Ada")
        assert made.order_id == first
        assert made.order.quantity == 12
        # of a change the broker would answer as if it were one more order
        assert len(ibkr_gateway.do(questions)) == asked
        assert made.is_allowed
        for number, changes in ((second, {"quantity": 12}), (first, {"quantity": 13})):
            with pytest.raises(OrderValidationError, match="another order"):
                await ib.modify_order(number, changes, token=made.token)
        changed = await ib.modify_order(first, {"quantity": 12}, token=made.token)
        assert changed.quantity == 12
        steps = (await ib.order_history(first)).steps
        at = [step.kind for step in steps].index("change")
        assert steps[at + 1].kind == "decision"
        assert "by Ada" in steps[at + 1].what
        with pytest.raises(OrderValidationError, match="used"):
            await ib.modify_order(first, {"quantity": 11}, token=made.token)
        refused = await ib.preview_change(first, {"quantity": 16})
        assert [row.rule for row in refused.broken] == ["MAX_ORDER_SIZE"]
        assert refused.token is None
        with pytest.raises(OrderValidationError, match="nothing changes"):
            await ib.preview_change(first, {"quantity": 12})
        assert (await ib.get_order_status(first)).quantity == 12


async def test_an_order_that_was_changed_meanwhile_is_not_changed_by_an_older_token(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        report = await ib.place_order(ORDER)
        made = await ib.preview_change(report.order_id, {"quantity": 12})
        await ib.modify_order(report.order_id, {"limit_price": "1.06"})
        with pytest.raises(OrderValidationError, match="another order"):
            await ib.modify_order(report.order_id, {"quantity": 12}, token=made.token)
        now = await ib.get_order_status(report.order_id)
        assert (now.quantity, now.limit_price) == (Decimal(10), Decimal("1.06"))


async def test_a_bracket_of_a_token_waits_for_a_yes_too(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    asked: list[OrderQuestion] = []

    def agree(question: OrderQuestion) -> bool:
        asked.append(question)
        return True

    async with make_connector(ibkr_gateway.port, require_preview=True) as ib:
        ib.confirm_orders(agree, live_only=False)
        made = await ib.preview_bracket(BRACKET, by="Ada")
        placed = await ib.place_bracket(BRACKET, token=made.token)
        change = await ib.preview_change(placed.entry.order_id, {"limit_price": "1.06"}, by="Bob")
        await ib.modify_order(placed.entry.order_id, {"limit_price": "1.06"}, token=change.token)
        assert [one.by for one in asked] == ["Ada", "Bob"]
        with pytest.raises(OrderValidationError, match="used"):
            await ib.place_bracket(BRACKET, token=made.token)
    assert ibkr_gateway.do(there) == 3
