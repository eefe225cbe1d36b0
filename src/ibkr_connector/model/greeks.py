"""What a model says of an option: volatility, greeks, and the prices that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .record import Record

__all__ = ["Greeks", "OptionGreeks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks(Record):
    """
    What a model says of an option, per unit of the underlying; `None` is what IB did not say.

    `volatility` is a year's, as a fraction: 0.25 is 25 per cent. Greeks are a model's estimates and
    floats; prices are exact. With `is_price_based` the volatility is that of prices and not of
    returns, as IB has it for options whose underlying may fall below zero.
    """

    volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    vega: float | None = None
    theta: float | None = None
    price: Decimal | None = None
    under_price: Decimal | None = None
    dividend: Decimal | None = None
    is_price_based: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionGreeks(Record):
    """The greeks of an option by IB's model, and as its bid, ask and last imply them."""

    model: Greeks | None = None
    bid: Greeks | None = None
    ask: Greeks | None = None
    last: Greeks | None = None
