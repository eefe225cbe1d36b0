"""Cut what passes by into messages, in whatever pieces it comes; what is no frames stays bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ibkr_connector.simulator.wire.errors import RemoteProtocolError
from ibkr_connector.simulator.wire.frames import FrameReader

__all__ = ["ClientSplitter", "GatewaySplitter"]

_PREFIX: Final = b"API\0"


class GatewaySplitter:
    """Frames only."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self._is_raw = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield payloads, each with whether it is bytes that are no frame."""
        if self._is_raw:
            yield data, True
            return
        self._frames.feed(data)
        try:
            for payload in self._frames.payloads():
                yield payload, False
        except RemoteProtocolError:
            self._is_raw = True
            rest = self._frames.peek(1 << 30)
            self._frames.skip(len(rest))
            yield rest, True


class ClientSplitter:
    """A greeting behind `API` and a NUL, then frames."""

    def __init__(self) -> None:
        self._start = b""
        self._greeting_is_due = True
        self._is_raw = False
        self._rest = GatewaySplitter()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool, bool]]:
        """Yield payloads, each with whether it is no frame, and whether it is the greeting."""
        if len(self._start) < len(_PREFIX) and not self._is_raw:
            needed = len(_PREFIX) - len(self._start)
            self._start += data[:needed]
            data = data[needed:]
            if not _PREFIX.startswith(self._start):
                self._is_raw = True
                data = self._start + data
        if self._is_raw:
            if data:
                yield data, True, False
            return
        for payload, is_raw in self._rest.feed(data) if data else ():
            is_hello = self._greeting_is_due and not is_raw
            self._greeting_is_due = False
            yield payload, is_raw, is_hello
