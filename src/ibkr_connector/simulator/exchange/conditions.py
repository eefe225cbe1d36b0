"""
Whether the conditions of an order hold: pure, over what somebody else knows of the market.

Source: IB campus, "Order Conditioning"; conditions are joined from left to right.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from .pricing import watched
from .records import Condition, ConditionKind, Quote, Terms, VenueOrder

__all__ = ["Knowledge", "hold"]


class Knowledge(Protocol):
    """What conditions ask about."""

    def condition_quote(self, con_id: int, now: datetime) -> Quote | None:
        """Return the market of an instrument; `None` when it is not listed."""
        ...

    def cushion(self, account: str, now: datetime) -> Decimal:
        """Return the share of an account's equity above its maintenance margin, in percent."""
        ...

    def has_traded(self, account: str, condition: Condition, since: datetime) -> bool:
        """Tell whether an account has had an execution in a symbol since a moment."""
        ...


def hold(order: VenueOrder, knowledge: Knowledge, now: datetime) -> bool:
    """Tell whether the conditions of an order hold now."""
    return _joined((_holds(one, order, knowledge, now=now), one) for one in order.terms.conditions)


def _joined(results: Iterable[tuple[bool, Condition]]) -> bool:
    held, by_and = True, True
    for result, condition in results:
        held = (held and result) if by_and else (held or result)
        by_and = condition.is_joined_by_and
    return held


def _holds(condition: Condition, order: VenueOrder, knowledge: Knowledge, *, now: datetime) -> bool:
    match condition.kind:
        case ConditionKind.TIME:
            return condition.moment is not None and _passes(
                condition, (now - condition.moment).total_seconds(), 0
            )
        case ConditionKind.MARGIN:
            return _passes(condition, knowledge.cushion(order.account, now), condition.value)
        case ConditionKind.EXECUTION:
            return knowledge.has_traded(order.account, condition, order.placed_at)
        case _:
            quote = knowledge.condition_quote(condition.con_id, now)
            return quote is not None and _market_holds(condition, order, quote)


def _market_holds(condition: Condition, order: VenueOrder, quote: Quote) -> bool:
    match condition.kind:
        case ConditionKind.VOLUME:
            return _passes(condition, quote.volume, condition.value)
        case ConditionKind.PERCENT_CHANGE:
            if quote.last is None or not quote.close:
                return False
            change = (quote.last / quote.close - 1) * 100
            return _passes(condition, change, condition.value)
        case _:
            terms = Terms(
                action=order.terms.action,
                quantity=order.terms.quantity,
                order_type="MKT",
                trigger_method=condition.trigger_method,
            )
            prices = watched(order.instrument, terms, quote)
            return any(_passes(condition, price, condition.value) for price in prices)


def _passes(condition: Condition, seen: Decimal | float, bound: Decimal | float) -> bool:
    return seen >= bound if condition.is_more else seen <= bound
