"""How much history one request may ask for: what is larger goes by a download. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ibkr_connector.market.spans import check_bar_size, check_long_duration

from .guard import Refused
from .problems import Kind

__all__ = ["MOST_BARS", "MOST_YEARS", "check_range"]

MOST_BARS: Final = 1_000_000
"""Bars by the clock, nights and weekends counted; a year of minutes is half of it."""

MOST_YEARS: Final = 68
"""As far back as a duration may go."""

_YEAR_S: Final = 31_557_600.0
_UNITS_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "S": 1.0,
        "D": 86_400.0,
        "W": 7 * 86_400.0,
        "M": _YEAR_S / 12,
        "Y": _YEAR_S,
        "sec": 1.0,
        "min": 60.0,
        "hour": 3600.0,
        "day": 86_400.0,
        "week": 7 * 86_400.0,
        "month": _YEAR_S / 12,
    }
)


def check_range(bar_size: str, *, duration: str, start: datetime | None, end: datetime) -> None:
    """
    Refuse a range that would keep the gateway busy for everybody else.

    Args:
        bar_size: In IB's spelling.
        duration: How long it is, where there is no `start`.
        start: Where it begins.
        end: Where it ends.

    Raises:
        Refused: It is too long.
        HistoricalDataError: Bar size or duration are none.
    """
    count, unit = check_bar_size(bar_size).split()
    bar_s = int(count) * _UNITS_S[unit.removesuffix("s")]
    if start is None:
        number, letter = check_long_duration(duration).split()
        long_s = int(number) * _UNITS_S[letter]
    else:
        long_s = (end - start).total_seconds()
    if long_s / bar_s > MOST_BARS or long_s > MOST_YEARS * _YEAR_S:
        raise Refused(
            Kind(422, "range-too-long", "The range is too long for one request"),
            f"{long_s / bar_s:,.0f} bars of {bar_size} by the clock, and at most {MOST_BARS:,} may "
            f"be asked for, of at most {MOST_YEARS} years",
            hint="ask for less at a time, or begin a download and read what is stored",
        )
