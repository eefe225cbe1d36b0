"""
A topic: numbered messages, of which the newest are kept, and readers with a place each.

Owns: that a number is given once, that memory is bounded whatever the readers do, and that a reader
learns what it has missed. A reader is a number only: it holds no messages, so that two hundred slow
ones cost no more than one. Knows no sockets and no streams.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

__all__ = ["Missed", "Place", "Taken", "Topic"]

_AT_ONCE: Final = 64
"""How many messages a reader takes at a time, so that one busy topic starves no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Messages that a reader will never get; `None` when nobody knows how many."""

    count: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reader has taken: what it missed before it, and the messages."""

    missed: Missed | None
    texts: tuple[str, ...]


class Topic:
    """
    The messages of one thing that is followed.

    Args:
        name: What readers call it.
        keep: How many messages are kept.
        is_state: Whether the newest message is the whole picture, so that a new reader gets it at
            once, and one that is behind misses nothing by skipping to it.
    """

    def __init__(self, name: str, *, keep: int, is_state: bool) -> None:
        self.name = name
        self.is_state = is_state
        self.epoch = secrets.token_hex(6)
        """Another one after each restart: numbers of another epoch mean nothing in this one."""
        self._texts: deque[str] = deque(maxlen=keep)
        self._next = 1
        self._wakers: set[Callable[[], None]] = set()
        self.is_over = False

    @property
    def seq(self) -> int:
        """The number of the newest message; 0 before the first."""
        return self._next - 1

    @property
    def oldest(self) -> int:
        """The number of the oldest message that is kept."""
        return self._next - len(self._texts)

    @property
    def readers(self) -> int:
        """How many read it now."""
        return len(self._wakers)

    def put(self, write: Callable[[int], str]) -> None:
        """Add a message; `write` is given its number and returns it."""
        self._texts.append(write(self._next))
        self._next += 1
        self._wake()

    def end(self) -> None:
        """Bring no more; what is kept can still be read."""
        self.is_over = True
        self._wake()

    def join(self, wake: Callable[[], None]) -> None:
        """Wake a reader at each message from now on."""
        self._wakers.add(wake)

    def leave(self, wake: Callable[[], None]) -> None:
        """Wake it no more."""
        self._wakers.discard(wake)

    def since(self, seq: int) -> tuple[str, ...]:
        """Return the kept messages after a number."""
        return tuple(islice(self._texts, max(0, seq + 1 - self.oldest), None))

    def _wake(self) -> None:
        for wake in tuple(self._wakers):
            wake()


class Place:
    """
    Where one reader is in a topic.

    Args:
        topic: What is read.
        epoch: The epoch of `after`, when the reader comes back.
        after: Number of the last message that the reader has had.
    """

    def __init__(self, topic: Topic, *, epoch: str | None = None, after: int | None = None) -> None:
        self.topic = topic
        self.lagged = 0
        self._due: Missed | None = None
        if after is None:
            self._next = max(topic.oldest, topic.seq) if topic.is_state else topic.seq + 1
            return
        if epoch != topic.epoch or not 0 <= after <= topic.seq:
            self._due = Missed(count=None, reason="restarted")
            self._next = topic.oldest
            return
        self._next = after + 1
        if self._next < topic.oldest:
            self._due = Missed(count=topic.oldest - self._next, reason="resumed too late")
            self._next = topic.oldest

    @property
    def is_behind(self) -> bool:
        """Whether there is something to take."""
        return self._due is not None or self._next <= self.topic.seq

    def take(self) -> Taken:
        """Take the next messages; those that were dropped meanwhile are counted."""
        topic, missed = self.topic, self._due
        self._due = None
        if self._next < topic.oldest:
            count = topic.oldest - self._next
            missed = Missed(count=count, reason="lagged")
            self.lagged += count
            self._next = topic.oldest
        texts = topic.since(self._next - 1)[:_AT_ONCE]
        self._next += len(texts)
        return Taken(missed, texts)
