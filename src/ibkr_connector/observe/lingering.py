"""
A queue whose reader waits a moment before he takes what has gathered.

He and an I/O loop share one interpreter: an order should not meet him half way, and what belongs
together wakes him once.
"""

from __future__ import annotations

import queue
import threading
from typing import Any, Final

__all__ = ["Lingering", "Mark"]

LINGER_S: Final = 0.05


class Mark:
    """Stands in a queue for everything before it."""

    def __init__(self) -> None:
        self.reached = threading.Event()


class Lingering:
    """As much of a queue as `logging`'s listener wants; any thread puts, one takes."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._is_ending = False
        self.put_nowait = self._items.put

    def get(self, block: bool) -> Any:  # noqa: FBT001  # the listener's own words
        """Take the oldest, and wait for one."""
        del block  # the listener always waits
        try:
            return self._items.get_nowait()
        except queue.Empty:
            first = self._items.get()
            self._hurry.wait(LINGER_S)
            return first

    def hurry(self) -> None:
        """Linger no more: nothing comes behind what is in it."""
        self._is_ending = True
        self._hurry.set()

    def flush(self, timeout_s: float) -> None:
        """Wait until the reader has come to a mark behind everything that is in it now."""
        passed = Mark()
        self._hurry.set()
        self.put_nowait(passed)
        passed.reached.wait(timeout_s)
        if not self._is_ending:
            self._hurry.clear()
