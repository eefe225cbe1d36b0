"""Quirks of connecting, of the link behind the gateway, and of the bytes on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.faults import (
    Answer,
    ClockSkew,
    Encode,
    Fault,
    HalfOpen,
    HelloZone,
    IgnoreRequest,
    Link,
    Merge,
    MessageRate,
    Outage,
    PortReset,
    Refuse,
    Reorder,
    Restart,
    Rewrite,
    Silent,
    Split,
    Stage,
)

from .names import Quirk, QuirkRow, row

__all__ = ["ROWS"]

_NEW_YORK: Final = ZoneInfo("America/New_York")
_DAY_S: Final = 86_400.0


def _seconds_until(moment: datetime, at: time, weekday: int | None = None) -> float:
    local = moment.astimezone(_NEW_YORK)
    due = datetime.combine(local.date(), at, tzinfo=_NEW_YORK)
    while due <= local or weekday not in (None, due.weekday()):
        due += timedelta(days=1)
    return (due - local).total_seconds()


def _daily_restart(moment: datetime) -> Sequence[Fault]:
    wait = _seconds_until(moment, time(23, 45))
    return [Restart(at_s=wait, down_s=60, every_s=_DAY_S, times=10_000)]


def _weekly_logout(moment: datetime) -> Sequence[Fault]:
    wait = _seconds_until(moment, time(1), weekday=6)
    return [Restart(at_s=wait, down_s=3_600, every_s=7 * _DAY_S, times=1_000)]


ROWS: Final[Mapping[Quirk, QuirkRow]] = MappingProxyType(
    {
        Quirk.HELLO_ZONE_WINDOWS: row(
            "the greeting names a time zone as Windows does",
            "nt#PR2726; rust, troubleshooting",
            HelloZone(zone="Eastern Standard Time"),
        ),
        Quirk.HELLO_ZONE_NOT_UTF8: row(
            "the greeting names a time zone in another script and encoding than UTF-8",
            "rust#352",
            HelloZone(zone="中国标准时间", encoding="gb18030"),
        ),
        Quirk.HELLO_ZONE_MISSING: row(
            "the greeting names no time zone", "assumed", HelloZone(zone="")
        ),
        Quirk.ACCEPT_THEN_CLOSE: row(
            "sockets are accepted and closed at once: a port forwarder with nothing behind it",
            "ib-gateway-docker's socat",
            Refuse(),
        ),
        Quirk.SILENT_AFTER_HELLO: row(
            "nothing follows the client's greeting: the API is off, or a dialog waits",
            "IB campus, connection",
            Silent(after=Stage.HELLO),
        ),
        Quirk.SILENT_AFTER_START: row(
            "nothing follows startApi", "ibi, timeouts at start", Silent(after=Stage.START)
        ),
        Quirk.CLIENT_ID_IN_USE: row(
            "every client id is taken: 326, then the end",
            "IB campus, code 326",
            Answer(
                to="StartApi",
                code=326,
                text="Unable to connect as the client id is already in use. "
                "Retry with a unique client id.",
                times=1_000_000,
                ends=True,
            ),
        ),
        Quirk.NEXT_ID_FIRST: row(
            "nextValidId comes before managedAccounts",
            "IB campus: the order varies",
            Reorder(reply="NextValidId", before="ManagedAccounts"),
        ),
        Quirk.NEXT_ID_AFTER_FARMS: row(
            "nextValidId comes behind the farms' notices",
            "IB campus: the order varies",
            Reorder(reply="NextValidId", behind="ErrorMessage"),
        ),
        Quirk.NEXT_ID_ROLLBACK: row(
            "nextValidId is 1 again, whatever was used before",
            "LEAN#242",
            Rewrite(reply="NextValidId", values={"order_id": "1"}),
        ),
        Quirk.LINK_LOST_DATA_KEPT: row(
            "1100 three times, farms broken, silence for 10 s, then 1102: streams go on",
            "IB campus; repeats: LEAN",
            Outage(repeats=3),
        ),
        Quirk.LINK_LOST_DATA_LOST: row(
            "1100 three times, farms broken, silence for 10 s, then 1101: streams are gone",
            "IB campus; repeats: LEAN",
            Outage(repeats=3, data_lost=True),
        ),
        Quirk.LINK_BROKEN_QUIETLY: row(
            "2110, silence for 10 s, and then nothing but the farms' notices",
            "measured; nt",
            Outage(link=Link.QUIET),
        ),
        Quirk.DATA_FARM_BLIP: row(
            "2103, no ticks for 5 s, 2104",
            "IB campus, system messages",
            Outage(link=Link.DATA_FARM, lasts_s=5),
        ),
        Quirk.HISTORY_FARM_BLIP: row(
            "2105, and 5 s later 2106",
            "IB campus, system messages",
            Outage(link=Link.HISTORY_FARM, lasts_s=5),
        ),
        Quirk.HALF_OPEN: row(
            "the gateway reads and writes nothing, and the socket stays",
            "OpenAlice#294",
            HalfOpen(),
        ),
        Quirk.PORT_RESET: row(
            "1300 with another port, and everybody is dropped", "IB campus, code 1300", PortReset()
        ),
        Quirk.DAILY_RESTART: QuirkRow(
            "the gateway restarts at 23:45 in New York, and is away for a minute",
            "IB Gateway's auto restart; the time is the user's own",
            _daily_restart,
        ),
        Quirk.WEEKLY_LOGOUT: QuirkRow(
            "the login ends on Sunday at 01:00 in New York; somebody logs in an hour later",
            "IBC#269; the hour is assumed",
            _weekly_logout,
        ),
        Quirk.CLOCK_SKEW: row(
            "the gateway's clock is 90 s slow", "assumed", ClockSkew(seconds=-90)
        ),
        Quirk.SPLIT_SEGMENTS: row("messages come in segments of three bytes", "TCP", Split(size=3)),
        Quirk.MERGED_SEGMENTS: row(
            "everything that is said within half a second comes in one segment",
            "TCP",
            Merge(seconds=0.5),
        ),
        Quirk.LATIN1_TEXT: row(
            "texts of errors are in another language, and in Latin-1",
            "IB campus, error handling",
            Encode(encoding="latin-1"),
            Rewrite(reply="ErrorMessage", values={"text": "Avis: la requête a été traitée"}),
        ),
        Quirk.MESSAGE_RATE: row(
            "50 messages a second: 100 for each beyond, the third such second ends it; "
            "with +PACEAPI they wait",
            "IB campus, code 100",
            MessageRate(),
        ),
        Quirk.TIME_ONCE_A_SECOND: row(
            "reqCurrentTime is ignored within a second of the last one",
            "seen on TWS 10.45",
            IgnoreRequest(on="ReqCurrentTime", within_s=1),
        ),
    }
)
"""What each of them does."""
