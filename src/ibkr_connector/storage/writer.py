"""
What every store of a journal shares: the entries, their chain, and one thread that writes.

Owns: that entries keep the order in which they were handed in, that all which wait while a commit
is under way go into the next one, and that after the first failure nothing more is taken: a log
with a hole in it would tell a false story.
Refuses to know: where the entries lie.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ibkr_connector.errors import ConfigurationError

from .chain import GENESIS, link

__all__ = [
    "Chain",
    "Done",
    "Draft",
    "Entry",
    "Row",
    "Writer",
    "entry_of",
    "follow",
    "no_journal",
    "sound",
]

_LARGEST_BATCH: Final = 512

WAY_S: Final = 0.0003
"""How long at the most whoever hands something in makes way for the writer."""

Row = tuple[int, str, str, str, str, str, str, str]
"""An entry as a row: seq, time, kind, key, correlation id, cause, body, digest."""


class Draft(NamedTuple):
    """
    An entry to be written; `time` is ISO 8601 in UTC, `body` is JSON.

    A tuple, since its fields are those of a row, and one is made of each step of an order.
    """

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


Done = Callable[[Exception | None, Any], None]
"""
Told once, on the writer's thread, when the drafts are safe or why they are not.

And what was handed in with them: a closure for each would live as long as its commit takes.
"""

Making = Callable[[], Sequence[Draft]]
"""Makes drafts, on the writer's thread."""


class _Work(NamedTuple):
    """Drafts that belong together, or how they are made."""

    drafts: Sequence[Draft]
    making: Making | None
    done: Done
    about: Any


class Writer(ABC):
    """
    The writing end of a log, ended by `close`.

    `append` may be called from any thread and never blocks. A store says how rows are put in
    (`_insert`, all or none, safe when it returns), how it is let go (`_let_go`), and what it has to
    tidy up when those who wait for rows have been told (`_tidy`); all on the one thread that
    writes.
    """

    def __init__(self, head: tuple[int, str]) -> None:
        self._seq, self._digest = head
        self._failure: Exception | None = None
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._rests = False
        # locked but for the moment between the writer's coming to the disk and its being noticed
        self._at_disk = threading.Lock()
        self._at_disk.acquire()
        self.stopwatch: Callable[[], Callable[[], None]] | None = None
        """Called before rows are put in, and what it returns behind it, when that went well."""
        self._thread = threading.Thread(target=self._write, name="ibkr-journal", daemon=True)
        self._thread.start()

    @abstractmethod
    def _insert(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def _let_go(self) -> None: ...

    def _tidy(self) -> None:  # noqa: B027  # most stores have nothing to tidy up
        """Do what may wait until nobody does; must not raise."""

    def append(self, drafts: Sequence[Draft], done: Done, about: object = None) -> None:
        """
        Hand in drafts that are to be written together, or not at all; `done` is told `about` what.

        An idle writer thread has to wake up and to get the interpreter lock before it can start. A
        caller that goes straight on with other work would hold that lock all the while; so it gives
        way until the writer has reached the disk, `WAY_S` at the most, and then both run at once.
        """
        makes_way = self._rests and bool(drafts)
        if makes_way:  # what was not noticed the last time is none of this time's business
            self._at_disk.acquire(blocking=False)
        self._queue.put(_Work(drafts, None, done, about))
        if makes_way:
            self._at_disk.acquire(timeout=WAY_S)

    def post(self, making: Making, done: Done) -> None:
        """Hand in drafts for which nobody waits; they are made where they are written."""
        self._queue.put(_Work((), making, done, None))

    def close(self) -> None:
        """Write what was handed in, end the thread, let go of the store; blocks. Idempotent."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _write(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._commit(batch)
                self._tidy()
        finally:
            self._let_go()

    def _next_batch(self) -> list[_Work] | None:
        self._rests = True
        first = self._queue.get()
        self._rests = False
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

    def _commit(self, batch: Sequence[_Work]) -> None:
        if self._failure is None:
            try:
                rows = self._rows(batch)
                if rows:
                    stop = self.stopwatch() if self.stopwatch is not None else None
                    if self._at_disk.locked():
                        self._at_disk.release()
                    self._insert(rows)
                    if stop is not None:
                        stop()
            except Exception as error:  # noqa: BLE001  # whatever it fails with, it is told
                self._failure = error
            else:
                if rows:
                    self._seq, self._digest = rows[-1][0], rows[-1][-1]
        for work in batch:
            work.done(self._failure, work.about)

    def _rows(self, batch: Sequence[_Work]) -> list[Row]:
        seq, digest = self._seq, self._digest
        rows: list[Row] = []
        for work in batch:
            for draft in work.drafts if work.making is None else work.making():
                seq += 1
                digest = link(digest, seq, draft)
                rows.append((seq, *draft, digest))
        return rows


def entry_of(row: Row) -> Entry:
    """Return a row as an entry."""
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


def sound(chain: Chain) -> Chain:
    """
    Return a chain that holds to its end.

    Raises:
        ConfigurationError: It does not.
    """
    if chain.first_broken is not None:
        raise ConfigurationError(
            "the journal was changed by hand: "
            f"entry {chain.first_broken} does not fit the one before",
            hint="restore the file from a backup, or start with an empty IBKR_STATE_DIR",
        )
    return chain


def follow(entries: Iterable[Entry], *, after: int = 0, digest: str = GENESIS) -> Chain:
    """
    Follow the chain and say how far it holds.

    Args:
        entries: From the first on, or from the one `after` that entry, whose digest is `digest`.
    """
    seq = after
    for entry in entries:
        texts = (
            entry.time,
            entry.kind,
            entry.key,
            entry.correlation_id,
            entry.cause,
            entry.body,
        )
        following = link(digest, entry.seq, texts)
        if entry.seq != seq + 1 or following != entry.digest:
            return Chain(entries=seq, head=digest, first_broken=seq + 1)
        seq, digest = entry.seq, following
    return Chain(entries=seq, head=digest)


def no_journal(place: object) -> ConfigurationError:
    """Return the error of who wants to read a journal that nobody has begun."""
    return ConfigurationError(
        f"there is no journal at {place}",
        hint="nothing was ordered with this profile, mode and client id, each of which has a "
        "journal of its own: name another one, or place an order first",
    )
