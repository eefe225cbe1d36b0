"""Who gets to the wire when, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import NotConnectedError, PacingError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.resilience.operation import (
    EndpointPolicy,
    Group,
    HistoryKey,
    Lane,
    Operation,
    Replay,
)
from ibkr_connector.resilience.pacing import Pacer
from ibkr_connector.resilience.timers import Timers
from kit.fake_clock import FakeClock


async def nothing() -> None:
    raise AssertionError("the pacer never makes the call")


def op(lane: Lane = Lane.DATA, cost: int = 1, history: HistoryKey | None = None) -> Operation[None]:
    policy = EndpointPolicy(
        name=lane.name, group=Group.MARKET, lane=lane, replay=Replay.NEVER, cost=cost
    )
    return Operation(policy=policy, call=nothing, history=history)


def small(number: int, contract: str | None = None, weight: int = 1) -> HistoryKey:
    return HistoryKey(
        contract_key=contract or f"C{number}",
        identical_key=f"I{number}",
        weight=weight,
        small_bars=True,
    )


class Wire:
    """A pacer with its clock, and a book of what was admitted when."""

    def __init__(self, messages_per_second: int = 45) -> None:
        self.clock = FakeClock()
        self.timers = Timers(self.clock)
        self.pacer = Pacer(
            clock=self.clock, timers=self.timers, messages_per_second=messages_per_second
        )
        self.sent: list[tuple[float, Operation[None]]] = []

    async def send(self, operation: Operation[None], within_s: float = 3600.0) -> float:
        waited = await self.pacer.admit(operation, until=self.clock.monotonic() + within_s)
        self.sent.append((self.clock.monotonic(), operation))
        return waited

    def spawn(self, operation: Operation[None], within_s: float = 3600.0) -> asyncio.Task[float]:
        return asyncio.create_task(self.send(operation, within_s))

    def moments(self) -> list[float]:
        return [when for when, sent in self.sent for _ in range(sent.cost)]


def worst(moments: Sequence[float], span_s: float) -> int:
    ordered, left, most = sorted(moments), 0, 0
    for right, moment in enumerate(ordered):
        while moment - ordered[left] >= span_s:
            left += 1
        most = max(most, right - left + 1)
    return most


async def test_with_budget_to_spare_nobody_waits() -> None:
    wire = Wire()
    assert [await wire.send(op()) for _ in range(8)] == [0.0] * 8


async def test_a_cancel_behind_five_hundred_requests_leaves_within_fifty_milliseconds() -> None:
    wire = Wire()
    flood = [wire.spawn(op(lane)) for lane in (Lane.DATA, Lane.HISTORY) for _ in range(250)]
    await wire.clock.advance(1.7)
    assert wire.pacer.queued > 400
    cancels = [wire.spawn(op(Lane.CANCEL)) for _ in range(3)]
    await wire.clock.advance(0.05)
    assert all(cancel.done() for cancel in cancels)
    await wire.clock.advance(60.0)
    await asyncio.gather(*flood, *cancels)
    assert worst(wire.moments(), 1.0) <= 45


async def test_lanes_are_served_by_urgency_and_first_come_first_served_inside() -> None:
    wire = Wire()
    for _ in range(8):
        await wire.send(op(Lane.DATA))
    lanes = [Lane.HISTORY, Lane.DATA, Lane.CONTROL, Lane.DATA, Lane.HISTORY, Lane.CONTROL]
    queued = [op(lane) for lane in lanes]
    tasks = [wire.spawn(operation) for operation in queued]
    await wire.clock.advance(5.0)
    await asyncio.gather(*tasks)
    expected = [queued[i] for i in (2, 5, 1, 3, 0, 4)]
    assert [id(sent) for _, sent in wire.sent[8:]] == [id(one) for one in expected]


async def test_the_last_places_are_kept_for_orders_and_cancels() -> None:
    wire = Wire()
    flood = [wire.spawn(op(Lane.DATA)) for _ in range(20)]
    await wire.clock.settle()
    assert len(wire.sent) == 8
    assert await wire.send(op(Lane.ORDER)) == 0.0
    assert await wire.send(op(Lane.CANCEL)) == 0.0
    await wire.clock.advance(5.0)
    await asyncio.gather(*flood)


async def test_the_steady_rate_uses_the_budget() -> None:
    wire = Wire(45)
    tasks = [wire.spawn(op()) for _ in range(330)]
    await wire.clock.advance(10.0)
    assert len(wire.sent) >= 320
    await wire.clock.advance(10.0)
    await asyncio.gather(*tasks)


@settings(max_examples=25, deadline=None)
@given(
    budget=st.integers(6, 120),
    seed=st.integers(0, 10**6),
)
def test_no_second_ever_holds_more_than_the_budget(budget: int, seed: int) -> None:
    async def storm() -> list[float]:
        wire, rng = Wire(budget), random.Random(seed)
        tasks = []
        for _ in range(120):
            tasks.append(wire.spawn(op(rng.choice(list(Lane)), rng.randint(1, 2))))
            if rng.random() < 0.2:
                await wire.clock.advance(rng.random() * 0.4)
            if rng.random() < 0.1:
                rng.choice(tasks).cancel()
        await wire.clock.advance(200.0)
        await asyncio.gather(*tasks, return_exceptions=True)
        return wire.moments()

    assert worst(asyncio.run(storm()), 1.0) <= budget


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_historical_window_is_ever_exceeded(seed: int) -> None:
    async def download() -> list[tuple[float, HistoryKey]]:
        wire, rng = Wire(), random.Random(seed)
        tasks = [
            wire.spawn(
                op(
                    Lane.HISTORY,
                    history=small(
                        rng.randrange(40), f"C{rng.randrange(6)}", rng.choice((1, 1, 1, 2))
                    ),
                ),
                within_s=10**6,
            )
            for _ in range(130)
        ]
        await wire.clock.advance(4000.0)
        await asyncio.gather(*tasks)
        return [(when, sent.history) for when, sent in wire.sent if sent.history is not None]

    sent = asyncio.run(download())
    assert len(sent) == 130
    weighed = [when for when, key in sent for _ in range(key.weight)]
    assert worst(weighed, 600.0) <= 60
    for contract in {key.contract_key for _, key in sent}:
        same = [w for w, key in sent for _ in range(key.weight) if key.contract_key == contract]
        assert worst(same, 2.0) <= 5
    for identity in {key.identical_key for _, key in sent}:
        times = sorted(when for when, key in sent if key.identical_key == identity)
        assert all(later - earlier >= 15.0 for earlier, later in itertools.pairwise(times))


async def test_a_request_held_up_by_a_rule_does_not_hold_up_others() -> None:
    wire = Wire()
    same = small(1)
    await wire.send(op(Lane.HISTORY, history=same))
    held = wire.spawn(op(Lane.HISTORY, history=same))
    await wire.clock.settle()
    assert await wire.send(op(Lane.HISTORY, history=small(2))) == 0.0
    assert await wire.send(op(Lane.DATA)) == 0.0
    assert not held.done()
    await wire.clock.advance(15.1)
    assert held.done()


async def test_a_wait_longer_than_the_deadline_fails_at_once() -> None:
    wire = Wire()
    for number in range(60):
        await wire.send(op(Lane.HISTORY, history=small(number)))
        await wire.clock.advance(0.5)
    with pytest.raises(PacingError) as caught:
        await wire.send(op(Lane.HISTORY, history=small(99)), within_s=60.0)
    assert wire.clock.monotonic() == 30.0
    assert caught.value.retry_after_s == pytest.approx(570.05)
    assert caught.value.disposition is SendDisposition.UNSENT
    assert wire.pacer.queued == 0


async def test_a_queue_longer_than_the_deadline_fails_at_once() -> None:
    wire = Wire()
    flood = [wire.spawn(op()) for _ in range(200)]
    await wire.clock.settle()
    with pytest.raises(PacingError) as caught:
        await wire.send(op(), within_s=2.0)
    assert caught.value.retry_after_s == pytest.approx(192 / (35 / 1.05), abs=0.01)
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    assert wire.pacer.queued == 0


async def test_the_deadline_also_ends_a_wait_that_others_have_lengthened() -> None:
    wire = Wire()
    data = [wire.spawn(op(Lane.DATA)) for _ in range(12)]
    history = wire.spawn(op(Lane.HISTORY), within_s=0.5)
    await wire.clock.settle()
    urgent = [wire.spawn(op(Lane.CONTROL)) for _ in range(60)]
    await wire.clock.advance(0.6)
    with pytest.raises(PacingError):
        await history
    await wire.clock.advance(10.0)
    await asyncio.gather(*data, *urgent)


async def test_a_caller_who_goes_away_leaves_his_place_to_the_next() -> None:
    wire = Wire()
    flood = [wire.spawn(op()) for _ in range(12)]
    await wire.clock.settle()
    flood[8].cancel()
    flood[9].cancel()
    await wire.clock.advance(0.07)
    assert flood[10].done()
    assert flood[11].done()
    assert wire.pacer.queued == 0


async def test_a_caller_cancelled_in_the_turn_in_which_he_is_served_counts_as_sent() -> None:
    wire = Wire()
    for _ in range(8):
        await wire.send(op())
    doomed = wire.spawn(op())
    follower = wire.spawn(op())
    await wire.clock.settle()

    def go_away() -> None:
        doomed.cancel()

    # at the very moment at which the bucket has room again, and just after it is given away
    wire.timers.call_at(wire.pacer._step_s, go_away)
    await wire.clock.advance(0.2)
    assert doomed.cancelled()
    assert follower.done()


async def test_closing_sends_everybody_home() -> None:
    wire = Wire()
    flood = [wire.spawn(op()) for _ in range(12)]
    await wire.clock.settle()
    flood[11].cancel()
    wire.pacer.close()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert [type(result) for result in results[8:11]] == [NotConnectedError] * 3
    with pytest.raises(NotConnectedError):
        await wire.send(op())
    await wire.timers.aclose()
    assert wire.clock.sleeping == 0


async def test_a_cost_that_never_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="never fits"):
        await Wire().send(op(Lane.DATA, cost=9))


def test_a_budget_too_small_to_work_with_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        Wire(5)


async def test_the_meter_reads_the_clock_it_was_given() -> None:
    wire = Wire()
    for _ in range(10):
        await wire.send(op(Lane.CANCEL))
    late = wire.spawn(op(Lane.CANCEL))
    await asyncio.sleep(0.05)
    assert not late.done(), "the wall clock has moved, ours has not"
    await wire.clock.advance(0.05)
    assert late.done()


def test_the_meter_refuses_to_be_filled_without_asking() -> None:
    wire = Wire()
    meter = wire.pacer._wire
    meter.take(10)
    with pytest.raises(AttributeError):
        meter.take(1)
