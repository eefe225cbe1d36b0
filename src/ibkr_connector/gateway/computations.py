"""
Option computations of the wire into greeks, live and delayed alike.

IB says "not computed" by a number of its own for each figure. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.greeks import Greeks, OptionGreeks

from .figures import decimal_or_none

__all__ = ["COMPUTED", "DELAYED_COMPUTED", "computed", "with_computed"]

COMPUTED: Final[Mapping[int, str]] = MappingProxyType(
    # ibapi ticktype.py; 53 answers a calculation and belongs to no stream
    {10: "bid", 11: "ask", 12: "last", 13: "model", 80: "bid", 81: "ask", 82: "last", 83: "model"}
)
"""Of which of an option's prices a computation is, by its tick."""

DELAYED_COMPUTED: Final = frozenset({80, 81, 82, 83})

_NOT_COMPUTED: Final = -2.0
_NO_PRICE: Final = Decimal(-1)
_PRICE_BASED: Final = 1
_LARGEST: Final = 1e300
"""IB writes a figure that it does not have as the largest double."""


def computed(basis: str, figures: Sequence[str]) -> Greeks:
    """
    Read one computation.

    Args:
        basis: Whether it is based on returns (0) or prices (1).
        figures: Volatility, delta, price, dividend, gamma, vega, theta and the underlying's price
            (ib_async decoder.py).

    Raises:
        ValueError: There are not eight of them, or one is no number.
    """
    volatility, delta, price, dividend, gamma, vega, theta, under = figures
    spread = _estimate(volatility)
    return Greeks(
        volatility=None if spread is None or spread < 0 else spread,
        delta=_greek(delta),
        gamma=_greek(gamma),
        vega=_greek(vega),
        theta=_greek(theta),
        price=_price(price),
        under_price=_price(under),
        dividend=_price(dividend),
        is_price_based=int(basis or 0) == _PRICE_BASED,
    )


def with_computed(known: OptionGreeks | None, of: str, greeks: Greeks) -> OptionGreeks:
    """Return what is known with one of its four replaced."""
    return replace(known or OptionGreeks(), **{of: greeks})


def _estimate(figure: str) -> float | None:
    if figure == "":
        return None
    number = float(figure)
    return number if math.isfinite(number) and abs(number) < _LARGEST else None


def _greek(figure: str) -> float | None:
    number = _estimate(figure)
    return None if number == _NOT_COMPUTED else number


def _price(figure: str) -> Decimal | None:
    price = decimal_or_none(figure)
    return None if price == _NO_PRICE else price
