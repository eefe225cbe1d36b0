"""A way of some length between a client and a gateway: what the gateway says arrives later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["way"]


@asynccontextmanager
async def way(port: int, *, takes_s: float) -> AsyncIterator[int]:
    """
    Give a port behind which the gateway of `port` is, all of whose words come so much later.

    The whole way there and back is on the way back: whoever waits for an answer sees no difference.
    """
    lines: list[_Near] = []

    def begin() -> _Near:
        lines.append(_Near(port, takes_s))
        return lines[-1]

    server = await asyncio.get_running_loop().create_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for line in lines:
            await line.aclose()


class _End(asyncio.Protocol):
    """One end of a line; what comes here goes out at the other end."""

    def __init__(self, pass_on: Callable[[bytes], None]) -> None:
        self._pass_on = pass_on
        self.other: asyncio.Transport | None = None
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._pass_on(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        if self.other is not None:
            self.other.abort()


class _Near(_End):
    """The client's end; opens the other one, and passes on what was said until that is there."""

    def __init__(self, port: int, takes_s: float) -> None:
        super().__init__(self._send)
        self._port, self._takes_s = port, takes_s
        self._said: list[bytes] = []
        self._under_way: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._client = transport
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._far = _End(self._come_back)
        self._far.other = self._client
        self.other, _ = await loop.create_connection(lambda: self._far, "127.0.0.1", self._port)
        self.other.write(b"".join(self._said))

    async def aclose(self) -> None:
        """End the line, and wait until both ends know."""
        await self._opening
        for end in (self._client, self.other):
            if end is not None:
                end.abort()
        await self.ended.wait()
        await self._far.ended.wait()

    def _send(self, data: bytes) -> None:
        if self.other is None:
            self._said.append(data)
        else:
            self.other.write(data)

    def _come_back(self, data: bytes) -> None:
        # in the order in which they came, whatever the timers do
        self._under_way.append(data)
        asyncio.get_running_loop().call_later(self._takes_s, self._arrive)

    def _arrive(self) -> None:
        self._client.write(self._under_way.popleft())
