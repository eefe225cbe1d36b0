"""
IB's hours beside a maintained calendar: what disagrees is reported, and nothing is corrected.

IB's own hours are the truth of a contract for the days that they name, about a week. A calendar
knows the holidays of years, and has no idea of the contract. Needs the extra `data`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.record import Record

from .hours import TradingHours, hours_of

__all__ = [
    "CalendarCheck",
    "Disagreement",
    "calendar_days",
    "calendar_of",
    "calendar_sessions",
    "compare_hours",
    "cross_check",
    "same_span",
    "span_text",
    "trading_days",
]

_OF_EXCHANGES: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(
        ("NYSE", "NASDAQ", "ISLAND", "ARCA", "AMEX", "BATS", "IEX", "PINK", "CBOE", "ISE"), "NYSE"
    )
    | {
        "AEB": "XAMS",
        "ASX": "ASX",
        "BVME": "XMIL",
        "CFE": "CFE",
        "COMEX": "CMEGlobex_Metals",
        "EBS": "SIX",
        "EUREX": "EUREX",
        "FWB": "XFRA",
        "IBIS": "XETR",
        "LSE": "LSE",
        "NYMEX": "CMEGlobex_EnergyAndMetals",
        "SBF": "XPAR",
        "SEHK": "HKEX",
        "TSE": "TSX",
        "TSEJ": "JPX",
    }
)
"""Calendars by IB's exchange; those of the Chicago exchanges go by what is traded there."""

_RATES: Final = frozenset({"ZN", "ZB", "ZF", "ZT", "UB", "TN"})
_GRAINS: Final = frozenset({"ZC", "ZS", "ZW", "ZL", "ZM", "KE"})
_CURRENCIES: Final = frozenset({"6E", "6B", "6A", "6C", "6J", "6S", "6N", "M6E"})

_TOLERANCE: Final = timedelta(minutes=1)

Stretch = tuple[datetime, datetime]
"""From the first moment of trading up to the first after it, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement(Record):
    """
    A trading day on which the two do not say the same.

    `ib` and `calendar` are the beginning and the end of trading in UTC; `None` means no trading.
    """

    day: date
    ib: tuple[datetime, datetime] | None
    calendar: tuple[datetime, datetime] | None

    def __str__(self) -> str:
        return f"{self.day}: IB says {span_text(self.ib)}, the calendar {span_text(self.calendar)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCheck(Record):
    """What came of comparing a contract's hours with a calendar."""

    calendar: str
    days: tuple[date, ...]
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether both say the same of every day, of which there is at least one."""
        return bool(self.days) and not self.disagreements


def calendar_of(contract: Contract) -> str | None:
    """Return the name of the calendar of a contract; `None` where none is known to fit."""
    if contract.security_type is SecurityType.FOREX:
        return None
    exchange = contract.primary_exchange or contract.exchange
    if exchange in {"CME", "CBOT"}:
        name = contract.trading_class or contract.symbol
        if name in _RATES:
            return "CBOT_Rate"
        if name in _GRAINS:
            return "CMEGlobex_Grains"
        if name in _CURRENCIES:
            return "CME_Currency"
        return "CME_Equity" if exchange == "CME" else "CBOT_Equity"
    return _OF_EXCHANGES.get(exchange)


def cross_check(details: ContractDetails, *, calendar: str | None = None) -> CalendarCheck:
    """
    Compare a contract's hours with a calendar, day by day. Blocks for up to some seconds.

    Futures are compared by all of their hours, everything else by the regular ones.

    Args:
        details: Of a qualified contract.
        calendar: A name that pandas-market-calendars knows; chosen by the exchange if not given.

    Raises:
        ConfigurationError: The extra is missing, or no calendar has that name or fits.
        BadTimeError: Nobody knows the zone of the contract's exchange.
    """
    name = calendar or calendar_of(details.contract)
    if name is None:
        raise ConfigurationError(
            f"no calendar is known to fit {details.contract}",
            hint="name one, as in calendar='NYSE'",
        )
    regular = details.contract.security_type not in {
        SecurityType.FUTURE,
        SecurityType.CONTINUOUS_FUTURE,
        SecurityType.FUTURE_OPTION,
    }
    return compare_hours(hours_of(details, regular=regular), name)


def calendar_days(
    contract: Contract, start: datetime, end: datetime
) -> dict[date, tuple[Stretch, ...]] | None:
    """
    Return the stretches of trading of each day, by the calendar of a contract's exchange. Blocks.

    A day with a break at noon has two. The days of both ends are whole, and one more at each side.
    `None` means that nobody knows: no calendar is known to fit, or the extra is missing.
    """
    name = calendar_of(contract)
    if name is None:
        return None
    day = timedelta(days=1)
    try:
        return _schedule(name, start.date() - day, end.date() + day)
    except ConfigurationError:
        return None


def calendar_sessions(
    contract: Contract, start: datetime, end: datetime
) -> tuple[Stretch, ...] | None:
    """
    Return from when to when an exchange trades, day by day, as `calendar_days` knows it.

    Those that overlap the span are returned whole, with the breaks in them.
    """
    days = calendar_days(contract, start, end)
    if days is None:
        return None
    spans = ((parts[0][0], parts[-1][1]) for parts in days.values())
    return tuple(span for span in spans if span[1] > start and span[0] < end)


def trading_days(contract: Contract, first: date, last: date) -> frozenset[date] | None:
    """
    Return the days on which a contract's exchange trades, by its calendar. Blocks.

    `None` means that nobody knows: no calendar is known to fit, or the extra is missing.
    """
    name = calendar_of(contract)
    if name is None:
        return None
    try:
        # whole years, so that the next question finds its answer
        return _days_of(name, first.year, last.year)
    except ConfigurationError:
        return None


@lru_cache(maxsize=64)
def _days_of(name: str, first: int, last: int) -> frozenset[date]:
    days = _calendar(name).valid_days(f"{first}-01-01", f"{last}-12-31")
    return frozenset(stamp.date() for stamp in days)


def compare_hours(hours: TradingHours, calendar: str) -> CalendarCheck:
    """
    Compare hours with a calendar of that name, on each day that the hours speak of.

    Raises:
        ConfigurationError: The extra is missing, or no calendar has that name.
    """
    told = sorted({*hours.days(), *hours.closed})
    if not told:
        return CalendarCheck(calendar=calendar, days=())
    days = [told[0] + timedelta(days=count) for count in range((told[-1] - told[0]).days + 1)]
    theirs = _schedule(calendar, days[0], days[-1])
    disagreements = []
    for day in days:
        sessions = hours.sessions_on(day)
        ours = (sessions[0].start, sessions[-1].end) if sessions else None
        parts = theirs.get(day)
        other = (parts[0][0], parts[-1][1]) if parts else None
        if not same_span(ours, other):
            disagreements.append(Disagreement(day=day, ib=ours, calendar=other))
    return CalendarCheck(calendar=calendar, days=tuple(days), disagreements=tuple(disagreements))


def _calendar(name: str) -> Any:
    library = _library()
    try:
        return library.get_calendar(name)
    except (RuntimeError, KeyError, ValueError) as error:
        raise ConfigurationError(
            f"pandas-market-calendars has no calendar {name!r}",
            hint="pandas_market_calendars.get_calendar_names() lists those that it has",
        ) from error


def _schedule(name: str, first: date, last: date) -> dict[date, tuple[Stretch, ...]]:
    rows = _calendar(name).schedule(first.isoformat(), last.isoformat())
    return {row.Index.date(): tuple(_stretches(row)) for row in rows.itertuples()}


def _stretches(row: Any) -> Iterator[Stretch]:
    begins, ends = _utc(row.market_open), _utc(row.market_close)
    rests = [getattr(row, name, None) for name in ("break_start", "break_end")]
    # a calendar with breaks has none of them on a half day, as NaT, which is not itself
    if all(one is not None and one == one for one in rests):  # noqa: PLR0124
        stops, goes_on = map(_utc, rests)
        if begins < stops < goes_on < ends:
            yield begins, stops
            begins = goes_on
    yield begins, ends


def _library() -> Any:
    try:
        return importlib.import_module("pandas_market_calendars")
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "comparing hours with a calendar needs pandas-market-calendars",
            hint="pip install 'ibkr-connector[data]'",
        ) from missing


def _utc(stamp: Any) -> datetime:
    moment: datetime = stamp.to_pydatetime()
    return moment.astimezone(UTC)


def same_span(
    ours: tuple[datetime, datetime] | None, theirs: tuple[datetime, datetime] | None
) -> bool:
    """Tell whether two say the same of a day, to the minute."""
    if ours is None or theirs is None:
        return ours is theirs
    return all(abs(one - other) <= _TOLERANCE for one, other in zip(ours, theirs, strict=True))


def span_text(span: Stretch | None) -> str:
    """Say from when to when."""
    return "closed" if span is None else f"{span[0]:%H:%M}-{span[1]:%H:%M} UTC"
