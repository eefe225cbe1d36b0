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

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ibkr_connector.errors import ConfigurationError

from .chain import GENESIS, link

__all__ = [
    "AppendLog",
    "Chain",
    "Draft",
    "Entry",
    "check_entries",
    "read_entries",
    "verify_entries",
]

SCHEMA_VERSION: Final = 1

_APPLICATION_ID: Final = 0x69626A31
"""Marks the file as ours ("ibj1")."""

_LARGEST_BATCH: Final = 512

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

_SELECT: Final = "SELECT seq, time, kind, key, correlation_id, cause, body, digest FROM entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry to be written; `time` is ISO 8601 in UTC, `body` is JSON."""

    time: str
    kind: str
    key: str
    correlation_id: str
    cause: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it stands in the file."""

    seq: int
    time: str
    kind: str
    key: str
    correlation_id: str
    cause: str
    body: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """
    How far a chain of entries holds.

    `entries` fit, from the first on; `head` is the digest of the last of them. `first_broken` is
    the number of the first entry that does not fit, `None` when all do.
    """

    entries: int
    head: str
    first_broken: int | None = None


Done = Callable[[Exception | None], None]
"""Told once, on the writer's thread, when the drafts are safe or why they are not."""


class AppendLog:
    """
    The writing end of a log; made by `open`, ended by `close`.

    `append` may be called from any thread and never blocks.
    """

    def __init__(
        self, database: sqlite3.Connection, lock: sqlite3.Connection, head: tuple[int, str]
    ) -> None:
        self._database = database
        self._lock = lock
        self._seq, self._digest = head
        self._failure: Exception | None = None
        self._queue: queue.SimpleQueue[tuple[Sequence[Draft], Done] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="ibkr-journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path) -> AppendLog:
        """
        Open the log, making file and folders that only the user can read; verify the chain.

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
                head = _head(database)
            except BaseException:
                database.close()
                raise
        except BaseException:
            lock.close()
            raise
        return cls(database, lock, head)

    def append(self, drafts: Sequence[Draft], done: Done) -> None:
        """Hand in drafts that are to be written together, or not at all."""
        self._queue.put((drafts, done))

    def close(self) -> None:
        """Write what was handed in, end the thread, let go of the file; blocks. Idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _write(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._commit(batch)
        finally:
            self._database.close()
            self._lock.close()

    def _next_batch(self) -> list[tuple[Sequence[Draft], Done]] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < _LARGEST_BATCH:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
        return batch

    def _commit(self, batch: Sequence[tuple[Sequence[Draft], Done]]) -> None:
        if self._failure is None:
            seq, digest = self._seq, self._digest
            rows: list[tuple[str | int, ...]] = []
            for drafts, _ in batch:
                for draft in drafts:
                    seq += 1
                    fields: tuple[str | int, ...] = (seq, *_fields(draft))
                    digest = link(digest, fields)
                    rows.append((*fields, digest))
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(
                    "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                self._failure = error
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
            else:
                self._seq, self._digest = seq, digest
        for _, done in batch:
            done(self._failure)


def read_entries(path: Path, *, key: str | None = None, limit: int | None = None) -> list[Entry]:
    """
    Read the log, oldest first, without disturbing a writer; `limit` keeps the newest.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    if not path.is_file():
        raise ConfigurationError(f"there is no journal at {path}")
    condition, values = ("", ()) if key is None else (" WHERE key = ?", (key,))
    newest = -1 if limit is None else limit
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA query_only = ON")
            _check_schema(database, path)
            rows = database.execute(
                f"SELECT * FROM ({_SELECT}{condition} ORDER BY seq DESC LIMIT ?) ORDER BY seq",
                (*values, newest),
            )
            return [_entry(row) for row in rows]
    except sqlite3.Error as error:
        raise ConfigurationError(f"the journal {path} cannot be read: {error}") from error


def check_entries(path: Path) -> Chain:
    """
    Follow the hash chain from the first entry and say how far it holds.

    *limit*: entries that were cut off at the newest end leave a chain that holds; only a digest
    that was noted elsewhere tells that they are gone.

    Raises:
        ConfigurationError: There is no such log, or the file is not one.
    """
    return _follow(iter(read_entries(path)))


def verify_entries(path: Path) -> int:
    """
    Check the hash chain from the first entry to the last; return how many there are.

    Raises:
        ConfigurationError: An entry was changed, removed or put in between.
    """
    return _sound(check_entries(path)).entries


def _fields(draft: Draft) -> tuple[str, ...]:
    return (draft.time, draft.kind, draft.key, draft.correlation_id, draft.cause, draft.body)


def _entry(row: tuple[int, str, str, str, str, str, str, str]) -> Entry:
    seq, time, kind, key, correlation_id, cause, body, digest = row
    return Entry(
        seq=seq,
        time=time,
        kind=kind,
        key=key,
        correlation_id=correlation_id,
        cause=cause,
        body=body,
        digest=digest,
    )


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
            hint="stop it, or give this one another profile or IBKR_STATE_DIR",
        ) from error
    return lock


def _open_database(path: Path) -> sqlite3.Connection:
    database: sqlite3.Connection | None = None
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
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


def _check_schema(database: sqlite3.Connection, path: Path) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise ConfigurationError(f"{path} is a database, but not a journal of this package")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"the journal {path} has format {version}; this version reads {SCHEMA_VERSION}",
            hint="use the version of the package that wrote it, or another IBKR_STATE_DIR",
        )


def _head(database: sqlite3.Connection) -> tuple[int, str]:
    chain = _follow(_entry(row) for row in database.execute(f"{_SELECT} ORDER BY seq"))
    return _sound(chain).entries, chain.head


def _sound(chain: Chain) -> Chain:
    if chain.first_broken is not None:
        raise ConfigurationError(
            "the journal was changed by hand: "
            f"entry {chain.first_broken} does not fit the one before",
            hint="restore the file from a backup, or start with an empty IBKR_STATE_DIR",
        )
    return chain


def _follow(entries: Iterator[Entry]) -> Chain:
    seq, digest = 0, GENESIS
    for entry in entries:
        fields: tuple[str | int, ...] = (
            entry.seq,
            entry.time,
            entry.kind,
            entry.key,
            entry.correlation_id,
            entry.cause,
            entry.body,
        )
        following = link(digest, fields)
        if entry.seq != seq + 1 or following != entry.digest:
            return Chain(entries=seq, head=digest, first_broken=seq + 1)
        seq, digest = entry.seq, following
    return Chain(entries=seq, head=digest)
