"""Timers and limits on a clock."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector.resilience.timers import SWEEP_FLOOR, Timers
from kit.fake_clock import FakeClock


async def test_timers_fire_in_the_order_of_their_times() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[tuple[str, float]] = []
    for name, when in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        timers.call_at(when, lambda name=name: fired.append((name, clock.monotonic())))  # type: ignore[misc]
    await clock.advance(3.0)
    assert fired == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    await timers.aclose()


async def test_a_timer_in_the_past_fires_at_once() -> None:
    clock = FakeClock(start=10.0)
    timers = Timers(clock)
    fired: list[float] = []
    timers.call_at(1.0, lambda: fired.append(clock.monotonic()))
    await clock.settle()
    assert fired == [10.0]


async def test_a_cancelled_timer_does_not_fire() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[str] = []
    doomed = timers.call_at(1.0, lambda: fired.append("doomed"))
    timers.call_at(2.0, lambda: fired.append("kept"))
    doomed.cancel()
    doomed.cancel()
    assert timers.pending == 1
    await clock.advance(5.0)
    assert fired == ["kept"]
    assert timers.pending == 0


async def test_a_timer_may_set_the_next_one() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[float] = []

    def again() -> None:
        fired.append(clock.monotonic())
        if len(fired) < 3:
            timers.call_at(clock.monotonic() + 1.0, again)

    timers.call_at(1.0, again)
    await clock.advance(10.0)
    assert fired == [1.0, 2.0, 3.0]
    assert clock.sleeping == 0


async def test_a_timer_that_raises_does_not_stop_the_others() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[str] = []
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def bad() -> None:
        raise ZeroDivisionError

    timers.call_at(1.0, bad)
    timers.call_at(2.0, lambda: fired.append("set before"))
    await clock.advance(1.0)
    timers.call_at(3.0, lambda: fired.append("set after"))
    await clock.advance(2.0)
    assert fired == ["set before", "set after"]
    assert [type(error) for error in told] == [ZeroDivisionError]


async def test_times_that_rounding_pulls_apart_still_meet() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[int] = []
    for step in range(1, 200):
        timers.call_at(step * 0.1, lambda step=step: fired.append(step))  # type: ignore[misc]
    await clock.advance(30.0)
    assert fired == list(range(1, 200))


async def test_many_cancelled_timers_are_swept_out() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    kept = timers.call_at(9.0, lambda: None)
    for _ in range(SWEEP_FLOOR * 50):
        timers.call_at(30.0, lambda: None).cancel()
        assert len(timers._heap) <= 2 * SWEEP_FLOOR + 2
    assert timers.pending == 1
    kept.cancel()


async def test_closing_drops_timers_and_ends_the_sleeper() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    fired: list[str] = []
    left = timers.call_at(1.0, lambda: fired.append("no"))
    await timers.aclose()
    await timers.aclose()
    left.cancel()
    await clock.advance(5.0)
    assert fired == []
    assert (clock.sleeping, timers.pending) == (0, 0)


async def test_a_limit_cancels_what_takes_too_long() -> None:
    clock = FakeClock()
    timers = Timers(clock)

    async def slow() -> None:
        with timers.limit(2.0):
            await clock.sleep(60.0)

    task = asyncio.create_task(slow())
    await clock.advance(2.0)
    with pytest.raises(TimeoutError):
        await task
    assert clock.monotonic() == 2.0
    assert task.cancelling() == 0


async def test_a_limit_leaves_what_is_in_time_alone() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    with timers.limit(2.0) as limit:
        await asyncio.sleep(0)
    await clock.advance(60.0)
    assert not limit.expired
    assert timers.pending == 0


async def test_a_cancellation_from_elsewhere_is_not_a_timeout() -> None:
    clock = FakeClock()
    timers = Timers(clock)

    async def slow() -> None:
        with timers.limit(2.0):
            await clock.sleep(60.0)

    task = asyncio.create_task(slow())
    await clock.settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert timers.pending == 0


async def test_a_cancellation_beside_an_expired_limit_wins() -> None:
    clock = FakeClock()
    timers = Timers(clock)

    async def slow() -> None:
        with timers.limit(2.0):
            try:
                await clock.sleep(60.0)
            finally:
                me = asyncio.current_task()
                assert me is not None
                me.cancel()

    task = asyncio.create_task(slow())
    await clock.advance(2.0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_that_beats_the_expired_limit_is_kept() -> None:
    clock = FakeClock()
    timers = Timers(clock)

    async def fails_when_cancelled() -> None:
        with timers.limit(2.0):
            try:
                await clock.sleep(60.0)
            except asyncio.CancelledError:
                raise KeyError("own") from None

    task = asyncio.create_task(fails_when_cancelled())
    await clock.advance(2.0)
    with pytest.raises(KeyError):
        await task
    assert task.cancelling() == 0


async def test_nested_limits_end_the_inner_one_first() -> None:
    clock = FakeClock()
    timers = Timers(clock)
    ended: list[tuple[str, float]] = []

    async def work() -> None:
        with timers.limit(5.0):
            try:
                with timers.limit(1.0):
                    await clock.sleep(60.0)
            except TimeoutError:
                ended.append(("inner", clock.monotonic()))
            await clock.sleep(60.0)

    task = asyncio.create_task(work())
    await clock.advance(10.0)
    with pytest.raises(TimeoutError):
        await task
    assert ended == [("inner", 1.0)]


def test_a_limit_needs_a_task() -> None:
    with pytest.raises(RuntimeError):
        Timers(FakeClock()).limit(1.0).__enter__()
