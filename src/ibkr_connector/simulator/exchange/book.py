"""
Which working orders a quote concerns, without looking at the others.

Orders wait in one of three places per instrument. *Takers* have not met a market that they could
not trade with: they are looked at each time. *Resting* orders stand at their limit, sorted by
price and time. *Stops* wait for their election, sorted by what elects them. A quote reads the two
sorted kinds from the front and stops at the first order that it does not reach.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from .matching import has_stop, is_triggered, priority_key, reaches
from .records import Quote, VenueOrder

__all__ = ["Book"]

_Place = tuple[Decimal, int, int]
"""What an order is sorted by (a price that grows with distance from the market, then time), and
its permanent id."""


@dataclass(slots=True)
class _Waiting:
    takers: set[int] = field(default_factory=set)
    queues: dict[tuple[str, bool], list[_Place]] = field(default_factory=dict)


class Book:
    """Working orders of all instruments; an order is replaced as a whole when it changes."""

    def __init__(self) -> None:
        self._orders: dict[int, VenueOrder] = {}
        self._waiting: dict[int, _Waiting] = {}

    def __contains__(self, perm_id: object) -> bool:
        return perm_id in self._orders

    def get(self, perm_id: int) -> VenueOrder | None:
        """Return a working order."""
        return self._orders.get(perm_id)

    def orders(self) -> tuple[VenueOrder, ...]:
        """Return all working orders, oldest first."""
        return tuple(self._orders.values())

    def ids(self) -> tuple[int, ...]:
        """Return the permanent ids of all working orders, oldest first."""
        return tuple(self._orders)

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
            same_queue = before.instrument.con_id == order.instrument.con_id
            if same_queue and _place(before) == _place(order):
                return
            self._leave(before)
        waiting = self._waiting.setdefault(order.instrument.con_id, _Waiting())
        place = _place(order)
        if place is None:
            waiting.takers.add(order.perm_id)
        else:
            bisect.insort(waiting.queues.setdefault(place[0], []), place[1])

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
        found = [self._orders[perm_id] for perm_id in waiting.takers]
        for queue in waiting.queues.values():
            found.extend(self._front(queue, quote))
        return sorted(found, key=priority_key)

    def _front(self, queue: list[_Place], quote: Quote) -> Iterator[VenueOrder]:
        for _, _, perm_id in queue:
            order = self._orders[perm_id]
            moved = reaches(order, quote) if order.is_triggered else is_triggered(order, quote)
            if not moved:
                return
            yield order

    def _leave(self, order: VenueOrder) -> None:
        waiting = self._waiting[order.instrument.con_id]
        place = _place(order)
        if place is None:
            waiting.takers.discard(order.perm_id)
            return
        queue = waiting.queues[place[0]]
        del queue[bisect.bisect_left(queue, place[1])]


def _place(order: VenueOrder) -> tuple[tuple[str, bool], _Place] | None:
    """Return the queue of an order and its place there; `None` for a taker."""
    terms = order.terms
    stop = terms.stop_price
    if stop is not None and has_stop(order) and not order.is_triggered:
        distance = stop if terms.is_buy else -stop
        return ("stop", terms.is_buy), (distance, order.priority, order.perm_id)
    if order.is_resting:
        return ("rest", terms.is_buy), (*priority_key(order), order.perm_id)
    return None


def _is_used(waiting: _Waiting) -> bool:
    return bool(waiting.takers) or any(waiting.queues.values())
