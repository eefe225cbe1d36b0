"""
Answer clients from a recording.

    ibkr sim play morning.jsonl

The first client hears the first connection of the recording, the next one the next. What a client
says and nobody said when it was recorded is answered with 320, kept in `unexpected`, and raised by
`check()`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self, cast

from .recording import ClientSplitter, Entry, Script, Unexpected, parse_recording

__all__ = ["Player"]

_LENGTH: Final = struct.Struct(">I")


class Player:
    """
    A gateway that knows one recording by heart.

    Args:
        lines: The recording.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.

    Everything is heard as soon as it may be (*limit*: the pauses of the recording are not kept).

    Raises:
        RecordingError: The lines are not a recording.
    """

    def __init__(self, lines: Iterable[str], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.unexpected: list[Unexpected] = []
        by_connection: dict[int, list[Entry]] = {}
        for entry in parse_recording(lines):
            by_connection.setdefault(entry.connection, []).append(entry)
        self._scripts = [Script(entries) for entries in by_connection.values()]
        self._opened = 0
        self._open: dict[int, _Line] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for line in tuple(self._open.values()):
            line.abort()
        # an aborted transport closes its socket in the loop's next round
        await asyncio.sleep(0)
        await self._server.wait_closed()

    def check(self) -> None:
        """
        Raise when a client said what is not in the recording.

        Raises:
            AssertionError: What was said.
        """
        if self.unexpected:
            said = "; ".join(str(one) for one in self.unexpected)
            raise AssertionError(f"not in the recording: {said}")

    def enter(self, line: _Line) -> tuple[int, Script | None]:
        """Take a socket in; return its number and its script, `None` when there is none left."""
        self._opened += 1
        self._open[self._opened] = line
        known = self._opened <= len(self._scripts)
        return self._opened, self._scripts[self._opened - 1] if known else None

    def leave(self, number: int) -> None:
        """A socket is gone."""
        self._open.pop(number, None)


class _Line(asyncio.Protocol):
    """One socket, and its part of the recording."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._splitter = ClientSplitter()
        self._script: Script | None = None
        self._number = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._number, self._script = self._player.enter(self)
        if self._script is None:
            self._player.unexpected.append(
                Unexpected(connection=self._number, payload=b"another connection")
            )
            self._transport.close()
            return
        self._say(self._script.opening())

    def connection_lost(self, exc: Exception | None) -> None:
        self._player.leave(self._number)

    def data_received(self, data: bytes) -> None:
        for payload, _, is_hello in self._splitter.feed(data):
            if self._script is None:
                return
            heard = self._script.hear(payload, is_hello=is_hello)
            if heard is not None:
                self._say(heard)
                continue
            self._player.unexpected.append(Unexpected(connection=self._number, payload=payload))
            refusal = self._script.refusal(payload)
            if refusal is not None:
                self._write(refusal)

    def abort(self) -> None:
        """Drop the socket."""
        if self._transport is not None:
            self._transport.abort()

    def _say(self, heard: Sequence[Entry]) -> None:
        assert self._transport is not None
        for entry in heard:
            if entry.payload is None:
                self._transport.close()
            elif entry.is_raw:
                self._transport.write(entry.payload)
            else:
                self._write(entry.payload)

    def _write(self, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.write(_LENGTH.pack(len(payload)) + payload)
