"""
How long the desk waits for the broker's first word of an order, and what it does when none comes.

Nothing waits meanwhile but a timer: of nearly every order the broker speaks within a moment.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ibkr_connector.resilience.timers import Timers

from .book import Book
from .inquiry import Inquiry
from .states import Event, State

__all__ = ["Patience"]


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

    def begin(self, key: str, limit_s: float) -> None:
        """Give the broker so long from now on to speak of an order that was sent."""
        # what comes of its silence belongs to the call that placed the order
        context = contextvars.copy_context()

        def over() -> None:
            if self._is_silent(key):
                context.run(self._spawn, self._end(key, limit_s))

        self._timers.call_at(self._book.clock.monotonic() + limit_s, over)

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

    async def _end(self, key: str, waited_s: float) -> None:
        self.give_up([key], waited_s)

    def _is_silent(self, key: str) -> bool:
        # one that was closed long ago may have left memory
        entry = self._book.ledger.entry(key)
        return entry is not None and entry.state is State.SENT
