"""Margin, losses, liquidation: by prices that move and words that the gateway says, on a socket."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import OrderRejectedError, TradingHaltedError
from ibkr_connector.model.alerts import AlertKind, AlertStep
from ibkr_connector.settings import RiskSettings
from ibkr_connector.settings.alert_rules import AlertAction
from ibkr_connector.settings.alerts import AlertRule, AlertSettings
from ibkr_connector.simulator import ForeignOrder, Reject, Rewrite
from ibkr_connector.simulator.scenario import HoldQuote
from kit.alerts import watched
from kit.rig import Rig

K, R, C = AlertKind, AlertStep.RAISED, AlertStep.CLEARED
ACCOUNT = "DU1234567"
AAPL = 265598
WIDE = RiskSettings(max_order_size=Decimal(100_000))
URGENT = (
    "URGENT: Please note that the qualifying equity within your account is insufficient to satisfy "
    f"the margin requirement. Account: {ACCOUNT}"
)
MILD = f"ALERT: Your account, while currently margin compliant, is near it. Account: {ACCOUNT}"


async def price(made: Rig, at: str) -> None:
    """Hold the market there until the account's figures show it."""
    made.simulator.act(HoldQuote(symbol="AAPL", bid=Decimal(at), ask=Decimal(at)))
    await made.advance(400)


async def bought(made: Rig) -> None:
    await price(made, "190")
    order = {"symbol": "AAPL", "action": "BUY", "quantity": 9000, "order_type": "MKT"}
    await made.run(made.engine.orders.place(order), step_s=0.5)
    await made.advance(200)


async def test_a_falling_price_is_told_in_the_order_in_which_it_hurts(tmp_path: Path) -> None:
    async with watched(tmp_path, look_s=5.0, risk=WIDE) as (made, heard):
        await bought(made)
        assert heard.steps() == []
        await price(made, "180")
        assert heard.steps() == [(K.DAILY_LOSS, R)]
        await price(made, "150")
        assert heard.steps()[1:] == [(K.DRAWDOWN, R)]
        await price(made, "110")
        assert heard.steps()[2:] == [(K.MARGIN_CUSHION, R)]
        # between the thresholds nothing changes, however often it crosses one of them
        for at in ("113", "109", "114"):
            await price(made, at)
        assert len(heard.steps()) == 3
        await price(made, "103")
        assert heard.steps()[3:] == [(K.MARGIN_CALL, R)]
        call = next(one for one in made.engine.alarms.active if one.kind is K.MARGIN_CALL)
        assert (call.key, call.threshold) == (ACCOUNT, "below 0")
        assert call.value.startswith("-")
        assert call.value.endswith("USD")
        await price(made, "190")
        await made.advance(120)
        assert Counter(heard.steps()[4:]) == Counter(
            {(kind, C): 1 for kind in (K.DAILY_LOSS, K.DRAWDOWN, K.MARGIN_CUSHION, K.MARGIN_CALL)}
        )
        assert heard.highest == 4


@pytest.mark.parametrize("readonly", [False, True])
async def test_an_alert_flattens_once_and_never_through_a_connector_that_is_read_only(
    tmp_path: Path, readonly: bool
) -> None:
    rules = {K.MARGIN_CALL: AlertRule(action=AlertAction.FLATTEN)}
    settings: dict[str, Any] = {"alerts": AlertSettings(rules=rules), "risk": WIDE}
    async with watched(tmp_path, look_s=5.0, **settings) as (made, heard):
        await bought(made)
        # only the action is asked: a connector that is read-only could not have bought
        made.engine.alarms._act._readonly = lambda: readonly  # type: ignore[union-attr]
        await price(made, "100")
        call = next(one for one in heard.of(K.MARGIN_CALL) if one.step is R).alert
        if readonly:
            assert "read-only" in call.action
            assert made.engine.status().kill_switch == ""
            assert held(made) == 9000
            return
        assert call.action == "flatten"
        await made.run(made.engine.guard.carry_out(), step_s=0.5)
        await made.advance(200)
        assert held(made) == 0
        assert "alert margin_call of DU1***67" in made.engine.status().kill_switch
        orders = made.engine.orders.orders()
        assert [one.action for one in orders] == ["BUY", "SELL"]
        await made.advance(600)
        assert heard.steps(K.MARGIN_CALL) == [(K.MARGIN_CALL, R), (K.MARGIN_CALL, C)]
        # it is raised again while the switch is engaged: another alert, which acts for itself
        made.simulator.notice(2148, URGENT)
        await made.advance(10)
        assert len(made.engine.orders.orders()) == 2


def held(made: Rig) -> Decimal:
    return sum((one.quantity for one in made.engine.positions(None)), Decimal(0))


async def test_what_the_broker_says_of_the_margin_is_told(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        for _ in range(3):
            made.simulator.notice(2148, MILD)
            await made.advance(5)
        assert heard.steps() == [(K.MARGIN_CUSHION, R)]
        made.simulator.notice(2148, URGENT)
        await made.advance(5)
        assert heard.steps()[1:] == [(K.MARGIN_CALL, R)]
        call = next(one for one in made.engine.alarms.active if one.kind is K.MARGIN_CALL)
        assert (call.key, call.value) == (ACCOUNT, "code 2148")
        await made.advance(120)
        assert Counter(heard.steps()[2:]) == {(K.MARGIN_CUSHION, C): 1, (K.MARGIN_CALL, C): 1}


async def test_a_position_that_the_broker_closes_is_told(tmp_path: Path) -> None:
    # IB tells such executions under client 0, as those that were typed in
    async with watched(tmp_path, risk=WIDE, client_id=0) as (made, heard):
        await bought(made)
        made.simulator.inject(Rewrite(reply="ExecDetails", values={"liquidation": "1"}))
        made.simulator.inject(
            ForeignOrder(con_id=AAPL, action="SELL", quantity=Decimal(10), order_id=0)
        )
        await made.advance(10)
        (change,) = heard.of(K.LIQUIDATION)
        assert change.alert.key == ACCOUNT
        assert "SELL 10" in change.alert.text
        made.simulator.cut()
        await made.ready()
        await made.advance(60)
        # it is told again after the reconnect, and is the same execution
        assert len(heard.of(K.LIQUIDATION)) == 1


async def test_a_rejection_that_speaks_of_the_account_is_told_as_that(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        said = "Order rejected - reason: this account is restricted to closing orders"
        made.simulator.inject(Reject(code=201, text=said, times=1))
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
        with pytest.raises(OrderRejectedError, match="restricted"):
            await made.run(made.engine.orders.place(order), step_s=0.2)
        assert heard.steps() == [(K.ORDER_REJECTED, R), (K.ACCOUNT_RESTRICTED, R)]


async def test_two_connectors_of_one_state_directory_do_not_both_watch_an_account(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (made, _):
        await made.advance(5)
        assert list(made.engine._watched.look())
        other = type(made.engine._watched)(
            made.settings.alerts,
            desk=made.engine.account,
            equity=made.engine.equity,
            accounts=lambda: made.engine.accounts,
            directory=made.settings.state_dir,
            clock=made.clock,
        )
        assert list(other.look()) == []
        made.engine._watched.close()
        assert list(other.look())
        other.close()


async def test_an_alert_cancels_and_closes_in_the_account_alone_that_it_is_about(
    tmp_path: Path,
) -> None:
    other = "DU7654321"
    rules = {K.MARGIN_CALL: AlertRule(action=AlertAction.FLATTEN)}
    accounts = {ACCOUNT: Decimal(1_000_000), other: Decimal(1_000_000)}
    given: dict[str, Any] = {"alerts": AlertSettings(rules=rules), "risk": WIDE}
    async with watched(tmp_path, look_s=5.0, accounts=accounts, **given) as (made, heard):
        await price(made, "190")
        orders = made.engine.orders
        rest = {"symbol": "AAPL", "action": "BUY", "order_type": "LMT", "limit_price": "1"}
        for account, quantity in ((ACCOUNT, 9000), (other, 10)):
            buy = {**rest, "order_type": "MKT", "limit_price": None, "quantity": quantity}
            await made.run(orders.place({**buy, "account": account}), step_s=0.5)
            await made.run(orders.place({**rest, "quantity": 1, "account": account}), step_s=0.5)
        await price(made, "100")
        (call,) = [one.alert for one in heard.of(K.MARGIN_CALL) if one.step is R]
        assert (call.key, call.action) == (ACCOUNT, "flatten")
        report = await made.run(made.engine.guard.carry_out(), step_s=0.5)
        assert (report.cancelled, report.closed, report.problems) == (1, 1, ())
        await made.advance(200)
        left = {one.account: one.quantity for one in made.engine.positions(None) if one.quantity}
        assert left == {other: Decimal(10)}
        assert [one.account for one in orders.orders(open_only=True)] == [other]
        # and nothing new is opened in either
        with pytest.raises(TradingHaltedError):
            await made.run(orders.place({**rest, "quantity": 1, "account": other}), step_s=0.5)
