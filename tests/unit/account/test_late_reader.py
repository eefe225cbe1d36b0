"""What was left for later is read soon, a little at a time."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector.account import late_reader
from ibkr_connector.account.late_reader import AT_ONCE, LateReader
from ibkr_connector.gateway.port import PortfolioRow, PositionRow
from ibkr_connector.gateway.runs import read_lines, read_positions
from kit import wire_rows as rows


def payload(fields: rows.Row) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


def told(count: int) -> list[PositionRow]:
    found = read_positions([payload(rows.position(con_id=1000 + at)) for at in range(count)])
    assert found is not None
    return list(found.values())


def is_read(row: PositionRow | PortfolioRow, name: str) -> bool:
    try:
        type(row).__dict__[name].__get__(row)
    except AttributeError:
        return False
    return True


def how_many(held: list[PositionRow]) -> int:
    return sum(is_read(row, "average_cost") for row in held)


async def turns(count: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_reader, "BEHIND_S", 0)


async def test_rows_are_read_a_few_at_a_time_until_all_are() -> None:
    held, reader = told(2 * AT_ONCE + 1), LateReader()
    reader.begin(held)
    counts = [how_many(held)]
    while counts[-1] < len(held):
        await turns(1)
        counts.append(how_many(held))
    assert sorted({0, *counts}) == [0, AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1]


async def test_a_newer_list_takes_the_place_of_one_that_is_being_read() -> None:
    older, newer, reader = told(3 * AT_ONCE), told(2 * AT_ONCE), LateReader()
    reader.begin(older)
    while not how_many(older):
        await turns(1)
    reader.begin(newer)
    while how_many(newer) < len(newer):
        await turns(1)
    await turns(3)
    assert how_many(older) == AT_ONCE


async def test_nothing_is_read_any_more_behind_the_end() -> None:
    held, reader = told(2 * AT_ONCE), LateReader()
    reader.begin(held)
    reader.close()
    reader.close()
    await turns(4)
    assert not how_many(held)


async def test_of_a_line_of_the_window_the_figures_are_read_and_the_contract_is_not() -> None:
    lines = read_lines([payload(rows.portfolio())])
    assert lines is not None
    (line,) = lines.values()
    LateReader().begin([line])
    while not is_read(line, "unrealized_pnl"):
        await turns(1)
    assert not is_read(line, "contract")
