"""The waits between attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.resilience.backoff import delay, full_jitter


def test_the_step_doubles_up_to_the_cap() -> None:
    steps = [delay(n, base_s=1.0, cap_s=60.0, draw=1.0) for n in range(1, 9)]
    assert steps == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_half_of_a_step_is_never_drawn_away() -> None:
    assert delay(3, base_s=1.0, cap_s=60.0, draw=0.0) == 2.0


@given(
    attempt=st.integers(1, 10**6),
    base=st.floats(0.001, 100.0),
    cap=st.floats(0.001, 3600.0),
    draw=st.floats(0.0, 1.0),
)
def test_no_wait_is_longer_than_the_cap_or_nothing(
    attempt: int, base: float, cap: float, draw: float
) -> None:
    wait = delay(attempt, base_s=base, cap_s=cap, draw=draw)
    assert 0.0 < wait <= cap


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        delay(0, base_s=1.0, cap_s=60.0, draw=0.5)


def test_full_jitter_draws_the_whole_step_and_never_spins() -> None:
    steps = [full_jitter(n, base_s=1.0, cap_s=60.0, draw=1.0) for n in range(1, 9)]
    assert steps == [1, 2, 4, 8, 16, 32, 60, 60]
    assert full_jitter(5, base_s=1.0, cap_s=60.0, draw=0.5) == 8.0
    assert full_jitter(5, base_s=1.0, cap_s=60.0, draw=0.0) == 0.05
    with pytest.raises(ValueError, match="counted from 1"):
        full_jitter(0, base_s=1.0, cap_s=60.0, draw=0.5)
