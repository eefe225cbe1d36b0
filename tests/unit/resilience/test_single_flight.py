"""One request for all who ask the same thing at the same time."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector.errors import ConnectionLostError
from ibkr_connector.resilience.single_flight import SingleFlight
from kit.fake_clock import FakeClock


class Question:
    """Counts how often it is asked, and is answered when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return number


async def test_ten_concurrent_callers_make_one_request_and_all_get_the_answer() -> None:
    flights, question, clock = SingleFlight(), Question(), FakeClock()
    tasks = [asyncio.create_task(flights.run("positions", question)) for _ in range(10)]
    await clock.settle()
    assert flights.keys == ("positions",)
    question.gate.set()
    assert await asyncio.gather(*tasks) == [1] * 10
    assert not flights.keys


async def test_the_next_caller_after_the_answer_asks_anew() -> None:
    flights, question = SingleFlight(), Question()
    question.gate.set()
    assert [await flights.run("time", question) for _ in range(3)] == [1, 2, 3]


async def test_different_questions_do_not_wait_for_each_other() -> None:
    flights, slow, quick = SingleFlight(), Question(), Question()
    waiting = asyncio.create_task(flights.run("slow", slow))
    quick.gate.set()
    assert await flights.run("quick", quick) == 1
    slow.gate.set()
    assert await waiting == 1


async def test_everybody_gets_the_error() -> None:
    flights, question, clock = SingleFlight(), Question(), FakeClock()
    question.error = ConnectionLostError()
    tasks = [asyncio.create_task(flights.run("positions", question)) for _ in range(3)]
    await clock.settle()
    question.gate.set()
    assert await asyncio.gather(*tasks, return_exceptions=True) == [question.error] * 3


async def test_the_first_caller_may_go_away_without_harm_to_the_others() -> None:
    flights, question, clock = SingleFlight(), Question(), FakeClock()
    tasks = [asyncio.create_task(flights.run("positions", question)) for _ in range(3)]
    await clock.settle()
    tasks[0].cancel()
    await clock.settle()
    question.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [1, 1]
    assert tasks[0].cancelled()


async def test_when_the_last_caller_goes_the_work_is_cancelled() -> None:
    flights, question, clock = SingleFlight(), Question(), FakeClock()
    tasks = [asyncio.create_task(flights.run("positions", question)) for _ in range(2)]
    await clock.settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert question.cancelled == 1
    assert flights.keys == ()


async def test_a_caller_who_comes_while_the_work_is_being_cancelled_asks_anew() -> None:
    flights, clock = SingleFlight(), FakeClock()
    leave = asyncio.Event()

    async def reluctant() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            await leave.wait()
        raise AssertionError("never reached")

    async def prompt() -> str:
        return "fresh"

    first = asyncio.create_task(flights.run("positions", reluctant))
    await clock.settle()
    first.cancel()
    await clock.settle()
    assert await flights.run("positions", prompt) == "fresh"
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_cancels_all_work() -> None:
    flights, question, clock = SingleFlight(), Question(), FakeClock()
    tasks = [asyncio.create_task(flights.run(key, question)) for key in ("a", "b")]
    await clock.settle()
    await flights.aclose()
    await flights.aclose()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (question.cancelled, flights.keys) == (2, ())
