"""What the gateway says about news, fundamentals, events and scans of the market."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.simulator.wire.contracts import STRIKE
from ibkr_connector.simulator.wire.fields import FLAG
from ibkr_connector.simulator.wire.layout import Rows
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import (
    PAIR,
    REQUEST_ID,
    Pair,
    Reply,
    texts,
    versioned,
    whole,
)

__all__ = [
    "ROWS",
    "FundamentalData",
    "HistoricalNews",
    "HistoricalNewsEnd",
    "NewsArticle",
    "NewsBulletin",
    "NewsProviders",
    "ScannerData",
    "ScannerParameters",
    "ScannerRow",
    "TickNews",
    "WshEventData",
    "WshMetaData",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProviders:
    """Code and name of each provider."""

    providers: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsBulletin:
    """A bulletin of IB: a notice (1), or an exchange that closed (2) or opened (3)."""

    bulletin_id: int
    kind: int
    text: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsArticle:
    """The text of an article: plain or HTML (0), or binary (1)."""

    request_id: int
    kind: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickNews:
    """A headline of a stream."""

    request_id: int
    time_ms: int
    provider: str
    article_id: str
    headline: str
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalNews:
    """A headline of the past."""

    request_id: int
    time: str
    provider: str
    article_id: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalNewsEnd:
    """All headlines were sent."""

    request_id: int
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FundamentalData:
    """A report about a company, as XML."""

    request_id: int
    xml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerParameters:
    """What can be scanned for, as XML."""

    xml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerRow:
    """One contract that a scan found."""

    rank: int
    con_id: int
    symbol: str
    sec_type: str
    expiry: str = ""
    strike: Decimal | None = None
    right: str = ""
    exchange: str
    currency: str
    local_symbol: str = ""
    market_name: str = ""
    trading_class: str = ""
    distance: str = ""
    benchmark: str = ""
    projection: str = ""
    legs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerData:
    """All that a scan found, best first."""

    request_id: int
    rows: tuple[ScannerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WshMetaData:
    """Which corporate events there are, as JSON."""

    request_id: int
    json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WshEventData:
    """Corporate events, as JSON."""

    request_id: int
    json: str


_SCANNED: Final = (
    *whole("rank", "con_id"),
    *texts("symbol", "sec_type", "expiry"),
    Field("strike", STRIKE),
    *texts("right", "exchange", "currency", "local_symbol", "market_name", "trading_class"),
    *texts("distance", "benchmark", "projection", "legs"),
)

ROWS: Final[Mapping[Callable[..., Any], Reply]] = {
    NewsBulletin: Reply(
        14, versioned(1, *whole("bulletin_id", "kind"), *texts("text", "exchange"))
    ),
    ScannerParameters: Reply(19, versioned(1, *texts("xml"))),
    ScannerData: Reply(20, versioned(3, REQUEST_ID, Rows("rows", ScannerRow, _SCANNED))),
    FundamentalData: Reply(51, versioned(1, REQUEST_ID, *texts("xml"))),
    NewsArticle: Reply(83, (REQUEST_ID, *whole("kind"), *texts("text"))),
    TickNews: Reply(
        84,
        (
            REQUEST_ID,
            *whole("time_ms"),
            *texts("provider", "article_id", "headline", "extra"),
        ),
    ),
    NewsProviders: Reply(85, (Rows("providers", Pair, PAIR),)),
    HistoricalNews: Reply(86, (REQUEST_ID, *texts("time", "provider", "article_id", "headline"))),
    HistoricalNewsEnd: Reply(87, (REQUEST_ID, Field("has_more", FLAG))),
    WshMetaData: Reply(104, (REQUEST_ID, *texts("json"))),
    WshEventData: Reply(105, (REQUEST_ID, *texts("json"))),
}
