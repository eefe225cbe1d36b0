"""What follows from positions and from an account's history, as users receive it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .record import Record
from .tables import pandas_table, polars_table

__all__ = [
    "Concentration",
    "DailyPnL",
    "DayGain",
    "DayReturn",
    "Drawdown",
    "DrawdownPoint",
    "Exposure",
    "ExposurePart",
    "ReturnSeries",
    "Weight",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposurePart(Record):
    """What is held in one class, currency or symbol, in the base currency; no side is negative."""

    name: str
    long: Decimal
    short: Decimal

    @property
    def gross(self) -> Decimal:
        """Long and short added up."""
        return self.long + self.short

    @property
    def net(self) -> Decimal:
        """Long less short."""
        return self.long - self.short


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure(Record):
    """
    What an account holds at market prices, in its base currency.

    Futures and options count with quantity, price and multiplier; *limit*: an option with its
    price and not with its delta. `leverage` is gross exposure by net liquidation value. `missing`
    names positions without a price or a rate, which are in no figure.
    """

    account: str
    as_of: datetime
    currency: str
    long: Decimal
    short: Decimal
    net_liquidation: Decimal | None
    by_asset_class: tuple[ExposurePart, ...]
    by_currency: tuple[ExposurePart, ...]
    by_symbol: tuple[ExposurePart, ...]
    missing: tuple[str, ...] = ()

    @property
    def gross(self) -> Decimal:
        """Long and short added up."""
        return self.long + self.short

    @property
    def net(self) -> Decimal:
        """Long less short."""
        return self.long - self.short

    @property
    def leverage(self) -> float | None:
        """Gross exposure by net liquidation value; `None` where that is not above 0."""
        worth = self.net_liquidation
        return float(self.gross / worth) if worth is not None and worth > 0 else None

    def to_pandas(self) -> Any:
        """Return the exposure by symbol as a `pandas.DataFrame`."""
        return pandas_table(self.by_symbol, ExposurePart, index="name")

    def to_polars(self) -> Any:
        """Return the exposure by symbol as a `polars.DataFrame`."""
        return polars_table(self.by_symbol, ExposurePart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Record):
    """The share of one symbol in the gross exposure; `value` is net, in the base currency."""

    name: str
    value: Decimal
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration(Record):
    """
    How unevenly the exposure is spread over symbols, the largest first.

    `hhi` is the Herfindahl-Hirschman index, the sum of the squared weights: 1 for a single
    position, and 1/n for n equal ones. `None` without positions.
    """

    account: str
    as_of: datetime
    weights: tuple[Weight, ...]
    hhi: float | None

    @property
    def effective_number(self) -> float | None:
        """How many equal positions would be as concentrated."""
        return 1 / self.hhi if self.hhi else None

    def top(self, count: int) -> tuple[Weight, ...]:
        """Return the largest weights."""
        return self.weights[:count]

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`."""
        return pandas_table(self.weights, Weight, index="name")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.weights, Weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReturn(Record):
    """
    One day of an account: what it began and ended with, what was paid in, what it gained.

    `rate` is the time-weighted return, as in 0.01 for one per cent; `index` is what 1 has become
    since the beginning. `rate` is `None` where there is nothing to compare with.
    """

    day: date
    start_value: Decimal | None
    end_value: Decimal
    flow: Decimal
    gain: Decimal | None
    rate: float | None
    index: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnSeries(Record):
    """Daily returns, oldest first."""

    account: str
    currency: str
    days: tuple[DayReturn, ...]

    def __len__(self) -> int:
        return len(self.days)

    def __iter__(self) -> Iterator[DayReturn]:
        return iter(self.days)

    @property
    def total(self) -> float | None:
        """The time-weighted return of the whole; `None` for a single point."""
        rates = [day.rate for day in self.days if day.rate is not None]
        return self.days[-1].index - 1 if rates else None

    @property
    def gain(self) -> Decimal:
        """What was gained in money, without what was paid in."""
        return sum((day.gain for day in self.days if day.gain is not None), Decimal(0))

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `day`."""
        return pandas_table(self.days, DayReturn, index="day")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.days, DayReturn)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownPoint(Record):
    """How far below its highest an account was; `drawdown` is 0 or below, as in -0.05."""

    at: datetime
    index: float
    peak: float
    drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown(Record):
    """
    The way below the highest, measured on returns, so that money paid in or out counts for nothing.

    `maximum` is the deepest, 0 or below; from `peak_at` to `trough_at`, and over at
    `recovered_at` (`None` while it is not).
    """

    account: str
    points: tuple[DrawdownPoint, ...]
    maximum: float | None
    peak_at: datetime | None = None
    trough_at: datetime | None = None
    recovered_at: datetime | None = None

    @property
    def current(self) -> float | None:
        """The drawdown now."""
        return self.points[-1].drawdown if self.points else None

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `at` (UTC)."""
        return pandas_table(self.points, DrawdownPoint, index="at")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.points, DrawdownPoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayGain(Record):
    """
    Realised and unrealised gains of one day, in the base currency.

    `unrealized` is that of the day's end, `unrealized_change` against the day before; `None` where
    the broker had not told. `realized` begins anew each day.
    """

    day: date
    realized: Decimal | None
    unrealized: Decimal | None
    unrealized_change: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPnL(Record):
    """Gains by day, oldest first."""

    account: str
    currency: str
    days: tuple[DayGain, ...]

    def __len__(self) -> int:
        return len(self.days)

    def __iter__(self) -> Iterator[DayGain]:
        return iter(self.days)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `day`."""
        return pandas_table(self.days, DayGain, index="day")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.days, DayGain)
