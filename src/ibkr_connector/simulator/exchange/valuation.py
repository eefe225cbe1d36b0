"""
What an option is worth: Black-Scholes with a continuous yield, its greeks, and a volatility smile.

Times are in years, rates and volatilities per year, prices per unit of the underlying.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

from .contract import Instrument

__all__ = [
    "RATE",
    "Greeks",
    "black_scholes",
    "greeks",
    "implied_volatility",
    "smile",
    "years_left",
    "yield_of",
]

RATE: Final = 0.04
"""Interest for all maturities and currencies (assumed)."""

_ROOT_2: Final = math.sqrt(2.0)
_ROOT_2_PI: Final = math.sqrt(2.0 * math.pi)
_DAYS: Final = 365.0
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = 0.25
"""How much of a day is left on the day of expiry."""

_LEAST: Final = 0.0001
_MOST: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """A value and how it changes: vega for one point of volatility, theta for one day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def black_scholes(
    is_call: bool,  # noqa: FBT001
    spot: float,
    strike: float,
    *,
    years: float,
    volatility: float,
    rate: float = RATE,
    dividend: float = 0.0,
) -> float:
    """Return the value of a European option; at expiry, what it is worth to exercise."""
    if years <= 0 or volatility <= 0:
        return max(spot - strike if is_call else strike - spot, 0.0)
    width = volatility * math.sqrt(years)
    grown, paid = math.exp(-dividend * years) * spot, math.exp(-rate * years) * strike
    first = math.log(grown / paid) / width + width / 2
    if is_call:
        return grown * _below(first) - paid * _below(first - width)
    return paid * _below(width - first) - grown * _below(-first)


def greeks(
    is_call: bool,  # noqa: FBT001
    spot: float,
    strike: float,
    *,
    years: float,
    volatility: float,
    rate: float = RATE,
    dividend: float = 0.0,
) -> Greeks:
    """Return the value of a European option and its sensitivities."""
    price = black_scholes(
        is_call,
        spot,
        strike,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend=dividend,
    )
    if years <= 0 or volatility <= 0:
        inside = spot > strike if is_call else spot < strike
        delta = (1.0 if is_call else -1.0) if inside else 0.0
        return Greeks(price=price, delta=delta, gamma=0.0, vega=0.0, theta=0.0)
    root = math.sqrt(years)
    width = volatility * root
    fades = math.exp(-dividend * years)
    grown, paid = fades * spot, math.exp(-rate * years) * strike
    first = math.log(grown / paid) / width + width / 2
    density = math.exp(-first * first / 2) / _ROOT_2_PI
    sign = 1.0 if is_call else -1.0
    decay = -grown * density * volatility / (2 * root)
    carried = sign * (dividend * grown * _below(sign * first))
    financed = sign * (rate * paid * _below(sign * (first - width)))
    return Greeks(
        price=price,
        delta=sign * fades * _below(sign * first),
        gamma=fades * density / (spot * width),
        vega=grown * density * root / 100,
        theta=(decay + carried - financed) / _DAYS,
    )


def implied_volatility(
    is_call: bool,  # noqa: FBT001
    price: float,
    spot: float,
    *,
    strike: float,
    years: float,
    rate: float = RATE,
    dividend: float = 0.0,
) -> float | None:
    """Return the volatility at which an option is worth a price; `None` when at none."""

    def worth(volatility: float) -> float:
        return black_scholes(
            is_call,
            spot,
            strike,
            years=years,
            volatility=volatility,
            rate=rate,
            dividend=dividend,
        )

    low, high = _LEAST, _MOST
    if years <= 0 or not worth(low) - 1e-9 <= price <= worth(high):
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if worth(middle) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def years_left(instrument: Instrument, day: int) -> float:
    """
    Return the time until a dated contract ends, on a day counted since 1970.

    *limit*: time passes once a day, at midnight UTC, so that within a day an option is a function
    of its underlying alone.
    """
    ends = instrument.last_trade
    ordinal = date(int(ends[:4]), int(ends[4:6]), int(ends[6:8])).toordinal()
    left = ordinal - _EPOCH - day
    return max(left + _LAST_DAY, 0.0) / _DAYS if left >= 0 else 0.0


def yield_of(instrument: Instrument) -> float:
    """Return what holding an underlying pays, as a rate (assumed)."""
    match instrument.sec_type:
        case "IND":
            return 0.013
        case "FUT" | "CONTFUT":
            return RATE  # a future costs nothing to carry: Black's formula
        case _:
            return 0.005


def smile(option: Instrument, spot: float, day: int) -> float:
    """
    Return the volatility at which a contract is priced.

    Lower strikes are dearer, both ends dearer than the middle, near expiries steeper (assumed).
    It depends on the contract and the place of its strike when the day's market opened, not on
    where the market is since, so that within a day prices are monotone.
    """
    under = option.follows[0].volatility if option.follows else option.volatility
    strike = float(option.strike or 1)
    years = max(years_left(option, day), 1 / _DAYS)
    away = math.log(strike / spot) / math.sqrt(years + 0.05) if spot > 0 else 0.0
    away = max(-2.5, min(2.5, away))
    level = under * (1.02 + 0.06 / (1 + 10 * years))
    return max(level * (1 - 0.22 * away + 0.18 * away * away), 0.03)


def _below(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / _ROOT_2))
