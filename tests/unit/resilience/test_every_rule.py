"""
Every rule of the pacing by itself, on virtual time, with hundreds of requests that wait under it.

For each of them: no window is ever exceeded, whatever comes when; cancellations leave within
fifty milliseconds and an order within a second all the same; and everybody who waits has his turn.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import MarketDataPermissionError
from ibkr_connector.resilience.lines import RELEARN_S, LineBudget, LinePool
from ibkr_connector.resilience.operation import LIVE_BARS, HistoryKey, Lane, Operation
from kit.fake_clock import FakeClock
from unit.resilience.test_pacing import Wire, op, worst

SOAKS = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
FLOOD = 500 if SOAKS else 130
Sent = Sequence[tuple[float, Operation[None]]]


def bars(number: int, **fields: object) -> Operation[None]:
    key = HistoryKey(
        contract_key=f"C{number}", identical_key=f"I{number}", weight=1, small_bars=True
    )
    return op(Lane.HISTORY, history=replace(key, **fields))  # type: ignore[arg-type]  # of a test


def ticks(number: int) -> Operation[None]:
    made = op(Lane.DATA)
    return replace(made, policy=replace(made.policy, apart_s=15.0), subject=number % 40)


def weighed(sent: Sent) -> list[float]:
    return [
        at
        for at, one in sent
        if one.history is not None and one.history.small_bars
        for _ in range(one.history.weight)
    ]


def by(sent: Sent, name: Callable[[Operation[None]], object]) -> list[list[float]]:
    found: dict[object, list[float]] = {}
    for at, one in sent:
        found.setdefault(name(one), []).append(at)
    return list(found.values())


def apart(sent: Sent, name: Callable[[Operation[None]], object], span_s: float) -> bool:
    return all(
        later - earlier >= span_s
        for times in by(sent, name)
        for earlier, later in itertools.pairwise(times)
    )


@dataclass(frozen=True)
class Rule:
    """Requests that wait under a rule, and what must hold of their moments."""

    request: Callable[[int], Operation[None]]
    holds: Callable[[Sent], bool]
    takes_s: float
    """At least, or the rule was never reached."""


RULES = {
    "45 messages a second": Rule(
        lambda number: op(Lane.HISTORY),
        lambda sent: worst([at for at, _ in sent], 1.0) <= 45,
        takes_s=(FLOOD - 50) / 45,
    ),
    "60 in ten minutes": Rule(
        bars, lambda sent: worst(weighed(sent), 600.0) <= 60, takes_s=(FLOOD - 1) // 60 * 600.0
    ),
    "BID_ASK counts twice": Rule(
        lambda number: bars(number, weight=1 + number % 2),
        lambda sent: worst(weighed(sent), 600.0) <= 60,
        takes_s=(FLOOD * 3 // 2 - 1) // 60 * 600.0 - 600.0,
    ),
    "live bars in the same bucket": Rule(
        lambda number: op(Lane.DATA, history=LIVE_BARS) if number % 3 else bars(number),
        lambda sent: worst(weighed(sent), 600.0) <= 60,
        takes_s=(FLOOD - 1) // 60 * 600.0,
    ),
    "fewer than 6 in 2 seconds": Rule(
        lambda number: bars(number, contract_key=f"C{number % 2}"),
        lambda sent: all(
            worst(times, 2.0) <= 5
            for times in by(sent, lambda one: one.history and one.history.contract_key)
        ),
        takes_s=(FLOOD - 1) // 60 * 600.0,
    ),
    "15 seconds between identical ones": Rule(
        lambda number: bars(number, identical_key=f"I{number % 3}"),
        lambda sent: apart(sent, lambda one: one.history and one.history.identical_key, 15.0),
        takes_s=(FLOOD - 1) // 60 * 600.0,
    ),
    "15 seconds between ticks of one instrument": Rule(
        ticks,
        lambda sent: apart(sent, lambda one: one.subject, 15.0),
        takes_s=(FLOOD // 40 - 1) * 15.0,
    ),
}


async def flood(rule: Rule, seed: int) -> Sent:
    """Ask for it all, in bursts, and call things off in the midst."""
    wire, rng = Wire(), random.Random(seed)
    asked = []
    for number in range(FLOOD):
        asked.append(wire.spawn(rule.request(number), within_s=10**7))
        if rng.random() < 0.02:
            await wire.clock.advance(rng.random())
    for _ in range(5):
        await wire.clock.advance(rng.random() * 3)
        urgent = [wire.spawn(op(Lane.CANCEL)) for _ in range(2)]
        await wire.clock.advance(0.05)
        assert all(one.done() for one in urgent)
        order, question = wire.spawn(op(Lane.ORDER)), wire.spawn(op(Lane.CONTROL))
        await wire.clock.advance(1.0)
        assert order.done()
        assert question.done()
    await wire.clock.advance(20 * 600.0)
    assert all(one.done() for one in asked), "somebody starves"
    await asyncio.gather(*asked)
    assert wire.pacer.queued == 0
    assert worst(wire.moments(), 1.0) <= 45
    return [(at, one) for at, one in wire.sent if one.lane >= Lane.DATA]


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=5 if SOAKS else 1, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_under_every_rule_no_window_is_exceeded_nobody_starves_and_cancels_leave_at_once(
    name: str, seed: int
) -> None:
    rule = RULES[name]
    sent = asyncio.run(flood(rule, seed))
    assert len(sent) == FLOOD
    assert rule.holds(sent)
    assert sent[-1][0] - sent[0][0] >= rule.takes_s


@settings(max_examples=5 if SOAKS else 1, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_of_many_large_requests_never_more_than_fifty_wait_for_their_answers(
    seed: int,
) -> None:
    async def download() -> int:
        wire, rng = Wire(), random.Random(seed)
        open_now = most = 0

        async def ask(number: int) -> None:
            nonlocal open_now, most
            one = bars(number, small_bars=False)
            await wire.pacer.admit(one, until=10.0**7)
            open_now += 1
            most = max(most, open_now)
            await wire.clock.sleep(rng.uniform(0.05, 60.0))
            open_now -= 1
            wire.pacer.release(one)

        asked = [asyncio.create_task(ask(number)) for number in range(FLOOD)]
        for _ in range(10):
            await wire.clock.advance(rng.random() * 20)
            urgent = [wire.spawn(op(Lane.CANCEL)) for _ in range(2)]
            await wire.clock.advance(0.05)
            assert all(one.done() for one in urgent)
        await wire.clock.advance(3600.0)
        assert all(one.done() for one in asked), "somebody starves"
        await asyncio.gather(*asked)
        assert wire.pacer.history_status().open == 0
        return most

    assert asyncio.run(download()) == 50


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("take", "take", "take", "give back", "refused", "wait")),
        st.integers(0, 12),
        st.sampled_from(list(LinePool)),
    ),
    max_size=120,
)


@settings(max_examples=200 if SOAKS else 30, deadline=None)
@given(limit=st.integers(1, 8), steps=STEPS)
def test_lines_are_never_more_than_there_are_and_one_given_back_is_free(
    limit: int, steps: list[tuple[str, int, LinePool]]
) -> None:
    async def play() -> None:
        clock = FakeClock()
        lines = LineBudget(limit, clock=clock)
        held: dict[LinePool, list[int]] = {pool: [] for pool in LinePool}
        for what, key, pool in steps:
            mine, now = held[pool], lines.status()[pool.value]
            match what:
                case "take" if key in mine or now.used < now.limit_now:
                    assert lines.take(key, pool=pool) is (key not in mine)
                    mine.append(key)
                case "take":
                    used = f"{now.used} of {now.limit_now} taken"
                    with pytest.raises(MarketDataPermissionError, match=used):
                        lines.take(key, pool=pool)
                case "give back":
                    assert lines.give_back(key, pool=pool) is (mine.count(key) == 1)
                    if key in mine:
                        mine.remove(key)
                case "refused" if mine:
                    lines.refused(pool=pool)
                case "wait":
                    await clock.advance(RELEARN_S)
            for each, taken in held.items():
                status = lines.status()[each.value]
                assert status.used == len(set(taken)) <= status.limit
                assert 1 <= status.limit_now <= status.limit

    asyncio.run(play())
