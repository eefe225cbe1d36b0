"""
Brackets that have lost an exit although their entry has traded: what is held has no way out.

The broker can refuse a stop or a target when it wakes it, long after the bracket was placed, or
cancel one that nobody asked to cancel. Nothing is repaired here: a second stop beside a target that
still works could sell twice, and whoever holds the position may have acted already. It is told: in
the log, as an event, and in the status until it is over.

Owns: when an exit counts as lost. One that ended because the other was filled is none, and which
message comes first is chance, so the broker is asked before anything is said.
It is over when the exits have closed what was entered, when you have cancelled what was left of
them since, or when the bracket has left memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ibkr_connector.errors import IBKRError

from .book import Book
from .entry import ZERO, OrderEntry
from .events import BracketBroken
from .inquiry import Inquiry
from .jobs import Jobs
from .ledger import Ledger
from .states import Event, State

__all__ = ["LostExits", "exits_of"]

_log = logging.getLogger("ibkr_connector.orders")

_EXITS: Final = 2


@dataclass(slots=True)
class _Turn:
    """
    When, counted in steps of all exits, an exit was last `asked` to cancel and last `moved` to
    another state; `taken` of its own steps are counted.
    """

    taken: int = 0
    asked: int = 0
    moved: int = 0


class LostExits:
    """Watch brackets; lives on the desk's loop."""

    def __init__(self, *, book: Book, inquiry: Inquiry, jobs: Jobs, window_s: float) -> None:
        self._book = book
        self._ledger = book.ledger
        self._inquiry = inquiry
        self._jobs = jobs
        self._window_s = window_s
        self._heads: dict[str, str] = {}
        self._checking: set[str] = set()
        self._told: dict[str, str] = {}
        self.sentences: tuple[str, ...] = ()
        """What is wrong now, bracket by bracket."""

        self._turns: dict[str, _Turn] = {}
        self._steps = 0
        book.ledger.on_change.append(self._count)
        book.watchers.append(self._watch)
        book.retention.on_forgotten.append(self._forget)

    def suspect(self, head: OrderEntry) -> None:
        """Look at a bracket of which an exit has ended otherwise than by a fill."""
        for one in (head, *exits_of(self._ledger, head)):
            self._heads[one.key] = head.key
        self._consider(head)

    def look_at_all(self) -> None:
        """Look at everything that is known: an exit may have ended while nobody listened."""
        for entry in tuple(self._ledger):
            if _has_ended(entry):
                self._watch(entry)

    def _count(self, key: str, entry: OrderEntry | None) -> None:
        """
        Note in which turn the steps of exits were taken, those of the journal before all others.

        Their times do not tell that: a clock can have been set back since the last process wrote.
        """
        if entry is None or entry.parent_id is None:
            self._turns.pop(key, None)
            return
        taken = len(entry.transitions)
        turn = self._turns.get(key) if taken else None
        if turn is None:  # a new one, or one that is read from the journal again
            turn = self._turns[key] = _Turn()
        self._steps += 1
        for step in entry.transitions[turn.taken :]:
            if step.event == Event.ASK_CANCEL:
                turn.asked = self._steps
            if step.source != step.target:
                turn.moved = self._steps
        turn.taken = taken

    def _watch(self, entry: OrderEntry) -> None:
        head_key = self._heads.get(entry.key)
        if head_key is not None:
            head = self._ledger.entry(head_key)
            if head is not None:
                self._consider(head)
        elif _has_ended(entry) and entry.parent_id is not None:
            head = self._ledger.by_order_id(entry.client_id, entry.parent_id)
            if head is not None and head.is_own:
                self.suspect(head)

    def _consider(self, head: OrderEntry) -> None:
        if head.key in self._told:
            self._judge(head)
        elif head.key not in self._checking and self._is_bare(head):
            self._checking.add(head.key)
            self._jobs.spawn(self._check(head.key))

    async def _check(self, key: str) -> None:
        try:
            # the fill that ended the exit may be on its way
            await self._book.clock.sleep(self._window_s)
            head = self._ledger.entry(key)
            if head is not None and self._is_bare(head):
                await self._inquiry.look()
        except IBKRError as error:
            _log.warning("the broker could not be asked about a bracket: %s", error)
        finally:
            self._checking.discard(key)
        head = self._ledger.entry(key)
        if head is not None:
            self._judge(head)

    def _judge(self, head: OrderEntry) -> None:
        if not self._is_bare(head):
            if self._told.pop(head.key, None) is not None:
                self._publish()
            return
        exits = exits_of(self._ledger, head)
        lost = [one for one in exits if _has_ended(one)]
        what = ", ".join(f"order {one.order_id} {one.status}: {one.reason}" for one in lost)
        left = _left(head, exits)
        sentence = (
            f"the bracket of order {head.order_id} holds {left} {head.contract.symbol} and has "
            f"lost an exit ({what.rstrip(': ')}); close the position or place another exit"
        )
        is_new = head.key not in self._told
        self._told[head.key] = sentence
        self._publish()
        if is_new:
            _log.critical("%s", sentence)
            self._book.feed.publish(
                BracketBroken(
                    at=self._book.clock.utcnow(),
                    report=head.report(),
                    lost=tuple(one.report() for one in lost),
                    left=left,
                )
            )

    def _is_bare(self, head: OrderEntry) -> bool:
        exits = exits_of(self._ledger, head)
        return (
            any(map(_has_ended, exits)) and _left(head, exits) > 0 and not self._taken_over(exits)
        )

    def _taken_over(self, exits: Iterable[OrderEntry]) -> bool:
        """Whether you cancelled what was left of the exits once the others were lost."""
        asked = lost = 0
        for one in exits:
            if one.is_open:
                return False
            turn = self._turns[one.key]
            asked = max(asked, turn.asked)
            if _has_ended(one):
                lost = max(lost, turn.moved)
        # what you cancelled while the other still worked says nothing of its loss
        return asked > lost

    def _forget(self, key: str) -> None:
        self._heads.pop(key, None)
        if self._told.pop(key, None) is not None:
            self._publish()

    def _publish(self) -> None:
        self.sentences = tuple(self._told.values())


def exits_of(ledger: Ledger, head: OrderEntry) -> list[OrderEntry]:
    """Return the exits of a bracket of ours: their ids follow that of its entry."""
    ids = (type(head.order_id)(head.order_id + nth) for nth in range(1, _EXITS + 1))
    found = (ledger.by_order_id(head.client_id, one) for one in ids)
    # ids can restart after a reset of the gateway, so an older order may have had the same
    return [
        one
        for one in found
        if one is not None
        and one.is_own
        and one.parent_id == head.order_id
        and one.created >= head.created
    ]


def _has_ended(entry: OrderEntry) -> bool:
    """Whether an exit has ended, whole or in part, without a fill and without our asking."""
    ended = entry.state is State.REJECTED or entry.state is State.CANCELLED
    return ended and entry.parent_id is not None and not entry.cancel_asked


def _left(head: OrderEntry, exits: Iterable[OrderEntry]) -> Decimal:
    return head.filled - sum((one.filled for one in exits), ZERO)
