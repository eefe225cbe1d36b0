"""Calls for an event loop from any thread, of which those that come together wake it once."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Inbox"]

AT_ONCE: Final = 64
"""So many calls a loop takes in before it looks at its sockets and at what those calls do."""


class Inbox:
    """
    Calls for a loop, from any thread; those that come together wake it once.

    To wake a loop is the dearest part of a call: a write to a pipe, and the other thread's turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._calls: deque[Callable[[], object]] = deque()
        self._woken = False

    def put(self, call: Callable[[], object]) -> None:
        """Run a call on the loop, in order; `RuntimeError` when it is closed."""
        self.add(call)
        self.wake()

    def add(self, call: Callable[[], object]) -> None:
        """As `put`, when the loop is woken."""
        self._calls.append(call)

    def wake(self) -> None:
        """Wake the loop if there are calls for it; `RuntimeError` when it is closed."""
        loop = self._loop()
        if self._calls and not self._woken and loop is not None:
            self._woken = True
            try:
                loop.call_soon_threadsafe(self._empty)
            except RuntimeError:
                self._woken = False
                raise

    def _empty(self) -> None:
        # Two hundred that come together would each wait for the first step of all others: so a few
        # are taken at a time, and while their words are on disk or on the wire, the next.
        calls = self._calls
        try:
            for _ in range(min(AT_ONCE, len(calls))):
                calls.popleft()()
        finally:
            # Lowered before it is looked at: what comes from now on wakes the loop again.
            self._woken = False
            loop = self._loop()
            if calls and loop is not None:
                self._woken = True
                loop.call_soon(self._empty)
