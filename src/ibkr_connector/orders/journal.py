"""
The write-ahead journal of orders: notes on disk, in the order in which things happened.

Owns: how a note looks on disk, and that `append` returns only when it would survive a power cut.
Refuses to know: what follows from a note (the ledger).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError, OrderError
from ibkr_connector.model.record import Record
from ibkr_connector.storage.append import (
    AppendLog,
    check_entries,
    keys_telling,
    read_entries,
    read_since,
)
from ibkr_connector.storage.postgres import (
    PostgresLog,
    PostgresPlace,
    check_table,
    read_table,
    read_table_since,
    table_keys_telling,
)
from ibkr_connector.storage.writer import Chain, Draft, Entry, Writer, sound

from .note_forms import KINDS, WORDS, form
from .note_text import short_text
from .notes import CHECKPOINT, Charged, Filled, Note, Opened
from .posted import Posted

__all__ = [
    "Journal",
    "JournalEntry",
    "Place",
    "check",
    "entries_of",
    "note_of",
    "read",
    "read_about",
    "read_loose",
    "verify",
]

_NEVER: Final = 2**62
"""No journal has so many entries."""

GATHER_S: Final = 0.02
"""
How long notes that nobody waits for are gathered before they go to disk together: long enough that
the disk is not busy with the end of one order when the next one's intent comes, and short enough
that a kill loses little.
"""

AT_ONCE: Final = 64
"""
So many of them are handed to the writer together: an intent stands behind no more than these, and
shares its flush with them.
"""

SHARE: Final = 32
"""Or this part of all that waits, if that is more: a slow disk takes more in one flush."""

_Outcome = tuple[Exception | None, asyncio.Future[None] | None]
"""Why the disk refused, and who waits for it."""

Place = Path | PostgresPlace
"""Where a journal is: a file, or a table of a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry(Record):
    """
    One entry for people and the CLI; `time` is UTC, `body` the note in plain values.

    `digest` ties it to every entry before it.
    """

    seq: int
    time: datetime
    kind: str
    key: str
    correlation_id: str
    cause: str
    body: Mapping[str, Any]
    digest: str


class Journal:
    """
    The journal of one profile; `open` takes it for this process, `aclose` lets it go.

    All methods belong to the loop on which it was opened.
    """

    def __init__(self, log: Writer, path: Place) -> None:
        self._log = log
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._posted = Posted()
        self._flushing: asyncio.TimerHandle | None = None
        self._under_way = 0
        self._outcomes: deque[_Outcome] = deque()
        self._woken = False
        self.on_failure: Callable[[OrderError], None] | None = None
        """Told each time something could not be written."""

    @classmethod
    async def open(cls, path: Place, *, clock: Clock) -> Journal:
        """
        Open the journal at `path`, making file and folders or table, and note that it was opened.

        Raises:
            ConfigurationError: Another connector uses it, or it is damaged or of a newer format.
        """
        journal = cls(await asyncio.to_thread(_open, path), path)
        journal.post([Opened(at=clock.utcnow())])
        return journal

    @property
    def path(self) -> Place:
        """Where it is."""
        return self._path

    def time_commits(self, stopwatch: Callable[[], Callable[[], None]]) -> Callable[[], None]:
        """Time each commit, on the writer's thread; calling what is returned ends it."""
        self._log.stopwatch = stopwatch

        def end() -> None:
            self._log.stopwatch = None

        return end

    async def notes(self) -> tuple[Note, ...]:
        """Return everything written so far, oldest first."""
        self._flush()
        entries = await asyncio.to_thread(_entries, self._path)
        return tuple(_note(entry.kind, entry.seq, entry.body) for entry in entries)

    async def opening_notes(self) -> tuple[Note, ...]:
        """Return what a start needs, oldest first: see `Checkpoint`."""
        self._flush()
        entries = await asyncio.to_thread(_opening, self._path)
        return tuple(_note(entry.kind, entry.seq, entry.body) for entry in entries)

    def notes_of(self, key: str) -> tuple[Note, ...]:
        """
        Return everything written of one order, oldest first; blocks, and may run on any thread.

        A commission that came before its execution was written without a name, and is found too.
        """
        written = [(e.seq, _note(e.kind, e.seq, e.body)) for e in _entries(self._path, key=key)]
        executed = {note.fill.exec_id for _, note in written if isinstance(note, Filled)}
        if executed:
            for entry in _entries(self._path, key=""):
                if entry.kind == WORDS[Charged]:
                    note = _note(entry.kind, entry.seq, entry.body)
                    if isinstance(note, Charged) and note.exec_id in executed:
                        written.append((entry.seq, note))
        return tuple(note for _, note in sorted(written, key=lambda pair: pair[0]))

    async def entries(self, about: str | None = None) -> tuple[JournalEntry, ...]:
        """
        Return everything handed in so far as it is written, oldest first; see `read_about`.

        What the disk refused is not in it; what it took before can still be read.
        """
        with suppress(OrderError):
            await self.append([])
        if about is not None:
            return await asyncio.to_thread(read_about, self._path, about)
        return await asyncio.to_thread(read, self._path)

    def append(self, notes: Sequence[Note]) -> Awaitable[None]:
        """
        Hand notes in, to be written together; what is returned is awaited until they are safe.

        What was posted of the same orders is written before; see `posted.py`.

        A caller that is cancelled meanwhile does not know whether they were written. Awaiting it
        raises `OrderError` when the disk refused: the journal takes nothing more.
        """
        written: asyncio.Future[None] = self._loop.create_future()
        if self._closed:
            written.set_exception(OrderError("the journal is closed"))
            return written
        if not notes or self._posted.leads(notes):
            self._flush()
        try:
            drafts = [_draft(note) for note in notes]
        except Exception as error:  # noqa: BLE001  # it belongs to whoever awaits
            written.set_exception(error)
            return written
        self._log.append(drafts, self._tell, written)
        return written

    def post(self, notes: Sequence[Note]) -> None:
        """
        Write notes behind everything handed in before, without waiting.

        Nobody's next step depends on when they are on disk, so they are gathered for a moment.
        """
        if not notes or self._closed:
            return
        self._posted.add(notes)
        self._gather()

    async def aclose(self) -> None:
        """Write what was handed in and let the file go; idempotent."""
        if not self._closed:
            self._flush()
            self._closed = True
        await asyncio.to_thread(self._log.close)

    def _gather(self) -> None:
        """Have what was posted handed in, in a moment, unless some of it is on its way."""
        if self._posted and self._flushing is None and not self._under_way:
            self._flushing = self._loop.call_later(GATHER_S, self._flush_some)

    def _flush_some(self) -> None:
        self._flush(max(AT_ONCE, len(self._posted) // SHARE))

    def _flush(self, at_most: int | None = None) -> None:
        """Hand in what was posted: all of it, or the oldest."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._posted:
            notes = self._posted.take(at_most)
            self._under_way += 1
            self._log.post(lambda: [_draft(note) for note in notes], self._tell)

    def _go_on(self) -> None:
        """Hand in more of what was posted, when what was before it has been written."""
        if self._closed or self._under_way:
            return
        if len(self._posted) >= AT_ONCE:
            self._flush_some()
        else:
            self._gather()

    def _tell(self, failure: Exception | None, written: asyncio.Future[None] | None) -> None:
        """Bring an outcome home from the writer's thread; one commit wakes the loop once."""
        self._outcomes.append((failure, written))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take_outcomes)

    def _take_outcomes(self) -> None:
        # lowered before anything is taken: what comes from now on wakes the loop again
        self._woken = False
        while self._outcomes:
            self._told(*self._outcomes.popleft())

    def _told(self, failure: Exception | None, written: asyncio.Future[None] | None) -> None:
        error = None
        if failure is not None:
            error = OrderError(
                f"the journal cannot be written: {failure}",
                hint="free the disk or repair it, then restart",
            )
            error.__cause__ = failure
            if self.on_failure is not None:
                self.on_failure(error)
        if written is None:
            self._under_way -= 1
            if failure is None:
                self._go_on()
            return
        if written.done():
            return
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


def read(
    path: Place, *, key: str | None = None, limit: int | None = None
) -> tuple[JournalEntry, ...]:
    """
    Read a journal, oldest first, also while a connector writes to it; blocks.

    `key` picks one order, by its reference; `limit` keeps the newest entries.

    Raises:
        ConfigurationError: There is none at `path`, or it is not a journal.
    """
    return tuple(_public(entry) for entry in _entries(path, key=key, limit=limit))


def entries_of(path: Place) -> list[Entry]:
    """Return every entry as it is stored, oldest first; blocks. Raises as `read`."""
    return _entries(path)


def read_about(path: Place, name: str) -> tuple[JournalEntry, ...]:
    """
    Read everything of the orders that bear a name, oldest first; blocks.

    The name is an order id, a permanent id, a reference or a `client_order_id`. Orders that only
    seem to bear it may be among them; commissions without an order are.

    Raises:
        ConfigurationError: There is none at `path`, or it is not a journal.
    """
    words = [f'"client_order_id":{TypeAdapter(str).dump_json(name).decode()}']
    if name.lstrip("-").isdecimal():
        fields = ("order_id", "perm_id")
        words += [f'"{field}":{name}{end}' for field in fields for end in ",}"]
    if isinstance(path, PostgresPlace):
        keys = table_keys_telling(path, words)
    else:
        keys = keys_telling(path, words)
    return tuple(map(_public, _since(path, _NEVER, [name, *keys])))


def read_loose(path: Place, kind: type[Note]) -> tuple[JournalEntry, ...]:
    """Read the entries of one kind that are about no order, oldest first; blocks."""
    found = _entries(path, key="")
    return tuple(_public(entry) for entry in found if entry.kind == WORDS[kind])


def note_of(entry: JournalEntry) -> Note:
    """
    Return the note that an entry holds.

    Raises:
        ConfigurationError: It is of a kind that this version does not know.
    """
    return _note(entry.kind, entry.seq, json.dumps(dict(entry.body)))


def check(path: Place) -> Chain:
    """
    Follow the chain from the first entry and say how far it holds. Blocks.

    Raises:
        ConfigurationError: There is none at `path`, or it is not a journal.
    """
    return check_table(path) if isinstance(path, PostgresPlace) else check_entries(path)


def verify(path: Place) -> int:
    """
    Check that no entry was changed, removed or put in between; return how many there are. Blocks.

    Raises:
        ConfigurationError: With the number of the first entry that does not fit.
    """
    return sound(check(path)).entries


def _open(path: Place) -> Writer:
    if isinstance(path, PostgresPlace):
        return PostgresLog.open(path, anchor=CHECKPOINT)
    return AppendLog.open(path, anchor=CHECKPOINT)


def _opening(path: Place) -> list[Entry]:
    newest = _entries(path, key=CHECKPOINT, limit=1)
    if not newest:
        return _entries(path)
    return _since(path, newest[0].seq, json.loads(newest[0].body)["live"])


def _since(path: Place, seq: int, keys: Sequence[str]) -> list[Entry]:
    loose = WORDS[Charged]
    if isinstance(path, PostgresPlace):
        return read_table_since(path, seq, keys=keys, loose=loose)
    return read_since(path, seq, keys=keys, loose=loose)


def _entries(path: Place, *, key: str | None = None, limit: int | None = None) -> list[Entry]:
    if isinstance(path, PostgresPlace):
        return read_table(path, key=key, limit=limit)
    return read_entries(path, key=key, limit=limit)


def _draft(note: Note) -> Draft:
    word = WORDS[type(note)]
    body = short_text(note)
    return Draft(
        time=note.at.isoformat(),
        kind=word,
        key=note.key,
        correlation_id=note.correlation_id,
        cause=note.cause,
        body=form(word).dump_json(note).decode() if body is None else body,
    )


def _public(entry: Entry) -> JournalEntry:
    return JournalEntry(
        seq=entry.seq,
        time=datetime.fromisoformat(entry.time),
        kind=entry.kind,
        key=entry.key,
        correlation_id=entry.correlation_id,
        cause=entry.cause,
        body=json.loads(entry.body),
        digest=entry.digest,
    )


def _note(kind: str, seq: int, body: str) -> Note:
    try:
        if kind not in KINDS:
            raise ConfigurationError(
                f"the journal has an entry of the unknown kind {kind!r}",
                hint="use the version of the package that wrote it",
            )
        note: Note = form(kind).validate_json(body)
    except ValidationError as error:
        raise ConfigurationError(
            f"entry {seq} of the journal cannot be read",
            hint="use the version of the package that wrote it",
        ) from error
    return note
