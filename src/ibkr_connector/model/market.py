"""Prices as users receive them: quotes, bars and series of bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from .contracts import Contract
from .record import Record

__all__ = ["Bar", "BarSeries", "DataType", "MarketData", "Quote", "QuoteSet"]


class DataType(IntEnum):
    """Where prices come from, by IB's numbers of the market data type."""

    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Record):
    """
    A snapshot of one contract.

    A field is `None` when the gateway did not say. Prices are in the contract's currency, sizes
    and volume in units. `timestamp` is the UTC time at which the snapshot was complete here.
    """

    contract: Contract
    timestamp: datetime
    data_type: DataType
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    last_size: Decimal | None = None
    volume: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    halted: bool | None = None

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.contract.symbol

    @property
    def is_delayed(self) -> bool:
        """Whether the prices are delayed by the exchange's rules (15 to 20 minutes)."""
        return self.data_type in (DataType.DELAYED, DataType.DELAYED_FROZEN)

    @property
    def midpoint(self) -> Decimal | None:
        """Half way between bid and ask, `None` unless both are known."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSet(Record):
    """
    Quotes of many contracts, in the order in which they were asked for.

    What could not be had is in `failures`, by the text or contract that was asked for, with the
    error that says why. Iterating goes over the quotes.
    """

    quotes: tuple[Quote, ...]
    failures: Mapping[Contract | str, Exception]

    def __len__(self) -> int:
        return len(self.quotes)

    def __iter__(self) -> Iterator[Quote]:
        return iter(self.quotes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar(Record):
    """
    One bar; `timestamp` is its start in UTC (midnight UTC of the trading date for day bars).

    `volume`, `average` (volume-weighted price) and `trade_count` are `None` where IB sends none,
    as for currency pairs.
    """

    timestamp: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    average: Decimal | None = None
    trade_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries(Record):
    """Bars of one contract, oldest first, without gaps filled."""

    contract: Contract
    bar_size: str
    what_to_show: str
    bars: tuple[Bar, ...]

    def __len__(self) -> int:
        return len(self.bars)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self.bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData(Record):
    """The latest bar of a series, and the whole series behind it."""

    symbol: str
    timestamp: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    series: BarSeries
