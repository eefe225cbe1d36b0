"""
From a socket that is back to `ready`, beside bare ib_async's `connectAsync`.

A gateway in a process of its own holds 100 positions and 50 open orders of the client that is
measured; 100 contracts are followed besides. Bare ib_async connects anew each time, and then asks
for the contracts. The connector's socket is cut, and counted is what comes behind the wait: login,
everything read and compared with the journal, and, in the last rows, the streams asked for again.
Those are as many messages as streams, of which a gateway takes 50 a second: no client can be faster
than that, and so `ready` does not wait for them.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import ib_async

from ibkr_connector import Settings
from ibkr_connector.engine import Engine
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.contracts import Contract, stock
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.exchange.listing import default_catalogue
from ibkr_connector.simulator.scenario.values import Account, Holding, Scenario
from ibkr_connector.supervisor import StateChange, SupervisorEvent

__all__ = ["TARGET", "Reconnects", "compare", "report"]

POSITIONS: Final = 100
ORDERS: Final = 50
STREAMS: Final = 100
TARGET: Final = 1.3
"""`ready` takes at most so many times what `connectAsync` takes."""

_ACCOUNT: Final = "DU1234567"
_SETTLE_S: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnects:
    """Medians in seconds."""

    bare: float
    bare_streams: float
    ready: float
    ready_with_streams: float
    streams: float

    @property
    def ratios(self) -> Mapping[str, float]:
        """What each takes, in times of `connectAsync`."""
        return {
            "ready": self.ready / self.bare,
            "ready with streams": self.ready_with_streams / self.bare,
            "all streams": self.streams / self.bare_streams,
        }

    @property
    def is_met(self) -> bool:
        """Whether the target is."""
        return self.ratios["ready with streams"] <= TARGET


def _listed() -> list[tuple[int, str]]:
    catalogue = default_catalogue(datetime.now(UTC).date())
    found = []
    for con_id in catalogue.ids():
        one = catalogue.get(con_id)
        if one is not None and (one.sec_type, one.currency) == ("STK", "USD"):
            found.append((one.con_id, one.symbol))
        if len(found) == POSITIONS:
            break
    return found


# --- the gateway --------------------------------------------------------------------------------


async def _serve() -> None:
    held = tuple(
        Holding(con_id=con_id, quantity=Decimal(100), price=Decimal(50)) for con_id, _ in _listed()
    )
    cash = {"USD": Decimal(10_000_000)}
    scenario = Scenario(accounts={_ACCOUNT: Account(cash=cash, positions=held)})
    async with GatewaySimulator(scenario) as simulator:
        print(json.dumps({"port": simulator.port}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            simulator.cut()


@dataclass(frozen=True, slots=True)
class _Gateway:
    port: int
    process: asyncio.subprocess.Process

    def cut(self) -> None:
        """Drop every socket."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"cut\n")


@asynccontextmanager
async def _running() -> AsyncIterator[_Gateway]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.reconnect"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield _Gateway(json.loads(await process.stdout.readline())["port"], process)
    finally:
        process.kill()
        await process.communicate()


# --- the clients --------------------------------------------------------------------------------


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # neither side has an event for what is waited for
        await asyncio.sleep(0.001)


class _Bare:
    """ib_async, connecting anew."""

    def __init__(self, gateway: _Gateway, *, orders: int, streams: int) -> None:
        self._port = gateway.port
        self._orders = orders
        self._followed = [
            ib_async.Stock(symbol, "SMART", "USD", conId=con_id)
            for con_id, symbol in _listed()[:streams]
        ]
        self._ib = ib_async.IB()

    async def prepare(self) -> None:
        """Place the orders."""
        await self._connect()
        apple = ib_async.Stock("AAPL", "SMART", "USD")
        await self._ib.qualifyContractsAsync(apple)
        for number in range(self._orders):
            self._ib.placeOrder(apple, ib_async.LimitOrder("BUY", 1 + number, 1.0))
        await _until(lambda: self._working == self._orders)

    @property
    def _working(self) -> int:
        return sum(one.orderStatus.status == "Submitted" for one in self._ib.openTrades())

    async def once(self) -> tuple[float, float]:
        """Connect once more; return the seconds that took, and those until all was asked for."""
        self._ib.disconnect()
        await asyncio.sleep(_SETTLE_S)
        self._ib = ib_async.IB()
        began = time.perf_counter()
        await self._connect()
        took = time.perf_counter() - began
        assert len(self._ib.positions()) == POSITIONS
        assert len(self._ib.openTrades()) == self._orders
        for contract in self._followed:
            self._ib.reqMktData(contract)
        await _until(lambda: not self._ib.client._msgQ)
        return took, time.perf_counter() - began

    async def aclose(self) -> None:
        """Leave."""
        self._ib.disconnect()

    async def _connect(self) -> None:
        await self._ib.connectAsync("127.0.0.1", self._port, clientId=1, timeout=60)


class _Ours:
    """The connector's engine, coming back by itself."""

    def __init__(self, gateway: _Gateway, engine: Engine, *, orders: int, streams: int) -> None:
        self._gateway = gateway
        self._engine = engine
        self._orders = orders
        self._streams = streams
        self._changes: asyncio.Queue[tuple[float, StateChange]] = asyncio.Queue()

    async def prepare(self) -> None:
        """Place the orders and follow the contracts."""
        engine = self._engine
        await engine.connect()
        for number in range(self._orders):
            order = {"symbol": "AAPL", "action": "BUY", "quantity": 1 + number}
            await engine.orders.place({**order, "order_type": "LMT", "limit_price": "1.00"})
        for _, symbol in _listed()[: self._streams]:
            contract: Contract = stock(symbol)
            await engine.streaming.open(StreamWish(kind=StreamKind.QUOTES, contract=contract))
        keep = engine._on_state

        def noted(change: StateChange) -> None:
            self._changes.put_nowait((time.perf_counter(), change))
            keep(change)

        engine._supervisor._on_state = noted

    async def once(self) -> tuple[float, float]:
        """Lose the socket; return the seconds from the next attempt to `ready`, and to all."""
        # the budget of the next second is whole
        await asyncio.sleep(_SETTLE_S)
        self._gateway.cut()
        began = 0.0
        while True:
            at, change = await self._changes.get()
            if change.event is SupervisorEvent.RETRY:
                began = at
            if change.target is ConnectionState.READY and began:
                break
        assert len(self._engine.positions(None)) == POSITIONS
        assert self._engine.orders.open_count == self._orders
        await _until(lambda: not self._engine.streams.lost_count)
        return at - began, time.perf_counter() - began

    async def aclose(self) -> None:
        """Leave."""
        await self._engine.aclose()


async def _engine(gateway: _Gateway, directory: Path) -> Engine:
    settings = Settings.load(
        port=gateway.port,
        readonly=False,
        state_dir=directory,
        reconnect_base_s=_SETTLE_S,
        reset_windows="none",
    )
    return await Engine.open(settings)


async def _measure(rounds: int, *, orders: int, streams: int) -> Reconnects:
    with tempfile.TemporaryDirectory() as folder:
        async with _running() as one, _running() as two, _running() as three:
            without = await _engine(two, Path(folder) / "two")
            with_streams = await _engine(three, Path(folder) / "three")
            sides: tuple[_Bare | _Ours, ...] = (
                _Bare(one, orders=orders, streams=streams),
                _Ours(two, without, orders=orders, streams=0),
                _Ours(three, with_streams, orders=orders, streams=streams),
            )
            for side in sides:
                await side.prepare()
            # in turns, so that whatever else the machine does meets each of them
            found = [[await side.once() for side in sides] for _ in range(rounds)]
            for side in sides:
                await side.aclose()
    bare, without_any, all_of_it = (
        [statistics.median(part) for part in zip(*side_s, strict=True)]
        for side_s in zip(*found, strict=True)
    )
    return Reconnects(
        bare=bare[0],
        bare_streams=bare[1],
        ready=without_any[0],
        ready_with_streams=all_of_it[0],
        streams=all_of_it[1],
    )


def compare(rounds: int, *, orders: int = ORDERS, streams: int = STREAMS) -> Reconnects:
    """Measure both, so many times each."""
    return asyncio.run(_measure(rounds, orders=orders, streams=streams))


def report(found: Reconnects) -> str:
    """Say what was measured."""
    verdict = "met" if found.is_met else "MISSED"
    target = f"target {TARGET}: {verdict}"
    rows = [
        ("connectAsync of ib_async", found.bare, ""),
        ("ready, no streams", found.ready, f"{found.ratios['ready']:.2f}"),
        (
            f"ready, {STREAMS} streams",
            found.ready_with_streams,
            f"{found.ratios['ready with streams']:.2f}  {target}",
        ),
        (f"ib_async, {STREAMS} streams asked for", found.bare_streams, ""),
        (
            f"all {STREAMS} streams asked for again",
            found.streams,
            f"{found.ratios['all streams']:.2f}",
        ),
    ]
    head = f"{POSITIONS} positions, {ORDERS} open orders"
    return "\n".join(
        [head, *(f"{name:34}{seconds * 1e3:>9.1f} ms  {ratio}" for name, seconds, ratio in rows)]
    )


if __name__ == "__main__":
    asyncio.run(_serve())
