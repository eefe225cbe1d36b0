"""
A durable, append-only log in one SQLite file: one writer thread, group commit, hash chain.

Owns: that an entry whose append was reported done survives the loss of power (WAL with
`synchronous=FULL`), that entries keep the order in which they were handed in, that nobody changes
them later (triggers, hash chain), and that one process at a time writes.
Refuses to know: what the entries mean.

All entries that wait while a commit is under way go into the next one, so many callers share one
flush of the disk. After the first failure the log takes nothing more: a log with a hole in it would
tell a false story.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from ibkr_connector.errors import ConfigurationError

from .chain import GENESIS
from .writer import Chain, Draft, Entry, Row, Writer, entry_of, follow, no_journal, sound

__all__ = [
    "AppendLog",
    "Chain",
    "Draft",
    "Entry",
    "check_entries",
    "keys_telling",
    "read_entries",
    "read_since",
    "verify_entries",
]

SCHEMA_VERSION: Final = 1

_CHECKPOINT_PAGES: Final = 256
"""So many pages of the write-ahead file, and it is begun anew."""

_PAGE: Final = 4096
_PAGES_OF_A_COMMIT: Final = 3
"""Pages that a commit writes beside those of its rows: of the file's head, tree and index."""

_APPLICATION_ID: Final = 0x69626A31
"""Marks the file as ours ("ibj1")."""

_SCHEMA: Final = f"""
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    cause TEXT NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_key ON entries (key);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

_body: Final = itemgetter(6)

_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT seq, time, kind, key, correlation_id, cause, body, digest FROM entries"


class AppendLog(Writer):
    """The writing end of a log in a file; made by `open`, ended by `close`."""

    def __init__(
        self,
        path: Path,
        database: sqlite3.Connection,
        *,
        lock: sqlite3.Connection,
        head: tuple[int, str],
    ) -> None:
        self._files = (path, path.with_name(f"{path.name}-wal"))
        self._database = database
        self._lock = lock
        self._pages = 0
        super().__init__(head)

    @classmethod
    def open(cls, path: Path, *, anchor: str | None = None) -> AppendLog:
        """
        Open the log, making file and folders that only the user can read; verify the chain.

        Args:
            path: The file.
            anchor: Key of entries from which a start may verify; the newest of them is taken, and
                only `check_entries` looks at what is older.

        Raises:
            ConfigurationError: Another connector writes to it, or the file is not a sound log.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take_lock(path)
        except OSError as error:
            raise ConfigurationError(
                f"the journal folder {path.parent} cannot be used: {error}",
                hint="set IBKR_STATE_DIR to a folder that you can write to",
            ) from error
        try:
            database = _open_database(path)
            try:
                head = _head(database, anchor)
            except BaseException:
                database.close()
                raise
        except BaseException:
            lock.close()
            raise
        return cls(path, database, lock=lock, head=head)

    def _insert(self, rows: Sequence[Row]) -> None:
        for file in self._files:
            if _is_gone(file):
                # the system would go on writing to what no start finds again
                raise ConfigurationError(f"{file.name} was removed while it was in use")
        written = sum(map(len, map(_body, rows)))
        self._pages += _PAGES_OF_A_COMMIT + len(rows) + written // _PAGE
        if len(rows) == 1:
            # one statement is a transaction of its own, in one turn of the database and not three
            self._database.execute(_INSERT, rows[0])
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(_INSERT, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _tidy(self) -> None:
        if self._pages < _CHECKPOINT_PAGES:
            return
        self._pages = 0
        # the rows are safe in the write-ahead file however this ends, and it is tried again; a
        # disk that takes nothing more is told by the next commit
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _let_go(self) -> None:
        self._database.close()
        self._lock.close()


def _is_gone(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # nobody knows
    return False


def read_entries(path: Path, *, key: str | None = None, limit: int | None = None) -> list[Entry]:
    """
    Read the log, oldest first, without disturbing a writer; `limit` keeps the newest.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    return _read(path, key=key, limit=limit)


def read_since(path: Path, seq: int, *, keys: Collection[str], loose: str) -> list[Entry]:
    """
    Read what a start needs, oldest first: everything from an entry on, and what belongs to it.

    Args:
        path: The file.
        seq: Number of the entry from which on everything is read.
        keys: Of these, and of all that occur since then, everything is read.
        loose: Kind of entries without a key that are read as well.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    query = f"""
        {_SELECT} WHERE seq >= :seq
        UNION {_SELECT} WHERE key IN (SELECT value FROM json_each(:keys))
        UNION {_SELECT} WHERE key IN (SELECT key FROM entries WHERE seq > :seq AND key <> '')
        UNION {_SELECT} WHERE key = '' AND kind = :loose
        ORDER BY seq
    """
    return _select(path, query, {"seq": seq, "keys": json.dumps([*keys]), "loose": loose})


def keys_telling(path: Path, words: Sequence[str]) -> list[str]:
    """
    Return the keys of entries whose body has one of these pieces of text, in order.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    # sqlite's own search of a text takes ten times as long
    query = "SELECT DISTINCT key FROM entries NOT INDEXED WHERE key <> '' AND tells(body)"
    rows = _fetch(path, query, {}, tells=lambda body: any(word in body for word in words))
    return [row[0] for row in rows]


def _read(path: Path, *, key: str | None, limit: int | None) -> list[Entry]:
    condition = "" if key is None else " WHERE key = :key"
    query = f"SELECT * FROM ({_SELECT}{condition} ORDER BY seq DESC LIMIT :newest) ORDER BY seq"
    return _select(path, query, {"key": key, "newest": -1 if limit is None else limit})


def _select(path: Path, query: str, values: Mapping[str, object]) -> list[Entry]:
    return [entry_of(row) for row in _fetch(path, query, values)]


def _fetch(
    path: Path,
    query: str,
    values: Mapping[str, object],
    *,
    tells: Callable[[str], bool] = lambda body: True,
) -> list[Any]:
    if not path.is_file():
        raise no_journal(path)
    try:
        try:
            return _rows(str(path), query, values, tells=tells)
        except sqlite3.OperationalError:
            # sqlite wants a file beside a log in WAL mode, which a read-only folder refuses;
            # without a write-ahead file nothing is missing from the log itself
            if path.with_name(f"{path.name}-wal").exists():
                raise
            address = f"{path.absolute().as_uri()}?immutable=1"
            return _rows(address, query, values, tells=tells)
    except sqlite3.Error as error:
        raise ConfigurationError(f"the journal {path} cannot be read: {error}") from error


def _rows(
    address: str, query: str, values: Mapping[str, object], *, tells: Callable[[str], bool]
) -> list[Any]:
    is_uri = address.startswith("file:")
    with closing(sqlite3.connect(address, isolation_level=None, uri=is_uri)) as database:
        database.execute("PRAGMA query_only = ON")
        _check_schema(database, address)
        database.create_function("tells", 1, tells)
        return database.execute(query, values).fetchall()


def check_entries(path: Path) -> Chain:
    """
    Follow the hash chain from the first entry and say how far it holds.

    *limit*: entries that were cut off at the newest end leave a chain that holds; only a digest
    that was noted elsewhere tells that they are gone.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    return follow(iter(read_entries(path)))


def verify_entries(path: Path) -> int:
    """
    Check the hash chain from the first entry to the last; return how many there are.

    Raises:
        ConfigurationError: An entry was changed, removed or put in between.
    """
    return sound(check_entries(path)).entries


def _take_lock(path: Path) -> sqlite3.Connection:
    # an exclusive transaction on a file beside the log: held by this process, on every platform,
    # and gone with it however it ends. The log itself stays readable for others.
    beside = path.with_name(f"{path.name}.lock")
    beside.touch(mode=0o600)
    lock = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        raise ConfigurationError(
            f"another connector writes to the journal {path}",
            hint="stop it, or give this one another IBKR_CLIENT_ID (--client-id) or profile",
        ) from error
    return lock


def _open_database(path: Path) -> sqlite3.Connection:
    database: sqlite3.Connection | None = None
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        # on macOS a flush that does not ask for this stays in the memory of the disk
        database.execute("PRAGMA fullfsync = ON")
        # a flush is much faster where the write-ahead file need not grow: `_tidy` begins it anew
        # early; sqlite itself would do that within a commit, for which orders wait
        database.execute("PRAGMA wal_autocheckpoint = 0")
        empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if empty:
            database.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
        _check_schema(database, path)
    except (sqlite3.Error, OSError) as error:
        if database is not None:
            database.close()
        raise ConfigurationError(f"the journal {path} cannot be used: {error}") from error
    except BaseException:
        if database is not None:
            database.close()
        raise
    return database


def _check_schema(database: sqlite3.Connection, path: Path | str) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise ConfigurationError(f"{path} is a database, but not a journal of this package")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the journal {path} has format {version}; this version reads {SCHEMA_VERSION}",
            hint="use the version of the package that wrote it, or another IBKR_STATE_DIR",
        )


def _head(database: sqlite3.Connection, anchor: str | None) -> tuple[int, str]:
    before = database.execute(
        "SELECT seq, digest FROM entries "
        "WHERE seq = (SELECT max(seq) FROM entries WHERE key = ?) - 1",
        (anchor,),
    ).fetchone()
    after, digest = before or (0, GENESIS)
    rows = database.execute(f"{_SELECT} WHERE seq > ? ORDER BY seq", (after,))
    chain = follow((entry_of(row) for row in rows), after=after, digest=digest)
    return sound(chain).entries, chain.head
