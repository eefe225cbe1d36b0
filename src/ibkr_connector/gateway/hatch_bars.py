"""
Bars for whoever asks for them at the escape hatch, column by column into ib_async's `BarData`.

Four fifths of the time that ib_async takes for bars goes into their dates. A day, a time of day and
a zone are read once here, as often as they come; dates of other forms are left to ib_async.
"""

# mypy: disallow-untyped-calls=False
# ib_async's functions are not typed.

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from ib_async.objects import BarData
from ib_async.util import parseIBDatetime

__all__ = ["WIDTH", "bar_date", "bars"]

WIDTH: Final = 8
"""Fields of a bar: date, open, high, low, close, volume, average, count."""

_DAYS: Final = 4096
_TIMES: Final = 4096
_NAMED: Final = re.compile(r"(\d{8}) (\d\d:\d\d:\d\d) ([^ ]+)", re.ASCII)


def bar_date(text: str) -> date | datetime:
    """
    Read a date as ib_async reads it.

    Raises:
        ValueError: It is none.
    """
    match = _NAMED.fullmatch(text)
    if match is None:
        return parseIBDatetime(text)
    day, clock, zone = match.groups()
    return datetime.combine(_day(day), _clock(clock), ZoneInfo(zone))


def bars(fields: list[str], count: int) -> list[Any]:
    """
    Read bars, of which there must be as many.

    Raises:
        ValueError: A field is not what it should be.
    """
    end = count * WIDTH
    dates, *prices, counts = (fields[at:end:WIDTH] for at in range(WIDTH))
    figures = [map(float, column) for column in prices]
    return [*map(BarData, map(bar_date, dates), *figures, map(int, counts))]


@lru_cache(_DAYS)
def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


@lru_cache(_TIMES)
def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:5]), int(text[6:]))
