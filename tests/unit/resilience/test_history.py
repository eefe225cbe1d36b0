"""The historical limits, one by one and together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.resilience.history import (
    HISTORY_SLACK_S,
    LEAST,
    MOST,
    MOST_OPEN,
    HistoryGovernor,
)
from ibkr_connector.resilience.operation import LIVE_BARS, HistoryKey
from ibkr_connector.resilience.windows import KEYS_KEPT


def key(
    contract: str = "C", identical: str = "I", *, weight: int = 1, small_bars: bool = True
) -> HistoryKey:
    return HistoryKey(
        contract_key=contract, identical_key=identical, weight=weight, small_bars=small_bars
    )


def worst(moments: Sequence[float], span_s: float) -> int:
    """Count the fullest half-open window of that length."""
    return max((sum(start <= m < start + span_s for m in moments) for start in moments), default=0)


def test_sixty_small_requests_fit_ten_minutes() -> None:
    governor = HistoryGovernor()
    for number in range(60):
        assert governor.wait_s(key(f"C{number}", f"I{number}"), float(number)) == 0.0
        governor.take(key(f"C{number}", f"I{number}"), float(number))
    assert governor.wait_s(key("new", "new"), 60.0) == 600.0 + HISTORY_SLACK_S - 60.0
    assert governor.wait_s(key("new", "new"), 600.0 + HISTORY_SLACK_S) == 0.0


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
    assert governor.wait_s(key("C", "I5"), 1.0) == 2.0 + HISTORY_SLACK_S
    assert governor.wait_s(key("other", "I5"), 1.0) == 0.0


def test_an_identical_request_waits_fifteen_seconds() -> None:
    governor = HistoryGovernor()
    governor.take(key(), 1.0)
    assert governor.wait_s(key(), 3.5) == 15.0 + HISTORY_SLACK_S - 2.5
    assert governor.wait_s(key(), 16.0 + HISTORY_SLACK_S) == 0.0


def test_bars_of_a_minute_and_more_are_not_limited() -> None:
    governor = HistoryGovernor()
    for _ in range(200):
        assert governor.wait_s(key(small_bars=False), 1.0) == 0.0
        governor.take(key(small_bars=False), 1.0)
    assert governor.keys == 0


def test_live_bars_share_the_ten_minutes_and_no_other_rule() -> None:
    governor = HistoryGovernor()
    for _ in range(MOST):
        assert governor.wait_s(LIVE_BARS, 1.0) == 0.0
        governor.take(LIVE_BARS, 1.0)
    assert governor.wait_s(LIVE_BARS, 1.0) == 600.0 + HISTORY_SLACK_S
    assert governor.wait_s(key(), 1.0) == 600.0 + HISTORY_SLACK_S
    assert governor.status(1.0).open == 0, "nobody waits for the answer of a stream"


def test_fifty_requests_may_be_open_whatever_their_bars() -> None:
    governor = HistoryGovernor()
    big = key(small_bars=False)
    for _ in range(MOST_OPEN):
        assert governor.has_slot
        governor.take(big, 0.0)
    assert not governor.has_slot
    governor.release(big)
    assert governor.has_slot
    assert governor.status(0.0).open == MOST_OPEN - 1


def test_those_who_wait_already_are_counted() -> None:
    governor = HistoryGovernor()
    for number in range(50):
        governor.take(key(f"C{number}", f"I{number}"), 0.0)
    nine = [key(f"N{number}", f"J{number}") for number in range(9)]
    assert governor.expected_s(key("new", "new"), 0.0, nine) == 0.0
    ten = [*nine, key("N9", "J9")]
    assert governor.expected_s(key("new", "new"), 0.0, ten) == 600.0 + HISTORY_SLACK_S


def test_those_who_can_be_overtaken_are_not_counted() -> None:
    governor = HistoryGovernor()
    for number in range(58):
        governor.take(key(f"C{number}", f"I{number}"), 0.0)
    same = [key("X", "X")] * 20
    assert governor.expected_s(key("new", "new"), 0.0, same) == 0.0
    crowd = [key("X", f"X{number}") for number in range(20)]
    assert governor.expected_s(key("new", "new"), 0.0, crowd) > 0.0, "five of them go at once"


def test_the_fourth_of_four_equal_requests_waits_for_three() -> None:
    governor = HistoryGovernor()
    governor.take(key(), 0.0)
    behind = governor.expected_s(key(), 0.0, [key(), key()])
    assert behind == 3 * (15.0 + HISTORY_SLACK_S)


def test_the_tenth_request_for_one_contract_waits_two_seconds() -> None:
    governor = HistoryGovernor()
    ahead = [key("C", f"I{number}") for number in range(9)]
    assert governor.expected_s(key("C", "I9"), 0.0, ahead) == 2.0 + HISTORY_SLACK_S


def test_a_complaint_holds_all_history_longer_each_time() -> None:
    governor = HistoryGovernor()
    assert governor.complained(0.0)
    assert not governor.complained(0.5), "the gateway says it once for each request"
    assert governor.wait_s(key(small_bars=False), 0.5) == 14.5
    assert governor.wait_s(key(), 15.0) == 0.0
    assert governor.complained(20.0)
    assert governor.wait_s(key(), 20.0) == 30.0
    for again in range(1, 10):
        governor.complained(20.0 + 2 * again)
    assert governor.status(38.0).held_s == 240.0


def test_a_complaint_makes_fewer_requests_of_it_and_silence_brings_them_back() -> None:
    governor = HistoryGovernor()
    governor.complained(0.0)
    assert governor.status(0.0).limit_now == 45
    assert governor.is_learning
    for number in range(45):
        governor.take(key(f"C{number}", f"I{number}"), 15.0)
    assert governor.wait_s(key("new", "new"), 16.0) > 500.0
    assert governor.status(61.0).limit_now == 50
    assert governor.wait_s(key("new", "new"), 61.0) == 0.0
    assert governor.status(1000.0).limit_now == MOST
    assert not governor.is_learning
    governor.complained(2000.0)
    assert governor.status(2000.0).held_s == 15.0, "after a long silence it begins anew"
    for again in range(30):
        governor.complained(2001.5 + 2 * again)
    assert governor.status(2061.0).limit_now == LEAST


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.0, 30.0),
            st.integers(0, 3),
            st.integers(0, 6),
            st.sampled_from((1, 1, 2)),
            st.booleans(),
        ),
        max_size=150,
    )
)
def test_whoever_waits_as_long_as_he_is_told_breaks_no_rule(
    steps: list[tuple[float, int, int, int, bool]],
) -> None:
    governor, now = HistoryGovernor(), 0.0
    sent: list[tuple[float, HistoryKey]] = []
    for pause, contract, identity, weight, complains in steps:
        now += pause
        one = key(f"C{contract}", f"C{contract}/I{identity}", weight=weight)
        if complains and pause > 28.0:
            governor.complained(now)
        while (wait_s := governor.wait_s(one, now)) > 0:
            now += wait_s + 1e-9
        governor.take(one, now)
        sent.append((now, one))
    assert worst([at for at, one in sent for _ in range(one.weight)], 600.0) <= 60
    for name in {one.contract_key for _, one in sent}:
        same = [at for at, one in sent for _ in range(one.weight) if one.contract_key == name]
        assert worst(same, 2.0) <= 5
    for name in {one.identical_key for _, one in sent}:
        times = [at for at, one in sent if one.identical_key == name]
        assert all(later - earlier >= 15.0 for earlier, later in itertools.pairwise(times))


def test_keys_that_no_longer_limit_anything_are_dropped() -> None:
    governor = HistoryGovernor()
    for number in range(5 * KEYS_KEPT):
        governor.take(key(f"C{number}", f"I{number}"), number * 20.0)
        assert governor.keys <= 2 * KEYS_KEPT + 2
