"""So many in so many seconds, against a plain count of every window."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ibkr_connector.resilience.windows import HAIR_S, KEYS_KEPT, KeyedWindows, Window


def worst(moments: list[float], span_s: float) -> int:
    """Count the fullest half-open window of that length."""
    return max((sum(start <= m < start + span_s for m in moments) for start in moments), default=0)


@example(limit=1, steps=[(1.0005582610380412, 1), (0.0, 1), (2.0, 1)])
@given(
    limit=st.integers(1, 8),
    steps=st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 2)), max_size=60),
)
def test_no_window_is_ever_exceeded_and_the_wait_is_the_shortest(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    window, now, taken = Window(limit, 2.0), 0.0, list[float]()
    for pause, weight in steps:
        now += pause
        weight = min(weight, limit)
        wait_s = window.wait_s(now, weight)
        if wait_s > 0:
            # one moment earlier it would have been too many; of a hair no half can be told
            early = now + wait_s * 0.5
            is_hair = wait_s <= 2 * HAIR_S
            assert is_hair or sum(early - moment < 2.0 for moment in taken) + weight > limit
            now += wait_s + 1e-9
            assert window.wait_s(now, weight) == 0.0
        window.take(now, weight)
        taken += [now] * weight
        assert worst(taken, 2.0) <= limit


def test_the_end_of_a_long_queue_waits_one_window_after_the_other() -> None:
    window = Window(2, 10.0)
    window.take(0.0, 2)
    assert [window.wait_s(0.0, n) for n in (1, 2, 3, 4, 5)] == [10.0, 10.0, 20.0, 20.0, 30.0]
    assert Window(2, 10.0).wait_s(0.0, 3) == 10.0


def test_a_limit_that_was_lowered_lets_the_surplus_run_out_first() -> None:
    window = Window(10, 1.0)
    for tenth in range(10):
        window.take(tenth / 10, 1)
    window.limit = 4
    assert window.wait_s(0.9, 1) == 0.6 + 1.0 - 0.9, "six of the ten must have left, and one more"
    assert window.used(1.6) == 3
    assert window.wait_s(1.6, 1) == 0.0


@given(
    limit=st.integers(3, 8),
    pauses=st.lists(st.floats(0.0, 0.4), min_size=1, max_size=60),
    early_s=st.floats(0.0, 0.2),
)
def test_who_leaves_places_to_others_finds_them_free_within_the_time_he_was_told(
    limit: int, pauses: list[float], early_s: float
) -> None:
    window, now, spare = Window(limit, 1.0), 0.0, 2
    for pause in pauses:
        now += pause
        now += window.opens_s(now, 1, early_s=early_s, spare=spare)
        now += 1e-9
        window.take(now, 1)
        assert window.used(now) <= limit
        assert window.wait_s(now, spare) <= early_s + 1e-6


def test_each_key_has_a_window_of_its_own() -> None:
    windows = KeyedWindows(1, 15.0)
    windows.take("A", 1.0, 1)
    assert windows.wait_s("A", 2.0, 1) == 14.0
    assert windows.wait_s("B", 2.0, 1) == 0.0
    assert windows.wait_s("B", 2.0, 3) == 30.0, "the third of three"
    assert (windows.room("A", 2.0), windows.room("B", 2.0)) == (0, 1)


def test_keys_that_no_longer_limit_anything_are_dropped() -> None:
    windows = KeyedWindows(1, 15.0)
    for number in range(5 * KEYS_KEPT):
        windows.take(number, number * 20.0, 1)
        assert len(windows) <= KEYS_KEPT + 1
