"""
From the thread that logs to the one that writes: a record is carried over and rendered there.

Owns: that a thread which logs pays for a record and a place in a queue, and for no formatting and
no disk; that records come out in order, and all of them, also at the end of the program; and that a
forked child goes on to log.

*limit*: a record's extra fields are rendered later than they were given; what changes meanwhile is
told as it is then. The message itself is made at once. The queue has no bound: a disk that hangs
makes it grow.
"""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from contextlib import nullcontext
from logging.handlers import QueueListener
from typing import Any, Final

from .correlation import current_correlation_id
from .lingering import Lingering, Mark

__all__ = ["QueuedHandler", "said", "stamp"]

FLUSH_S: Final = 5.0


def stamp(record: logging.LogRecord) -> logging.LogRecord:
    """Give a record the id of the call under way, unless it brings one."""
    if not getattr(record, "correlation_id", ""):
        record.correlation_id = current_correlation_id()
    return record


def said(record: logging.LogRecord) -> str:
    """Return a record's message; one that cannot be made is told as such, and not lost."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # what was logged is somebody else's
        return f"{record.msg!s} (its arguments cannot be told: {type(error).__name__})"


class QueuedHandler(logging.Handler):
    """Hands records to `target` on a thread of its own, which begins with the first record."""

    def __init__(self, target: logging.Handler) -> None:
        super().__init__()
        self.target = target
        self._begin()
        _LIVING.add(self)

    def _begin(self) -> None:
        self._queue = Lingering()
        self._listener: _Listener | None = None
        self._is_over = False

    def emit(self, record: logging.LogRecord) -> None:
        stamp(record)
        record.message = said(record)
        if self._is_over:
            self.target.handle(record)
            return
        if self._listener is None:
            self._listener = _Listener(self._queue, self.target)
            self._listener.start()
        self._queue.put_nowait(record)

    def flush(self) -> None:
        """Wait until everything that was logged so far is written."""
        if self._listener is not None and not self._is_over:
            self._queue.flush(FLUSH_S)
        self.target.flush()

    def close(self) -> None:
        """Write what waits, end the thread, close the target; idempotent."""
        self.finish()
        self.target.close()
        super().close()

    def finish(self) -> None:
        """Write what waits and end the thread; what comes later is written where it is logged."""
        # under the lock that `emit` is called under: nothing comes behind the sign to stop
        with self.lock or nullcontext():
            listener, self._listener = self._listener, None
            self._is_over = True
        if listener is not None:
            self._queue.hurry()
            listener.stop()

    def after_fork(self) -> None:
        """Begin anew in a child: the thread is the parent's, and so is what waited for it."""
        self._begin()


class _Listener(QueueListener):
    def __init__(self, queue: Lingering, target: logging.Handler) -> None:
        super().__init__(queue, target)  # type: ignore[arg-type]  # it asks for no more than this

    def handle(self, record: Any) -> None:
        if isinstance(record, Mark):
            record.reached.set()
        else:
            super().handle(record)


_LIVING: Final[weakref.WeakSet[QueuedHandler]] = weakref.WeakSet()


@atexit.register
def _finish_all() -> None:
    # the thread is a daemon's: without this, what was logged last would not be told
    for handler in list(_LIVING):
        handler.finish()


def _after_fork() -> None:
    for handler in list(_LIVING):
        handler.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
