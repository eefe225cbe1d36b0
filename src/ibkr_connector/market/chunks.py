"""
How a long time is cut into requests that IB allows.

One row for each bar size: how much one request asks for. Where IB's two tables differ the row takes
what both allow. The cuts stand on a grid of their own (whole half hours, weeks from Monday, months,
years, all in UTC), so that whoever asks again, in another process or another year, comes to the
same requests, and what is stored is never asked for in part.

A bar that a request ends in is told in part, as if no more had been traded in it. Where bars may
lie across a cut (of two hours and more: they stand on the clock of the exchange; weeks lie across
New Year) a request ends later than what it is for, and begins earlier; what is beyond is dropped.

Weeks, months and years are those of the calendar. Days are not used: IB counts trading days, and of
a market that trades through the night "1 D" is what has begun, not the day before the end.

Sources: IB campus, valid durations and bar sizes; IB's older page, historical data limitations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from ibkr_connector.model.bars import micros, moment

from .intervals import Span, common, joined
from .spans import LONGEST

__all__ = [
    "BAR_S",
    "STEPS",
    "Chunk",
    "Step",
    "chunks",
    "fits_one_request",
    "on_the_grid",
    "start_of_duration",
]

_SECOND: Final = 1_000_000
_HOUR: Final = 3_600
_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 4 * 86_400
"""1970 began on a Thursday; four days later was the first Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What one request asks for, and the grid of the cuts.

    Args:
        duration: As IB writes it; no shorter than a window and its margin.
        seconds: Of a window, on a grid from the first Monday of 1970; 0 where the calendar's are.
        months: Of a window by the calendar.
        margin_s: How much later than its window a request ends.
    """

    duration: str
    seconds: int = 0
    months: int = 0
    margin_s: int = 0


def _seconds(count: int) -> Step:
    return Step(duration=f"{count} S", seconds=count)


_WEEKLY: Final = Step(duration="1 W", seconds=_WEEK)
_MONTHLY: Final = Step(duration="1 M", months=1)
_ACROSS_HOURS: Final = Step(duration="1 M", seconds=3 * _WEEK, margin_s=_DAY)
_ACROSS_DAYS: Final = Step(duration="1 Y", seconds=51 * _WEEK, margin_s=_WEEK)
_ACROSS_MONTHS: Final = Step(duration="2 Y", months=12, margin_s=_WEEK)

STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        # the older page: 1,800 S for bars from 1 s, 3,600 S from 5 s, 14,400 S from 10 s, 28,800 S
        # from 30 s; the campus allows 2,000 S and 86,400 S
        "1 secs": _seconds(1_800),
        "5 secs": _seconds(3_600),
        **dict.fromkeys(("10 secs", "15 secs"), _seconds(14_400)),
        "30 secs": _seconds(28_800),
        # campus: W for bars of 10 secs to 4 hours. The older page has 1 W from 3 mins on and 1 D
        # below; a week of minutes is seven thousand bars where markets never close
        **dict.fromkeys(
            ("1 min", "2 mins", "3 mins", "5 mins", "10 mins", "15 mins", "20 mins"), _WEEKLY
        ),
        # both pages: M for bars of 30 mins to 8 hours
        **dict.fromkeys(("30 mins", "1 hour"), _MONTHLY),
        **dict.fromkeys(("2 hours", "3 hours", "4 hours", "8 hours"), _ACROSS_HOURS),
        # the older page: Y for bars of 1 day to 1 month; the campus: up to 1 day
        **dict.fromkeys(("1 day", "1 week"), _ACROSS_DAYS),
        "1 month": _ACROSS_MONTHS,
    }
)

BAR_S: Final[Mapping[str, int]] = MappingProxyType(
    {
        **{f"{n} secs": n for n in (1, 5, 10, 15, 30)},
        "1 min": 60,
        **{f"{n} mins": 60 * n for n in (2, 3, 5, 10, 15, 20, 30)},
        "1 hour": 3_600,
        **{f"{n} hours": 3_600 * n for n in (2, 3, 4, 8)},
        "1 day": 86_400,
        "1 week": _WEEK,
        "1 month": 31 * 86_400,
    }
)
"""How long a bar is, a month at its longest, in seconds."""

_FINEST: Final[Mapping[str, int]] = MappingProxyType(
    # campus: the smallest bars of each unit of duration, in seconds
    {"S": 1, "D": 5, "W": 10, "M": 30, "Y": 60}
)
_MOST_BARS: Final = 50_000
"""Bars of one answer, beyond which a request is cut rather than tried; nobody says how many."""

_UNIT_S: Final[Mapping[str, int]] = MappingProxyType(
    {"S": 1, "D": 86_400, "W": _WEEK, "M": 31 * 86_400, "Y": 366 * 86_400}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One request: `duration` back from `end`, for the sake of what is `wanted` of its window."""

    duration: str
    window: Span
    end: int
    wanted: tuple[Span, ...]


def chunks(missing: Iterable[Span], *, bar_size: str) -> list[Chunk]:
    """Cut what is missing into requests, oldest first."""
    step = STEPS[bar_size]
    spans = joined(missing)
    made: list[Chunk] = []
    for start, end in spans:
        for window in _windows(step, start, end):
            if made and made[-1].window == window:
                continue
            wanted = tuple(common([window], spans))
            end_of_request = window[1] + step.margin_s * _SECOND
            made.append(
                Chunk(duration=step.duration, window=window, end=end_of_request, wanted=wanted)
            )
    return made


def on_the_grid(time: datetime, *, bar_size: str) -> datetime:
    """Return the moment at or before a time at which a bar may begin; of long bars, an hour."""
    if BAR_S[bar_size] >= _DAY:
        return time.replace(hour=0, minute=0, second=0, microsecond=0)
    grid = min(BAR_S[bar_size], _HOUR) * _SECOND
    return moment(micros(time) // grid * grid)


def fits_one_request(duration: str, *, bar_size: str) -> bool:
    """Tell whether IB takes a duration with bars of that size as one request."""
    count, unit = duration.split()
    size = BAR_S[bar_size]
    if int(count) > LONGEST[unit]:
        return False
    if unit == "S" and size == 1 and int(count) > 2_000:
        return False
    return size >= _FINEST[unit] and int(count) * _UNIT_S[unit] <= _MOST_BARS * size


def start_of_duration(duration: str, end: datetime) -> datetime:
    """
    Return when a duration before a moment begins, at the latest.

    Of days it is more than enough: IB counts trading days, of which at least four fall into seven.
    """
    count, unit = duration.split()
    number = int(count)
    match unit:
        case "S":
            return end - timedelta(seconds=number)
        case "D":
            return end - timedelta(days=number + 2 * (number // 5 + 1) + number // 20 + 1)
        case "W":
            return end - timedelta(weeks=number)
        case _:
            return _months_back(end, number * (12 if unit == "Y" else 1))


def _windows(step: Step, start: int, end: int) -> Iterator[Span]:
    at = _cut(step, start)
    while at < end:
        after = _next(step, at)
        yield at, after
        at = after


def _cut(step: Step, time: int) -> int:
    if step.seconds:
        grid = step.seconds * _SECOND
        return time - (time - _MONDAY * _SECOND) % grid
    day = moment(time).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return micros(day if step.months == 1 else day.replace(month=1))


def _next(step: Step, cut: int) -> int:
    if step.seconds:
        return cut + step.seconds * _SECOND
    return micros(_months_back(moment(cut), -step.months))


def _months_back(time: datetime, months: int) -> datetime:
    year, month = divmod(time.year * 12 + time.month - 1 - months, 12)
    following = datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC)
    last = (following - timedelta(days=1)).day
    return time.replace(year=year, month=month + 1, day=min(time.day, last))
