"""Frames come out whole, however the network has cut them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.client import Client

from ibkr_connector.gateway.frames import MAX_FRAME_BYTES, FrameError, Framer, frame
from kit import wire_rows as rows

MESSAGES = [rows.order_status(), rows.position(), rows.error(5, 200), rows.commission()]
PAYLOADS = ["".join(f"{field}\0" for field in row).encode() for row in MESSAGES]
STREAM = b"".join(map(frame, PAYLOADS))


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_stream_cut_at_any_byte_gives_the_same_payloads(cut: int) -> None:
    framer = Framer()
    assert framer.feed(STREAM[:cut]) + framer.feed(STREAM[cut:]) == PAYLOADS
    assert framer.pending_bytes == 0


def test_one_byte_at_a_time_gives_the_same_payloads() -> None:
    framer = Framer()
    assert [p for byte in STREAM for p in framer.feed(bytes([byte]))] == PAYLOADS


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_any_payloads_survive_any_cuts(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    framer, taken = Framer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        taken += framer.feed(stream[start:end])
    assert taken == payloads


class Recorder:
    """Stands where ib_async's decoder stands, and keeps what it would be given."""

    serverVersion = 178

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def interpret(self, fields: list[str]) -> None:
        self.seen.append(list(fields))


FIELD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.lists(FIELD, min_size=1), max_size=6))
def test_the_stock_framer_reads_the_same_fields(messages: list[list[str]]) -> None:
    stream = b"".join(frame("".join(f"{x}\0" for x in m).encode()) for m in messages)

    class Wrapper:
        pass

    stock: Any = Client(Wrapper())  # type: ignore[no-untyped-call]
    stock.decoder = recorder = Recorder()
    stock._serverVersion, stock._apiReady = 178, True
    stock._onSocketHasData(stream)
    ours = [payload.decode().split("\0")[:-1] for payload in Framer().feed(stream)]
    assert ours == recorder.seen


def test_a_length_beyond_the_protocol_is_another_protocol() -> None:
    Framer().feed(struct.pack(">I", MAX_FRAME_BYTES))
    with pytest.raises(FrameError, match="found one of 1213486160"):
        Framer().feed(b"HTTP/1.1 400 Bad Request")
