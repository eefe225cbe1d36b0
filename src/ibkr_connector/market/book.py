"""
An order book, kept row by row and checked at every change.

IB sends changes by position: insert moves the rows below down, delete moves them up. A change that
does not fit what is there means that something was lost; the book then says so and is of no use
until it is sent anew. Pure.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from ibkr_connector.gateway.stream_port import DepthChange, DepthOperation
from ibkr_connector.model.streams import DepthLevel

__all__ = ["Book", "BrokenBook"]


class BrokenBook(Exception):  # noqa: N818  # says what happened
    """A change does not fit the book."""


class Book:
    """
    Both sides of one book, of at most `rows` rows.

    Rows of different exchanges may stand at the same price, and the book of several exchanges may
    be crossed for moments; within a side prices never get better with the position.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._bids: list[DepthLevel] = []
        self._asks: list[DepthLevel] = []

    @property
    def bids(self) -> tuple[DepthLevel, ...]:
        """Best first."""
        return tuple(self._bids)

    @property
    def asks(self) -> tuple[DepthLevel, ...]:
        """Best first."""
        return tuple(self._asks)

    def clear(self) -> None:
        """Empty both sides."""
        self._bids.clear()
        self._asks.clear()

    def apply(self, change: DepthChange) -> None:
        """
        Make one change.

        Raises:
            BrokenBook: It names a row that is not there, leaves a hole, or has no price.
        """
        side = self._bids if change.is_bid else self._asks
        at = change.position
        if change.operation is DepthOperation.DELETE:
            if not 0 <= at < len(side):
                raise BrokenBook(f"row {at} of {len(side)} was deleted")
            del side[at]
            return
        level = _level(change)
        if change.operation is DepthOperation.INSERT:
            if not 0 <= at <= len(side):
                raise BrokenBook(f"row {at} was inserted into {len(side)}")
            side.insert(at, level)
            # what is pushed out at the bottom is not deleted by a message of its own
            del side[self._rows :]
        else:
            if not 0 <= at < len(side):
                raise BrokenBook(f"row {at} of {len(side)} was changed")
            side[at] = level

    def check(self) -> None:
        """
        Look at the whole book; for when a batch of changes is complete.

        Raises:
            BrokenBook: A price is better than the one above it.
        """
        for name, side, sign in (("bids", self._bids, -1), ("asks", self._asks, 1)):
            for upper, lower in pairwise(side):
                if (lower.price - upper.price) * sign < 0:
                    raise BrokenBook(f"{name} out of order: {lower.price} below {upper.price}")


def _level(change: DepthChange) -> DepthLevel:
    if change.price is None:
        raise BrokenBook(f"row {change.position} came without a price")
    return DepthLevel(price=change.price, size=change.size or Decimal(0), maker=change.maker)
