"""
Generic ticks: how each is asked for, and the field that it is told in.

Pure; texts of the wire in, figures out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.errors import MarketDataError
from ibkr_connector.model.extras import QuoteExtra

from .figures import quantity

__all__ = ["TICKS", "figures_of", "generic_list"]

_CODES: Final[Mapping[QuoteExtra, tuple[int, ...]]] = MappingProxyType(
    # IB campus: available tick types
    {
        QuoteExtra.OPTION_VOLUME: (100,),
        QuoteExtra.OPTION_OPEN_INTEREST: (101,),
        QuoteExtra.HISTORICAL_VOLATILITY: (104,),
        QuoteExtra.AVERAGE_OPTION_VOLUME: (105,),
        QuoteExtra.IMPLIED_VOLATILITY: (106,),
        QuoteExtra.INDEX_FUTURE_PREMIUM: (162,),
        QuoteExtra.STATISTICS: (165,),
        QuoteExtra.AUCTION: (225,),
        QuoteExtra.MARK_PRICE: (232,),
        QuoteExtra.SHORTABLE: (236,),
        QuoteExtra.TRADE_COUNT: (293,),
        QuoteExtra.TRADE_RATE: (294,),
        QuoteExtra.VOLUME_RATE: (295,),
        QuoteExtra.LAST_REGULAR_TRADE: (318,),
        QuoteExtra.LIVE_VOLATILITY: (411,),
        QuoteExtra.DIVIDENDS: (456,),
        QuoteExtra.BOND_FACTOR: (460,),
        QuoteExtra.NET_ASSET_VALUE: (576, 577, 578, 614),
        QuoteExtra.OFFERING: (586,),
        QuoteExtra.FUTURES_OPEN_INTEREST: (588,),
        QuoteExtra.SHORT_TERM_VOLUME: (595,),
    }
)

TICKS: Final[Mapping[str, str]] = MappingProxyType(
    # ibapi ticktype.py
    {
        "15": "low_13_weeks", "16": "high_13_weeks", "17": "low_26_weeks", "18": "high_26_weeks",
        "19": "low_52_weeks", "20": "high_52_weeks", "21": "average_volume",
        "23": "historical_volatility", "24": "implied_volatility",
        "27": "call_open_interest", "28": "put_open_interest",
        "29": "call_volume", "30": "put_volume", "31": "index_future_premium",
        "34": "auction_volume", "35": "auction_price", "36": "auction_imbalance",
        "37": "mark_price", "46": "shortable", "54": "trade_count", "55": "trade_rate",
        "56": "volume_rate", "57": "last_regular_trade", "58": "live_volatility",
        "60": "bond_factor", "61": "regulatory_imbalance",
        "63": "volume_3_minutes", "64": "volume_5_minutes", "65": "volume_10_minutes",
        "86": "futures_open_interest", "87": "average_option_volume", "89": "shortable_shares",
        "92": "nav_close", "93": "nav_prior_close", "94": "nav_bid", "95": "nav_ask",
        "96": "nav_last", "98": "nav_high", "99": "nav_low",
        "101": "offering_midpoint", "102": "offering_price",
    }
)  # fmt: skip
"""The field of each tick that is one figure."""

_DIVIDENDS: Final = "59"
_NO_PRICE: Final = Decimal(-1)


def generic_list(wanted: Iterable[QuoteExtra | str]) -> str:
    """
    Return IB's list of generic ticks; the same one whatever the order.

    Raises:
        MarketDataError: There is no such thing.
    """
    codes: set[int] = set()
    for name in wanted:
        try:
            codes.update(_CODES[QuoteExtra(name)])
        except ValueError as exc:
            raise MarketDataError(
                f"a quote has no {name!r} besides", hint=f"there are {', '.join(QuoteExtra)}"
            ) from exc
    return ",".join(map(str, sorted(codes)))


def figures_of(kind: str, text: str) -> dict[str, Any] | None:
    """Return what a tick says, by field; `None` for one that is no extra."""
    if kind == _DIVIDENDS:
        return _dividends(text)
    field = TICKS.get(kind)
    if field is None:
        return None
    figure = quantity(text)
    return {field: None if figure == _NO_PRICE else figure}


def _dividends(text: str) -> dict[str, Any]:
    # past and next twelve months, then date and amount of the next; empty where none is paid
    past, following, day, amount, *_ = [*text.split(","), "", "", "", ""]
    return {
        "dividends_past_year": quantity(past),
        "dividends_next_year": quantity(following),
        "next_dividend_date": _day(day),
        "next_dividend": quantity(amount),
    }


def _day(text: str) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text else None
