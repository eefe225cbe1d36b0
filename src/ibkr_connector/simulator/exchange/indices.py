"""
Indices, and the things that only futures follow: oil, grain, notes.

IB lists such a thing as an index of the futures' exchange. Con ids of the first three are IB's, the
others are made up.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from .contract import Instrument

__all__ = ["indices"]

_ROWS: Final = (
    # con id, symbol, exchange, currency, name, price, tick, volatility, group, loading
    (416904, "SPX", "CBOE", "USD", "S&P 500 Stock Index", "5480.00", "0.01", 0.15, "us", 0.97),
    (416843, "NDX", "NASDAQ", "USD", "NASDAQ 100 Stock Index", "19450.00", "0.01", 0.2, "us", 0.93),
    (13455763, "VIX", "CBOE", "USD", "CBOE Volatility Index", "16.00", "0.01", 0.9, "us", -0.75),
    (
        9_220_001,
        "INDU",
        "CME",
        "USD",
        "Dow Jones Industrial Average",
        "40000",
        "0.01",
        0.14,
        "us",
        0.94,
    ),
    (
        9_220_002,
        "RUT",
        "RUSSELL",
        "USD",
        "Russell 2000 Stock Index",
        "2200.0",
        "0.01",
        0.2,
        "us",
        0.88,
    ),
    (9_220_003, "DAX", "EUREX", "EUR", "DAX 40 Index", "18500", "0.01", 0.16, "eu", 0.95),
    (
        9_220_004,
        "ESTX50",
        "EUREX",
        "EUR",
        "Dow Jones Euro STOXX50",
        "4900",
        "0.01",
        0.16,
        "eu",
        0.97,
    ),
    (
        9_220_010,
        "CL",
        "NYMEX",
        "USD",
        "Light Sweet Crude Oil",
        "75.00",
        "0.01",
        0.35,
        "energy",
        0.9,
    ),
    (
        9_220_011,
        "NG",
        "NYMEX",
        "USD",
        "Henry Hub Natural Gas",
        "2.500",
        "0.001",
        0.55,
        "energy",
        0.4,
    ),
    (9_220_012, "HG", "COMEX", "USD", "Copper", "4.2000", "0.0005", 0.22, "metals", 0.5),
    (
        9_220_020,
        "ZN",
        "CBOT",
        "USD",
        "10 Year US Treasury Note",
        "110.5",
        "0.015625",
        0.06,
        "rates",
        0.95,
    ),
    (
        9_220_021,
        "ZB",
        "CBOT",
        "USD",
        "30 Year US Treasury Bond",
        "120.0",
        "0.03125",
        0.1,
        "rates",
        0.93,
    ),
    (
        9_220_022,
        "ZF",
        "CBOT",
        "USD",
        "5 Year US Treasury Note",
        "107.0",
        "0.015625",
        0.04,
        "rates",
        0.93,
    ),
    (
        9_220_023,
        "ZT",
        "CBOT",
        "USD",
        "2 Year US Treasury Note",
        "103.0",
        "0.015625",
        0.02,
        "rates",
        0.9,
    ),
    (9_220_030, "ZC", "CBOT", "USD", "Corn", "420.00", "0.25", 0.25, "grains", 0.7),
    (9_220_031, "ZS", "CBOT", "USD", "Soybeans", "1050.00", "0.25", 0.2, "grains", 0.7),
    (9_220_032, "ZW", "CBOT", "USD", "Wheat", "560.00", "0.25", 0.3, "grains", 0.7),
)

_RULES: Final = {
    "0.01": 26,
    "0.001": 9014,
    "0.0005": 9013,
    "0.015625": 9005,
    "0.03125": 9006,
    "0.25": 9015,
}


@lru_cache(maxsize=1)
def indices() -> tuple[Instrument, ...]:
    """Return all of them."""
    return tuple(_index(*row) for row in _ROWS)


def _index(  # noqa: PLR0917 - a row of the table
    con_id: int,
    symbol: str,
    exchange: str,
    currency: str,
    name: str,
    price: str,
    tick: str,
    volatility: float,
    group: str,
    loading: float,
) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="IND",
        currency=currency,
        exchanges=(exchange,),
        local_symbol=symbol,
        trading_class=symbol,
        long_name=name,
        market_name=symbol,
        time_zone="MET" if exchange == "EUREX" else "US/Eastern",
        min_tick=Decimal(tick),
        market_rule=_RULES[tick],
        price=Decimal(price),
        volatility=volatility,
        spread=Decimal(tick),
        group=group,
        loading=loading,
    )
