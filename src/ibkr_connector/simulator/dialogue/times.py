"""Moments as TWS writes them, and as clients may write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibkr_connector.simulator.wire.versions import Version

from .feed import feed_of

if TYPE_CHECKING:
    from ibkr_connector.simulator.exchange.instruments import Instrument

    from .session import ClientSession

__all__ = [
    "BAD_END",
    "LOGIN_ZONE",
    "UTC_FORM",
    "parse_end",
    "write_bar_time",
    "write_connection_time",
    "write_time",
    "zone_of",
]

LOGIN_ZONE: Final = "US/Eastern"
"""The zone chosen at login, in which TWS writes unless it is told otherwise."""

UTC_FORM: Final = "UTC"
"""The setting "send dates in UTC": `yyyymmdd-hh:mm:ss`, without a zone."""

BAD_END: Final = (
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is "
    "yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx are optional. "
    "E.g.: 20031126 15:59:00 US/Eastern. "
    "You can also provide yyyymmddd-hh:mm:ss time is in UTC."
)

_YEARS: Final = range(1978, 3_001)
"""The years that TWS reads (measured of a gateway)."""

_END: Final = re.compile(
    r"(?:(?P<day>\d{8})(?P<dash>-| +))?(?P<time>\d{1,2}:\d\d:\d\d)(?: +(?P<zone>[^\d\s]\S*))?"
)


def write_time(moment: datetime, version: int, zone: str = LOGIN_ZONE) -> str:
    """
    Write a moment with its zone; older gateways wrote two spaces and left the zone out.

    Source: recorded frames of rust-ibapi at 164; ibapi server_versions.py for what 174 brought.
    """
    local = moment.astimezone(ZoneInfo(zone))
    if zone == UTC_FORM:
        return f"{local:%Y%m%d-%H:%M:%S}"
    if version < Version.INSTRUMENT_TIMEZONE:
        return f"{local:%Y%m%d  %H:%M:%S}"
    return f"{local:%Y%m%d %H:%M:%S} {zone}"


def write_connection_time(moment: datetime) -> str:
    """Write the moment of the handshake, as in `20261118 10:00:00 EST`."""
    local = moment.astimezone(ZoneInfo(LOGIN_ZONE))
    return f"{local:%Y%m%d %H:%M:%S} {local.tzname()}"


def parse_end(text: str, now: datetime) -> datetime | None:
    """
    Read the end of a historical request; empty is now, `None` is unreadable.

    `yyyymmdd hh:mm:ss zone` is in that zone or the login's, without a day it is of today, and
    `yyyymmdd-hh:mm:ss` is UTC (IB campus).
    """
    if not text.strip():
        return now
    match = _END.fullmatch(text.strip())
    if match is None:
        return None
    try:
        zone = ZoneInfo(match["zone"] or ("UTC" if match["dash"] == "-" else LOGIN_ZONE))
        day = match["day"] or f"{now.astimezone(zone):%Y%m%d}"
        naive = datetime.strptime(f"{day} {match['time']}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007
        if naive.year not in _YEARS:
            return None
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        return None


def write_bar_time(
    moment: datetime, *, day: date | None, form: int, version: int, zone: str = LOGIN_ZONE
) -> str:
    """
    Write when a bar begins, as its client wants it.

    Day bars are dates in any form. The others: 1 a text with its zone, 2 seconds of the epoch, 3
    day and time without a zone (IB campus: formatDate).
    """
    if day is not None:
        return f"{day:%Y%m%d}"
    if form == 2:
        return str(int(moment.timestamp()))
    if form == 3:
        local = moment.astimezone(ZoneInfo(zone))
        return f"{local:%Y%m%d %H:%M:%S}"
    return write_time(moment, version, zone)


def zone_of(session: ClientSession, instrument: Instrument) -> str:
    """Return the zone in which times of an instrument are written, by the gateway's setting."""
    setting = feed_of(session.gateway).zone
    if setting == "instrument" and session.version >= Version.INSTRUMENT_TIMEZONE:
        return instrument.time_zone
    return UTC_FORM if setting == "utc" else LOGIN_ZONE
