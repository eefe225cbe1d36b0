"""Functions of the user that are called with what streams bring."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ibkr_connector.clock import SystemClock
from ibkr_connector.handlers import HandlerProblem, Handlers, Handling, ProblemKind

WAIT_S = 60.0


async def numbers(count: int, *, error: Exception | None = None) -> AsyncIterator[int]:
    for number in range(count):
        yield number
    if error is not None:
        raise error


async def for_ever() -> AsyncIterator[int]:
    while True:
        yield 0
        await asyncio.sleep(0)


@pytest.fixture
def handlers() -> Iterator[Handlers]:
    handlers = Handlers(SystemClock().monotonic)
    yield handlers
    handlers.stop()


@pytest.fixture
def problems(handlers: Handlers) -> queue.Queue[HandlerProblem]:
    found: queue.Queue[HandlerProblem] = queue.Queue()
    handlers.on_error(found.put)
    return found


def finished(handling: Handling) -> None:
    handling._thread.join(WAIT_S)
    assert not handling.state.is_running


def test_a_function_is_called_with_every_record(handlers: Handlers) -> None:
    seen: list[int] = []
    handling = handlers.start(numbers(5), seen.append, name="mine")
    finished(handling)
    assert seen == [0, 1, 2, 3, 4]
    assert (handling.state.handler, handling.state.calls, handling.state.busy_s) == (
        "mine",
        5,
        None,
    )


def test_a_coroutine_function_is_awaited_on_a_loop_of_its_own(handlers: Handlers) -> None:
    seen: list[str] = []

    async def handler(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(f"{number} {threading.current_thread().name}")

    finished(handlers.start(numbers(2), handler, name="mine"))
    assert seen == ["0 ibkr-handler-mine", "1 ibkr-handler-mine"]


def test_one_that_raises_is_named_counted_and_called_again(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    def bad(number: int) -> None:
        raise ValueError(f"number {number}")

    seen: list[int] = []
    failing = handlers.start(numbers(3), bad, name="bad")
    fine = handlers.start(numbers(3), seen.append)
    finished(failing)
    finished(fine)
    assert seen == [0, 1, 2]
    assert (failing.state.calls, failing.state.failures) == (3, 3)
    told = [problems.get(timeout=WAIT_S) for _ in range(3)]
    assert {(one.handler, one.kind) for one in told} == {("bad", ProblemKind.FAILED)}
    assert [str(one.error) for one in told] == ["number 0", "number 1", "number 2"]
    assert [one.record for one in told] == [0, 1, 2]


def test_one_that_raises_too_often_is_removed_only_when_that_was_asked_for(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    def bad(number: int) -> None:
        if number != 2:
            raise ValueError

    handling = handlers.start(numbers(100), bad, remove_after=3)
    finished(handling)
    # two failures, a success that counts them from the beginning, three failures
    assert (handling.state.calls, handling.state.failures) == (6, 5)
    kinds = [problems.get(timeout=WAIT_S).kind for _ in range(6)]
    assert kinds == [ProblemKind.FAILED] * 5 + [ProblemKind.REMOVED]


def test_one_that_does_not_return_is_told_of_while_it_lasts(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    gate = threading.Event()
    handling = handlers.start(
        numbers(2), lambda _: gate.wait(WAIT_S), name="stuck", slow_after_s=0.01
    )
    told = problems.get(timeout=WAIT_S)
    assert (told.handler, told.kind, told.record) == ("stuck", ProblemKind.SLOW, 0)
    busy_s = handling.state.busy_s
    assert busy_s is not None
    assert busy_s >= 0.01
    gate.set()
    finished(handling)
    assert handling.state.calls == 2


def test_one_that_never_returns_does_not_keep_the_others_or_the_end_waiting(
    handlers: Handlers,
) -> None:
    gate, seen = threading.Event(), threading.Event()
    handlers.start(for_ever(), lambda _: gate.wait(WAIT_S), name="stuck")
    handlers.start(for_ever(), lambda _: seen.set(), name="fine")
    assert seen.wait(WAIT_S)
    handlers.stop()
    assert handlers.states() == ()
    gate.set()


def test_a_stream_that_ends_with_an_error_says_so(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    handling = handlers.start(numbers(1, error=ValueError("over")), lambda _: None)
    finished(handling)
    told = problems.get(timeout=WAIT_S)
    assert (told.kind, str(told.error)) == (ProblemKind.ENDED, "over")


def test_a_hook_that_raises_harms_neither_handlers_nor_other_hooks(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    def bad(_: Any) -> None:
        raise ValueError

    handlers.on_error(bad)
    handling = handlers.start(numbers(2), bad)
    finished(handling)
    assert problems.get(timeout=WAIT_S).kind is ProblemKind.FAILED
    assert handling.state.calls == 2


def test_a_handler_may_stop_itself(handlers: Handlers) -> None:
    found: list[Handling] = []

    async def once(_: int) -> None:
        found[0].stop()

    started = threading.Event()

    async def late() -> AsyncIterator[int]:
        await asyncio.to_thread(started.wait)
        while True:
            yield 1

    found.append(handlers.start(late(), once))
    started.set()
    finished(found[0])
    assert found[0].state.calls == 1


def test_one_that_never_returns_does_not_keep_the_process_from_ending(handlers: Handlers) -> None:
    gate, called = threading.Event(), threading.Event()

    def stuck(_: int) -> None:
        called.set()
        gate.wait(WAIT_S)

    handlers.start(for_ever(), stuck, name="stuck")
    assert called.wait(WAIT_S)
    # the interpreter waits for every other thread
    mine = [one for one in threading.enumerate() if one.name.startswith("ibkr-handler-stuck")]
    assert len(mine) == 2
    assert all(one.daemon for one in mine)
    gate.set()


def test_one_whose_own_work_was_cancelled_has_failed_and_is_called_again(
    handlers: Handlers, problems: queue.Queue[HandlerProblem]
) -> None:
    async def bad(_: int) -> None:
        raise asyncio.CancelledError

    handling = handlers.start(numbers(2), bad)
    finished(handling)
    assert (handling.state.calls, handling.state.failures) == (2, 2)
    told = problems.get(timeout=WAIT_S)
    assert (told.kind, type(told.error)) == (ProblemKind.FAILED, asyncio.CancelledError)
