"""All that is listed, and how a description is matched against it, as IB does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

from .contract import Instrument, OptionClass, Query
from .market_rules import MARKET_RULES, Steps

__all__ = ["MAX_SAMPLES", "Catalogue", "Instrument", "OptionClass", "Query", "Shelf"]

MAX_SAMPLES: Final = 16
"""Hits of a symbol search (IB campus: reqMatchingSymbols)."""

_ANY_EXCHANGE: Final = frozenset({"", "SMART"})
_SEARCHED: Final = frozenset({"STK", "IND", "CASH", "CRYPTO", "FUND", "CMDTY"})
_CHAINED: Final = frozenset({"OPT", "FOP"})

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    # IB calls Nasdaq's book ISLAND where orders go, NASDAQ where a stock is at home
    {"ISLAND": "NASDAQ", "NASDAQ": "ISLAND"}
)


class Shelf(Protocol):
    """Instruments of one symbol that are made when somebody asks: an option chain."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def ids(self) -> Iterator[int]:
        """Yield all con ids."""
        ...

    def get(self, con_id: int) -> Instrument | None:
        """Return the instrument of a con id, if it is here."""
        ...

    def find(self, query: Query) -> Iterator[Instrument]:
        """Yield what may fit a query."""
        ...

    def local(self, symbol: str) -> Instrument | None:
        """Return the instrument of a local symbol, if it is here."""
        ...

    def classes(self) -> Iterator[OptionClass]:
        """Yield what options there are."""
        ...

    @property
    def pattern(self) -> Instrument:
        """One like all of them."""
        ...


class Bulk(Protocol):
    """Many instruments, each of another symbol, made when somebody asks."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def ids(self) -> Iterator[int]:
        """Yield all con ids."""
        ...

    def get(self, con_id: int) -> Instrument | None:
        """Return the instrument of a con id, if it is here."""
        ...

    def named(self, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol, if it is here."""
        ...

    def search(self, pattern: str, limit: int) -> Iterator[Instrument]:
        """Yield those whose symbol begins with, or whose name contains, a text in capitals."""
        ...


class Catalogue:
    """
    All instruments of the venue.

    Args:
        instruments: What is listed one by one.
        shelves: Option chains.
        bulk: Stocks that are made when they are asked for.
        expired: Makes contracts that are over, asked for with `include_expired`.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        shelves: Iterable[Shelf] = (),
        bulk: Bulk | None = None,
        expired: Callable[[Query], Iterable[Instrument]] | None = None,
    ) -> None:
        self._by_id = {instrument.con_id: instrument for instrument in instruments}
        self._by_symbol: dict[str, list[Instrument]] = {}
        self._by_local: dict[str, list[Instrument]] = {}
        self._by_sec_id: dict[tuple[str, str], list[Instrument]] = {}
        for one in self._by_id.values():
            self._by_symbol.setdefault(one.symbol, []).append(one)
            self._by_local.setdefault(one.local_symbol, []).append(one)
            for pair in one.sec_ids:
                self._by_sec_id.setdefault(pair, []).append(one)
        self._shelves: dict[str, list[Shelf]] = {}
        for shelf in shelves:
            self._shelves.setdefault(shelf.pattern.symbol, []).append(shelf)
        self._bulk = bulk
        self._expired = expired

    def __len__(self) -> int:
        return (
            len(self._by_id)
            + sum(len(shelf) for shelf in self._all_shelves())
            + (len(self._bulk) if self._bulk is not None else 0)
        )

    def get(self, con_id: int) -> Instrument | None:
        """Return an instrument by IB's number."""
        found = self._by_id.get(con_id)
        if found is None and self._bulk is not None:
            found = self._bulk.get(con_id)
        if found is None:
            shelves = self._all_shelves()
            found = next((one for shelf in shelves if (one := shelf.get(con_id))), None)
        return found

    def ids(self) -> tuple[int, ...]:
        """Return the con ids of everything listed, those listed one by one first."""
        more = (con_id for shelf in self._all_shelves() for con_id in shelf.ids())
        return (*self._by_id, *more, *(self._bulk.ids() if self._bulk is not None else ()))

    def listed(self) -> tuple[Instrument, ...]:
        """Return what is listed one by one: all but chains and the bulk of stocks."""
        return tuple(self._by_id.values())

    # --- descriptions ---------------------------------------------------------------------------

    def find(self, query: Query) -> tuple[Instrument, ...]:
        """Return everything that fits, in the order of listing; a con id alone decides."""
        if query.con_id:
            found = self.get(query.con_id)
            if found is None and query.include_expired and self._expired is not None:
                # a con id outlives its contract (IB campus: expired futures, two years)
                every = self._expired(replace(query, symbol=""))
                found = next((one for one in every if one.con_id == query.con_id), None)
            if found is None:
                return ()
            if query.sec_type == "CONTFUT" and found.sec_type == "FUT":
                found = continuous(found)
            return (found,) if _on_exchange(found, query) else ()
        return tuple(one for one in self._candidates(query) if _fits(one, query))

    def _candidates(self, query: Query) -> Iterable[Instrument]:
        if query.sec_id:
            return self._by_sec_id.get((query.sec_id_type.upper(), query.sec_id), ())
        symbol = query.symbol.upper()
        if query.sec_type in {"BOND", "BILL"}:
            # a bond's symbol may be its CUSIP (IB campus), or its ISIN (TWS API reference, basic
            # contracts), which has the CUSIP behind the country
            for cusip in (symbol, symbol[2:11]):
                if ("CUSIP", cusip) in self._by_sec_id:
                    return self._by_sec_id["CUSIP", cusip]
        if query.local_symbol and not (symbol and query.sec_type == "CONTFUT"):
            return self._local(query)
        return self._named(symbol, query) if symbol else ()

    def _named(self, symbol: str, query: Query) -> Iterator[Instrument]:
        listed = self._by_symbol.get(symbol, [])
        if query.sec_type == "CONTFUT":
            yield from self._continuous(listed)
            return
        yield from listed
        if query.include_expired and self._expired is not None:
            yield from self._expired(query)
        if query.sec_type in _CHAINED:
            for shelf in self._shelves.get(symbol, ()):
                yield from shelf.find(query)
        stock = self._bulk.named(symbol) if self._bulk is not None else None
        if stock is not None:
            yield stock

    def _local(self, query: Query) -> Iterator[Instrument]:
        yield from self._by_local.get(query.local_symbol, ())
        if query.include_expired and self._expired is not None:
            yield from self._expired(query)
        for shelf in self._all_shelves():
            found = shelf.local(query.local_symbol)
            if found is not None:
                yield found
        stock = self._bulk.named(query.local_symbol) if self._bulk is not None else None
        if stock is not None:
            yield stock

    @staticmethod
    def _continuous(listed: list[Instrument]) -> Iterator[Instrument]:
        """Yield the front month of each exchange and class, as the continuous future."""
        fronts: dict[tuple[str, str], Instrument] = {}
        for one in listed:
            if one.sec_type == "FUT":
                key = one.home, one.trading_class
                if key not in fronts or one.last_trade < fronts[key].last_trade:
                    fronts[key] = one
        yield from (continuous(one) for one in fronts.values())

    # --- searches -------------------------------------------------------------------------------

    def search(self, pattern: str) -> tuple[Instrument, ...]:
        """
        Return what has a symbol that begins with, or a name that contains, a text.

        The symbol itself comes first, then what begins with it, then names; at most `MAX_SAMPLES`.
        """
        wanted = pattern.strip().upper()
        if not wanted:
            return ()
        begins, named = [], []
        for one in self._by_id.values():
            if one.sec_type in _SEARCHED:
                if one.symbol.startswith(wanted):
                    begins.append(one)
                elif wanted in one.long_name.upper():
                    named.append(one)
        begins.sort(key=lambda one: one.symbol != wanted)
        found = [*begins, *named][:MAX_SAMPLES]
        if self._bulk is not None and len(found) < MAX_SAMPLES:
            found.extend(self._bulk.search(wanted, MAX_SAMPLES - len(found)))
        return tuple(found)

    def derivatives(self, symbol: str) -> tuple[str, ...]:
        """Return the security types that derive from a symbol."""
        types = {
            one.sec_type
            for one in self._by_symbol.get(symbol, ())
            if one.expiry or one.sec_type in {"CFD", "WAR"}
        }
        types |= {shelf.pattern.sec_type for shelf in self._shelves.get(symbol, ())}
        if "OPT" in types:
            types.add("BAG")
        return tuple(sorted(types))

    # --- options --------------------------------------------------------------------------------

    def options_of(self, con_id: int) -> tuple[Instrument, ...]:
        """Return all options of an underlying; there may be thousands."""
        chained = (
            one
            for shelf in self._all_shelves()
            if shelf.pattern.under_con_id == con_id
            for one in shelf.find(Query())
        )
        return tuple(chained)

    def option_classes(self, con_id: int, *, exchange: str = "") -> tuple[OptionClass, ...]:
        """Return expirations and strikes of an underlying's options, by exchange and class."""
        return tuple(
            one
            for shelf in self._all_shelves()
            if shelf.pattern.under_con_id == con_id
            for one in shelf.classes()
            if not exchange or one.exchange == exchange
        )

    def rule(self, rule_id: int) -> Steps | None:
        """Return the price steps of a market rule; `None` when there is no such rule."""
        return MARKET_RULES.get(rule_id)

    def _all_shelves(self) -> Iterator[Shelf]:
        for shelves in self._shelves.values():
            yield from shelves


def continuous(front: Instrument) -> Instrument:
    """Return the continuous future that stands for a front month; it keeps that one's con id."""
    return replace(front, sec_type="CONTFUT")


def _fits(one: Instrument, query: Query) -> bool:
    return (
        (not query.sec_type or _same_type(one, query.sec_type))
        and (not query.symbol or _same_symbol(one, query))
        and (not query.currency or one.currency == query.currency)
        and _on_exchange(one, query)
        and (not query.primary_exchange or _at_home(one, query.primary_exchange))
        and (not query.expiry or one.last_trade.startswith(query.expiry))
        and (not query.strike or one.strike == query.strike)
        and (not one.right or one.right in query.rights)
        and (not query.multiplier or str(one.multiplier or 1) == query.multiplier)
        and (not query.local_symbol or one.local_symbol == query.local_symbol)
        and (not query.trading_class or one.trading_class == query.trading_class)
    )


def _same_symbol(one: Instrument, query: Query) -> bool:
    symbol = query.symbol.upper()
    if one.symbol == symbol:
        return True
    return one.bond is not None and one.bond.cusip in {symbol, symbol[2:11]}


def _same_type(one: Instrument, asked: str) -> bool:
    # IB lists an ETF as a stock and asks no more than that of a description
    return one.sec_type == asked or (asked == "ETF" and one.stock_type == "ETF")


def _at_home(one: Instrument, asked: str) -> bool:
    return one.primary_exchange in {asked, _ALIASES.get(asked)}


def _on_exchange(one: Instrument, query: Query) -> bool:
    if query.exchange in _ANY_EXCHANGE:
        return query.exchange == "" or "SMART" in one.exchanges
    return query.exchange in one.exchanges or _at_home(one, query.exchange)
