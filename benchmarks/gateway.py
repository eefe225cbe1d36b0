"""
The other side of the benchmarks: a gateway in a process of its own.

It is the simulator with three habits more: a snapshot of the contract `BLAST` is answered by so
many price ticks at once, which is how fast a client can read; the price of `AAPL` is held, so that
each order at it meets the same market; and its words may take their time to the client.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.dialogue import ClientSession, handlers
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.wire.replies import TickPrice, TickSnapshotEnd
from ibkr_connector.simulator.wire.requests import ReqMarketData

from .talker import AAPL
from .way import way

__all__ = ["BLAST", "BLAST_CON_ID", "BLAST_TICKS", "HELD_ASK", "HELD_BID", "running"]

BLAST: Final = "IBM"
BLAST_CON_ID: Final = 8314
BLAST_TICKS: Final = 50_000
HELD_BID: Final = Decimal("199.99")
HELD_ASK: Final = Decimal("200.01")


async def _serve(away_s: float) -> None:
    original = handlers.HANDLERS[ReqMarketData]

    def blast(session: ClientSession, request: ReqMarketData, now: datetime) -> None:
        if not (request.snapshot and request.contract.symbol == BLAST):
            original(session, request, now)
            return
        for number in range(BLAST_TICKS):
            session.say(
                TickPrice(
                    request_id=request.request_id,
                    tick_type=1 + number % 2,
                    price=Decimal(200 + number % 7),
                    size=Decimal(100),
                )
            )
        session.say(TickSnapshotEnd(request_id=request.request_id))

    table = {**handlers.HANDLERS, ReqMarketData: blast}
    handlers.HANDLERS = table  # type: ignore[misc]  # this process is the benchmark's own
    async with GatewaySimulator() as simulator:
        held = SetQuote(
            con_id=AAPL,
            bid=HELD_BID,
            ask=HELD_ASK,
            last=HELD_ASK,
            bid_size=Decimal(1_000_000_000),
            ask_size=Decimal(1_000_000_000),
        )
        now = simulator.clock.utcnow()
        simulator.gateway.deliver(simulator.gateway.venue.execute(held, now), now)
        async with AsyncExitStack() as stack:
            port = simulator.port
            if away_s:
                port = await stack.enter_async_context(way(port, takes_s=away_s))
            print(json.dumps({"port": port}), flush=True)
            await asyncio.Event().wait()


@contextmanager
def running(*, away_s: float = 0.0) -> Iterator[int]:
    """Run the gateway in a process of its own, its words so many seconds away; give its port."""
    command = [sys.executable, "-m", "benchmarks.gateway", str(away_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
