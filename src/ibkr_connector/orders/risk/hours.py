"""Whether a market is open, read from the hours as IB writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

__all__ = ["is_open"]

_MOMENT: Final = r"(\d{8}):(\d{4})"
_SPAN: Final = re.compile(rf"{_MOMENT}-{_MOMENT}", re.ASCII)
_CLOSED: Final = re.compile(r"(\d{8}):CLOSED", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sessions:
    """What a text says: when it is open, and the first and the last day that it speaks of."""

    spans: tuple[tuple[datetime, datetime], ...]
    first: str
    last: str


def is_open(hours: str, zone: tzinfo, now: datetime) -> bool | None:
    """
    Tell whether `now` is inside one of the sessions; `None` when the text does not reach that day.

    The text is `20260304:0930-20260304:1600;20260305:CLOSED`, in the zone of the exchange (TWS API
    reference, contract details).
    """
    said = _read(hours, zone)
    if any(start <= now < end for start, end in said.spans):
        return True
    if not said.first:
        return None
    # a day that the text passes over lies between days that it names, and has no session
    return False if said.first <= f"{now.astimezone(zone):%Y%m%d}" <= said.last else None


@lru_cache(maxsize=512)
def _read(hours: str, zone: tzinfo) -> _Sessions:
    """Read a text once: every order in a contract asks, and it stays the same for half a day."""
    spans = []
    days = set()
    for part in hours.split(";"):
        closed = _CLOSED.fullmatch(part.strip())
        if closed is not None:
            days.add(closed[1])
            continue
        span = _SPAN.fullmatch(part.strip())
        if span is None:
            continue
        start, end = _moment(span[1], span[2], zone), _moment(span[3], span[4], zone)
        if start is None or end is None:
            continue
        spans.append((start, end))
        days |= {span[1], span[3]}
    return _Sessions(spans=tuple(spans), first=min(days, default=""), last=max(days, default=""))


def _moment(day: str, clock: str, zone: tzinfo) -> datetime | None:
    try:
        start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=zone)
        # an end at 24:00 is the next day's midnight
        return start.replace(hour=0) + timedelta(hours=int(clock[:2]), minutes=int(clock[2:]))
    except ValueError:
        return None
