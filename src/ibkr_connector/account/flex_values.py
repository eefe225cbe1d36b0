"""
Numbers, days and times as Flex queries write them.

Owns: which forms are read. A query chooses its own; those of which day and month may be swapped
(`03/04/2026`) are refused rather than guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibkr_connector.errors import ConfigurationError

__all__ = ["DateForms", "read_date", "read_moment", "read_number", "read_whole"]

_DAY: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2}|\d{8})(?:\s*[;,T ]\s*|(?=\d{6}\b))"
    r"(?P<clock>\d{2}:?\d{2}:?\d{2})(?:\.\d+)?\s*(?P<zone>Z|[A-Z]{3,4}|[+-]\d{2}:?\d{2})?"
)
_NAMED: Final = {"Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class DateForms:
    """In which time zone times without one are."""

    zone: str
    info: tzinfo

    @classmethod
    def of(cls, zone: str) -> DateForms:
        """
        Return those of a zone by its name.

        Raises:
            ConfigurationError: There is none of this name.
        """
        try:
            return cls(zone, ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigurationError(
                f"there is no time zone {zone!r}", hint="write it as in America/New_York"
            ) from error


def read_number(text: str) -> Decimal:
    """Return a number; `ValueError` when it is none or not finite."""
    try:
        number = Decimal(text.replace(",", "")) if len(text) <= _LONGEST else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise ValueError("that is no number")
    return number


def read_whole(text: str) -> int:
    """Return a whole number; `ValueError` when it is none."""
    number = read_number(text)
    if number != int(number):
        raise ValueError("that is no whole number")
    return int(number)


def read_date(text: str, forms: DateForms) -> date:
    """Return the day that a day or a time names; that of a time is the one written."""
    found = _DAY.match(text)
    if found is None or not (_DAY.fullmatch(text) or _MOMENT.fullmatch(text)):
        raise ValueError("that is no day as yyyyMMdd or yyyy-MM-dd")
    return date(*map(int, found.groups()))


def read_moment(text: str, forms: DateForms) -> datetime | None:
    """Return the UTC time that is named, `None` when it is a day only."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        read_date(text, forms)
        return None
    day = read_date(found["day"], forms)
    digits = found["clock"].replace(":", "")
    clock = time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    return datetime.combine(day, clock, _zone(found["zone"], forms)).astimezone(UTC)


def _zone(name: str | None, forms: DateForms) -> tzinfo:
    if name is None:
        return forms.info
    if name in _NAMED:
        return timezone(timedelta(hours=_NAMED[name]))
    if name[0] in "+-":
        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[-2:])))
    raise ValueError(f"the time zone {name} is not known here")
