"""
From a socket that is back to `ready`, beside bare ib_async's `connectAsync`.

A gateway in a process of its own holds 100 positions and 50 open orders of the client that is
measured; the connector follows 100 contracts besides. Bare ib_async connects anew each time. The
connector's socket is cut, and counted is what comes behind the wait: login, everything read and
compared with the journal, and, in the last row, the streams asked for again. Those are as many
messages as streams, which a gateway takes 50 a second of: no client can be faster than that.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
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
"""At most so many times what `connectAsync` takes, streams left out."""

_ACCOUNT: Final = "DU1234567"
_SETTLE_S: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnects:
    """Medians in seconds."""

    bare: float
    ready: float
    ready_with_streams: float

    @property
    def ratios(self) -> Mapping[str, float]:
        """What each takes, in times of `connectAsync`."""
        return {
            "ready": self.ready / self.bare,
            "ready with streams": self.ready_with_streams / self.bare,
        }

    @property
    def is_met(self) -> bool:
        """Whether the target is."""
        return self.ratios["ready"] <= TARGET


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


class _Bare:
    """ib_async, connecting anew."""

    def __init__(self, gateway: _Gateway, *, orders: int) -> None:
        self._port = gateway.port
        self._orders = orders
        self._ib = ib_async.IB()

    async def prepare(self) -> None:
        """Place the orders."""
        await self._connect()
        apple = ib_async.Stock("AAPL", "SMART", "USD")
        await self._ib.qualifyContractsAsync(apple)
        for number in range(self._orders):
            self._ib.placeOrder(apple, ib_async.LimitOrder("BUY", 1 + number, 1.0))
        while sum(one.orderStatus.status == "Submitted" for one in self._ib.openTrades()) < (
            self._orders
        ):
            await self._ib.updateEvent

    async def once(self) -> float:
        """Connect once more, and return the seconds that took."""
        self._ib.disconnect()
        await asyncio.sleep(_SETTLE_S)
        self._ib = ib_async.IB()
        began = time.perf_counter()
        await self._connect()
        took = time.perf_counter() - began
        assert len(self._ib.positions()) == POSITIONS
        assert len(self._ib.openTrades()) == self._orders
        return took

    async def aclose(self) -> None:
        """Leave."""
        self._ib.disconnect()

    async def _connect(self) -> None:
        await self._ib.connectAsync("127.0.0.1", self._port, clientId=1)


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

    async def once(self) -> float:
        """Lose the socket, and return the seconds from the next attempt to `ready`."""
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
        return at - began

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
                _Bare(one, orders=orders),
                _Ours(two, without, orders=orders, streams=0),
                _Ours(three, with_streams, orders=orders, streams=streams),
            )
            for side in sides:
                await side.prepare()
            # in turns, so that whatever else the machine does meets each of them
            found = [[await side.once() for side in sides] for _ in range(rounds)]
            for side in sides:
                await side.aclose()
    bare, ready, ready_with_streams = map(statistics.median, zip(*found, strict=True))
    return Reconnects(bare=bare, ready=ready, ready_with_streams=ready_with_streams)


def compare(rounds: int, *, orders: int = ORDERS, streams: int = STREAMS) -> Reconnects:
    """Measure both, so many times each."""
    return asyncio.run(_measure(rounds, orders=orders, streams=streams))


def report(found: Reconnects) -> str:
    """Say what was measured."""
    verdict = "met" if found.is_met else "MISSED"
    rows = [
        ("connectAsync of ib_async", found.bare, ""),
        ("ready", found.ready, f"{found.ratios['ready']:.2f}  target {TARGET}: {verdict}"),
        (
            f"ready, {STREAMS} streams asked for again",
            found.ready_with_streams,
            f"{found.ratios['ready with streams']:.2f}",
        ),
    ]
    head = f"{POSITIONS} positions, {ORDERS} open orders"
    return "\n".join(
        [head, *(f"{name:34}{seconds * 1e3:>9.1f} ms  {ratio}" for name, seconds, ratio in rows)]
    )


if __name__ == "__main__":
    asyncio.run(_serve())
