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

__all__ = [
    "DATE_ORDERS",
    "NOTHING",
    "DateForms",
    "read_date",
    "read_moment",
    "read_number",
    "read_whole",
]

NOTHING: Final = frozenset({"", "-", "--", "N/A", "MULTI"})
"""What IB writes where there is nothing to say, or many things."""

DATE_ORDERS: Final = ("MM/dd/yyyy", "MM/dd/yy", "dd/MM/yyyy", "dd/MM/yy")
"""The forms of a query that do not tell by themselves whether day or month comes first."""

_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_ISO: Final = r"\d{4}-\d{2}-\d{2}|\d{8}"
_DAY_FORM: Final = rf"{_ISO}|\d{{2}}-[A-Za-z]{{3}}-\d{{2}}|\d{{2}}/\d{{2}}/(?:\d{{4}}|\d{{2}})"
_DAY: Final = re.compile(_DAY_FORM)
_MOMENT: Final = re.compile(
    rf"(?P<day>{_DAY_FORM})(?:\s*[;,T ]\s*)?(?P<clock>\d{{2}}:\d{{2}}:\d{{2}}|\d{{6}})(?:\.\d+)?"
    r"\s*(?P<zone>Z|[A-Z]{3,5}|[+-]\d{2}:?\d{2})?"
)
_NAMED: Final = {
    **{"Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7},
    **{"MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "HKT": 8, "JST": 9},
    **{"AEST": 10, "AEDT": 11},
}
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class DateForms:
    """In which time zone times without one are, and which of day and month comes first."""

    zone: str
    info: tzinfo
    dates: str = ""

    @classmethod
    def of(cls, zone: str, dates: str = "") -> DateForms:
        """
        Return those of a zone by its name, and of a query's form of dates.

        Raises:
            ConfigurationError: There is none of this name, or no such form.
        """
        if dates and dates not in DATE_ORDERS:
            raise ConfigurationError(
                f"dates is {dates!r}, which is no form of dates that has to be told",
                hint=f"one of {', '.join(DATE_ORDERS)}; the other forms are known by themselves",
            )
        try:
            return cls(zone, ZoneInfo(zone), dates)
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
    found = _MOMENT.fullmatch(text)
    day = text if found is None else found["day"]
    if _DAY.fullmatch(day) is None:
        raise ValueError("that is no day as yyyyMMdd or yyyy-MM-dd")
    if "/" in day:
        return _slashed(day, forms)
    if day[2] == "-":
        month = _MONTHS.lower().find(day[3:6].lower())
        if month % 3:
            raise ValueError(f"there is no month {day[3:6]!r}")
        return date(2000 + int(day[7:]), month // 3 + 1, int(day[:2]))
    digits = day.replace("-", "")
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def read_moment(text: str, forms: DateForms) -> datetime | None:
    """Return the UTC time that is named, `None` when it is a day only."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        read_date(text, forms)
        return None
    day = read_date(found["day"], forms)
    digits = found["clock"].replace(":", "")
    clock = time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    return datetime.combine(day, clock, _zone(found["zone"], day, forms)).astimezone(UTC)


def _slashed(day: str, forms: DateForms) -> date:
    if not forms.dates:
        raise ValueError("nobody can tell its day from its month: say `dates`, as in MM/dd/yyyy")
    first, second, year = map(int, day.split("/"))
    month, number = (first, second) if forms.dates.startswith("MM") else (second, first)
    return date(year if year > 99 else 2000 + year, month, number)


def _zone(name: str | None, day: date, forms: DateForms) -> tzinfo:
    if name is None:
        return forms.info
    if name[0] in "+-":
        sign = -1 if name[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(name[1:3]), minutes=int(name[-2:])))
    # CST is one thing in Chicago and another in Shanghai: what the account's own zone calls so
    for month in (1, 7):
        probe = datetime(day.year, month, 1, tzinfo=forms.info)
        offset = probe.utcoffset()
        if probe.tzname() == name and offset is not None:
            return timezone(offset)
    if name in _NAMED:
        return timezone(timedelta(hours=_NAMED[name]))
    raise ValueError(f"the time zone {name} is not known here")
