"""Circuits: what counts, what opens them, and who may probe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ibkr_connector.errors import (
    CircuitOpenError,
    ConnectionLostError,
    ContractNotFoundError,
    IBKRError,
    NotConnectedError,
    RequestTimeoutError,
)
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import BreakerState, CircuitStatus
from ibkr_connector.resilience.breaker import Breaker
from kit.fake_clock import FakeClock

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Rig:
    """A breaker that trips at the third failure, its clock, and the changes it reported."""

    def __init__(self, fail_max: int = 3) -> None:
        self.clock = FakeClock()
        self.changes: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = Breaker(
            "market",
            clock=self.clock,
            fail_max=fail_max,
            reset_s=30.0,
            on_change=lambda _name, old, new: self.changes.append((old, new)),
        )

    async def end(self, outcome: Exception | str) -> Exception | str:
        async def fn() -> str:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return await self.attempt(fn)

    async def attempt(self, fn: Callable[[], Awaitable[str]]) -> Exception | str:
        try:
            return await self.breaker.call(fn)
        except Exception as error:  # noqa: BLE001  # the outcome is what is asked for
            return error

    async def trip(self) -> None:
        for _ in range(3):
            await self.end(ConnectionLostError())
        assert self.breaker.state is OPEN


async def test_failures_in_a_row_open_it_and_the_caller_sees_his_own_error() -> None:
    rig = Rig()
    errors = [ConnectionLostError(str(n)) for n in range(3)]
    assert [await rig.end(error) for error in errors] == errors
    assert rig.breaker.state is OPEN
    assert rig.changes == [(CLOSED, OPEN)]


async def test_a_success_in_between_starts_the_count_again() -> None:
    rig = Rig()
    for outcome in (ConnectionLostError(), ConnectionLostError(), "fine", ConnectionLostError()):
        await rig.end(outcome)
    assert rig.breaker.state is CLOSED


async def test_a_business_error_neither_counts_nor_wipes_the_count_out() -> None:
    rig = Rig()
    lost, unknown = ConnectionLostError(), ContractNotFoundError()
    for outcome in (lost, unknown, lost, unknown, unknown, unknown, lost):
        await rig.end(outcome)
    assert rig.breaker.state is OPEN


async def test_an_exception_nobody_has_thought_of_counts() -> None:
    rig = Rig()
    for _ in range(3):
        await rig.end(KeyError("bug"))
    assert rig.breaker.state is OPEN


async def test_an_open_circuit_refuses_and_says_for_how_long() -> None:
    rig = Rig()
    await rig.trip()
    await rig.clock.advance(12.0)
    refused = await rig.end("never run")
    assert isinstance(refused, CircuitOpenError)
    assert refused.retry_after_s == 18.0
    assert refused.disposition is SendDisposition.UNSENT
    with pytest.raises(CircuitOpenError):
        rig.breaker.check()


async def test_one_of_a_hundred_callers_probes_and_closes_it() -> None:
    rig = Rig()
    await rig.trip()
    await rig.clock.advance(30.0)
    gate, inside = asyncio.Event(), list[int]()

    async def probe() -> str:
        inside.append(1)
        await gate.wait()
        return "alive"

    rig.breaker.check()
    tasks = [asyncio.create_task(rig.attempt(probe)) for _ in range(100)]
    await rig.clock.settle()
    assert (len(inside), rig.breaker.state) == (1, HALF_OPEN)
    with pytest.raises(CircuitOpenError) as caught:
        rig.breaker.check()
    assert caught.value.retry_after_s is None
    gate.set()
    results = await asyncio.gather(*tasks)
    assert results.count("alive") == 1
    assert sum(isinstance(result, CircuitOpenError) for result in results) == 99
    assert rig.changes == [(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, CLOSED)]


async def test_a_failed_probe_opens_it_for_the_full_time_again() -> None:
    rig = Rig()
    await rig.trip()
    await rig.clock.advance(30.0)
    await rig.end(ConnectionLostError())
    assert rig.breaker.state is OPEN
    await rig.clock.advance(29.9)
    assert isinstance(await rig.end("no"), CircuitOpenError)
    await rig.clock.advance(0.1)
    assert await rig.end("yes") == "yes"


async def test_a_probe_answered_with_a_business_error_closes_it() -> None:
    rig = Rig()
    await rig.trip()
    await rig.clock.advance(30.0)
    await rig.end(ContractNotFoundError())
    assert rig.breaker.state is CLOSED


async def test_a_call_that_asked_nobody_neither_counts_nor_closes_it() -> None:
    rig = Rig()
    unasked = RequestTimeoutError(disposition=SendDisposition.UNSENT)
    for _ in range(5):
        await rig.end(unasked)
    assert rig.breaker.state is CLOSED
    await rig.trip()
    await rig.clock.advance(30.0)
    await rig.end(NotConnectedError(disposition=SendDisposition.UNSENT))
    assert rig.breaker.state is HALF_OPEN
    assert await rig.end("answered") == "answered"
    assert rig.breaker.state is CLOSED


async def test_a_cancelled_probe_counts_as_nothing_and_frees_its_place() -> None:
    rig = Rig()
    await rig.trip()
    await rig.clock.advance(30.0)
    probe = asyncio.create_task(rig.attempt(lambda: asyncio.sleep(3600.0, "late")))
    await rig.clock.settle()
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert probe.cancelled()
    assert rig.breaker.state is HALF_OPEN
    assert await rig.end("next") == "next"
    assert rig.breaker.state is CLOSED


async def test_cancelled_callers_never_open_it() -> None:
    rig = Rig()
    for _ in range(10):
        task = asyncio.create_task(rig.attempt(lambda: asyncio.sleep(3600.0, "late")))
        await rig.clock.settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert rig.breaker.state is CLOSED


async def test_results_of_an_older_generation_are_dropped() -> None:
    rig = Rig()
    gate = asyncio.Event()

    async def late_failure() -> str:
        await gate.wait()
        raise ConnectionLostError

    async def late_success() -> str:
        await gate.wait()
        return "late"

    late = [asyncio.create_task(rig.attempt(fn)) for fn in (late_failure, late_success)]
    stuck = asyncio.create_task(rig.attempt(lambda: asyncio.sleep(3600.0, "late")))
    await rig.clock.settle()
    await rig.trip()
    await rig.clock.advance(10.0)
    gate.set()
    stuck.cancel()
    await asyncio.gather(*late, stuck, return_exceptions=True)
    assert rig.breaker.state is OPEN
    await rig.clock.advance(20.0)
    rig.breaker.check()


async def test_a_reset_closes_it_and_forgets_what_is_under_way() -> None:
    rig = Rig()
    await rig.trip()
    rig.breaker.reset()
    assert rig.breaker.state is CLOSED
    rig.breaker.check()
    await rig.end(ConnectionLostError())
    await rig.end(ConnectionLostError())
    rig.breaker.reset()
    await rig.end(ConnectionLostError())
    assert rig.breaker.state is CLOSED
    assert rig.changes == [(CLOSED, OPEN), (OPEN, CLOSED)]


async def test_the_traceback_of_a_counted_error_ends_where_it_was_raised() -> None:
    rig = Rig()
    error = await rig.end(ConnectionLostError())
    assert isinstance(error, IBKRError)
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    assert not any("pybreaker" in name for name in frames)


async def test_nobody_needs_to_listen() -> None:
    breaker = Breaker("quiet", clock=FakeClock(), fail_max=1, reset_s=1.0)

    async def fail() -> str:
        raise ConnectionLostError

    with pytest.raises(ConnectionLostError):
        await breaker.call(fail)
    assert breaker.state is OPEN


async def test_what_a_circuit_has_counted_can_be_read() -> None:
    rig = Rig()
    assert rig.breaker.status() == CircuitStatus(state=CLOSED)
    await rig.end(ConnectionLostError("lost"))
    assert rig.breaker.status().failures == 1
    await rig.end("an answer")
    assert rig.breaker.status().failures == 0
    for _ in range(3):
        await rig.end(ConnectionLostError("lost"))
    await rig.clock.advance(10.0)
    assert isinstance(await rig.end("not tried"), CircuitOpenError)
    told = rig.breaker.status()
    assert (told.state, told.opened, told.refused, told.retry_after_s) == (OPEN, 1, 1, 20.0)
    rig.breaker.reset()
    told = rig.breaker.status()
    assert (told.state, told.opened, told.refused, told.retry_after_s) == (CLOSED, 1, 1, None)
