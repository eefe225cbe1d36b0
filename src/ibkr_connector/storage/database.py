"""
A database of the schema: SQLite by default, PostgreSQL by URL; opened at its newest schema.

Owns the port: a piece of work is a function of one connection, and is one transaction in both.
Refuses a database that a newer version of the package has written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from .files import SqliteFile
from .statements import Connection

__all__ = ["Connection", "Database", "open_database"]

T = TypeVar("T")


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

    async def upgrade(self) -> None:
        """
        Lead it to the newest schema.

        Raises:
            ConfigurationError: It cannot be used, or a newer version has written it.
        """
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
    made = SqliteFile(place) if isinstance(place, Path) else _server(place)
    try:
        await made.upgrade()
    except BaseException:
        await made.aclose()
        raise
    return made


def _server(url: str) -> Database:
    from .servers import Server  # noqa: PLC0415  # SQLAlchemy takes half a second to import

    return Server(url)
