"""
Accounts over time in the database: what is written and how it is read back.

Functions of one SQLAlchemy connection, each part of one transaction; they know no clock and no
loop. When something is written is for `keeper` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from ibkr_connector.instruments.records import upsert
from ibkr_connector.model.account_history import CashFlow, EquityPoint, PositionPoint
from ibkr_connector.model.ids import ConId
from ibkr_connector.storage.schema import cash_flows, equity_snapshots, position_snapshots

__all__ = [
    "add_flow",
    "day_end_positions",
    "newest_positions",
    "prune",
    "read_equity",
    "read_flows",
    "read_positions",
    "write_snapshot",
]


def write_snapshot(
    connection: Connection, equity: EquityPoint, positions: Sequence[PositionPoint]
) -> None:
    """Write what an account is worth and which positions are others, in one piece."""
    row = {**equity.as_dict(), "day": equity.day.isoformat()}
    upsert(connection, equity_snapshots, [row])
    if positions:
        rows = [{**point.as_dict(), "day": point.day.isoformat()} for point in positions]
        upsert(connection, position_snapshots, rows)


def add_flow(connection: Connection, flow: CashFlow) -> None:
    """Write that money was paid in or out; the same key counts once."""
    upsert(connection, cash_flows, [flow.as_dict()])


def newest_positions(connection: Connection, account: str) -> dict[ConId, PositionPoint]:
    """Return the last point of each position that was not closed."""
    table = position_snapshots
    last = (
        select(table.c.con_id, func.max(table.c.at).label("at"))
        .where(table.c.account == account)
        .group_by(table.c.con_id)
        .subquery()
    )
    found = select(table).join(last, and_(table.c.con_id == last.c.con_id, table.c.at == last.c.at))
    rows = connection.execute(found.where(table.c.account == account)).mappings()
    points = [_position(row) for row in rows]
    return {point.con_id: point for point in points if point.quantity}


def day_end_positions(connection: Connection, account: str, day: date) -> tuple[PositionPoint, ...]:
    """Return what was held when a day ended; empty where that was not written."""
    table = position_snapshots
    found = select(table).where(
        table.c.account == account, table.c.day == day.isoformat(), table.c.is_day_end
    )
    return tuple(_position(row) for row in connection.execute(found).mappings())


def read_equity(
    connection: Connection, account: str, *, start: datetime | None, end: datetime | None
) -> tuple[EquityPoint, ...]:
    """Return the points of an account from `start` to before `end`, oldest first."""
    table = equity_snapshots
    found = select(table).where(_within(table, account, start=start, end=end)).order_by(table.c.at)
    return tuple(
        EquityPoint(**{**row, "day": date.fromisoformat(row["day"])})
        for row in connection.execute(found).mappings()
    )


def read_positions(
    connection: Connection,
    account: str,
    *,
    start: datetime | None,
    end: datetime | None,
    con_id: ConId | None = None,
) -> tuple[PositionPoint, ...]:
    """Return the points of an account's positions, or of one, oldest first."""
    table = position_snapshots
    found = select(table).where(_within(table, account, start=start, end=end))
    if con_id is not None:
        found = found.where(table.c.con_id == con_id)
    rows = connection.execute(found.order_by(table.c.at, table.c.con_id)).mappings()
    return tuple(_position(row) for row in rows)


def read_flows(
    connection: Connection, account: str, *, start: datetime | None, end: datetime | None
) -> tuple[CashFlow, ...]:
    """Return what was paid in and out, oldest first."""
    table = cash_flows
    found = select(table).where(_within(table, account, start=start, end=end)).order_by(table.c.at)
    return tuple(CashFlow(**row) for row in connection.execute(found).mappings())


def prune(connection: Connection, account: str, before: datetime) -> int:
    """Delete points within days that are long over; the last of each day stays. Return how many."""
    gone = 0
    for table, keys in ((equity_snapshots, ()), (position_snapshots, ("con_id",))):
        kept = (
            select(func.max(table.c.at))
            .where(table.c.account == account, table.c.at < before)
            .group_by(table.c.day, *(table.c[key] for key in keys))
        )
        done = connection.execute(
            delete(table).where(
                table.c.account == account,
                table.c.at < before,
                ~table.c.is_day_end,
                table.c.at.not_in(kept),
            )
        )
        gone += done.rowcount
    return gone


def _within(
    table: Table, account: str, *, start: datetime | None, end: datetime | None
) -> ColumnElement[bool]:
    conditions = [table.c.account == account]
    if start is not None:
        conditions.append(table.c.at >= start)
    if end is not None:
        conditions.append(table.c.at < end)
    return and_(*conditions)


def _position(row: Any) -> PositionPoint:
    return PositionPoint(
        **{
            **row,
            "day": date.fromisoformat(row["day"]),
            "con_id": ConId(row["con_id"]),
            "quantity": Decimal(row["quantity"]),
        }
    )
