"""Pages and their cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.bridge.guard import Refused
from ibkr_connector.bridge.pages import page


@given(rows=st.lists(st.text(min_size=1), unique=True, max_size=12), limit=st.integers(1, 5))
def test_the_pages_together_are_all_rows_once(rows: list[str], limit: int) -> None:
    had: list[str] = []
    cursor: str | None = None
    while True:
        taken, cursor = page(rows, limit, cursor, key=str)
        had += taken
        if cursor is None:
            break
        assert len(taken) == limit
    assert had == rows


def test_rows_that_come_meanwhile_are_on_the_last_page() -> None:
    _, cursor = page(["a", "b", "c"], 2, None, key=str)
    assert page(["a", "b", "c", "d"], 5, cursor, key=str) == (["c", "d"], None)


@pytest.mark.parametrize("cursor", ["", "x", "äö", "YWJj", "!!!!", "a" * 256])
def test_a_cursor_that_leads_nowhere_is_refused(cursor: str) -> None:
    with pytest.raises(Refused) as told:
        page(["a", "b"], 1, cursor, key=str)
    assert told.value.kind.status == 422
