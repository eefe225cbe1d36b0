"""
Chains of options: thousands of contracts that exist when they are asked for.

A chain knows its series and its strikes; a contract is made the first time that somebody names it.
Its con id is computed from what it is, so it is the same on every day and is found without a list:

    10^9 + ((chain * 16384 + days since 2020) * 256 + strike / step) * 4 + 2 * (second class) + put
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .contract import Instrument, OptionClass, Query

__all__ = ["FIRST_OPTION_ID", "OptionChain", "Series"]

FIRST_OPTION_ID: Final = 1_000_000_000
_DAYS: Final = 16_384
_STRIKES: Final = 256
_BEGIN: Final = date(2020, 1, 1)
_LOCAL: Final = re.compile(r"(?P<root>\S{1,6}) +(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_MONTH_LETTERS: Final = "FGHJKMNQUVXZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One expiry of a chain; `expires` names it, `last_trade` is its last day of trading."""

    expires: date
    last_trade: date
    trading_class: str
    under: Instrument
    is_second: bool = False
    """Whether it is of the chain's second class: the weeklies of an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChain:
    """
    The options of one underlying.

    Args:
        number: The chain's own, part of all con ids; below 64.
        pattern: A contract of the chain: what all have in common.
        series: Its expiries.
        strikes: Its strikes, ascending, all multiples of `step`.
        step: The distance of strikes.
        made: Contracts that were asked for.
    """

    number: int
    pattern: Instrument
    series: tuple[Series, ...]
    strikes: tuple[Decimal, ...]
    step: Decimal
    made: dict[int, Instrument]

    def __len__(self) -> int:
        return 2 * len(self.series) * len(self.strikes)

    def ids(self) -> Iterator[int]:
        """Yield the con ids of all contracts, without making them."""
        for series in self.series:
            for strike in self.strikes:
                for right in "CP":
                    yield self._id(series, strike, right)

    def get(self, con_id: int) -> Instrument | None:
        """Return a contract of this chain by its con id."""
        known = self.made.get(con_id)
        if known is not None:
            return known
        rest, low = divmod(con_id - FIRST_OPTION_ID, 4)
        rest, steps = divmod(rest, _STRIKES)
        number, days = divmod(rest, _DAYS)
        strike = self.step * steps
        if number != self.number or strike not in self.strikes:
            return None
        expires = _BEGIN + timedelta(days=days)
        for series in self.series:
            if series.expires == expires and series.is_second == bool(low & 2):
                return self._make(series, strike, "P" if low & 1 else "C")
        return None

    def find(self, query: Query) -> Iterator[Instrument]:
        """Yield the contracts that fit expiry, class, strike and right, by expiry and strike."""
        strikes = self.strikes
        if query.strike:
            strikes = (query.strike,) if query.strike in self.strikes else ()
        for series in self.series:
            if query.trading_class and query.trading_class != series.trading_class:
                continue
            if not f"{series.last_trade:%Y%m%d}".startswith(query.expiry):
                continue
            for strike in strikes:
                for right in query.rights:
                    yield self._make(series, strike, right)

    def local(self, symbol: str) -> Instrument | None:
        """Return a contract by its local symbol."""
        match = _LOCAL.fullmatch(symbol)
        for series in self.series:
            if match is None:
                # those on futures are named by class, month, right and strike
                if symbol.startswith(_future_style(series)):
                    right, strike = symbol.split()[-1][0], symbol.split()[-1][1:]
                    if right in "CP" and strike.replace(".", "", 1).isdigit():
                        return self._listed(series, Decimal(strike), right)
                continue
            if series.trading_class == match["root"] and f"{series.expires:%y%m%d}" == match["day"]:
                return self._listed(series, Decimal(match["strike"]) / 1000, match["right"])
        return None

    def classes(self) -> Iterator[OptionClass]:
        """Yield expirations and strikes for each exchange and trading class."""
        for exchange in self.pattern.exchanges:
            for name in dict.fromkeys(series.trading_class for series in self.series):
                yield OptionClass(
                    exchange=exchange,
                    under_con_id=self.pattern.under_con_id,
                    trading_class=name,
                    multiplier=str(self.pattern.multiplier),
                    expirations=tuple(
                        f"{series.last_trade:%Y%m%d}"
                        for series in self.series
                        if series.trading_class == name
                    ),
                    strikes=self.strikes,
                )

    def _listed(self, series: Series, strike: Decimal, right: str) -> Instrument | None:
        return self._make(series, strike, right) if strike in self.strikes else None

    def _id(self, series: Series, strike: Decimal, right: str) -> int:
        place = (self.number * _DAYS + (series.expires - _BEGIN).days) * _STRIKES
        place += int(strike / self.step)
        return FIRST_OPTION_ID + place * 4 + 2 * series.is_second + (right == "P")

    def _make(self, series: Series, strike: Decimal, right: str) -> Instrument:
        con_id = self._id(series, strike, right)
        known = self.made.get(con_id)
        if known is not None:
            return known
        common = self.pattern
        if common.sec_type == "FOP":
            local = f"{_future_style(series)}{right}{strike.normalize():f}"
        else:
            whole = int(strike * 1000)
            local = f"{series.trading_class:<6}{series.expires:%y%m%d}{right}{whole:08d}"
        made = self.made[con_id] = Instrument(
            con_id=con_id,
            symbol=common.symbol,
            sec_type=common.sec_type,
            currency=common.currency,
            exchanges=common.exchanges,
            expiry=f"{series.expires:%Y%m%d}",
            last_trade=f"{series.last_trade:%Y%m%d}",
            strike=strike,
            right=right,
            multiplier=common.multiplier,
            local_symbol=local,
            trading_class=series.trading_class,
            long_name=common.long_name,
            market_name=common.market_name,
            industry=common.industry,
            category=common.category,
            subcategory=common.subcategory,
            time_zone=common.time_zone,
            hours=common.hours,
            family=common.family,
            min_tick=common.min_tick,
            market_rule=common.market_rule,
            under_con_id=series.under.con_id,
            under_symbol=series.under.local_symbol or series.under.symbol,
            under_sec_type=series.under.sec_type,
            # what it is worth follows from its underlying; this only has to be a price
            price=max(common.price, common.min_tick),
            volatility=common.volatility,
            spread=common.spread,
            lot=common.lot,
            follows=(series.under,),
        )
        return made


def _future_style(series: Series) -> str:
    letter = _MONTH_LETTERS[series.expires.month - 1]
    return f"{series.trading_class}{letter}{series.expires.year % 10} "
