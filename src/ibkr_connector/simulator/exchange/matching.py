"""
Match one order against one quote: a pure decision, returned, not performed.

Quote-driven: what stands in the market is the tape's best bid and ask with their sizes; resting
orders of the simulator's own clients do not trade with each other (*limit*).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from .records import Quote, VenueOrder

__all__ = [
    "ADDED",
    "LIMIT_TYPES",
    "REMOVED",
    "STOP_TYPES",
    "SUPPORTED_TYPES",
    "Trade",
    "has_stop",
    "is_triggered",
    "priority_key",
    "reaches",
    "trade",
]

SUPPORTED_TYPES: Final = frozenset({"MKT", "LMT", "STP", "STP LMT"})
STOP_TYPES: Final = frozenset({"STP", "STP LMT"})
LIMIT_TYPES: Final = frozenset({"LMT", "STP LMT"})

ADDED: Final = 1
REMOVED: Final = 2
"""Whether an execution added liquidity or took it (IB's `lastLiquidity`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What an order trades now."""

    quantity: Decimal
    price: Decimal
    liquidity: int


def has_stop(order: VenueOrder) -> bool:
    """Tell whether an order waits for an election before it may trade."""
    return order.terms.order_type in STOP_TYPES and order.terms.stop_price is not None


def is_triggered(order: VenueOrder, quote: Quote) -> bool:
    """Tell whether a stop is elected: the last price, or the far side, has reached it."""
    terms = order.terms
    if not has_stop(order) or terms.stop_price is None:
        return True
    if terms.is_buy:
        seen = [price for price in (quote.last, quote.ask) if price is not None]
        return any(price >= terms.stop_price for price in seen)
    seen = [price for price in (quote.last, quote.bid) if price is not None]
    return any(price <= terms.stop_price for price in seen)


def reaches(order: VenueOrder, quote: Quote) -> bool:
    """Tell whether the far side of the market is at a price that an elected order takes."""
    terms = order.terms
    price = quote.ask if terms.is_buy else quote.bid
    if price is None:
        return False
    if terms.order_type not in LIMIT_TYPES or terms.limit_price is None:
        return True
    return price <= terms.limit_price if terms.is_buy else price >= terms.limit_price


def trade(order: VenueOrder, quote: Quote, available: Decimal) -> Trade | None:
    """
    Decide what an elected order trades.

    Args:
        order: The order; its stop has been elected when it has one.
        quote: The market now.
        available: What is left of the displayed size at the far side.
    """
    terms = order.terms
    price = quote.ask if terms.is_buy else quote.bid
    if price is None or available <= 0 or not reaches(order, quote):
        return None
    quantity = min(order.remaining, available)
    if terms.time_in_force == "FOK" and quantity < order.remaining:
        return None
    if order.is_resting and terms.limit_price is not None:
        # the market came to a resting order: it trades at its own price, as a book would
        return Trade(quantity=quantity, price=terms.limit_price, liquidity=ADDED)
    return Trade(quantity=quantity, price=price, liquidity=REMOVED)


def priority_key(order: VenueOrder) -> tuple[Decimal, int]:
    """Return what orders of one side are served by: price first, then time."""
    terms = order.terms
    if terms.order_type not in LIMIT_TYPES or terms.limit_price is None:
        # an order at the market stands before every limit
        return Decimal("-Infinity"), order.priority
    return (-terms.limit_price if terms.is_buy else terms.limit_price), order.priority
