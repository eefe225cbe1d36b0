"""
Functions of the user that are called with what streams bring.

Owns: that each has a thread and a loop of its own, so that one that raises, blocks or never returns
harms neither the I/O loop nor any other; and that its errors are counted, logged with its name and
told to whoever asked. Refuses to know: what the streams are. A handler slower than its stream is
the stream's to judge: it keeps the newest, or tells what is missing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

__all__ = ["Handler", "HandlerProblem", "HandlerState", "Handlers", "Handling", "ProblemKind"]

_log = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[object] | object]
"""A function, or a coroutine function, of one record."""

_JOIN_S: Final = 1.0


class ProblemKind(StrEnum):
    """What went wrong with a handler."""

    FAILED = "failed"
    """It raised; it is called with the next record."""

    SLOW = "slow"
    """It has not returned in time; it goes on."""

    REMOVED = "removed"
    """It raised too often in a row, and is not called any more, as was asked for."""

    ENDED = "ended"
    """Its stream ended with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerProblem:
    """One thing that went wrong with a handler; `record` is what it was called with."""

    handler: str
    kind: ProblemKind
    error: BaseException | None = None
    record: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerState:
    """How a handler has fared; `busy_s` is how long the call under way has taken."""

    handler: str
    is_running: bool
    calls: int
    failures: int
    slow: int
    busy_s: float | None


class Handling:
    """
    One handler at one stream, from `Handlers.start` until `stop` or the end of the stream.

    Args:
        stream: What is followed, from the beginning, on the handler's own loop.
        handler: What is called with each record.
        name: What logs and problems call it.
        slow_after_s: A call that takes longer is told of as it takes.
        remove_after: Failures in a row after which it is not called any more; never when `None`.
        tell: Told every problem.
        monotonic: Seconds that never run backwards.
    """

    def __init__(
        self,
        stream: AsyncIterator[Any],
        handler: Handler,
        *,
        name: str,
        slow_after_s: float,
        remove_after: int | None,
        tell: Callable[[HandlerProblem], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.name = name
        self._monotonic = monotonic
        self._stream = stream
        self._handler = handler
        self._slow_after_s = slow_after_s
        self._remove_after = remove_after
        self._tell = tell
        self._calls = self._failures = self._in_a_row = self._slow = 0
        self._busy_since: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = threading.Event()
        self._plain = _PlainCalls(f"ibkr-handler-{name}-call")
        self._thread = threading.Thread(target=self._main, name=f"ibkr-handler-{name}", daemon=True)
        self._thread.start()
        self._begun.wait()

    @property
    def state(self) -> HandlerState:
        """How it has fared so far."""
        since = self._busy_since
        return HandlerState(
            handler=self.name,
            is_running=self._thread.is_alive(),
            calls=self._calls,
            failures=self._failures,
            slow=self._slow,
            busy_s=None if since is None else self._monotonic() - since,
        )

    def stop(self, timeout_s: float = _JOIN_S) -> None:
        """Call it no more, and wait a moment for a call under way; idempotent, from any thread."""
        # A loop that is closed has ended by itself.
        with suppress(RuntimeError):
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    # --- on its own thread ----------------------------------------------------------------------

    def _main(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._follow())
        finally:
            self._begun.set()
            self._plain.end()

    async def _follow(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._begun.set()
        try:
            async for record in self._stream:
                if not await self._call(record):
                    return
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told with its name
            _log.exception("the stream of handler %s has ended", self.name)
            self._problem(ProblemKind.ENDED, error=error)
        finally:
            close = getattr(self._stream, "aclose", None)
            if close is not None:
                await close()

    async def _call(self, record: object) -> bool:
        self._calls += 1
        self._busy_since = self._monotonic()
        work = asyncio.ensure_future(self._work(record))
        try:
            done, _ = await asyncio.wait([work], timeout=self._slow_after_s)
            if not done:
                self._slow += 1
                _log.warning("handler %s takes more than %g s", self.name, self._slow_after_s)
                self._problem(ProblemKind.SLOW, record=record)
            await work
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                work.cancel()
                raise
            # not we were cancelled, but something that the handler waited for
            self._failed(error, record)
        except Exception as error:  # noqa: BLE001  # it is the user's, and may be anything
            self._failed(error, record)
        else:
            self._in_a_row = 0
        finally:
            self._busy_since = None
        if self._remove_after is None or self._in_a_row < self._remove_after:
            return True
        _log.error("handler %s failed %d times in a row and is removed", self.name, self._in_a_row)
        self._problem(ProblemKind.REMOVED, record=record)
        return False

    async def _work(self, record: object) -> None:
        if inspect.iscoroutinefunction(self._handler):
            await self._handler(record)
            return
        result = await self._plain.call(self._handler, record)
        if inspect.isawaitable(result):
            await result

    def _failed(self, error: BaseException, record: object) -> None:
        self._failures += 1
        self._in_a_row += 1
        _log.error("handler %s raised", self.name, exc_info=error)
        self._problem(ProblemKind.FAILED, error=error, record=record)

    def _problem(
        self, kind: ProblemKind, *, error: BaseException | None = None, record: object = None
    ) -> None:
        self._tell(HandlerProblem(handler=self.name, kind=kind, error=error, record=record))


class _PlainCalls:
    """
    Calls of a plain function, one after the other, on a thread that begins with the first.

    Not an executor's: the interpreter waits for those at its end, and a call that never returns
    must not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def call(self, handler: Handler, record: object) -> object:
        """Call it there and return what it returns."""
        outcome: concurrent.futures.Future[object] = concurrent.futures.Future()

        def work() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(handler(record))
            except BaseException as error:  # noqa: BLE001  # it is the user's, and may be anything
                outcome.set_exception(error)

        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(work)
        return await asyncio.wrap_future(outcome)

    def end(self) -> None:
        """Call nothing more; a call that never returns is left behind on its thread."""
        self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            work()


class Handlers:
    """
    All handlers of one connector.

    Args:
        monotonic: Seconds that never run backwards.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._handlings: list[Handling] = []
        self._hooks: list[Callable[[HandlerProblem], object]] = []

    def start(
        self,
        stream: AsyncIterator[Any],
        handler: Handler,
        *,
        name: str | None = None,
        slow_after_s: float = 1.0,
        remove_after: int | None = None,
    ) -> Handling:
        """Begin to call a handler with what a stream brings; see `Handling`."""
        handling = Handling(
            stream,
            handler,
            name=name or str(getattr(handler, "__qualname__", type(handler).__name__)),
            slow_after_s=slow_after_s,
            remove_after=remove_after,
            tell=self._problem,
            monotonic=self._monotonic,
        )
        # in single steps, because other threads may start handlers too
        for ended in [one for one in self._handlings if not one.state.is_running]:
            with suppress(ValueError):
                self._handlings.remove(ended)
        self._handlings.append(handling)
        return handling

    def on_error(self, hook: Callable[[HandlerProblem], object]) -> None:
        """Have every problem told, on the thread of the handler that has it."""
        self._hooks.append(hook)

    def states(self) -> tuple[HandlerState, ...]:
        """Return how each handler has fared."""
        return tuple(handling.state for handling in self._handlings)

    def stop(self) -> None:
        """Stop every handler; idempotent."""
        handlings, self._handlings = self._handlings, []
        for handling in handlings:
            handling.stop()

    def _problem(self, problem: HandlerProblem) -> None:
        for hook in tuple(self._hooks):
            try:
                hook(problem)
            except Exception:  # noqa: BLE001  # it is the user's, and may be anything
                _log.exception("a hook for handlers' errors raised")
