"""
The ticks of one stream into quotes, from the text of the wire.

Delayed ticks land in the same fields and mark the quote; what "no price" is, is said once, in
`figures`. Pure: fed with fields, asked for a quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.extras import QuoteExtras
from ibkr_connector.model.making import quick
from ibkr_connector.model.market import DataType, Quote

from .computations import COMPUTED, DELAYED_COMPUTED, computed, with_computed
from .extra_ticks import figures_of
from .figures import decimal_or_none, quantity
from .lanes import Remembered

__all__ = [
    "NO_PRICE",
    "PRICES",
    "PRICE_TICKS",
    "SIZES",
    "SIZE_TICKS",
    "QuoteTicks",
    "price_of",
    "size_of",
]

# ibapi ticktype.py; 66 and above are the delayed ones. With the field of the size, where a price
# comes with one.
_PRICES: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {
        "1": ("bid", "bid_size"), "2": ("ask", "ask_size"), "4": ("last", "last_size"),
        "6": ("high", None), "7": ("low", None), "9": ("close", None), "14": ("open", None),
        "66": ("bid", "bid_size"), "67": ("ask", "ask_size"), "68": ("last", "last_size"),
        "72": ("high", None), "73": ("low", None), "75": ("close", None), "76": ("open", None),
    }
)  # fmt: skip
_SIZES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": "bid_size", "3": "ask_size", "5": "last_size", "8": "volume",
        "69": "bid_size", "70": "ask_size", "71": "last_size", "74": "volume",
    }
)  # fmt: skip
_HALTED: Final = frozenset({"49", "90"})
_DELAYED: Final = frozenset(
    {"66", "67", "68", "69", "70", "71", "72", "73", "74", "75", "76", "90"}
)
NO_PRICE: Final = frozenset({Decimal(-1), Decimal(0)})
"""What stands for no price where no size is with it."""


PRICE_TICKS: Final[Mapping[bytes, tuple[str, str | None, bool]]] = MappingProxyType(
    {kind.encode(): (*fields, kind in _DELAYED) for kind, fields in _PRICES.items()}
)
"""By the type of a tick as it is on the wire: where its price and size go, and if it is delayed."""

SIZE_TICKS: Final[Mapping[bytes, tuple[str, bool]]] = MappingProxyType(
    {kind.encode(): (field, kind in _DELAYED) for kind, field in _SIZES.items()}
)
"""The same for ticks that are a size alone."""

_REMEMBERED: Final = 8_192
"""Texts whose figures are remembered: the same few prices and sizes come again and again."""


@lru_cache(_REMEMBERED)
def price_of(text: str) -> Decimal | None:
    """Return a price exactly as written; `None` when it is unset or empty."""
    return decimal_or_none(text)


@lru_cache(_REMEMBERED)
def size_of(text: str) -> Decimal | None:
    """Return a size exactly as written; `None` when it is unset or empty."""
    return quantity(text)


def _price_part(part: bytes) -> Decimal | None:
    return price_of(part.decode(errors="backslashreplace"))


def _size_part(part: bytes) -> Decimal | None:
    return size_of(part.decode(errors="backslashreplace"))


PRICES: Final = Remembered(_price_part)
"""Prices as `price_of` reads them, by the bytes of the wire."""

SIZES: Final = Remembered(_size_part)
"""Sizes as `size_of` reads them, by the bytes of the wire."""

_quote: Final = quick(Quote)


class QuoteTicks:
    """
    Gathers ticks; each call tells whether the quote may have changed.

    `values` and `is_delayed` are filled by the lanes too, which have no time for a call.
    """

    __slots__ = ("_contract", "_extras", "_told", "is_delayed", "values")

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._told: DataType | None = None
        self.is_delayed = False
        self.values: dict[str, Any] = {}
        self._extras: dict[str, Any] = {}

    def price(self, kind: str, price: str, size: str) -> bool:
        """Take a price, with its size where it has one."""
        field = _PRICES.get(kind)
        if field is None:
            return self.extra(kind, price)
        if kind in _DELAYED:
            self.is_delayed = True
        name, sized = field
        value, amount = price_of(price), size_of(size)
        # -1 or 0 without a size is "no price", 0 with a size is one, as for combos (IB campus).
        values = self.values
        values[name] = None if not amount and value in NO_PRICE else value
        if sized is not None:
            values[sized] = amount or None
        return True

    def size(self, kind: str, size: str) -> bool:
        """Take a size; none means that there is no such side any more, but for the volume."""
        name = _SIZES.get(kind)
        if name is None:
            return self.extra(kind, size)
        if kind in _DELAYED:
            self.is_delayed = True
        amount = size_of(size)
        self.values[name] = amount if amount or name == "volume" else None
        return True

    def generic(self, kind: str, value: str) -> bool:
        """Take a generic tick: halted is 1 or 2, not halted 0, unknown -1 (IB campus)."""
        if kind not in _HALTED:
            return self.extra(kind, value)
        number = decimal_or_none(value)
        self.values["halted"] = None if number is None or number < 0 else number > 0
        return True

    def computation(self, kind: str, basis: str, figures: list[str]) -> bool:
        """Take what a model says of an option, or what one of its prices implies."""
        of = COMPUTED.get(int(kind))
        if of is None:
            return False
        if int(kind) in DELAYED_COMPUTED:
            self.is_delayed = True
        values = self.values
        values["greeks"] = with_computed(values.get("greeks"), of, computed(basis, figures))
        return True

    def extra(self, kind: str, text: str) -> bool:
        """Take what was asked for besides the quote."""
        told = figures_of(kind, text)
        if told is None:
            return False
        self._extras.update(told)
        self.values["extras"] = QuoteExtras(**self._extras)
        return True

    def data_type(self, number: str) -> None:
        """Take what the gateway says about the source of the prices."""
        self._told = DataType(int(number))

    def quote(self, now: datetime) -> Quote:
        """Return what is known now."""
        return _quote(contract=self._contract, timestamp=now, data_type=self._source, **self.values)

    @property
    def _source(self) -> DataType:
        told = self._told
        if told is not None and (not self.is_delayed or told > DataType.FROZEN):
            return told
        return DataType.DELAYED if self.is_delayed else DataType.LIVE
