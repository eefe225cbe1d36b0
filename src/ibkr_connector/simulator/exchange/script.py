"""
Markets written by hand: what each symbol's market is from a moment on, until the next entry.

    - {at: 0, symbol: AAPL, bid: 189.99, ask: 190.01, bid_size: 300, ask_size: 200}
    - {at: 5, symbol: AAPL, last: 190.01, last_size: 100}
    - {at: 2026-11-18T15:00:10Z, symbol: AAPL, bid: null}

What an entry does not name stays as it was; `null` empties a side. `at` is a moment, or seconds
after the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import yaml

from .prices import QuoteTick, TapeError, TradeTick
from .rows import number, when
from .tracks import Track

__all__ = ["read_script", "script_tracks"]

_SIDES: Final = ("bid", "ask")
_SIZES: Final = ("bid_size", "ask_size", "last_size")
_KNOWN: Final = frozenset({"at", "symbol", "last", *_SIDES, *_SIZES})
_NOTHING: Final = Decimal(0)
_ONE: Final = Decimal(1)
_USUAL_SIZE: Final = Decimal(100)


@dataclass(slots=True)
class _Market:
    """What stands, and what was said of a symbol so far."""

    prices: dict[str, Decimal | None] = field(default_factory=dict)
    sizes: dict[str, Decimal] = field(default_factory=dict)
    points: list[tuple[datetime, Decimal]] = field(default_factory=list)
    quotes: list[QuoteTick] = field(default_factory=list)
    trades: list[TradeTick] = field(default_factory=list)


def read_script(path: Path, *, begin: datetime | None = None) -> dict[str, Track]:
    """
    Read a script from a YAML or JSON file: a list of entries.

    Raises:
        TapeError: It cannot be read; the text says which entry and what to do.
    """
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TapeError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise TapeError(f"{path.name}: must be a list of entries, each with at and symbol")
    return script_tracks(entries, begin=begin, name=path.name)


def script_tracks(
    entries: Iterable[Mapping[str, object]],
    *,
    begin: datetime | None = None,
    name: str = "script",
) -> dict[str, Track]:
    """
    Return the tracks of entries by symbol.

    Args:
        entries: `at` and `symbol`, and any of `bid`, `ask`, `bid_size`, `ask_size`, `last` and
            `last_size`.
        begin: From when on numbers in `at` are seconds.
        name: What to call the script in errors.

    Raises:
        TapeError: An entry is broken; the text names it, the value and what to do.
    """
    read = [
        (_moment(entry, begin, f"{name}:{line}"), f"{name}:{line}", entry)
        for line, entry in enumerate(entries, start=1)
    ]
    markets: dict[str, _Market] = {}
    for at, place, entry in sorted(read, key=lambda one: one[0]):
        symbol = str(entry.get("symbol") or "")
        if not symbol:
            raise TapeError(f"{place}: symbol is missing; name what the entry is about")
        _apply(markets.setdefault(symbol, _Market()), entry, at, place=place)
    return {
        symbol: Track(points=market.points, quotes=market.quotes, trades=market.trades)
        for symbol, market in markets.items()
    }


def _moment(entry: object, begin: datetime | None, place: str) -> datetime:
    if not isinstance(entry, Mapping):
        raise TapeError(f"{place}: {entry!r} is no entry; write {{at: ..., symbol: ..., bid: ...}}")
    unknown = sorted(str(key) for key in entry.keys() - _KNOWN)
    if unknown:
        raise TapeError(
            f"{place}: {unknown[0]!r} is not known; known are {', '.join(sorted(_KNOWN))}"
        )
    at = entry.get("at")
    if at is None:
        raise TapeError(f"{place}: at is missing; write a moment, or seconds after the beginning")
    if isinstance(at, int | float) and not isinstance(at, bool):
        if begin is None:
            raise TapeError(
                f"{place}: at {at!r} counts from a beginning that was not given; give one, or "
                "write a moment such as 2026-11-18T15:00:00Z"
            )
        return begin + timedelta(seconds=at)
    return when(at, place)


def _apply(market: _Market, entry: Mapping[str, object], at: datetime, *, place: str) -> None:
    for column in _SIDES:
        if column in entry:
            value = entry[column]
            market.prices[column] = None if value is None else number(value, place, column)
    for column in _SIZES:
        if entry.get(column) is not None:
            size = number(entry[column], place, column)
            if size < 0:
                raise TapeError(f"{place}: {column} {size} is negative; sizes are 0 or more")
            market.sizes[column] = size
    bid, ask = market.prices.get("bid"), market.prices.get("ask")
    if bid is not None and ask is not None and bid > ask:
        raise TapeError(f"{place}: bid {bid} is above ask {ask}; name both in one entry")
    last = None if entry.get("last") is None else number(entry["last"], place, "last")
    if market.prices:
        market.quotes.append(_quote(market, at))
    if last is not None:
        market.trades.append(TradeTick(at=at, price=last, size=market.sizes.get("last_size", _ONE)))
    known = [price for price in (bid, ask) if price is not None]
    if known:
        market.points.append((at, sum(known, _NOTHING) / len(known)))
    elif last is not None:
        market.points.append((at, last))


def _quote(market: _Market, at: datetime) -> QuoteTick:
    bid, ask = market.prices.get("bid"), market.prices.get("ask")
    return QuoteTick(
        at=at,
        bid=bid,
        ask=ask,
        bid_size=_NOTHING if bid is None else market.sizes.get("bid_size", _USUAL_SIZE),
        ask_size=_NOTHING if ask is None else market.sizes.get("ask_size", _USUAL_SIZE),
    )
