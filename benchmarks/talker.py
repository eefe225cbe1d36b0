"""A client in this process: a socket that asks, and notes which messages come."""

from __future__ import annotations

import asyncio
import struct
from typing import Final

from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.frames import encode_frame, join_fields
from ibkr_connector.simulator.wire.requests import PlaceOrder, Request, StartApi, encode_request

__all__ = ["AAPL", "Talker", "limit_or_market"]

AAPL: Final = 265598
_LENGTH: Final = struct.Struct(">I")
_VERSION: Final = 178
_GREETING: Final = 5
"""Messages that a session begins with: accounts, first order id, three farms."""


def limit_or_market(order_id: int, *, order_type: str) -> PlaceOrder:
    """Return an order far from the market, or one that trades at once; two buys, two sells."""
    return PlaceOrder(
        order_id=order_id,
        contract=WireContract(con_id=AAPL, exchange="SMART"),
        texts={
            "action": "BUY" if order_id % 4 < 2 else "SELL",
            "totalQuantity": "5",
            "orderType": order_type,
            "lmtPrice": ("50" if order_id % 4 < 2 else "400") if order_type == "LMT" else "",
            "tif": "DAY",
            "transmit": "1",
        },
    )


class Talker:
    """One socket to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._data = b""
        self.frames = 0

    @classmethod
    async def open(cls, simulator: GatewaySimulator, *, client_id: int) -> Talker:
        """Open the socket and go through the handshake."""
        talker = cls(*await asyncio.open_connection(simulator.host, simulator.port))
        talker._writer.write(b"API\0" + encode_frame(b"v157..178"))
        await talker.next()
        talker.ask(StartApi(client_id=client_id))
        for _ in range(_GREETING):
            await talker.next()
        return talker

    def ask(self, request: Request) -> None:
        """Send a request, and do not wait."""
        self._writer.write(encode_frame(join_fields(encode_request(request, _VERSION))))

    async def next(self) -> bytes:
        """Return the payload of the next message."""
        while True:
            if len(self._data) >= 4:
                (length,) = _LENGTH.unpack_from(self._data)
                if len(self._data) >= 4 + length:
                    payload, self._data = self._data[4 : 4 + length], self._data[4 + length :]
                    self.frames += 1
                    return payload
            more = await self._reader.read(1 << 20)
            if not more:
                raise EOFError
            self._data += more

    async def read_until(self, kind: bytes, number: int) -> None:
        """Read until a message of a kind about an id."""
        start = kind + b"\0" + str(number).encode() + b"\0"
        while not (await self.next()).startswith(start):
            pass

    async def drain(self) -> None:
        """Read whatever comes, for ever."""
        while await self._reader.read(1 << 20):
            pass

    async def aclose(self) -> None:
        """Close the socket."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)
