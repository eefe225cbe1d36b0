"""Buckets of requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ibkr_connector.bridge.limits import Buckets
from ibkr_connector.clock import ManualClock


def made(**given: int) -> tuple[Buckets, ManualClock]:
    clock = ManualClock(datetime(2026, 11, 18, tzinfo=UTC))
    return Buckets(per_s=2.0, burst=3, clock=clock, **given), clock


def test_a_burst_goes_and_then_the_steady_rate() -> None:
    buckets, clock = made()
    assert [buckets.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.advance(0.5)
    assert buckets.wait_s("a") == 0
    assert buckets.wait_s("a") == pytest.approx(0.5)


def test_nobody_pays_for_another() -> None:
    buckets, _ = made()
    for _ in range(5):
        buckets.wait_s("a")
    assert buckets.wait_s("b") == 0


def test_a_rest_saves_no_more_than_a_burst() -> None:
    buckets, clock = made()
    buckets.wait_s("a")
    clock.advance(3600)
    assert [buckets.wait_s("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_made_up_callers_cost_no_memory() -> None:
    buckets, _ = made(callers=10)
    for number in range(1000):
        buckets.wait_s(str(number))
    assert len(buckets._levels) == 10


@pytest.mark.parametrize(("seconds", "said"), [(0.01, 1), (1.0, 1), (1.2, 2)])
def test_retry_after_is_whole_seconds(seconds: float, said: int) -> None:
    assert Buckets.whole(seconds) == said
