"""
Pieces of work on a database, in words that SQLite and PostgreSQL both read.

Owns what a piece of work may do with its connection, and the statements that are the same for
every table. Refuses to know which database it is: `files` and `servers` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from .tables import Table

__all__ = ["Connection", "Row", "insert", "upsert"]

Row = dict[str, Any]
"""What was read, by the names of the columns; times are aware, amounts exact."""


class Connection(Protocol):
    """
    One connection, within a transaction.

    Statements name their values, as in `WHERE con_id = :con_id`; one that is named as a column has
    the column's type.
    """

    def read(self, statement: str, /, **values: object) -> list[Row]:
        """Return what a statement finds."""
        ...

    def write(self, statement: str, /, **values: object) -> int:
        """Run a statement, and return how many rows it has touched."""
        ...

    def write_all(self, statement: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement for each row of values."""
        ...

    def each(self, name: str) -> str:
        """
        Return the `SELECT` of the items, as text, of a list that is one value: a JSON array.

        Databases take some thousand values in one statement at most, and a list may be longer.
        """
        ...

    def make(self, table: Table) -> None:
        """Make a table that is not there."""
        ...


def insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write new rows; all have the same columns."""
    if rows:
        connection.write_all(_insert(table.name, tuple(rows[0])), rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows, over those with the same key; all have the same columns."""
    if rows:
        connection.write_all(_upsert(table.name, tuple(rows[0]), table.key), rows)


@cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    return f'INSERT INTO "{table}" ({columns}) VALUES ({values})'


@cache
def _upsert(table: str, names: tuple[str, ...], key: tuple[str, ...]) -> str:
    keys = ", ".join(f'"{name}"' for name in key)
    rest = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in key)
    return f"{_insert(table, names)} ON CONFLICT ({keys}) DO UPDATE SET {rest}"
