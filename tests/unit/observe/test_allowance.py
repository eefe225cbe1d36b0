"""No window of a route ever holds more messages than it may, and what is urgent has its place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.observe.allowance import Allowance


@settings(max_examples=60)
@given(
    most=st.integers(1, 12),
    asks=st.lists(st.tuples(st.floats(0, 20, allow_nan=False), st.booleans()), max_size=120),
)
def test_no_window_is_ever_exceeded(most: int, asks: list[tuple[float, bool]]) -> None:
    allowance = Allowance(most, 60.0)
    now, taken = 0.0, []
    for pause, is_urgent in asks:
        now += pause
        wait_s = allowance.wait_s(now, is_urgent=is_urgent)
        assert allowance.take(now, is_urgent=is_urgent) == (wait_s == 0)
        if wait_s == 0:
            taken.append(now)
        # sums of floats miss by a hair
        assert 0 <= wait_s <= 60 + 1e-9
    for first in taken:
        assert sum(first <= one < first + 60 for one in taken) <= most


def test_the_wait_that_is_told_is_enough() -> None:
    allowance = Allowance(3, 60.0)
    assert [allowance.take(at, is_urgent=False) for at in (0.0, 1.0, 2.0)] == [True, True, False]
    assert allowance.take(2.0, is_urgent=True)
    assert not allowance.take(2.0, is_urgent=True)
    wait_s = allowance.wait_s(2.0, is_urgent=False)
    assert not allowance.take(2.0 + wait_s - 0.01, is_urgent=False)
    assert allowance.take(2.0 + wait_s, is_urgent=False)


def test_one_message_alone_keeps_no_place_for_others() -> None:
    allowance = Allowance(1, 60.0)
    assert allowance.take(0.0, is_urgent=False)
    assert not allowance.take(59.0, is_urgent=True)
    assert allowance.take(60.0, is_urgent=False)
