"""Whether a market is open, read from the hours as IB writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

__all__ = ["is_open"]

_MOMENT: Final = r"(\d{8}):(\d{4})"
_SPAN: Final = re.compile(rf"{_MOMENT}-{_MOMENT}", re.ASCII)
_CLOSED: Final = re.compile(r"(\d{8}):CLOSED", re.ASCII)


def is_open(hours: str, zone: tzinfo, now: datetime) -> bool | None:
    """
    Tell whether `now` is inside one of the sessions; `None` when the text does not reach that day.

    The text is `20260304:0930-20260304:1600;20260305:CLOSED`, in the zone of the exchange (TWS API
    reference, contract details).
    """
    local = now.astimezone(zone)
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
        if start <= now < end:
            return True
        days |= {span[1], span[3]}
    if not days:
        return None
    # a day that the text passes over lies between days that it names, and has no session
    today = f"{local:%Y%m%d}"
    return False if min(days) <= today <= max(days) else None


def _moment(day: str, clock: str, zone: tzinfo) -> datetime | None:
    try:
        start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=zone)
        # an end at 24:00 is the next day's midnight
        return start.replace(hour=0) + timedelta(hours=int(clock[:2]), minutes=int(clock[2:]))
    except ValueError:
        return None
