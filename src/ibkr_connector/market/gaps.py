"""What a calendar expects of bars and is not there, and where their prices change their scale."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.history import BarGap, GapKind, Session, SplitKind, SplitNote, TimeSpan

from .chunks import BAR_S

__all__ = ["find_gaps", "find_jumps", "restated", "revised"]

_SECOND: Final = 1_000_000
_DAY: Final = 86_400
_HOUR: Final = 3_600 * _SECOND
_RATIOS: Final = tuple(
    sorted(
        {Fraction(n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50)}
        | {Fraction(3, 2)}
        | {Fraction(1, n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50)}
    )
)
"""Ratios of splits and reverse splits that are in use."""

_NEAR: Final = 0.05
"""How far from such a ratio a jump may be: the price moves overnight as well."""

_SAME: Final = 0.002
_EQUAL: Final = 1e-9
"""How far two doubles of one price on the wire may be apart."""


def find_gaps(
    columns: BarColumns,
    sessions: Iterable[Session],
    *,
    bar_size: str,
    within: Sequence[TimeSpan],
) -> tuple[BarGap, ...]:
    """
    Return the bars that are missing in these sessions.

    Of weeks and months nothing is said. A day may have several sessions, parted by breaks.

    Args:
        columns: The bars.
        sessions: What the calendar says.
        bar_size: IB's spelling.
        within: What is looked at; elsewhere nothing is missing.
    """
    size = BAR_S[bar_size]
    if size > _DAY:
        return ()
    gaps: list[BarGap] = []
    if size == _DAY:
        sessions = _whole_days(sessions)
    for session in sorted(sessions, key=lambda one: one.start):
        if size == _DAY:
            gaps.extend(_day_gap(columns, session, within))
            continue
        for part in within:
            start, end = max(session.start, part.start), min(session.end, part.end)
            if start < end:
                gaps.extend(_holes(columns, (micros(start), micros(end)), size * _SECOND))
    return tuple(gaps)


def _whole_days(sessions: Iterable[Session]) -> list[Session]:
    """Put the stretches of each day together."""
    days: dict[date, Session] = {}
    for one in sessions:
        day = days.setdefault(one.day, one)
        days[one.day] = replace(day, start=min(day.start, one.start), end=max(day.end, one.end))
    return list(days.values())


def _day_gap(columns: BarColumns, session: Session, within: Sequence[TimeSpan]) -> Iterator[BarGap]:
    day = datetime(session.day.year, session.day.month, session.day.day, tzinfo=UTC)
    if not any(part.start <= day < part.end for part in within):
        return
    at = bisect_left(columns.timestamp, micros(day))
    if at == len(columns) or columns.timestamp[at] != micros(day):
        yield BarGap(start=session.start, end=session.end, kind=GapKind.SESSION, missing=1)


def _holes(columns: BarColumns, span: tuple[int, int], size: int) -> Iterator[BarGap]:
    start, end = span
    times = columns.timestamp
    first, last = bisect_left(times, start), bisect_left(times, end)
    # after a break the bar that goes on may have begun before it
    reached = max(start, _end_of(times[first - 1], size)) if first else start
    if first == last and reached == start:
        yield _gap(start, end, size=size, kind=GapKind.SESSION)
        return
    for time in times[first:last]:
        if time > reached:
            yield _gap(reached, time, size=size)
        reached = _end_of(time, size)
    if reached < end:
        yield _gap(reached, end, size=size)


def _end_of(time: int, size: int) -> int:
    # where a session begins between two marks its first bar is short: it ends on the next one
    return time - (time % size if size <= _HOUR else 0) + size


def _gap(start: int, end: int, *, size: int, kind: GapKind = GapKind.HOLE) -> BarGap:
    return BarGap(start=moment(start), end=moment(end), kind=kind, missing=-((start - end) // size))


def find_jumps(columns: BarColumns, *, bar_size: str) -> tuple[SplitNote, ...]:
    """Return where the price jumps from one session to the next by a ratio of splits."""
    apart = max(3_600, 2 * BAR_S[bar_size]) if BAR_S[bar_size] < _DAY else 1
    found = []
    times, opens, closes = columns.timestamp, columns.open, columns.close
    for at in range(1, len(columns)):
        before, after = closes[at - 1], opens[at]
        # most bars are told apart by this alone
        if 0.72 < after / before < 1.4 if before > 0 else True:
            continue
        if after <= 0 or times[at] - times[at - 1] < apart * _SECOND:
            continue
        ratio = _ratio(before / after, near=_NEAR)
        if ratio is not None:
            found.append(SplitNote(at=moment(times[at]), ratio=ratio, kind=SplitKind.JUMP))
    return tuple(found)


def restated(stored: BarColumns, told: BarColumns) -> SplitNote | None:
    """Return the ratio between stored bars and those told now of the same times, if it is one."""
    known = dict(zip(stored.timestamp, stored.close, strict=True))
    ratios = [
        known[time] / close
        for time, close in zip(told.timestamp, told.close, strict=True)
        if close > 0 and known.get(time, 0.0) > 0
    ]
    if not ratios or abs(ratios[-1] - 1) < _NEAR:
        return None
    if max(ratios) / min(ratios) > 1 + 5 * _SAME:
        return None
    ratio = _ratio(ratios[-1], near=5 * _SAME)
    if ratio is None:
        return None
    last = max(time for time in told.timestamp if time in known)
    return SplitNote(at=moment(last), ratio=ratio, kind=SplitKind.RESTATED)


def revised(stored: BarColumns, told: BarColumns) -> SplitNote | None:
    """
    Return how stored bars of what IB adjusts differ from those told now; `None` when they do not.

    A split or a dividend changes all that is before it, so any difference says that the past is
    another one.
    """
    known = dict(zip(stored.timestamp, _prices(stored), strict=True))
    other = [
        (time, before, now)
        for time, prices in zip(told.timestamp, _prices(told), strict=True)
        for before, now in zip(known.get(time, prices), prices, strict=True)
        if abs(before - now) > _EQUAL * abs(now)
    ]
    if not other:
        return None
    time, before, now = other[0]
    ratio = Decimal(round(before / now, 6)) if now else Decimal(1)
    return SplitNote(at=moment(time), ratio=round(ratio, 6).normalize(), kind=SplitKind.ADJUSTED)


def _prices(columns: BarColumns) -> Iterator[tuple[float, float, float, float]]:
    """Yield the prices of each bar, the close first."""
    return zip(columns.close, columns.open, columns.high, columns.low, strict=True)


def _ratio(number: float, *, near: float) -> Decimal | None:
    best = min(_RATIOS, key=lambda one: abs(number / float(one) - 1))
    if abs(number / float(best) - 1) > near:
        return None
    return (Decimal(best.numerator) / best.denominator).normalize()
