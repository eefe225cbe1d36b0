"""
Measure and print.

    python -m benchmarks [--rounds N]
    python -m benchmarks connector [--rounds N] [--json]
    python -m benchmarks orders [--rounds N] [--json]
    python -m benchmarks instruments [--rounds N] [--json]
    python -m benchmarks overhead [--rounds N] [--json]
    python -m benchmarks reconnect [--rounds N] [--json]
    python -m benchmarks history [--rounds N] [--json]
    python -m benchmarks streams [--rounds N] [--json]
    python -m benchmarks bridge [--rounds N] [--json]
    python -m benchmarks clients [--rounds N] [--only SCENE ...] [--json | --write]
    python -m benchmarks memory [--ticks N] [--json | --write]
    python -m benchmarks release [--rounds N]
    python -m benchmarks simulator [NAME ...] [--profile] [--json]

The connector is measured beside bare ib_async, in turns, against one gateway, and what counts are
the ratios; `orders` is the whole desk beside bare `placeOrder`, each a program of its own at a
gateway of its own, and where the time goes. Without a name both are. `history` is bars to a frame
beside `util.df`, `streams` ticks to a reader, `clients` all of that and more beside other clients
too, each a program of its own, `memory` what ten million ticks leave behind, `release` both of
them, kept as this version's and on the page, `reconnect` the way from a socket that is back to
`ready`, `instruments` a thousand of them out of the registry, `overhead` what logs, metrics and
spans cost. The simulator is measured against what it promises. All but the first exit with 1 when a
target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import ib_async

from ibkr_connector import IBKRConnector, Settings, limit_order

from .bridge import compare as requests
from .bridge import report as requests_report
from .clients.page import store
from .clients.page import table as clients_table
from .clients.run import SCENES
from .clients.run import compare as clients
from .desk import compare
from .desk import report as desk_report
from .gateway import BLAST, BLAST_CON_ID, BLAST_TICKS, running
from .history import compare as frames
from .history import report as frames_report
from .instruments import compare as registered
from .instruments import report as registered_report
from .memory import TICKS as FLOOD
from .memory import compare as remembered
from .memory import report as memory_report
from .overhead import compare as watched
from .overhead import report as watched_report
from .reconnect import compare as reconnects
from .reconnect import report as reconnect_report
from .simulator import FIGURES, measure, report
from .streams import compare as streams
from .streams import report as streams_report

CALLS: Final = 40
IMPORTS: Final = 5


class _Client(Protocol):
    """One side of the comparison; what returns a number returns seconds."""

    async def connect(self) -> float: ...
    async def disconnect(self) -> None: ...
    async def prepare(self) -> None: ...
    async def quote(self) -> float: ...
    async def order(self) -> float: ...
    async def ticks(self) -> float: ...


async def _timed(doing: Awaitable[object]) -> float:
    start = time.perf_counter()
    await doing
    return time.perf_counter() - start


class _Bare:
    """ib_async as its documentation uses it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ib = ib_async.IB()
        self._stock = ib_async.Stock("AAPL", "SMART", "USD")
        self._blast = ib_async.Stock(BLAST, "SMART", "USD")

    async def connect(self) -> float:
        """Connect with the usual synchronisation."""
        self._ib = ib_async.IB()
        return await _timed(self._ib.connectAsync("127.0.0.1", self._port, clientId=1))

    async def disconnect(self) -> None:
        """Leave."""
        self._ib.disconnect()

    async def prepare(self) -> None:
        """Qualify what is used."""
        await self._ib.qualifyContractsAsync(self._stock, self._blast)

    async def quote(self) -> float:
        """Stream until bid and ask are there, and cancel: its snapshot takes 11 s."""

        async def once() -> None:
            ticker = self._ib.reqMktData(self._stock)
            # the ticker remembers the last stream's prices: news must come before they count
            await ticker.updateEvent
            while not (ticker.bid > 0 and ticker.ask > 0):
                await ticker.updateEvent
            self._ib.cancelMktData(self._stock)

        return await _timed(once())

    async def order(self) -> float:
        """Place a resting order, and wait for the broker's first word."""

        async def once() -> ib_async.Trade:
            trade = self._ib.placeOrder(self._stock, ib_async.LimitOrder("BUY", 1, 1.0))
            while trade.orderStatus.status != "Submitted":
                await trade.statusEvent
            return trade

        start = time.perf_counter()
        trade = await once()
        took = time.perf_counter() - start
        self._ib.cancelOrder(trade.order)
        while not trade.isDone():
            await trade.statusEvent
        return took

    async def ticks(self) -> float:
        """Read a blast of ticks."""
        return await _timed(self._ib.reqTickersAsync(self._blast))


class _Connector:
    """The connector, with journal, checks, pacing and the hop between threads."""

    def __init__(self, port: int, directory: Path) -> None:
        self._ib = IBKRConnector.create(
            Settings.load(port=port, client_id=2, readonly=False, state_dir=directory)
        )

    async def connect(self) -> float:
        """Connect with the whole synchronisation."""
        return await _timed(self._ib.connect())

    async def disconnect(self) -> None:
        """Leave."""
        await self._ib.disconnect()

    async def prepare(self) -> None:
        """Qualify what is used."""
        await self._ib.get_quote("AAPL")

    async def quote(self) -> float:
        """Take a quote."""
        return await _timed(self._ib.get_quote("AAPL"))

    async def order(self) -> float:
        """Place a resting order, and wait for the broker's first word."""
        start = time.perf_counter()
        report = await self._ib.place_order(
            limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00"))
        )
        took = time.perf_counter() - start
        await self._ib.cancel_order(report.order_id)
        return took

    async def ticks(self) -> float:
        """Read a blast of ticks through the escape hatch."""
        blast = ib_async.Stock(BLAST, "SMART", "USD", conId=BLAST_CON_ID)
        return await _timed(self._ib.request("ticks", lambda ib: ib.reqTickersAsync(blast)))


async def _measure(port: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the medians of bare ib_async and of the connector, by what was measured."""
    found: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("connect", "quote", "order", "ticks")
    }
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(rounds):
            clients: tuple[_Client, _Client] = (_Bare(port), _Connector(port, Path(directory)))
            for side, client in enumerate(clients):
                found["connect"][side].append(await client.connect())
                await client.prepare()
                for _ in range(CALLS):
                    found["quote"][side].append(await client.quote())
                    # the budget of messages is the gateway's own: wait it out, do not measure it
                    await asyncio.sleep(0.1)
                for _ in range(CALLS // 4):
                    found["order"][side].append(await client.order())
                    await asyncio.sleep(0.1)
                found["ticks"][side].append(await client.ticks())
                await client.disconnect()
    return {
        name: (statistics.median(bare), statistics.median(ours))
        for name, (bare, ours) in found.items()
    }


def _import_s(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(IMPORTS)
    ]
    return statistics.median(runs)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        choices=[
            "bridge",
            "clients",
            "connector",
            "history",
            "instruments",
            "memory",
            "orders",
            "overhead",
            "reconnect",
            "release",
            "simulator",
            "streams",
        ],
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="look into what misses its target")
    parser.add_argument(
        "--only",
        action="append",
        choices=[scene.name for scene in SCENES],
        help="of clients, these alone",
    )
    parser.add_argument("--ticks", type=int, default=FLOOD, help="of memory")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep it, and write the page anew")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - FIGURES.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(FIGURES)}")
    if arguments.what == "simulator":
        return _simulator(
            tuple(arguments.names), with_profile=arguments.profile, is_json=arguments.json
        )
    if arguments.what == "bridge":
        return _bridge(arguments.rounds, is_json=arguments.json)
    if arguments.what in {"clients", "memory", "release"}:
        return _kept(arguments)
    if arguments.what == "streams":
        return _streams(arguments.rounds, is_json=arguments.json)
    if arguments.what == "history":
        return _history(arguments.rounds, is_json=arguments.json)
    if arguments.what == "instruments":
        return _instruments(arguments.rounds, is_json=arguments.json)
    if arguments.what == "reconnect":
        return _reconnect(arguments.rounds, is_json=arguments.json)
    if arguments.what == "overhead":
        return _overhead(arguments.rounds, is_json=arguments.json)
    if arguments.what == "orders":
        return _orders(arguments.rounds, is_json=arguments.json)
    _connector(arguments.rounds, is_json=arguments.json)
    if arguments.what is None:
        print()
        _orders(arguments.rounds, is_json=arguments.json)
    return 0


def _simulator(names: tuple[str, ...], *, with_profile: bool, is_json: bool) -> int:
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    all_met = True
    values = {}
    for found in measure(names, with_profile=with_profile):
        all_met &= found.is_met
        values[found.figure.name] = found.value
        if not is_json:
            print(report(found), flush=True)
    if is_json:
        print(json.dumps(values))
    return 0 if all_met else 1


def _orders(rounds: int, *, is_json: bool) -> int:
    found = compare(rounds)
    print(json.dumps(dict(found.ratios)) if is_json else desk_report(found))
    return 1 if found.missed() else 0


def _overhead(rounds: int, *, is_json: bool) -> int:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    with running() as port:
        found = watched(port, turns=rounds)
    rows = {f"{call} {mode}": ratio for (call, mode), ratio in found.ratios.items()}
    print(json.dumps(rows) if is_json else watched_report(found))
    return 0 if found.is_met else 1


def _bridge(rounds: int, *, is_json: bool) -> int:
    found = requests(rounds)
    print(json.dumps(dict(found.rates)) if is_json else requests_report(found))
    return 0 if found.is_met else 1


def _kept(arguments: argparse.Namespace) -> int:
    is_release = arguments.what == "release"
    told, memory = None, None
    if arguments.what != "memory":
        only = arguments.only or [scene.name for scene in SCENES]
        scenes = tuple(scene for scene in SCENES if scene.name in only)
        told = clients(arguments.rounds, scenes=scenes)
        print(json.dumps(told, indent=1) if arguments.json else clients_table(told))
    if arguments.what != "clients":
        memory = remembered(arguments.ticks)
        rows = {way: dataclasses.asdict(one) for way, one in memory.items()}
        print(json.dumps(rows) if arguments.json else memory_report(memory))
    if is_release or arguments.write:
        store(told, memory)
    return 0 if memory is None or all(one.is_flat for one in memory.values()) else 1


def _streams(rounds: int, *, is_json: bool) -> int:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    found = streams(rounds)
    print(json.dumps(dict(found.ratios)) if is_json else streams_report(found))
    return 0 if found.is_met else 1


def _history(rounds: int, *, is_json: bool) -> int:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    found = frames(rounds)
    print(json.dumps(dict(found.ratios)) if is_json else frames_report(found))
    return 0 if found.is_met else 1


def _instruments(rounds: int, *, is_json: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="ibkr-bench-") as folder:
        found = asyncio.run(registered(Path(folder), rounds=rounds))
    print(json.dumps(dataclasses.asdict(found)) if is_json else registered_report(found))
    return 0 if found.is_met else 1


def _reconnect(rounds: int, *, is_json: bool) -> int:
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    found = reconnects(rounds)
    print(json.dumps(dict(found.ratios)) if is_json else reconnect_report(found))
    return 0 if found.is_met else 1


def _connector(rounds: int, *, is_json: bool) -> None:
    # ib_async logs every confirmed cancellation as an error
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    with running() as port:
        medians = asyncio.run(_measure(port, rounds))
    medians["import"] = (_import_s("ib_async"), _import_s("ibkr_connector"))
    if is_json:
        print(json.dumps({name: ours / bare for name, (bare, ours) in medians.items()}))
        return
    print(f"{'':10}{'ib_async':>14}{'connector':>14}{'ratio':>8}")
    for name, (bare, ours) in medians.items():
        print(f"{name:10}{bare * 1e3:>11.2f} ms{ours * 1e3:>11.2f} ms{ours / bare:>8.2f}")
    rate = [BLAST_TICKS / seconds for seconds in medians["ticks"]]
    print(f"\nticks a second: ib_async {rate[0]:,.0f}, connector {rate[1]:,.0f}")


if __name__ == "__main__":
    raise SystemExit(main())
