"""
Why an order is not taken: code and text as TWS gives them, or nothing.

Source of the codes: IB campus, message codes; texts are meant as TWS means them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .algos import wrong_algo
from .instruments import Instrument
from .order_types import ORDER_TYPES, TIMES_IN_FORCE, Trigger
from .records import Terms, VenueOrder

__all__ = ["Refusal", "bad_change", "bad_terms", "refused_instrument"]

Refusal = tuple[int, str]
"""A code and its text."""

_REJECTED: Final = "Order rejected - reason:"


def refused_instrument(instrument: Instrument) -> Refusal | None:
    """Return why an instrument takes no orders."""
    if not instrument.is_tradable:
        return 200, "No security definition has been found for the request"
    return None


def bad_terms(terms: Terms, instrument: Instrument) -> Refusal | None:
    """Return what is wrong with the terms of an order."""
    return next(_wrong(terms, instrument), None)


def _wrong(terms: Terms, instrument: Instrument) -> Iterator[Refusal]:
    kind = ORDER_TYPES.get(terms.order_type)
    if kind is None:
        yield 387, "Unsupported order type for this exchange and security type."
        return
    yield from _wrong_time(terms)
    yield from _wrong_size(terms, instrument)
    if kind.trigger is Trigger.TRAIL:
        yield from _wrong_trail(terms)
    needed = [
        *([terms.limit_price] if kind.needs_limit else []),
        *([terms.stop_price] if kind.needs_auxiliary else []),
    ]
    # what a combo or a spread costs may be negative or nothing
    may_be_negative = instrument.sec_type == "BAG"
    if any(price is None or (price <= 0 and not may_be_negative) for price in needed):
        yield 201, f"{_REJECTED}Invalid price"
    given = (terms.limit_price if kind.has_limit else None, *needed, terms.trail_stop_price)
    for price in given:
        if price is not None and price % instrument.tick_at(price):
            yield 110, "The price does not conform to the minimum price variation."
    algo = wrong_algo(terms)
    if algo is not None:
        yield algo


def _wrong_time(terms: Terms) -> Iterator[Refusal]:
    if terms.time_in_force not in TIMES_IN_FORCE:
        yield 201, f"{_REJECTED}Invalid time in force:{terms.time_in_force}"
    if terms.time_in_force == "GTD" and terms.good_till is None:
        yield 337, "The good till date is missing or invalid."
    if terms.time_in_force == "OPG" and terms.order_type not in {"MKT", "LMT"}:
        yield 201, f"{_REJECTED}Invalid order type for the opening:{terms.order_type}"


def _wrong_size(terms: Terms, instrument: Instrument) -> Iterator[Refusal]:
    if terms.quantity <= 0:
        yield 434, "The order size cannot be zero."
    elif terms.quantity % instrument.min_size:
        yield 10318, "This order doesn't support fractional quantity trading"
    if terms.display_size is not None and terms.display_size > terms.quantity:
        yield 201, f"{_REJECTED}The displayed size is larger than the order"


def _wrong_trail(terms: Terms) -> Iterator[Refusal]:
    amount, percent = terms.stop_price, terms.trailing_percent
    if (amount is None or amount <= 0) and percent is None:
        yield 201, f"{_REJECTED}Invalid trailing amount"
    if percent is not None and not 0 < percent < 100:
        yield 201, f"{_REJECTED}Invalid trailing percentage"


def bad_change(order: VenueOrder, terms: Terms) -> Refusal | None:
    """Return why a working order cannot be changed to these terms; it lives on either way."""
    old = order.terms
    if terms.order_type != old.order_type:
        return 329, "Order modify failed. Cannot change to the new order type."
    if terms.action != old.action or terms.quantity < order.filled or terms.legs != old.legs:
        return 105, "Order being modified does not match original order."
    return bad_terms(terms, order.instrument)
