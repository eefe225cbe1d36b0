"""What tests of market data do to a simulated gateway, and what they read of its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from ibkr_connector import Quote
from ibkr_connector.clock import ScaledClock
from ibkr_connector.model.streams import Gap
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.server import DEFAULT_START

__all__ = [
    "AAPL",
    "asked",
    "busy",
    "comes",
    "gap_of",
    "has_asked",
    "hold",
    "said_all",
    "until",
]

T = TypeVar("T")

AAPL = 265598

_PATIENCE_S = 120.0


def busy(speed: float = 20.0) -> ScaledClock:
    """Return a clock for a gateway on a weekday morning in New York, which runs fast."""
    return ScaledClock(DEFAULT_START, speed=speed)


def hold(gateway: HostedSimulator, bid: str, ask: str, *, size: int = 100, con: int = AAPL) -> None:
    """Hold a market at a quote, and show it to whoever follows it."""
    command = SetQuote(
        con_id=con,
        bid=Decimal(bid),
        ask=Decimal(ask),
        last=Decimal(ask),
        bid_size=Decimal(size),
        ask_size=Decimal(size),
    )

    def act(simulator: Any) -> None:
        now = simulator.clock.utcnow()
        simulator.gateway.deliver(simulator.gateway.venue.execute(command, now), now)
        simulator.flush()
        simulator.tick()

    gateway.do(act)


def asked(gateway: HostedSimulator, name: str, *, stream: bool = False) -> list[Any]:
    """Return the requests of one kind that were made; with `stream` without snapshots' own."""
    log: list[Any] = gateway.do(lambda simulator: [exchange.request for exchange in simulator.log])
    snapshots = {
        request.request_id
        for request in log
        if type(request).__name__ == "ReqMarketData" and request.snapshot
    }
    return [
        request
        for request in log
        if type(request).__name__ == name and not (stream and request.request_id in snapshots)
    ]


async def has_asked(
    gateway: HostedSimulator, name: str, count: int, *, stream: bool = False
) -> None:
    """Wait until so many requests of one kind have been made."""
    async with asyncio.timeout(_PATIENCE_S):
        while len(asked(gateway, name, stream=stream)) < count:
            await asyncio.sleep(0.001)


async def said_all(gateway: HostedSimulator) -> None:
    """Wait until the gateway has heard the last of all clients, who have left."""
    async with asyncio.timeout(_PATIENCE_S):
        while gateway.do(lambda simulator: len(simulator.connections)):
            await asyncio.sleep(0.001)


async def comes(ask: Callable[[], Awaitable[T]], fits: Callable[[T], bool]) -> T:
    """Ask until an answer fits, and return it."""
    async with asyncio.timeout(_PATIENCE_S):
        while not fits(found := await ask()):
            await asyncio.sleep(0.001)
    return found


async def until(stream: AsyncIterator[Any], fits: Callable[[Quote], bool]) -> Quote:
    """Read quotes until one fits, and return it."""
    async for record in stream:
        if isinstance(record, Quote) and fits(record):
            return record
    raise AssertionError("the stream has ended")


async def gap_of(stream: AsyncIterator[Any], *, over: bool) -> Gap:
    """Read until a gap begins, or ends, and return it."""
    async for record in stream:
        if isinstance(record, Gap) and record.is_over is over:
            return record
    raise AssertionError("the stream has ended")
