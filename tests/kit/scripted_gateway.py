"""
A gateway that says exactly what a test tells it to, over a real socket.

For what the simulator does not do on purpose: phases of the handshake that never come, answers
that stop half way, messages that no gateway would send. Knows frames and nothing of their meaning.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["ScriptedGateway"]

Answer = Callable[[list[str]], list[tuple[Any, ...]]]

LOGIN: list[tuple[Any, ...]] = [(15, 1, "DU1"), (9, 1, 100)]


class ScriptedGateway:
    """
    Greets, logs in and answers by script; each part can be left out.

    Args:
        greeting: Fields of the first message; `None` says nothing, `()` hangs up instead.
        login: What follows startApi; `None` hangs up instead.
    """

    def __init__(
        self,
        *,
        greeting: tuple[Any, ...] | None = (178, "20261120 09:30:00 US/Eastern"),
        login: list[tuple[Any, ...]] | None = LOGIN,
    ) -> None:
        self.greeting = greeting
        self.login = login
        self.answers: dict[str, Answer] = {}
        self.received: list[list[str]] = []
        self.connected = asyncio.Event()
        self.hung_up = asyncio.Event()
        self._arrived = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._reading = asyncio.Event()
        self._reading.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        self._reading.set()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def say(self, *fields: Any) -> None:
        """Send one message."""
        self.say_bytes(_frame(fields))

    def say_all(self, messages: list[tuple[Any, ...]]) -> None:
        """Send messages in one write."""
        self.say_bytes(b"".join(map(_frame, messages)))

    def say_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()

    def stop_reading(self) -> None:
        """Leave what comes in the socket, as a gateway that is stopped does."""
        assert self._writer is not None
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket

    def of(self, number: int) -> list[list[str]]:
        """Return the messages of one kind that have come."""
        return [fields for fields in self.received if fields[0] == str(number)]

    async def wait_for(self, number: int, *, count: int = 1) -> list[str]:
        """Wait until that many messages of a kind have come, and return the last of them."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(number)) >= count)
        return self.of(number)[count - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writer = writer
        self.connected.set()
        try:
            assert await reader.readexactly(4) == b"API\0"
            await _read(reader)
            if self.greeting is None:
                await reader.read()
                return
            if not self.greeting:
                return
            self.say(*self.greeting)
            while True:
                fields = (await _read(reader)).decode().split("\0")[:-1]
                self.received.append(fields)
                async with self._arrived:
                    self._arrived.notify_all()
                if fields[0] == "71":
                    if self.login is None:
                        return
                    self.say_all(self.login)
                elif fields[0] in self.answers:
                    self.say_all(self.answers[fields[0]](fields))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.hung_up.set()
            writer.close()


def _frame(fields: tuple[Any, ...]) -> bytes:
    payload = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(payload)) + payload


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return await reader.readexactly(length)
