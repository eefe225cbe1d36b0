"""Prices as users receive them: quotes, bars and series of bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Self

from .bars import NO_COUNT, BarColumns, moment
from .contracts import Contract
from .extras import QuoteExtras
from .frames import arrow_table, pandas_frame, polars_frame
from .greeks import OptionGreeks
from .record import Record

__all__ = ["Bar", "BarSeries", "DataType", "MarketData", "Quote", "QuoteSet", "records_of"]


class DataType(IntEnum):
    """Where prices come from, by IB's numbers of the market data type."""

    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4


_USUAL: Final = (
    *("bid", "ask", "last", "bid_size", "ask_size", "last_size"),
    *("volume", "high", "low", "close"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Record):
    """
    A snapshot of one contract.

    A field is `None` when the gateway did not say. Prices are in the contract's currency, sizes
    and volume in units. `timestamp` is the UTC time at which the snapshot was complete here.
    `greeks` are those of an option, by IB's model and as bid, ask and last imply them; `extras` is
    what a stream was asked for besides.
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
    greeks: OptionGreeks | None = None
    extras: QuoteExtras | None = None

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.contract.symbol

    @property
    def missing(self) -> tuple[str, ...]:
        """
        Which of bid, ask, last and their sizes, volume, high, low and close nobody told.

        A quote is partial while that is so: a stream that has just begun, a contract that does not
        trade, prices that are not subscribed.
        """
        return tuple(name for name in _USUAL if getattr(self, name) is None)

    def has(self, *names: str) -> bool:
        """Tell whether all of these were told, as in `quote.has("bid", "ask")`."""
        return all(getattr(self, name) is not None for name in names)

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


class _Columnar(Record):
    """Holds what a series has besides its fields: its columns, and how its records are made."""

    __slots__ = ("_columns", "_make")

    _columns: BarColumns
    _make: Callable[[], tuple[Bar, ...]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries(_Columnar):
    """
    Bars of one contract, oldest first, without gaps filled.

    `bars` are records with exact decimals, made when they are first looked at. `columns`,
    `to_pandas`, `to_polars` and `to_arrow` do without them.
    """

    contract: Contract
    bar_size: str
    what_to_show: str
    bars: tuple[Bar, ...]

    @classmethod
    def of_columns(
        cls,
        columns: BarColumns,
        *,
        contract: Contract,
        bar_size: str,
        what_to_show: str,
        make: Callable[[], tuple[Bar, ...]] | None = None,
    ) -> Self:
        """
        Make a series that holds columns, and whose records are made when they are looked at.

        Args:
            columns: The bars.
            contract: Whose they are.
            bar_size: IB's spelling.
            what_to_show: IB's word.
            make: Makes the records from what is more exact than the columns, where there is such.
        """
        series = object.__new__(cls)
        told = {"contract": contract, "bar_size": bar_size, "what_to_show": what_to_show}
        for name, value in (*told.items(), ("_columns", columns), ("_make", make)):
            object.__setattr__(series, name, value)
        return series

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # only what is not set comes here: the records of a series made of columns
            if name != "bars":
                raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
            make = self._make
            bars = records_of(self._columns) if make is None else make()
            object.__setattr__(self, "bars", bars)
            object.__setattr__(self, "_make", None)
            return bars

    @property
    def columns(self) -> BarColumns:
        """The bars by column; made once, where the series was made of records."""
        try:
            return self._columns
        except AttributeError:
            columns = BarColumns.of(self.bars)
            object.__setattr__(self, "_columns", columns)
            return columns

    def __len__(self) -> int:
        try:
            return len(self._columns)
        except AttributeError:
            return len(self.bars)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self.bars)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `timestamp` (UTC); see `model.frames`."""
        return pandas_frame(self.columns)

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_frame(self.columns)

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`."""
        return arrow_table(self.columns)


def records_of(columns: BarColumns) -> tuple[Bar, ...]:
    """Make the records of columns, with decimals of the doubles' shortest text."""
    made = []
    for at, (time, count) in enumerate(zip(columns.timestamp, columns.trade_count, strict=True)):
        opened, high, low, close, volume, average = columns.figures_of(at)
        assert opened is not None
        assert high is not None
        assert low is not None
        assert close is not None
        made.append(
            Bar(
                timestamp=moment(time),
                open=opened,
                high=high,
                low=low,
                close=close,
                volume=volume,
                average=average,
                trade_count=None if count == NO_COUNT else count,
            )
        )
    return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData(Record):
    """
    The latest bar of a series, and the whole series behind it.

    `age_s` is how long ago the gateway was asked, where an earlier answer was good enough.
    """

    symbol: str
    timestamp: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    series: BarSeries
    age_s: float = 0.0
