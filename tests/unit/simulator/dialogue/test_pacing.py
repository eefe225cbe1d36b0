"""How often history may be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.dialogue.pacing import Pacing

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_same_request_is_refused_within_fifteen_seconds() -> None:
    pacing = Pacing()
    assert [pacing.admits("same", "kind", at(seconds)) for seconds in (0, 14.9, 15)] == [
        True,
        False,
        True,
    ]


def test_the_sixth_request_of_one_kind_in_two_seconds_is_refused() -> None:
    pacing = Pacing()
    assert [pacing.admits(n, "kind", at(0.3 * n)) for n in range(6)] == [True] * 5 + [False]


def test_six_requests_of_different_kinds_are_admitted_at_once() -> None:
    pacing = Pacing()
    assert all(pacing.admits(n, n, NOW) for n in range(6))


def test_quotes_of_both_sides_count_twice() -> None:
    pacing = Pacing()
    assert [pacing.admits(n, "kind", NOW, cost=2) for n in range(3)] == [True, True, False]


def test_ten_minutes_have_room_for_sixty() -> None:
    pacing = Pacing()
    admitted = [pacing.admits(n, n, at(5 * n)) for n in range(61)]
    assert admitted == [True] * 60 + [False]
    assert pacing.admits("later", "later", at(600))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=120))
def test_no_window_ever_holds_more_than_its_limit(asked: list[tuple[int, int]]) -> None:
    pacing, moment = Pacing(), 0.0
    admitted: list[tuple[float, int]] = []
    for number, (gap, kind) in enumerate(asked):
        moment += gap / 2
        if pacing.admits(number, kind, at(moment)):
            admitted.append((moment, kind))
    for moment, kind in admitted:
        assert sum(moment - 600 < one <= moment for one, _ in admitted) <= 60
        assert sum(moment - 2 < one <= moment and k == kind for one, k in admitted) < 6
