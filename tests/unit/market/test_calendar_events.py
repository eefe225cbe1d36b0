"""Corporate events out of JSON, whatever is in it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from ibkr_connector.errors import NoDataError
from ibkr_connector.market.calendar_events import events_of

ROWS = [
    {"event_type": "wshe_div", "index_date": "20261130", "conid": 1},
    {"event_type": "wshe_ed", "index_date": "20261120"},
    {"event_type": "wshe_bod", "index_date": "soon"},
    {"event_type": "wshe_cc", "index_date": "20261399"},
    {},
]


def test_events_are_told_by_day_and_what_has_none_first() -> None:
    events = events_of(json.dumps(ROWS), start=None, end=None)
    assert [(one.kind, one.day) for one in events] == [
        ("wshe_bod", None),
        ("wshe_cc", None),
        ("", None),
        ("wshe_ed", date(2026, 11, 20)),
        ("wshe_div", date(2026, 11, 30)),
    ]
    assert events[-1].facts["conid"] == 1


def test_days_are_kept_even_where_the_gateway_knows_none() -> None:
    events = events_of(json.dumps(ROWS[:2]), start=date(2026, 11, 21), end=date(2026, 11, 30))
    assert [one.kind for one in events] == ["wshe_div"]


def test_no_text_is_no_event_and_anything_else_is_an_error() -> None:
    assert events_of("", start=None, end=None) == ()
    for text in ("{}", "[1]", "nothing"):
        with pytest.raises(NoDataError, match="expected a"):
            events_of(text, start=None, end=None)
