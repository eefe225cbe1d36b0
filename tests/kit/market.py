"""What tests of market data do to a simulated gateway, and what they read of its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

from ibkr_connector import Quote
from ibkr_connector.clock import ScaledClock
from ibkr_connector.model.streams import Gap
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.server import DEFAULT_START

__all__ = ["AAPL", "asked", "busy", "gap_of", "hold", "until"]

AAPL = 265598


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
