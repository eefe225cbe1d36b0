from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.frames import (
    MAX_FRAME,
    FrameReader,
    encode_frame,
    join_fields,
    split_fields,
)

texts = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1)


@given(texts, st.data())
def test_fields_come_out_as_they_went_in_however_the_bytes_are_cut(
    fields: list[str], data: st.DataObject
) -> None:
    stream = encode_frame(join_fields(fields)) * 2
    cut = data.draw(st.integers(0, len(stream)))
    reader = FrameReader()
    reader.feed(stream[:cut])
    payloads = list(reader.payloads())
    reader.feed(stream[cut:])
    payloads += reader.payloads()
    assert [split_fields(payload) for payload in payloads] == [fields, fields]


def test_one_byte_at_a_time_is_enough() -> None:
    reader = FrameReader()
    found: list[bytes] = []
    for byte in encode_frame(b"49\x001\x00"):
        reader.feed(bytes([byte]))
        found += reader.payloads()
    assert found == [b"49\x001\x00"]


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_the_clients_mistake(length: int) -> None:
    reader = FrameReader()
    reader.feed(length.to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="bytes was announced"):
        reader.payload()


def test_a_payload_that_is_too_long_is_our_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="longer than"):
        encode_frame(b"x" * (MAX_FRAME + 1))


def test_a_message_that_does_not_end_its_last_field_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="not ended by a NUL"):
        split_fields(b"49\x001")


def test_bytes_that_are_no_utf8_stay_visible() -> None:
    assert split_fields(b"caf\xe9\x00") == ["caf\\xe9"]
