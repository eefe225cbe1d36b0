"""What each rule is said to have compared, and that the verdict is the rule's own."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest
from ibkr_connector.model.preview import Figures, RuleVerdict, Verdict, WhatIf
from ibkr_connector.orders.risk import (
    RULES,
    Book,
    Case,
    Held,
    RiskFacts,
    RiskLimits,
    Working,
    at_once,
    closes,
    decide,
    judge,
    verdicts,
)
from ibkr_connector.orders.risk.valuation import exposures, position_after
from ibkr_connector.orders.risk.verdicts import MEASURES
from kit.order_desk import AAPL, NOON, buy

ALL: dict[str, Any] = {
    "max_order_value": Decimal(1_000_000),
    "max_portfolio_risk": Decimal("0.9"),
    "max_position_size": Decimal(5_000),
    "max_position_value": Decimal(1_000_000),
    "max_exposure": Decimal(1_000_000),
    "max_exposure_share": Decimal(5),
    "max_concentration": Decimal(5),
    "price_collar": Decimal("0.2"),
    "max_quote_age_s": Decimal(10),
    "max_daily_loss": Decimal(50_000),
    "max_daily_loss_share": Decimal("0.5"),
    "max_drawdown": Decimal("0.5"),
    "halt_cooldown_s": Decimal(60),
    "max_open_orders": 10,
    "max_orders_per_second": 5,
    "max_orders_per_minute": 50,
    "duplicate_window_s": Decimal(5),
    "check_buying_power": True,
    "allow_short": False,
    "require_open_market": True,
    "refuse_halted": True,
    "symbols": frozenset({"AAPL"}),
    "denied_order_types": frozenset({"MOC"}),
}


def case(request: OrderRequest | None = None, *, held: int = 200, **limits: Any) -> Case:
    return Case(
        request=request or buy(),
        contract=AAPL,
        account="DU1",
        limits=RiskLimits(**({"max_order_size": Decimal(1_000)} | limits)),
        facts=RiskFacts(
            price=Decimal(100),
            exchange_rate=Decimal(1),
            bid=Decimal("99.90"),
            ask=Decimal("100.10"),
            quoted_at=NOON - timedelta(seconds=2),
            is_live=True,
            halted=False,
            shortable=True,
            is_open=True,
        ),
        book=Book(
            now=NOON,
            held=(
                Held(
                    con_id=ConId(265598),
                    symbol="AAPL",
                    quantity=Decimal(held),
                    unit_value=Decimal(100),
                ),
            ),
            net_liquidation=Decimal(100_000),
            buying_power=Decimal(100_000),
            day_start=Decimal(101_000),
            peak=Decimal(110_000),
        ),
    )


def by_rule(case: Case) -> dict[str, RuleVerdict]:
    return {row.rule: row for row in verdicts(case)}


def test_every_rule_has_words_for_what_it_compares() -> None:
    assert set(MEASURES) == {rule.name for rule in RULES}


def test_an_order_that_passes_everything_shows_every_value_and_limit() -> None:
    short = replace(buy(), action=Action.SELL, quantity=Decimal(150))
    rows = (*verdicts(case(**ALL)), *verdicts(case(short, held=300, **ALL)))
    passed = [row for row in rows if row.verdict is Verdict.PASSED]
    assert {row.verdict for row in rows} <= {Verdict.PASSED, Verdict.NOT_SET, Verdict.WAIVED}
    assert all(row.value and row.limit and not row.remedy for row in passed)
    assert {row.rule for row in rows if row.verdict is Verdict.NOT_SET} <= {"short selling"}


@pytest.mark.parametrize(
    ("rule", "value", "limit"),
    [
        ("MAX_ORDER_SIZE", "100", "1000"),
        ("max_order_value", "10050.00", "1000000"),
        ("MAX_PORTFOLIO_RISK", "0.1005", "0.9"),
        ("max_position_size", "300", "5000"),
        ("max_position_value", "30150.00", "1000000"),
        ("max_quote_age_s", "2.0 s", "10 s"),
        ("max_daily_loss", "1000.00", "50000"),
        ("max_drawdown", "0.0909", "0.5"),
        ("max_open_orders", "1", "10"),
        ("max_orders_per_second", "1", "5"),
        ("price_collar", "limit_price 100.50", "0.2 from the market at 100.00"),
        ("allowed symbol", "AAPL", "1 named"),
    ],
)
def test_values_and_limits_are_those_of_the_rules(rule: str, value: str, limit: str) -> None:
    row = by_rule(case(**ALL))[rule]
    assert (row.verdict, row.value, row.limit) == (Verdict.PASSED, value, limit)


def test_a_limit_that_is_not_set_is_said_to_be_so() -> None:
    rows = by_rule(case())
    assert rows["MAX_ORDER_SIZE"].verdict is Verdict.PASSED
    others = {row.verdict for name, row in rows.items() if name != "MAX_ORDER_SIZE"}
    assert others == {Verdict.NOT_SET}


@pytest.mark.parametrize("start", [Decimal(0), Decimal(-5)])
def test_an_account_that_began_the_day_with_nothing_can_be_closed(start: Decimal) -> None:
    sale = replace(buy(), action=Action.SELL, quantity=Decimal(100))
    shares: dict[str, Any] = {
        "max_daily_loss_share": Decimal("0.1"),
        "max_drawdown": Decimal("0.1"),
    }
    one = case(sale, **shares)
    one = replace(one, book=replace(one.book, day_start=start, peak=start))
    violations, _ = decide(one)
    assert violations == ()
    rows = [row.verdict for row in verdicts(one) if row.rule == "losses"]
    assert rows == [Verdict.WAIVED]
    # and nothing is opened in it, since nobody knows what is lost
    opens = replace(one, request=buy())
    assert {broken.rule for broken in decide(opens)[0]} == {"max_daily_loss_share", "max_drawdown"}


def test_what_only_closes_has_rules_waived() -> None:
    closing = replace(buy(50), action=Action.SELL)
    rows = by_rule(case(closing, **ALL))
    assert rows["losses"].verdict is Verdict.WAIVED
    assert rows["MAX_ORDER_SIZE"].verdict is Verdict.PASSED


def test_the_brokers_margin_is_shown_where_it_was_asked_for() -> None:
    told = WhatIf(
        initial_margin=Figures(after=Decimal(50)), equity_with_loan=Figures(after=Decimal(90))
    )
    asked = case(**ALL)
    row = by_rule(replace(asked, facts=replace(asked.facts, margin=told)))["buying power"]
    assert (row.value, row.limit) == ("initial margin 50", "equity 90")


@given(
    quantity=st.integers(1, 2_000),
    price=st.decimals(50, 200, places=2),
    selling=st.booleans(),
    held=st.integers(-500, 500),
)
def test_the_verdict_is_the_rules_own(
    quantity: int, price: Decimal, selling: bool, held: int
) -> None:
    request = replace(buy(quantity), limit_price=price)
    request = replace(request, action=Action.SELL) if selling else request
    asked = case(request, held=held, **(ALL | {"max_position_size": Decimal(400)}))
    rows = [row for row in verdicts(asked) if row.verdict is Verdict.BROKEN]
    assert [(row.rule, row.value, row.limit, row.remedy) for row in rows] == [
        (one.rule, one.value, one.limit, one.remedy) for one in judge(asked)
    ]


# --- what is stored with an order ---------------------------------------------------------------


@given(
    limits=st.fixed_dictionaries(
        {},
        optional={name: st.just(value) for name, value in ALL.items()}
        | {"max_order_value": st.just(Decimal(1)), "max_position_size": st.just(Decimal(10))},
    ),
    action=st.sampled_from(list(Action)),
    quantity=st.integers(1, 400),
)
def test_the_decision_is_the_judgement_and_has_every_rule_that_is_set(
    limits: dict[str, Any], action: Action, quantity: int
) -> None:
    one = case(replace(buy(), action=action, quantity=Decimal(quantity)), **limits)
    violations, rows = decide(one)
    assert violations == judge(one)
    broken = [row for row in rows if row.verdict is Verdict.BROKEN]
    assert [row.rule for row in broken] == [violation.rule for violation in violations]
    told = [row for row in verdicts(one) if row.verdict is not Verdict.NOT_SET]
    assert [r for r in told if r.verdict is not Verdict.WAIVED] == [
        r for r in rows if r.verdict is not Verdict.WAIVED
    ]
    assert all(row.value and row.limit for row in rows)


FIGURES = st.sampled_from([None, Decimal(0), Decimal(-5), Decimal("99.5"), Decimal(1_000)])
SHARES = st.sampled_from([None, Decimal(0), Decimal("0.1"), Decimal(1), Decimal(50_000)])


@given(
    said=st.fixed_dictionaries(
        dict.fromkeys(
            (
                "max_order_value",
                "max_portfolio_risk",
                "max_daily_loss",
                "max_daily_loss_share",
                "max_drawdown",
            ),
            SHARES,
        )
    ),
    known=st.fixed_dictionaries(dict.fromkeys(("price", "exchange_rate"), FIGURES)),
    account=st.fixed_dictionaries(dict.fromkeys(("net_liquidation", "day_start", "peak"), FIGURES)),
    order=st.builds(
        lambda **told: replace(buy(), **told),
        action=st.sampled_from(list(Action)),
        quantity=st.sampled_from([Decimal(1), Decimal("2.5"), Decimal(1_001)]),
        limit_price=st.sampled_from([None, Decimal("100.50"), Decimal(-3)]),
        cash_quantity=st.sampled_from([None, Decimal(500)]),
    ),
    halted_s=st.sampled_from([None, -1, 0, 1]),
    cooldown_s=st.sampled_from([Decimal(0), Decimal(60)]),
    knows_time=st.booleans(),
)
def test_what_is_passed_at_one_look_is_passed_by_the_rules_one_by_one(
    *,
    said: dict[str, Any],
    known: dict[str, Any],
    account: dict[str, Any],
    order: OrderRequest,
    halted_s: int | None,
    cooldown_s: Decimal,
    knows_time: bool,
) -> None:
    one = case(order, halt_cooldown_s=cooldown_s, **said)
    until = None if halted_s is None else NOON + timedelta(seconds=halted_s)
    book = replace(one.book, halted_until=until, now=NOON if knows_time else None, **account)
    one = replace(one, facts=replace(one.facts, **known), book=book)
    short = decide(replace(one))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once, "AT_ONCE", {})
        assert short == decide(replace(one))


STRICT: dict[str, Any] = {
    name: Decimal(0) if isinstance(value, Decimal) else value for name, value in ALL.items()
} | {
    "max_open_orders": 0,
    "max_orders_per_second": 0,
    "max_orders_per_minute": 0,
    "duplicate_window_s": Decimal(60),
    "require_shortable": True,
    **{
        f"{start}{name}": frozenset({"none"} if not start else {"STK", "AAPL", "LMT", "USD", "DU1"})
        for start in ("", "denied_")
        for name in (
            "security_types",
            "symbols",
            "order_types",
            "exchanges",
            "currencies",
            "accounts",
        )
    },
}


@pytest.mark.parametrize("name", STRICT)
@pytest.mark.parametrize("knows", [True, False])
def test_each_limit_alone_is_judged_as_by_all_rules(name: str, knows: bool) -> None:
    one = case(replace(buy(), action=Action.SELL), held=0, **{name: STRICT[name]})
    if not knows:
        one = replace(one, facts=RiskFacts(), book=Book())
    violations, _ = decide(one)
    assert violations == judge(one)
    silent = [rule for rule in RULES if not rule.is_set(one.limits)]
    assert not [said for rule in silent for said in rule.violations(one)]
    assert not [said for rule in silent for said in MEASURES[rule.name](one)]


def test_every_limit_is_looked_at_by_a_rule_that_says_so() -> None:
    named = {name for rule in RULES for name in rule.limits}
    others = {"max_order_size", "halt_cooldown_s", "trading_allowed", "halted_reason"}
    assert named | others == {field.name for field in fields(RiskLimits)}


@given(
    held=st.integers(-30, 30),
    open_=st.lists(
        st.tuples(st.sampled_from(list(Action)), st.integers(0, 20), st.sampled_from(["", "a"])),
        max_size=4,
    ),
    action=st.sampled_from(list(Action)),
    quantity=st.integers(1, 20),
    filled=st.integers(0, 25),
)
def test_only_what_is_on_the_other_side_can_be_closed(
    held: int,
    open_: list[tuple[Action, int, str]],
    action: Action,
    quantity: int,
    filled: int,
) -> None:
    one = case(replace(buy(quantity), action=action), held=held)
    rows = tuple(
        Working(
            con_id=one.contract.con_id,
            symbol="AAPL",
            action=side,
            quantity=Decimal(units),
            unit_value=Decimal(100),
            group=group,
        )
        for side, units, group in open_
    )
    one = replace(one, book=replace(one.book, working=rows), filled=Decimal(filled), group="a")
    after = position_after(replace(one))  # worked out apart
    assert after is not None
    assert closes(one) is (after <= 0)


def test_of_an_order_that_only_closes_the_decision_tells_which_limits_were_waived() -> None:
    closing = replace(buy(50), action=Action.SELL)
    _, rows = decide(case(closing, max_position_size=Decimal(60)))
    waived = {row.rule: row for row in rows if row.verdict is Verdict.WAIVED}
    assert waived["max_position_size"].limit == "60"
    assert waived["max_position_size"].value == "-150"
    assert "max_exposure" not in waived


def test_the_exposure_of_a_case_is_worked_out_once_and_of_a_changed_case_anew() -> None:
    one = case(**ALL)
    first = exposures(one)
    assert exposures(one) is first
    more = replace(one, request=buy(300))
    assert exposures(more) != first
