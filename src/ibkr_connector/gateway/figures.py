"""
Numbers of the wire to decimals, with IB's ways of saying "no number" as `None`.

IB writes an unset figure as the largest double, the largest int or long, or nothing at all; a
price of -1 with a size of 0 is "no price". ib_async has made floats of most texts already: the
shortest text of a float is what stood on the wire, for up to 15 digits.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Final

__all__ = [
    "NO_ID",
    "UNSET_TEXTS",
    "decimal_or_none",
    "figure",
    "integer",
    "positive",
    "quantity",
    "tick_price",
]

_UNSET_DOUBLE: Final = Decimal("1.7976931348623157E308")
_UNSET_WHOLE: Final = frozenset(
    map(Decimal, ("2147483647", "9223372036854775807", "-9223372036854775808"))
) | {Decimal(repr(9223372036854775807.0)), Decimal(repr(-9223372036854775808.0))}
NO_ID: Final = frozenset({0, 2147483647})
"""Numbers that stand for no id: zero, and the unset number."""

UNSET_TEXTS: Final = frozenset(
    {"1.7976931348623157E308", "1.7976931348623157e+308", "2147483647", "9223372036854775807"}
)
"""How a figure that is unset may be written where it is passed on as text."""

_SAFE: Final = 1e15
"""Below this a whole float has one way only to be written out."""


def decimal_or_none(number: float | Decimal | str) -> Decimal | None:
    """
    Return a figure exactly as written, `None` when it is unset, empty or not finite.

    Raises:
        ValueError: The text is no number.
    """
    if type(number) is float and number.is_integer() and 0 < abs(number) < _SAFE:
        return Decimal(int(number))
    text = repr(number) if isinstance(number, float) else str(number).strip()
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as exc:
        raise ValueError(f"expected a number, found {text!r}") from exc
    if not value.is_finite() or abs(value) == _UNSET_DOUBLE:
        return None
    # 100.0 is how a float says 100.
    if isinstance(number, float) and value == value.to_integral_value():
        return value.quantize(Decimal(1)) if abs(value) < Decimal(10) ** 20 else value
    return value


def figure(number: float | Decimal | str) -> Decimal | None:
    """Return a price or an amount of money; zero and negative ones are figures too."""
    return decimal_or_none(number)


def quantity(number: float | Decimal | str) -> Decimal | None:
    """Return a size, `None` also for the unset whole numbers."""
    value = decimal_or_none(number)
    return None if value in _UNSET_WHOLE else value


def positive(number: float | Decimal | str) -> Decimal | None:
    """Return a figure that means something only above zero, as an average fill price does."""
    value = quantity(number)
    return value if value is not None and value > 0 else None


def tick_price(price: float, size: float) -> Decimal | None:
    """
    Return the price of a tick.

    -1 or 0 without a size is "no price"; 0 with a size is a real price, as for combos
    (IB campus: tick types).
    """
    if size == 0 and price in (-1, 0):
        return None
    return decimal_or_none(price) if math.isfinite(price) else None


def integer(number: int | str) -> int | None:
    """Return an id, `None` for zero and for the unset number."""
    value = int(number or 0)
    return None if value in NO_ID else value
