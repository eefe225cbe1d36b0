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
from ibkr_connector.model.market import DataType, Quote

from .computations import COMPUTED, DELAYED_COMPUTED, computed, with_computed
from .extra_ticks import figures_of
from .figures import decimal_or_none, quantity

__all__ = ["QuoteTicks", "price_of", "size_of"]

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
_NO_PRICE: Final = frozenset({Decimal(-1), Decimal(0)})


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


class QuoteTicks:
    """Gathers ticks; each call tells whether the quote may have changed."""

    __slots__ = ("_contract", "_delayed", "_extras", "_told", "_values")

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._told: DataType | None = None
        self._delayed = False
        self._values: dict[str, Any] = {}
        self._extras: dict[str, Any] = {}

    def price(self, kind: str, price: str, size: str) -> bool:
        """Take a price, with its size where it has one."""
        field = _PRICES.get(kind)
        if field is None:
            return self.extra(kind, price)
        if kind in _DELAYED:
            self._delayed = True
        name, sized = field
        value, amount = price_of(price), size_of(size)
        # -1 or 0 without a size is "no price", 0 with a size is one, as for combos (IB campus).
        values = self._values
        values[name] = None if not amount and value in _NO_PRICE else value
        if sized is not None:
            values[sized] = amount or None
        return True

    def size(self, kind: str, size: str) -> bool:
        """Take a size; none means that there is no such side any more, but for the volume."""
        name = _SIZES.get(kind)
        if name is None:
            return self.extra(kind, size)
        if kind in _DELAYED:
            self._delayed = True
        amount = size_of(size)
        self._values[name] = amount if amount or name == "volume" else None
        return True

    def generic(self, kind: str, value: str) -> bool:
        """Take a generic tick: halted is 1 or 2, not halted 0, unknown -1 (IB campus)."""
        if kind not in _HALTED:
            return self.extra(kind, value)
        number = decimal_or_none(value)
        self._values["halted"] = None if number is None or number < 0 else number > 0
        return True

    def computation(self, kind: str, basis: str, figures: list[str]) -> bool:
        """Take what a model says of an option, or what one of its prices implies."""
        of = COMPUTED.get(int(kind))
        if of is None:
            return False
        if int(kind) in DELAYED_COMPUTED:
            self._delayed = True
        values = self._values
        values["greeks"] = with_computed(values.get("greeks"), of, computed(basis, figures))
        return True

    def extra(self, kind: str, text: str) -> bool:
        """Take what was asked for besides the quote."""
        told = figures_of(kind, text)
        if told is None:
            return False
        self._extras.update(told)
        self._values["extras"] = QuoteExtras(**self._extras)
        return True

    def data_type(self, number: str) -> None:
        """Take what the gateway says about the source of the prices."""
        self._told = DataType(int(number))

    def quote(self, now: datetime) -> Quote:
        """Return what is known now."""
        return Quote(contract=self._contract, timestamp=now, data_type=self._source, **self._values)

    @property
    def _source(self) -> DataType:
        told = self._told
        if told is not None and (not self._delayed or told > DataType.FROZEN):
            return told
        return DataType.DELAYED if self._delayed else DataType.LIVE
