"""
The rules that nearly every order is held against, passed at one look.

A rule tells what it finds in one place, and what it has compared in another (`verdicts.py`): an
order that passes is worked out twice. Here the commonest are asked once, for orders without legs,
and answer with what they have compared. Whatever does not plainly pass is left to the rule itself,
which says why: yes is said here, and never no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.preview import RuleVerdict, Verdict

from .facts import Case
from .rules import Rule
from .valuation import order_value

__all__ = ["AT_ONCE", "passed_at_once"]

Rows = tuple[RuleVerdict, ...]

_MOST_ROWS: Final = 1024


def passed_at_once(rule: Rule, case: Case) -> Rows | None:
    """Return what a rule has compared that a case without legs passes; `None` is no verdict."""
    look = AT_ONCE.get(rule.name)
    return None if look is None else look(case)


@lru_cache(_MOST_ROWS)
def _row(name: str, value: str, limit: str) -> RuleVerdict:
    return RuleVerdict(rule=name, verdict=Verdict.PASSED, value=value, limit=limit)


def _order_size(case: Case) -> Rows | None:
    quantity, limit = case.request.quantity, case.limits.max_order_size
    if case.request.cash_quantity is not None or quantity > limit:
        return None
    return (_row("MAX_ORDER_SIZE", _text(quantity), str(limit)),)


def _order_worth(case: Case) -> Rows | None:
    limit = case.limits.max_order_value
    if limit is None:
        return ()
    value = order_value(case)
    if value is None or value > limit:
        return None
    return (_row("max_order_value", _text(value), str(limit)),)


def _portfolio_risk(case: Case) -> Rows | None:
    limit = case.limits.max_portfolio_risk
    if limit is None:
        return ()
    value, worth = order_value(case), case.net_liquidation
    if value is None or worth is None or worth <= 0 or value > limit * worth:
        return None
    return (_row("MAX_PORTFOLIO_RISK", f"{value / worth:.4f}", str(limit)),)


def _losses(case: Case) -> Rows | None:
    limits, book, worth = case.limits, case.book, case.net_liquidation
    rows: Rows = ()
    for name, limit, start, is_share in (
        ("max_daily_loss", limits.max_daily_loss, book.day_start, False),
        ("max_daily_loss_share", limits.max_daily_loss_share, book.day_start, True),
        ("max_drawdown", limits.max_drawdown, book.peak, True),
    ):
        if limit is None:
            continue
        if worth is None or start is None or (is_share and start <= 0):
            return None
        loss = (start - worth) / start if is_share else start - worth
        if loss >= limit:
            return None
        rows = (*rows, _row(name, f"{loss:.4f}" if is_share else f"{loss:.2f}", str(limit)))
    return rows


def _cooldown(case: Case) -> Rows | None:
    until, now, seconds = case.book.halted_until, case.book.now, case.limits.halt_cooldown_s
    if until is not None and (now is None or now < until):
        return None
    return (_row("halt_cooldown_s", "no cooldown", f"{seconds} s after a loss"),) if seconds else ()


def _text(value: Decimal) -> str:
    return f"{value:.2f}" if value % 1 else str(value)


AT_ONCE: Final[Mapping[str, Callable[[Case], Rows | None]]] = MappingProxyType(
    {
        "order size": _order_size,
        "order value": _order_worth,
        "portfolio risk": _portfolio_risk,
        "losses": _losses,
        "cooldown": _cooldown,
    }
)
"""By the name of the rule."""
