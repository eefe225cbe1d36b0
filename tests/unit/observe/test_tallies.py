from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.observe.tallies import LATENCIES, SLOW_LATENCIES, Distribution, Tally


def test_counts_are_kept_by_their_labels() -> None:
    tally = Tally()
    tally.add("quote", "ok")
    tally.add("quote", "ok", by=2)
    tally.add("bars", "error")
    assert dict(tally.rows()) == {("quote", "ok"): 3, ("bars", "error"): 1}


def test_what_was_read_does_not_change_any_more() -> None:
    tally, distribution = Tally(), Distribution((1.0,))
    tally.add()
    distribution.observe(0.5)
    rows, ((_, counts, _),) = tally.rows(), distribution.rows()
    tally.add()
    distribution.observe(0.5)
    assert (rows, counts) == ([((), 1)], [1, 0])


@given(st.lists(st.floats(0, 100), max_size=30))
def test_every_value_falls_into_the_first_bucket_that_holds_it(values: list[float]) -> None:
    distribution = Distribution((0.5, 1.0, 10.0))
    for value in values:
        distribution.observe(value, "x")
    bounds = [0.5, 1.0, 10.0, float("inf")]
    for labels, counts, total in distribution.rows():
        assert labels == ("x",)
        assert sum(counts) == len(values)
        assert abs(total - sum(values)) < 1e-6
        for nth, bound in enumerate(bounds):
            assert sum(counts[: nth + 1]) == sum(value <= bound for value in values)


def test_bounds_ascend() -> None:
    for bounds in (LATENCIES, SLOW_LATENCIES):
        assert sorted(set(bounds)) == list(bounds)
