"""
What every rule says of one order, those included that it passes: for people who decide.

Owns: the words for what a passed rule has compared. The verdict itself is the rule's own: it is
asked here once more, so that nothing is judged in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.orders import Action, Violation
from ibkr_connector.model.preview import RuleVerdict, Verdict

from .at_once import passed_at_once
from .facts import Case
from .pace import open_after, placed_since
from .rules import Rule, rules_for, rules_set
from .valuation import closes, exposures, order_unit_value, order_value, position_after

__all__ = ["MEASURES", "decide", "verdicts"]

Compared = tuple[str, object, object]
"""The limit's name, a value, and what it was held against."""


def verdicts(case: Case) -> tuple[RuleVerdict, ...]:
    """Return what each rule says, in the order of the rules; one rule may say several things."""
    only_closes = closes(case)
    rows: list[RuleVerdict] = []
    for rule in rules_for(case):
        if only_closes and not rule.for_closing:
            rows.append(RuleVerdict(rule=rule.name, verdict=Verdict.WAIVED))
        elif broken := [_as_row(one) for one in rule.violations(case)]:
            rows += broken
        else:
            unset = RuleVerdict(rule=rule.name, verdict=Verdict.NOT_SET)
            rows += _compared(rule, case, Verdict.PASSED) or [unset]
    return tuple(rows)


def decide(case: Case) -> tuple[tuple[Violation, ...], tuple[RuleVerdict, ...]]:
    """
    Apply the rules once; return what is broken, and what each rule that is set has compared.

    Every order that is sent comes through here, so nothing is made for rules that are not set.
    """
    only_closes = closes(case)
    violations: list[Violation] = []
    rows: list[RuleVerdict] = []
    has_legs = bool(case.contract.legs)
    for rule in rules_set(case):
        if only_closes and not rule.for_closing:
            rows += _compared(rule, case, Verdict.WAIVED)
        elif not has_legs and (passed := passed_at_once(rule, case)) is not None:
            rows += passed
        elif broken := [*(rule.violations(case) if has_legs else rule.check(case))]:
            violations += broken
            rows += map(_as_row, broken)
        else:
            rows += _compared(rule, case, Verdict.PASSED)
    return tuple(violations), tuple(rows)


def _as_row(one: Violation) -> RuleVerdict:
    return RuleVerdict(
        rule=one.rule,
        verdict=Verdict.BROKEN,
        value=one.value,
        limit=one.limit,
        remedy=one.remedy,
    )


def _compared(rule: Rule, case: Case, verdict: Verdict) -> list[RuleVerdict]:
    return [
        RuleVerdict(rule=name, verdict=verdict, value=_text(value), limit=f"{limit}")
        for name, value, limit in MEASURES.get(rule.name, _nothing)(case)
    ]


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) and value % 1 else f"{value}"


def _nothing(case: Case) -> Iterator[Compared]:
    return iter(())


# --- what is allowed ----------------------------------------------------------------------------


def _allowed(case: Case) -> Iterator[Compared]:
    limits = case.limits
    for name, value, names in (
        ("security type", case.contract.security_type, limits.security_types),
        ("symbol", case.contract.symbol, limits.symbols),
        ("order type", case.request.order_type, limits.order_types),
        ("exchange", _exchange(case), limits.exchanges),
        ("currency", case.contract.currency, limits.currencies),
        ("account", "this account", limits.accounts),
    ):
        if names:
            yield f"allowed {name}", value, f"{len(names)} named"


def _denied(case: Case) -> Iterator[Compared]:
    limits = case.limits
    for name, value, names in (
        ("security type", case.contract.security_type, limits.denied_security_types),
        ("symbol", case.contract.symbol, limits.denied_symbols),
        ("order type", case.request.order_type, limits.denied_order_types),
        ("exchange", _exchange(case), limits.denied_exchanges),
        ("currency", case.contract.currency, limits.denied_currencies),
        ("account", "this account", limits.denied_accounts),
    ):
        if names:
            yield f"denied {name}", value, f"{len(names)} named"


def _exchange(case: Case) -> str:
    return case.contract.exchange or case.contract.primary_exchange


# --- how much -----------------------------------------------------------------------------------


def _exercise(case: Case) -> Iterator[Compared]:
    after, quantity = position_after(case), case.request.quantity
    if after is not None:
        yield "exercise", quantity, f"{quantity - after} held"


def _order_size(case: Case) -> Iterator[Compared]:
    yield "MAX_ORDER_SIZE", case.request.quantity, case.limits.max_order_size


def _order_worth(case: Case) -> Iterator[Compared]:
    if case.limits.max_order_value is not None:
        yield "max_order_value", order_value(case), case.limits.max_order_value


def _portfolio_risk(case: Case) -> Iterator[Compared]:
    if case.limits.max_portfolio_risk is not None:
        share = _share(case, order_value(case))
        yield "MAX_PORTFOLIO_RISK", share, case.limits.max_portfolio_risk


def _position_size(case: Case) -> Iterator[Compared]:
    if case.limits.max_position_size is not None:
        yield "max_position_size", position_after(case), case.limits.max_position_size


def _position_worth(case: Case) -> Iterator[Compared]:
    if case.limits.max_position_value is None:
        return
    after, each = position_after(case), order_unit_value(case)
    if after is not None and each is not None:
        yield "max_position_value", after * each, case.limits.max_position_value


def _exposure(case: Case) -> Iterator[Compared]:
    limits = case.limits
    if limits.max_exposure is not None:
        yield "max_exposure", exposures(case)[0], limits.max_exposure
    if limits.max_exposure_share is not None:
        share = _share(case, exposures(case)[0])
        yield "max_exposure_share", share, limits.max_exposure_share


def _concentration(case: Case) -> Iterator[Compared]:
    if case.limits.max_concentration is not None:
        _, of_symbol, _ = exposures(case)
        yield "max_concentration", _share(case, of_symbol), case.limits.max_concentration


def _buying_power(case: Case) -> Iterator[Compared]:
    if not case.limits.check_buying_power:
        return
    margin = case.facts.margin
    if margin is not None and margin.initial_margin.after is not None:
        equity = margin.equity_with_loan.after
        yield "buying power", f"initial margin {margin.initial_margin.after}", f"equity {equity}"
    else:
        yield "buying power", order_value(case), case.book.buying_power


def _short_selling(case: Case) -> Iterator[Compared]:
    limits = case.limits
    watched = not limits.allow_short or limits.require_shortable
    if not watched or case.request.action is not Action.SELL:
        return
    after = position_after(case)
    if after is None:
        return
    short = f"{max(after, Decimal(0))} short with all open sells filled"
    if not limits.allow_short:
        yield "allow_short", short, "0"
    else:
        yield "require_shortable", short, "shares to borrow"


def _share(case: Case, value: Decimal | None) -> str:
    worth = case.net_liquidation
    return "" if value is None or not worth else f"{value / worth:.4f}"


# --- the market, losses, pace -------------------------------------------------------------------


def _price_collar(case: Case) -> Iterator[Compared]:
    request, collar = case.request, case.limits.price_collar
    prices = (("limit_price", request.limit_price), ("stop_price", request.stop_price))
    stated = [f"{key} {price}" for key, price in prices if price is not None]
    if collar is not None and stated:
        yield "price_collar", ", ".join(stated), f"{collar} from the market at {_reference(case)}"


def _reference(case: Case) -> Decimal | None:
    return case.facts.reference


def _quote_age(case: Case) -> Iterator[Compared]:
    limit, quoted, now = case.limits.max_quote_age_s, case.facts.quoted_at, case.book.now
    if limit is not None and quoted is not None and now is not None:
        yield "max_quote_age_s", f"{(now - quoted).total_seconds():.1f} s", f"{limit} s"


def _open_market(case: Case) -> Iterator[Compared]:
    if case.limits.require_open_market:
        yield "require_open_market", "an open market", "an open market"


def _halted(case: Case) -> Iterator[Compared]:
    if case.limits.refuse_halted:
        yield "refuse_halted", "not halted", "a contract that trades"


def _losses(case: Case) -> Iterator[Compared]:
    limits, book, worth = case.limits, case.book, case.net_liquidation
    for name, limit, start, is_share in (
        ("max_daily_loss", limits.max_daily_loss, book.day_start, False),
        ("max_daily_loss_share", limits.max_daily_loss_share, book.day_start, True),
        ("max_drawdown", limits.max_drawdown, book.peak, True),
    ):
        if limit is None or start is None or worth is None or (is_share and start <= 0):
            continue  # an account that began with nothing has no share of it to lose
        loss = start - worth
        yield name, f"{loss / start:.4f}" if is_share else f"{loss:.2f}", limit


def _cooldown(case: Case) -> Iterator[Compared]:
    if case.limits.halt_cooldown_s:
        yield "halt_cooldown_s", "no cooldown", f"{case.limits.halt_cooldown_s} s after a loss"


def _open_orders(case: Case) -> Iterator[Compared]:
    if case.limits.max_open_orders is not None:
        yield "max_open_orders", open_after(case), case.limits.max_open_orders


def _rate(case: Case) -> Iterator[Compared]:
    for name, limit, seconds in (
        ("max_orders_per_second", case.limits.max_orders_per_second, 1),
        ("max_orders_per_minute", case.limits.max_orders_per_minute, 60),
    ):
        now = case.book.now
        if limit is not None and now is not None:
            placed = placed_since(case, now, seconds=Decimal(seconds))
            yield name, len(placed) + 1, limit


def _duplicate(case: Case) -> Iterator[Compared]:
    if case.limits.duplicate_window_s is not None and not case.is_change:
        yield "duplicate_window_s", "no such order", f"{case.limits.duplicate_window_s} s"


MEASURES: Final[Mapping[str, Callable[[Case], Iterator[Compared]]]] = MappingProxyType(
    {
        "allowed": _allowed,
        "denied": _denied,
        "exercise": _exercise,
        "order size": _order_size,
        "order value": _order_worth,
        "portfolio risk": _portfolio_risk,
        "position size": _position_size,
        "position value": _position_worth,
        "exposure": _exposure,
        "concentration": _concentration,
        "buying power": _buying_power,
        "short selling": _short_selling,
        "price collar": _price_collar,
        "quote age": _quote_age,
        "open market": _open_market,
        "halted": _halted,
        "losses": _losses,
        "cooldown": _cooldown,
        "open orders": _open_orders,
        "order rate": _rate,
        "duplicate": _duplicate,
    }
)
"""What each rule compares, when it has a limit; a rule without a row says no value."""
