"""
Match one order against the other side of the market: a pure decision, returned, not performed.

The other side is what the market shows, level by level, and the resting orders of other clients.
Price comes first; at one price those who were there first, and clients before the market, whose
offers are new in each second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Final

from .records import VenueOrder

__all__ = ["ADDED", "REMOVED", "Level", "Trade", "accepts", "priority_key", "sweep"]

ADDED: Final = 1
REMOVED: Final = 2
"""Whether an execution added liquidity or took it (IB's `lastLiquidity`)."""

Level = tuple[Decimal, Decimal]
"""A price of the market, and how much of it is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """
    What an order trades now.

    Args:
        quantity: How much.
        price: At which price.
        liquidity: `ADDED` or `REMOVED`.
        level: Price of the market's level that it uses up; `None` when it met an order.
        counter: Permanent id of the order on the other side; 0 for the market.
    """

    quantity: Decimal
    price: Decimal
    liquidity: int
    level: Decimal | None = None
    counter: int = 0


def accepts(order: VenueOrder, price: Decimal) -> bool:
    """Tell whether an order would trade at a price."""
    limit = order.working_price
    if limit is None:
        return True
    return price <= limit if order.terms.is_buy else price >= limit


def sweep(
    order: VenueOrder, levels: Iterable[Level], resting: Iterable[VenueOrder]
) -> Sequence[Trade]:
    """
    Decide what an elected order trades.

    Args:
        order: The order, with its working price.
        levels: The other side of the market, best price first.
        resting: Orders of clients on the other side, those first that are served first.

    Returns:
        Trades in the order in which they happen; empty when nothing fits, or not enough for an
        order that wants all or a minimum.
    """
    trades = list(_walk(order, levels, resting))
    reached = sum((trade.quantity for trade in trades), Decimal(0))
    terms = order.terms
    wants_all = terms.time_in_force == "FOK" or terms.is_all_or_none
    if wants_all and reached < order.remaining:
        return ()
    if terms.minimum_quantity is not None and order.filled == 0:
        needed = min(terms.minimum_quantity, order.remaining)
        return trades if reached >= needed else ()
    return trades


def _walk(
    order: VenueOrder, levels: Iterable[Level], resting: Iterable[VenueOrder]
) -> Iterator[Trade]:
    left = order.remaining
    waiting = takewhile(lambda other: _meets(order, other), resting)
    ahead = next(waiting, None)
    for price, size in levels:
        while ahead is not None and left > 0 and not _is_better(price, ahead, order=order):
            for trade in _against(ahead, left):
                left -= trade.quantity
                yield trade
            ahead = next(waiting, None)
        if left <= 0 or not accepts(order, price):
            break
        if size > 0:
            quantity = min(left, size)
            left -= quantity
            yield _from_market(order, price, quantity)
        if left <= 0:
            break  # the next level may be dear to look up
    while ahead is not None and left > 0:
        for trade in _against(ahead, left):
            left -= trade.quantity
            yield trade
        ahead = next(waiting, None)


def _meets(order: VenueOrder, resting: VenueOrder) -> bool:
    return resting.working_price is not None and accepts(order, resting.working_price)


def _is_better(price: Decimal, resting: VenueOrder, *, order: VenueOrder) -> bool:
    """Tell whether the market is better for the order than a client who waits."""
    stands = resting.working_price
    if stands is None:
        return True
    return price < stands if order.terms.is_buy else price > stands


def _against(resting: VenueOrder, left: Decimal) -> Iterator[Trade]:
    if resting.terms.is_all_or_none and left < resting.remaining:
        return
    assert resting.working_price is not None
    yield Trade(
        quantity=min(left, resting.remaining),
        price=resting.working_price,
        liquidity=REMOVED,
        counter=resting.perm_id,
    )


def _from_market(order: VenueOrder, price: Decimal, quantity: Decimal) -> Trade:
    if order.is_resting and order.working_price is not None:
        # the market came to a resting order: it trades at its own price, as a book would
        return Trade(quantity=quantity, price=order.working_price, liquidity=ADDED, level=price)
    return Trade(quantity=quantity, price=price, liquidity=REMOVED, level=price)


_AT_MARKET: Final = Decimal("-Infinity")


def priority_key(order: VenueOrder) -> tuple[Decimal, int]:
    """Return what orders of one side are served by: price first, then time."""
    price = order.working_price
    if price is None:
        # an order at the market stands before every limit
        return _AT_MARKET, order.priority
    return (-price if order.terms.is_buy else price), order.priority
