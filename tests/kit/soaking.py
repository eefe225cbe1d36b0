"""
A connector that is left alone with a hundred streams, orders and restarts, and what it costs.

The gateway is a process of its own, so that the figures are the connector's. Orders come faster in
the warm-up, so that what has a bound, as the page cache of the journal has, reaches it there.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ibkr_connector import ConnectionState, IBKRConnector, IBKRError, OrderStatus

__all__ = ["WARM_UP", "Sample", "Soak", "gateway_process", "growth", "write"]

STREAMS: Final = 100
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "AMZN", "META")
ORDER_EVERY_S: Final = 5.0
WARM_ORDER_EVERY_S: Final = 1.0
WARM_UP: Final = 1 / 6
"""The first part of a soak, in which what has a bound reaches it; ten minutes of an hour."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")
_FDS: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the process held at one moment, with the connection ready and every stream live."""

    second: float
    memory_mib: float
    objects: int
    descriptors: int
    threads: int
    tasks: int
    streams: int
    reconnects: int
    orders: int
    orders_kept: int
    records: int


@dataclass
class Control:
    """The control port of a gateway process."""

    port: int
    control_port: int

    async def do(self, command: str, **fields: Any) -> Any:
        """Let it do one thing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control_port)
        writer.write(json.dumps({"command": command, **fields}).encode() + b"\n")
        said = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        assert said["ok"], said
        return said["result"]


@asynccontextmanager
async def gateway_process() -> AsyncIterator[Control]:
    """Run `ibkr sim` beside."""
    code = "from ibkr_connector.cli import main; raise SystemExit(main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "sim", "--port", "0", "--control-port", "0"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        said = json.loads(await process.stdout.readline())
        yield Control(said["port"], said["control_port"])
    finally:
        process.kill()
        await process.communicate()


@dataclass
class Soak:
    """One connector at work."""

    ib: IBKRConnector
    gateway: Control
    break_every_s: float = 150.0
    samples: list[Sample] = field(default_factory=list)
    records: int = 0
    placed: int = 0
    ended: Counter[OrderStatus] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    breaks: Counter[str] = field(default_factory=Counter)
    warm: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, seconds: float, *, samples: int) -> None:
        """Follow and trade for so long; the gateway restarts and the socket breaks by turns."""
        readers = [asyncio.ensure_future(self._read(stream)) for stream in self._streams()]
        trader = asyncio.ensure_future(self._trade())
        try:
            await self._all_live()
            # however long a slow machine takes for that
            began = time.perf_counter()
            break_at = began + self.break_every_s / 2
            reconnects = self.ib.get_connection_status().reconnect_count
            for number in range(1, samples + 1):
                sample_at = began + seconds * number / samples
                while (now := time.perf_counter()) < sample_at:
                    self.warm = now >= began + seconds * WARM_UP
                    if now >= break_at:
                        break_at += self.break_every_s
                        await self._break()
                        reconnects += 1
                    left = min(break_at, sample_at) - now
                    # somebody who ends before the end has failed
                    ended, _ = await asyncio.wait(
                        [*readers, trader], timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                    assert not ended, ended
                if number == samples and not self.breaks:
                    # a slow machine has come to none
                    await self._break()
                    reconnects += 1
                await self._all_live(reconnects=min(reconnects, 1))
                self._sample(time.perf_counter() - began)
        finally:
            self.over.set()
            for task in (*readers, trader):
                task.cancel()
            await asyncio.wait([*readers, trader])

    async def _break(self) -> None:
        if self.breaks["restart"] > self.breaks["cut"]:
            self.breaks["cut"] += 1
            await self.gateway.do("cut")
        else:
            self.breaks["restart"] += 1
            await self.gateway.do("restart", down_s=1.0)

    def _streams(self) -> list[Any]:
        ib = self.ib
        some = [
            *(ib.stream_bars(name) for name in SYMBOLS[:4]),
            *(ib.stream_bars(name, bar_size="1 min", duration="3600 S") for name in SYMBOLS[:4]),
            *(ib.stream_trades(name) for name in SYMBOLS),
            *(ib.stream_depth(name) for name in SYMBOLS[:3]),
        ]
        return [
            *some,
            *(ib.stream_quotes(f"SIM{n:04d}") for n in range(1, STREAMS + 1 - len(some))),
        ]

    async def _read(self, stream: Any) -> None:
        async for _ in stream:
            self.records += 1

    async def _trade(self) -> None:
        while not await self._is_over_within(ORDER_EVERY_S if self.warm else WARM_ORDER_EVERY_S):
            buys, rests = self.placed % 4 < 2, self.placed % 2 == 0
            order = {
                "symbol": SYMBOLS[self.placed % len(SYMBOLS)],
                "action": "BUY" if buys else "SELL",
                "quantity": 1,
                "order_type": "LMT" if rests else "MKT",
                "limit_price": ("1.00" if buys else "9000.00") if rests else None,
            }
            try:
                report = await self.ib.place_order(order, wait="submitted" if rests else "filled")
                self.placed += 1
                if rests:
                    report = await self.ib.cancel_order(report.order_id)
                self.ended[report.status] += 1
            except IBKRError as error:
                self.refused[type(error).__name__] += 1

    async def _is_over_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)
        return self.over.is_set()

    async def _all_live(self, *, reconnects: int = 0) -> None:
        async with asyncio.timeout(180):
            while True:
                states = await self.ib.stream_states()
                live = sum(state.phase == "live" for state in states)
                status = self.ib.get_connection_status()
                is_ready = status.state is ConnectionState.READY
                # a break that has not been noticed yet is none that is over
                if is_ready and live == STREAMS and status.reconnect_count >= reconnects:
                    return
                await self._is_over_within(0.1)

    def _orders_kept(self) -> int:
        runtime: Any = self.ib._runtime
        return len(runtime.engine.orders._ledger)

    def _sample(self, second: float) -> None:
        gc.collect()
        self.samples.append(
            Sample(
                second=round(second, 1),
                memory_mib=round(int(_STATM.read_text().split()[1]) * _PAGE / 2**20, 2),
                objects=_objects(),
                descriptors=sum(1 for _ in _FDS.iterdir()),
                threads=threading.active_count(),
                tasks=len(asyncio.all_tasks()),
                streams=STREAMS,
                reconnects=self.ib.get_connection_status().reconnect_count,
                orders=self.placed,
                orders_kept=self._orders_kept(),
                records=self.records,
            )
        )


def _objects() -> int:
    """Count what the collector looks after, without taking hold of what others are building."""
    gc.freeze()
    try:
        return gc.get_freeze_count()
    finally:
        gc.unfreeze()


def growth(values: Sequence[float]) -> float:
    """Return by which share the highest value lies above the first one after the warm-up."""
    after = values[int(len(values) * WARM_UP) :]
    if not after:
        raise ValueError("no samples, so nothing can have grown")
    return max(after) / after[0] - 1.0


def write(soak: Soak, path: Path) -> None:
    """Write the figures as JSON, and a plot beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = soak.samples
    figures = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "minutes": round(samples[-1].second / 60, 1),
        "streams": STREAMS,
        "orders_placed": soak.placed,
        "orders_ended": soak.ended,
        "orders_refused": soak.refused,
        "breaks": soak.breaks,
        "memory_growth_percent": round(100 * growth([one.memory_mib for one in samples]), 2),
        "samples": [asdict(one) for one in samples],
    }
    path.write_text(json.dumps(figures, indent=1) + "\n")
    _plot(samples, path.with_suffix(".png"))


def _plot(samples: Sequence[Sample], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    minutes = [one.second / 60 for one in samples]
    memory = [one.memory_mib for one in samples]
    upper.plot(minutes, memory)
    upper.axvline(minutes[-1] * WARM_UP, linestyle="--", color="grey", label="warm-up ends")
    upper.set_ylim(0, max(memory) * 1.2)
    upper.legend(loc="lower right")
    upper.set_ylabel("resident memory, MiB")
    lower.plot(minutes, [one.descriptors for one in samples], label="file descriptors")
    lower.plot(minutes, [one.threads for one in samples], label="threads")
    lower.set_ylim(0, max(one.descriptors for one in samples) * 1.2)
    lower.set_xlabel("minutes")
    lower.legend(loc="center right")
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=100)
