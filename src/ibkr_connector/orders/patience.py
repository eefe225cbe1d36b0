"""
How long the desk waits for the broker's first word of an order, and what it does when none comes.

Of nearly every order the broker speaks within a moment. So no task and no timer of its own waits
for it: each stands in one queue by the moment at which its time is over, with one timer for all.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from ibkr_connector.observe.correlation import correlation
from ibkr_connector.resilience.timers import Timer, Timers

from .book import Book
from .inquiry import Inquiry
from .states import Event, State

__all__ = ["Patience"]

_NEVER: Final = float("inf")


class Patience:
    """
    Calls orders uncertain of which the broker says nothing; lives on the desk's loop.

    Args:
        book: Knows how far each order is.
        inquiry: Goes on asking about them.
        spawn: Runs a job of the desk.
    """

    def __init__(
        self,
        *,
        book: Book,
        inquiry: Inquiry,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None],
    ) -> None:
        self._book = book
        self._inquiry = inquiry
        self._spawn = spawn
        self._timers = Timers(book.clock)
        self._queue: list[tuple[float, int, str, float]] = []
        self._order = itertools.count()
        self._looks_at = _NEVER
        self._timer: Timer | None = None

    def begin(self, key: str, limit_s: float) -> None:
        """Give the broker so long from now on to speak of an order that was sent."""
        ends_at = self._book.clock.monotonic() + limit_s
        heapq.heappush(self._queue, (ends_at, next(self._order), key, limit_s))
        if ends_at < self._looks_at:
            self._look_at(ends_at)

    def give_up(self, keys: Sequence[str], waited_s: float) -> None:
        """Call uncertain what the broker has not answered of, and go on asking."""
        silent = list(filter(self._is_silent, keys))
        for key in silent:
            self._book.move(
                key,
                Event.LOSE,
                cause="no answer in time",
                reason=f"the broker has not answered within {waited_s} s",
            )
        if silent:
            self._inquiry.follow_up()

    async def aclose(self) -> None:
        """Wait no longer; what is not answered stays as it is."""
        await self._timers.aclose()

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at, self._timer = when, self._timers.call_at(when, self._look)

    def _look(self) -> None:
        queue, now = self._queue, self._looks_at
        self._looks_at = _NEVER
        while queue:
            ends_at, _, key, limit_s = queue[0]
            if self._is_silent(key):
                if ends_at > now:
                    self._look_at(ends_at)
                    return
                self._spawn(self._end(key, limit_s))
            heapq.heappop(queue)

    async def _end(self, key: str, waited_s: float) -> None:
        # what comes of its silence belongs to the call that placed the order
        with correlation(self._book.ledger.get(key).correlation_id or None):
            self.give_up([key], waited_s)

    def _is_silent(self, key: str) -> bool:
        # one that was closed long ago may have left memory
        entry = self._book.ledger.entry(key)
        return entry is not None and entry.state is State.SENT
