"""Which figure of an account is a reason to alarm, and which is a reason for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.account.watch import AccountSeen, looked_at
from ibkr_connector.model.account import AccountSummary
from ibkr_connector.model.alerts import AlertKind
from ibkr_connector.settings.alert_rules import Unit
from ibkr_connector.settings.alerts import AlertRule, AlertSettings

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
K = AlertKind
RULES = AlertSettings()


def summary(**figures: Any) -> AccountSummary:
    nothing = dict.fromkeys(
        (
            "cash",
            "total_value",
            "buying_power",
            "maintenance_margin",
            "initial_margin",
            "available_funds",
            "excess_liquidity",
            "gross_position_value",
            "cushion",
        )
    )
    known = {name: Decimal(v) if isinstance(v, str) else v for name, v in figures.items()}
    made: dict[str, Any] = {**nothing, "as_of": NOW - timedelta(minutes=5), **known}
    return AccountSummary(account="DU1234567", currency="USD", **made)


def found(
    rules: AlertSettings = RULES, *, of: AccountSummary, **seen: Any
) -> dict[tuple[AlertKind, str], tuple[Decimal | None, str]]:
    known: dict[str, Any] = {
        name: Decimal(v) if isinstance(v, str) else v for name, v in seen.items()
    }
    made = AccountSeen(summary=of, now=NOW, **known)
    return {
        (one.finding.kind, one.finding.key): (one.value, one.finding.value)
        for one in looked_at(made, rules.rule)
    }


def value(kind: AlertKind, rules: AlertSettings = RULES, **more: Any) -> Decimal | None:
    return found(rules, **more)[kind, "DU1234567"][0]


def test_each_figure_is_what_its_name_says() -> None:
    seen = found(
        of=summary(total_value="900", excess_liquidity="90", unrealized_pnl="-45"),
        day_start="1000",
        peak="1200",
    )
    assert seen[K.MARGIN_CUSHION, "DU1234567"] == (Decimal("0.1"), "0.1000 of the worth")
    assert seen[K.MARGIN_CALL, "DU1234567"] == (Decimal(90), "90.00 USD")
    assert seen[K.DAILY_LOSS, "DU1234567"] == (Decimal("0.1"), "0.1000 of the worth")
    assert seen[K.DAILY_PROFIT, "DU1234567"][0] == Decimal("-0.1")
    assert seen[K.DRAWDOWN, "DU1234567"][0] == Decimal("0.25")
    assert seen[K.UNREALIZED_LOSS, "DU1234567"][0] == Decimal("0.05")


@pytest.mark.parametrize(
    ("excess", "margin", "expected"),
    [("0", "0", None), ("0", "5", 0), ("0", None, 0), ("-1", "0", -1), ("3", "0", 3)],
)
def test_an_account_with_nothing_in_it_owes_no_margin(
    excess: str, margin: str | None, expected: int | None
) -> None:
    # as an advisor's own account is
    of = summary(total_value="0", excess_liquidity=excess, maintenance_margin=margin)
    assert value(K.MARGIN_CALL, of=of) == expected


def test_a_loss_may_be_measured_in_money() -> None:
    rules = AlertSettings(rules={K.DAILY_LOSS: AlertRule(threshold=Decimal(50), unit=Unit.MONEY)})
    of = summary(total_value="900")
    assert value(K.DAILY_LOSS, rules, of=of, day_start="1000") == 100
    assert found(rules, of=of, day_start="1000")[K.DAILY_LOSS, "DU1234567"][1] == "100.00 USD"


@pytest.mark.parametrize(
    ("of", "seen"),
    [
        (summary(), {"day_start": "1000", "peak": "1000"}),
        (summary(total_value="0", excess_liquidity="0"), {"day_start": "0", "peak": "0"}),
        (summary(total_value="-5", excess_liquidity=None), {}),
    ],
)
def test_what_is_not_known_is_a_reason_for_nothing(
    of: AccountSummary, seen: dict[str, Any]
) -> None:
    for kind in (K.MARGIN_CUSHION, K.DAILY_LOSS, K.DRAWDOWN, K.UNREALIZED_LOSS):
        assert value(kind, of=of, **seen) is None


def test_figures_that_ib_calls_invalid_are_not_looked_at() -> None:
    seen = found(of=summary(total_value="900", excess_liquidity="-5", is_ready=False))
    assert seen[K.ACCOUNT_RESTRICTED, "DU1234567"][0] == 1
    assert {kind for kind, _ in seen} == {K.ACCOUNT_RESTRICTED}


@pytest.mark.parametrize(("left", "expected"), [(None, None), (-1, 0), (3, 0), (0, 1)])
def test_an_account_without_day_trades_is_restricted(
    left: int | None, expected: int | None
) -> None:
    seen = found(of=summary(day_trades_left=left))
    assert seen[K.ACCOUNT_RESTRICTED, "DU1234567 day trades"][0] == expected


@pytest.mark.parametrize(("is_held", "expected"), [(True, 300), (False, 0), (None, None)])
def test_age_counts_while_something_is_held(is_held: bool | None, expected: int | None) -> None:
    assert value(K.STALE_VALUES, of=summary(), is_held=is_held) == expected
