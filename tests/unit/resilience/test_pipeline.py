"""The nesting of the policies: what each call pays, waits for and learns."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.codes import PacingEffect
from ibkr_connector.errors import (
    CircuitOpenError,
    ConfigurationError,
    ConnectionLostError,
    ContractNotFoundError,
    IBKRError,
    NotConnectedError,
    PacingError,
    RequestTimeoutError,
)
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.model.status import BreakerState
from ibkr_connector.resilience.operation import (
    ENDPOINTS,
    LIVE_BARS,
    Group,
    HistoryKey,
    Operation,
)
from ibkr_connector.resilience.pipeline import EventKind, Pipeline, PipelineEvent, PipelineTuning
from kit.fake_clock import FakeClock

T = TypeVar("T")


class Rig:
    """A pipeline on virtual time, and what it told."""

    def __init__(self, tuning: PipelineTuning | None = None) -> None:
        self.clock = FakeClock()
        self.events: list[PipelineEvent] = []
        self.pipeline = Pipeline(
            clock=self.clock, tuning=tuning, draw=lambda: 1.0, on_event=self.events.append
        )

    async def run(
        self, name: str, call: Callable[[], Awaitable[T]], *, deadline_s: float | None = None
    ) -> T:
        task = asyncio.create_task(
            self.pipeline.run(Operation(policy=ENDPOINTS[name], call=call, deadline_s=deadline_s))
        )
        await self.clock.settle()
        while not task.done():
            assert await self.clock.jump() > 0, "the call waits for nothing that time could bring"
        return await task

    def told(self) -> list[tuple[EventKind, int]]:
        return [(event.kind, event.attempt) for event in self.events]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.pipeline.aclose()


async def hang() -> str:
    await asyncio.Event().wait()
    raise AssertionError("never reached")


class Calls:
    """Counts attempts; each ends as written, the last one for ever after."""

    def __init__(self, *outcomes: Exception | str) -> None:
        self.outcomes = outcomes
        self.made = 0

    async def __call__(self) -> str:
        outcome = self.outcomes[min(self.made, len(self.outcomes) - 1)]
        self.made += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_a_success_goes_straight_through(rig: Rig) -> None:
    assert await rig.run("positions", Calls("rows")) == "rows"
    assert rig.clock.monotonic() == 0.0
    assert rig.told() == [(EventKind.SUCCEEDED, 1)]


async def test_a_read_is_repeated_until_it_succeeds(rig: Rig) -> None:
    calls = Calls(ConnectionLostError(), ConnectionLostError(), "rows")
    assert await rig.run("positions", calls) == "rows"
    assert rig.told() == [
        (EventKind.RETRYING, 1),
        (EventKind.RETRYING, 2),
        (EventKind.SUCCEEDED, 3),
    ]
    assert rig.events[0].wait_s == 0.2


async def test_an_order_is_never_sent_twice(rig: Rig) -> None:
    calls = Calls(ConnectionLostError())
    with pytest.raises(ConnectionLostError):
        await rig.run("place_order", calls)
    assert calls.made == 1
    assert rig.told() == [(EventKind.FAILED, 1)]


async def test_a_hanging_attempt_is_ended_and_repeated(rig: Rig) -> None:
    began: list[float] = []

    async def hangs_once() -> str:
        began.append(rig.clock.monotonic())
        return await hang() if len(began) == 1 else "rows"

    assert await rig.run("positions", hangs_once) == "rows"
    assert began == [0.0, 10.2]


async def test_the_deadline_bounds_attempts_and_waits_together(rig: Rig) -> None:
    with pytest.raises(RequestTimeoutError) as caught:
        await rig.run("positions", hang, deadline_s=25.0)
    assert rig.clock.monotonic() == pytest.approx(25.0)
    assert caught.value.replay_safe is True
    assert caught.value.disposition is None
    assert any("gave up after 3 attempts" in note for note in caught.value.__notes__)


async def test_the_endpoints_own_deadline_comes_before_the_pipelines(rig: Rig) -> None:
    with pytest.raises(RequestTimeoutError) as caught:
        await rig.run("place_order", hang)
    assert rig.clock.monotonic() == 10.0
    assert caught.value.replay_safe is False
    with pytest.raises(RequestTimeoutError):
        await rig.run("request", hang)
    assert rig.clock.monotonic() == 40.0


async def test_no_time_at_all_sends_nothing(rig: Rig) -> None:
    calls = Calls("never")
    with pytest.raises(RequestTimeoutError) as caught:
        await rig.run("place_order", calls, deadline_s=0.0)
    assert calls.made == 0
    assert caught.value.disposition is SendDisposition.UNSENT


async def test_a_call_that_hangs_until_the_deadline_counts_against_the_circuit(rig: Rig) -> None:
    for _ in range(5):
        with pytest.raises(RequestTimeoutError):
            await rig.run("place_order", hang)
    assert rig.pipeline.breaker_states()["orders"] is BreakerState.OPEN


async def test_an_open_circuit_spends_no_budget(rig: Rig) -> None:
    for _ in range(5):
        with pytest.raises(ConnectionLostError):
            await rig.run("place_order", Calls(ConnectionLostError()))
    await rig.clock.advance(1.0)
    for _ in range(100):
        with pytest.raises(CircuitOpenError):
            await rig.run("place_order", Calls("never"))
    assert rig.clock.monotonic() == 1.0
    assert rig.pipeline.queued == 0
    assert rig.events[5].circuit is None
    circuit = [event for event in rig.events if event.kind is EventKind.CIRCUIT]
    assert [(event.group, event.circuit) for event in circuit] == [
        (Group.ORDERS, BreakerState.OPEN)
    ]


async def test_a_cancel_is_tried_whatever_its_circuit_says_and_tells_it_nothing(rig: Rig) -> None:
    for _ in range(5):
        with pytest.raises(ConnectionLostError):
            await rig.run("place_order", Calls(ConnectionLostError()))
    cancel = Calls("cancelled")
    assert await rig.run("cancel_order", cancel) == "cancelled"
    assert cancel.made == 1
    assert rig.pipeline.breaker_states()["orders"] is BreakerState.OPEN
    with pytest.raises(CircuitOpenError):
        await rig.run("place_order", Calls("never"))
    # nor does one that fails lengthen the time for which it is open
    with pytest.raises(IBKRError):
        await rig.run("cancel_order", Calls(*[ConnectionLostError()] * 9), deadline_s=5.0)
    await rig.clock.advance(30.0)
    assert await rig.run("place_order", Calls("placed")) == "placed"
    assert rig.pipeline.breaker_states()["orders"] is BreakerState.CLOSED


async def test_a_cancel_counts_while_its_circuit_is_closed(rig: Rig) -> None:
    for _ in range(5):
        with pytest.raises(RequestTimeoutError):
            await rig.run("cancel_order", hang, deadline_s=5.0)
    assert rig.pipeline.breaker_states()["orders"] is BreakerState.OPEN


async def test_circuits_of_other_groups_stay_closed(rig: Rig) -> None:
    for _ in range(5):
        with pytest.raises(ConnectionLostError):
            await rig.run("place_order", Calls(ConnectionLostError()))
    assert await rig.run("positions", Calls("rows")) == "rows"
    states = rig.pipeline.breaker_states()
    assert states == {
        "connection": BreakerState.CLOSED,
        "orders": BreakerState.OPEN,
        "market": BreakerState.CLOSED,
        "history": BreakerState.CLOSED,
        "account": BreakerState.CLOSED,
        "preview": BreakerState.CLOSED,
    }


async def test_circuits_can_be_closed_by_hand_one_or_all(rig: Rig) -> None:
    for name in ("place_order", "request"):
        for _ in range(5):
            with pytest.raises(ConnectionLostError):
                await rig.run(name, Calls(ConnectionLostError()))
    rig.pipeline.reset_breakers(Group.ORDERS)
    assert rig.pipeline.breaker_states()["orders"] is BreakerState.CLOSED
    assert rig.pipeline.breaker_states()["market"] is BreakerState.OPEN
    rig.pipeline.reset_breakers()
    assert set(rig.pipeline.breaker_states().values()) == {BreakerState.CLOSED}


async def test_business_errors_are_neither_repeated_nor_counted(rig: Rig) -> None:
    calls = Calls(ContractNotFoundError())
    for _ in range(20):
        with pytest.raises(ContractNotFoundError):
            await rig.run("contract_details", calls)
    assert calls.made == 20
    assert rig.pipeline.breaker_states()["market"] is BreakerState.CLOSED


async def test_every_attempt_pays(rig: Rig) -> None:
    wait = replace(ENDPOINTS["quote"], attempt_s=None, cost=2)
    paced: list[float] = []

    async def one() -> None:
        await rig.pipeline.run(Operation(policy=wait, call=Calls("tick")))
        paced.append(rig.clock.monotonic())

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(one())
        await rig.clock.advance(5.0)
    assert sum(moment < 1.0 for moment in paced) * 2 <= 45
    waits = [event.paced_s for event in rig.events]
    assert waits[0] == 0.0
    assert waits[-1] > 1.0
    assert waits[-1] == pytest.approx(rig.events[-1].elapsed_s)


async def test_a_wait_for_budget_that_outlasts_the_deadline_sends_nothing(rig: Rig) -> None:
    calls = Calls("late")
    flood = [
        asyncio.create_task(rig.pipeline.run(Operation(policy=ENDPOINTS["request"], call=calls)))
        for _ in range(200)
    ]
    await rig.clock.settle()
    sent = calls.made
    with pytest.raises(PacingError) as caught:
        await rig.pipeline.run(Operation(policy=ENDPOINTS["request"], call=calls, deadline_s=1.0))
    assert caught.value.disposition is SendDisposition.UNSENT
    assert caught.value.retry_after_s is not None
    assert calls.made == sent
    await rig.clock.advance(10.0)
    await asyncio.gather(*flood)


async def test_a_timeout_of_the_calls_own_making_is_not_taken_for_the_deadline(rig: Rig) -> None:
    with pytest.raises(TimeoutError, match="own"):
        await rig.run("request", Calls(TimeoutError("own")))


async def test_a_cancelled_caller_stops_the_call_and_counts_as_nothing(rig: Rig) -> None:
    for _ in range(10):
        task = asyncio.create_task(
            rig.pipeline.run(Operation(policy=ENDPOINTS["request"], call=hang))
        )
        await rig.clock.settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await rig.clock.advance(1.0)
    assert rig.pipeline.breaker_states()["market"] is BreakerState.CLOSED
    assert rig.told()[-1] == (EventKind.FAILED, 1)


async def test_closing_sends_home_who_waits_and_leaves_nobody_asleep() -> None:
    async with Rig().pipeline as pipeline:
        tasks = [
            asyncio.create_task(pipeline.run(Operation(policy=ENDPOINTS["place_order"], call=hang)))
            for _ in range(12)
        ]
        await FakeClock().settle()
        await pipeline.aclose()
        refused = [task for task in tasks if task.done()]
        assert len(refused) == 3
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(r) for r in results[9:]] == [NotConnectedError] * 3


async def test_nobody_needs_to_listen_and_jitter_has_a_default() -> None:
    clock, calls = FakeClock(), Calls(ConnectionLostError(), "rows")
    async with Pipeline(clock=clock, tuning=PipelineTuning(breaker_fail_max=1)) as pipeline:
        run = pipeline.run(Operation(policy=ENDPOINTS["positions"], call=calls))
        task = asyncio.create_task(run)
        await clock.settle()
        assert pipeline.breaker_states()["account"] is BreakerState.OPEN
        await clock.advance(30.0)
        with pytest.raises(ConnectionLostError):
            await task
    assert calls.made == 1


def of(name: str, call: Callable[[], Awaitable[T]], **facts: Any) -> Operation[T]:
    return Operation(policy=ENDPOINTS[name], call=call, **facts)


SMALL = HistoryKey(contract_key="C", identical_key="I", small_bars=True)


@pytest.mark.parametrize("ending", ["value", "error", "timeout", "cancelled", "circuit"])
async def test_however_a_historical_request_ends_its_slot_is_free(rig: Rig, ending: str) -> None:
    endings: dict[str, Callable[[], Awaitable[str]]] = {
        "value": Calls("bars"),
        "error": Calls(ContractNotFoundError()),
        "timeout": hang,
        "cancelled": hang,
        "circuit": Calls("never made"),
    }
    calls = endings[ending]
    if ending == "circuit":
        # the circuit opens while the call waits for the budget
        rig.pipeline.outlet.sent(60)
    task = asyncio.create_task(rig.pipeline.run(of("bars", calls, history=SMALL, deadline_s=5.0)))
    await rig.clock.settle()
    if ending == "cancelled":
        assert rig.pipeline.pacing_status().history.open == 1
        task.cancel()
    if ending == "circuit":
        for breaker in rig.pipeline._breakers.values():
            breaker._changed(BreakerState.OPEN)
    await rig.clock.advance(6.0)
    results = await asyncio.gather(task, return_exceptions=True)
    assert len(results) == 1
    status = rig.pipeline.pacing_status().history
    assert status.open == 0
    assert status.used == 1, "it counts for ten minutes however it ended"


async def test_what_a_call_writes_beyond_what_it_paid_for_is_charged(rig: Rig) -> None:
    async def talkative() -> None:
        for _ in range(12):
            rig.pipeline.outlet.sent()

    await rig.run("request", talkative)
    assert rig.pipeline.pacing_status().used == 12
    # the login of a session, which no call has paid for
    rig.pipeline.outlet.sent()
    assert rig.pipeline.pacing_status().used == 13


async def test_a_task_that_outlives_its_call_pays_for_itself(rig: Rig) -> None:
    go = asyncio.Event()

    async def later() -> None:
        await go.wait()
        rig.pipeline.outlet.sent()

    started: list[asyncio.Task[None]] = []

    async def silent() -> None:
        started.append(asyncio.create_task(later()))

    await rig.run("request", silent)
    assert rig.pipeline.pacing_status().used == 1
    go.set()
    await started[0]
    assert rig.pipeline.pacing_status().used == 2


async def test_a_message_that_calls_off_waits_for_its_turn(rig: Rig) -> None:
    written: list[int] = []
    for number in range(20):
        rig.pipeline.outlet.post(functools.partial(written.append, number))
    assert len(written) < 20
    assert rig.pipeline.pacing_status().lanes["control"].queued == 20 - len(written)
    await rig.clock.advance(1.0)
    assert written == list(range(20))


async def test_the_gateways_complaint_about_history_slows_history_down(rig: Rig) -> None:
    calls = Calls(PacingError("162", code=162), "bars")
    task = asyncio.create_task(rig.pipeline.run(of("bars", calls, history=SMALL)))
    await rig.clock.advance(14.0)
    status = rig.pipeline.pacing_status()
    assert (status.history.limit_now, status.complaints, calls.made) == (45, 1, 1)
    assert status.budget_now == 45
    await rig.clock.advance(3.0)
    assert await task == "bars", "asked again as soon as history has rested"
    slowed = [event for event in rig.events if event.kind is EventKind.SLOWED]
    assert [event.limit for event in slowed] == [PacingEffect.HISTORY]
    assert rig.pipeline.breaker_states()["history"] is BreakerState.CLOSED


async def test_the_gateways_complaint_about_another_call_slows_messages_down(rig: Rig) -> None:
    with pytest.raises(PacingError):
        await rig.run("request", Calls(PacingError("420", code=420)))
    assert rig.pipeline.pacing_status().budget_now == 40
    rig.pipeline.hear(PacingEffect.MESSAGES)
    assert rig.pipeline.pacing_status().budget_now == 40, "within a second it is one complaint"


async def test_a_second_heartbeat_is_sent_at_once_when_the_first_is_missed(rig: Rig) -> None:
    sent: list[float] = []

    async def probe() -> None:
        sent.append(rig.clock.monotonic())
        await hang()

    for _ in range(2):
        with pytest.raises(RequestTimeoutError):
            await rig.run("heartbeat", probe, deadline_s=0.4)
    assert sent == pytest.approx([0.0, 0.4])


async def test_a_refusal_of_our_own_is_no_complaint(rig: Rig) -> None:
    rig.pipeline.outlet.sent(200)
    with pytest.raises(PacingError):
        await rig.pipeline.run(of("request", Calls("late"), deadline_s=0.1))
    assert rig.pipeline.pacing_status().complaints == 0


async def test_a_circuit_tells_whence_it_came_why_and_for_how_long(rig: Rig) -> None:
    lost = ConnectionLostError("gone")
    for _ in range(5):
        with pytest.raises(ConnectionLostError):
            await rig.run("request", Calls(lost))
    [event] = [event for event in rig.events if event.kind is EventKind.CIRCUIT]
    assert (event.group, event.was, event.circuit) == (
        Group.MARKET,
        BreakerState.CLOSED,
        BreakerState.OPEN,
    )
    assert (event.error, event.wait_s) == (lost, 30.0)
    rig.pipeline.reset_breaker("market")
    assert rig.pipeline.breaker_states()["market"] is BreakerState.CLOSED
    assert rig.events[-1].was is BreakerState.OPEN
    assert rig.events[-1].error is None


def test_a_circuit_that_does_not_exist_is_not_reset() -> None:
    with pytest.raises(ConfigurationError, match="'markt'") as caught:
        Rig().pipeline.reset_breaker("markt")
    assert "market" in str(caught.value)


async def test_the_net_behind_the_pacing_is_the_gateways_own_limit() -> None:
    pipeline = Pipeline(clock=FakeClock(), tuning=PipelineTuning(messages_per_second=45))
    assert pipeline.outlet.net_limit == 50
    pipeline.outlet.alarm()
    assert pipeline.pacing_status().net_alarms == 1
    bold = PipelineTuning(messages_per_second=90, gateway_limit=50)
    assert Pipeline(clock=FakeClock(), tuning=bold).outlet.net_limit == 90


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_however_many_ask_for_history_of_every_kind_no_rule_is_broken(seed: int) -> None:
    """Whole pipeline: waits, retries, timeouts and callers that go away included."""

    async def day() -> tuple[list[tuple[float, HistoryKey]], int, int]:
        rig, rng = Rig(), random.Random(seed)
        sent: list[tuple[float, HistoryKey]] = []
        open_now, most_open = 0, 0

        async def answer(key: HistoryKey) -> str:
            nonlocal open_now, most_open
            sent.append((rig.clock.monotonic(), key))
            open_now += key.opens
            most_open = max(most_open, open_now)
            try:
                await rig.clock.sleep(rng.choice((0.1, 2.0, 50.0)))
                if rng.random() < 0.1:
                    raise PacingError("pacing violation", code=162)
                return "bars"
            finally:
                open_now -= key.opens

        async def ask(key: HistoryKey) -> None:
            with contextlib.suppress(IBKRError):
                await rig.pipeline.run(of("bars", lambda: answer(key), history=key))

        tasks = []
        for _ in range(150):
            size = rng.choice((True, True, False))
            key = HistoryKey(
                contract_key=f"C{rng.randrange(4)}",
                identical_key=f"I{rng.randrange(30)}",
                weight=rng.choice((1, 1, 2)),
                small_bars=size,
            )
            tasks.append(asyncio.create_task(ask(rng.choice((key, key, LIVE_BARS)))))
            if rng.random() < 0.3:
                await rig.clock.advance(rng.random() * 20)
            if rng.random() < 0.1:
                rng.choice(tasks).cancel()
        await rig.clock.advance(500.0)
        await asyncio.gather(*tasks, return_exceptions=True)
        left = rig.pipeline.pacing_status()
        await rig.pipeline.aclose()
        return sent, most_open, left.history.open + left.queued

    sent, most_open, left = asyncio.run(day())
    hard = [(at, key) for at, key in sent if key.small_bars]
    assert worst([at for at, key in hard for _ in range(key.weight)], 600.0) <= 60
    for name in {key.contract_key for _, key in hard if key.opens}:
        same = [at for at, key in hard for _ in range(key.weight) if key.contract_key == name]
        assert worst(same, 2.0) <= 5
    for name in {key.identical_key for _, key in hard if key.opens}:
        times = [at for at, key in hard if key.identical_key == name]
        assert all(later - earlier >= 15.0 for earlier, later in itertools.pairwise(times))
    assert most_open <= 50
    assert left == 0


def worst(moments: list[float], span_s: float) -> int:
    """Count the fullest half-open window of that length."""
    return max((sum(start <= m < start + span_s for m in moments) for start in moments), default=0)


async def test_a_pipeline_that_shares_with_another_tells_its_hooks() -> None:
    rig = Rig()

    async def call() -> int:
        return 1

    async with Pipeline(clock=rig.clock, shares_with=rig.pipeline) as other:
        await other.run(Operation(policy=ENDPOINTS["bars"], call=call))
    assert [(event.kind, event.name) for event in rig.events] == [(EventKind.SUCCEEDED, "bars")]
