"""
What users of IB suffer from, and pacing, retry and circuits: a test for each row of the list.

Row 10 connecting hangs with no reason · 11 too fast, and kicked · 12 history hangs for ever or
returns nothing · 18 the newest line replaces others · 20 competing sessions, repeated ·
34 short fixed timeouts and silent `None` · 35 the same question at the same time
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.errors import (
    ConnectionLostError,
    HistoricalDataError,
    IBKRError,
    MarketDataPermissionError,
    NoDataError,
    PacingError,
    RequestTimeoutError,
)
from ibkr_connector.model.status import BreakerState
from ibkr_connector.resilience.operation import ENDPOINTS, LIVE_BARS, HistoryKey, Operation
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.single_flight import SingleFlight
from ibkr_connector.simulator.dialogue.pacing import Pacing
from kit.fake_clock import EPOCH, FakeClock

T = TypeVar("T")

TESTS: Final = Path(__file__).parents[1]

ROWS: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        10: (
            "component/gateway/test_connecting.py::"
            "test_j_a_client_id_in_use_is_known_at_once_and_not_after_the_timeout",
            "component/gateway/test_connecting.py::"
            "test_silence_after_the_greeting_is_a_gateway_that_is_not_logged_in",
            "spec/test_field_problems_data.py::test_row_10_a_part_that_never_answers_is_named",
            "unit/test_codes.py::"
            "test_321_without_an_id_says_that_the_api_is_read_only_and_ends_no_other_question",
        ),
        11: (
            "unit/resilience/test_pacing.py::test_no_second_ever_holds_more_than_the_budget",
            "unit/resilience/test_pacing.py::"
            "test_two_cancels_never_wait_longer_than_fifty_milliseconds",
            "unit/resilience/test_pacing.py::test_nobody_starves_behind_a_flood_that_never_ends",
            "unit/resilience/test_pipeline.py::"
            "test_however_many_ask_for_history_of_every_kind_no_rule_is_broken",
            "component/connector/test_pacing_on_the_wire.py::"
            "test_a_flood_of_every_kind_is_never_told_that_it_comes_too_fast",
            "component/connector/test_pacing_on_the_wire.py::"
            "test_a_cancel_overtakes_what_waits_in_front_of_the_wire",
            "component/connector/test_pacing_on_the_wire.py::"
            "test_history_keeps_the_rules_that_the_gateway_enforces",
            "spec/test_field_problems_resilience.py::"
            "test_row_11_a_gateway_that_counts_by_itself_never_refuses",
        ),
        12: (
            "unit/resilience/test_pipeline.py::"
            "test_however_a_historical_request_ends_its_slot_is_free",
            "spec/test_field_problems_resilience.py::"
            "test_row_12_every_end_reaches_every_waiter_and_leaves_nothing",
        ),
        18: (
            "unit/resilience/test_lines.py::"
            "test_a_refusal_lowers_the_limit_and_time_raises_it_again",
            "unit/resilience/test_lines.py::test_two_readers_of_one_stream_use_one_line",
            "spec/test_field_problems_data.py::test_row_18_two_readers_make_one_line_and_one_cancel",
        ),
        20: (
            "spec/test_field_problems_resilience.py::"
            "test_row_20_a_competing_session_is_neither_repeated_nor_counted",
            "spec/test_field_problems_data.py::"
            "test_row_20_a_bunch_of_10197_is_one_event_and_no_storm",
        ),
        34: (
            "spec/test_field_problems_resilience.py::"
            "test_row_34_each_call_may_have_its_own_deadline_and_ends_in_an_error",
        ),
        35: (
            "spec/test_field_problems_data.py::test_row_35_ten_users_ask_the_same_at_once",
            "unit/resilience/test_single_flight.py::"
            "test_ten_concurrent_callers_make_one_request_and_all_get_the_answer",
        ),
    }
)
"""Row of the collection to the tests that stand for it."""


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_its_tests(row: int) -> None:
    for named in ROWS[row]:
        path, name = named.split("::")
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}, named


def bars(
    call: Callable[[], Awaitable[T]], key: HistoryKey, deadline_s: float | None = None
) -> Operation[T]:
    return Operation(policy=ENDPOINTS["bars"], call=call, history=key, deadline_s=deadline_s)


class CountingGateway:
    """The simulator's own count of historical requests, which knows nothing of ours."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._pacing = Pacing()
        self.answered = 0
        self.refused = 0

    async def answer(self, key: HistoryKey) -> str:
        now = EPOCH + timedelta(seconds=self._clock.monotonic())
        if key is LIVE_BARS:
            admitted = self._pacing.has_room(now)
        else:
            admitted = not key.small_bars or self._pacing.admits(
                key.identical_key, key.contract_key, now, cost=key.weight
            )
        if not admitted:
            self.refused += 1
            raise PacingError("Historical data request pacing violation", code=162)
        self.answered += 1
        return "bars"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_row_11_a_gateway_that_counts_by_itself_never_refuses(seed: int) -> None:
    async def session() -> tuple[int, int]:
        clock, rng = FakeClock(), random.Random(seed)
        gateway = CountingGateway(clock)

        async def ask(key: HistoryKey) -> None:
            with contextlib.suppress(PacingError):
                await pipeline.run(bars(lambda: gateway.answer(key), key))

        async with Pipeline(clock=clock, draw=rng.random) as pipeline:
            tasks = []
            for _ in range(200):
                contract = rng.randrange(5)
                key = HistoryKey(
                    contract_key=f"C{contract}",
                    identical_key=f"C{contract}/I{rng.randrange(12)}",
                    weight=rng.choice((1, 1, 2)),
                    small_bars=rng.random() < 0.9,
                )
                if rng.random() < 0.1:
                    key = LIVE_BARS
                tasks.append(asyncio.create_task(ask(key)))
                if rng.random() < 0.4:
                    await clock.advance(rng.random() * 25)
            await clock.advance(200.0)
            await asyncio.gather(*tasks)
        return gateway.answered, gateway.refused

    answered, refused = asyncio.run(session())
    assert refused == 0
    assert answered >= 60


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (NoDataError("HMDS query returned no data", code=162), NoDataError),
        (HistoricalDataError("refused", code=321), HistoricalDataError),
        (ConnectionLostError("the session ended", replay_safe=False), ConnectionLostError),
        (None, RequestTimeoutError),
    ],
)
async def test_row_12_every_end_reaches_every_waiter_and_leaves_nothing(
    ending: IBKRError | None, kind: type[IBKRError]
) -> None:
    clock, flights = FakeClock(), SingleFlight()
    key = HistoryKey(contract_key="C", identical_key="I", small_bars=True)
    asked = 0

    async def call() -> str:
        nonlocal asked
        asked += 1
        if ending is not None:
            raise ending
        await asyncio.Event().wait()
        return "never"

    async with Pipeline(clock=clock) as pipeline:
        waiters = [
            asyncio.create_task(
                flights.run("I", lambda: pipeline.run(bars(call, key, deadline_s=20.0)))
            )
            for _ in range(10)
        ]
        await clock.settle()
        waiters[3].cancel()
        await clock.advance(21.0)
        results = await asyncio.gather(*waiters, return_exceptions=True)
        left = pipeline.pacing_status()
    expected = [asyncio.CancelledError if n == 3 and ending is None else kind for n in range(10)]
    assert [type(result) for result in results] == expected
    assert asked == 1, "identical requests are one"
    assert flights.keys == ()
    assert (left.queued, left.history.open) == (0, 0)


async def test_row_20_a_competing_session_is_neither_repeated_nor_counted() -> None:
    clock, asked = FakeClock(), 0

    async def call() -> str:
        nonlocal asked
        asked += 1
        raise MarketDataPermissionError("No market data during competing session", code=10197)

    async with Pipeline(clock=clock) as pipeline:
        for _ in range(20):
            with pytest.raises(MarketDataPermissionError):
                await pipeline.run(Operation(policy=ENDPOINTS["quote"], call=call))
            await clock.advance(1.0)
        assert asked == 20, "no call was made again by itself"
        assert pipeline.breaker_states()["market"] is BreakerState.CLOSED


@pytest.mark.parametrize("name", sorted(set(ENDPOINTS) - {"place_order"}))
async def test_row_34_each_call_may_have_its_own_deadline_and_ends_in_an_error(name: str) -> None:
    clock = FakeClock()

    async def silent() -> None:
        await asyncio.Event().wait()

    async with Pipeline(clock=clock) as pipeline:
        began = clock.monotonic()
        task = asyncio.create_task(
            pipeline.run(Operation(policy=ENDPOINTS[name], call=silent, deadline_s=3.0))
        )
        await clock.advance(2.9)
        assert not task.done()
        await clock.advance(0.2)
        with pytest.raises(RequestTimeoutError):
            await task
        assert clock.monotonic() - began == pytest.approx(3.1)
