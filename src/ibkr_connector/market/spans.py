"""What IB accepts as bar size, duration and kind of data, and the defaults by asset class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.model.contracts import SecurityType

__all__ = [
    "BAR_SIZES",
    "LONGEST",
    "SMALL_BAR_SIZES",
    "WHAT_TO_SHOW",
    "check_bar_size",
    "check_duration",
    "check_long_duration",
    "check_what_to_show",
    "default_what_to_show",
]

SMALL_BAR_SIZES: Final = frozenset({"1 secs", "5 secs", "10 secs", "15 secs", "30 secs"})
"""Sizes under the hard pacing rules (IB campus: historical data limitations)."""

BAR_SIZES: Final = (
    *("1 secs", "5 secs", "10 secs", "15 secs", "30 secs"),
    *("1 min", "2 mins", "3 mins", "5 mins", "10 mins", "15 mins", "20 mins", "30 mins"),
    *("1 hour", "2 hours", "3 hours", "4 hours", "8 hours"),
    *("1 day", "1 week", "1 month"),
)
"""Every bar size of `reqHistoricalData`, smallest first (IB campus: valid bar sizes)."""

WHAT_TO_SHOW: Final = (
    *("TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "AGGTRADES"),
    *("HISTORICAL_VOLATILITY", "OPTION_IMPLIED_VOLATILITY", "FEE_RATE"),
    *("YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST"),
)
"""Kinds of historical data that come as bars."""

_DEFAULT_SHOW: Final[Mapping[SecurityType, str]] = MappingProxyType(
    {
        SecurityType.FOREX: "MIDPOINT",  # currency pairs have no trades at IDEALPRO
        SecurityType.CFD: "MIDPOINT",
        SecurityType.CRYPTO: "AGGTRADES",  # TWS code 10299 asks for it
    }
)

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1 sec": "1 secs",
        "1 mins": "1 min",
        "1 hours": "1 hour",
        "1 minute": "1 min",
        "1 days": "1 day",
        "1D": "1 day",
        "1W": "1 week",
        "1M": "1 month",
    }
)

_DURATION: Final = re.compile(r"(?P<count>[1-9]\d*) (?P<unit>[SDWMY])")

LONGEST: Final[Mapping[str, int]] = MappingProxyType(
    # IB campus: maximum duration per unit, for every size but "1 secs"
    {"S": 86_400, "D": 365, "W": 52, "M": 12, "Y": 68}
)

_MOST_YEARS: Final = 68
_PER_YEAR: Final[Mapping[str, float]] = MappingProxyType(
    {"S": 31_557_600, "D": 252, "W": 52, "M": 12, "Y": 1}
)


def check_bar_size(bar_size: str) -> str:
    """Return the bar size in IB's spelling, or raise `HistoricalDataError` naming the closest."""
    size = _ALIASES.get(bar_size.strip(), bar_size.strip())
    if size not in BAR_SIZES:
        close = get_close_matches(size, BAR_SIZES, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise HistoricalDataError(
            f"{bar_size!r} is not a bar size of IB",
            hint=f"{meant}valid are {', '.join(BAR_SIZES)}",
        )
    return size


def check_duration(duration: str) -> str:
    """Return the duration in IB's spelling, or raise `HistoricalDataError` saying what is legal."""
    text = " ".join(duration.upper().split())
    match = _DURATION.fullmatch(text)
    if match is None:
        raise HistoricalDataError(
            f"{duration!r} is not a duration of IB",
            hint="write a number, a space and one of S D W M Y, as in '1 D' or '6 M'",
        )
    longest = LONGEST[match["unit"]]
    if int(match["count"]) > longest:
        raise HistoricalDataError(
            f"{duration!r} is longer than one request may ask for",
            hint=f"at most {longest} {match['unit']}; use a larger unit",
        )
    return text


def check_long_duration(duration: str) -> str:
    """Return a duration of any length in IB's spelling, or raise `HistoricalDataError`."""
    text = " ".join(duration.upper().split())
    if _DURATION.fullmatch(text) is None:
        raise HistoricalDataError(
            f"{duration!r} is not a duration",
            hint="write a number, a space and one of S D W M Y, as in '1 D' or '6 M'",
        )
    if (years := int(text.split()[0]) / _PER_YEAR[text[-1]]) > _MOST_YEARS:
        raise HistoricalDataError(
            f"{duration!r} is {years:,.0f} years", hint=f"at most {_MOST_YEARS} years"
        )
    return text


def check_what_to_show(what_to_show: str) -> str:
    """Return the kind of data in IB's spelling, or raise `HistoricalDataError`."""
    kind = what_to_show.strip().upper()
    if kind not in WHAT_TO_SHOW:
        close = get_close_matches(kind, WHAT_TO_SHOW, n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise HistoricalDataError(
            f"{what_to_show!r} is no kind of historical data",
            hint=f"{meant}valid are {', '.join(WHAT_TO_SHOW)}",
        )
    return kind


def default_what_to_show(security_type: SecurityType) -> str:
    """Return what a series of this asset class is made of unless the user says otherwise."""
    return _DEFAULT_SHOW.get(security_type, "TRADES")
