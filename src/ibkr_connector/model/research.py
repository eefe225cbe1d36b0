"""Ticks of the past, what was traded at which price, scans, and news, as users receive them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from .contracts import Contract
from .record import Record
from .streams import Trade

__all__ = [
    "Article",
    "Bulletin",
    "BulletinKind",
    "CorporateEvent",
    "Headline",
    "Headlines",
    "NewsProvider",
    "PastMidpoint",
    "PastQuote",
    "PastTicks",
    "ScanQuery",
    "ScanRow",
    "ScanUpdate",
    "VolumeAtPrice",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastQuote(Record):
    """Bid and ask as they were; `bid_past_low` and `ask_past_high` are the exchange's marks."""

    timestamp: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    bid_past_low: bool = False
    ask_past_high: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMidpoint(Record):
    """Half way between bid and ask, as it was."""

    timestamp: datetime
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTicks(Record):
    """
    Ticks of a span, oldest first, in whole seconds of UTC.

    `is_whole` tells whether they reach the end of what was asked for; else `limit` ended them, or
    nobody told where the next session begins.
    """

    contract: Contract
    what_to_show: str
    ticks: tuple[Trade | PastQuote | PastMidpoint, ...]
    is_whole: bool
    requests: int

    def __len__(self) -> int:
        return len(self.ticks)

    def __iter__(self) -> Iterator[Trade | PastQuote | PastMidpoint]:
        return iter(self.ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAtPrice(Record):
    """How much was traded at a price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRow(Record):
    """One row of a market scan; the last three are IB's own words, mostly empty."""

    rank: int
    contract: Contract
    distance: str = ""
    benchmark: str = ""
    projection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanQuery(Record):
    """What a market scan looks for, in IB's words; `filters` are pairs of tag and value."""

    code: str
    instrument: str = "STK"
    location: str = "STK.US.MAJOR"
    rows: int = 50
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanUpdate(Record):
    """All that a scan finds as of `timestamp`, best first; no rows when it finds nothing."""

    timestamp: datetime
    code: str
    rows: tuple[ScanRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ScanRow]:
        return iter(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProvider(Record):
    """A source of news that the login may read."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline(Record):
    """
    A headline; its article is asked for by `provider` and `article_id`.

    `extra` is what the provider says besides, in IB's own form, and only while it is news.
    """

    time: datetime
    provider: str
    article_id: str
    text: str
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines(Record):
    """Headlines, newest first; `has_more` tells that there are older ones in the span."""

    headlines: tuple[Headline, ...]
    has_more: bool

    def __len__(self) -> int:
        return len(self.headlines)

    def __iter__(self) -> Iterator[Headline]:
        return iter(self.headlines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateEvent(Record):
    """
    One event of a company's calendar, as Wall Street Horizon tells it.

    `kind` is its tag, as in `wshe_ed` (earnings), `day` its date where it has one, and `facts` all
    that is told of it.
    """

    kind: str
    day: date | None
    facts: Mapping[str, Any]


class BulletinKind(IntEnum):
    """What a bulletin of IB is about, by IB's numbers."""

    OTHER = 0
    NOTICE = 1
    EXCHANGE_CLOSED = 2
    EXCHANGE_OPEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin(Record):
    """A bulletin of IB; `received` is when it came here, IB tells no time."""

    number: int
    kind: BulletinKind
    text: str
    exchange: str
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Article(Record):
    """The text of an article, plain or HTML; `is_binary` when it is a document in base64."""

    text: str
    is_binary: bool
