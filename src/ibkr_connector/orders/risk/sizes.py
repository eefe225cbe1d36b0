"""Rules about how much: one order, one position, the whole book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.orders import Action, Violation

from .facts import Case
from .valuation import (
    exposures,
    order_unit_value,
    order_value,
    position_after,
    unknown_of,
)

__all__ = [
    "buying_power",
    "concentration",
    "exercise",
    "exposure",
    "order_size",
    "order_worth",
    "portfolio_risk",
    "position_size",
    "position_worth",
    "short_selling",
    "unknown",
]

_POSITIONS = "the account's positions"
_WRITTEN = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT})
_WORTH = "a positive net liquidation value"


def order_size(case: Case) -> Iterator[Violation]:
    """One order has at most so many units; those of an amount of cash are reckoned."""
    limit = f"{case.limits.max_order_size}"
    if case.request.cash_quantity is not None and not case.request.quantity:
        yield unknown("MAX_ORDER_SIZE", limit, case=case, names=["a price"])
    elif case.request.quantity > case.limits.max_order_size:
        yield Violation(
            rule="MAX_ORDER_SIZE",
            value=f"{case.request.quantity}",
            limit=limit,
            remedy="order less, or raise max_order_size",
        )


def exercise(case: Case) -> Iterator[Violation]:
    """
    No more options are exercised, or lapse, than are held and not for sale already.

    *limit*: a put that is exercised sells what it is on; whether that is held, no rule knows.
    """
    after, quantity = position_after(case), case.request.quantity
    if after is None:
        yield unknown("exercise", f"{quantity} held", case=case, names=[_POSITIONS])
    elif after > 0:
        yield Violation(
            rule="exercise",
            value=f"{quantity}",
            limit=f"{max(quantity - after, Decimal(0))} held and not for sale",
            remedy="exercise at most what is held, and cancel what would sell it first",
        )


def order_worth(case: Case) -> Iterator[Violation]:
    """One order is worth at most so much, at the dearest price at which it can trade."""
    limit = case.limits.max_order_value
    if limit is None:
        return
    value = order_value(case)
    if value is None:
        yield unknown("max_order_value", f"{limit}", case=case, names=unknown_of(case))
    elif value > limit:
        yield Violation(
            rule="max_order_value",
            value=f"{value:.2f}",
            limit=f"{limit}",
            remedy="order less, or raise max_order_value",
        )


def portfolio_risk(case: Case) -> Iterator[Violation]:
    """One order is worth at most such a share of the account."""
    limit = case.limits.max_portfolio_risk
    if limit is not None:
        value, names = order_value(case), unknown_of(case)
        yield from _share("MAX_PORTFOLIO_RISK", limit, case=case, value=value, names=names)


def position_size(case: Case) -> Iterator[Violation]:
    """A position reaches at most so many units, with all open orders of that side filled."""
    limit = case.limits.max_position_size
    if limit is None:
        return
    after = position_after(case)
    if after is None:
        yield unknown("max_position_size", f"{limit}", case=case, names=[_POSITIONS])
    elif after > limit:
        yield Violation(
            rule="max_position_size",
            value=f"{after} with all open orders filled",
            limit=f"{limit}",
            remedy="order less, cancel open orders, or raise max_position_size",
        )


def position_worth(case: Case) -> Iterator[Violation]:
    """A position reaches at most such a value, with all open orders of that side filled."""
    limit = case.limits.max_position_value
    if limit is None:
        return
    after, each = position_after(case), order_unit_value(case)
    if after is None or each is None:
        names = [*unknown_of(case), *([_POSITIONS] if after is None else [])]
        yield unknown("max_position_value", f"{limit}", case=case, names=names)
    elif after * each > limit:
        yield Violation(
            rule="max_position_value",
            value=f"{after * each:.2f} with all open orders filled",
            limit=f"{limit}",
            remedy="order less, cancel open orders, or raise max_position_value",
        )


def exposure(case: Case) -> Iterator[Violation]:
    """The gross value of everything, open orders filled the worse way, has a limit."""
    limits = case.limits
    if limits.max_exposure is None and limits.max_exposure_share is None:
        return
    gross, _, _ = exposures(case)
    names = () if gross is not None else _unknown_exposure(case)
    if limits.max_exposure is not None:
        if gross is None:
            yield unknown("max_exposure", f"{limits.max_exposure}", case=case, names=names)
        elif gross > limits.max_exposure:
            yield Violation(
                rule="max_exposure",
                value=f"{gross:.2f} with all open orders filled",
                limit=f"{limits.max_exposure}",
                remedy="order less, close something, or raise max_exposure",
            )
    if limits.max_exposure_share is not None:
        limit = limits.max_exposure_share
        yield from _share("max_exposure_share", limit, case=case, value=gross, names=names)


def concentration(case: Case) -> Iterator[Violation]:
    """What one symbol can come to is at most such a share of the account."""
    limit = case.limits.max_concentration
    if limit is None:
        return
    _, of_symbol, _ = exposures(case)
    names = () if of_symbol is not None else _unknown_exposure(case)
    yield from _share("max_concentration", limit, case=case, value=of_symbol, names=names)


def buying_power(case: Case) -> Iterator[Violation]:
    """
    The account can carry the order, as the broker's own what-if says.

    Where that has not answered, the value of what opens something is at most the buying power that
    is left: an estimate, and there is none for options that are sold to open, which can bind many
    times their price.
    *limit*: the what-if counts what is held; nobody says whether it counts what other open orders
    would bind. Their value counts in the exposure.
    """
    margin = case.facts.margin
    if not case.limits.check_buying_power:
        return
    if margin is not None and margin.rejected_reason:
        yield Violation(
            rule="buying power",
            value=f"an order that the broker would refuse ({margin.rejected_reason})",
            limit="what the broker's what-if takes",
            remedy="order less, close something first, or correct what it names",
        )
        return
    needed = None if margin is None else margin.initial_margin.after
    equity = None if margin is None else margin.equity_with_loan.after
    if needed is None or equity is None:
        yield from _estimated_power(case)
    elif needed > equity:
        yield Violation(
            rule="buying power",
            value=f"an initial margin of {needed:.2f}",
            limit=f"{equity:.2f}, the equity with loan value by the broker's what-if",
            remedy="order less, or close something first",
        )


def _estimated_power(case: Case) -> Iterator[Violation]:
    power, value, after = case.book.buying_power, order_value(case), position_after(case)
    each = order_unit_value(case)
    limit = "the account's buying power" if power is None else f"{power:.2f}"
    writes = any(
        leg.request.action is Action.SELL
        and leg.contract.security_type in _WRITTEN
        and (position_after(leg) or Decimal(0)) > 0
        for leg in case.legs or (case,)
    )
    if power is None or value is None or each is None or after is None or writes:
        names = [
            *(["the broker's what-if"] if writes else []),
            *unknown_of(case),
            *(["the account's buying power"] if power is None else []),
            *([_POSITIONS] if after is None else []),
        ]
        yield unknown("buying power", limit, case=case, names=names)
        return
    opening = sum(map(_opening, case.legs or (case,)), Decimal(0))
    if opening > power:
        yield Violation(
            rule="buying power",
            value=f"{opening:.2f}",
            limit=f"{limit}, by estimate: the broker's what-if has not answered",
            remedy="order less, or close something first",
        )


def _opening(case: Case) -> Decimal:
    """Return what an order is worth that opens something; everything of it is known."""
    if case.request.exercise is not None:
        # the options go, and what they are on is taken or delivered in full
        return order_value(case) or Decimal(0)
    after, each = position_after(case) or Decimal(0), order_unit_value(case) or Decimal(0)
    return min(case.remaining, max(after, Decimal(0))) * each


def short_selling(case: Case) -> Iterator[Violation]:
    """Selling more than is held needs to be allowed, and shares that can be borrowed."""
    limits = case.limits
    if case.request.action is not Action.SELL:
        return
    if limits.allow_short and not limits.require_shortable:
        return
    after = position_after(case)
    if after is None:
        yield unknown("allow_short", "nothing below zero", case=case, names=[_POSITIONS])
    elif after > 0 and not limits.allow_short:
        yield Violation(
            rule="allow_short",
            value=f"{after} short with all open sells filled",
            limit="0",
            remedy="sell at most what is held and not for sale yet, or set allow_short",
        )
    elif after > 0 and case.facts.shortable is None:
        yield unknown(
            "require_shortable", "shares to borrow", case=case, names=["whether it is shortable"]
        )
    elif after > 0 and not case.facts.shortable:
        yield Violation(
            rule="require_shortable",
            value="no shares",
            limit="shares to borrow",
            remedy="wait until shares can be borrowed, or ask the broker to locate some",
        )


def unknown(rule: str, limit: str, *, case: Case, names: Sequence[str]) -> Violation:
    """Say that a rule is broken because something is not known."""
    because = f" ({case.facts.missing})" if case.facts.missing else ""
    return Violation(
        rule=rule,
        value="an unknown value",
        limit=limit,
        remedy=f"wait until these are known, or take the limit off: {', '.join(names)}{because}",
    )


def _share(
    rule: str, limit: Decimal, *, case: Case, value: Decimal | None, names: Sequence[str]
) -> Iterator[Violation]:
    worth = case.net_liquidation
    said = f"{limit} of the net liquidation value"
    if value is None or worth is None or worth <= 0:
        missing = [*names, *([_WORTH] if worth is None or worth <= 0 else [])]
        yield unknown(rule, said, case=case, names=missing)
    elif value > limit * worth:
        yield Violation(
            rule=rule,
            value=f"{value / worth:.4f}",
            limit=said,
            remedy=f"order less, or raise {rule.lower()}",
        )


def _unknown_exposure(case: Case) -> Sequence[str]:
    if case.book.held is None:
        return [_POSITIONS]
    mine = unknown_of(case)
    if mine:
        return mine
    held = {row.symbol for row in case.book.held if row.unit_value is None}
    working = {row.symbol for row in case.book.working if row.unit_value is None}
    symbols = sorted(held | working)
    return [f"the value of {symbol}" for symbol in symbols]
