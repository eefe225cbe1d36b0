"""What is kept of accounts, in SQLite and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars
import pytest

from ibkr_connector.account import store
from ibkr_connector.account.reckoning import day_of
from ibkr_connector.model.account_history import (
    CashFlow,
    EquityHistory,
    EquityPoint,
    PositionHistory,
    PositionPoint,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.storage.database import open_database
from kit.postgres import on_a_server

START = datetime(2026, 11, 2, 15, tzinfo=UTC)


def worth(hours: float, value: str | None, *, is_day_end: bool = False) -> EquityPoint:
    at = START + timedelta(hours=hours)
    return EquityPoint(
        account="DU1",
        at=at,
        day=day_of(at),
        is_day_end=is_day_end,
        as_of=at,
        currency="USD",
        total_value=None if value is None else Decimal(value),
        cash=Decimal("0.10"),
    )


def holds(
    hours: float, quantity: str, con_id: int = 5, *, is_day_end: bool = False
) -> PositionPoint:
    at = START + timedelta(hours=hours)
    return PositionPoint(
        account="DU1",
        con_id=ConId(con_id),
        at=at,
        day=day_of(at),
        is_day_end=is_day_end,
        security_type="OPT",
        symbol="AAPL",
        local_symbol="AAPL  261218C00250000",
        currency="USD",
        multiplier=Decimal(100),
        quantity=Decimal(quantity),
        avg_cost=Decimal("450.123456789012345"),
        price=Decimal("4.5"),
    )


async def write_and_read(place: Path | str) -> None:
    database = await open_database(place)
    points = [worth(0, "1000.10"), worth(1, None), worth(2, "990"), worth(30, "1010")]
    for at, point in enumerate(points):
        held = [holds(0, "2"), holds(0, "1", 6)] if not at else [holds(30, "0")] if at == 3 else []
        await database.run(partial(store.write_snapshot, equity=point, positions=held))
    # the same again changes nothing
    await database.run(partial(store.write_snapshot, equity=points[0], positions=[]))

    whole = await database.read(partial(store.read_equity, account="DU1", start=None, end=None))
    assert list(whole) == points
    part = await database.read(
        partial(store.read_equity, account="DU1", start=points[1].at, end=points[3].at)
    )
    assert list(part) == points[1:3]
    assert (
        await database.read(partial(store.read_equity, account="DU2", start=None, end=None)) == ()
    )
    newest = await database.read(partial(store.newest_positions, account="DU1"))
    assert {con_id: point.quantity for con_id, point in newest.items()} == {6: 1}
    one = await database.read(
        partial(store.read_positions, account="DU1", start=None, end=None, con_id=ConId(5))
    )
    assert one == (holds(0, "2"), holds(30, "0"))

    flow = CashFlow(account="DU1", at=START, amount=Decimal("-12.34"), key="k")
    for _ in range(2):
        await database.run(partial(store.add_flow, flow=flow))
    assert await database.read(partial(store.read_flows, account="DU1", start=None, end=None)) == (
        flow,
    )

    # of days that are long over the last point stays
    late = START + timedelta(hours=20)
    assert await database.run(partial(store.prune, account="DU1", before=late)) == 2
    left = await database.read(partial(store.read_equity, account="DU1", start=None, end=None))
    assert list(left) == points[2:]
    ends = [holds(32, "3", 6, is_day_end=True)]
    await database.run(
        partial(store.write_snapshot, equity=worth(32, "1", is_day_end=True), positions=ends)
    )
    day = day_of(START + timedelta(hours=32))
    assert await database.read(partial(store.day_end_positions, account="DU1", day=day)) == tuple(
        ends
    )
    await database.aclose()


async def test_what_is_written_is_read_in_sqlite(tmp_path: Path) -> None:
    await write_and_read(tmp_path / "x.sqlite3")


@on_a_server
async def test_what_is_written_is_read_in_postgres(postgres_url: str) -> None:
    await write_and_read(postgres_url)


def test_a_history_is_a_frame() -> None:
    history = EquityHistory(account="DU1", points=(worth(0, "1000.10"), worth(1, None)))
    frame = history.to_pandas()
    assert str(frame.index.tz) == "UTC"
    assert frame["total_value"].tolist()[0] == pytest.approx(1000.10)
    assert frame["total_value"].isna().tolist() == [False, True]
    columns = history.to_polars()
    assert columns["total_value"].to_list() == [1000.10, None]
    assert columns.schema["at"] == polars.Datetime("us", "UTC")
    assert columns.schema["is_day_end"] == polars.Boolean
    empty = EquityHistory(account="DU1", points=())
    assert list(empty.to_pandas().columns) == list(frame.columns)
    assert empty.to_polars().schema == columns.schema


def test_positions_are_a_frame_and_a_state_at_any_moment() -> None:
    history = PositionHistory(account="DU1", points=(holds(0, "2"), holds(5, "0")))
    assert history.to_pandas()["quantity"].tolist() == [2.0, 0.0]
    assert history.to_polars()["con_id"].to_list() == [5, 5]
    assert [one.quantity for one in history.held_at(START + timedelta(hours=1))] == [2]
    assert history.held_at(START + timedelta(hours=6)) == ()


def test_a_day_is_known_by_its_last_point() -> None:
    points = (worth(0, "1"), worth(1, "2"), worth(30, "3"))
    history = EquityHistory(account="DU1", points=points)
    assert [point.total_value for point in history.by_day] == [2, 3]
    assert replace(history, points=()).by_day == ()
