"""What clients ask about news, fundamentals, events and scans of the market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ibkr_connector.simulator.wire.contracts import FUNDAMENTAL_CONTRACT, WireContract
from ibkr_connector.simulator.wire.fields import FLAG, UNSET_WHOLE
from ibkr_connector.simulator.wire.layout import CountedText, Nested, Since, Texts
from ibkr_connector.simulator.wire.plain import Field
from ibkr_connector.simulator.wire.tables import REQUEST_ID, Row, flags, texts, versioned, whole
from ibkr_connector.simulator.wire.versions import Version

__all__ = [
    "ROWS",
    "CancelFundamentalData",
    "CancelNewsBulletins",
    "CancelScannerSubscription",
    "CancelWshEventData",
    "CancelWshMetaData",
    "ReqFundamentalData",
    "ReqHistoricalNews",
    "ReqNewsArticle",
    "ReqNewsBulletins",
    "ReqNewsProviders",
    "ReqScannerParameters",
    "ReqScannerSubscription",
    "ReqWshEventData",
    "ReqWshMetaData",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsProviders:
    """Ask which news the login may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsBulletins:
    """Subscribe to bulletins of IB."""

    all_messages: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNewsBulletins:
    """End that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsArticle:
    """Ask for the text of an article."""

    request_id: int
    provider: str
    article_id: str
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalNews:
    """Ask for the headlines of a time."""

    request_id: int
    con_id: int
    providers: str
    start: str
    end: str
    total: int
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFundamentalData:
    """Ask for a report about a company, as XML."""

    request_id: int
    contract: WireContract
    report_type: str
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFundamentalData:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqScannerSubscription:
    """Stream what a scan of the market finds; `texts` by the names of ib_async."""

    request_id: int
    texts: Mapping[str, str] = field(default_factory=dict)
    filter_options: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelScannerSubscription:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqScannerParameters:
    """Ask what can be scanned for, as XML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqWshMetaData:
    """Ask which corporate events there are, as JSON."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWshMetaData:
    """End that."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqWshEventData:
    """Ask for corporate events, of a contract or by a filter."""

    request_id: int
    con_id: int | None = None
    filter: str = ""
    fill_watchlist: bool = False
    fill_portfolio: bool = False
    fill_competitors: bool = False
    start_date: str = ""
    end_date: str = ""
    total_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWshEventData:
    """End that."""

    request_id: int


_SCAN: Final = Texts(
    "texts",
    *("numberOfRows", "instrument", "locationCode", "scanCode", "abovePrice", "belowPrice"),
    *("aboveVolume", "marketCapAbove", "marketCapBelow", "moodyRatingAbove", "moodyRatingBelow"),
    *("spRatingAbove", "spRatingBelow", "maturityDateAbove", "maturityDateBelow"),
    *("couponRateAbove", "couponRateBelow", "excludeConvertible", "averageOptionVolumeAbove"),
    *("scannerSettingPairs", "stockTypeFilter"),
)

ROWS: Final[Mapping[int, Row]] = {
    12: Row(ReqNewsBulletins, versioned(1, Field("all_messages", FLAG))),
    13: Row(CancelNewsBulletins, versioned(1)),
    22: Row(
        ReqScannerSubscription,
        (REQUEST_ID, _SCAN, *texts("filter_options", "options")),
    ),
    23: Row(CancelScannerSubscription, versioned(1, REQUEST_ID)),
    24: Row(ReqScannerParameters, versioned(1)),
    52: Row(
        ReqFundamentalData,
        versioned(
            2,
            REQUEST_ID,
            Nested("contract", WireContract, FUNDAMENTAL_CONTRACT),
            *texts("report_type"),
            CountedText("options"),
        ),
    ),
    53: Row(CancelFundamentalData, versioned(1, REQUEST_ID)),
    84: Row(ReqNewsArticle, (REQUEST_ID, *texts("provider", "article_id", "options"))),
    85: Row(ReqNewsProviders, ()),
    86: Row(
        ReqHistoricalNews,
        (
            REQUEST_ID,
            *whole("con_id"),
            *texts("providers", "start", "end"),
            *whole("total"),
            *texts("options"),
        ),
    ),
    100: Row(ReqWshMetaData, (REQUEST_ID,)),
    101: Row(CancelWshMetaData, (REQUEST_ID,)),
    102: Row(
        ReqWshEventData,
        (
            REQUEST_ID,
            Field("con_id", UNSET_WHOLE),
            Since(
                Version.WSH_EVENT_DATA_FILTERS,
                *texts("filter"),
                *flags("fill_watchlist", "fill_portfolio", "fill_competitors"),
            ),
            Since(
                Version.WSH_EVENT_DATA_FILTERS_DATE,
                *texts("start_date", "end_date"),
                Field("total_limit", UNSET_WHOLE),
            ),
        ),
    ),
    103: Row(CancelWshEventData, (REQUEST_ID,)),
}
