"""A client that asks and hears: one socket to a gateway whose clock stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, Self, TypeVar

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.frames import (
    FrameReader,
    encode_frame,
    join_fields,
    split_fields,
)
from ibkr_connector.simulator.wire.replies import ErrorMessage, Reply, decode_reply
from ibkr_connector.simulator.wire.requests import PlaceOrder, Request, StartApi, encode_request
from kit.quiet import PatientGateway, settled

__all__ = ["APPLE", "Conversation", "Listening", "hello", "order", "standing_still", "talk"]

T = TypeVar("T")

APPLE: Final = WireContract(con_id=265598, exchange="SMART")
NEWEST_KNOWN: Final = 178


def hello(version: int) -> bytes:
    """Return the first bytes of a client that speaks up to a version."""
    return b"API\0" + encode_frame(f"v157..{version}".encode())


def order(order_id: int, contract: WireContract = APPLE, /, **texts: str) -> PlaceOrder:
    """Return an order that rests, unless told otherwise."""
    said = {
        "action": "BUY",
        "totalQuantity": "5",
        "orderType": "LMT",
        "lmtPrice": "1" if texts.get("orderType", "LMT") == "LMT" else "",
        "tif": "DAY",
        "transmit": "1",
    }
    return PlaceOrder(order_id=order_id, contract=contract, texts={**said, **texts})


_opened: list[Conversation] = []
"""Clients of the gateway that is running; they are closed with it."""


class Listening(Protocol):
    """Whatever listens on a port as a gateway does."""

    host: str
    port: int


class Conversation:
    """
    One client.

    `heard` is everything that it was told, oldest first; `frames` the same as fields.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._version = version
        self.is_closed = False
        self.heard: list[Reply] = []
        self.frames: list[list[str]] = []

    @property
    def version(self) -> int:
        """The server version that is spoken."""
        return self._version

    @classmethod
    async def dial(cls, gateway: Listening, *, version: int = NEWEST_KNOWN) -> Self:
        """Open a socket, and say nothing."""
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        client = cls(reader, writer, version)
        _opened.append(client)
        return client

    @classmethod
    async def open(cls, gateway: Listening, *, version: int = NEWEST_KNOWN) -> Self:
        """Open a socket and agree on a version, and say no more."""
        client = await cls.dial(gateway, version=version)
        client.write(hello(version))
        said = await client._next()
        client._version = int(said[0])
        return client

    @classmethod
    async def start(
        cls, gateway: Listening, *, client_id: int = 1, version: int = NEWEST_KNOWN
    ) -> Self:
        """Open a socket, say who is there, and hear what a session begins with."""
        client = await cls.open(gateway, version=version)
        await client.ask(StartApi(client_id=client_id))
        return client

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def ask(self, *requests: Request) -> list[Reply]:
        """Send requests, and return what is heard until nothing comes any more."""
        for request in requests:
            fields = encode_request(request, self._version)
            self.write(encode_frame(join_fields(fields)))
        return await self.hear()

    async def hear(self) -> list[Reply]:
        """Return what comes until nothing comes any more."""
        before = len(self.heard)
        listening = asyncio.ensure_future(self._listen())
        await settled()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return self.heard[before:]

    def all(self, kind: type[T]) -> list[T]:
        """Return everything of a kind that was heard."""
        return [reply for reply in self.heard if isinstance(reply, kind)]

    def last(self, kind: type[T]) -> T:
        """Return the last of a kind that was heard."""
        return self.all(kind)[-1]

    def codes(self, request_id: int | None = None) -> list[int]:
        """Return the codes of the errors that were heard, of one request or of all."""
        return [
            error.code
            for error in self.all(ErrorMessage)
            if request_id is None or error.request_id == request_id
        ]

    async def aclose(self) -> None:
        """Close the socket."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def _listen(self) -> None:
        while not self.is_closed:
            fields = await self._next()
            if not fields:
                return
            self.frames.append(fields)
            self.heard.append(decode_reply(fields, self._version))

    async def _next(self) -> list[str]:
        while (payload := self._frames.payload()) is None:
            try:
                data = await self._reader.read(1 << 20)
            except ConnectionError:
                data = b""
            if not data:
                self.is_closed = True
                return []
            self._frames.feed(data)
        return split_fields(payload)


@asynccontextmanager
async def standing_still(**arguments: Any) -> AsyncIterator[GatewaySimulator]:
    """Run a simulator whose clock moves by `advance` only."""
    clock = arguments.pop("clock", None) or ManualClock(DEFAULT_START)
    async with PatientGateway(clock=clock, **arguments) as gateway:
        try:
            yield gateway
        finally:
            for client in _opened:
                await client.aclose()
            _opened.clear()


@asynccontextmanager
async def talk(
    *, version: int = NEWEST_KNOWN, client_id: int = 1, **arguments: Any
) -> AsyncIterator[tuple[GatewaySimulator, Conversation]]:
    """Run such a simulator with one client; nothing may be asked that is not simulated."""
    async with standing_still(**arguments) as gateway:
        client = await Conversation.start(gateway, client_id=client_id, version=version)
        yield gateway, client
        gateway.check()
