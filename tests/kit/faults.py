"""What tests of faults share: a gateway on a clock that stands still, and an order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import Reply
from ibkr_connector.simulator.wire.requests import PlaceOrder, ReqCurrentTime
from kit.quiet import PatientGateway, settled
from kit.raw_client import RawClient, frame

__all__ = [
    "APPLE",
    "ASK_TIME",
    "NOW",
    "available",
    "gateway",
    "heard",
    "kinds",
    "order",
    "segment",
    "settle",
]

APPLE = WireContract(con_id=265598, exchange="SMART")
ASK_TIME = frame(ReqCurrentTime())
NOW = int(DEFAULT_START.timestamp())


def order(order_id: int = 1, **texts: str) -> PlaceOrder:
    """Return an order that rests, unless told otherwise."""
    said = {
        "action": "BUY",
        "totalQuantity": "5",
        "orderType": "LMT",
        "lmtPrice": "1",
        "tif": "DAY",
        "transmit": "1",
    }
    return PlaceOrder(order_id=order_id, contract=APPLE, texts={**said, **texts})


@asynccontextmanager
async def gateway(**arguments: Any) -> AsyncIterator[GatewaySimulator]:
    """Run a simulator whose clock moves by `advance` only, behind what is on its way to it."""
    async with PatientGateway(clock=ManualClock(DEFAULT_START), **arguments) as simulator:
        yield simulator


async def settle() -> None:
    """Let everything that was written arrive and be answered."""
    await settled()


async def heard(client: RawClient) -> list[Reply]:
    """Return what a client is told until nothing comes any more."""
    got: list[Reply] = []

    async def listen() -> None:
        while True:
            got.append(await client.reply())

    listening = asyncio.ensure_future(listen())
    await settle()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return got


async def available(client: RawClient) -> bytes:
    """Return the bytes that come until nothing comes any more."""
    got = bytearray()

    async def listen() -> None:
        while data := await client._reader.read(65_536):
            got.extend(data)

    listening = asyncio.ensure_future(listen())
    await settled()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return bytes(got)


async def segment(client: RawClient) -> bytes:
    """Return what arrives at one time."""
    return await client._reader.read(65_536)


def kinds(replies: list[Reply]) -> list[str]:
    """Return the names of replies; of errors, their codes."""
    return [str(getattr(reply, "code", type(reply).__name__)) for reply in replies]
