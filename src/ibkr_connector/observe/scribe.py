"""
A thread that does what can wait: whoever has something for it pays for a place in a queue.

It is not woken for each thing, but a moment after the first of several: a thread that wakes beside
an I/O loop takes the interpreter from it just when an order is under way. What is put in is handled
in order, and all of it, also when the scribe is closed; what fails is logged, and the rest goes on.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from .lingering import LINGER_S, Mark

__all__ = ["Later", "Scribe"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

FLUSH_S: Final = 5.0
_MORE: Final = object()
_END: Final = object()

Later = Callable[[float, Callable[[], None]], object]
"""Calls something in so many seconds, as `loop.call_later` does."""


class Scribe(Generic[T]):
    """
    Handles things on a thread of its own, which begins with the first; ended by `close`.

    Args:
        name: Of the thread.
        handle: What is done with each.
        later: How it is woken; at once when not given.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[T], None],
        *,
        later: Later = lambda seconds, call: call(),
    ) -> None:
        self._name = name
        self._handle = handle
        self._later = later
        self._waiting: deque[T | Mark] = deque()
        self._calls: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_due = False

    def put(self, one: T) -> None:
        """Have something handled soon; from one thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._waiting.append(one)
        if not self._is_due:
            self._is_due = True
            self._later(LINGER_S, self._wake)

    def flush(self) -> None:
        """Wait until everything put so far was handled; five seconds at most, from any thread."""
        if self._thread is None:
            return
        mark = Mark()
        self._waiting.append(mark)
        self._wake()
        mark.reached.wait(FLUSH_S)

    def close(self) -> None:
        """Handle what is left and end the thread; blocks. The next thing put begins another."""
        self.flush()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._calls.put(_END)
            thread.join(FLUSH_S)

    def _wake(self) -> None:
        # lowered before anything is taken: what comes from now on wakes it again
        self._is_due = False
        self._calls.put(_MORE)

    def _work(self) -> None:
        while self._calls.get() is _MORE:
            while self._waiting:
                one = self._waiting.popleft()
                if isinstance(one, Mark):
                    one.reached.set()
                    continue
                try:
                    self._handle(one)
                except Exception:  # noqa: BLE001  # exporters and logs' handlers are others'
                    _log.exception("%s could not handle something", self._name)
