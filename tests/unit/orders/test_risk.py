"""The rules: each broken one named, nothing passed by not knowing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, Violation
from ibkr_connector.orders.risk import RiskFacts, RiskLimits, check_risk, needs_facts, worst_price
from kit.order_desk import AAPL, buy

KNOWN = RiskFacts(price=Decimal(100), net_liquidation=Decimal(100_000), exchange_rate=Decimal(1))


def check(
    request: OrderRequest | None = None,
    *,
    contract: Contract = AAPL,
    facts: RiskFacts = KNOWN,
    **limits: Any,
) -> list[str]:
    broken = check_risk(
        request or buy(),
        contract,
        account="DU1",
        limits=RiskLimits(**({"max_order_size": Decimal(1000)} | limits)),
        facts=facts,
    )
    return [violation.rule for violation in broken]


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ({}, []),
        ({"max_order_size": Decimal(100)}, []),
        ({"max_order_size": Decimal(99)}, ["MAX_ORDER_SIZE"]),
        ({"max_order_value": Decimal(10_050)}, []),
        ({"max_order_value": Decimal(10_049)}, ["max_order_value"]),
        ({"max_portfolio_risk": Decimal("0.1005")}, []),
        ({"max_portfolio_risk": Decimal("0.1")}, ["MAX_PORTFOLIO_RISK"]),
        ({"security_types": frozenset({"STK"})}, []),
        ({"security_types": frozenset({"FUT"})}, ["allowed security type"]),
        ({"symbols": frozenset({"MSFT"})}, ["allowed symbol"]),
        ({"denied_symbols": frozenset({"AAPL"})}, ["denied symbol"]),
        ({"order_types": frozenset({"MKT"})}, ["allowed order type"]),
        ({"accounts": frozenset({"DU9"})}, ["allowed account"]),
    ],
)
def test_each_rule_at_its_border(limits: dict[str, Any], broken: list[str]) -> None:
    assert check(**limits) == broken


def test_all_broken_rules_are_reported_together() -> None:
    assert check(
        max_order_size=Decimal(1),
        max_order_value=Decimal(1),
        max_portfolio_risk=Decimal("0.001"),
        denied_symbols=frozenset({"AAPL"}),
    ) == ["denied symbol", "MAX_ORDER_SIZE", "max_order_value", "MAX_PORTFOLIO_RISK"]


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (replace(KNOWN, exchange_rate=None), "the exchange rate of USD"),
        (replace(KNOWN, net_liquidation=None), "a positive net liquidation value"),
        (replace(KNOWN, net_liquidation=Decimal(-5)), "a positive net liquidation value"),
        (
            replace(KNOWN, price=None, missing="no subscription"),
            "a current price (no subscription)",
        ),
    ],
)
def test_not_knowing_is_a_violation(facts: RiskFacts, missing: str) -> None:
    (violation,) = check_risk(
        replace(buy(), action=Action.SELL),
        AAPL,
        account="DU1",
        limits=RiskLimits(max_order_size=Decimal(1000), max_portfolio_risk=Decimal(1)),
        facts=facts,
    )
    assert violation.rule == "MAX_PORTFOLIO_RISK"
    assert missing in violation.remedy


def test_a_value_limit_with_an_unknown_price_is_broken() -> None:
    market = replace(buy(), order_type=OrderType.MARKET, limit_price=None)
    assert check(market, facts=replace(KNOWN, price=None), max_order_value=Decimal(10**9)) == [
        "max_order_value"
    ]


def test_a_future_without_a_known_multiplier_has_no_known_value() -> None:
    future = Contract(symbol="ES", security_type=SecurityType.FUTURE, con_id=ConId(1))
    assert check(contract=future, max_order_value=Decimal(10**9)) == ["max_order_value"]
    sized = replace(future, multiplier=Decimal(50))
    assert check(contract=sized, max_order_value=Decimal(502_500)) == []
    assert check(contract=sized, max_order_value=Decimal(502_499)) == ["max_order_value"]


def test_the_value_is_in_the_base_currency() -> None:
    yen = replace(KNOWN, exchange_rate=Decimal("0.01"))
    assert check(facts=yen, max_order_value=Decimal("100.5")) == []


@pytest.mark.parametrize(
    ("change", "current", "worst"),
    [
        ({}, None, Decimal("100.50")),
        ({"action": Action.SELL}, None, None),
        ({"action": Action.SELL}, Decimal(150), Decimal(150)),
        ({"action": Action.SELL}, Decimal(90), Decimal("100.50")),
        ({"order_type": OrderType.MARKET, "limit_price": None}, Decimal(90), Decimal(90)),
        (
            {"order_type": OrderType.STOP, "limit_price": None, "stop_price": Decimal(120)},
            Decimal(90),
            Decimal(120),
        ),
    ],
)
def test_the_worst_price_is_the_dearest_in_sight(
    change: dict[str, Any], current: Decimal | None, worst: Decimal | None
) -> None:
    assert worst_price(replace(buy(), **change), current) == worst


def test_facts_are_needed_only_by_rules_about_values() -> None:
    assert not needs_facts(RiskLimits(max_order_size=Decimal(1)))
    assert needs_facts(RiskLimits(max_order_size=Decimal(1), max_order_value=Decimal(1)))


def test_no_account_number_gets_into_a_message() -> None:
    (violation,) = check_risk(
        buy(),
        AAPL,
        account="DU1",
        limits=RiskLimits(max_order_size=Decimal(1000), accounts=frozenset({"DU9"})),
        facts=RiskFacts(),
    )
    assert isinstance(violation, Violation)
    assert "DU" not in str(violation)
