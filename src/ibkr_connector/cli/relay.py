"""
A TCP relay that can be cut on command: what the demo breaks, and what it never patches.

It knows bytes and sockets only, so that the same demonstration runs before the simulator and
before a real gateway: the connector behind it sees exactly what a bad network does.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["Relay"]

_CHUNK = 65_536
_LENGTH = 4
"""Bytes before each message that say how long it is."""


class Relay:
    """
    Stand between a client on `host:port` and an upstream gateway.

    `cut_after(start)` arms it: the client's next message that begins so still reaches the
    gateway, and then both sockets end before a single byte of the answer comes back.
    """

    def __init__(self, upstream_host: str, upstream_port: int) -> None:
        self._upstream = (upstream_host, upstream_port)
        self._armed: bytes | None = None
        self._is_mute = False
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self.cuts = 0
        self.connections = 0
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
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
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()

    def cut_after(self, start: bytes) -> None:
        """Let the client's next message with this start through, then end both sockets."""
        self._armed = start

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        self.connections += 1
        try:
            await self._carry(reader, writer)
        finally:
            self._sessions.discard(session)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            return  # the client sees what a dead gateway looks like: an end of file
        self._is_mute = False
        upload = asyncio.create_task(self._upload(reader, up_writer))
        download = asyncio.create_task(self._download(up_reader, writer))
        try:
            await asyncio.wait({upload, download}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upload, download):
                task.cancel()
            await asyncio.gather(upload, download, return_exceptions=True)
            up_writer.close()

    async def _upload(self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            is_last = self._armed is not None and chunk[_LENGTH:].startswith(self._armed)
            # from here on nothing comes back, so that no answer can win the race
            self._is_mute = is_last
            up_writer.write(chunk)
            await up_writer.drain()
            if is_last:
                self._armed = None
                self.cuts += 1
                return

    async def _download(
        self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await up_reader.read(_CHUNK):
            if self._is_mute:
                continue
            writer.write(chunk)
            await writer.drain()
