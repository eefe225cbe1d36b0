"""
One piece of work with ib_async or ib_insync, as their documentation uses them; prints JSON.

Run by the interpreter of whichever environment has the library; knows nothing of this project.

    python benchmarks/clients/library.py ib_async ticks 4002 '{"symbols": [[265598, "AAPL"]]}'
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

LAST = 999
ASKED = 6
"""So often bars are asked for; the first time is not counted, and of the others their median."""

BORN = time.perf_counter()


class Watch:
    """Runs from the first news until every symbol has told its last price."""

    def __init__(self, symbols: int) -> None:
        self.left = symbols
        self.began: tuple[float, float] | None = None
        self.took: dict[str, float] = {}
        self.done = asyncio.Event()

    def news(self, is_last: bool) -> None:
        if self.began is None:
            self.began = time.process_time(), time.perf_counter()
        if is_last:
            self.left -= 1
            if not self.left:
                self.took = since(self.began)
                self.done.set()


def since(began: tuple[float, float]) -> dict[str, float]:
    return {"cpu_s": time.process_time() - began[0], "wall_s": time.perf_counter() - began[1]}


def peak_mib() -> float:
    """Return the most memory that this program has held; the system counts since its start."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split("VmHWM:")[1].split()[0]) / 1024


def now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def usual(name: str, took: list[dict[str, float]]) -> dict[str, float]:
    """Return what a piece of work takes as a rule: the median of all times but the first."""
    return {
        f"{name} {unit}": statistics.median(one[unit] for one in took[1:])
        for unit in ("cpu_s", "wall_s")
    }


async def ticks(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, float]:
    watch = Watch(len(wanted["symbols"]))

    def told(ticker: Any) -> None:
        watch.news(ticker.ask == LAST)

    for con_id, symbol in wanted["symbols"]:
        stock = lib.Stock(symbol, "SMART", "USD", conId=con_id)
        ib.reqMktData(stock).updateEvent += told
    await watch.done.wait()
    return watch.took


async def trades(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, float]:
    watch = Watch(len(wanted["trade_symbols"]))

    def told(ticker: Any) -> None:
        # both leave the trades of this packet here; only one of them also tells the last price
        watch.news(bool(ticker.tickByTicks) and ticker.tickByTicks[-1].price == LAST)

    for con_id, symbol in wanted["trade_symbols"]:
        stock = lib.Stock(symbol, "SMART", "USD", conId=con_id)
        ib.reqTickByTickData(stock, "AllLast").updateEvent += told
    await watch.done.wait()
    return watch.took


async def latency(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, float]:
    waits: list[int] = []
    began = now()
    done = asyncio.Event()

    def told(ticker: Any) -> None:
        stamp = time.monotonic_ns() // 1_000 % 1_000_000_000
        waits.append(stamp - int(ticker.bidSize))
        if ticker.bid == LAST:
            done.set()

    con_id, symbol = wanted["symbols"][0]
    ib.reqMktData(lib.Stock(symbol, "SMART", "USD", conId=con_id)).updateEvent += told
    await done.wait()
    waits.sort()
    return {**since(began), "p50_s": waits[len(waits) // 2] / 1e6}


async def bars(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    stock = lib.Stock("AAPL", "SMART", "USD", conId=265598)
    try:
        lib.util.df([lib.BarData()])
        has_frames = True
    except ImportError:
        # its environment has no pandas
        has_frames = False
    for name, form in (("text", 1), ("epoch", 2)):
        objects: list[dict[str, float]] = []
        frames: list[dict[str, float]] = []
        for _ in range(ASKED):
            began = now()
            told = await ib.reqHistoricalDataAsync(
                stock, "", "30 D", "1 min", "TRADES", useRTH=True, formatDate=form, timeout=0
            )
            objects.append(since(began))
            assert len(told) == wanted["bars"]
            if has_frames:
                lib.util.df(told)
            frames.append(since(began))
        found |= usual(f"{name} objects", objects)
        if has_frames:
            found |= usual(f"{name} frame", frames)
    return found


async def orders(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, float]:
    stock = lib.Stock("AAPL", "SMART", "USD", conId=265598)

    async def place() -> None:
        done = asyncio.Event()

        def look(trade: Any) -> None:
            if trade.orderStatus.status == "Filled":
                done.set()

        order = lib.LimitOrder("BUY", 1, wanted["limit"])
        ib.placeOrder(stock, order).statusEvent += look
        await done.wait()

    return await placed(place, wanted)


def held_mib() -> float:
    """Return what this program holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


class Flood:
    """Counts bursts by the last prices that end them, and how much memory is held then."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.bursts, self.burst = wanted["bursts"], wanted["burst"]
        self.every = max(1, self.bursts // 20)
        self.seen = 0
        self.samples: list[tuple[int, float]] = []
        self.done = asyncio.Event()

    def news(self, last: Any) -> None:
        if last is None or not self.seen < last - LAST <= self.bursts:
            return
        self.seen = int(last) - LAST
        if not self.samples or (self.seen - self.samples[-1][0] // self.burst) >= self.every:
            self.samples.append((self.seen * self.burst, round(held_mib(), 2)))
        if self.seen == self.bursts:
            self.done.set()


async def memory(ib: Any, lib: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    flood = Flood(wanted)

    def told(ticker: Any) -> None:
        flood.news(ticker.last)

    for con_id, symbol in wanted["symbols"]:
        stock = lib.Stock(symbol, "SMART", "USD", conId=con_id)
        ib.reqMktData(stock).updateEvent += told
    began = now()
    await flood.done.wait()
    return {**since(began), "samples": flood.samples}


async def placed(place: Any, wanted: dict[str, Any]) -> dict[str, float]:
    """Place one after the other, and then so many at once; the first few are not counted."""
    for _ in range(wanted["alone"] // 5):
        await place()
    waits = []
    began = now()
    for _ in range(wanted["alone"]):
        start = time.perf_counter()
        await place()
        waits.append(time.perf_counter() - start)
    alone = since(began)
    began = now()
    await asyncio.gather(*(place() for _ in range(wanted["in_flight"])))
    flight = since(began)
    return told_of_orders(waits, alone, flight, wanted)


def told_of_orders(
    waits: list[float], alone: dict[str, float], flight: dict[str, float], wanted: dict[str, Any]
) -> dict[str, float]:
    return {
        "p50_s": sorted(waits)[len(waits) // 2],
        "alone cpu_s": alone["cpu_s"] / wanted["alone"],
        "flight wall_s": flight["wall_s"] / wanted["in_flight"],
        "flight cpu_s": flight["cpu_s"] / wanted["in_flight"],
    }


WORK = {
    "ticks": ticks,
    "trades": trades,
    "latency": latency,
    "bars": bars,
    "orders": orders,
    "memory": memory,
}


async def main(name: str, work: str, port: int, wanted: dict[str, Any]) -> None:
    lib: Any = importlib.import_module(name)
    imported = time.perf_counter() - BORN
    logging.getLogger(name).setLevel(logging.CRITICAL)
    ib = lib.IB()
    ib.client.MaxRequests = 0
    began = now()
    await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=120)
    connected = since(began)
    print(json.dumps({"ready": True}), flush=True)
    if work in {"connect", "start"}:
        assert len(ib.positions()) == wanted["positions"]
        took = connected
    else:
        took = await WORK[work](ib, lib, wanted)
    ib.disconnect()
    memory = peak_mib()
    print(json.dumps({**took, "import_s": imported, "memory_mib": memory}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
