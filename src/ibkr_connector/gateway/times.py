"""
Times of the wire to aware UTC times.

IB writes a time in six forms; some name a zone, some mean UTC, some mean the zone the gateway was
logged in with. A form or zone that is not known is an error that says so: a time without a zone
never leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

__all__ = [
    "BadTimeError",
    "add_zone_alias",
    "date_text",
    "parse_time",
    "zone",
    "zone_of_greeting",
]

_ALIASES: Final = {
    "AEST": "Australia/Sydney",
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Berlin",
    "CST": "America/Chicago",
    "Central European Standard Time": "Europe/Warsaw",
    "Central Standard Time": "America/Chicago",
    "China Standard Time": "Asia/Shanghai",
    "Coordinated Universal Time": "UTC",
    "EDT": "America/New_York",
    "Eastern European Standard Time": "Europe/Bucharest",
    "Eastern Standard Time": "America/New_York",
    "GMT Standard Time": "Europe/London",
    "Greenwich Mean Time": "Europe/London",
    "HKT": "Asia/Hong_Kong",
    "Hong Kong Standard Time": "Asia/Hong_Kong",
    "India Standard Time": "Asia/Kolkata",
    "Israel Standard Time": "Asia/Jerusalem",
    "JST": "Asia/Tokyo",
    "Japan Standard Time": "Asia/Tokyo",
    "MDT": "America/Denver",
    "MSK": "Europe/Moscow",
    "Mountain Standard Time": "America/Denver",
    "PDT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "Pacific Standard Time": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
    "Singapore Standard Time": "Asia/Singapore",
    "W. Europe Standard Time": "Europe/Berlin",
}
"""Names that TWS takes from Windows or writes short, which no zone database has."""

_OWN: Final[dict[str, str]] = {}
"""Names that the user has added; they go before ours."""

_DAY: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_EPOCH: Final = re.compile(r"\d{9,11}", re.ASCII)
_CLOCK: Final = r"(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?"
_UTC: Final = re.compile(r"(\d{4})(\d{2})(\d{2})-" + _CLOCK, re.ASCII)
_LOCAL: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2}) {1,2}" + _CLOCK + r"(?: +(.+))?", re.ASCII)


class BadTimeError(ValueError):
    """The text is no time that can be placed on the UTC line."""


def parse_time(text: str, *, login_zone: tzinfo) -> datetime:
    """
    Read any of IB's forms as an aware UTC time.

    `20261218` is midnight UTC of that day; ten digits are seconds since 1970;
    `20261218-14:30:00` is UTC; `20261218 14:30:00 US/Eastern` is of its zone;
    `20261218  14:30:00` and `2026-12-18 14:30:00.0` are of `login_zone`, the gateway's own
    (IB campus: historical bars, time zones).

    Raises:
        BadTimeError: None of these forms, no such day or hour, or a zone nobody knows.
    """
    text = text.strip()
    try:
        if match := _DAY.fullmatch(text):
            year, month, day = map(int, match.groups())
            return datetime(year, month, day, tzinfo=UTC)
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        if match := _UTC.fullmatch(text):
            return _moment(match.groups(), UTC)
        if match := _LOCAL.fullmatch(text):
            *parts, name = match.groups()
            place = zone(name) if name else login_zone
            return _moment(parts, place).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise BadTimeError(f"expected one of IB's forms of a time, found {text!r}: {exc}") from exc
    raise BadTimeError(f"expected one of IB's forms of a time, found {text!r}")


def zone(name: str) -> tzinfo:
    """
    Find a zone by its database name, or by a name TWS uses for it.

    Raises:
        BadTimeError: Nobody knows that name.
    """
    name = name.strip()
    try:
        return ZoneInfo(_OWN.get(name) or _ALIASES.get(name, name))
    except (KeyError, ValueError, OSError) as exc:
        raise BadTimeError(f"unknown time zone {name!r}") from exc


def add_zone_alias(alias: str, name: str) -> None:
    """
    Teach this process a name that a gateway uses for a zone, before or after it connects.

    Args:
        alias: As the gateway writes it, such as `Mitteleuropäische Zeit`.
        name: As the zone database has it, such as `Europe/Berlin`.

    Raises:
        BadTimeError: The database has no zone of that name.
    """
    _OWN.pop(alias.strip(), None)
    zone(name)
    _OWN[alias.strip()] = name.strip()


def zone_of_greeting(greeting: str) -> tzinfo:
    """
    Find the zone in the greeting's connection time, `20261218 14:30:00 CET`.

    Raises:
        BadTimeError: It names none, or one nobody knows.
    """
    match = _LOCAL.fullmatch(greeting.strip())
    if match is None or not match.groups()[-1]:
        raise BadTimeError(f"expected a time with its zone, found {greeting!r}")
    return zone(match.groups()[-1])


def date_text(moment: datetime) -> str:
    """Write a time in the hyphenated form, which is UTC on every gateway."""
    return moment.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S")


def _moment(digits: Sequence[str], place: tzinfo) -> datetime:
    year, month, day, hour, minute, second = map(int, digits)
    return datetime(year, month, day, hour, minute, second, tzinfo=place)
