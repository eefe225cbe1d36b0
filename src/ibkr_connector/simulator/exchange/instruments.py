"""What can be traded, and how a description is matched against it, as IB does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

__all__ = ["Catalogue", "Instrument", "Query"]

MAX_SAMPLES: Final = 16
"""Hits of a symbol search (IB campus: reqMatchingSymbols)."""

ANY_EXCHANGE: Final = frozenset({"", "SMART"})

_TRADES_IN_A_LOT: Final = {"STK": 3, "CFD": 3, "CASH": 20, "CRYPTO": 10, "FUT": 20, "IND": 100}
_TRADES: Final = {"STK": 40_000, "FUT": 60_000, "CASH": 80_000, "CRYPTO": 20_000, "OPT": 300}
"""Trades of an ordinary day (assumed)."""


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
    last_trade: str = ""
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
    market_rule: int
    min_size: Decimal = Decimal(1)
    under_con_id: int = 0
    under_symbol: str = ""
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
    def trade_size(self) -> Decimal:
        """The usual size of one trade."""
        usual = self.lot / _TRADES_IN_A_LOT.get(self.sec_type, 10)
        return max(usual // self.size_increment, Decimal(1)) * self.size_increment

    @property
    def trades_a_day(self) -> int:
        """About how many trades an ordinary day has."""
        return _TRADES.get(self.sec_type, 5_000) if self.trades is None else self.trades

    @property
    def size_increment(self) -> Decimal:
        """The step of quantities."""
        return self.min_size

    def step_up(self, price: Decimal) -> Decimal:
        """Return the next tick above a price that is on one."""
        return price + self.min_tick

    def step_down(self, price: Decimal) -> Decimal:
        """Return the next tick below a price that is on one."""
        return price - self.min_tick

    @property
    def home(self) -> str:
        """The exchange that IB names when none was asked for."""
        return self.exchanges[0]

    @property
    def venue(self) -> str:
        """A real exchange, for executions: never SMART."""
        return next(name for name in self.exchanges if name != "SMART")

    @property
    def size(self) -> int:
        """Units of price per contract."""
        return self.multiplier or 1

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the price step at a price."""
        return self.min_tick

    def sides(self, middle: Decimal) -> tuple[Decimal, Decimal]:
        """Return bid and ask around a middle price, on the grid of ticks and never nearer."""
        half = self.spread / 2
        return self.floor(middle - half), self.ceil(middle + half)

    def last(self, bid: Decimal, ask: Decimal) -> Decimal:
        """Return the price of the trades between bid and ask."""
        return self.floor((bid + ask) / 2)

    def floor(self, price: Decimal) -> Decimal:
        """Return the tick at or below a price."""
        return (price / self.min_tick).to_integral_value(ROUND_FLOOR) * self.min_tick

    def ceil(self, price: Decimal) -> Decimal:
        """Return the tick at or above a price."""
        return (price / self.min_tick).to_integral_value(ROUND_CEILING) * self.min_tick

    @property
    def is_tradable(self) -> bool:
        """Whether orders are taken for it; an index only has prices."""
        return self.sec_type != "IND"


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


class Catalogue:
    """All instruments of the venue."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_id = {instrument.con_id: instrument for instrument in instruments}
        self._by_symbol: dict[str, list[Instrument]] = {}
        for instrument in self._by_id.values():
            self._by_symbol.setdefault(instrument.symbol, []).append(instrument)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, con_id: int) -> Instrument | None:
        """Return an instrument by IB's number."""
        return self._by_id.get(con_id)

    def ids(self) -> tuple[int, ...]:
        """Return the con ids of everything listed."""
        return tuple(self._by_id)

    def find(self, query: Query) -> tuple[Instrument, ...]:
        """Return everything that fits, in the order of listing; a con id alone decides."""
        if query.con_id:
            found = self._by_id.get(query.con_id)
            return (found,) if found is not None and _on_exchange(found, query) else ()
        if query.symbol:
            candidates: Iterable[Instrument] = self._by_symbol.get(query.symbol.upper(), ())
        elif query.local_symbol:
            candidates = self._by_id.values()
        else:
            return ()
        return tuple(one for one in candidates if _fits(one, query))

    def search(self, pattern: str) -> tuple[Instrument, ...]:
        """Return stocks and indices whose symbol begins with, or whose name contains, a text."""
        wanted = pattern.upper()
        if not wanted:
            return ()
        listed = [one for one in self._by_id.values() if one.sec_type in {"STK", "IND", "CASH"}]
        begins = [one for one in listed if one.symbol.startswith(wanted)]
        named = [one for one in listed if wanted in one.long_name.upper() and one not in begins]
        return tuple([*begins, *named][:MAX_SAMPLES])

    def derivatives(self, symbol: str) -> tuple[str, ...]:
        """Return the security types that derive from a symbol."""
        types = {one.sec_type for one in self._by_symbol.get(symbol, ()) if one.expiry}
        return tuple(sorted(types))

    def options_of(self, con_id: int) -> tuple[Instrument, ...]:
        """Return the options of an underlying."""
        return tuple(
            one
            for one in self._by_id.values()
            if one.under_con_id == con_id and one.sec_type == "OPT"
        )


def _fits(one: Instrument, query: Query) -> bool:
    return (
        (not query.sec_type or _same_type(one.sec_type, query.sec_type))
        and (not query.currency or one.currency == query.currency)
        and _on_exchange(one, query)
        and (not query.primary_exchange or one.primary_exchange == query.primary_exchange)
        and (not query.expiry or one.last_trade.startswith(query.expiry))
        and (query.strike is None or one.strike == query.strike)
        and (not query.right or one.right == query.right[:1].upper())
        and (not query.multiplier or str(one.size) == query.multiplier)
        and (not query.local_symbol or one.local_symbol == query.local_symbol)
        and (not query.trading_class or one.trading_class == query.trading_class)
    )


def _same_type(listed: str, asked: str) -> bool:
    # IB lists an ETF as a stock and asks no more than that of a description
    return listed == asked or (asked == "ETF" and listed == "STK")


def _on_exchange(one: Instrument, query: Query) -> bool:
    if query.exchange in ANY_EXCHANGE:
        return query.exchange == "" or "SMART" in one.exchanges
    return query.exchange in one.exchanges or query.exchange == one.primary_exchange
