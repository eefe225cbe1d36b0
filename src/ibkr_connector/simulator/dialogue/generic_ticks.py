"""
Generic ticks: which ids a request may name, and what ticks each brings.

The ids that are legal for a security type, their names and older numbers follow the text with which
TWS refuses a list (deephaven-ib issue 46).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ibkr_connector.simulator.wire.replies import (
    Reply,
    TickGeneric,
    TickPrice,
    TickSize,
    TickString,
)

from . import generic_values as values
from .generic_values import Maker, MarketView

__all__ = [
    "DELAYED_IDS",
    "WIDE_NEWS",
    "Generic",
    "MarketView",
    "generic_ticks",
    "legal_ids",
    "parse_ids",
]

_DIVIDENDS: Final = frozenset({"STK", "CFD", "OPT", "FOP", "FUT", "IND", "SLB"})
_VOLUMES: Final = frozenset(
    {"STK", "CFD", "OPT", "FOP", "WAR", "FUT", "FWD", "BOND", "BILL", "SLB", "IOPT", "CRYPTO"}
)
_INDEX: Final = frozenset({"IND"})

WIDE_NEWS: Final = 292
"""The generic tick of headlines."""

_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)

DELAYED_IDS: Final = frozenset({101, 106, 165, 221, 232, 236, 258})
"""What delayed data accepts (IB: delayed market data)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generic:
    """One generic tick: its name in TWS, an older number, what it is legal for, and its ticks."""

    name: str
    make: Maker
    alias: int | None = None
    legal: frozenset[str] | None = None
    is_listed: bool = True
    is_fast: bool = False


def parse_ids(
    text: str, sec_type: str, *, has_news: bool = True
) -> tuple[bool, dict[int, str]] | None:
    """
    Read a list of generic ticks.

    Returns:
        Whether default ticks are wanted (no `mdoff`), and the ids with their parameters, as in
        `292:BRFG`; `None` when the list is not legal. One bad entry spoils the whole list.
    """
    has_defaults, found = True, {}
    for token in filter(None, (part.strip() for part in text.split(","))):
        if token.lower() == "mdoff":
            has_defaults = False
            continue
        number, _, parameter = token.partition(":")
        if not _NUMBER.fullmatch(number) or (":" in token and not parameter):
            return None
        code = _ALIASES.get(int(number), int(number))
        row = GENERICS.get(code)
        if row is None or (row.legal is not None and sec_type not in row.legal):
            return None
        if code == WIDE_NEWS and not has_news:
            return None
        found[code] = parameter
    # a list that names no tick is none (measured of a gateway)
    return (has_defaults, found) if found else None


def legal_ids(sec_type: str, *, has_news: bool = True) -> str:
    """Return the part of the refusal that says what would be legal; news need a permission."""
    return ",".join(
        f"{code}/{row.alias}({row.name})" if row.alias is not None else f"{code}({row.name})"
        for code, row in GENERICS.items()
        if row.is_listed
        and (row.legal is None or sec_type in row.legal)
        and (has_news or code != WIDE_NEWS)
    )


def generic_ticks(
    request_id: int, view: MarketView, wanted: Mapping[int, str], *, has_defaults: bool
) -> Iterator[Reply]:
    """Yield the ticks that a stream is due; of those that change with each trade, at once."""
    rows = [GENERICS[code] for code in wanted]
    if has_defaults and view.is_due:
        yield TickGeneric(
            request_id=request_id,
            tick_type=90 if view.is_delayed else 49,
            value=Decimal(values.halted(view)),
        )
    for row in rows:
        if not (view.is_due or (row.is_fast and view.has_traded)):
            continue
        for kind, tick, made in row.make(view):
            value = view.feed.facts.get((view.instrument.con_id, tick), made)
            if value is None:
                continue
            if kind is TickSize:
                yield TickSize(request_id=request_id, tick_type=tick, size=Decimal(value))
            elif kind is TickPrice:
                yield TickPrice(request_id=request_id, tick_type=tick, price=Decimal(value))
            elif kind is TickGeneric:
                yield TickGeneric(request_id=request_id, tick_type=tick, value=Decimal(value))
            else:
                yield TickString(request_id=request_id, tick_type=tick, value=str(value))


GENERICS: Final[Mapping[int, Generic]] = MappingProxyType(
    {
        100: Generic(name="Option Volume", make=values.option_volume),
        101: Generic(name="Option Open Interest", make=values.open_interest),
        104: Generic(
            name="Historical Volatility", make=values.historical_volatility, is_listed=False
        ),
        105: Generic(name="Average Opt Volume", make=values.average_option_volume),
        106: Generic(name="impvolat", make=values.implied_volatility),
        162: Generic(name="Index Future Premium", make=values.index_future_premium, legal=_INDEX),
        165: Generic(name="Misc. Stats", make=values.statistics),
        221: Generic(name="Creditman Mark Price", make=values.creditman, alias=220),
        225: Generic(name="Auction", make=values.auction),
        232: Generic(name="Pl Price", make=values.mark_price, alias=221, is_fast=True),
        233: Generic(name="RTVolume", make=values.trade_volume, is_fast=True),
        236: Generic(name="inventory", make=values.shortable),
        258: Generic(name="Fundamentals", make=values.fundamental_ratios, alias=47),
        292: Generic(name="Wide_news", make=values.nothing),
        293: Generic(name="TradeCount", make=values.counted),
        294: Generic(name="TradeRate", make=values.trade_rate),
        295: Generic(name="VolumeRate", make=values.volume_rate),
        318: Generic(name="LastRTHTrade", make=values.last_regular, is_fast=True),
        375: Generic(name="RTTrdVolume", make=values.reported_volume, is_fast=True),
        411: Generic(name="rthistvol", make=values.live_volatility),
        456: Generic(name="IBDividends", make=values.dividends, alias=59, legal=_DIVIDENDS),
        460: Generic(name="Bond Factor Multiplier", make=values.bond_factor),
        576: Generic(name="EtfNavBidAsk(navbidask)", make=values.fund_sides),
        577: Generic(name="EtfNavLast(navlast)", make=values.fund_last),
        578: Generic(name="EtfNavClose(navclose)", make=values.fund_close),
        586: Generic(name="IPOHLMPRC", make=values.offering),
        587: Generic(name="Pl Price Delayed", make=values.mark_price),
        588: Generic(name="Futures Open Interest", make=values.futures_interest),
        595: Generic(name="Short-Term Volume X Mins", make=values.short_volumes, legal=_VOLUMES),
        614: Generic(name="EtfNavMisc(high/low)", make=values.fund_range),
        619: Generic(name="Creditman Slow Mark Price", make=values.slow_mark),
        623: Generic(name="EtfFrozenNavLast(fznavlast)", make=values.fund_frozen),
    }
)
"""By request code; numbers that a request may also name are among the aliases."""

_ALIASES: Final[Mapping[int, int]] = MappingProxyType(
    {row.alias: code for code, row in GENERICS.items() if row.alias is not None}
)
