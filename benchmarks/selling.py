"""
Selling what a benchmark has bought, so that the account's money lasts for any number of rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

__all__ = ["BELOW", "pieces"]

BELOW: Final = Decimal("194.99")
"""A limit so far through the market that a sale fills at once."""

_MOST: Final = 100
"""So many at a time; the connector's limits by value hold for a benchmark too."""


def pieces(quantity: int) -> Iterator[int]:
    """Divide what was bought into orders."""
    while quantity:
        piece = min(quantity, _MOST)
        yield piece
        quantity -= piece
