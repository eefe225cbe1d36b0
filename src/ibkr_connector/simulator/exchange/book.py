"""
Which orders a quote concerns, without looking at the others, and what they show of themselves.

*Held* orders do not work yet. All others wait in a queue of their instrument when they have a
price: at that price, sorted by price and time, or for their election, sorted by what elects them.
A quote reads the queues from the front and stops at the first order that it does not reach.
*Takers* are looked at each time: they have no price, follow the market, or have not met a market
yet that they could not trade with.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from .matching import accepts, priority_key
from .order_types import Trigger
from .pricing import follows_market, is_triggered, type_of
from .records import Quote, VenueOrder

__all__ = ["Book"]

_Place = tuple[Decimal, int, int]
"""What an order is sorted by (a price that grows with distance from the market, then time), and
its permanent id."""

_Queue = tuple[str, bool]
"""What the orders of a queue wait for, and whether they buy."""


@dataclass(slots=True)
class _Waiting:
    takers: set[int] = field(default_factory=set)
    queues: dict[_Queue, list[_Place]] = field(default_factory=dict)


class Book:
    """Open orders of all instruments; an order is replaced as a whole when it changes."""

    def __init__(self) -> None:
        self._orders: dict[int, VenueOrder] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._held: set[int] = set()

    def __contains__(self, perm_id: object) -> bool:
        return perm_id in self._orders

    def get(self, perm_id: int) -> VenueOrder | None:
        """Return an open order."""
        return self._orders.get(perm_id)

    def orders(self) -> tuple[VenueOrder, ...]:
        """Return all open orders, oldest first."""
        return tuple(self._orders.values())

    def ids(self) -> tuple[int, ...]:
        """Return the permanent ids of all open orders, oldest first."""
        return tuple(self._orders)

    def held(self) -> list[VenueOrder]:
        """Return the orders that do not work yet, oldest first."""
        return [self._orders[perm_id] for perm_id in sorted(self._held)]

    def instruments(self) -> tuple[int, ...]:
        """Return the con ids in which orders work, in the order in which they first did."""
        return tuple(con_id for con_id, waiting in self._waiting.items() if _is_used(waiting))

    def works_in(self, con_id: int) -> bool:
        """Tell whether any order works in an instrument."""
        waiting = self._waiting.get(con_id)
        return waiting is not None and _is_used(waiting)

    def put(self, order: VenueOrder) -> None:
        """Add an order, or replace what it was before."""
        before = self._orders.get(order.perm_id)
        self._orders[order.perm_id] = order
        if before is not None:
            self._leave(before)
        if order.hold is not None:
            self._held.add(order.perm_id)
            return
        waiting = self._waiting.setdefault(order.instrument.con_id, _Waiting())
        place = _place(order)
        if place is not None:
            bisect.insort(waiting.queues.setdefault(place[0], []), place[1])
        if _is_taker(order):
            waiting.takers.add(order.perm_id)

    def remove(self, perm_id: int) -> None:
        """Forget an order; nothing happens when it is not here."""
        order = self._orders.pop(perm_id, None)
        if order is not None:
            self._leave(order)

    def concerned(self, con_id: int, quote: Quote) -> list[VenueOrder]:
        """Return the orders that a quote may move, those first that are served first."""
        waiting = self._waiting.get(con_id)
        if waiting is None:
            return []
        found = {perm_id: self._orders[perm_id] for perm_id in waiting.takers}
        for (sort, is_buy), queue in waiting.queues.items():
            price = quote.ask if is_buy else quote.bid
            if sort == "rest" and price is None:
                continue
            for _, _, perm_id in queue:
                order = self._orders[perm_id]
                if price is not None and sort == "rest":
                    moved = accepts(order, price)
                else:
                    moved = is_triggered(order, quote)
                if not moved:
                    break
                found[perm_id] = order
        return sorted(found.values(), key=priority_key)

    def resting(self, con_id: int, *, is_buy: bool) -> Iterator[VenueOrder]:
        """Yield what stands on one side, those first that are served first; nothing may change."""
        waiting = self._waiting.get(con_id)
        if waiting is not None:
            for _, _, perm_id in waiting.queues.get(("rest", is_buy), ()):
                yield self._orders[perm_id]

    def shown(self, con_id: int, quote: Quote) -> Quote:
        """Return a quote with what the resting orders show of themselves."""
        waiting = self._waiting.get(con_id)
        if waiting is None or not waiting.queues:
            return quote
        bid, bid_size = self._side(con_id, quote, is_buy=True)
        ask, ask_size = self._side(con_id, quote, is_buy=False)
        shown = (bid, ask, bid_size, ask_size)
        if shown == (quote.bid, quote.ask, quote.bid_size, quote.ask_size):
            return quote
        return replace(quote, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)

    def _side(self, con_id: int, quote: Quote, *, is_buy: bool) -> tuple[Decimal | None, Decimal]:
        price, size = (quote.bid, quote.bid_size) if is_buy else (quote.ask, quote.ask_size)
        far = quote.ask if is_buy else quote.bid
        for order in self.resting(con_id, is_buy=is_buy):
            stands = order.working_price
            if stands is None or order.terms.is_hidden or order.terms.is_all_or_none:
                continue
            if far is not None and accepts(order, far):
                continue  # it trades as soon as the market moves: nobody sees it stand there
            is_better = price is None or (stands > price if is_buy else stands < price)
            if is_better:
                price, size = stands, Decimal(0)
            elif stands != price:
                break
            size += min(order.terms.display_size or order.remaining, order.remaining)
        return price, size

    def _leave(self, order: VenueOrder) -> None:
        if order.hold is not None:
            self._held.discard(order.perm_id)
            return
        waiting = self._waiting[order.instrument.con_id]
        waiting.takers.discard(order.perm_id)
        place = _place(order)
        if place is not None:
            queue = waiting.queues[place[0]]
            del queue[bisect.bisect_left(queue, place[1])]


def _is_taker(order: VenueOrder) -> bool:
    if follows_market(order):
        return True
    if not order.is_triggered:
        return order.trigger_price is None
    return order.working_price is None or not order.is_resting


def _place(order: VenueOrder) -> tuple[_Queue, _Place] | None:
    """Return the queue of a working order and its place there; `None` without a price."""
    terms, trigger = order.terms, order.trigger_price
    if not order.is_triggered:
        if trigger is None or follows_market(order):
            return None
        sort = type_of(terms).trigger
        rising = terms.is_buy is (sort is Trigger.STOP)
        distance = trigger if rising else -trigger
        # orders that look at different prices cannot share a queue
        name = f"{sort}{terms.trigger_method}"
        return (name, terms.is_buy), (distance, order.priority, order.perm_id)
    if order.working_price is not None:
        return ("rest", terms.is_buy), (*priority_key(order), order.perm_id)
    return None


def _is_used(waiting: _Waiting) -> bool:
    return bool(waiting.takers) or any(waiting.queues.values())
