"""
The pairs, metals and coins that are listed.

Pairs against the dollar move by themselves, each other pair is made of two of those. Con ids from
9,200,000 to 9,299,999 are made up, others are IB's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final

from .contract import Instrument

__all__ = ["coins", "metals", "pairs"]

_HALF_PIP_RULE: Final = 239
_FIRST_MADE_UP: Final = 9_200_000

_PAIRS: Final = (
    # con id (0: made up), base, quote, price, tick
    (12087792, "EUR", "USD", "1.10000", "0.00005"),
    (12087797, "GBP", "USD", "1.27000", "0.00005"),
    (15016059, "USD", "JPY", "150.000", "0.005"),
    (12087820, "USD", "CHF", "0.88000", "0.00005"),
    (14433401, "AUD", "USD", "0.66000", "0.00005"),
    (15016062, "USD", "CAD", "1.36000", "0.00005"),
    (0, "NZD", "USD", "0.60000", "0.00005"),
    (0, "USD", "SEK", "10.50000", "0.00005"),
    (0, "USD", "NOK", "10.70000", "0.00005"),
    (0, "USD", "DKK", "6.78000", "0.00005"),
    (0, "USD", "HKD", "7.80000", "0.00005"),
    (0, "USD", "SGD", "1.34000", "0.00005"),
    (0, "USD", "MXN", "18.00000", "0.00005"),
    (0, "USD", "CNH", "7.20000", "0.00005"),
    (0, "USD", "PLN", "3.95000", "0.00005"),
    (0, "USD", "CZK", "23.00000", "0.00005"),
)
_CROSSES: Final = (
    # con id (0: made up), base, quote
    (12087807, "EUR", "GBP"),
    (14321016, "EUR", "JPY"),
    (12087817, "EUR", "CHF"),
    (0, "EUR", "AUD"),
    (0, "EUR", "CAD"),
    (0, "EUR", "SEK"),
    (0, "EUR", "NOK"),
    (0, "EUR", "NZD"),
    (0, "GBP", "JPY"),
    (0, "GBP", "CHF"),
    (0, "GBP", "AUD"),
    (0, "GBP", "CAD"),
    (0, "AUD", "JPY"),
    (0, "AUD", "NZD"),
    (0, "AUD", "CAD"),
    (0, "CAD", "JPY"),
    (0, "CHF", "JPY"),
    (0, "NZD", "JPY"),
)
_QUIET: Final = {"HKD": 0.008, "CNH": 0.04, "DKK": 0.07, "MXN": 0.14}


@lru_cache(maxsize=1)
def pairs() -> tuple[Instrument, ...]:
    """Return all pairs, those against the dollar first."""
    found: dict[str, Instrument] = {}
    rows = list(enumerate(_PAIRS))
    for number, (con_id, base, quote, price, tick) in rows:
        other = quote if base == "USD" else base
        found[other] = _pair(
            con_id or _FIRST_MADE_UP + number,
            base,
            quote,
            price=Decimal(price),
            tick=Decimal(tick),
            # the dollar rises against all at once: up where it is the base, down elsewhere
            loading=-0.55 if base == "USD" else 0.55,
            volatility=_QUIET.get(other, 0.08),
        )
    crosses = []
    for number, (con_id, base, quote) in enumerate(_CROSSES):
        one, two = found[base], found[quote]
        exact = _in_dollars(one) / _in_dollars(two)
        step = Decimal("0.005" if quote == "JPY" else "0.00005")
        crosses.append(
            _pair(
                con_id or _FIRST_MADE_UP + 100 + number,
                base,
                quote,
                price=(exact / step).to_integral_value() * step,
                tick=step,
                follows=(one, two),
            )
        )
    return (*found.values(), *crosses)


def _in_dollars(pair: Instrument) -> Decimal:
    return 1 / pair.price if pair.symbol == "USD" else pair.price


def _pair(
    con_id: int,
    base: str,
    quote: str,
    *,
    price: Decimal,
    tick: Decimal,
    follows: tuple[Instrument, ...] = (),
    loading: float = 0.0,
    volatility: float = 0.08,
) -> Instrument:
    name = f"{base}.{quote}"
    return Instrument(
        con_id=con_id,
        symbol=base,
        sec_type="CASH",
        currency=quote,
        exchanges=("IDEALPRO",),
        local_symbol=name,
        trading_class=name,
        long_name=name,
        market_name=name,
        hours="1715-1700",
        min_tick=tick,
        market_rule=_HALF_PIP_RULE if tick < Decimal("0.001") else 9003,
        min_size=Decimal(1),
        price=price,
        volatility=volatility,
        spread=tick * 2,
        lot=Decimal(1_000_000),
        follows=follows,
        group="" if follows else "dollar",
        loading=loading,
    )


@lru_cache(maxsize=1)
def metals() -> tuple[Instrument, ...]:
    """Return gold and silver, spot."""
    rows = (
        (69067924, "XAUUSD", "London Gold", "2480.00", 0.15),
        (77124483, "XAGUSD", "London Silver", "28.00", 0.28),
    )
    return tuple(
        Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="CMDTY",
            currency="USD",
            exchanges=("SMART", "IBMETAL"),
            local_symbol=symbol,
            trading_class=symbol,
            long_name=name,
            market_name=symbol,
            hours="1800-1700",
            min_tick=Decimal("0.01"),
            market_rule=9004,
            price=Decimal(price),
            volatility=volatility,
            spread=Decimal("0.30") if symbol == "XAUUSD" else Decimal("0.02"),
            lot=Decimal(100),
            group="metals",
            loading=0.8,
        )
        for con_id, symbol, name, price, volatility in rows
    )


def coins() -> Iterator[Instrument]:
    """Yield crypto currencies."""
    rows = (
        (479624278, "BTC", "60000", "0.25", "5.00"),
        (495759171, "ETH", "3000", "0.25", "5.00"),
        (9_210_001, "LTC", "70", "0.01", "0.05"),
        (9_210_002, "BCH", "330", "0.05", "0.25"),
        (9_210_003, "SOL", "150", "0.01", "0.10"),
    )
    for con_id, symbol, price, tick, spread in rows:
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="CRYPTO",
            currency="USD",
            exchanges=("PAXOS",),
            local_symbol=f"{symbol}.USD",
            trading_class=symbol,
            long_name=f"{symbol} cryptocurrency",
            market_name=symbol,
            hours="0000-2359",
            min_tick=Decimal(tick),
            market_rule={"0.25": 2508, "0.05": 9010}.get(tick, 9004),
            min_size=Decimal("0.00000001"),
            price=Decimal(price),
            volatility=0.6,
            spread=Decimal(spread),
            lot=Decimal(1),
            group="crypto",
            loading=0.8,
        )
