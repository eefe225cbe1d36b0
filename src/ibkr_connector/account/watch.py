"""
From an account's figures to what may be wrong with it: margin, losses, age. Pure.

Owns: which figure is held against the threshold of which rule, in which unit. A figure that is not
known, or that IB itself says is not valid, is a reason for nothing: neither to alarm nor to say
that all is well again.

*limit*: IB renews an account's figures when they change, every three minutes at most, and does not
say when its markets are shut; so `stale_values` is judged only while something is held, and has no
threshold until somebody gives one that fits what he holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.model.account import AccountSummary
from ibkr_connector.model.alerts import AlertKind, Severity
from ibkr_connector.observe.alerts import Finding, Measured
from ibkr_connector.settings.alert_rules import Rule, Unit, threshold_of

__all__ = ["AccountSeen", "looked_at"]

_K = AlertKind
_PLACES: Final = Decimal("0.0001")
_CENT: Final = Decimal("0.01")
_YES, _NO = Decimal(1), Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """
    What is known of one account at a moment.

    `day_start` and `peak` are what it was worth when the day began, and at most; `None` when
    nobody knows. `is_held` says whether it has positions, `None` when that is not known.
    """

    summary: AccountSummary
    now: datetime
    day_start: Decimal | None = None
    peak: Decimal | None = None
    is_held: bool | None = None


def looked_at(seen: AccountSeen, rule: Callable[[AlertKind], Rule]) -> Iterator[Measured]:
    """Return every figure that a rule is about; `None` for those that are not known."""
    summary = seen.summary
    yield _ready(summary)
    yield _day_trades(summary)
    if not summary.is_ready:
        return
    worth, excess = summary.total_value, summary.excess_liquidity
    cushion = None if worth is None or excess is None or worth <= 0 else excess / worth
    account = summary.account
    # an account with nothing in it, as an advisor's own is, owes no margin
    is_empty = excess == 0 and summary.maintenance_margin == 0
    yield _figure(
        rule(_K.MARGIN_CUSHION),
        _K.MARGIN_CUSHION,
        summary,
        value=cushion,
        text=f"excess liquidity of {account} is a small share of its worth",
        remedy="close something, or pay in, before the broker does",
    )
    yield _figure(
        rule(_K.MARGIN_CALL),
        _K.MARGIN_CALL,
        summary,
        value=None if is_empty else excess,
        text=f"excess liquidity of {account} is below zero: the broker may liquidate",
        remedy="close something, or pay in, at once",
    )
    lost = _fall(seen.day_start, worth)
    yield _of_worth(
        rule(_K.DAILY_LOSS),
        _K.DAILY_LOSS,
        summary,
        value=lost,
        base=seen.day_start,
        text=f"{account} has lost much since the day began",
    )
    yield _of_worth(
        rule(_K.DAILY_PROFIT),
        _K.DAILY_PROFIT,
        summary,
        value=None if lost is None else -lost,
        base=seen.day_start,
        text=f"{account} has gained what was aimed at since the day began",
        remedy="",
    )
    yield _of_worth(
        rule(_K.DRAWDOWN),
        _K.DRAWDOWN,
        summary,
        value=_fall(seen.peak, worth),
        base=seen.peak,
        text=f"{account} has fallen far from its highest worth",
    )
    unrealized = summary.unrealized_pnl
    yield _of_worth(
        rule(_K.UNREALIZED_LOSS),
        _K.UNREALIZED_LOSS,
        summary,
        value=None if unrealized is None else -unrealized,
        base=worth,
        text=f"the open positions of {account} have lost much",
    )
    age_s = Decimal(int((seen.now - summary.as_of).total_seconds()))
    yield _figure(
        rule(_K.STALE_VALUES),
        _K.STALE_VALUES,
        summary,
        value=age_s if seen.is_held else (_NO if seen.is_held is False else None),
        text=f"the figures of {account} have not changed for long",
        remedy="compare with TWS; reconnect when they differ",
    )


def _ready(summary: AccountSummary) -> Measured:
    return Measured(
        finding=Finding(
            kind=_K.ACCOUNT_RESTRICTED,
            key=summary.account,
            text=f"the broker says that the figures of {summary.account} are not valid",
            remedy="wait for the end of IB's reset; look at the account in Client Portal",
        ),
        value=_NO if summary.is_ready else _YES,
    )


def _day_trades(summary: AccountSummary) -> Measured:
    left = summary.day_trades_left
    return Measured(
        finding=Finding(
            kind=_K.ACCOUNT_RESTRICTED,
            key=f"{summary.account} day trades",
            text=f"{summary.account} may make no more day trades",
            value="" if left is None else str(left),
            remedy="hold what you open until the next day, or bring the account above 25,000 USD",
            severity=Severity.WARNING,
        ),
        value=None if left is None else _YES if left == 0 else _NO,
    )


def _fall(start: Decimal | None, worth: Decimal | None) -> Decimal | None:
    return None if start is None or worth is None else start - worth


def _of_worth(
    rule: Rule,
    kind: AlertKind,
    summary: AccountSummary,
    *,
    value: Decimal | None,
    base: Decimal | None,
    text: str,
    remedy: str = "look at the positions; closing orders go at any time",
) -> Measured:
    """Measure an amount of money as it is, or as a share of what it is compared with."""
    if value is not None and rule.unit is Unit.SHARE:
        value = None if base is None or base <= 0 else value / base
    return _figure(rule, kind, summary, value=value, text=text, remedy=remedy)


def _figure(
    rule: Rule,
    kind: AlertKind,
    summary: AccountSummary,
    *,
    value: Decimal | None,
    text: str,
    remedy: str,
) -> Measured:
    shown = ""
    if value is not None:
        match rule.unit:
            case Unit.SHARE:
                shown = f"{value.quantize(_PLACES)} of the worth"
            case Unit.MONEY:
                shown = f"{value.quantize(_CENT)} {summary.currency}".strip()
            case _:
                shown = f"{value} s"
    finding = Finding(
        kind=kind,
        key=summary.account,
        text=text,
        value=shown,
        threshold=threshold_of(rule),
        remedy=remedy,
    )
    return Measured(finding=finding, value=value)
