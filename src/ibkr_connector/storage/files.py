"""
A file of SQLite, worked on in threads by the standard library alone.

Owns its connections, how transactions begin, and what times and amounts look like in it. An
`await` for each statement would cost more than the statement, and a library between would cost
more to import than everything that a connector asks of the file in a day.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from ibkr_connector.errors import ConfigurationError

from .statements import Connection, Row
from .tables import HEAD, TABLES, VERSIONS, Table, columns_of_type

__all__ = ["BUSY_S", "SqliteFile", "prepare", "unusable"]

T = TypeVar("T")

BUSY_S: Final = 10.0
"""How long one who writes waits for another."""

_TRIES: Final = 20
_PRIMARY: Final = 0xFF
"""What of an extended error code of SQLite is the error itself."""

_OWN_TYPES: Final = {"TIME": "DATETIME", "EXACT": "TEXT"}


class SqliteFile:
    """Connections to one file, each used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._is_closed = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work, all of it or nothing."""
        # one that begins to write half way may find that another has written since it began: who
        # means to write says so at once
        return await asyncio.to_thread(self._in_thread, work, begin="BEGIN IMMEDIATE")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work that changes nothing."""
        return await asyncio.to_thread(self._in_thread, work, begin="BEGIN")

    async def upgrade(self) -> None:
        """Lead it to the newest schema; half a second is paid for an older one alone."""
        if not await self.run(_is_newest):
            await asyncio.to_thread(_lead, self._path)

    async def aclose(self) -> None:
        """Close the connections; one that is in use is closed by who uses it."""
        self._is_closed = True
        await asyncio.to_thread(self._close)

    def _in_thread(self, work: Callable[[Connection], T], *, begin: str) -> T:
        try:
            connection = self._taken()
            try:
                connection.execute(begin)
                done = work(_Lite(connection))
                connection.commit()
            except BaseException:
                # what was not committed is undone by that
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise unusable(self._path, error) from error
        self._idle.append(connection)
        if self._is_closed:
            self._close()
        return done

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._path.exists():
            # what accounts were worth is in it; SQLite gives its other files the same mode
            self._path.touch(mode=0o600)
        # one thread at a time, and not always the same
        connection = sqlite3.connect(self._path, timeout=BUSY_S, check_same_thread=False)
        try:
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def unusable(database: object, error: Exception) -> ConfigurationError:
    """Return what to say of a database that fails, without the values of the statement."""
    return ConfigurationError(
        f"the database {database} cannot be used: {type(error).__name__}: {error}",
        hint="look at its place, rights and state",
    )


def prepare(connection: sqlite3.Connection) -> None:
    """Set a new connection up."""
    # transactions begin where we say so, not where the driver guesses
    connection.isolation_level = None
    _write_ahead(connection)
    # *limit*: a power failure may take the last moments: what IB said can be asked for again, money
    # that the user says was paid in and an alert of that moment cannot; a killed process loses none
    connection.execute("PRAGMA synchronous=NORMAL")


def _is_newest(connection: Connection) -> bool:
    """Tell whether a file has the newest schema; one that has none is given it."""
    if not connection.read(
        "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = :name", name=VERSIONS
    ):
        for table in TABLES:
            connection.make(table)
        connection.write(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.write(f"INSERT INTO {VERSIONS} VALUES (:head)", head=HEAD)
        return True
    found = connection.read(f"SELECT version_num FROM {VERSIONS}")
    return [row["version_num"] for row in found] == [HEAD]


def _lead(path: Path) -> None:
    from .servers import lead  # noqa: PLC0415  # SQLAlchemy takes half a second to import

    lead(path)


class _Lite:
    """What a piece of work has of a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, statement: str, /, **values: object) -> list[Row]:
        found = self._connection.execute(statement, _plain(values))
        names = [column[0] for column in found.description]
        reading = [(at, _READ[name]) for at, name in enumerate(names) if name in _READ]
        rows = []
        for one in found:
            row = list(one)
            for at, read in reading:
                if row[at] is not None:
                    row[at] = read(row[at])
            rows.append(dict(zip(names, row, strict=True)))
        return rows

    def write(self, statement: str, /, **values: object) -> int:
        return self._connection.execute(statement, _plain(values)).rowcount

    def write_all(self, statement: str, rows: Sequence[Mapping[str, object]]) -> None:
        self._connection.executemany(statement, [_plain(row) for row in rows])

    def each(self, name: str) -> str:
        return f"SELECT value FROM json_each(:{name})"

    def make(self, table: Table) -> None:
        for statement in _making(table):
            self._connection.execute(statement)


def _making(table: Table) -> Iterator[str]:
    columns = [f'"{name}" {_own_type(said)}' for name, said in table.columns.items()]
    keys = ", ".join(f'"{name}"' for name in table.key)
    yield f'CREATE TABLE IF NOT EXISTS "{table.name}" ({", ".join(columns)}, PRIMARY KEY ({keys}))'
    for name, indexed in table.indexes.items():
        listed = ", ".join(f'"{one}"' for one in indexed)
        yield f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table.name}" ({listed})'


def _own_type(said: str) -> str:
    named = said.removesuffix(" NULL")
    return _OWN_TYPES.get(named, named) + ("" if named != said else " NOT NULL")


def _plain(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: _written(value) for name, value in values.items()}


def _written(value: object) -> object:
    """Return a value as it is kept; the form of times is that in which they sort."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_READ: Final[Mapping[str, Callable[[Any], object]]] = {
    **dict.fromkeys(columns_of_type("TIME"), _time),
    **dict.fromkeys(columns_of_type("EXACT"), Decimal),
    **dict.fromkeys(columns_of_type("BOOLEAN"), bool),
}


def _write_ahead(connection: sqlite3.Connection) -> None:
    """
    Let a file keep a log of what is written.

    Two that do so at once with a new file hold each other up, and SQLite tells one of them at once
    that it is locked, however long it may wait otherwise.
    """
    for _ in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY:
                raise
            # this does wait until the other has done
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")
