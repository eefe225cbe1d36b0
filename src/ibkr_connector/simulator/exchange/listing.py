"""
The instruments that the simulator lists: all kinds, some thousand contracts, on any day.

What is listed one by one is made once a day and shared; options and the bulk of stocks are made
when somebody asks for them. Con ids do not change from day to day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from .contract import Instrument, Query
from .currencies import coins, metals, pairs
from .futures import expired, futures
from .indices import indices
from .instruments import Catalogue
from .options import option_chains
from .others import bonds, cfds, mutual_funds, warrants
from .stocks import abroad, funds, stocks
from .synthetic_stocks import SyntheticStocks

__all__ = ["default_catalogue"]


@lru_cache(maxsize=16)
def default_catalogue(today: date) -> Catalogue:
    """Return the default instruments; dated contracts are those alive on that day."""
    listed = _listed(today)

    def over(query: Query) -> Iterable[Instrument]:
        return expired(query.symbol.upper(), today, _followed())

    return Catalogue(
        listed,
        shelves=option_chains(today, listed),
        bulk=SyntheticStocks(),
        expired=over,
    )


def _listed(today: date) -> tuple[Instrument, ...]:
    return (*_undated(), *futures(today, _followed()))


@lru_cache(maxsize=1)
def _undated() -> tuple[Instrument, ...]:
    """Return what is the same on all days."""
    followed = _followed()
    home = stocks()
    return (
        *home,
        *abroad(),
        *funds({name: one for name, one in followed.items() if one.sec_type != "CASH"}),
        *followed.values(),
        *cfds({**{one.symbol: one for one in home if one.stock_type == "COMMON"}, **followed}),
        *bonds(),
        *mutual_funds(),
        *warrants(home[0]),
    )


@lru_cache(maxsize=1)
def _followed() -> Mapping[str, Instrument]:
    """Return what others follow, by local symbol: pairs, indices, metals and coins."""
    return {one.local_symbol: one for one in (*pairs(), *indices(), *metals(), *coins())}
