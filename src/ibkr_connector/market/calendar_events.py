"""Corporate events, from the JSON in which TWS hands them through. Pure."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.research import CorporateEvent

__all__ = ["events_of"]


def events_of(text: str, *, start: date | None, end: date | None) -> tuple[CorporateEvent, ...]:
    """
    Read the events between two days, both included; older gateways know no days to ask for.

    Raises:
        NoDataError: The text is no list of events.
    """
    try:
        rows = json.loads(text) if text else []
    except ValueError as exc:
        raise NoDataError("expected a calendar of events, found what is no JSON") from exc
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NoDataError(f"expected a list of events, found a {type(rows).__name__}")
    events = [
        CorporateEvent(
            kind=str(row.get("event_type", "")), day=_day(row.get("index_date")), facts=row
        )
        for row in rows
    ]
    first, last = start or date.min, end or date.max
    events = [one for one in events if one.day is None or first <= one.day <= last]
    return tuple(sorted(events, key=lambda one: one.day or date.min))


def _day(found: Any) -> date | None:
    text = str(found or "")
    if len(text) != len("yyyymmdd") or not text.isdecimal():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
