"""
Bytes of the socket to payloads of messages, and back.

A message is a four-byte big-endian length and that many bytes; the payload is fields, each ended
by a NUL (ib_async client.py `_prefix`). ib_async copies the rest of its buffer for every message;
here a chunk is cut by offsets and each byte of a message is copied at most twice, however many
chunks it comes in, so the cost of a message grows with its length and not with its square.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

__all__ = ["MAX_FRAME_BYTES", "FrameError", "Framer", "frame"]

MAX_FRAME_BYTES: Final = 0xFFFFFF
"""Longest payload the protocol knows (ibapi comm.py `MAX_MSG_LEN`)."""

_HEADER: Final = struct.Struct(">I")
_HEADER_BYTES: Final = _HEADER.size


Thin = Callable[[bytes], tuple[list[bytes], int] | None]


class FrameError(ValueError):
    """What arrived cannot be a frame: the peer does not speak this protocol."""


class Framer:
    """Cuts a stream of bytes into payloads, however the network has split it."""

    __slots__ = ("_missing", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._missing = 0

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished message are held."""
        return sum(map(len, self._parts))

    def feed(self, data: bytes, thin: Thin | None = None) -> list[bytes]:
        """
        Take one chunk and return the payloads that are complete now.

        Args:
            data: What has come.
            thin: Looks at all of it that begins with a frame first, and may return the payloads
                that count of its beginning and where that ends.

        Raises:
            FrameError: A length is larger than the protocol allows.
        """
        # Chunks of an unfinished message wait side by side and are joined once, when it is whole:
        # an answer of megabytes comes in dozens of them.
        parts, size = self._parts, len(data)
        if size < self._missing:
            parts.append(data)
            self._missing -= size
            return []
        if parts:
            parts.append(data)
            data = b"".join(parts)
            parts.clear()
        payloads: list[bytes] = []
        length_at, start, total = _HEADER.unpack_from, 0, len(data)
        missing = 0
        if thin is not None and (thinned := thin(data)) is not None:
            payloads, start = thinned
        while start < total:
            body = start + _HEADER_BYTES
            if body > total:
                missing = body - total
                break
            (length,) = length_at(data, start)
            if length > MAX_FRAME_BYTES:
                raise FrameError(
                    f"expected a frame of up to {MAX_FRAME_BYTES} bytes, found one of {length}"
                )
            end = body + length
            if end > total:
                missing = end - total
                break
            payloads.append(data[body:end])
            start = end
        if start < total:
            parts.append(data[start:] if start else data)
        self._missing = missing
        return payloads


def frame(payload: bytes) -> bytes:
    """Put the length before a payload."""
    return _HEADER.pack(len(payload)) + payload
