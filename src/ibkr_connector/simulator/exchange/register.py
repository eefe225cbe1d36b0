"""
All orders that ever were, and who belongs to whom: parents and children, one-cancels-all groups.

The only place where an order is replaced by what it has become.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .book import Book
from .records import VenueOrder

__all__ = ["Register"]

_FIRST_PERM_ID: Final = 1_376_327_501


class Register:
    """Orders by permanent id; the open ones are in its `book` as well."""

    def __init__(self) -> None:
        self.book = Book()
        self._orders: dict[int, VenueOrder] = {}
        self._children: dict[int, list[int]] = {}
        self._groups: dict[tuple[str, str], list[int]] = {}
        self._next_perm_id = _FIRST_PERM_ID
        self._next_priority = 1

    def __getitem__(self, perm_id: int) -> VenueOrder:
        return self._orders[perm_id]

    def __contains__(self, perm_id: object) -> bool:
        return perm_id in self._orders

    def next_perm_id(self) -> int:
        """Return a permanent id that nobody has."""
        self._next_perm_id += 1
        return self._next_perm_id - 1

    def number_from(self, perm_id: int) -> None:
        """Give permanent ids from this one on, or from the next that nobody has had."""
        self._next_perm_id = max(self._next_perm_id, perm_id)

    def next_priority(self) -> int:
        """Return a place behind everybody who came before."""
        self._next_priority += 1
        return self._next_priority - 1

    def keep(self, order: VenueOrder) -> VenueOrder:
        """Store an order as it is now, and return it."""
        before = self._orders.get(order.perm_id)
        self._orders[order.perm_id] = order
        if before is None and order.parent:
            self._children.setdefault(order.parent, []).append(order.perm_id)
        if order.group is not None and (before is None or before.group != order.group):
            key = (order.account, order.group.name)
            self._groups.setdefault(key, []).append(order.perm_id)
        if order.status.is_open:
            self.book.put(order)
        else:
            self.book.remove(order.perm_id)
        return order

    def closed(self) -> tuple[VenueOrder, ...]:
        """Return all orders that are closed, oldest first."""
        return tuple(order for order in self._orders.values() if not order.status.is_open)

    def open_of(self, perm_id: int) -> VenueOrder | None:
        """Return an order if it is open."""
        return self.book.get(perm_id)

    def children(self, perm_id: int) -> Iterator[VenueOrder]:
        """Yield the open orders that are attached to an order, oldest first."""
        for child in self._children.get(perm_id, ()):
            order = self.book.get(child)
            if order is not None:
                yield order

    def members(self, order: VenueOrder) -> list[VenueOrder]:
        """Return the open orders of an order's group, itself among them; oldest first."""
        if order.group is None:
            return []
        found = self._groups.get((order.account, order.group.name), ())
        return [one for one in map(self.book.get, found) if one is not None]
