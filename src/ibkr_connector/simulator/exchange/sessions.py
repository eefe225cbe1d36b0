"""
When exchanges trade: hours by family, their phases, and how IB writes them.

Two sorts of hours, as IB has them: the trading hours, in which anything trades at all, and the
liquid hours within, the regular session. A trading day is named by its date, though futures and
pairs begin it on the evening before. Simulated markets are open around the clock unless sessions
are switched on; history is cut by these hours all the same when regular hours are asked for.

The hours are those that IB's contract details gave for such contracts (assumed where IB has many).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from .contract import Instrument
from .holidays import closed_days, half_days

__all__ = [
    "FAMILIES",
    "Family",
    "Phase",
    "Session",
    "family_of",
    "hours_text",
    "next_change",
    "phase",
    "schedule",
    "session_of",
    "sessions",
]

_SATURDAY: Final = 5
_HOURS_DAYS: Final = 6
"""So many days are in the hours of contract details (recorded details)."""

_FAR: Final = 12
"""No market is shut for more days than this."""


class Phase(StrEnum):
    """What a market does at a moment."""

    CLOSED = "closed"
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


Span = tuple[datetime, datetime]
"""From a moment until before another, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """
    Hours that exchanges have in common, on local clocks.

    Hours are `HHMM-HHMM`, several divided by commas; `-HHMM` at the front begins the evening before
    the day. `early` and `early_liquid` are those of half days.
    """

    zone: str
    calendar: str
    trading: str
    liquid: str
    early: str = ""
    early_liquid: str = ""
    every_day: bool = False


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "us stock": Family(
            zone="US/Eastern",
            calendar="new york",
            trading="0400-2000",
            liquid="0930-1600",
            early="0400-1700",
            early_liquid="0930-1300",
        ),
        "us option": Family(
            zone="US/Eastern",
            calendar="new york",
            trading="0930-1600",
            liquid="0930-1600",
            early="0930-1300",
            early_liquid="0930-1300",
        ),
        "us index option": Family(
            zone="US/Eastern",
            calendar="new york",
            trading="0930-1615",
            liquid="0930-1615",
            early="0930-1315",
            early_liquid="0930-1315",
        ),
        "us index": Family(
            zone="US/Eastern",
            calendar="new york",
            trading="0930-1615",
            liquid="0930-1600",
            early="0930-1315",
            early_liquid="0930-1300",
        ),
        "us bond": Family(
            zone="US/Eastern",
            calendar="new york",
            trading="0800-1700",
            liquid="0800-1700",
            early="0800-1400",
            early_liquid="0800-1400",
        ),
        "cme": Family(
            zone="US/Central",
            calendar="chicago",
            trading="-1700-1600",
            liquid="0830-1600",
            early="-1700-1200",
            early_liquid="0830-1200",
        ),
        "forex": Family(
            zone="US/Eastern",
            calendar="turn of year",
            trading="-1715-1700",
            liquid="-1715-1700",
        ),
        "metal": Family(
            zone="US/Eastern",
            calendar="turn of year",
            trading="-1800-1700",
            liquid="-1800-1700",
        ),
        "crypto": Family(
            zone="US/Eastern",
            calendar="none",
            trading="0000-2400",
            liquid="0000-2400",
            every_day=True,
        ),
        "london": Family(
            zone="GB-Eire",
            calendar="london",
            trading="0800-1630",
            liquid="0800-1630",
            early="0800-1230",
            early_liquid="0800-1230",
        ),
        "xetra": Family(zone="MET", calendar="frankfurt", trading="0900-1730", liquid="0900-1730"),
        "eurex": Family(zone="MET", calendar="frankfurt", trading="0110-2200", liquid="0900-1730"),
        "toronto": Family(
            zone="US/Eastern",
            calendar="toronto",
            trading="0930-1600",
            liquid="0930-1600",
            early="0930-1300",
            early_liquid="0930-1300",
        ),
        "tokyo": Family(
            zone="Japan",
            calendar="tokyo",
            trading="0900-1130,1230-1530",
            liquid="0900-1130,1230-1530",
        ),
    }
)

_BY_EXCHANGE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LSE": "london",
        "LSEETF": "london",
        "IBIS": "xetra",
        "FWB": "xetra",
        "SBF": "xetra",
        "AEB": "xetra",
        "EUREX": "eurex",
        "DTB": "eurex",
        "TSE": "toronto",
        "TSEJ": "tokyo",
        "OSE.JPN": "tokyo",
        "CME": "cme",
        "CBOT": "cme",
        "NYMEX": "cme",
        "COMEX": "cme",
        "CFE": "cme",
    }
)
_BY_TYPE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CASH": "forex",
        "CMDTY": "metal",
        "CRYPTO": "crypto",
        "BOND": "us bond",
        "BILL": "us bond",
        "OPT": "us option",
        "IND": "us index",
    }
)


def family_of(instrument: Instrument) -> str:
    """Return the name of the hours that an instrument trades in."""
    if instrument.family:
        return instrument.family
    exchange = instrument.primary_exchange or instrument.venue
    if instrument.sec_type in {"CASH", "CMDTY", "CRYPTO"}:
        return _BY_TYPE[instrument.sec_type]
    return _BY_EXCHANGE.get(exchange) or _BY_TYPE.get(instrument.sec_type) or "us stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading day of an exchange; no spans when it is shut."""

    day: date
    zone: str
    trading: tuple[Span, ...]
    liquid: tuple[Span, ...]


@lru_cache(maxsize=8_192)
def session_of(family: str, day: date) -> Session:
    """Return a trading day."""
    hours = FAMILIES[family]
    shut = not hours.every_day and (
        day.weekday() >= _SATURDAY or day in closed_days(hours.calendar, day.year)
    )
    if shut:
        return Session(day=day, zone=hours.zone, trading=(), liquid=())
    is_half = bool(hours.early) and day in half_days(hours.calendar, day.year)
    return Session(
        day=day,
        zone=hours.zone,
        trading=_spans(hours.early if is_half else hours.trading, hours.zone, day),
        liquid=_spans(hours.early_liquid if is_half else hours.liquid, hours.zone, day),
    )


def sessions(instrument: Instrument, first: date, last: date) -> Iterator[Session]:
    """Yield the trading days from one date to another, both included, shut ones too."""
    family = family_of(instrument)
    for number in range((last - first).days + 1):
        yield session_of(family, first + timedelta(days=number))


def phase(instrument: Instrument, at: datetime) -> Phase:
    """Return what an instrument's market does at a moment."""
    for session in _around(instrument, at, before=1, after=1):
        for start, end in session.trading:
            if start <= at < end:
                return _within(session, at)
    return Phase.CLOSED


def next_change(instrument: Instrument, at: datetime) -> datetime:
    """Return when the phase is another; for a market that never closes, the end of its day."""
    edges = sorted(
        edge
        for session in _around(instrument, at, before=1, after=_FAR)
        for span in (*session.trading, *session.liquid)
        for edge in span
        if edge > at
    )
    now = phase(instrument, at)
    return next((edge for edge in edges if phase(instrument, edge) is not now), edges[0])


def hours_text(
    instrument: Instrument, at: datetime, *, liquid: bool = False, days: int = _HOURS_DAYS
) -> str:
    """Write hours from a day on, as `20261118:0400-20261118:2000;20261121:CLOSED`."""
    zone = ZoneInfo(FAMILIES[family_of(instrument)].zone)
    today = at.astimezone(zone).date()
    texts: list[str] = []
    for session in sessions(instrument, today, today + timedelta(days=days - 1)):
        spans = session.liquid if liquid else session.trading
        texts.extend(
            f"{start.astimezone(zone):%Y%m%d:%H%M}-{end.astimezone(zone):%Y%m%d:%H%M}"
            for start, end in spans
        )
        if not spans:
            texts.append(f"{session.day:%Y%m%d}:CLOSED")
    return ";".join(texts)


def schedule(
    instrument: Instrument, start: datetime, end: datetime, *, regular: bool
) -> tuple[Session, ...]:
    """Return the trading days that have hours within an interval, oldest first."""
    zone = ZoneInfo(FAMILIES[family_of(instrument)].zone)
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    return tuple(
        session
        for session in sessions(instrument, first, last + timedelta(days=1))
        for spans in (session.liquid if regular else session.trading,)
        if spans and spans[0][0] < end and spans[-1][1] > start
    )


def _around(instrument: Instrument, at: datetime, *, before: int, after: int) -> Iterator[Session]:
    family = family_of(instrument)
    today = at.astimezone(ZoneInfo(FAMILIES[family].zone)).date()
    for number in range(-before, after + 1):
        yield session_of(family, today + timedelta(days=number))


def _within(session: Session, at: datetime) -> Phase:
    if any(start <= at < end for start, end in session.liquid):
        return Phase.REGULAR
    return Phase.PRE if session.liquid and at < session.liquid[0][0] else Phase.POST


def _spans(text: str, zone: str, day: date) -> tuple[Span, ...]:
    place = ZoneInfo(zone)
    found = []
    for part in text.split(","):
        is_before = part.startswith("-")
        opens, closes = part.removeprefix("-").split("-")
        start = _clock(day - timedelta(days=is_before), opens, place)
        found.append((start, _clock(day, closes, place)))
    return tuple(found)


def _clock(day: date, text: str, zone: ZoneInfo) -> datetime:
    if text == "2400":
        day, text = day + timedelta(days=1), "0000"
    local = datetime.combine(day, time(int(text[:2]), int(text[2:])), tzinfo=zone)
    return local.astimezone(UTC)
