"""
Ticks of one snapshot into one quote, and when it is complete enough.

Delayed ticks land in the same fields and mark the quote. Pure: fed with ticks, asked for a quote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.greeks import OptionGreeks
from ibkr_connector.model.market import DataType, Quote

from .computations import COMPUTED, DELAYED_COMPUTED, computed, with_computed
from .figures import quantity, tick_price

__all__ = ["Snapshot"]

# ibapi ticktype.py; 66 and above are the delayed ones.
_PRICES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "bid", 2: "ask", 4: "last", 6: "high", 7: "low", 9: "close", 14: "open",
        66: "bid", 67: "ask", 68: "last", 72: "high", 73: "low", 75: "close", 76: "open",
    }
)  # fmt: skip
_SIZES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "bid_size", 3: "ask_size", 5: "last_size", 8: "volume",
        69: "bid_size", 70: "ask_size", 71: "last_size", 74: "volume",
    }
)  # fmt: skip
_HALTED: Final = frozenset({49, 90})
_DELAYED: Final = frozenset({66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 90})
_SIDED: Final = frozenset({"bid", "ask", "last"})

_TRADED: Final = frozenset({"bid", "ask", "last"})
_NEEDED: Final[Mapping[SecurityType, frozenset[str]]] = MappingProxyType(
    {
        SecurityType.FOREX: frozenset({"bid", "ask"}),
        SecurityType.CFD: frozenset({"bid", "ask"}),
        SecurityType.COMMODITY: frozenset({"bid", "ask"}),
        SecurityType.INDEX: frozenset({"last"}),
    }
)
"""What a quote of that kind has when it is worth returning; `_TRADED` for all others."""

_COMPUTABLE: Final = frozenset(
    {SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT}
)
_DAY: Final = frozenset({"high", "low", "close", "volume", "bid_size", "ask_size", "last_size"})


class Snapshot:
    """
    Gathers the ticks of one request; `on_tick` is called after each.

    Args:
        contract: Whose ticks they are.
        awaits_greeks: Whether that of an option is not full without the word of IB's model.
    """

    def __init__(self, contract: Contract, *, awaits_greeks: bool = False) -> None:
        self._contract = contract
        self._awaits_greeks = awaits_greeks
        self._told: DataType | None = None
        self._delayed = False
        self._values: dict[str, Any] = {}
        self._halted: bool | None = None
        self._greeks: OptionGreeks | None = None
        self.has_halted = False
        """Whether it was told if trading is halted; TWS may leave that out (IB campus)."""
        self.on_tick: Callable[[], None] = lambda: None

    @property
    def has_price(self) -> bool:
        """Whether any price has come."""
        return not self._values.keys().isdisjoint(_PRICES.values())

    @property
    def has_needed(self) -> bool:
        """Whether the prices that make a quote have come."""
        needed = _NEEDED.get(self._contract.security_type, _TRADED)
        return needed <= self._values.keys()

    @property
    def has_greeks(self) -> bool:
        """Whether IB's model has spoken of an option, if that is waited for."""
        if not self._awaits_greeks or self._contract.security_type not in _COMPUTABLE:
            return True
        model = None if self._greeks is None else self._greeks.model
        return model is not None and model.delta is not None

    @property
    def is_full(self) -> bool:
        """Whether nothing of use can still come."""
        return self.has_needed and self._values.keys() >= _DAY and self.has_greeks

    def price(self, kind: int, price: float, size: float) -> None:
        """Take a price tick; sizes come in it for bid, ask and last."""
        field = _PRICES.get(kind)
        if field is None:
            return
        self._delayed = self._delayed or kind in _DELAYED
        self._put(field, tick_price(price, size))
        if field in _SIDED:
            self._put(f"{field}_size", quantity(size) or None)
        self.on_tick()

    def size(self, kind: int, size: float) -> None:
        """Take a size tick; no size means that there is no such side any more."""
        field = _SIZES.get(kind)
        if field is None:
            return
        self._delayed = self._delayed or kind in _DELAYED
        self._put(field, quantity(size) if size or field == "volume" else None)
        self.on_tick()

    def generic(self, kind: int, value: float) -> None:
        """Take a generic tick: halted is 1 or 2, not halted 0, unknown -1 (IB campus)."""
        if kind in _HALTED:
            self._halted, self.has_halted = None if value < 0 else value > 0, True
            self.on_tick()

    def computation(self, kind: int, basis: str, figures: Sequence[str]) -> None:
        """Take what a model says of an option, or what one of its prices implies."""
        of = COMPUTED.get(kind)
        if of is not None:
            self._delayed = self._delayed or kind in DELAYED_COMPUTED
            self._greeks = with_computed(self._greeks, of, computed(basis, figures))
            self.on_tick()

    def data_type(self, number: int) -> None:
        """Take what the gateway says about the source of the prices."""
        self._told = DataType(number)

    def quote(self, now: datetime) -> Quote:
        """Return what is known now."""
        return Quote(
            contract=self._contract,
            timestamp=now,
            data_type=self._source,
            halted=self._halted,
            greeks=self._greeks,
            **self._values,
        )

    @property
    def _source(self) -> DataType:
        if self._told is not None and (not self._delayed or self._told > DataType.FROZEN):
            return self._told
        return DataType.DELAYED if self._delayed else DataType.LIVE

    def _put(self, field: str, value: Decimal | None) -> None:
        if value is None:
            self._values.pop(field, None)
        else:
            self._values[field] = value
