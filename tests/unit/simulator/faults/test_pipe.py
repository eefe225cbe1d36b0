"""Bytes on their way: in order, none before its moment, none lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.faults.pipe import Pipe

PIECES = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.floats(0, 20)), max_size=12)


@given(PIECES, st.lists(st.floats(0, 5), max_size=12))
def test_nothing_is_lost_doubled_or_overtaken(
    pieces: list[tuple[bytes, float]], steps: list[float]
) -> None:
    pipe, got, now = Pipe(), b"", 0.0
    for data, late in pieces:
        pipe.put(data, late)
    for step in steps:
        now += step
        got += pipe.take(now)
    got += pipe.take(1_000)
    assert got == b"".join(data for data, _ in pieces)
    assert (pipe.size, pipe.next_due()) == (0, None)


@given(PIECES)
def test_nothing_goes_before_its_moment(pieces: list[tuple[bytes, float]]) -> None:
    pipe = Pipe()
    for data, late in pieces:
        pipe.put(data, late)
    early = pipe.take(10)
    ahead = 0
    for data, late in pieces:
        if late > 10:
            break
        ahead += len(data)
    assert len(early) == ahead


@given(st.integers(1, 50), st.lists(st.floats(0.01, 3), min_size=1, max_size=20))
def test_a_rate_is_never_passed(rate: int, steps: list[float]) -> None:
    pipe, now, taken = Pipe(), 0.0, 0
    pipe.put(b"x" * 10_000, 0)
    assert pipe.take(0, bytes_per_s=rate) == b""
    for step in steps:
        now += step
        taken += len(pipe.take(now, bytes_per_s=rate))
        assert taken <= now * rate + 1e-6


def test_without_a_rate_everything_that_is_due_goes() -> None:
    pipe = Pipe()
    pipe.put(b"abc", 0)
    assert pipe.take(0, bytes_per_s=1) == b""
    assert pipe.take(0) == b"abc"
