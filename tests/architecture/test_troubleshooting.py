"""The page of what codes mean and what to do has every code, and says the truth of the table."""

from __future__ import annotations

import re

from tools.troubleshooting import MEANINGS, advice, deed, meaning, troubleshooting_page

from ibkr_connector.codes import TABLE, CodeKind, OrderEffect


def test_every_meaning_of_every_code_is_told_with_what_happens_and_what_to_do() -> None:
    lines = [re.split(r" ?\| ?", line)[1:-1] for line in troubleshooting_page().splitlines()]
    told = {
        (code, about, *rest)
        for codes, about, *rest in (cells for cells in lines if len(cells) == 5)
        for code in codes.split(", ")
    }
    for row in TABLE:
        assert all((meaning(row), deed(row), advice(row))), row
        mine = (meaning(row), deed(row), advice(row))
        assert any(cells[0] == str(row.code) and cells[2:] == mine for cells in told), row
    assert {int(cells[0]) for cells in told if cells[0].isdigit()} == {row.code for row in TABLE}


def test_no_code_is_explained_that_nobody_knows() -> None:
    # spans end where codes do, and what a span explains beside them is nothing that IB sends
    assert {row.code for row in TABLE} <= MEANINGS.keys()


def test_what_proves_nothing_is_not_called_the_end_of_an_order() -> None:
    for row in TABLE:
        ends = "ends as rejected" in deed(row)
        assert ends is (row.order is OrderEffect.DEAD), row
        if row.kind is CodeKind.PACING:
            assert "keeps to the limits" in advice(row)
