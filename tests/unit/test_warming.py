"""What is needed soon after a start is made when the first calls are over, and not before."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_connector import warming
from kit.fake_clock import FakeClock


@pytest.mark.parametrize(("readonly", "expected"), [(False, ["notes"]), (True, [])])
async def test_it_is_made_when_the_first_calls_are_over(
    monkeypatch: pytest.MonkeyPatch, readonly: bool, expected: list[str]
) -> None:
    made: list[str] = []
    monkeypatch.setattr(warming, "prepare", lambda: made.append("notes"))
    clock = FakeClock()
    warm = asyncio.create_task(warming.warm_up(clock, readonly=readonly))
    await asyncio.sleep(0)
    await clock.advance(0.9)
    assert not warm.done()
    assert made == []
    await clock.advance(0.2)
    await warm
    assert made == expected


async def test_who_ends_before_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(warming, "prepare", lambda: made.append("notes"))
    clock = FakeClock()
    warm = asyncio.create_task(warming.warm_up(clock, readonly=False))
    await asyncio.sleep(0)
    warm.cancel()
    await asyncio.wait([warm])
    await clock.advance(10)
    assert warm.cancelled()
    assert made == []
