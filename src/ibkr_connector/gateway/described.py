"""
Contracts that are described again and again: one record for each description.

Each message of an order, and each row of an account, describes its contract anew. A record never
changes, so it may be shared, and two of them that are the same object are compared at once.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from ibkr_connector.model.contracts import Contract

__all__ = ["MOST", "shared"]

MOST: Final = 2048
"""So many descriptions are remembered; then it begins anew."""

_SAID: Final = attrgetter(
    "secType", "conId", "symbol", "lastTradeDateOrContractMonth", "strike", "right", "multiplier",
    "exchange", "primaryExchange", "currency", "localSymbol", "tradingClass",
)  # fmt: skip

_KNOWN: Final[dict[tuple[Any, ...], Contract]] = {}


def shared(source: Any, read: Callable[[Any], Contract]) -> Contract:
    """Return what `read` makes of an ib_async contract, or has made of one that says the same."""
    if source.comboLegs:
        return read(source)
    said = _SAID(source)
    known = _KNOWN.get(said)
    if known is None:
        if len(_KNOWN) >= MOST:
            _KNOWN.clear()
        known = _KNOWN[said] = read(source)
    return known
