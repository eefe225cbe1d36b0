from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ibkr_connector.clock import Clock, ManualClock, ScaledClock, SystemClock

START = datetime(2026, 11, 18, 15, tzinfo=UTC)
NAIVE = datetime(2026, 11, 18, 15)  # noqa: DTZ001  # what must be refused


@pytest.mark.parametrize("clock", [SystemClock(), ScaledClock(START), ManualClock(START)])
async def test_a_clock_is_aware_and_runs_forwards(clock: Clock) -> None:
    assert isinstance(clock, Clock)
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.utcnow().utcoffset() == timedelta(0)
    assert clock.monotonic() >= before


async def test_a_manual_clock_wakes_each_sleeper_at_its_own_time() -> None:
    clock = ManualClock(START)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(n, s)) for n, s in (("late", 9), ("early", 2))]
    await asyncio.sleep(0)
    clock.advance(5)
    await asyncio.sleep(0)
    assert woken == [("early", 5.0)]
    assert clock.utcnow() == START + timedelta(seconds=5)
    clock.advance(5)
    await asyncio.gather(*tasks)
    assert [name for name, _ in woken] == ["early", "late"]


async def test_a_cancelled_sleeper_is_passed_over() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    clock.advance(2)
    assert clock.monotonic() == 2


async def test_a_fast_clock_sleeps_less() -> None:
    clock = ScaledClock(START, speed=1e6)
    await clock.sleep(100)
    assert clock.monotonic() >= 100
    assert clock.utcnow() >= START + timedelta(seconds=100)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(NAIVE)
    with pytest.raises(ValueError, match="aware"):
        ScaledClock(NAIVE)
    with pytest.raises(ValueError, match="more than zero"):
        ScaledClock(START, speed=0)
    with pytest.raises(ValueError, match="backwards"):
        ManualClock(START).advance(-1)
