"""
The ledger on its loop: every change goes to the journal, wakes whoever waits, and is told.

Owns the one way in which the ledger of a running desk changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import RequestTimeoutError
from ibkr_connector.model.orders import OrderReport, SendDisposition
from ibkr_connector.resilience.timers import Timers

from .entry import OrderEntry
from .evidence import Seen, move
from .feed import EventFeed
from .journal import Journal
from .ledger import Ledger
from .notes import Note
from .retention import Retention
from .states import Event, State

__all__ = ["MOMENT_S", "Book"]

MOMENT_S: Final = 5.0

Condition = Callable[[OrderEntry], bool]


class Book:
    """
    A ledger with its journal and its waiters; lives on one loop.

    `moment_s` is how long a wait goes on for executions of an order that is over.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        on_report: Callable[[OrderReport], None] | None = None,
        moment_s: float = MOMENT_S,
    ) -> None:
        self.ledger: Final = Ledger()
        self.journal: Final = journal
        self.clock: Final = clock
        self.feed: Final = EventFeed()
        self.retention: Final = Retention(ledger=self.ledger, journal=journal, clock=clock)
        self.watchers: Final = self.feed.watchers
        self._timers = Timers(clock)
        self._on_report = on_report
        self._moment_s = moment_s
        self._is_closed = False
        self._waiting: dict[str, list[tuple[Condition, asyncio.Future[None]]]] = {}

    async def open(self) -> None:
        """
        Read the journal; what an earlier process left without an answer is uncertain from here on.

        Raises:
            ConfigurationError: The journal cannot be understood.
        """
        notes = await self.journal.opening_notes()
        self.retention.learn(notes)
        self.ledger.replay(notes)
        for entry in tuple(self.ledger):
            if entry.state in (State.INTENDED, State.SENT):
                # between the intent and the note that the bytes left, nobody knows how far they got
                unknown = entry.disposition is SendDisposition.UNSENT
                self.move(
                    entry.key,
                    Event.LOSE,
                    cause="restart",
                    reason="the process ended before the broker had answered",
                    disposition=SendDisposition.MAYBE_WRITTEN if unknown else None,
                )

    async def forget_for_ever(self, keep_s: float) -> None:
        """Let closed orders for which nobody waits leave memory, as long as the desk lives."""
        await self.retention.run(keep_s, self._waiting)

    def take(self, seen: Seen) -> Seen:
        """Write down what was recorded, and tell those who wait for it."""
        notes = seen.notes
        if not notes:  # the broker repeats itself: most of its messages say nothing new
            return seen
        self.journal.post(notes)
        self.feed.tell(notes, self.ledger)
        # all of them are of one order; what an execution cost can come before anything else of it
        entry = self.ledger.entry(notes[0].key)
        if entry is not None:
            self._wake(entry)
            for watch in self.watchers:
                watch(entry)
            if self._on_report is not None:
                self._on_report(self.ledger.get(entry.key).report())
        return seen

    def note(self, notes: Sequence[Note]) -> None:
        """Write down what changes no order, and tell it."""
        self.journal.post(notes)
        self.feed.tell(notes, self.ledger)

    def move(
        self,
        key: str,
        event: Event,
        *,
        cause: str,
        reason: str = "",
        disposition: SendDisposition | None = None,
    ) -> None:
        """Make a step of our own."""
        self.take(
            move(
                self.ledger,
                key,
                event,
                at=self.clock.utcnow(),
                cause=cause,
                reason=reason,
                disposition=disposition,
            )
        )

    async def until(
        self, key: str, condition: Condition, *, timeout_s: float | None = None
    ) -> OrderEntry:
        """
        Wait until the order meets the condition and return it.

        Raises:
            TimeoutError: It did not within `timeout_s`.
        """
        entry = self.ledger.get(key)
        if condition(entry):
            return entry
        await self._woken((key,), condition, timeout_s)
        return self.ledger.get(key)

    async def until_told(
        self, key: str, condition: Condition, *, timeout_s: float | None = None
    ) -> OrderEntry:
        """
        Wait as `until` does, and a moment more for the executions of an order that is over.

        The broker's word that it is filled may come first. What has not come in that moment, or by
        the deadline, is missing in the entry, which says so.

        Raises:
            TimeoutError: It did not meet the condition within `timeout_s`.
        """
        ends_at = None if timeout_s is None else self.clock.monotonic() + timeout_s
        entry = await self.until(key, condition, timeout_s=timeout_s)
        while entry.lags and not self._is_closed:
            left_s = self._left(ends_at)
            moment_s = self._moment_s if left_s is None else min(self._moment_s, left_s)
            try:
                await self.until(key, self._is_told, timeout_s=moment_s)
            except TimeoutError:
                return self.ledger.get(key)
            # an execution that was corrected may have taken back what was waited for
            entry = await self.until(key, condition, timeout_s=self._left(ends_at))
        return entry

    def _is_told(self, entry: OrderEntry) -> bool:
        return not entry.lags or self._is_closed

    def _left(self, ends_at: float | None) -> float | None:
        return None if ends_at is None else max(ends_at - self.clock.monotonic(), 0.0)

    async def until_any(
        self, keys: Sequence[str], condition: Callable[[], bool], *, timeout_s: float
    ) -> None:
        """
        Wait until a condition on several orders is met; each change of one of them is looked at.

        Raises:
            TimeoutError: It was not within `timeout_s`.
        """
        if not condition():
            await self._woken(keys, lambda _: condition(), timeout_s)

    async def until_report(
        self,
        key: str,
        condition: Callable[[OrderReport], bool],
        *,
        timeout_s: float | None = None,
    ) -> OrderReport:
        """
        Wait until the order's report meets the condition, and return it.

        Of an order that is over its executions are waited for as well, as by `until_told`.

        Raises:
            RequestTimeoutError: It did not within `timeout_s`.
        """
        try:
            entry = await self.until_told(
                key, lambda now: condition(now.report()), timeout_s=timeout_s
            )
        except TimeoutError as error:
            entry = self.ledger.get(key)
            raise RequestTimeoutError(
                f"order {entry.order_id} is still {entry.status} after {timeout_s} s",
                request_id=entry.order_id,
                disposition=entry.disposition,
            ) from error
        return entry.report()

    async def _woken(
        self, keys: Sequence[str], condition: Condition, timeout_s: float | None
    ) -> None:
        met = asyncio.get_running_loop().create_future()
        waiter = (condition, met)
        for key in keys:
            self._waiting.setdefault(key, []).append(waiter)
        timer = None
        if timeout_s is not None:
            timer = self._timers.call_at(self.clock.monotonic() + timeout_s, lambda: _too_late(met))
        try:
            await met
        finally:
            if timer is not None:
                timer.cancel()
            for key in keys:
                waiters = self._waiting[key]
                waiters.remove(waiter)
                if not waiters:
                    del self._waiting[key]

    def wake(self, key: str) -> None:
        """Let those who wait for this order look again; one that was forgotten has nobody."""
        entry = self.ledger.entry(key)
        if entry is not None:
            self._wake(entry)

    def _wake(self, entry: OrderEntry) -> None:
        for condition, met in self._waiting.get(entry.key, ()):
            if not met.done() and condition(entry):
                met.set_result(None)

    def wake_all(self) -> None:
        """Let everybody look again."""
        for key in tuple(self._waiting):
            self.wake(key)

    async def aclose(self) -> None:
        """End the timers and the streams of events."""
        self._is_closed = True
        self.wake_all()
        self.feed.close()
        await self._timers.aclose()


def _too_late(met: asyncio.Future[None]) -> None:
    if not met.done():
        met.set_exception(TimeoutError())
