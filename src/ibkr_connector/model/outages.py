"""
Planned outages: windows of the week in which IB resets its servers or a gateway restarts.

Pure: a moment is an argument. A window belongs to the day on which it starts, in a time zone of its
own, so that it moves with daylight saving as IB's own windows do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["NO_WINDOWS", "RESET_WINDOWS", "OutageWindow", "parse_windows", "window_at"]

RESET_WINDOWS: Final = (
    "Sun-Fri 00:15-01:45 America/New_York; Fri 23:00-03:00 America/New_York; "
    "Sun 01:00-01:10 America/New_York"
)
"""
IB's windows for North America (system status page), and the end of an automatic restart's login on
Sunday at 01:00 (IBC thread 269). Europe: `Mon-Fri 06:25-07:45 Europe/Berlin`; Asia: `04:45-06:05`
and `20:15-21:15` in `Asia/Hong_Kong`. IB changes them: they are a setting.
"""

NO_WINDOWS: Final = "none"

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM: Final = re.compile(
    r"(?P<first>[A-Za-z]{3})(?:-(?P<last>[A-Za-z]{3}))? "
    r"(?P<start>\d{2}:\d{2})-(?P<end>\d{2}:\d{2}) (?P<zone>\S+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageWindow:
    """
    A window that comes back every week.

    Args:
        text: As it was written.
        days: On which it starts; Monday is 0.
        start: When, in its zone.
        end: Not after `start` means on the next day.
        zone: Whose clock that is.
    """

    text: str
    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the window ends in which `now` lies, in UTC; `None` when it lies in none."""
        today = now.astimezone(self.zone).date()
        for day in (today, today - timedelta(days=1)):
            if day.weekday() not in self.days:
                continue
            begins = datetime.combine(day, self.start, self.zone).astimezone(UTC)
            last = day if self.end > self.start else day + timedelta(days=1)
            ends = datetime.combine(last, self.end, self.zone).astimezone(UTC)
            if begins <= now < ends:
                return ends
        return None


def parse_windows(text: str) -> tuple[OutageWindow, ...]:
    """
    Read windows as `Sun-Fri 00:15-01:45 America/New_York`, several with `;`; `none` is none.

    Raises:
        ValueError: One of them is not of that form, or its day, hour or zone does not exist.
    """
    if text.strip().lower() == NO_WINDOWS:
        return ()
    return tuple(_parse(part.strip()) for part in text.split(";") if part.strip())


def _parse(text: str) -> OutageWindow:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a window as 'Sun-Fri 00:15-01:45 Zone/City', found {text!r}")
    first = _day(found["first"], text)
    last = _day(found["last"], text) if found["last"] else first
    try:
        start, end = time.fromisoformat(found["start"]), time.fromisoformat(found["end"])
    except ValueError as exc:
        raise ValueError(f"there is no such time of day in {text!r}") from exc
    try:
        zone = ZoneInfo(found["zone"])
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ValueError(f"no time zone is called {found['zone']!r}") from exc
    days = frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
    return OutageWindow(text=text, days=days, start=start, end=end, zone=zone)


def _day(name: str, text: str) -> int:
    try:
        return _DAYS.index(name.lower())
    except ValueError as exc:
        raise ValueError(f"{name!r} in {text!r} is no day; days are Mon, Tue, ... Sun") from exc


def window_at(
    windows: Iterable[OutageWindow], now: datetime
) -> tuple[OutageWindow, datetime] | None:
    """Return the window in which a moment lies, and its end; the one that ends last of several."""
    found = [(window, end) for window in windows if (end := window.end_after(now)) is not None]
    return max(found, key=lambda pair: pair[1], default=None)
