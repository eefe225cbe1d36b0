"""
What SQLAlchemy is for: PostgreSQL, the sessions of users, and the way from older schemas.

Takes half a second to import, so whoever works on a file of the newest schema does not.
"""

from __future__ import annotations

import importlib
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy
from sqlalchemy import URL, BigInteger, Inspector, TextClause, bindparam, create_engine, inspect
from sqlalchemy import text as clause_of
from sqlalchemy.event import listens_for
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeEngine

from ibkr_connector.errors import ConfigurationError

from .dsn import dsn_of
from .files import BUSY_S, prepare, unusable
from .postgres import address_of, connected, unreadable
from .schema import COLUMN_TYPES, HEAD, METADATA, VERSIONS, Exact, UtcTime
from .statements import Connection, Row
from .tables import Table

__all__ = ["Foreign", "Server", "lead", "migrate", "upgrade"]

T = TypeVar("T")

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 4_914_201
"""Of the advisory lock that keeps two first starts from making the tables both."""

_NAMED: Final = re.compile(r"(?<!:):(\w+)")


class Server:
    """PostgreSQL, on the loop."""

    def __init__(self, url: str) -> None:
        self._name = address_of(url)
        self._engine = _postgres(url)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work, all of it or nothing."""
        return await self._run(lambda plain: work(Foreign(plain)))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work that changes nothing."""
        return await self.run(work)

    async def upgrade(self) -> None:
        """Lead it to the newest schema."""
        await self._run(upgrade)

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._engine.dispose()

    async def _run(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(self._name, error) from error


class Foreign:
    """What a piece of work has of a connection of SQLAlchemy's, of whatever database."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def read(self, statement: str, /, **values: object) -> list[Row]:
        """Return what a statement finds."""
        found = self._connection.execute(_clause(statement, _types(values)), values)
        return [dict(row) for row in found.mappings()]

    def write(self, statement: str, /, **values: object) -> int:
        """Run a statement, and return how many rows it has touched."""
        return self._connection.execute(_clause(statement, _types(values)), values).rowcount

    def write_all(self, statement: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement for each row of values."""
        self._connection.execute(_clause(statement, _types(rows[0])), [dict(row) for row in rows])

    def each(self, name: str) -> str:
        """Return the `SELECT` of the items of a list."""
        if self._connection.dialect.name == "postgresql":
            return f"SELECT value FROM json_array_elements_text(CAST(:{name} AS JSON))"
        return f"SELECT value FROM json_each(:{name})"

    def make(self, table: Table) -> None:
        """Make a table that is not there."""
        METADATA.tables[table.name].create(self._connection, checkfirst=True)


def upgrade(connection: sqlalchemy.Connection) -> None:
    """
    Lead a database to the newest schema, from nothing or from an older one.

    Raises:
        ConfigurationError: A newer version of the package has written it.
    """
    if connection.dialect.name == "postgresql":
        lock = clause_of("SELECT pg_advisory_xact_lock(:number)")
        connection.execute(lock, {"number": _LOCK})
    inspector: Inspector = inspect(connection)
    if not inspector.has_table(VERSIONS):
        METADATA.create_all(connection)
        connection.execute(
            clause_of(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(clause_of(f"INSERT INTO {VERSIONS} VALUES (:head)"), {"head": HEAD})
        return
    version = connection.execute(clause_of(f"SELECT version_num FROM {VERSIONS}"))
    found = version.scalar_one_or_none()
    if found == HEAD:
        return
    if found is None or found not in _revisions():
        raise ConfigurationError(
            f"the database has the schema {found!r}; this version of the package knows {HEAD!r}",
            hint="use the version of the package that wrote it, or another database",
        )
    migrate(connection)


def lead(path: Path) -> None:
    """
    Lead a file to the newest schema, in one transaction. Blocks.

    Raises:
        ConfigurationError: A newer version of the package has written it.
    """
    # not as text: a question mark in a folder's name would end the path
    place = URL.create("sqlite", database=str(path))
    engine = create_engine(place, connect_args={"timeout": BUSY_S})

    @listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        prepare(connection)

    @listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            upgrade(connection)
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(path, error) from error
    finally:
        engine.dispose()


def migrate(connection: sqlalchemy.Connection, *, to: str = "head") -> None:
    """Run the steps that a database lacks."""
    from alembic import command  # noqa: PLC0415  # half a second, paid once in a version's life

    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _alembic() -> Any:
    from alembic.config import Config  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _revisions() -> frozenset[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # as above

    script = ScriptDirectory.from_config(_alembic())
    return frozenset(step.revision for step in script.walk_revisions())


def _types(values: Mapping[str, object]) -> tuple[tuple[str, TypeEngine[Any] | None], ...]:
    return tuple(
        (name, COLUMN_TYPES.get(name) or _type_of(value)) for name, value in values.items()
    )


def _type_of(value: object) -> TypeEngine[Any] | None:
    for kind, type_ in _BY_VALUE:
        if isinstance(value, kind):
            return type_
    return None


_BY_VALUE: Final[tuple[tuple[type, TypeEngine[Any]], ...]] = (
    (datetime, UtcTime()),
    (Decimal, Exact()),
    (bool, sqlalchemy.Boolean()),
    (int, BigInteger()),
)


@cache
def _clause(statement: str, types: tuple[tuple[str, TypeEngine[Any] | None], ...]) -> TextClause:
    named = frozenset(_NAMED.findall(statement))
    clause = clause_of(statement)
    for name, type_ in types:
        if name in named and type_ is not None:
            clause = clause.bindparams(bindparam(name, type_=type_))
    return clause


def _postgres(url: str) -> AsyncEngine:
    try:
        where = dsn_of(url)
        importlib.import_module("asyncpg")
        # the driver reads the whole URL itself: SQLAlchemy knows nothing of `?sslmode=require`
        connect = partial(
            connected,
            where,
            timeout=BUSY_S,
            command_timeout=BUSY_S,
        )
        return create_async_engine(
            "postgresql+asyncpg://", pool_pre_ping=True, async_creator=connect
        )
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "instruments in PostgreSQL need asyncpg",
            hint="pip install 'ibkr-connector[postgres]'",
        ) from missing
    except (ArgumentError, ValueError):
        raise unreadable(url) from None


def _unusable(database: object, error: Exception) -> ConfigurationError:
    # the text of SQLAlchemy's own errors quotes the statement with its values
    return unusable(database, getattr(error, "orig", None) or error)
