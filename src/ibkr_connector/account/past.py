"""
Read the history of accounts from the database alone: with no gateway, beside a program that trades.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ibkr_connector.errors import AccountError
from ibkr_connector.model.account_history import EquityHistory, PositionHistory
from ibkr_connector.storage.database import Connection, open_database

from . import store

__all__ = ["read_equity_history", "read_position_history"]

T = TypeVar("T")


async def read_equity_history(
    place: Path | str, account: str | None = None, *, start: datetime | None = None
) -> EquityHistory:
    """
    Return what an account was worth.

    Args:
        place: The file of SQLite, or the URL of PostgreSQL.
        account: May be left out where the database has one.
        start: Aware; from the beginning when not given.

    Raises:
        AccountError: Nothing is kept of it, or of several and none was named.
        ConfigurationError: The database cannot be used.
    """

    def read(connection: Connection) -> EquityHistory:
        chosen = _chosen(connection, account)
        return EquityHistory(
            account=chosen,
            points=store.read_equity(connection, chosen, start=start, end=None),
            flows=store.read_flows(connection, chosen, start=start, end=None),
        )

    return await _read(place, read)


async def read_position_history(
    place: Path | str, account: str | None = None, *, start: datetime | None = None
) -> PositionHistory:
    """Return what an account held; as `read_equity_history`."""

    def read(connection: Connection) -> PositionHistory:
        chosen = _chosen(connection, account)
        points = store.read_positions(connection, chosen, start=start, end=None)
        return PositionHistory(account=chosen, points=points)

    return await _read(place, read)


async def _read(place: Path | str, read: Callable[[Connection], T]) -> T:
    database = await open_database(place)
    try:
        return await database.read(read)
    finally:
        await database.aclose()


def _chosen(connection: Connection, account: str | None) -> str:
    found = connection.read("SELECT DISTINCT account FROM equity_snapshots ORDER BY account")
    known = [row["account"] for row in found]
    if account in known:
        return str(account)
    if account is None and len(known) == 1:
        return str(known[0])
    if not known or account is not None:
        raise AccountError(
            "there is no history of the account asked for",
            hint="it is kept while a program of this state directory is connected",
        )
    raise AccountError(
        f"there is history of {len(known)} accounts and none was named",
        hint="pass --account, or set IBKR_ACCOUNT_ID",
    )
