"""
Bytes of the socket to payloads of messages, and back.

A message is a four-byte big-endian length and that many bytes; the payload is fields, each ended
by a NUL (ib_async client.py `_prefix`). ib_async copies the rest of its buffer for every message;
here a chunk is cut by offsets and copied once, so the cost of a chunk grows with its length and
not with its square.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["MAX_FRAME_BYTES", "FrameError", "Framer", "frame"]

MAX_FRAME_BYTES: Final = 0xFFFFFF
"""Longest payload the protocol knows (ibapi comm.py `MAX_MSG_LEN`)."""

_HEADER: Final = struct.Struct(">I")


class FrameError(ValueError):
    """What arrived cannot be a frame: the peer does not speak this protocol."""


class Framer:
    """Cuts a stream of bytes into payloads, however the network has split it."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished message are held."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take one chunk and return the payloads that are complete now.

        Raises:
            FrameError: A length is larger than the protocol allows.
        """
        # An unfinished long message is joined once per chunk; the kernel's chunks are 64 KiB to
        # 256 KiB, and the longest answers a few megabytes.
        if self._rest:
            data = self._rest + data
        payloads: list[bytes] = []
        start, total = 0, len(data)
        while total - start >= _HEADER.size:
            body = start + _HEADER.size
            length = _HEADER.unpack_from(data, start)[0]
            if length > MAX_FRAME_BYTES:
                raise FrameError(
                    f"expected a frame of up to {MAX_FRAME_BYTES} bytes, found one of {length}"
                )
            if total - body < length:
                break
            start = body + length
            payloads.append(data[body:start])
        self._rest = data[start:] if start else data
        return payloads


def frame(payload: bytes) -> bytes:
    """Put the length before a payload."""
    return _HEADER.pack(len(payload)) + payload
