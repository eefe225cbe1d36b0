"""
Frames: a four-byte big-endian length, then that many bytes of fields, each ended by a NUL.

Source: ib_async client.py (`_prefix`, `_onSocketHasData`), ibapi comm.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from .errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "MAX_FRAME",
    "FrameReader",
    "add_frame",
    "encode_frame",
    "join_fields",
    "split_fields",
]

MAX_FRAME: Final = 0xFFFFFF
"""Longest payload either side may send (ibapi common.py MAX_MSG_LEN)."""

_LENGTH: Final = struct.Struct(">I")
_NUL: Final = "\0"


class FrameReader:
    """Cut a stream of bytes, in whatever pieces it comes, into payloads."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Store bytes."""
        self._buffer += data

    def peek(self, size: int) -> bytes:
        """Return up to `size` stored bytes without taking them."""
        return bytes(self._buffer[:size])

    def skip(self, size: int) -> None:
        """Drop the first bytes."""
        del self._buffer[:size]

    def payload(self) -> bytes | None:
        """
        Take one complete payload; `None` when there is none yet.

        Raises:
            RemoteProtocolError: The length that was announced is not one.
        """
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if not 0 < length <= MAX_FRAME:
            raise RemoteProtocolError(f"a frame of {length} bytes was announced")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def payloads(self) -> Iterator[bytes]:
        """Take every complete payload."""
        while (payload := self.payload()) is not None:
            yield payload


def add_frame(out: bytearray, payload: bytes) -> None:
    """
    Put a payload and its length behind what is there.

    Raises:
        LocalProtocolError: It is longer than a payload may be.
    """
    size = len(payload)
    if size > MAX_FRAME:
        raise LocalProtocolError(f"a payload of {size} bytes is longer than {MAX_FRAME}")
    out += _LENGTH.pack(size)
    out += payload


def encode_frame(payload: bytes) -> bytes:
    """Put the length before a payload."""
    frame = bytearray()
    add_frame(frame, payload)
    return bytes(frame)


def join_fields(fields: Iterable[str]) -> bytes:
    """End each field with a NUL and make bytes of them."""
    return "".join([f"{field}{_NUL}" for field in fields]).encode()


def split_fields(payload: bytes) -> list[str]:
    """
    Take a payload apart.

    Raises:
        RemoteProtocolError: It does not end with a NUL.
    """
    if not payload.endswith(b"\0"):
        raise RemoteProtocolError("the last field of a message is not ended by a NUL")
    # texts typed on Windows come as Latin-1 (IB campus): those bytes are kept visible, not refused
    return payload[:-1].decode(errors="backslashreplace").split(_NUL)
