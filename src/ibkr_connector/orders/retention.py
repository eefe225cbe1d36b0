"""
Closed orders leave memory after a while, and come back from the journal when somebody asks.

Owns: when nothing can happen to an order any more, so that it may be forgotten, and how one that
was forgotten is remembered: its notes are read again, and make the same order they made before.
Refuses to know: what an order is (the ledger), and how notes look on disk (the journal).

What is never forgotten: what is open, what belongs together with something open (bracket, OCA
group, another attempt under the same key), executions that are missing or not charged yet (for a
week; then no broker tells of them), and what somebody waits for. The broker's lists reach back to
midnight, so with the usual time nothing is asked about that was forgotten; when the broker speaks
of such an order all the same, it is read on the spot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import ConfigurationError
from ibkr_connector.model.ids import ClientId, OrderId

from .entry import OrderEntry
from .journal import Journal
from .ledger import Ledger
from .notes import Checkpoint, Note
from .references import PREFIX, order_ref

__all__ = ["KEEP_CLOSED_S", "Retention", "settled"]

_log = logging.getLogger("ibkr_connector.orders")

KEEP_CLOSED_S: Final = 36 * 3600.0
"""Longer than the broker's lists reach back, whatever zone its midnight is in."""

SWEEP_S: Final = 600.0
GIVE_UP: Final = timedelta(days=7)
"""TWS tells executions of seven days at the most."""


class Retention:
    """Forget and remember; lives on the desk's loop."""

    def __init__(self, *, ledger: Ledger, journal: Journal, clock: Clock) -> None:
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._used: dict[str, datetime] = {}
        self._clients: set[ClientId] = set()
        self._nowhere: set[str] = set()
        self.on_forgotten: list[Callable[[str], object]] = []
        """Told each key that is forgotten, so that others forget it too."""
        ledger.recall = self._recall_now

    def learn(self, notes: Iterable[Note]) -> None:
        """Take in what a start reads: what was forgotten before stays in the journal."""
        for note in notes:
            if isinstance(note, Checkpoint):
                self._clients |= note.highest.keys()

    @property
    def has_forgotten(self) -> bool:
        """Whether the journal may know more orders than memory."""
        return bool(self._clients)

    async def run(self, keep_s: float, held: Container[str]) -> None:
        """Forget now, and again and again."""
        while True:
            self.sweep(keep_s, held)
            await self._clock.sleep(SWEEP_S)

    def sweep(self, keep_s: float, held: Container[str]) -> int:
        """Forget what has been settled for so long and is not `held`; return how many."""
        now = self._clock.utcnow()
        before = now - timedelta(seconds=keep_s)
        keys = settled(
            self._ledger,
            before=before,
            give_up=now - GIVE_UP,
            in_use=lambda key: key in held or self._used.get(key, before) > before,
        )
        self._clients |= {e.client_id for e in map(self._ledger.get, keys) if e.is_own}
        self._ledger.forget(keys)
        if keys:
            self._journal.post([self._checkpoint(now)])
        for key in keys:
            self._used.pop(key, None)
            for forget in self.on_forgotten:
                forget(key)
        return len(keys)

    async def recall(self, key: str) -> bool:
        """
        Read an order of ours again that was forgotten; tell whether it is in memory now.

        Raises:
            ConfigurationError: The journal cannot be read.
        """
        if key not in self._ledger and self.has_forgotten:
            notes = await asyncio.to_thread(self._journal.notes_of, key)
            self._restore(key, notes)
        return key in self._ledger

    async def recall_placed(self, client_order_id: str | None) -> None:
        """
        Read every order again that was placed under that key of the caller.

        Raises:
            ConfigurationError: The journal cannot be read: a key cannot be said to be free.
        """
        if client_order_id is None:
            return
        entry = self._ledger.by_client_order_id(client_order_id)
        if entry is not None:
            # whoever asks is about to decide by it: it must not go meanwhile
            self._used[entry.key] = self._clock.utcnow()
        # one attempt may be back already because somebody asked for it: the others count too
        for client_id in tuple(self._clients):
            attempt = 1
            while await self.recall(_ref(client_order_id, client_id, attempt)):
                attempt += 1

    def _checkpoint(self, now: datetime) -> Checkpoint:
        """Tell what a start needs; orders of others are told by the broker."""
        clients = self._clients | {entry.client_id for entry in self._ledger}
        return Checkpoint(
            at=now,
            live=tuple(entry.key for entry in self._ledger if entry.is_own),
            highest={one: self._ledger.highest_order_id(one) for one in sorted(clients)},
        )

    def _recall_now(self, reference: str) -> None:
        """Read an order of which the broker speaks; blocks the loop for a moment, which is rare."""
        if not self.has_forgotten or not reference.startswith(PREFIX) or reference in self._nowhere:
            return
        try:
            # a database is read through a loop of its own, and this thread has one
            with ThreadPoolExecutor(max_workers=1) as reader:
                notes = reader.submit(self._journal.notes_of, reference).result()
        except ConfigurationError as error:
            _log.error("an order of the journal cannot be looked at: %s", error)
            return
        self._restore(reference, notes)
        if reference not in self._ledger:
            self._nowhere.add(reference)

    def _restore(self, key: str, notes: Sequence[Note]) -> None:
        if notes and key not in self._ledger:
            self._ledger.restore(notes)
            self._used[key] = self._clock.utcnow()


def settled(
    ledger: Ledger, *, before: datetime, give_up: datetime, in_use: Callable[[str], bool]
) -> list[str]:
    """
    Return the orders that nothing has happened to since `before`, and to which nothing will.

    An order whose executions or commissions are not complete counts from `give_up` on.
    """
    families: set[tuple[ClientId, OrderId]] = set()
    groups: set[str] = set()
    for entry in ledger.open_entries():
        families |= {(entry.client_id, one) for one in (entry.order_id, entry.parent_id) if one}
        groups |= {entry.terms.oca_group} if entry.terms.oca_group else set()
    chosen = [
        entry
        for entry in ledger
        if not entry.is_open
        and entry.updated <= (before if _is_complete(entry) else min(before, give_up))
        and (entry.client_id, entry.order_id) not in families
        and (entry.client_id, entry.parent_id) not in families
        and entry.terms.oca_group not in groups
        and not in_use(entry.key)
    ]
    # attempts under one key are counted, so they are kept or forgotten together
    going = {entry.key for entry in chosen}
    staying = {entry.client_order_id for entry in ledger if entry.key not in going}
    return [e.key for e in chosen if e.client_order_id is None or e.client_order_id not in staying]


def _is_complete(entry: OrderEntry) -> bool:
    return entry.filled <= entry.executed and all(
        f.commission is not None for f in entry.told_fills
    )


def _ref(client_order_id: str, client_id: ClientId, attempt: int) -> str:
    return order_ref(client_order_id, client_id=client_id, attempt=attempt, token=str)
