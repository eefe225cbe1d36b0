"""Moments as TWS writes them, and as clients may write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ibkr_connector.simulator.wire.versions import Version

__all__ = ["LOGIN_ZONE", "parse_end", "write_connection_time", "write_time"]

LOGIN_ZONE: Final = "US/Eastern"
"""The zone chosen at login, in which TWS writes unless it is told otherwise."""

_END: Final = re.compile(r"(\d{8})[- ]+(\d\d:\d\d:\d\d)(?: (?P<zone>\S+))?")


def write_time(moment: datetime, version: int, zone: str = LOGIN_ZONE) -> str:
    """
    Write a moment with its zone; older gateways wrote two spaces and left the zone out.

    Source: recorded frames of rust-ibapi at 164; ibapi server_versions.py for what 174 brought.
    """
    local = moment.astimezone(ZoneInfo(zone))
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

    `yyyymmdd hh:mm:ss zone` is in that zone or the login's, `yyyymmdd-hh:mm:ss` is UTC (IB campus).
    """
    if not text:
        return now
    match = _END.fullmatch(text.strip())
    if match is None:
        return None
    try:
        naive = datetime.strptime(f"{match[1]} {match[2]}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007
        zone = match["zone"] or ("UTC" if "-" in text[:9] else LOGIN_ZONE)
        return naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return None
