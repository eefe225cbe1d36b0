"""
When bars are expected: IB's schedule, without the breaks that it does not tell, and cross-checked.

IB's schedule is the truth about sessions and tells their ends alone. Where trading rests within a
session, as at noon in Hong Kong and Tokyo, IB's own hours of the contract say so for the days
around today; of other days the same clock is taken, in the zone of the exchange. The calendar of
the exchange (extra `data`) stands in where neither says anything, and is compared with the schedule
where it fits: what both do not say alike is noted, and IB is believed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.times import BadTimeError
from ibkr_connector.instruments.calendars import calendar_days, same_span, span_text
from ibkr_connector.instruments.hours import TradingHours, hours_of
from ibkr_connector.model.contracts import ContractDetails, SecurityType
from ibkr_connector.model.history import Session

from .past import Past

__all__ = ["Break", "Expected", "breaks_of", "expected", "rested", "without_breaks"]

_MOST_NOTES: Final = 20
_DAY: Final = timedelta(days=1)

Break = tuple[time, time]
"""From when to when trading rests, by the clock of the exchange."""

Days = Mapping[date, Sequence[tuple[datetime, datetime]]]
"""The stretches of trading of each day, by a calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """
    What is known of the sessions of a span.

    Args:
        sessions: Stretches of trading; `None` when nobody tells any.
        calendar: Whose they are; why there are none, when there are none.
        notes: Days of which IB and the calendar do not say the same.
    """

    sessions: tuple[Session, ...] | None
    calendar: str
    notes: tuple[str, ...] = ()


async def expected(
    past: Past, details: ContractDetails, *, start: datetime, end: datetime, regular: bool
) -> Expected:
    """Return when trading was expected in a span, of one contract."""
    days = await _calendar_days(details, start, end) if regular else {}
    try:
        told = await past.schedule(
            details.contract, start=start, end=end, regular_hours_only=regular
        )
    except IBKRError as error:
        missing = f"the gateway tells none: {error.message}"
        if not days:
            return Expected(sessions=None, calendar=missing)
        return Expected(
            sessions=tuple(_by_calendar(days, start, end)),
            calendar=f"the exchange's calendar; {missing}",
        )
    return Expected(
        sessions=rested(told, details, days, regular=regular),
        calendar="IB's schedule",
        notes=tuple(_notes(told, days, end)),
    )


def rested(
    sessions: Iterable[Session], details: ContractDetails, days: Days, *, regular: bool
) -> tuple[Session, ...]:
    """Return sessions in the stretches in which there is trading."""
    try:
        hours = hours_of(details, regular=regular)
    except BadTimeError:
        return tuple(sessions)
    if breaks := breaks_of(hours):
        return tuple(without_breaks(sessions, breaks, hours.zone))
    return tuple(
        part for session in sessions for part in _as_in(days.get(session.day, ()), session)
    )


def breaks_of(hours: TradingHours) -> tuple[Break, ...]:
    """Return when trading rests within the days that IB's hours tell of, as on most of them."""
    found: Counter[Break] = Counter()
    days = hours.days()
    for day in days:
        for one, following in pairwise(hours.sessions_on(day)):
            if one.end < following.start:
                rests = (one.end, following.start)
                first, last = (moment.astimezone(hours.zone).time() for moment in rests)
                found[first, last] += 1
    return tuple(sorted(one for one, count in found.items() if count * 2 > len(days)))


def without_breaks(
    sessions: Iterable[Session], breaks: Sequence[Break], place: tzinfo
) -> Iterator[Session]:
    """Cut sessions where they go over a break; one that ends before it, a half day, stays whole."""
    for session in sessions:
        at = session.start
        for begins, ends in sorted(_on(session, breaks, place)):
            if at < begins and ends < session.end:
                yield replace(session, start=at, end=begins)
                at = ends
        yield replace(session, start=at)


def _on(
    session: Session, breaks: Sequence[Break], place: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    day = session.start.astimezone(place).date()
    last = session.end.astimezone(place).date()
    while day <= last:
        for first, second in breaks:
            begins = datetime.combine(day, first, place)
            ends = datetime.combine(day if first < second else day + _DAY, second, place)
            yield begins.astimezone(UTC), ends.astimezone(UTC)
        day += _DAY


def _as_in(stretches: Sequence[tuple[datetime, datetime]], session: Session) -> Iterator[Session]:
    """Cut one session as a calendar does, if it knows of breaks within it."""
    at = session.start
    for (_, begins), (ends, _) in pairwise(stretches):
        if at < begins < ends < session.end:
            yield replace(session, start=at, end=begins)
            at = ends
    yield replace(session, start=at)


async def _calendar_days(details: ContractDetails, start: datetime, end: datetime) -> Days:
    """Return what the calendar of a stock's exchange says; nothing where none is known to fit."""
    if details.contract.security_type is not SecurityType.STOCK:
        return {}
    found = await asyncio.to_thread(calendar_days, details.contract, start, end)
    return found or {}


def _by_calendar(days: Days, start: datetime, end: datetime) -> Iterator[Session]:
    for day, stretches in sorted(days.items()):
        for first, last in stretches:
            if last > start and first < end:
                yield Session(start=first, end=last, day=day)


def _notes(told: Sequence[Session], days: Days, end: datetime) -> Iterator[str]:
    """Say where the two differ, on the days from the first to the last of which IB speaks."""
    if not told or not days:
        return
    ours: dict[date, tuple[datetime, datetime]] = {}
    for one in told:
        first, last = ours.get(one.day, (one.start, one.end))
        ours[one.day] = (min(first, one.start), max(last, one.end))
    theirs = {day: (parts[0][0], parts[-1][1]) for day, parts in days.items() if parts}
    first_day, last_day = min(ours), max(ours)
    differ = [
        day
        for day in sorted({*ours, *theirs})
        if first_day <= day <= last_day
        and not same_span(ours.get(day), theirs.get(day))
        # what is not over yet may be told up to now
        and theirs.get(day, (end, end))[1] <= end
    ]
    for day in differ[:_MOST_NOTES]:
        ib, calendar = span_text(ours.get(day)), span_text(theirs.get(day))
        yield f"{day}: IB says {ib}, the calendar {calendar}"
    if len(differ) > _MOST_NOTES:
        yield f"and {len(differ) - _MOST_NOTES} more days"
