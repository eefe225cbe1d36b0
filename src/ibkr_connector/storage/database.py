"""
A database of the schema: SQLite by default, PostgreSQL by URL; opened at its newest schema.

Owns how work gets to the database and the way from older schemas to the newest. SQLite is worked
on in threads, PostgreSQL on the loop; a piece of work is a function of one SQLAlchemy connection
and is one transaction in both. Refuses a database that a newer version of the package has written.
"""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, Inspector, create_engine, event, inspect, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ibkr_connector.errors import ConfigurationError

from .dsn import dsn_of
from .postgres import address_of, connected, unreadable
from .schema import HEAD, METADATA, VERSIONS

__all__ = ["Database", "open_database", "upgrade"]

T = TypeVar("T")

_BUSY_S: Final = 10.0
_TRIES: Final = 20
_PRIMARY: Final = 0xFF
"""What of an extended error code of SQLite is the error itself."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BEGIN: Final = "ibkr_begin"
_LOCK: Final = 4_914_201
"""Of the advisory lock that keeps two first starts from making the tables both."""


class Database(Protocol):
    """A place for pieces of work, each a transaction of its own."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Do a piece of work, all of it or nothing.

        Raises:
            ConfigurationError: The database cannot be used; nothing was changed.
        """
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work that changes nothing; it waits for no one who writes."""
        ...

    async def aclose(self) -> None:
        """Let the connections go; idempotent."""
        ...


async def open_database(place: Path | str) -> Database:
    """
    Open a database, and lead its schema to the newest.

    Args:
        place: The file of SQLite, or `postgresql://user:password@host:port/database`.

    Raises:
        ConfigurationError: It cannot be used, a newer version has written it, or the extra for
            PostgreSQL is missing.
    """
    made = _Files(place) if isinstance(place, Path) else _Server(place)
    try:
        await made.run(upgrade)
    except BaseException:
        await made.aclose()
        raise
    return made


class _Files:
    """SQLite, in threads: an `await` for each statement would cost more than the statement."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _sqlite(path)

    def __str__(self) -> str:
        return str(self._path)

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in_thread, work, begin="BEGIN IMMEDIATE")

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._in_thread, work, begin="BEGIN")

    def _in_thread(self, work: Callable[[Connection], T], *, begin: str) -> T:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._engine.connect() as connection:
                connection = connection.execution_options(**{_BEGIN: begin})
                with connection.begin():
                    return work(connection)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(self, error) from error

    async def aclose(self) -> None:
        await asyncio.to_thread(self._engine.dispose)


class _Server:
    """PostgreSQL, on the loop."""

    def __init__(self, url: str) -> None:
        self._name = address_of(url)
        self._engine = _postgres(url)

    def __str__(self) -> str:
        return self._name

    async def run(self, work: Callable[[Connection], T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(self, error) from error

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.run(work)

    async def aclose(self) -> None:
        await self._engine.dispose()


def upgrade(connection: Connection) -> None:
    """
    Lead a database to the newest schema, from nothing or from an older one.

    Raises:
        ConfigurationError: A newer version of the package has written it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    inspector: Inspector = inspect(connection)
    if not inspector.has_table(VERSIONS):
        METADATA.create_all(connection)
        connection.execute(
            text(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(text(f"INSERT INTO {VERSIONS} VALUES (:head)"), {"head": HEAD})
        return
    found = connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar_one_or_none()
    if found == HEAD:
        return
    if found is None or found not in _revisions():
        raise ConfigurationError(
            f"the database has the schema {found!r}; this version of the package knows {HEAD!r}",
            hint="use the version of the package that wrote it, or another database",
        )
    migrate(connection)


def migrate(connection: Connection, *, to: str = "head") -> None:
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


def _sqlite(path: Path) -> Engine:
    # not as text: a question mark in a folder's name would end the path
    place = URL.create("sqlite", database=str(path))
    engine = create_engine(place, connect_args={"timeout": _BUSY_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # transactions begin where we say so, not where the driver guesses
        connection.isolation_level = None
        _write_ahead(connection)
        # what a power failure takes can be asked for again
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # one that begins to write half way may find that another has written since it began: who
        # means to write says so at once
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine


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


def _postgres(url: str) -> AsyncEngine:
    try:
        where = dsn_of(url)
        importlib.import_module("asyncpg")
        # the driver reads the whole URL itself: SQLAlchemy knows nothing of `?sslmode=require`
        connect = partial(
            connected,
            where,
            timeout=_BUSY_S,
            command_timeout=_BUSY_S,
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
    cause = getattr(error, "orig", None) or error
    return ConfigurationError(
        f"the database {database} cannot be used: {type(cause).__name__}: {cause}",
        hint="look at its place, rights and state",
    )
