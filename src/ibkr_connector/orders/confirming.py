"""
A person's word before an order goes, where the user has asked for one.

Owns: that nothing but `True`, in time, is a yes; and that a callback, however it behaves, can hold
up nothing but the order it was asked about. One without an `await` runs in a thread of its own; an
asynchronous one on the loop on which it was given, or without one on a loop of its own.
Nothing ends a thread that does not return: with too many of those, nobody is asked any more, and
that is no yes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError, OrderNotConfirmedError, OrderValidationError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.preview import OrderQuestion, RuleVerdict, Verdict
from ibkr_connector.resilience.timers import Timers

__all__ = ["Confirm", "Confirmations", "Confirmer", "confirmer"]

T = TypeVar("T")

_MOST_STUCK: Final = 16
"""Callbacks that are not waited for any more and have not returned: each holds a thread."""

Confirm = Callable[[OrderQuestion], bool | Awaitable[bool]]
"""Answers whether an order may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Who is asked, how long, and whether about orders that get out of a position too."""

    callback: Confirm
    timeout_s: float
    exits: bool
    loop: asyncio.AbstractEventLoop | None


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def confirmer(callback: Any, *, timeout_s: Any, exits: bool) -> Confirmer:
    """
    Read what the user has given, on the user's loop or thread.

    Raises:
        OrderValidationError: It cannot be called, or the time is no time.
    """
    if not callable(callback):
        raise OrderValidationError(
            f"callback must be a function that takes an OrderQuestion and returns True or False; "
            f"got {type(callback).__name__}"
        )
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise OrderValidationError(f"timeout_s must be a positive number; got {timeout_s!r}")
    loop = None
    with suppress(RuntimeError):
        loop = asyncio.get_running_loop()
    return Confirmer(callback=callback, timeout_s=timeout_s, exits=exits, loop=loop)


class Confirmations:
    """Ask about orders; lives on the desk's loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers = Timers(clock)
        self._stuck: list[threading.Thread] = []
        self.confirmer: Callable[[], Confirmer | None] = lambda: None
        """Tells who is asked now; `None` is nobody."""

    def are_wanted(self, *, is_exit: bool = False) -> bool:
        """Whether somebody is to be asked about such an order."""
        asked = self.confirmer()
        return asked is not None and (asked.exits or not is_exit)

    def expires(self) -> datetime | None:
        """Return until when somebody who is asked now can answer."""
        asked = self.confirmer()
        return None if asked is None else self._clock.utcnow() + timedelta(seconds=asked.timeout_s)

    async def ask(self, question: OrderQuestion) -> RuleVerdict:
        """
        Ask, and return what is written down of a yes.

        Raises:
            OrderNotConfirmedError: No, no answer in time, an answer that is none, or an error.
        """
        asked = self.confirmer()
        if asked is None:
            raise _not_confirmed("nobody is asked any more")
        began = self._clock.monotonic()
        try:
            with self._timers.limit(began + asked.timeout_s):
                answer = await self._answer(asked, question)
        except TimeoutError as error:
            raise _not_confirmed(f"nobody answered within {asked.timeout_s} s") from error
        if isinstance(answer, _Failed):
            what = f"the callback failed with {type(answer.error).__name__}"
            raise _not_confirmed(what) from answer.error
        if answer is not True:
            said = "no" if answer is False else f"{type(answer).__name__}, which is not a yes"
            raise _not_confirmed(f"the answer was {said}")
        return RuleVerdict(
            rule="confirmation",
            verdict=Verdict.PASSED,
            value=f"confirmed after {self._clock.monotonic() - began:.1f} s",
            limit=f"{asked.timeout_s} s",
        )

    async def exits(self, placing: Sequence[Callable[[], Awaitable[T]]]) -> Sequence[T | IBKRError]:
        """
        Place what closes, and return what became of each.

        At once, so that none is held up by another; but a person answers one question at a time.
        """

        async def ended(place: Callable[[], Awaitable[T]]) -> T | IBKRError:
            try:
                return await place()
            except IBKRError as error:
                return error

        if self.are_wanted(is_exit=True):
            return [await ended(place) for place in placing]
        return await asyncio.gather(*map(ended, placing))

    async def _answer(self, asked: Confirmer, question: OrderQuestion) -> object:
        thread: threading.Thread | None = None
        if asked.loop is not None and _is_asynchronous(asked.callback):
            pending = _guarded(asked.callback, question)
            try:
                told = asyncio.run_coroutine_threadsafe(pending, asked.loop)
            except RuntimeError as error:
                pending.close()
                return _Failed(error)
        else:
            self._stuck = [one for one in self._stuck if one.is_alive()]
            if len(self._stuck) >= _MOST_STUCK:
                raise _not_confirmed(f"{len(self._stuck)} earlier questions are still unanswered")
            thread, told = _in_a_thread(asked.callback, question)
        try:
            return await asyncio.wrap_future(told)
        except asyncio.CancelledError as error:
            if thread is not None:
                self._stuck.append(thread)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # not we were cancelled, but the question on its own loop
            return _Failed(error)

    async def aclose(self) -> None:
        """End the timers."""
        await self._timers.aclose()


def _not_confirmed(why: str) -> OrderNotConfirmedError:
    return OrderNotConfirmedError(
        f"the order was not confirmed: {why}", disposition=SendDisposition.UNSENT
    )


def _is_asynchronous(callback: Confirm) -> bool:
    called = getattr(callback, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called)


async def _guarded(callback: Confirm, question: OrderQuestion) -> object:
    try:
        said = callback(question)
        return await said if inspect.isawaitable(said) else said
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no yes
        return _Failed(error)


def _in_a_thread(
    callback: Confirm, question: OrderQuestion
) -> tuple[threading.Thread, concurrent.futures.Future[object]]:
    told: concurrent.futures.Future[object] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def work() -> None:
        answer: object
        try:
            answer = context.run(callback, question)
            if inspect.isawaitable(answer):
                answer = asyncio.run(_guarded(lambda _: answer, question))  # type: ignore[arg-type,return-value]  # it is awaited there
        except BaseException as error:  # noqa: BLE001 - of a thread nobody else would hear it
            answer = _Failed(error)
        # nobody may be waiting any more
        with suppress(concurrent.futures.InvalidStateError):
            told.set_result(answer)

    # a daemon: somebody who never answers must not keep the process from ending
    thread = threading.Thread(target=work, name="ibkr-confirm", daemon=True)
    thread.start()
    return thread, told
