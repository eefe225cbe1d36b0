"""What can be traded: a contract with all that a venue must know of it, and descriptions of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from .bonds import BondTerms
from .market_rules import step_at

__all__ = ["Instrument", "OptionClass", "Query"]

_TRADES_IN_A_LOT: Final = {"STK": 3, "CFD": 3, "CASH": 20, "CRYPTO": 10, "FUT": 20, "IND": 100}
_TRADES: Final = {"STK": 40_000, "FUT": 60_000, "CASH": 80_000, "CRYPTO": 20_000, "OPT": 300}
"""Trades of an ordinary day (assumed)."""

_BOND_UNIT: Final = 10
"""A bond's price is per 100 of face value, and its unit is 1,000 of it."""

_WATCHED: Final = frozenset({"IND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    One contract.

    `exchanges` are where it trades, `SMART` among them when IB routes it. `price` is where the
    seeded market begins, `volatility` the yearly standard deviation of its returns, `spread` the
    width of the quote and `lot` the usual size on each side. What it `follows` makes its price: an
    index, an underlying, or the two pairs that a cross is made of. Others move by themselves, as
    much as `loading` says together with their `group`.
    """

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchanges: tuple[str, ...]
    primary_exchange: str = ""
    expiry: str = ""
    """The date that names it, `yyyymmdd`."""

    last_trade: str = ""
    """Its last day of trading, `yyyymmdd`; what IB puts into the contract."""

    strike: Decimal | None = None
    right: str = ""
    multiplier: int | None = None
    local_symbol: str = ""
    trading_class: str = ""
    long_name: str = ""
    market_name: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stock_type: str = ""
    time_zone: str = "US/Eastern"
    hours: str = "0930-1600"
    family: str = ""
    """Name of its hours in `sessions.FAMILIES`; by type and exchange when empty."""

    min_tick: Decimal
    """The smallest price step; others of its market rule are multiples of it."""

    market_rule: int
    price_magnifier: int = 1
    """Units of price in one of its currency: 100 where prices are in pence."""

    min_size: Decimal = Decimal(1)
    increment: Decimal | None = None
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    sec_ids: tuple[tuple[str, str], ...] = ()
    """Numbers that others gave it: `ISIN`, `CUSIP`, `FIGI`."""

    bond: BondTerms | None = None
    price: Decimal
    volatility: float = 0.25
    spread: Decimal
    lot: Decimal = Decimal(100)
    follows: tuple[Instrument, ...] = field(default=(), compare=False, repr=False)
    group: str = ""
    loading: float = 0.6
    trades: int | None = None
    """Trades on an ordinary day; by its type when `None`."""

    @property
    def home(self) -> str:
        """The exchange that IB names when none was asked for."""
        return self.exchanges[0]

    @property
    def venue(self) -> str:
        """A real exchange, for executions: never SMART."""
        return next((name for name in self.exchanges if name != "SMART"), self.home)

    @property
    def size(self) -> Decimal:
        """What one unit of price is worth per contract, in the contract's currency."""
        if self.bond is not None:
            return Decimal(_BOND_UNIT)
        return Decimal(self.multiplier or 1) / self.price_magnifier

    @property
    def isin(self) -> str:
        """Its ISIN, if it has one."""
        return dict(self.sec_ids).get("ISIN", "")

    @property
    def contract_month(self) -> str:
        """The month that names a dated contract."""
        return self.expiry[:6]

    @property
    def is_tradable(self) -> bool:
        """Whether orders are taken for it; an index only has prices."""
        return self.sec_type not in _WATCHED

    @property
    def is_traded(self) -> bool:
        """Whether trades are reported; a pair, a metal and a CFD have bids and asks alone."""
        return self.sec_type not in {"CASH", "CMDTY", "CFD"}

    # --- sizes ----------------------------------------------------------------------------------

    @property
    def size_increment(self) -> Decimal:
        """The step of quantities."""
        return self.min_size if self.increment is None else self.increment

    @property
    def trade_size(self) -> Decimal:
        """The usual size of one trade."""
        usual = self.lot / _TRADES_IN_A_LOT.get(self.sec_type, 10)
        return max(usual // self.size_increment, Decimal(1)) * self.size_increment

    @property
    def trades_a_day(self) -> int:
        """About how many trades an ordinary day has."""
        return _TRADES.get(self.sec_type, 5_000) if self.trades is None else self.trades

    # --- prices ---------------------------------------------------------------------------------

    def sides(self, middle: Decimal) -> tuple[Decimal, Decimal]:
        """Return bid and ask around a middle price, on the grid of ticks and never nearer."""
        half = self.spread / 2
        return self.floor(middle - half), self.ceil(middle + half)

    def last(self, bid: Decimal, ask: Decimal) -> Decimal:
        """Return the price of the trades between bid and ask."""
        return self.floor((bid + ask) / 2)

    def floor(self, price: Decimal) -> Decimal:
        """Return the tick at or below a price."""
        tick = step_at(self.market_rule, price) or self.min_tick
        return (price / tick).to_integral_value(ROUND_FLOOR) * tick

    def ceil(self, price: Decimal) -> Decimal:
        """Return the tick at or above a price."""
        tick = step_at(self.market_rule, price) or self.min_tick
        return (price / tick).to_integral_value(ROUND_CEILING) * tick

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the price step at a price."""
        return step_at(self.market_rule, price) or self.min_tick

    def step_up(self, price: Decimal) -> Decimal:
        """Return the next tick above a price that is on one."""
        return price + self.tick_at(price)

    def step_down(self, price: Decimal) -> Decimal:
        """Return the next tick below a price that is on one."""
        return price - (step_at(self.market_rule, price, below=True) or self.min_tick)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionClass:
    """What options there are of an underlying at one exchange."""

    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A description of contracts; what is empty or `None` fits everything."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    currency: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    expiry: str = ""
    strike: Decimal | None = None
    right: str = ""
    multiplier: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""

    @property
    def rights(self) -> str:
        """The rights that fit: `C`, `P`, or both."""
        first = self.right[:1].upper()
        return first if first in {"C", "P"} else "CP"
