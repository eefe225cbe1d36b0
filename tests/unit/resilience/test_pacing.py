"""Who gets to the wire when, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ibkr_connector.codes import PacingEffect
from ibkr_connector.errors import NotConnectedError, PacingError
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.resilience.history import HISTORY_SLACK_S
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
        self.pacer.release(operation)
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
    cancels = [wire.spawn(op(Lane.CANCEL)) for _ in range(5)]
    await wire.clock.advance(0.05)
    assert [cancel.done() for cancel in cancels[:2]] == [True, True]
    await wire.clock.advance(0.25)
    assert all(cancel.done() for cancel in cancels), "nobody else went before the others"
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
    tasks = [wire.spawn(op()) for _ in range(450)]
    await wire.clock.advance(10.0)
    assert len(wire.sent) == 450, "45 in each of ten seconds"
    assert worst(wire.moments(), 1.0) == 45
    await asyncio.gather(*tasks)


@settings(max_examples=8, deadline=None)
@given(budget=st.sampled_from((45, 46, 60, 90, 120, 250)), seed=st.integers(0, 10**6))
def test_a_large_budget_is_used_to_the_last_message(budget: int, seed: int) -> None:
    async def flood() -> list[float]:
        wire, rng = Wire(budget), random.Random(seed)
        lanes = [rng.choice((Lane.CONTROL, Lane.DATA, Lane.HISTORY)) for _ in range(budget * 3)]
        tasks = [wire.spawn(op(lane)) for lane in lanes]
        await wire.clock.advance(3.01)
        moments = wire.moments()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return moments

    moments = asyncio.run(flood())
    assert len(moments) >= budget * 3 * 0.97
    assert worst(moments, 1.0) <= budget


@settings(max_examples=10, deadline=None)
@given(budget=st.integers(10, 200), flood=st.integers(0, 500), after=st.floats(0.0, 5.0))
@example(budget=10, flood=19, after=2.25)
def test_two_cancels_never_wait_longer_than_fifty_milliseconds(
    budget: int, flood: int, after: float
) -> None:
    async def cancel() -> tuple[list[bool], list[float]]:
        wire = Wire(budget)
        tasks = [wire.spawn(op(Lane.HISTORY, history=small(number))) for number in range(flood)]
        tasks += [wire.spawn(op(Lane.DATA)) for _ in range(flood)]
        await wire.clock.advance(after)
        cancels = [wire.spawn(op(Lane.CANCEL)) for _ in range(2)]
        await wire.clock.advance(0.05)
        done = [one.done() for one in cancels]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return done, wire.moments()

    done, moments = asyncio.run(cancel())
    assert done == [True, True]
    assert worst(moments, 1.0) <= budget


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.integers(10, 60))
def test_nobody_starves_behind_a_flood_that_never_ends(seed: int, budget: int) -> None:
    async def flood() -> list[float]:
        wire, rng = Wire(budget), random.Random(seed)
        floods: list[asyncio.Task[float]] = []
        modest = [wire.spawn(op(Lane.HISTORY)) for _ in range(4)]
        modest += [wire.spawn(op(Lane.DATA)) for _ in range(4)]
        for _ in range(int(120 * 1.2)):
            # orders and control faster than the wire takes them, a cancel now and then
            urgent = [rng.choice((Lane.ORDER, Lane.CONTROL)) for _ in range(budget // 10 + 2)]
            if rng.random() < 0.1:
                urgent.append(Lane.CANCEL)
            floods += [wire.spawn(op(lane)) for lane in urgent]
            await wire.clock.advance(0.1)
        assert wire.pacer.queued > 0, "it was no flood"
        waits = [task.result() for task in modest if task.done()]
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        return waits

    waits = asyncio.run(flood())
    assert len(waits) == 8
    # eight of them, one message in ten for whoever has waited longest, and orders wait as well
    assert max(waits) <= 14.4


async def test_one_message_in_ten_goes_to_whoever_has_waited_longest() -> None:
    wire = Wire()
    for _ in range(8):
        await wire.send(op(Lane.DATA))
    history = wire.spawn(op(Lane.HISTORY))
    await wire.clock.settle()
    urgent = [wire.spawn(op(Lane.CONTROL)) for _ in range(30)]
    await wire.clock.advance(10 * 0.0225)
    assert history.done()
    assert [sent.lane for _, sent in wire.sent[8:18]].count(Lane.HISTORY) == 1
    await wire.clock.advance(2.0)
    await asyncio.gather(*urgent)


async def test_a_cancel_overtakes_even_who_is_let_through_in_his_turn() -> None:
    wire = Wire()
    history = wire.spawn(op(Lane.HISTORY))
    await wire.clock.settle()
    for _ in range(7):
        await wire.send(op(Lane.DATA))
    late = wire.spawn(op(Lane.HISTORY))
    control = [wire.spawn(op(Lane.CONTROL)) for _ in range(9)]
    await wire.clock.advance(9 * 0.0223)
    assert not late.done()
    assert await wire.send(op(Lane.CANCEL)) == 0.0
    await wire.clock.advance(0.1)
    assert late.done()
    await asyncio.gather(history, *control)


async def test_at_most_fifty_historical_requests_are_open() -> None:
    wire = Wire()
    big = [
        op(Lane.HISTORY, history=HistoryKey(contract_key="C", identical_key=f"I{n}"))
        for n in range(53)
    ]
    admitted: list[Operation[None]] = []

    async def ask(one: Operation[None]) -> None:
        await wire.pacer.admit(one, until=3600.0)
        admitted.append(one)

    tasks = [asyncio.create_task(ask(one)) for one in big]
    await wire.clock.advance(60.0)
    assert len(admitted) == 50
    assert await wire.send(op(Lane.DATA)) == 0.0, "they hold up nobody else"
    wire.pacer.release(admitted[0])
    wire.pacer.release(admitted[1])
    await wire.clock.advance(1.0)
    assert len(admitted) == 52
    tasks[52].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for one in admitted[2:]:
        wire.pacer.release(one)
    assert wire.pacer.history_status().open == 0
    assert wire.pacer.queued == 0


async def test_a_slot_is_free_only_when_the_cancellation_has_left() -> None:
    wire = Wire()
    asked = op(Lane.HISTORY, history=HistoryKey(contract_key="C", identical_key="I"))
    await wire.pacer.admit(asked, until=60.0)
    for _ in range(7):
        await wire.send(op(Lane.DATA))
    written: list[str] = []
    wire.pacer.post(lambda: written.append("cancel"))
    wire.pacer.release(asked)
    assert (written, wire.pacer.history_status().open) == ([], 1)
    await wire.clock.advance(0.1)
    assert (written, wire.pacer.history_status().open) == (["cancel"], 0)


async def test_a_caller_who_goes_away_as_he_is_served_leaves_no_slot_taken() -> None:
    wire = Wire()
    for _ in range(8):
        await wire.send(op())
    asked = op(Lane.HISTORY, history=HistoryKey(contract_key="C", identical_key="I"))
    doomed = asyncio.create_task(wire.pacer.admit(asked, until=60.0))
    await wire.clock.settle()

    def go_away() -> None:
        doomed.cancel()

    wire.timers.call_at(1.001 / 45, go_away)
    await wire.clock.advance(0.2)
    assert doomed.cancelled()
    assert wire.pacer.history_status().open == 0


async def test_a_message_nobody_waits_for_leaves_at_once_or_in_its_turn() -> None:
    wire = Wire()
    written: list[int] = []
    for number in range(100):
        wire.pacer.post(lambda number=number: written.append(number))  # type: ignore[misc]
    assert written == list(range(8))
    assert wire.pacer.queued == 92
    await wire.clock.advance(0.99)
    assert len(written) <= 45
    await wire.clock.advance(2.0)
    assert written == list(range(100))
    wire.pacer.close()
    wire.pacer.post(lambda: written.append(-1))
    assert -1 not in written


async def test_what_left_without_asking_is_counted_and_the_others_wait_for_it() -> None:
    wire = Wire()
    for _ in range(60):
        wire.pacer.charge()
    late = wire.spawn(op(Lane.CANCEL))
    await wire.clock.advance(0.99)
    assert not late.done()
    await wire.clock.advance(0.02)
    assert late.done()


async def test_two_calls_about_one_subject_are_as_far_apart_as_the_row_says() -> None:
    wire = Wire()
    policy = EndpointPolicy(
        name="ticks", group=Group.MARKET, lane=Lane.DATA, replay=Replay.SAFE, apart_s=15.0
    )
    about = [Operation(policy=policy, call=nothing, subject=name) for name in "AAAB"]
    await wire.send(about[0])
    second = wire.spawn(about[1])
    await wire.clock.settle()
    with pytest.raises(PacingError) as caught:
        await wire.send(about[2], within_s=20.0)
    assert caught.value.retry_after_s == pytest.approx(30.1)
    assert await wire.send(about[3]) == 0.0, "another subject"
    await wire.clock.advance(15.1)
    assert second.done()


async def test_a_complaint_halves_the_rate_and_silence_brings_it_back() -> None:
    wire = Wire()
    assert wire.pacer.hear(PacingEffect.MESSAGES)
    assert not wire.pacer.hear(PacingEffect.MESSAGES), "one for each message too many"
    assert wire.pacer.wire.rate == 22
    assert await wire.send(op(Lane.ORDER)) == 0.0
    rested = wire.spawn(op(Lane.DATA))
    await wire.clock.advance(0.95)
    assert not rested.done(), "the gateway counts by the second: nothing but orders for one"
    tasks = [wire.spawn(op()) for _ in range(100)]
    await wire.clock.advance(3.0)
    assert worst(wire.moments(), 1.0) <= 22
    await wire.clock.advance(60.0)
    await asyncio.gather(rested, *tasks)
    assert wire.pacer.wire.rate == 22, "nobody has asked since"
    await wire.send(op())
    assert wire.pacer.wire.rate == 30
    await wire.clock.advance(300.0)
    await wire.send(op())
    assert wire.pacer.wire.rate == 45
    assert wire.pacer.hear(PacingEffect.NEAR)
    assert wire.pacer.wire.rate == 40
    assert wire.pacer.complaints == 2
    assert not wire.pacer.hear(PacingEffect.LINES)


async def test_a_bracket_still_fits_a_budget_that_was_talked_down() -> None:
    wire = Wire()
    for _ in range(6):
        wire.pacer.hear(PacingEffect.MESSAGES)
        await wire.clock.advance(1.1)
    assert wire.pacer.wire.rate == 6
    await wire.send(op(Lane.ORDER, cost=9))
    assert len(wire.sent) == 1


async def test_history_rests_after_a_complaint_and_nothing_else_does() -> None:
    wire = Wire()
    wire.pacer.hear(PacingEffect.HISTORY)
    held = wire.spawn(op(Lane.HISTORY, history=small(1)))
    assert await wire.send(op(Lane.DATA)) == 0.0
    with pytest.raises(PacingError) as caught:
        await wire.send(op(Lane.HISTORY, history=small(2)), within_s=10.0)
    assert caught.value.retry_after_s == 15.0
    await wire.clock.advance(15.1)
    assert held.done()


async def test_a_learned_limit_that_grows_back_is_looked_at_while_somebody_waits() -> None:
    wire = Wire()
    wire.pacer.hear(PacingEffect.HISTORY)
    await wire.clock.advance(16.0)
    for number in range(45):
        await wire.send(op(Lane.HISTORY, history=small(number)))
        await wire.clock.advance(0.1)
    waiting = wire.spawn(op(Lane.HISTORY, history=small(99)))
    await wire.clock.advance(30.0)
    assert not waiting.done()
    await wire.clock.advance(15.0)
    assert waiting.done(), "five more after a minute of silence"


async def test_the_status_of_the_lanes_tells_who_waits_and_how_it_went() -> None:
    wire = Wire()
    flood = [wire.spawn(op(Lane.DATA)) for _ in range(20)]
    await wire.clock.advance(0.1)
    data = wire.pacer.lanes()["data"]
    assert (data.queued, data.passed) == (8, 12)
    assert data.oldest_s == pytest.approx(0.1)
    assert 0.0 < data.mean_wait_s < data.longest_wait_s <= 0.1
    assert list(wire.pacer.lanes()) == ["cancel", "order", "control", "data", "history"]
    await wire.clock.advance(5.0)
    await asyncio.gather(*flood)
    assert wire.pacer.lanes()["data"].queued == 0


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
    await wire.clock.advance(15.3)
    assert held.done()


async def test_a_wait_longer_than_the_deadline_fails_at_once() -> None:
    wire = Wire()
    for number in range(60):
        await wire.send(op(Lane.HISTORY, history=small(number)))
        await wire.clock.advance(0.5)
    with pytest.raises(PacingError) as caught:
        await wire.send(op(Lane.HISTORY, history=small(99)), within_s=60.0)
    assert wire.clock.monotonic() == 30.0
    assert caught.value.retry_after_s == pytest.approx(570.0 + HISTORY_SLACK_S)
    assert caught.value.disposition is SendDisposition.UNSENT
    assert wire.pacer.queued == 0


async def test_a_queue_longer_than_the_deadline_fails_at_once() -> None:
    wire = Wire()
    flood = [wire.spawn(op()) for _ in range(200)]
    await wire.clock.settle()
    with pytest.raises(PacingError) as caught:
        await wire.send(op(), within_s=2.0)
    assert caught.value.retry_after_s == pytest.approx(193 / 45, abs=0.01)
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
    wire.timers.call_at(1.001 / 45, go_away)
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
