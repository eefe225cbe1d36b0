"""
Accounts over time in the database: what is written and how it is read back.

Functions of one connection, each part of one transaction; they know no clock and no
loop. When something is written is for `keeper` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from ibkr_connector.model.account_history import CashFlow, EquityPoint, PositionPoint
from ibkr_connector.model.ids import ConId
from ibkr_connector.storage.statements import Connection, Row, upsert
from ibkr_connector.storage.tables import CASH_FLOWS, EQUITY_SNAPSHOTS, POSITION_SNAPSHOTS

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
    upsert(connection, EQUITY_SNAPSHOTS, [row])
    rows = [{**point.as_dict(), "day": point.day.isoformat()} for point in positions]
    upsert(connection, POSITION_SNAPSHOTS, rows)


def add_flow(connection: Connection, flow: CashFlow) -> None:
    """Write that money was paid in or out; the same key counts once."""
    upsert(connection, CASH_FLOWS, [flow.as_dict()])


def newest_positions(connection: Connection, account: str) -> dict[ConId, PositionPoint]:
    """Return the last point of each position that was not closed."""
    rows = connection.read(
        """
        SELECT held.* FROM position_snapshots AS held
        JOIN (
            SELECT con_id, max(at) AS at FROM position_snapshots
            WHERE account = :account GROUP BY con_id
        ) AS last ON held.con_id = last.con_id AND held.at = last.at
        WHERE held.account = :account
        """,
        account=account,
    )
    points = [_position(row) for row in rows]
    return {point.con_id: point for point in points if point.quantity}


def day_end_positions(connection: Connection, account: str, day: date) -> tuple[PositionPoint, ...]:
    """Return what was held when a day ended; empty where that was not written."""
    rows = connection.read(
        "SELECT * FROM position_snapshots WHERE account = :account AND day = :day AND is_day_end",
        account=account,
        day=day.isoformat(),
    )
    return tuple(_position(row) for row in rows)


def read_equity(
    connection: Connection, account: str, *, start: datetime | None, end: datetime | None
) -> tuple[EquityPoint, ...]:
    """Return the points of an account from `start` to before `end`, oldest first."""
    rows = _within(connection, "equity_snapshots", account, start=start, end=end)
    return tuple(EquityPoint(**{**row, "day": date.fromisoformat(row["day"])}) for row in rows)


def read_positions(
    connection: Connection,
    account: str,
    *,
    start: datetime | None,
    end: datetime | None,
    con_id: ConId | None = None,
) -> tuple[PositionPoint, ...]:
    """Return the points of an account's positions, or of one, oldest first."""
    rows = _within(connection, "position_snapshots", account, start=start, end=end, con_id=con_id)
    return tuple(_position(row) for row in rows)


def read_flows(
    connection: Connection, account: str, *, start: datetime | None, end: datetime | None
) -> tuple[CashFlow, ...]:
    """Return what was paid in and out, oldest first."""
    rows = _within(connection, "cash_flows", account, start=start, end=end)
    return tuple(CashFlow(**row) for row in rows)


def prune(connection: Connection, account: str, before: datetime) -> int:
    """Delete points within days that are long over; the last of each day stays. Return how many."""
    gone = 0
    for table, kept in (("equity_snapshots", "day"), ("position_snapshots", "day, con_id")):
        gone += connection.write(
            f"""
            DELETE FROM {table}
            WHERE account = :account AND at < :before AND NOT is_day_end AND at NOT IN (
                SELECT max(at) FROM {table}
                WHERE account = :account AND at < :before GROUP BY {kept}
            )
            """,
            account=account,
            before=before,
        )
    return gone


def _within(
    connection: Connection,
    table: str,
    account: str,
    *,
    start: datetime | None,
    end: datetime | None,
    con_id: ConId | None = None,
) -> list[Row]:
    given = {"start": start, "end": end, "con_id": con_id}
    values = {name: value for name, value in given.items() if value is not None}
    conditions = " ".join(f"AND {_CONDITIONS[name]}" for name in values)
    order = "at, con_id" if table == "position_snapshots" else "at"
    return connection.read(
        f"SELECT * FROM {table} WHERE account = :account {conditions} ORDER BY {order}",
        account=account,
        **values,
    )


_CONDITIONS: Final = {"start": "at >= :start", "end": "at < :end", "con_id": "con_id = :con_id"}


def _position(row: Row) -> PositionPoint:
    return PositionPoint(**{**row, "day": date.fromisoformat(row["day"])})
