"""
Bars of the past, cut out of a tape: the same prices that the quotes of that time had.

Bars shorter than a day stand on the local clock of the exchange; where a session begins between two
marks, its first bar is short. Day bars are trading days, week bars begin on Monday, month bars on
the first, and carry the date of their last trading day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from .contract import Instrument
from .prices import Swing, Tape
from .sessions import FAMILIES, Span, family_of, session_of
from .shown import NOT_BARS, Shown, show

__all__ = ["BAR_SIZES", "DURATION_UNITS", "HistoricalBar", "bars", "begin_of", "is_dated", "merge"]

BAR_SIZES: Final[Mapping[str, timedelta]] = MappingProxyType(
    # IB campus: valid bar sizes; a month has as many days as it has
    {
        "1 secs": timedelta(seconds=1),
        "5 secs": timedelta(seconds=5),
        "10 secs": timedelta(seconds=10),
        "15 secs": timedelta(seconds=15),
        "30 secs": timedelta(seconds=30),
        "1 min": timedelta(minutes=1),
        "2 mins": timedelta(minutes=2),
        "3 mins": timedelta(minutes=3),
        "5 mins": timedelta(minutes=5),
        "10 mins": timedelta(minutes=10),
        "15 mins": timedelta(minutes=15),
        "20 mins": timedelta(minutes=20),
        "30 mins": timedelta(minutes=30),
        "1 hour": timedelta(hours=1),
        "2 hours": timedelta(hours=2),
        "3 hours": timedelta(hours=3),
        "4 hours": timedelta(hours=4),
        "8 hours": timedelta(hours=8),
        "1 day": timedelta(days=1),
        "1 week": timedelta(days=7),
        "1 month": timedelta(days=31),
    }
)

DURATION_UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "S": timedelta(seconds=1),
        "D": timedelta(days=1),
        "W": timedelta(days=7),
        "M": timedelta(days=30),
        "Y": timedelta(days=365),
    }
)

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_LOOK_BACK: Final = 4
"""Calendar days looked through for each trading day that is asked for, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalBar:
    """
    One bar; `volume`, `average` and `count` are `None` for what has no trades.

    `start` is where its interval begins; for day, week and month bars midnight in UTC of the first
    day. `day` is the date that such a bar carries.
    """

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    average: Decimal | None
    count: int | None
    day: date | None = None


def is_dated(bar_size: str) -> bool:
    """Tell whether bars of this size carry a date instead of a time."""
    return BAR_SIZES[bar_size] >= _DAY


def bars(
    tape: Tape,
    instrument: Instrument,
    *,
    start: datetime,
    end: datetime,
    bar_size: str,
    what_to_show: str,
    regular: bool = False,
    sessions: bool = False,
) -> Iterator[HistoricalBar]:
    """
    Yield the bars that begin within the interval, oldest first, the unfinished one last.

    Args:
        tape: Where prices come from.
        instrument: Of what.
        start: The first moment at which a bar may begin.
        end: Nothing from then on is in a bar.
        bar_size: A key of `BAR_SIZES`.
        what_to_show: IB's word; nothing is yielded for `SCHEDULE`, which is no bars.
        regular: Only regular trading hours.
        sessions: Whether markets close; if they do not, all hours are trading hours.
    """
    if what_to_show in NOT_BARS:
        return
    hours = _Hours(instrument, regular=regular, sessions=sessions)
    pieces = (
        _dated(hours, (start, end), bar_size)
        if is_dated(bar_size)
        else _timed(hours, (start, end), BAR_SIZES[bar_size])
    )
    for begin, spans, day in pieces:
        parts = (
            tape.swing(instrument, opens, min(closes, end))
            for opens, closes in spans
            if opens < end
        )
        swing = merge(part for part in parts if part is not None)
        if swing is not None:
            shown = show(tape, instrument, swing, what_to_show, span=(begin, spans[-1][1]))
            yield _bar(shown, begin, day)


def begin_of(  # noqa: PLR0917
    instrument: Instrument,
    end: datetime,
    count: int,
    unit: str,
    *,
    regular: bool = False,
    sessions: bool = False,
) -> datetime:
    """
    Return when a duration before a moment begins.

    Days are trading days, the one that is going on among them, where the market has sessions or
    only regular hours are wanted; months and years are those of the calendar.
    """
    match unit:
        case "D" if regular or sessions:
            return _trading_days_back(
                _Hours(instrument, regular=regular, sessions=sessions), end, count
            )
        case "M":
            return _months_back(end, count)
        case "Y":
            return _months_back(end, 12 * count)
        case _:
            return end - count * DURATION_UNITS[unit]


def merge(parts: Iterable[Swing]) -> Swing | None:
    """Return the swing of several intervals taken together, oldest first; `None` of nothing."""
    known = list(parts)
    if len(known) <= 1:
        return known[0] if known else None
    return Swing(
        open=known[0].open,
        high=max(part.high for part in known),
        low=min(part.low for part in known),
        close=known[-1].close,
        volume=sum((part.volume for part in known), Decimal(0)),
        count=sum(part.count for part in known),
    )


_Piece = tuple[datetime, tuple[Span, ...], date | None]
"""Where a bar begins, the spans that are in it, and the date that it carries."""


class _Hours:
    """The hours that count for bars of an instrument."""

    def __init__(self, instrument: Instrument, *, regular: bool, sessions: bool) -> None:
        self.family = family_of(instrument)
        self._regular = regular
        self.is_cut = regular or sessions
        self.zone = ZoneInfo(FAMILIES[self.family].zone)
        self._every_day = FAMILIES[self.family].every_day

    def of(self, day: date) -> tuple[Span, ...]:
        """Return the spans of a trading day; none when it is shut."""
        if self.is_cut:
            session = session_of(self.family, day)
            return session.liquid if self._regular else session.trading
        if day.weekday() >= _SATURDAY and not self._every_day:
            return ()
        return ((_midnight(day), _midnight(day + _DAY)),)


def _timed(hours: _Hours, span: Span, size: timedelta) -> Iterator[_Piece]:
    start, end = span
    for opens, closes in _open_spans(hours, start, end):
        begin = max(opens, _mark(hours, start, size)) if opens < start else opens
        while begin < closes:
            after = min(_mark(hours, begin + timedelta(microseconds=1), size), closes)
            yield begin, ((begin, after),), None
            begin = after


def _open_spans(hours: _Hours, start: datetime, end: datetime) -> Iterator[Span]:
    if not hours.is_cut:
        yield start - timedelta(microseconds=1), end
        return
    day, last = start.astimezone(hours.zone).date(), end.astimezone(hours.zone).date() + _DAY
    while day <= last:
        for opens, closes in hours.of(day):
            if closes > start and opens < end:
                yield opens, min(closes, end)
        day += _DAY


def _mark(hours: _Hours, moment: datetime, size: timedelta) -> datetime:
    """Return the first mark of the grid at or after a moment, counted from local midnight."""
    if size <= timedelta(hours=1):
        # all zones of the listed exchanges are whole hours away, or the grid is finer than that
        seconds, step = moment.timestamp(), size.total_seconds()
        return datetime.fromtimestamp(-(-seconds // step) * step, UTC)
    midnight = _local_midnight(hours.family, moment.astimezone(hours.zone).date())
    following = _local_midnight(hours.family, moment.astimezone(hours.zone).date() + _DAY)
    steps = -((midnight - moment) // size)
    return min(midnight + steps * size, following)


@lru_cache(maxsize=1_024)
def _local_midnight(family: str, day: date) -> datetime:
    zone = ZoneInfo(FAMILIES[family].zone)
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _dated(hours: _Hours, span: Span, bar_size: str) -> Iterator[_Piece]:
    start, end = span
    last = end.astimezone(UTC).date() + _DAY
    begin = _period(start.astimezone(UTC).date(), bar_size)
    while begin <= last:
        after = _following(begin, bar_size)
        days = (begin + n * _DAY for n in range((after - begin).days))
        open_days = [(day, spans) for day in days if (spans := hours.of(day))]
        spans = tuple(span for _, day_spans in open_days for span in day_spans)
        is_within = _midnight(begin) >= start or (spans and spans[0][0] >= start)
        if spans and is_within and spans[0][0] < end:
            yield (
                _midnight(begin),
                spans,
                max(day for day, day_spans in open_days if day_spans[0][0] < end),
            )
        begin = after


def _period(day: date, bar_size: str) -> date:
    match bar_size:
        case "1 week":
            return day - timedelta(days=day.weekday())
        case "1 month":
            return day.replace(day=1)
        case _:
            return day


def _following(day: date, bar_size: str) -> date:
    if bar_size == "1 month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + BAR_SIZES[bar_size]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _trading_days_back(hours: _Hours, end: datetime, count: int) -> datetime:
    day = end.astimezone(hours.zone).date() + _DAY
    found = end
    for _ in range(count * _LOOK_BACK + 14):
        spans = hours.of(day)
        if spans and spans[0][0] < end:
            count -= 1
            found = spans[0][0]
            if not count:
                break
        day -= _DAY
    return found


def _months_back(end: datetime, count: int) -> datetime:
    year, month = divmod(end.year * 12 + end.month - 1 - count, 12)
    last = ((date(year, month + 1, 28) + timedelta(days=4)).replace(day=1) - _DAY).day
    return end.replace(year=year, month=month + 1, day=min(end.day, last))


def _bar(shown: Shown, start: datetime, day: date | None) -> HistoricalBar:
    return HistoricalBar(
        start=start,
        open=shown.open,
        high=shown.high,
        low=shown.low,
        close=shown.close,
        volume=shown.volume,
        average=shown.average,
        count=shown.count,
        day=day,
    )
