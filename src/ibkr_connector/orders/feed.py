"""
From notes to events, and from the desk's loop to whoever reads them.

Owns: which event a note becomes, that each reader has a bounded buffer, and that a reader who is
too slow is told how much was dropped, in the place where it was.
Refuses to know: threads. A reader on another loop brings the hop with it.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Final, Self, TypeVar

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.model.orders import Fill, Transition

from .drift import Drift, DriftKind
from .entry import OrderEntry
from .events import (
    DriftFound,
    EventsMissed,
    FillBusted,
    FillCharged,
    FillCorrected,
    FillReceived,
    OrderAnomaly,
    OrderChanged,
    OrderEvent,
)
from .ledger import Ledger
from .notes import Charged, Drifted, Filled, Intended, Learned, Met, Moved, Note, Refused

__all__ = ["EventFeed", "EventReader", "OrderEventStream"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

BUFFER: Final = 1024

Tap = Callable[[Sequence[Note], Ledger], None]
"""Called on the desk's loop with the notes of one message; must be quick."""

_ASKED: Final = frozenset({"open orders", "completed orders", "reconciliation"})
"""Causes that are answers: what they tell happened earlier, unheard."""


class EventReader:
    """One reader's buffer; lives on the desk's loop."""

    def __init__(self, feed: EventFeed, buffer: int) -> None:
        self._feed = feed
        self._events: deque[OrderEvent] = deque()
        self._buffer = buffer
        self._first = 0
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.is_closed = False

    def put(self, event: OrderEvent) -> None:
        """Take an event in; the oldest goes when there is no room, which its number betrays."""
        if len(self._events) >= self._buffer:
            self._events.popleft()
            self._first += 1
        self._events.append(event)
        self._more.set()

    async def batch(self, done: int) -> tuple[int, Sequence[OrderEvent]]:
        """
        Wait for events; return them all, and the number of the one to come after them.

        Args:
            done: Number of the first event that the reader has not had. All before it are let go;
                what was fetched and not read, because the reader was cancelled, comes again.

        Returns:
            Nothing, when the feed has ended.
        """
        while self._events and self._first < done:
            self._events.popleft()
            self._first += 1
        while not self._events and not self.is_closed:
            self._more.clear()
            await self._more.wait()
        gap = (EventsMissed(count=self._first - done),) if self._first > done else ()
        return self._first + len(self._events), (*gap, *self._events)

    def close(self) -> None:
        """Take nothing more; what waits is still handed out."""
        self.is_closed = True
        self._feed.forget(self)
        self._more.set()

    def leave(self) -> None:
        """As `close`, from any thread."""
        # A loop that is closed has no feed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.close)


class EventFeed:
    """Tells every reader what notes mean; lives on the desk's loop."""

    def __init__(self) -> None:
        self.watchers: Final[list[Callable[[OrderEntry], None]]] = []
        """Told, on the loop, of each order of which something was recorded; must not raise."""

        self._readers: list[EventReader] = []
        self._taps: tuple[Tap, ...] = ()
        self._closed = False

    def tap(self, tap: Tap) -> Callable[[], None]:
        """Call `tap` with all that is told, at once and here; calling what is returned ends it."""
        self._taps = (*self._taps, tap)

        def remove() -> None:
            self._taps = tuple(one for one in self._taps if one is not tap)

        return remove

    def subscribe(self, *, buffer: int = BUFFER) -> EventReader:
        """
        Begin to collect events for a reader.

        Args:
            buffer: How many events may wait for it.
        """
        if buffer < 1:
            raise ValueError(f"a buffer of {buffer} events holds none")
        reader = EventReader(self, buffer)
        if self._closed:
            reader.is_closed = True
        else:
            self._readers.append(reader)
        return reader

    def forget(self, reader: EventReader) -> None:
        """Stop collecting for a reader."""
        if reader in self._readers:
            self._readers.remove(reader)

    def tell(self, notes: Sequence[Note], ledger: Ledger) -> None:
        """Tell what notes of one message mean; they are in the ledger already."""
        for tap in self._taps:
            try:
                tap(notes, ledger)
            except Exception:  # noqa: BLE001  # what only looks on must not harm an order
                _log.exception("what listens to orders failed: %r", tap)
        if not self._readers:
            return
        # one message is heard at one moment: what follows from a late fill is as late as it
        late = any(isinstance(note, Filled) and note.fill.recovered for note in notes)
        for note in notes:
            for event in _events(note, ledger, late=late or note.cause in _ASKED):
                self.publish(event)

    def publish(self, event: OrderEvent) -> None:
        """Tell every reader of something that is about no order."""
        for reader in tuple(self._readers):
            reader.put(event)

    def close(self) -> None:
        """End every stream behind what it still holds."""
        self._closed = True
        for reader in tuple(self._readers):
            reader.close()


class OrderEventStream:
    """
    An endless stream of order events, read with `async for`.

    It begins with `async with` or with the first event asked for, and ends when the connector is
    closed or the stream is no longer referred to. Cancelling a read loses nothing: the next read
    brings what was due. A reader that is slower than the events, by more than the buffer, gets an
    `EventsMissed` where some are gone.

    Args:
        run: Runs a call on the desk's loop and returns its result here.
        buffer: How many events may wait.
    """

    def __init__(
        self,
        run: Callable[[Callable[[EventFeed], Awaitable[object]]], Awaitable[object]],
        *,
        buffer: int = BUFFER,
    ) -> None:
        self._run = run
        self._buffer = buffer
        self._reader: EventReader | None = None
        self._is_over = False
        self._waiting: deque[OrderEvent] = deque()
        self._done = 0

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderEvent:
        if self._is_over:
            raise StopAsyncIteration
        if not self._waiting:
            reader = await self._begin()

            async def fetch(feed: EventFeed) -> tuple[int, Sequence[OrderEvent]]:
                return await reader.batch(self._done)

            try:
                following, events = await _typed(self._run, fetch)
            except NotConnectedError:
                events = ()  # the connector was closed, and the feed with it
            if not events:
                raise StopAsyncIteration
            self._waiting.extend(events)
            self._done = following
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop collecting, for good; idempotent."""
        self._is_over = True
        self._waiting.clear()
        reader, self._reader = self._reader, None
        if reader is not None and not reader.is_closed:

            async def close(feed: EventFeed) -> None:
                reader.close()

            with suppress(NotConnectedError):  # then the feed is closed already
                await self._run(close)

    async def _begin(self) -> EventReader:
        # events are numbered for each reader: a second one would begin in the middle of the first
        if self._is_over:
            raise StopAsyncIteration
        if self._reader is None:
            made: list[EventReader] = []

            async def subscribe(feed: EventFeed) -> EventReader:
                made.append(feed.subscribe(buffer=self._buffer))
                return made[-1]

            try:
                reader = await _typed(self._run, subscribe)
            except BaseException:
                # whoever is cancelled in the very moment in which it comes has it all the same
                for reader in made:
                    reader.leave()
                raise
            if self._is_over:
                reader.leave()
                raise StopAsyncIteration
            self._reader = reader
            weakref.finalize(self, reader.leave).atexit = False
            return reader
        return self._reader


async def _typed(
    run: Callable[[Callable[[EventFeed], Awaitable[object]]], Awaitable[object]],
    call: Callable[[EventFeed], Awaitable[T]],
) -> T:
    return await run(call)  # type: ignore[return-value]  # it returns what the call returned


def _events(note: Note, ledger: Ledger, *, late: bool) -> Iterable[OrderEvent]:
    entry = ledger.entry(note.key)
    if isinstance(note, Drifted):
        drift = Drift(
            kind=DriftKind(note.kind), subject=note.subject, ours=note.ours, brokers=note.brokers
        )
        yield DriftFound(at=note.at, drift=drift, report=None if entry is None else entry.report())
    if entry is None:
        return
    at, report = note.at, entry.report()
    match note:
        case Moved():
            step = Transition(
                time=at, source=note.source, event=note.event, target=note.target, cause=note.cause
            )
            yield OrderChanged(at=at, report=report, transition=step, recovered=late)
        case Intended() | Met() | Learned():
            yield OrderChanged(at=at, report=report, recovered=late)
        case Filled(fill=fill):
            yield _of_fill(fill, ledger, at=at, late=late, note=note)
        case Charged():
            for fill in entry.fills:
                if fill.exec_id == note.exec_id:
                    yield FillCharged(at=at, report=report, fill=fill, recovered=late)
        case Refused():
            yield OrderAnomaly(at=at, report=report, said=note.said, recovered=late)


def _of_fill(
    fill: Fill, ledger: Ledger, *, at: datetime, late: bool, note: Filled
) -> FillReceived | FillCorrected | FillBusted:
    entry = ledger.get(note.key)
    report, before = entry.report(), ledger.replaced_by(fill.exec_id)
    if not fill.quantity:
        return FillBusted(at=at, report=report, fill=fill, before=before, recovered=late)
    # as it is counted: with its commission, when that came first
    counted = next((one for one in entry.fills if one.exec_id == fill.exec_id), fill)
    if before is not None:
        return FillCorrected(at=at, report=report, fill=counted, before=before, recovered=late)
    return FillReceived(at=at, report=report, fill=counted, recovered=late)
