"""Orders that an advisor divides among accounts, through a real socket: what goes, what comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from ibkr_connector.build import buy
from ibkr_connector.errors import (
    OrderRejectedError,
    OrderUncertainError,
    OrderValidationError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.model.advisor import (
    AdvisorGroup,
    Allocation,
    AllocationMethod,
    GroupMember,
    SoftDollarTier,
)
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.settings.rules import RiskSettings
from ibkr_connector.simulator import Cut, Truncate
from ibkr_connector.simulator.exchange.commands import CorrectExecution
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.account_desk import portfolio_of, quote
from kit.rig import Rig, rig

MASTER: Final = "DF1000000"
FIRM: Final = {
    MASTER: Decimal(0),
    "DU1": Decimal(200_000),
    "DU2": Decimal(600_000),
    "DU3": Decimal(600_000),
}
CORE: Final = AdvisorGroup(
    name="Core",
    method=AllocationMethod.RATIO,
    members=(
        GroupMember(account="DU1", amount=Decimal(1)),
        GroupMember(account="DU2", amount=Decimal(3)),
    ),
)
WORTH: Final = AdvisorGroup(
    name="By worth",
    method=AllocationMethod.NET_LIQUIDATION,
    members=(GroupMember(account="DU1"), GroupMember(account="DU2")),
)
FIXED: Final = AdvisorGroup(
    name="Fixed",
    method=AllocationMethod.SHARES,
    members=(
        GroupMember(account="DU1", amount=Decimal(5)),
        GroupMember(account="DU2", amount=Decimal(7)),
    ),
)
FAR: Final = {"symbol": "AAPL", "action": "BUY", "order_type": "LMT", "limit_price": "50"}


@asynccontextmanager
async def firm(directory: Path, **rules: Any) -> AsyncIterator[Rig]:
    """Run an advisor's login with three groups, a model and a tier, and rules of its own."""
    risk = RiskSettings(max_order_size=Decimal(1000), **rules)
    async with rig(directory, accounts=FIRM, risk=risk) as one:
        advisor = one.simulator.gateway.advisor
        advisor.models["Growth"] = {"DU2": Decimal(1), "DU3": Decimal(1)}
        advisor.tiers = (("Research", "12", "Research of 2026"),)
        await one.run(portfolio_of(one).replace_groups([CORE, WORTH, FIXED]))
        quote(one, "100")
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """One firm for all that is refused."""
    async with firm(tmp_path_factory.mktemp("firm")) as one:
        yield one


async def place(one: Rig, order: Any, **how: Any) -> OrderReport:
    report: OrderReport = await one.run(one.engine.orders.place(order, **how))
    return report


async def filled(one: Rig, order: Any) -> OrderReport:
    report = await place(one, order)
    await one.advance(15)
    return one.engine.orders.report(report.order_id)


def sent(one: Rig) -> list[PlaceOrder]:
    return [row.request for row in one.simulator.log if isinstance(row.request, PlaceOrder)]


def held(one: Rig) -> dict[str, Decimal]:
    return {
        row.account: row.quantity
        for account in FIRM
        for row in one.engine.account.positions(account)
    }


async def test_what_a_group_has_bought_is_counted_once_and_is_in_its_accounts(
    tmp_path: Path,
) -> None:
    async with firm(tmp_path) as one:
        report = await filled(one, buy("AAPL", 8).among("Core").keyed("a"))
        assert report.status is OrderStatus.FILLED
        assert (report.filled_quantity, report.account) == (Decimal(8), "")
        assert report.terms.allocation == Allocation(group="Core")
        assert {fill.account: fill.quantity for fill in report.fills} == {
            "DU1": Decimal(2),
            "DU2": Decimal(6),
        }
        booked = one.simulator.venue.executions()
        assert report.commission == sum(cost.amount for _, cost in booked)
        # the whole and its parts were told, as TWS tells an advisor
        assert len(one.simulator.venue.told_executions()) == len(booked) + 1
        assert held(one) == {"DU1": Decimal(2), "DU2": Decimal(6)}
        (request,) = sent(one)
        assert [request.order.text(name) for name in ("faGroup", "account")] == ["Core", ""]
        await one.begin_anew()
        told = one.engine.orders.report(report.order_id)
        assert (told.filled_quantity, told.commission) == (Decimal(8), report.commission)
        assert told.terms.allocation == Allocation(group="Core")
        assert one.engine._drift is not None
        drift = await one.run(one.engine._drift.check())
        assert drift.is_clean, drift.differences
        for account in ("DU1", "DU2", MASTER):
            check = await one.run(portfolio_of(one).check_pnl(account))
            assert not check.divergence, (account, check)


async def test_a_correction_of_one_accounts_part_changes_the_order_once(tmp_path: Path) -> None:
    async with firm(tmp_path) as one:
        report = await filled(one, buy("AAPL", 8).among("Core"))
        part = next(e for e, _ in one.simulator.venue.executions() if e.account == "DU2")
        one.simulator.gateway.execute(
            CorrectExecution(exec_id=part.exec_id, price=Decimal(90)), one.clock.utcnow()
        )
        one.simulator.flush()
        await one.advance(1)
        after = one.engine.orders.report(report.order_id)
        assert after.filled_quantity == 8
        assert {f.account: f.price for f in after.fills}["DU2"] == 90


async def test_group_model_and_tier_are_changed_with_and_survive_a_restart(tmp_path: Path) -> None:
    async with firm(tmp_path) as one:
        tier = (await one.run(portfolio_of(one).soft_dollar_tiers()))[0]
        assert (tier.value, str(tier)) == ("12", "Research of 2026")
        other = Allocation(group="Core", method=AllocationMethod.EQUAL)
        order = {**FAR, "quantity": 10, "allocation": other, "soft_dollar_tier": tier}
        report = await place(one, {**order, "client_order_id": "k"})
        for_model = await place(one, buy("AAPL", 4).limit(50).in_model("Growth"))
        assert for_model.account == MASTER
        changed = await one.run(one.engine.orders.modify(report.order_id, {"quantity": 12}))
        assert (changed.quantity, changed.terms.allocation) == (Decimal(12), other)
        with pytest.raises(OrderValidationError, match="allocation of an order cannot be changed"):
            await one.run(one.engine.orders.modify(report.order_id, {"allocation": "Fixed"}))
        await one.begin_anew()
        told = one.engine.orders.report(report.order_id)
        assert (told.quantity, told.terms) == (Decimal(12), changed.terms)
        assert told.terms.soft_dollar_tier == tier
        rows = {row.order_id: row.terms for row in await one.engine._link.open_orders()}
        assert rows[report.order_id].allocation == other
        assert rows[for_model.order_id].model == "Growth"
        # the same key is the same order
        same = await place(one, {**order, "client_order_id": "k"})
        assert same.order_id == report.order_id
        done = await one.run(one.engine.orders.cancel(report.order_id))
        assert done.status is OrderStatus.CANCELLED
        requests = [(r.order.text("faMethod"), r.order.text("modelCode")) for r in sent(one)]
        assert requests == [("Equal", ""), ("", "Growth"), ("Equal", "")]


async def test_an_orders_size_follows_from_a_method_that_says_it(tmp_path: Path) -> None:
    async with firm(tmp_path) as one:
        fixed = await filled(one, {**FAR, "limit_price": "101", "allocation": "Fixed"})
        assert (fixed.quantity, fixed.filled_quantity) == (Decimal(12), Decimal(12))
        less = {
            "symbol": "AAPL",
            "action": "SELL",
            "allocation": {"group": "By worth", "method": "PctChange", "percentage": "-40"},
        }
        report = await filled(one, less)
        assert {f.account: f.quantity for f in report.fills} == {
            "DU1": Decimal(2),
            "DU2": Decimal(2),
        }
        assert report.filled_quantity == 4
        assert sent(one)[-1].order.text("faPercentage") == "-40"
        assert sent(one)[-1].order.text("totalQuantity") == "0"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"allocation": "Nobody"}, "'Nobody'; the advisor has 'Core', 'By worth', 'Fixed'"),
        ({"allocation": "Core", "account": "DU1"}, "'DU1' and the group 'Core' exclude each other"),
        ({"allocation": "Core", "model": "Growth"}, "model 'Growth' and the group"),
        ({"allocation": {"group": "Core", "method": "Best"}}, "must be one of Equal, NetLiq"),
        ({"allocation": {"group": "By worth", "method": "Ratio"}}, "an amount for each account"),
        ({"allocation": {"group": "Core", "percentage": 5}}, "takes no allocation.percentage"),
        ({"allocation": {"group": "Core", "method": "PctChange"}}, "percentage is missing"),
        ({"allocation": "Fixed"}, "which makes it 12; leave it out"),
        ({"allocation": {"group": "Core", "is_profile": True}}, "name it as one"),
        ({"soft_dollar_tier": {"name": "X", "value": "1"}, "account": "DU1"}, "has 'Research'"),
        ({"account": "DU9"}, "not one of the login's 4 accounts"),
        ({"faGroup": "Core"}, "did you mean 'allocation'"),
    ],
)
async def test_what_the_advisor_does_not_have_is_refused_by_name(
    shared: Rig, order: dict[str, Any], said: str
) -> None:
    before = len(sent(shared))
    with pytest.raises(OrderValidationError) as refused:
        await place(shared, {**FAR, "quantity": 10, **order})
    assert said in f"{refused.value} {refused.value.hint}"
    assert len(sent(shared)) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_model_is_the_gateways_to_refuse(shared: Rig) -> None:
    with pytest.raises(OrderRejectedError, match="model code"):
        await place(shared, {**FAR, "quantity": 1, "model": "Nothing"})


async def test_a_login_that_is_no_advisors_has_no_groups(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        with pytest.raises(OrderValidationError, match="for the group 'Core'") as refused:
            await place(one, {**FAR, "quantity": 1, "allocation": "Core"})
        assert refused.value.hint is not None
        assert "name an account instead" in refused.value.hint


async def test_rules_look_at_the_whole_and_at_the_most_that_each_account_may_get(
    tmp_path: Path,
) -> None:
    async with firm(tmp_path, max_position_size=Decimal(60)) as one:
        with pytest.raises(RiskLimitError) as refused:
            await place(one, buy("AAPL", 100).limit(50).among("Core"))
        # a quarter and three quarters of it
        (broken,) = refused.value.violations
        assert broken.value == "75 with all open orders filled (account 2 of 2)"
        # by worth only TWS knows who gets what, so each may get it all
        with pytest.raises(RiskLimitError) as refused:
            await place(one, buy("AAPL", 61).limit(50).among("By worth"))
        assert [one.value for one in refused.value.violations] == [
            "61 with all open orders filled (account 1 of 2)",
            "61 with all open orders filled (account 2 of 2)",
        ]
        first = await place(one, buy("AAPL", 40).limit(50).among("By worth"))
        # what is open for a group counts in each of its accounts, and in those of the model
        with pytest.raises(RiskLimitError, match="max_position_size: 61"):
            await place(one, buy("AAPL", 21).limit(50).account("DU1"))
        with pytest.raises(RiskLimitError, match="1001"):
            await place(one, buy("AAPL", 1001).limit(50).among("Core"))
        await one.run(one.engine.orders.cancel(first.order_id))
        preview = await one.run(one.engine.orders.preview(buy("AAPL", 8).among("Core").request))
        rows = [row for row in preview.rules if row.rule == "max_position_size"]
        assert [row.value for row in rows] == ["2 (account 1 of 2)", "6 (account 2 of 2)"]
        report = await place(one, preview.order, token=preview.token)
        assert report.terms.allocation == Allocation(group="Core")


async def test_a_bracket_is_closed_as_it_was_divided(tmp_path: Path) -> None:
    async with firm(tmp_path) as one:
        bracket = buy("AAPL", 8).limit(101).among("Core").bracket(take_profit=120, stop_loss=80)
        report = await one.run(one.engine.orders.place_bracket(bracket))
        await one.advance(15)
        assert {one.order.text("faGroup") for one in sent(one)} == {"Core"}
        assert held(one) == {"DU1": Decimal(2), "DU2": Decimal(6)}
        quote(one, "130")
        await one.advance(15)
        taken = one.engine.orders.report(report.take_profit.order_id)
        assert (taken.status, taken.filled_quantity) == (OrderStatus.FILLED, Decimal(8))
        assert held(one) == {}
        money = {"percentage": "5", "group": "Core", "method": "PctChange"}
        with pytest.raises(OrderValidationError, match="does not go with a bracket"):
            await one.run(
                one.engine.orders.place_bracket(
                    {**FAR, "allocation": money, "take_profit": 60, "stop_loss": 40}
                )
            )
        by_money = replace(CORE, name="Money", method=AllocationMethod.AMOUNT)
        await one.run(portfolio_of(one).replace_groups([by_money]))
        before = len(sent(one))
        with pytest.raises(OrderValidationError, match="cannot be divided by amounts of money"):
            await one.run(
                one.engine.orders.place_bracket(
                    {**FAR, "allocation": "Money", "take_profit": 60, "stop_loss": 40}
                )
            )
        assert len(sent(one)) == before


@pytest.mark.parametrize("when", ["before the answer", "in the fills"])
async def test_a_connection_that_breaks_leaves_a_group_order_there_once(
    tmp_path: Path, when: str
) -> None:
    async with firm(tmp_path) as one:
        price = 50 if when == "before the answer" else 101
        in_fills = Truncate(reply="ExecDetails", at=20)
        one.simulator.inject(Cut(on="PlaceOrder", handled=True) if price == 50 else in_fills)
        order = buy("AAPL", 8).limit(price).among("Core").keyed("once")
        with suppress(OrderUncertainError):
            await place(one, order)
        await one.ready()
        await one.advance(15)
        report = await place(one, order)
        assert len(sent(one)) == 1
        assert report.terms.allocation == Allocation(group="Core")
        if price == 50:
            assert report.status is OrderStatus.SUBMITTED
        else:
            assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(8))
            assert held(one) == {"DU1": Decimal(2), "DU2": Decimal(6)}
            assert {fill.account for fill in report.fills} == {"DU1", "DU2"}


def test_a_tier_is_the_same_whatever_it_is_called() -> None:
    assert SoftDollarTier(name="A", value="1", display_name="x") == SoftDollarTier(
        name="A", value="1"
    )


async def test_one_account_of_a_login_is_closed_and_the_others_are_left(tmp_path: Path) -> None:
    async with firm(tmp_path) as one:
        for account in ("DU1", "DU2", "DU3"):
            await filled(one, buy("AAPL", 5).account(account))
            await place(one, buy("AAPL", 1).limit(50).account(account))
        divided = await place(one, buy("AAPL", 4).limit(50).among("Core"))
        report = await one.run(one.engine.closing.flatten(account="DU3"))
        # what is divided could come to the account that is closed
        ended = {order.account for order in report.cancelled}
        assert ended == {"DU3", ""}
        assert one.engine.orders.report(divided.order_id).status is OrderStatus.CANCELLED
        assert held(one) == {"DU1": Decimal(5), "DU2": Decimal(5)}
        # the same by the kill switch, as an alert asks for it
        one.engine.guard._kill.engage("a drill", flatten=True, accounts=["DU2"])
        done = await one.run(one.engine.guard.carry_out())
        await one.advance(15)
        assert (done.cancelled, done.closed, done.problems) == (1, 1, ())
        assert held(one) == {"DU1": Decimal(5)}
        working = one.engine.orders.orders(open_only=True)
        assert [order.account for order in working] == ["DU1"]
        # nothing opens anywhere, and nobody knows what a divided order closes
        for order in (buy("AAPL", 1).account("DU1"), buy("AAPL", 4).among("Core")):
            with pytest.raises(TradingHaltedError):
                await place(one, order)
        closing = {"symbol": "AAPL", "action": "SELL", "quantity": 5, "account": "DU1"}
        await filled(one, closing)
        assert held(one) == {}
