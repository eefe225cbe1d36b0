"""Answers that are good for a while."""

from __future__ import annotations

from ibkr_connector.market.timed_cache import TimedCache
from kit.fake_clock import FakeClock


class Source:
    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> int:
        self.asked += 1
        return self.asked


async def test_an_answer_is_given_again_until_it_is_too_old() -> None:
    clock, ask = FakeClock(), Source()
    cache: TimedCache[int] = TimedCache(clock)
    assert (await cache.get("a", ask, max_age_s=10)).value == 1
    await clock.advance(10)
    again = await cache.get("a", ask, max_age_s=10)
    assert (again.value, again.age_s) == (1, 10)
    await clock.advance(0.5)
    fresh = await cache.get("a", ask, max_age_s=10)
    assert (fresh.value, fresh.age_s) == (2, 0)
    assert (await cache.get("a", ask, max_age_s=-1)).value == 3
    assert (await cache.get("b", ask, max_age_s=10)).value == 4


async def test_an_answer_is_as_old_as_its_question() -> None:
    clock = FakeClock()
    cache: TimedCache[str] = TimedCache(clock)

    async def slow() -> str:
        await clock.sleep(5)
        return "late"

    import asyncio

    task = asyncio.create_task(cache.get("a", slow, max_age_s=1))
    await clock.advance(5)
    assert (await task).age_s == 5


async def test_the_oldest_answers_go_and_any_can_be_forgotten() -> None:
    cache: TimedCache[int] = TimedCache(FakeClock(), most=2)
    ask = Source()
    for key in ("a", "b", "c"):
        await cache.get(key, ask, max_age_s=10)
    assert len(cache) == 2
    assert (await cache.get("c", ask, max_age_s=10)).value == 3
    cache.forget("c")
    assert (await cache.get("c", ask, max_age_s=10)).value == 4
    cache.forget()
    assert len(cache) == 0
