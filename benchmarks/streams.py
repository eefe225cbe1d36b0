"""
Ticks from the socket to a user's `async for`, of a hundred symbols, beside bare ib_async.

Both follow the same hundred contracts at the same gateway, a process of its own that sends so many
price ticks in turn when the hundredth is followed; in turns (A B A B). Ours has a reader for each
symbol on the user's loop; a slow reader skips what is older, but every tick is decoded, checked and
put in its place. ib_async has a handler on each ticker. What is compared is the processor time of
the client's process, from the first tick to the last price of the last symbol; and the memory that
Python takes for each stream.

    python -m benchmarks streams [--rounds N] [--json]
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import ib_async

from ibkr_connector import Contract, IBKRConnector, Quote, Settings
from ibkr_connector.model.ids import ConId
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.dialogue import ClientSession, handlers
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.wire.replies import TickPrice
from ibkr_connector.simulator.wire.requests import ReqMarketData

__all__ = ["SYMBOLS", "TICKS", "Streams", "compare", "report"]

SYMBOLS: Final = 100
TICKS: Final = 60_000

_LAST: Final = 999
"""The price that ends it; no other tick has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Ticks a second of processor time and bytes of a stream, of ib_async and of ours."""

    bare: float
    ours: float
    ratio: float
    bare_bytes: float
    our_bytes: float

    @property
    def is_met(self) -> bool:
        """Whether ours is no slower."""
        return self.ratio >= 1.0

    @property
    def ratios(self) -> Mapping[str, float]:
        """How many times as fast, and as large, as ib_async."""
        return {"ticks": self.ratio, "bytes": self.our_bytes / self.bare_bytes}


def _contracts(count: int) -> list[tuple[int, str]]:
    catalogue = default_catalogue(datetime(2026, 11, 20).date())  # noqa: DTZ001  # a day
    found = [one for one in map(catalogue.get, catalogue.ids()) if one is not None]
    return [(one.con_id, one.symbol) for one in found if one.sec_type == "STK"][:count]


async def _serve(symbols: int, ticks: int) -> None:
    # the session is kept with its requests, so that its id is given to no other
    followed: dict[int, tuple[ClientSession, list[int]]] = {}

    def follow(session: ClientSession, request: ReqMarketData, now: datetime) -> None:
        del now
        _, known = followed.setdefault(id(session), (session, []))
        known.append(request.request_id)
        if len(known) < symbols:
            return
        for number in range(ticks):
            price = _LAST if number >= ticks - symbols else 100 + number % 50
            session.say(
                TickPrice(
                    request_id=known[number % symbols],
                    tick_type=4 if number >= ticks - symbols else 1 + number % 2,
                    price=Decimal(price),
                    size=Decimal(100),
                )
            )

    handlers.HANDLERS = {**handlers.HANDLERS, ReqMarketData: follow}  # type: ignore[misc]
    async with GatewaySimulator() as simulator:
        print(json.dumps({"port": simulator.port}), flush=True)
        await asyncio.Event().wait()


@contextmanager
def _running(symbols: int, ticks: int) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.streams", str(symbols), str(ticks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


class _Watch:
    """Runs from the first tick until every symbol has told its last price."""

    def __init__(self, symbols: int) -> None:
        self.left = symbols
        self.began = 0.0
        self.took = 0.0
        self.done = asyncio.Event()

    def tick(self, *, is_last: bool) -> None:
        self.began = self.began or time.process_time()
        if is_last:
            self.left -= 1
            if not self.left:
                self.took = time.process_time() - self.began
                self.done.set()


async def _bare(port: int, contracts: list[tuple[int, str]]) -> float:
    ib, watch = ib_async.IB(), _Watch(len(contracts))
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=60)

    def told(ticker: Any) -> None:
        watch.tick(is_last=ticker.last == _LAST)

    for con_id, symbol in contracts:
        stock = ib_async.Stock(symbol, "SMART", "USD", conId=con_id)
        ib.reqMktData(stock).updateEvent += told
    await watch.done.wait()
    ib.disconnect()
    return watch.took


async def _ours(port: int, contracts: list[tuple[int, str]], place: Path) -> float:
    settings = Settings.load(
        port=port, state_dir=place, client_id=2, messages_per_second=1_000, market_data_lines=1_000
    )
    watch = _Watch(len(contracts))

    async def read(ib: IBKRConnector, contract: Contract) -> None:
        async for quote in ib.stream_quotes(contract):
            is_last = isinstance(quote, Quote) and quote.last == _LAST
            watch.tick(is_last=is_last)
            if is_last:
                return

    async with IBKRConnector.create(settings) as ib:
        wanted = [Contract(symbol=symbol, con_id=ConId(con_id)) for con_id, symbol in contracts]
        await asyncio.gather(*(read(ib, contract) for contract in wanted))
    return watch.took


def _bytes_bare(port: int, contracts: list[tuple[int, str]]) -> float:
    async def follow() -> float:
        ib = ib_async.IB()
        ib.client.MaxRequests = 0
        await ib.connectAsync("127.0.0.1", port, clientId=3, timeout=60)
        with _traced() as taken:
            tickers = [
                ib.reqMktData(ib_async.Stock(symbol, "SMART", "USD", conId=con_id))
                for con_id, symbol in contracts[:-1]
            ]
        ib.disconnect()
        return taken[0] / len(tickers)

    return asyncio.run(follow())


def _bytes_ours(port: int, contracts: list[tuple[int, str]], place: Path) -> float:
    async def follow() -> float:
        settings = Settings.load(port=port, state_dir=place, client_id=4, messages_per_second=1_000)
        async with IBKRConnector.create(settings) as ib:
            wanted = [
                Contract(symbol=symbol, con_id=ConId(con_id)) for con_id, symbol in contracts[:-1]
            ]
            # looked up beforehand, as ib_async is not asked to
            for contract in wanted:
                await ib.instruments.details(contract)
            with _traced() as taken:
                streams = [ib.stream_quotes(contract) for contract in wanted]
                for stream in streams:
                    await stream.__aenter__()
            for stream in streams:
                await stream.aclose()
        return taken[0] / len(streams)

    return asyncio.run(follow())


@contextmanager
def _traced() -> Iterator[list[float]]:
    gc.collect()
    taken: list[float] = []
    tracemalloc.start()
    try:
        yield taken
        gc.collect()
        taken.append(float(tracemalloc.get_traced_memory()[0]))
    finally:
        tracemalloc.stop()


def compare(turns: int, *, symbols: int = SYMBOLS, ticks: int = TICKS) -> Streams:
    """Measure in turns."""
    contracts = _contracts(symbols)
    bare: list[float] = []
    ours: list[float] = []
    with _running(symbols, ticks) as port, tempfile.TemporaryDirectory() as place:
        for _ in range(turns):
            bare.append(asyncio.run(_bare(port, contracts)))
            ours.append(asyncio.run(_ours(port, contracts, Path(place))))
        bare_bytes = _bytes_bare(port, contracts)
        our_bytes = _bytes_ours(port, contracts, Path(place))
    return Streams(
        bare=ticks / statistics.median(bare),
        ours=ticks / statistics.median(ours),
        ratio=statistics.median(b / o for b, o in zip(bare, ours, strict=True)),
        bare_bytes=bare_bytes,
        our_bytes=our_bytes,
    )


def report(found: Streams) -> str:
    """Say it in lines."""
    return "\n".join(
        (
            f"ticks a second of the client's processor time, {SYMBOLS} symbols:",
            f"  ib_async, a handler for each   {found.bare:>10,.0f}",
            f"  connector, a reader for each   {found.ours:>10,.0f}   {found.ratio:.2f} times",
            "bytes of Python for each stream:",
            f"  ib_async                       {found.bare_bytes:>10,.0f}",
            f"  connector                      {found.our_bytes:>10,.0f}",
        )
    )


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
