"""
The price of an order now: where it stands, what elects it, how far it has trailed.

Pure: an order and a quote in, prices out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .instruments import Instrument
from .order_types import ORDER_TYPES, OrderType, Peg, Trigger
from .records import Quote, Status, Terms, VenueOrder, change_order

__all__ = [
    "elect",
    "follows_market",
    "is_triggered",
    "priced",
    "type_of",
    "watched",
    "with_trigger",
]

_BY_LAST: Final = frozenset({"STK", "FUT", "IND", "FUND", "BAG"})
"""Security types whose stops are triggered by trades when their trigger method is the default;
the others have bids and asks only, or seldom trade (IB campus, trigger methods)."""

_HUNDRED: Final = Decimal(100)


def type_of(terms: Terms) -> OrderType:
    """Return what the order type is made of."""
    return ORDER_TYPES[terms.order_type]


def follows_market(order: VenueOrder) -> bool:
    """Tell whether an order's own prices change with the market: each quote concerns it."""
    kind = type_of(order.terms)
    return kind.peg is not None or (kind.trigger is Trigger.TRAIL and not order.is_triggered)


# --- triggers -----------------------------------------------------------------------------------


def watched(instrument: Instrument, terms: Terms, quote: Quote) -> tuple[Decimal, ...]:
    """
    Return the prices that may elect an order, by its trigger method.

    1 and 4 look at the far side, 2 and 3 at trades, 7 at both, 8 at the midpoint. *limit*: "double"
    methods (1, 3) are content with one price.
    """
    side = quote.ask if terms.is_buy else quote.bid
    method = terms.trigger_method or (2 if instrument.sec_type in _BY_LAST else 4)
    match method:
        case 2 | 3:
            seen = [quote.last if quote.last is not None else side]
        case 7:
            seen = [quote.last, side]
        case 8:
            has_both = quote.bid is not None and quote.ask is not None
            seen = [(quote.bid + quote.ask) / 2 if has_both else None]  # type: ignore[operator]
        case _:
            seen = [side]
    return tuple(price for price in seen if price is not None)


def is_triggered(order: VenueOrder, quote: Quote) -> bool:
    """Tell whether an order may trade: it has no trigger, or the market has reached it."""
    kind, trigger = type_of(order.terms).trigger, order.trigger_price
    if kind is None or trigger is None or order.is_triggered:
        return kind is None or order.is_triggered
    rising = order.terms.is_buy is (kind is not Trigger.TOUCH)
    prices = watched(order.instrument, order.terms, quote)
    return any(price >= trigger if rising else price <= trigger for price in prices)


def with_trigger(order: VenueOrder, quote: Quote) -> VenueOrder:
    """Return the order with its trigger where it is now: trailing stops follow the market."""
    terms, kind = order.terms, type_of(order.terms).trigger
    if kind is None or order.is_triggered:
        return order
    if kind is not Trigger.TRAIL:
        if order.trigger_price == terms.stop_price:
            return order
        return change_order(order, trigger_price=terms.stop_price)
    stop = order.trigger_price if order.trigger_price is not None else terms.trail_stop_price
    prices = watched(order.instrument, terms, quote)
    if prices:
        nearest = min(prices) if terms.is_buy else max(prices)
        gap = _trailing_gap(terms, nearest)
        if terms.is_buy:
            wanted = order.instrument.ceil(nearest + gap)
            stop = wanted if stop is None else min(stop, wanted)
        else:
            wanted = order.instrument.floor(nearest - gap)
            stop = wanted if stop is None else max(stop, wanted)
    return order if stop == order.trigger_price else change_order(order, trigger_price=stop)


def _trailing_gap(terms: Terms, price: Decimal) -> Decimal:
    if terms.trailing_percent is not None:
        return price * terms.trailing_percent / _HUNDRED
    return terms.stop_price or Decimal(0)


def elect(order: VenueOrder) -> VenueOrder:
    """Return the order as one that may trade; a trailing limit gets its price now."""
    terms = order.terms
    working = order.working_price
    if terms.order_type == "TRAIL LIMIT" and order.trigger_price is not None:
        offset = _limit_offset(order)
        working = order.trigger_price + offset if terms.is_buy else order.trigger_price - offset
    elif type_of(terms).has_limit:
        working = terms.limit_price
    return change_order(order, is_triggered=True, working_price=working, status=Status.SUBMITTED)


def _limit_offset(order: VenueOrder) -> Decimal:
    terms = order.terms
    if terms.limit_offset is not None:
        return terms.limit_offset
    # a client may give the limit itself, whose distance from the first stop is the offset
    if terms.limit_price is not None and terms.trail_stop_price is not None:
        return abs(terms.limit_price - terms.trail_stop_price)
    return Decimal(0)


# --- prices -------------------------------------------------------------------------------------


def priced(order: VenueOrder, quote: Quote) -> VenueOrder:
    """Return the order with the price at which it stands now; pegs follow the market."""
    peg = type_of(order.terms).peg
    if peg is None:
        return order
    price = _pegged(order, peg, quote)
    if price == order.working_price:
        return order
    return change_order(order, working_price=price, is_resting=False)


def _pegged(order: VenueOrder, peg: Peg, quote: Quote) -> Decimal | None:
    terms, instrument = order.terms, order.instrument
    own, far = (quote.bid, quote.ask) if terms.is_buy else (quote.ask, quote.bid)
    cap = terms.limit_price
    if own is None or far is None:
        return cap if own is None else own
    offset = terms.stop_price or Decimal(0)
    if peg is not Peg.PRIMARY:
        # less aggressive by the offset (TWS users' guide: pegged to midpoint, pegged to market)
        start = (own + far) / 2 if peg is Peg.MIDPOINT else far
        wanted = start - offset if terms.is_buy else start + offset
        price = instrument.floor(wanted) if terms.is_buy else instrument.ceil(wanted)
    else:
        wanted = own + offset if terms.is_buy else own - offset
        # it adds liquidity: it comes up to one tick before the other side, never to it
        tick = instrument.min_tick
        price = min(wanted, far - tick) if terms.is_buy else max(wanted, far + tick)
        price = max(price, own) if terms.is_buy else min(price, own)
    if cap is None:
        return price
    return min(price, cap) if terms.is_buy else max(price, cap)
