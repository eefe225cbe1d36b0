"""
When a contract trades, read from the hours as IB writes them; pure.

The text is `20260304:0930-20260304:1600;20260305:CLOSED`, in the zone of the exchange. Older forms
are read too: `20260304:0930-1600`, and several sessions of a day `20260304:0900-1130,1300-1500`
(TWS API reference, contract details). What cannot be read is named in `problems` and leaves the
rest as it is. Whatever lies outside of the days that the text speaks of is not known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from ibkr_connector.gateway.times import zone
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.record import Record

__all__ = ["Stretch", "TradingHours", "TradingSession", "hours_of", "is_open", "read_hours"]

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)

_DAY: Final = re.compile(r"(\d{8}):(.+)", re.ASCII)
_SPAN: Final = re.compile(r"(?:(\d{8}):)?(\d{4})-(?:(\d{8}):)?(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSession(Record):
    """
    One stretch of trading; `start` is the first moment of it and `end` the first after it, UTC.

    `day` is the trading day that it belongs to: the exchange's own date at its end, so that Sunday
    evening belongs to Monday.
    """

    day: date
    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """How long it lasts, on the clock that knows no summer time."""
        return self.end - self.start


class Stretch(NamedTuple):
    """A time from `start` up to `end` in which trading is open, or is not, or nobody knows."""

    start: datetime
    end: datetime
    is_open: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingHours(Record):
    """
    The sessions that a text tells, oldest first, and the days that it speaks of.

    Args:
        zone: The exchange's own zone.
        sessions: In UTC; none overlaps another.
        closed: Days that are said to have no session.
        first: The first moment that the text speaks of; `None` when it says nothing.
        until: The first moment that it does not speak of any more.
        problems: The parts that could not be read.
    """

    zone: tzinfo
    sessions: tuple[TradingSession, ...] = ()
    closed: frozenset[date] = frozenset()
    first: datetime | None = None
    until: datetime | None = None
    problems: tuple[str, ...] = ()

    def knows(self, at: datetime) -> bool:
        """Tell whether the text speaks of a moment."""
        return self.first is not None and self.until is not None and self.first <= at < self.until

    def session_at(self, at: datetime) -> TradingSession | None:
        """Return the session that a moment lies in."""
        return next((one for one in self.sessions if one.start <= at < one.end), None)

    def is_open(self, at: datetime) -> bool | None:
        """Tell whether a moment lies in a session; `None` when the text does not reach it."""
        if self.session_at(at) is not None:
            return True
        return False if self.knows(at) else None

    def stretch_at(self, at: datetime) -> Stretch:
        """Return what `is_open` says of a moment, with the time around it of which it says so."""
        ends = [self.first, self.until]
        for one in self.sessions:
            ends += (one.start, one.end)
        known = [end for end in ends if end is not None]
        return Stretch(
            start=max((end for end in known if end <= at), default=_NEVER),
            end=min((end for end in known if end > at), default=_ALWAYS),
            is_open=self.is_open(at),
        )

    def next_open(self, at: datetime) -> datetime | None:
        """
        Return when trading begins next, after a moment; `None` when that is not known.

        A session that begins as another ends does not begin trading.
        """
        ends = {one.end for one in self.sessions}
        starts = (one.start for one in self.sessions if one.start not in ends)
        return self._known(at, next((start for start in starts if start > at), None))

    def next_close(self, at: datetime) -> datetime | None:
        """Return when trading ends next, after a moment; `None` when that is not known."""
        starts = {one.start for one in self.sessions}
        ends = (one.end for one in self.sessions if one.end not in starts)
        found = self._known(at, next((end for end in ends if end > at), None))
        # what goes on at the end of the text may go on after it: around the clock it does
        goes_on = found is not None and found == self.until
        return None if goes_on and not self._ends_daily() else found

    def days(self) -> tuple[date, ...]:
        """Return the trading days, those without a session left out."""
        return tuple(dict.fromkeys(one.day for one in self.sessions))

    def sessions_on(self, day: date) -> tuple[TradingSession, ...]:
        """Return the sessions of a trading day."""
        return tuple(one for one in self.sessions if one.day == day)

    def short_days(self) -> tuple[date, ...]:
        """
        Return the days that end sooner than most: the half days before holidays.

        Empty while the text tells of fewer than three days, since then nothing is usual.
        """
        ends = {one.day: one.end.astimezone(self.zone).time() for one in self.sessions}
        if len(ends) < 3:
            return ()
        usual, count = Counter(ends.values()).most_common(1)[0]
        if count * 2 <= len(ends):
            return ()
        midnight = not any((usual.hour, usual.minute))
        return tuple(day for day, end in ends.items() if end != usual and (midnight or end < usual))

    def _known(self, at: datetime, found: datetime | None) -> datetime | None:
        # between a moment before the text and its first session there may be others
        return found if self.knows(at) or self.session_at(at) is not None else None

    def _ends_daily(self) -> bool:
        return any(
            later.start > earlier.end
            for earlier, later in zip(self.sessions, self.sessions[1:], strict=False)
        )


@lru_cache(maxsize=1024)
def read_hours(text: str, place: tzinfo) -> TradingHours:
    """Read a text; every order in a contract asks, and it stays the same for half a day."""
    spans: list[TradingSession] = []
    closed: set[date] = set()
    problems: list[str] = []
    last: date | None = None
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = _DAY.fullmatch(part)
        day = _date(match[1]) if match else None
        if match is None or day is None:
            problems.append(part)
            continue
        last = max(last or day, day)
        if match[2].strip().upper() == "CLOSED":
            closed.add(day)
            continue
        for piece in match[2].split(","):
            if (session := _session(piece.strip(), day, place)) is None:
                problems.append(f"{day:%Y%m%d}:{piece.strip()}")
            else:
                spans.append(session)
                last = max(last, session.day)
    sessions = tuple(_apart(sorted(spans, key=lambda one: (one.start, one.end))))
    starts = [_midnight(day, place) for day in closed] + [one.start for one in sessions]
    ends = [_midnight(day + timedelta(days=1), place) for day in closed]
    # a day with a session is told whole; a last session that crosses midnight ends what is told
    ends += [
        one.end if one.start.astimezone(place).date() != one.day else _day_after(one, place)
        for one in sessions
    ]
    first = min(starts, default=None)
    if first is not None:
        first = min(first, _midnight(first.astimezone(place).date(), place))
    return TradingHours(
        zone=place,
        sessions=sessions,
        closed=frozenset(closed - {one.day for one in sessions}),
        first=first,
        until=max(ends, default=None),
        problems=tuple(problems),
    )


def hours_of(details: ContractDetails, *, regular: bool = True) -> TradingHours:
    """
    Return when a contract trades: in the regular sessions, or in all of them.

    Raises:
        BadTimeError: Nobody knows the zone of its exchange.
    """
    text = details.liquid_hours if regular else details.trading_hours
    return read_hours(text, zone(details.time_zone_id))


def is_open(hours: str, place: tzinfo, now: datetime) -> bool | None:
    """Tell whether a moment is inside one of the sessions; `None` when the text ends sooner."""
    return read_hours(hours, place).is_open(now)


def _session(piece: str, day: date, place: tzinfo) -> TradingSession | None:
    match = _SPAN.fullmatch(piece)
    if match is None:
        return None
    from_day = _date(match[1]) if match[1] else day
    to_day = _date(match[3]) if match[3] else from_day
    if from_day is None or to_day is None:
        return None
    start, end = _moment(from_day, match[2], place), _moment(to_day, match[4], place)
    if start is not None and end is not None and end <= start and not match[3]:
        # a time without a date that is not after the beginning is of the next day
        end = _moment(to_day + timedelta(days=1), match[4], place)
    if start is None or end is None or end <= start:
        return None
    # a session that ends at midnight belongs to the day that it was
    ends_on = (end - timedelta(microseconds=1)).astimezone(place).date()
    return TradingSession(day=ends_on, start=start, end=end)


def _apart(sessions: list[TradingSession]) -> Iterator[TradingSession]:
    """Yield the sessions, one for each of those that overlap."""
    held: TradingSession | None = None
    for one in sessions:
        if held is None or one.start >= held.end:
            if held is not None:
                yield held
            held = one
        elif one.end > held.end:
            held = TradingSession(day=one.day, start=held.start, end=one.end)
    if held is not None:
        yield held


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _moment(day: date, clock: str, place: tzinfo) -> datetime | None:
    hour, minute = int(clock[:2]), int(clock[2:])
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return None
    # an end at 24:00 is the next day's midnight
    local = datetime(day.year, day.month, day.day, tzinfo=place)
    return (local + timedelta(hours=hour, minutes=minute)).astimezone(UTC)


def _midnight(day: date, place: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=place).astimezone(UTC)


def _day_after(session: TradingSession, place: tzinfo) -> datetime:
    return max(session.end, _midnight(session.day + timedelta(days=1), place))
