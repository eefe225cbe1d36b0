"""
Days on which exchanges are shut or close early, by rule and not by a list of years.

The rules are those that the exchanges publish. *limit*: days that were declared once (mourning,
storms) and moves of a rule in single years are not known; nor are calendars that follow the moon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

__all__ = ["CALENDARS", "closed_days", "easter", "half_days", "nth_weekday"]

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
_DAY: Final = timedelta(days=1)


def easter(year: int) -> date:
    """Return Easter Sunday (the anonymous Gregorian rule)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leaps, odd = divmod(century, 4)
    moved = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - moved + 15) % 30
    quarter, left = divmod(rest, 4)
    weekday = (32 + 2 * odd + 2 * quarter - epact - left) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def nth_weekday(year: int, month: int, weekday: int, *, number: int) -> date:
    """Return the n-th weekday of a month; -1 is the last."""
    if number > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
    after = date(year + month // 12, month % 12 + 1, 1) - _DAY
    return after - timedelta(days=(after.weekday() - weekday) % 7)


@lru_cache(maxsize=1_024)
def closed_days(calendar: str, year: int) -> frozenset[date]:
    """Return the days of a year on which a calendar's exchanges do not open, weekends aside."""
    closed, _ = CALENDARS[calendar]
    return frozenset(day for day in closed(year) if day.weekday() < SATURDAY)


@lru_cache(maxsize=1_024)
def half_days(calendar: str, year: int) -> frozenset[date]:
    """Return the days of a year on which a calendar's exchanges close early."""
    _, halved = CALENDARS[calendar]
    shut = closed_days(calendar, year)
    return frozenset(day for day in halved(year) if day.weekday() < SATURDAY and day not in shut)


# --- United States ------------------------------------------------------------------------------


def _observed(day: date) -> date:
    """Return the Friday before a Saturday and the Monday after a Sunday."""
    if day.weekday() == SATURDAY:
        return day - _DAY
    return day + _DAY if day.weekday() == SUNDAY else day


def _new_york(year: int) -> Iterator[date]:
    new_year = date(year, 1, 1)
    if new_year.weekday() != SATURDAY:  # a Saturday is not made up for (NYSE rule 7.2)
        yield _observed(new_year)
    yield from _american_mondays(year)
    yield easter(year) - 2 * _DAY
    if year >= 2022:
        yield _observed(date(year, 6, 19))
    yield _observed(date(year, 7, 4))
    yield nth_weekday(year, 11, THURSDAY, number=4)
    yield _observed(date(year, 12, 25))


def _american_mondays(year: int) -> Iterator[date]:
    if year >= 1998:
        yield nth_weekday(year, 1, MONDAY, number=3)
    yield nth_weekday(year, 2, MONDAY, number=3)
    yield nth_weekday(year, 5, MONDAY, number=-1)
    yield nth_weekday(year, 9, MONDAY, number=1)


def _new_york_early(year: int) -> Iterator[date]:
    yield nth_weekday(year, 11, THURSDAY, number=4) + _DAY
    for month, number in ((7, 3), (12, 24)):
        eve = date(year, month, number)
        if eve.weekday() < FRIDAY:
            yield eve


def _chicago(year: int) -> Iterator[date]:
    new_year, christmas = date(year, 1, 1), date(year, 12, 25)
    yield new_year + _DAY if new_year.weekday() == SUNDAY else new_year
    yield easter(year) - 2 * _DAY
    yield _observed(christmas)


def _chicago_early(year: int) -> Iterator[date]:
    yield from (day for day in _new_york(year) if day not in set(_chicago(year)))
    yield from _new_york_early(year)


# --- elsewhere ----------------------------------------------------------------------------------


def _turn_of_year(year: int) -> Iterator[date]:
    yield from (date(year, 1, 1), date(year, 12, 25))


def _never(year: int) -> Iterator[date]:
    yield from ()


def _british(year: int) -> Iterator[date]:
    new_year = date(year, 1, 1)
    yield new_year + max(0, 7 - new_year.weekday()) * _DAY if new_year.weekday() > 4 else new_year
    yield easter(year) - 2 * _DAY
    yield easter(year) + _DAY
    yield nth_weekday(year, 5, MONDAY, number=1)
    yield nth_weekday(year, 5, MONDAY, number=-1)
    yield nth_weekday(year, 8, MONDAY, number=-1)
    yield from _christmas_and_boxing(year)


def _christmas_and_boxing(year: int) -> Iterator[date]:
    """Yield both, or the next working days when they fall on a weekend."""
    match date(year, 12, 25).weekday():
        case 4:  # Boxing Day is on a Saturday
            yield from (date(year, 12, 25), date(year, 12, 28))
        case 5:
            yield from (date(year, 12, 27), date(year, 12, 28))
        case 6:
            yield from (date(year, 12, 26), date(year, 12, 27))
        case _:
            yield from (date(year, 12, 25), date(year, 12, 26))


def _eves(year: int) -> Iterator[date]:
    yield from (date(year, 12, 24), date(year, 12, 31))


def _christmas_eve(year: int) -> Iterator[date]:
    yield date(year, 12, 24)


def _german(year: int) -> Iterator[date]:
    yield date(year, 1, 1)
    yield easter(year) - 2 * _DAY
    yield easter(year) + _DAY
    yield date(year, 5, 1)
    yield from (date(year, 12, day) for day in (24, 25, 26, 31))


def _canadian(year: int) -> Iterator[date]:
    new_year = date(year, 1, 1)
    yield new_year + (7 - new_year.weekday()) * _DAY if new_year.weekday() > 4 else new_year
    yield nth_weekday(year, 2, MONDAY, number=3)
    yield easter(year) - 2 * _DAY
    victoria = date(year, 5, 24)
    yield victoria - victoria.weekday() * _DAY
    confederation = date(year, 7, 1)
    late = confederation.weekday()
    yield confederation + (7 - late) * _DAY if late > 4 else confederation
    yield nth_weekday(year, 8, MONDAY, number=1)
    yield nth_weekday(year, 9, MONDAY, number=1)
    yield nth_weekday(year, 10, MONDAY, number=2)
    yield from _christmas_and_boxing(year)


def _japanese(year: int) -> Iterator[date]:
    named = {
        date(year, 1, 1),
        nth_weekday(year, 1, MONDAY, number=2),
        date(year, 2, 11),
        date(year, 2, 23),
        date(year, 3, _equinox(year, 20.8431)),
        date(year, 4, 29),
        *(date(year, 5, day) for day in (3, 4, 5)),
        nth_weekday(year, 7, MONDAY, number=3),
        date(year, 8, 11),
        nth_weekday(year, 9, MONDAY, number=3),
        date(year, 9, _equinox(year, 23.2488)),
        nth_weekday(year, 10, MONDAY, number=2),
        date(year, 11, 3),
        date(year, 11, 23),
    }
    yield from named
    for day in sorted(named):
        if day.weekday() == SUNDAY:
            instead = day + _DAY
            while instead in named:
                instead += _DAY
            yield instead
        # a day between two holidays is one
        between = day + _DAY
        if between not in named and between + _DAY in named and between.weekday() < SATURDAY:
            yield between
    yield from (date(year, 1, 2), date(year, 1, 3), date(year, 12, 31))


def _equinox(year: int, of_1980: float) -> int:
    """Return the day of an equinox in Japan, good from 1980 to 2099."""
    return int(of_1980 + 0.242194 * (year - 1980) - (year - 1980) // 4)


Rule = Callable[[int], Iterator[date]]
"""Gives the days of a year."""

CALENDARS: Final[Mapping[str, tuple[Rule, Rule]]] = MappingProxyType(
    # name: closed, closing early
    {
        "none": (_never, _never),
        "new york": (_new_york, _new_york_early),
        "chicago": (_chicago, _chicago_early),
        "turn of year": (_turn_of_year, _never),
        "london": (_british, _eves),
        "frankfurt": (_german, _never),
        "toronto": (_canadian, _christmas_eve),
        "tokyo": (_japanese, _never),
    }
)
