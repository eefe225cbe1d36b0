"""What is left of a large read, and that nothing is missed by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.frames import Framer, frame
from ibkr_connector.gateway.wide_reads import Sieve, survey

BID = (1, 6, 7, 1, "1.50", "100", 0)
ASK_SIZE = (2, 6, 7, 3, "200")


def payload(fields: Sequence[Any]) -> bytes:
    return "".join(f"{field}\0" for field in fields).encode()


def read(*messages: Sequence[Any]) -> bytes:
    return b"".join(frame(payload(fields)) for fields in messages)


def left(data: bytes, *, ours: bool = True) -> list[list[str]]:
    """Return the fields of what is left of a read, as a sieve for all or for no ticks sees it."""
    thinned = Sieve(lambda _: ours, least=0).thin(data)
    assert thinned is not None
    assert thinned.stop == len(data)
    assert thinned.passed_over + len(thinned.payloads) == len(Framer().feed(data))
    return [one.decode().split("\0")[:-1] for one in thinned.payloads]


def texts(*messages: Sequence[Any]) -> list[list[str]]:
    return [[str(field) for field in fields] for fields in messages]


def test_of_each_request_and_kind_the_newest_is_left_in_the_order_of_the_wire() -> None:
    other, newer = (1, 6, 8, 1, "2", "5", 0), (1, 6, 7, 1, "1.75", "50", 0)
    assert left(read(BID, ASK_SIZE, other, BID, newer)) == texts(ASK_SIZE, other, newer)


@pytest.mark.parametrize(
    "odd",
    [
        (1, 6, 7, 1, "-1", "0", 0),
        (1, 6, 7, 1, "1E2", "100", 0),
        (1, 6, 7, 1, "1.2.3", "100", 0),
        (1, 6, 7, 1, ".5", "100", 0),
        (1, 6, 7, 1, "1/2", "100", 0),
        (1, 6, 7, 1, "1.5", "0.5", 0),
        (1, 6, 7, 1, "x", "100", 0),
        (1, 6, 7, 1, "1.50", "100"),
        (1, 6, 7, 1, "1.50", "100", 0, ""),
        (45, 6, 7, 49, "0"),
        (99, 7, 1, 1700000000, "1.5", "10", 0, "ARCA", ""),
    ],
)
def test_what_is_no_plain_tick_is_left_however_often_it_comes(odd: tuple[Any, ...]) -> None:
    assert left(read(odd, BID, odd, BID, odd)) == texts(odd, odd, BID, odd)


@pytest.mark.parametrize("number", [4, 3, 5, 11, 61, 6])
def test_nothing_is_passed_over_where_somebody_may_look_in_between(number: int) -> None:
    data = read(BID, (number, 2, 7, 321, "look"), BID)
    assert Sieve(lambda _: True, least=0).thin(data) is None


def test_ticks_that_are_all_wanted_are_left_alone() -> None:
    assert Sieve(lambda _: False, least=0).thin(read(BID, BID)) is None
    mine = (1, 6, 9, 1, "3", "5", 0)
    thinned = Sieve(lambda key: key.split(b"\0")[2] == b"9", least=0).thin(
        read(BID, mine, BID, mine, BID)
    )
    assert thinned is not None
    assert thinned.payloads == list(map(payload, (BID, BID, mine, BID)))


def test_a_small_read_is_not_looked_at() -> None:
    data = read(BID, BID)
    assert Sieve(lambda _: True, least=len(data) + 1).thin(data) is None


def test_a_frame_that_is_not_whole_is_left_to_the_framer() -> None:
    data, framer = read(BID, BID, ASK_SIZE), Framer()
    cut = len(data) - 1

    def thin(part: bytes) -> tuple[list[bytes], int] | None:
        thinned = Sieve(lambda _: True, least=0).thin(part)
        return None if thinned is None else (thinned.payloads, thinned.stop)

    assert framer.feed(data[:cut], thin) == [payload(BID)]
    assert framer.feed(data[cut:], thin) == [payload(ASK_SIZE)]
    assert framer.pending_bytes == 0


FIELDS = st.lists(st.sampled_from(["", "", "", "1", "2", "6", "1.5", "\1", "#", "x" * 300]))


@given(
    st.lists(FIELDS.map(payload) | st.binary(max_size=30), max_size=8),
    st.binary(max_size=6),
)
def test_whatever_is_found_is_a_message_of_the_wire(payloads: list[bytes], rest: bytes) -> None:
    data = b"".join(map(frame, payloads)) + rest
    found = survey(data)
    if found is None:
        return
    frames = []
    at = 0
    for one in payloads:
        frames.append((at, at + 4 + len(one)))
        at += 4 + len(one)
    seen = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
    # what follows the messages may look like one more
    assert seen[: len(frames)] == frames[: len(seen)]
    for which, key in zip(found.plain.tolist(), found.keys(data), strict=True):
        start, end = seen[which]
        parts = data[start + 4 : end].split(b"\0")
        assert key == b"\0".join(parts[:4])
        assert (parts[0], len(parts)) in {(b"1", 8), (b"2", 6)}
        assert parts[-1] == b""
        for number in parts[4:-1]:
            assert number == b"" or math.isfinite(float(number))
