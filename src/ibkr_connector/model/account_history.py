"""What accounts were worth and held over time, as users receive it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .ids import ConId
from .record import Record
from .tables import pandas_table, polars_table

__all__ = [
    "CashFlow",
    "EquityHistory",
    "EquityPoint",
    "KeepingState",
    "PositionHistory",
    "PositionPoint",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint(Record):
    """
    What an account was worth at a moment, in its base currency.

    `day` is the account's day (New York), `is_day_end` marks its last point, and `as_of` is when
    the gateway had told the figures. `realized_pnl` is that of the day so far.
    """

    account: str
    at: datetime
    day: date
    is_day_end: bool
    as_of: datetime
    currency: str
    total_value: Decimal | None
    cash: Decimal | None = None
    buying_power: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    available_funds: Decimal | None = None
    excess_liquidity: Decimal | None = None
    gross_position_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    daily_pnl: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPoint(Record):
    """
    What an account held of a contract from a moment on; `quantity` 0 closes the position.

    Prices and gains are in `currency`, one unit of which was `exchange_rate` in the base currency.
    """

    account: str
    con_id: ConId
    at: datetime
    day: date
    is_day_end: bool
    security_type: str
    symbol: str
    local_symbol: str
    currency: str
    multiplier: Decimal | None
    quantity: Decimal
    avg_cost: Decimal
    price: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    exchange_rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFlow(Record):
    """Money paid in, negative when paid out, in the account's base currency."""

    account: str
    at: datetime
    amount: Decimal
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityHistory(Record):
    """Points of one account, oldest first, and the money that was paid in and out between them."""

    account: str
    points: tuple[EquityPoint, ...]
    flows: tuple[CashFlow, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[EquityPoint]:
        return iter(self.points)

    @property
    def by_day(self) -> tuple[EquityPoint, ...]:
        """The last point of each day."""
        return tuple({point.day: point for point in self.points}.values())

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `at` (UTC)."""
        return pandas_table(self.points, EquityPoint, index="at")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.points, EquityPoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionHistory(Record):
    """Points of positions of one account, oldest first."""

    account: str
    points: tuple[PositionPoint, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[PositionPoint]:
        return iter(self.points)

    def held_at(self, moment: datetime) -> tuple[PositionPoint, ...]:
        """Return what was held at a moment, as far as the points before it tell."""
        newest = {point.con_id: point for point in self.points if point.at <= moment}
        return tuple(point for point in newest.values() if point.quantity)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` indexed by `at` (UTC)."""
        return pandas_table(self.points, PositionPoint, index="at")

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`."""
        return polars_table(self.points, PositionPoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingState(Record):
    """
    How the keeping of history fares.

    `problem` says why the last attempt failed; trading goes on without it, and what was not
    written is written by the next attempt that succeeds, as it is then.
    """

    is_on: bool
    written: int = 0
    failures: int = 0
    last_at: datetime | None = None
    problem: str = ""
