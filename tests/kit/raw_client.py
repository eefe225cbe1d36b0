"""A client that is nothing but a socket: it says what it is told to, and keeps what comes."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from ibkr_connector.simulator.wire.frames import (
    FrameReader,
    encode_frame,
    join_fields,
    split_fields,
)
from ibkr_connector.simulator.wire.replies import Reply, decode_reply
from ibkr_connector.simulator.wire.requests import Request, StartApi, encode_request

__all__ = ["HELLO", "RawClient", "frame"]

HELLO = b"API\0" + encode_frame(b"v157..178")
VERSION = 178


def frame(request: Request) -> bytes:
    """Return a request's bytes."""
    return encode_frame(join_fields(encode_request(request, VERSION)))


class RawClient:
    """One socket to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()

    @classmethod
    async def open(cls, host: str, port: int, *, receive_buffer: int | None = None) -> RawClient:
        """Open the socket, and say nothing yet; with a small buffer its kernel keeps little."""
        if receive_buffer is None:
            return cls(*await asyncio.open_connection(host, port))
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return cls(*await asyncio.open_connection(sock=sock))

    @classmethod
    async def start(
        cls, host: str, port: int, client_id: int = 1, *, receive_buffer: int | None = None
    ) -> RawClient:
        """Open the socket, go through the handshake, and read what is said at the start."""
        client = await cls.open(host, port, receive_buffer=receive_buffer)
        client.write(HELLO)
        await client.fields()
        client.write(frame(StartApi(client_id=client_id)))
        for _ in range(5):
            await client.reply()
        return client

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def fields(self) -> list[str]:
        """Read one message; an end of file is an error."""
        while (payload := self._frames.payload()) is None:
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._frames.feed(data)
        return split_fields(payload)

    async def reply(self) -> Reply:
        """Read one reply."""
        return decode_reply(await self.fields(), VERSION)

    async def rest(self) -> bytes:
        """Read until the other side closes, and return the bytes as they came."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    async def aclose(self) -> None:
        """Close the socket."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
