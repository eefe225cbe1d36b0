"""
Bars by column: what a hundred thousand bars are held in, and what frames are made of.

A year of minutes is two million figures. As columns of machine numbers they take 6 MB and become a
frame without a Python object for each; as records they take a hundred times the time. So series
hold columns, and a `Bar` is made when somebody looks at it. Figures are doubles here, which keeps
the fifteen digits that prices have; where the decimal text of the wire is at hand, the records are
made from that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isnan, nan
from operator import lt
from typing import Final, Protocol

__all__ = ["FIGURES", "NO_COUNT", "BarColumns", "micros", "moment"]

FIGURES: Final = ("open", "high", "low", "close", "volume", "average")
"""The columns of doubles; NaN is "the gateway did not say"."""

NO_COUNT: Final = -1
"""Stands in the column of trade counts where there is none."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


class _BarLike(Protocol):
    @property
    def timestamp(self) -> datetime: ...
    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    @property
    def volume(self) -> Decimal | None: ...
    @property
    def average(self) -> Decimal | None: ...
    @property
    def trade_count(self) -> int | None: ...


def micros(time: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICRO


def moment(micros: int) -> datetime:
    """Return the aware UTC time of that many microseconds since 1970."""
    return _EPOCH + micros * _MICRO


def _doubles() -> array[float]:
    return array("d")


def _wholes() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarColumns:
    """
    Bars as columns of equal length, oldest first, no time twice.

    `timestamp` holds microseconds since 1970, `trade_count` has `NO_COUNT` where there is none. The
    arrays are lent, not given: whoever changes one changes the series.
    """

    timestamp: array[int] = field(default_factory=_wholes)
    open: array[float] = field(default_factory=_doubles)
    high: array[float] = field(default_factory=_doubles)
    low: array[float] = field(default_factory=_doubles)
    close: array[float] = field(default_factory=_doubles)
    volume: array[float] = field(default_factory=_doubles)
    average: array[float] = field(default_factory=_doubles)
    trade_count: array[int] = field(default_factory=_wholes)

    def __len__(self) -> int:
        return len(self.timestamp)

    @classmethod
    def of(cls, bars: Iterable[_BarLike]) -> BarColumns:
        """Gather records into columns; they are put in order, and of one time the last counts."""
        rows = {micros(bar.timestamp): bar for bar in bars}
        order = sorted(rows)
        kept = [rows[key] for key in order]
        return cls(
            timestamp=array("q", order),
            open=array("d", [float(bar.open) for bar in kept]),
            high=array("d", [float(bar.high) for bar in kept]),
            low=array("d", [float(bar.low) for bar in kept]),
            close=array("d", [float(bar.close) for bar in kept]),
            volume=array("d", [_double(bar.volume) for bar in kept]),
            average=array("d", [_double(bar.average) for bar in kept]),
            trade_count=array(
                "q", [NO_COUNT if bar.trade_count is None else bar.trade_count for bar in kept]
            ),
        )

    @property
    def is_ascending(self) -> bool:
        """Whether the times go up, none of them twice."""
        return all(map(lt, self.timestamp, self.timestamp[1:]))

    def rows(self, start: int, end: int) -> BarColumns:
        """Return the rows from one index up to another, as columns of their own."""
        return BarColumns(
            timestamp=self.timestamp[start:end],
            open=self.open[start:end],
            high=self.high[start:end],
            low=self.low[start:end],
            close=self.close[start:end],
            volume=self.volume[start:end],
            average=self.average[start:end],
            trade_count=self.trade_count[start:end],
        )

    def between(self, start: datetime, end: datetime) -> BarColumns:
        """Return the bars that begin within `[start, end)`."""
        first = bisect_left(self.timestamp, micros(start))
        last = bisect_left(self.timestamp, micros(end))
        return self if last - first == len(self) else self.rows(first, max(first, last))

    def take(self, order: Sequence[int]) -> BarColumns:
        """Return the rows with these indexes, in that order."""
        return BarColumns(
            timestamp=array("q", [self.timestamp[at] for at in order]),
            open=array("d", [self.open[at] for at in order]),
            high=array("d", [self.high[at] for at in order]),
            low=array("d", [self.low[at] for at in order]),
            close=array("d", [self.close[at] for at in order]),
            volume=array("d", [self.volume[at] for at in order]),
            average=array("d", [self.average[at] for at in order]),
            trade_count=array("q", [self.trade_count[at] for at in order]),
        )

    def in_order(self) -> BarColumns:
        """Return the same, oldest first; of one time the last row counts."""
        if self.is_ascending:
            return self
        last = {time: at for at, time in enumerate(self.timestamp)}
        return self.take([last[time] for time in sorted(last)])

    @staticmethod
    def merged(parts: Iterable[BarColumns]) -> BarColumns:
        """Put several together, in order; of one time the bar of the later part counts."""
        whole = BarColumns()
        for part in parts:
            whole.timestamp.extend(part.timestamp)
            whole.open.extend(part.open)
            whole.high.extend(part.high)
            whole.low.extend(part.low)
            whole.close.extend(part.close)
            whole.volume.extend(part.volume)
            whole.average.extend(part.average)
            whole.trade_count.extend(part.trade_count)
        return whole.in_order()

    def figures_of(self, at: int) -> tuple[Decimal | None, ...]:
        """Return the six figures of one row as decimals, in the order of `FIGURES`."""
        columns = (self.open, self.high, self.low, self.close, self.volume, self.average)
        return tuple(_decimal(column[at]) for column in columns)


def _double(number: Decimal | None) -> float:
    return nan if number is None else float(number)


def _decimal(number: float) -> Decimal | None:
    if isnan(number):
        return None
    # the shortest text of a double is what it was read from, for up to fifteen digits
    return Decimal(int(number)) if number.is_integer() else Decimal(repr(number))
