"""The historical limits, against a plain count of every window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.resilience.operation import HistoryKey
from ibkr_connector.resilience.windows import KEYS_KEPT, SLACK_S, HistoryGovernor, Window


def key(
    contract: str = "C", identical: str = "I", *, weight: int = 1, small_bars: bool = True
) -> HistoryKey:
    return HistoryKey(
        contract_key=contract, identical_key=identical, weight=weight, small_bars=small_bars
    )


def worst(moments: list[float], span_s: float) -> int:
    """Count the fullest half-open window of that length."""
    return max((sum(start <= m < start + span_s for m in moments) for start in moments), default=0)


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
            # one moment earlier it would have been too many
            early = now + wait_s * 0.5
            assert sum(early - moment < 2.0 for moment in taken) + weight > limit
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


def test_sixty_small_requests_fit_ten_minutes() -> None:
    governor = HistoryGovernor()
    for number in range(60):
        assert governor.wait_s(key(f"C{number}", f"I{number}"), float(number)) == 0.0
        governor.take(key(f"C{number}", f"I{number}"), float(number))
    assert governor.wait_s(key("new", "new"), 60.0) == 600.0 + SLACK_S - 60.0
    assert governor.wait_s(key("new", "new"), 600.0 + SLACK_S) == 0.0


def test_bid_ask_counts_twice() -> None:
    governor = HistoryGovernor()
    for number in range(30):
        governor.take(key(f"C{number}", f"I{number}", weight=2), float(number))
    assert governor.wait_s(key("new", "new"), 30.0) > 500.0


def test_the_sixth_request_for_one_contract_waits_two_seconds() -> None:
    governor = HistoryGovernor()
    for number in range(5):
        assert governor.wait_s(key("C", f"I{number}"), 1.0) == 0.0
        governor.take(key("C", f"I{number}"), 1.0)
    assert governor.wait_s(key("C", "I5"), 1.0) == 2.0 + SLACK_S
    assert governor.wait_s(key("other", "I5"), 1.0) == 0.0


def test_an_identical_request_waits_fifteen_seconds() -> None:
    governor = HistoryGovernor()
    governor.take(key(), 1.0)
    assert governor.wait_s(key(), 3.5) == 15.0 + SLACK_S - 2.5
    assert governor.wait_s(key(), 16.0 + SLACK_S) == 0.0


def test_bars_of_a_minute_and_more_are_not_limited() -> None:
    governor = HistoryGovernor()
    for _ in range(200):
        assert governor.wait_s(key(small_bars=False), 1.0) == 0.0
        governor.take(key(small_bars=False), 1.0)
    assert governor.keys == 0


def test_those_who_wait_already_are_counted() -> None:
    governor = HistoryGovernor()
    for number in range(50):
        governor.take(key(f"C{number}", f"I{number}"), 0.0)
    assert governor.wait_s(key("new", "new"), 0.0, ahead=9) == 0.0
    assert governor.wait_s(key("new", "new"), 0.0, ahead=10) == 600.0 + SLACK_S


def test_keys_that_no_longer_limit_anything_are_dropped() -> None:
    governor = HistoryGovernor()
    for number in range(5 * KEYS_KEPT):
        governor.take(key(f"C{number}", f"I{number}"), number * 20.0)
        assert governor.keys <= 2 * KEYS_KEPT + 2
