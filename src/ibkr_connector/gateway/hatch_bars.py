"""
Bars for whoever asks for them at the escape hatch, column by column into ib_async's `BarData`.

Four fifths of the time that ib_async takes for bars goes into their dates. Here numbers are read a
column at once from the bytes of the message, and a day, a time of day and a zone once, as often as
they come; dates of other forms are left to ib_async.
"""

# mypy: disallow-untyped-calls=False
# ib_async's functions are not typed.

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from ib_async.objects import BarData
from ib_async.util import parseIBDatetime

if TYPE_CHECKING:
    from .wire_numbers import Table, Wholes

__all__ = ["WIDTH", "bar_date", "bars", "bars_of_payload"]

WIDTH: Final = 8
"""Fields of a bar: date, open, high, low, close, volume, average, count."""

_DAYS: Final = 4096
_TIMES: Final = 4096
_ZONES: Final = 64
_NAMED: Final = re.compile(r"(\d{8}) (\d\d:\d\d:\d\d) ([^ ]+)", re.ASCII)
_DAY: Final = re.compile(r"\d{8} ", re.ASCII)
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d", re.ASCII)
_ZONE: Final = re.compile(r" [^ ]+", re.ASCII)
_LEAST_EPOCH: Final = 10**8
"""Seconds since 1970 have at least so many digits, and dates fewer."""


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


def bars_of_payload(payload: bytes, start: int, count: int) -> list[Any] | None:
    """
    Read the bars of a message, of which the first begins at `start`; `None` when they are not all
    plain numbers with a usual date.

    Raises:
        ValueError, KeyError, OSError: A date, or a zone, is none; or there are too few fields.
    """
    if count < 1:
        return None
    # numpy takes a tenth of a second to import, and who asks for no bars needs none
    from .wire_numbers import Table, decimals, wholes  # noqa: PLC0415

    table = Table(payload, start=start, width=WIDTH, count=count)
    counts = wholes(table, WIDTH - 1)
    prices = [decimals(table, number) for number in range(1, WIDTH - 1)]
    dates = _dates(table, wholes(table, 0))
    if counts is None or dates is None:
        return None
    columns = [column.tolist() for column in prices if column is not None]
    if len(columns) < len(prices):
        return None
    return list(map(BarData, dates, *columns, counts.tolist()))


def _dates(table: Table, seconds: Wholes | None) -> Iterable[date | datetime] | None:
    if seconds is not None:
        if int(seconds.min()) < _LEAST_EPOCH:
            return None
        return list(map(datetime.fromtimestamp, seconds.tolist(), repeat(UTC)))
    texts = table.texts(0)
    try:
        return list(
            map(
                datetime.combine,
                map(_day_of, [text[:9] for text in texts]),
                map(_clock_of, [text[9:17] for text in texts]),
                map(_zone_of, [text[17:] for text in texts]),
            )
        )
    except ValueError:
        # another form: ib_async knows more of them
        return None


@lru_cache(_DAYS)
def _day_of(text: str) -> date:
    if _DAY.fullmatch(text) is None:
        raise ValueError(text)
    return _day(text)


@lru_cache(_TIMES)
def _clock_of(text: str) -> time:
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(text)
    return _clock(text)


@lru_cache(_ZONES)
def _zone_of(text: str) -> ZoneInfo:
    if _ZONE.fullmatch(text) is None:
        raise ValueError(text)
    return ZoneInfo(text[1:])


@lru_cache(_DAYS)
def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


@lru_cache(_TIMES)
def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:5]), int(text[6:]))
