"""Quotes of far more contracts than there are data lines, through a real socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ibkr_connector import IBKRConnector
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.faults import Delay
from kit.market import asked

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


async def test_hundreds_of_names_are_quoted_over_twenty_lines(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    # a setting of its own: otherwise TWS takes half as many messages a second as there are lines
    options = {"market_data_lines": LINES, "messages_per_second": 1_000}
    async with make_connector(ibkr_gateway.port, **options) as ib:
        found = await ib.instruments.resolve_many(NAMES)
        assert not found.failures
        ibkr_gateway.do(lambda simulator: simulator.inject(Delay(seconds=0.02)))
        quotes = await ib.get_quotes([*NAMES, "NOSUCHTHING"])
        used = (await ib.pacing_status()).lines["lines"].used
    assert [quote.symbol for quote in quotes] == NAMES
    assert all(quote.bid is not None and quote.ask is not None for quote in quotes)
    assert list(quotes.failures) == ["NOSUCHTHING"]
    counts = open_at_once(ibkr_gateway)
    assert LINES - 5 <= max(counts) <= LINES
    assert (len(counts), counts[-1], used) == (2 * len(NAMES), 0, 0)
    assert len(asked(ibkr_gateway, "ReqMarketData")) == len(NAMES)
