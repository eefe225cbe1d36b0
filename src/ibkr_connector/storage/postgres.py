"""
The append-only log in a PostgreSQL database: for hosts that share one, instead of a file.

Owns: the table (append-only by triggers, chained like the file), that a commit is on the server's
disk before it is reported done, and that one process at a time writes a journal: it holds an
advisory lock in the session that writes, so a session that is lost can write no more.
Refuses to know: what the entries mean.

*limit*: the server's own `fsync` is believed; one that runs without it loses what it confirmed. A
connection that breaks during a commit leaves open whether the entries were written: they are
reported as failed, nothing is sent for them, and the next start reads what is there.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from ibkr_connector.errors import ConfigurationError

from .chain import GENESIS
from .dsn import dsn_of
from .writer import Chain, Entry, Row, Writer, entry_of, follow, no_journal, sound

__all__ = [
    "PostgresLog",
    "PostgresPlace",
    "address_of",
    "check_table",
    "connected",
    "read_table",
    "read_table_since",
    "table_keys_telling",
    "unreadable",
]

T = TypeVar("T")

FORMAT: Final = "ibkr-connector journal, format 1"

_NO_ADDRESS: Final = "postgresql://?"

_CONNECT_S: Final = 10.0
_COMMAND_S: Final = 10.0

_SESSION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application_name": "ibkr-connector",
        "synchronous_commit": "on",
        # over a quiet night routers forget a line on which nothing moves, some after six minutes,
        # and the first order of the morning would find the journal gone
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "6",
    }
)
"""What the session that writes asks of the server."""

_SCHEMA: Final = f"""
CREATE TABLE ibkr_journal_entries (
    journal TEXT NOT NULL,
    seq BIGINT NOT NULL,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    cause TEXT NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (journal, seq)
);
COMMENT ON TABLE ibkr_journal_entries IS '{FORMAT}';
CREATE INDEX ibkr_journal_entries_by_key ON ibkr_journal_entries (journal, key);
CREATE OR REPLACE FUNCTION ibkr_journal_entries_stay() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'entries are never changed or deleted'; END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON ibkr_journal_entries
    FOR EACH ROW EXECUTE FUNCTION ibkr_journal_entries_stay();
CREATE TRIGGER entries_remain BEFORE TRUNCATE ON ibkr_journal_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ibkr_journal_entries_stay();
"""

_COLUMNS: Final = "seq, time, kind, key, correlation_id, cause, body, digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPlace:
    """
    A journal in a database; `name` tells it from others in the same table.

    `url` is `postgresql://user:password@host:port/database`, in any form that `dsn_of` reads.
    """

    url: str
    name: str

    def __str__(self) -> str:
        """Return where it is, without the password."""
        return f"{self.name} at {address_of(self.url)}"


def address_of(url: str) -> str:
    """
    Return where a database is, without what logs in there; of a URL that is none, no part.

    A password that is not percent-encoded may end up in any part of it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "local socket", parts.port
    except ValueError:
        return _NO_ADDRESS
    is_whole = url.partition(":")[2].startswith("//") and not parts.fragment
    if not is_whole or any(mark in parts.path + parts.query.partition("=")[0] for mark in "@:"):
        return _NO_ADDRESS
    return f"postgresql://{host}{parts.path}"


def unreadable(url: str) -> ConfigurationError:
    """Return what to say of a URL that cannot be read; what finds that out quotes it."""
    return ConfigurationError(
        f"the URL {address_of(url)} cannot be read",
        hint="it is postgresql://user:password@host:5432/database; what is special in the "
        "password is written as %2F (/), %3F (?), %23 (#), %40 (@), %5B ([)",
    )


async def connected(url: str, **options: Any) -> Any:
    """
    Connect by asyncpg.

    Raises:
        ConfigurationError: The URL cannot be read, or the extra is missing.
    """
    asyncpg = _asyncpg()
    try:
        return await asyncpg.connect(dsn_of(url), **options)
    except asyncpg.InterfaceError:
        raise  # some are ValueErrors, and say what is wrong
    except (ValueError, OverflowError):
        raise unreadable(url) from None


class PostgresLog(Writer):
    """The writing end of a log in a database; made by `open`, ended by `close`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        connection: Any,
        name: str,
        head: tuple[int, str],
    ) -> None:
        # the loop is run by one thread at a time: that which opens, then that which writes
        self._loop = loop
        self._connection = connection
        self._name = name
        super().__init__(head)

    @classmethod
    def open(cls, place: PostgresPlace, *, anchor: str | None = None) -> PostgresLog:
        """
        Open the log, making its table in an empty database; verify the chain. Blocks.

        `anchor` is the key of entries from which a start may verify, as for a file.

        Raises:
            ConfigurationError: The database cannot be used, another connector writes to this
                journal, the chain is broken, or the extra is missing.
        """
        loop = asyncio.new_event_loop()
        connection: Any = None
        try:
            connection = _attempt(place, loop.run_until_complete, _connected(place))
            head = _attempt(place, loop.run_until_complete, _taken(connection, place, anchor))
        except BaseException:
            if connection is not None:
                loop.run_until_complete(_closed(connection))
            loop.close()
            raise
        return cls(loop, connection=connection, name=place.name, head=(head.entries, head.head))

    def _insert(self, rows: Sequence[Row]) -> None:
        self._loop.run_until_complete(self._insert_all(rows))

    async def _insert_all(self, rows: Sequence[Row]) -> None:
        async with self._connection.transaction():
            await self._connection.executemany(
                f"INSERT INTO ibkr_journal_entries (journal, {_COLUMNS}) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                [(self._name, *row) for row in rows],
            )

    def _let_go(self) -> None:
        try:
            self._loop.run_until_complete(_closed(self._connection))
        finally:
            self._loop.close()


def read_table(
    place: PostgresPlace, *, key: str | None = None, limit: int | None = None
) -> list[Entry]:
    """
    Read the log, oldest first, without disturbing a writer; `limit` keeps the newest. Blocks.

    Raises:
        ConfigurationError: There is no such journal, or the database cannot be read.
    """

    async def reading() -> list[Entry]:
        connection = await _connected(place)
        try:
            await _check_table(connection, place)
            entries = await _entries(connection, place.name, key=key, limit=limit)
        finally:
            await _closed(connection)
        return entries

    return _attempt(place, asyncio.run, reading())


def read_table_since(
    place: PostgresPlace, seq: int, *, keys: Collection[str], loose: str
) -> list[Entry]:
    """
    Read what a start needs, as `read_since` does of a file. Blocks.

    Raises:
        ConfigurationError: There is no such journal, or the database cannot be read.
    """

    async def reading() -> list[Entry]:
        connection = await _connected(place)
        try:
            await _check_table(connection, place)
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM ibkr_journal_entries WHERE journal = $1 AND (seq >= $2 "
                "OR key = ANY($3) OR (key = '' AND kind = $4) OR key IN (SELECT key FROM "
                "ibkr_journal_entries WHERE journal = $1 AND seq > $2 AND key <> '')) "
                "ORDER BY seq",
                place.name,
                seq,
                [*keys],
                loose,
            )
        finally:
            await _closed(connection)
        return [entry_of(tuple(row)) for row in rows]

    return _attempt(place, asyncio.run, reading())


def table_keys_telling(place: PostgresPlace, words: Sequence[str]) -> list[str]:
    """
    Return the keys of entries whose body has one of these pieces of text, in order. Blocks.

    Raises:
        ConfigurationError: There is no such journal, or the database cannot be read.
    """

    async def reading() -> list[str]:
        connection = await _connected(place)
        try:
            await _check_table(connection, place)
            rows = await connection.fetch(
                "SELECT key FROM ibkr_journal_entries WHERE journal = $1 AND key <> '' AND EXISTS "
                "(SELECT 1 FROM unnest($2::text[]) AS word WHERE strpos(body, word) > 0) "
                "GROUP BY key ORDER BY min(seq)",
                place.name,
                [*words],
            )
        finally:
            await _closed(connection)
        return [row[0] for row in rows]

    return _attempt(place, asyncio.run, reading())


def check_table(place: PostgresPlace) -> Chain:
    """
    Follow the hash chain from the first entry and say how far it holds. Blocks.

    Raises:
        ConfigurationError: There is no such journal, or the database cannot be read.
    """
    return follow(read_table(place))


def _asyncpg() -> Any:
    try:
        return importlib.import_module("asyncpg")
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "a journal in PostgreSQL needs asyncpg",
            hint="pip install 'ibkr-connector[postgres]'",
        ) from missing


def _attempt(
    place: PostgresPlace,
    run: Callable[[Coroutine[Any, Any, T]], T],
    work: Coroutine[Any, Any, T],
) -> T:
    try:
        asyncpg = _asyncpg()
    except ConfigurationError:
        work.close()
        raise
    try:
        return run(work)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"the journal {place} cannot be used: {type(error).__name__}: {error}",
            hint="look at the database's address, rights and state",
        ) from error


async def _connected(place: PostgresPlace) -> Any:
    return await connected(
        place.url,
        timeout=_CONNECT_S,
        command_timeout=_COMMAND_S,
        server_settings=dict(_SESSION),
    )


async def _closed(connection: Any) -> None:
    try:
        await connection.close(timeout=_CONNECT_S)
    except (_asyncpg().PostgresError, _asyncpg().InterfaceError, OSError):
        connection.terminate()  # it was lost already, or does not answer
    await asyncio.sleep(0)  # the loop's turn in which the socket is let go


async def _taken(connection: Any, place: PostgresPlace, anchor: str | None) -> Chain:
    """Make the table when it is missing, take the lock, and follow the chain."""
    async with connection.transaction():
        # two first starts at once would both make the table
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", FORMAT)
        if await connection.fetchval("SELECT to_regclass('ibkr_journal_entries')") is None:
            await connection.execute(_SCHEMA)
    await _check_table(connection, place)
    if not await connection.fetchval(
        "SELECT pg_try_advisory_lock(hashtextextended($1, 1))", place.name
    ):
        raise ConfigurationError(
            f"another connector writes to the journal {place}",
            hint="stop it, or give this one another IBKR_CLIENT_ID (--client-id) or profile",
        )
    before = await connection.fetchrow(
        "SELECT seq, digest FROM ibkr_journal_entries WHERE journal = $1 AND seq = "
        "(SELECT max(seq) FROM ibkr_journal_entries WHERE journal = $1 AND key = $2) - 1",
        place.name,
        anchor,
    )
    after, digest = (0, GENESIS) if before is None else tuple(before)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM ibkr_journal_entries WHERE journal = $1 AND seq > $2 ORDER BY seq",
        place.name,
        after,
    )
    entries = (entry_of(tuple(row)) for row in rows)
    return sound(follow(entries, after=after, digest=digest))


async def _check_table(connection: Any, place: PostgresPlace) -> None:
    found = await connection.fetchval(
        "SELECT obj_description(to_regclass('ibkr_journal_entries')::oid, 'pg_class')"
    )
    if found is None:
        raise no_journal(place)
    if found != FORMAT:
        raise ConfigurationError(
            f"the journal {place} has the format {found!r}; this version reads {FORMAT!r}",
            hint="use the version of the package that wrote it, or another database",
        )


async def _entries(
    connection: Any, name: str, *, key: str | None = None, limit: int | None = None
) -> list[Entry]:
    rows = await connection.fetch(
        f"SELECT * FROM (SELECT {_COLUMNS} FROM ibkr_journal_entries "
        "WHERE journal = $1 AND ($2::text IS NULL OR key = $2) ORDER BY seq DESC LIMIT $3) newest "
        "ORDER BY seq",
        name,
        key,
        limit,
    )
    return [entry_of(tuple(row)) for row in rows]
