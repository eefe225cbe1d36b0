"""The clock the other tests stand on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from kit.fake_clock import EPOCH, FakeClock


async def test_time_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(start=5.0)
    await asyncio.sleep(0)
    assert clock.monotonic() == 5.0
    await clock.advance(2.5)
    assert clock.monotonic() == 7.5
    assert clock.utcnow() == EPOCH + timedelta(seconds=7.5)


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("early", 1.0), ("also early", 1.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(3.0)
    assert woken == [("early", 1.0), ("also early", 1.0), ("late", 3.0)]


async def test_a_sleeper_that_sleeps_again_is_woken_within_the_same_advance() -> None:
    clock = FakeClock()
    beats: list[float] = []

    async def heart() -> None:
        for _ in range(3):
            await clock.sleep(10.0)
            beats.append(clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(heart())
        await clock.advance(25.0)
        assert beats == [10.0, 20.0]
        assert clock.sleeping == 1
        await clock.advance(5.0)
    assert beats == [10.0, 20.0, 30.0]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10.0))
    await clock.settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleeping == 0
    assert await clock.jump() == 0.0
    assert clock.monotonic() == 0.0


async def test_a_jump_goes_to_the_next_sleeper() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(7.0))
    assert await clock.jump() == 7.0
    assert task.done()


async def test_no_sleep_still_lets_others_run() -> None:
    clock = FakeClock()
    await clock.sleep(0.0)
    await clock.sleep(-1.0)
    assert clock.sleeping == 0


async def test_everything_that_was_set_in_motion_comes_to_rest_before_time_moves() -> None:
    clock = FakeClock()
    seen: list[float] = []

    async def chain(depth: int) -> None:
        if depth:
            await asyncio.create_task(chain(depth - 1))
        else:
            seen.append(clock.monotonic())

    async def start() -> None:
        await clock.sleep(1.0)
        await chain(50)

    async with asyncio.TaskGroup() as group:
        group.create_task(start())
        await clock.advance(9.0)
    assert seen == [1.0]


async def test_a_loop_that_spins_is_reported() -> None:
    clock, loop, stop = FakeClock(), asyncio.get_running_loop(), asyncio.Event()

    def spin() -> None:
        if not stop.is_set():
            loop.call_soon(spin)

    spin()
    with pytest.raises(RuntimeError, match="never comes to rest"):
        await clock.settle()
    stop.set()


async def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        await FakeClock().advance(-1.0)
