"""
The one door between the user's threads and loops and the connector's own.

A portal is a daemon thread with one event loop. Coroutines enter it from any running loop with
`call`, and from a thread without a loop with `run`; they bring their context variables and take
home their result or their error. It knows nothing of what the work is.

What holds:
    - Called on its own loop, `call` runs in place: no hop.
    - A caller that is cancelled cancels the work, and leaves only when the work has ended.
    - Work that is under way when the portal stops ends, and its callers are told; so are those
      whose work had not begun.
    - The interpreter may exit without `stop`: nothing hangs.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Self, TypeVar, TypeVarTuple, cast

from .errors import NotConnectedError, RequestTimeoutError, WrongThreadError
from .inbox import Inbox

__all__ = ["Portal"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

STOP_S: Final = 5.0
"""How long `stop` waits for the thread by default."""

EXIT_S: Final = 1.0
"""How long a process that exits without `stop` waits for it."""

ROUNDS: Final = 3
"""How often work that does not end is cancelled while stopping; then the loop closes over it."""

ROUND_S: Final = 1.0
"""How long each of those rounds waits."""


class Portal:
    """A thread with an event loop; made with `Portal.start`, ended with `stop`."""

    def __init__(self, name: str, *, new_loop: LoopFactory | None = None) -> None:
        self._new_loop = new_loop
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._open = False
        self._jobs: set[_Job[Any]] = set()
        self._inboxes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox]
        self._inboxes = weakref.WeakKeyDictionary()
        self._told: set[Inbox] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    @classmethod
    def start(cls, name: str, *, new_loop: LoopFactory | None = None) -> Self:
        """
        Start a thread of that name with a loop of its own, and return when it accepts work.

        Args:
            name: Of the thread.
            new_loop: Makes the loop; asyncio does when not given.
        """
        portal = cls(name, new_loop=new_loop)
        portal._thread.start()
        portal._started.wait()
        if not portal._open:
            raise NotConnectedError(f"the I/O thread {name!r} could not start its event loop")
        _LIVING.add(portal)
        return portal

    @property
    def is_running(self) -> bool:
        """Whether work is accepted; false in a forked child, where the thread does not exist."""
        return self._open and self._pid == os.getpid()

    @property
    def owns_current_thread(self) -> bool:
        """Whether the caller is on the portal's own thread."""
        return threading.get_ident() == self._thread.ident and self._pid == os.getpid()

    async def call(
        self,
        fn: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> T:
        """
        Run `fn(*args)` on the portal's loop and return what it returns.

        Args:
            fn: Makes the work.
            *args: For it.
            context: What the work sees of context variables; a copy of the caller's when not given.
                Work that runs in place sees the caller's own.

        Raises:
            NotConnectedError: The portal has been stopped, stops before the work has ended, or
                belongs to the process this one was forked from.
        """
        if self.owns_current_thread:
            return await fn(*args)
        job: _Awaited[T] = _Awaited(self, fn, args=args, context=context)
        self._submit(job)
        try:
            outcome = await job.waiting
        except asyncio.CancelledError:
            # The outcome may be there already, or have come between the cancellation and now: then
            # the work is over. Each further cancellation is passed on, as it would be in place.
            while job.waiting.cancelled() and not job.is_over:
                self._wake(job.cancel)
                job.wait_again()
                with suppress(asyncio.CancelledError):
                    await job.waiting
            raise
        return outcome.unwrap()

    def run(
        self,
        fn: Callable[[], Awaitable[T]],
        timeout_s: float | None = None,
        *,
        beside_a_loop: bool = False,
    ) -> T:
        """
        Block this thread until `fn()` has run on the portal's loop, and return what it returns.

        Raises:
            WrongThreadError: A loop runs in this thread: blocking it would stop everybody on it.
                With `beside_a_loop` that is what the caller wants.
            RequestTimeoutError: No result in time; the work is cancelled and may have been done.
            NotConnectedError: As with `call`.
        """
        if self.owns_current_thread or (_has_running_loop() and not beside_a_loop):
            raise WrongThreadError("a blocking call was made on a thread that runs an event loop")
        job: _Blocking[T] = _Blocking(self, fn)
        self._submit(job)
        try:
            outcome = job.waiting.result(timeout_s)
        except TimeoutError:
            self._wake(job.cancel)
            raise RequestTimeoutError(
                f"no result within {timeout_s} s, the work was cancelled", replay_safe=False
            ) from None
        except BaseException:
            # Ctrl-C: the user's thread goes, and takes its work with it.
            self._wake(job.cancel)
            raise
        return outcome.unwrap()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """
        Cancel what runs, end the thread and wait for it, but not for longer than `timeout_s`.

        Idempotent, from any thread. On the portal's own thread it only starts the end. In a forked
        child it does nothing.
        """
        if self._pid != os.getpid():
            return
        with self._lock:
            was_open, self._open = self._open, False
            if was_open:
                self._wake(self._stopping.set)
        if not self.owns_current_thread:
            self._thread.join(timeout_s)

    # --- on any thread --------------------------------------------------------------------------

    def _submit(self, job: _Job[T]) -> None:
        # asked before the lock: a child that was forked while somebody held it would wait for ever
        if self._pid != os.getpid():
            raise self._closed()
        # Entering the books and reaching the loop are one step, so that a portal that stops
        # meanwhile finds every job either in its books or refused.
        with self._lock:
            if not self._open:
                raise self._closed()
            self._jobs.add(job)
            self._inbox.put(job.begin)

    def _closed(self) -> NotConnectedError:
        if self._pid != os.getpid():
            return NotConnectedError(
                "the connector's I/O thread does not exist in a forked process",
                hint="make a new connector in the child, or start it with 'spawn'",
            )
        return NotConnectedError("the connector has been closed")

    def _wake(self, callback: Callable[[], object]) -> None:
        # A loop that is closed has no work left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    # --- on the portal's thread -----------------------------------------------------------------

    def _main(self) -> None:
        try:
            # ib_async's events look for the thread's current loop; the runner sets only its own
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                asyncio.set_event_loop(runner.get_loop())
                runner.run(self._serve())
        finally:
            self._dismiss()
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._loop)
        self._stopping = asyncio.Event()
        self._open = True
        self._started.set()
        await self._stopping.wait()
        for _ in range(ROUNDS):
            working = [job.task for job in list(self._jobs) if job.task is not None]
            if not working:
                break
            for task in working:
                task.cancel()
            await asyncio.wait(working, timeout=ROUND_S)
        self._dismiss()

    def _dismiss(self) -> None:
        """Take no more work, and tell whoever still waits that none will be done."""
        with self._lock:
            self._open = False
            left, self._jobs = self._jobs, set()
        for job in left:
            job.deliver(_Outcome(error=self._closed()))

    def _send_home(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        # A caller who is woken takes the interpreter from those whose work ends in the same turn:
        # so their loop is woken once, behind the last of them.
        inbox = self._inbox_of(loop)
        inbox.add(call)
        if self._open and not self._told:
            self._loop.call_soon(self._wake_callers)
        self._told.add(inbox)
        if not self._open:  # no turn may come any more
            self._wake_callers()

    def _wake_callers(self) -> None:
        told, self._told = self._told, set()
        for inbox in told:
            # of a loop that is closed there is nobody left to tell
            with suppress(RuntimeError):
                inbox.wake()

    def _inbox_of(self, loop: asyncio.AbstractEventLoop) -> Inbox:
        inbox = self._inboxes.get(loop)
        if inbox is None:
            inbox = self._inboxes[loop] = Inbox(loop)
        return inbox

    def _finished(self, job: _Job[T], outcome: _Outcome[T]) -> None:
        with self._lock:
            self._jobs.discard(job)
            stopping = not self._open
        if stopping and isinstance(outcome.error, asyncio.CancelledError):
            # It was the portal that cancelled the work, and not somebody who knows of it.
            outcome = _Outcome(error=self._closed())
        job.deliver(outcome)


_LIVING: Final[weakref.WeakSet[Portal]] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    # Daemon threads are frozen where they are when the interpreter ends. A loop that is told first
    # ends its work in order; one that does not listen is left behind after a second.
    for portal in list(_LIVING):
        portal.stop(EXIT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome(Generic[T]):
    value: T | None = None
    error: BaseException | None = None

    def unwrap(self) -> T:
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


class _Job(ABC, Generic[T]):
    """One piece of work: begun and cancelled on the portal's thread, delivered from there."""

    __slots__ = ("_args", "_context", "_delivered", "_fn", "_is_called_off", "_portal", "task")

    def __init__(
        self,
        portal: Portal,
        fn: Callable[..., Awaitable[T]],
        *,
        args: tuple[Any, ...] = (),
        context: contextvars.Context | None = None,
    ) -> None:
        self._portal = portal
        self._fn = fn
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self.task: asyncio.Task[T] | None = None
        self._delivered = False
        self._is_called_off = False

    @abstractmethod
    def deliver(self, outcome: _Outcome[T]) -> None:
        """Tell whoever waits, on any thread; once or more often, of which the first counts."""

    def begin(self) -> None:
        if self._is_called_off:
            self._portal._finished(self, _Outcome(error=asyncio.CancelledError()))
            return
        if not self._portal.is_running:
            # it stops: what has not begun does not begin any more
            self._portal._finished(self, _Outcome(error=self._portal._closed()))
            return
        self.task = asyncio.get_running_loop().create_task(self._work(), context=self._context)
        self.task.add_done_callback(self._ended, context=self._context)

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
        else:
            self._is_called_off = True

    async def _work(self) -> T:
        value = await self._fn(*self._args)
        # handed in before the loop comes round to the task's own end, and nothing after
        self._delivered = True
        if self.task is not None:
            self.task.remove_done_callback(self._ended)
        self._portal._finished(self, _Outcome(value=value))
        return value

    def _ended(self, task: asyncio.Task[T]) -> None:
        if self._delivered:
            return
        outcome: _Outcome[T]
        if task.cancelled():
            outcome = _Outcome(error=asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            outcome = _Outcome(error=error)
        else:
            outcome = _Outcome(value=task.result())
        self._portal._finished(self, outcome)


class _Awaited(_Job[T]):
    """Work of somebody who waits for it on a loop of his own."""

    __slots__ = ("_loop", "is_over", "waiting")

    def __init__(
        self,
        portal: Portal,
        fn: Callable[..., Awaitable[T]],
        *,
        args: tuple[Any, ...] = (),
        context: contextvars.Context | None = None,
    ) -> None:
        super().__init__(portal, fn, args=args, context=context)
        self._loop = asyncio.get_running_loop()
        self.is_over = False
        self.waiting: asyncio.Future[_Outcome[T]] = self._loop.create_future()

    def wait_again(self) -> None:
        self.waiting = self._loop.create_future()

    def deliver(self, outcome: _Outcome[T]) -> None:
        self._portal._send_home(self._loop, partial(self._arrive, outcome))

    def _arrive(self, outcome: _Outcome[T]) -> None:
        self.is_over = True
        if not self.waiting.done():
            self.waiting.set_result(outcome)


class _Blocking(_Job[T]):
    """Work of somebody whose thread waits for it."""

    __slots__ = ("waiting",)

    def __init__(self, portal: Portal, fn: Callable[[], Awaitable[T]]) -> None:
        super().__init__(portal, fn)
        self.waiting: concurrent.futures.Future[_Outcome[T]] = concurrent.futures.Future()

    def deliver(self, outcome: _Outcome[T]) -> None:
        if not self.waiting.done():
            self.waiting.set_result(outcome)


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
