"""Quotes of far more contracts than there are data lines, through a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ibkr_connector import IBKRConnector
from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.faults import Delay
from ibkr_connector.simulator.server import DEFAULT_START
from kit.market import asked, has_asked, said_all

Make = Callable[..., IBKRConnector]

LINES = 20
NAMES = [f"SIM{number:04}" for number in range(1, 161)]


def open_at_once(gateway: HostedSimulator) -> list[int]:
    """Return how many snapshots were open after each request or cancellation."""
    log: list[Any] = gateway.do(lambda simulator: [one.request for one in simulator.log])
    snapshots: set[int] = set()
    counts = []
    for request in log:
        kind = type(request).__name__
        if kind == "ReqMarketData":
            snapshots.add(request.request_id)
        elif kind == "CancelMarketData":
            snapshots.discard(request.request_id)
        else:
            continue
        counts.append(len(snapshots))
    return counts


def answer(simulator: GatewaySimulator) -> None:
    """Let the time pass after which everything is answered that was asked."""
    assert isinstance(simulator.clock, ManualClock)
    simulator.clock.advance(1.0)
    simulator.tick()


async def test_hundreds_of_names_are_quoted_over_twenty_lines(
    make_ibkr_gateway: Callable[..., HostedSimulator], make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=ManualClock(DEFAULT_START))
    # a setting of its own: otherwise TWS takes half as many messages a second as there are lines
    options = {"market_data_lines": LINES, "messages_per_second": 1_000}
    async with make_connector(gateway.port, **options) as ib:
        found = await ib.instruments.resolve_many(NAMES)
        assert not found.failures
        gateway.do(lambda simulator: simulator.inject(Delay(seconds=1.0)))
        asking = asyncio.ensure_future(ib.get_quotes([*NAMES, "NOSUCHTHING"]))
        # until so many are open nothing is answered, however long that takes
        await has_asked(gateway, "ReqMarketData", LINES)
        while not asking.done():
            gateway.do(answer)
            await asyncio.sleep(0.002)
        quotes = await asking
        used = (await ib.pacing_status()).lines["lines"].used
    assert [quote.symbol for quote in quotes] == NAMES
    assert all(quote.bid is not None and quote.ask is not None for quote in quotes)
    assert list(quotes.failures) == ["NOSUCHTHING"]
    await said_all(gateway)
    counts = open_at_once(gateway)
    assert max(counts) == LINES
    assert (len(counts), counts[-1], used) == (2 * len(NAMES), 0, 0)
    assert len(asked(gateway, "ReqMarketData")) == len(NAMES)
