"""
A day of a connector that is left alone: a hundred streams, orders, restarts, and what it costs.

Time is virtual, so a day takes minutes. Gateway and connector share the process, so the figures
are of both; the gateway's own log of requests is emptied on the way.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, Final

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish, Ticket
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import Link, Outage, Restart
from kit.rig import Rig

__all__ = ["LongDay", "Sample", "drained", "growth", "plot", "wishes", "write"]

CLIENT: Final = 1
SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA")
QUOTES: Final = 84
SECOND_BARS: Final = 4
MINUTE_BARS: Final = 4
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")
_FDS: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the process held at one moment, with the connection ready and nothing under way."""

    minute: float
    memory_mib: float
    objects: int
    descriptors: int
    threads: int
    tasks: int
    streams: int
    sessions: int
    orders: int


def wishes() -> tuple[StreamWish, ...]:
    """Return a hundred streams of every kind, as many as a login without boosters may have."""
    kinds = StreamKind
    return (
        *(StreamWish(kind=kinds.QUOTES, contract=f"SIM{n:04d}") for n in range(1, QUOTES + 1)),
        *(StreamWish(kind=kinds.FIVE_SECONDS, contract=name) for name in SYMBOLS[:SECOND_BARS]),
        *(
            StreamWish(kind=kinds.BARS, contract=name, bar_size="1 min", duration="3600 S")
            for name in SYMBOLS[:MINUTE_BARS]
        ),
        *(StreamWish(kind=kinds.TRADES, contract=name) for name in SYMBOLS[:5]),
        *(StreamWish(kind=kinds.DEPTH, contract=name) for name in SYMBOLS[:3]),
    )


def drained(ticket: Ticket) -> list[Any]:
    """Read everything that waits in a box."""
    letters = []
    while (letter := ticket.box.take()) is not None:
        letters.append(letter)
    return letters


@dataclass
class LongDay:
    """One rig, its streams and the orders that come and go."""

    rig: Rig
    samples: list[Sample] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    letters: int = 0
    placed: int = 0
    refused: int = 0
    jobs: set[asyncio.Task[None]] = field(default_factory=set)

    async def follow(self) -> None:
        """Open the streams, as quickly as the pacing lets them."""
        for wish in wishes():
            self.tickets.append(await self.rig.run(self.rig.engine.streaming.open(wish)))

    async def live(self, minutes: int, *, start: int = 0, sample_every: int = 15) -> None:
        """
        Let minutes pass.

        Each has a trade; every hour the gateway restarts, and half an hour later loses its link.
        """
        for minute in range(start + 1, start + minutes + 1):
            await self.rig.advance(60.0)
            self._trade(minute)
            if minute % 60 == 30:
                self.rig.simulator.inject(Restart(down_s=45.0))
            if minute % 60 == 0:
                self.rig.simulator.inject(
                    Outage(link=Link.SERVER, lasts_s=30.0, data_lost=minute % 120 == 0)
                )
            self.letters += sum(len(drained(ticket)) for ticket in self.tickets)
            if minute % sample_every == 0:
                await self._sample(minute)

    async def _sample(self, minute: int) -> None:
        engine = self.rig.engine
        await self.rig.until(self._is_idle, within_s=900)
        self.rig.simulator.gateway.log.clear()
        self.rig.changes.clear()
        gc.collect()
        self.samples.append(
            Sample(
                minute=minute,
                memory_mib=int(_STATM.read_text().split()[1]) * _PAGE / 2**20,
                objects=len(gc.get_objects()),
                descriptors=sum(1 for _ in _FDS.iterdir()),
                threads=threading.active_count(),
                tasks=len(asyncio.all_tasks()),
                streams=sum(state.phase == "live" for state in engine.streams.states()),
                sessions=engine.status().reconnect_count + 1,
                orders=self.placed,
            )
        )

    def _is_idle(self) -> bool:
        streams = self.rig.engine.streams.states()
        return (
            self.rig.state is ConnectionState.READY
            and not self.jobs
            and all(state.phase == "live" for state in streams)
        )

    def _trade(self, minute: int) -> None:
        order = {
            "symbol": SYMBOLS[minute % len(SYMBOLS)],
            "action": "BUY" if minute % 2 else "SELL",
            "quantity": 1,
            "order_type": "LMT",
            "limit_price": "1.00" if minute % 2 else "9000.00",
        }
        job = asyncio.ensure_future(self._place(order, ends_filled=minute % 4 < 2))
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)

    async def _place(self, order: dict[str, Any], *, ends_filled: bool) -> None:
        try:
            report = await self.rig.engine.hold(lambda desk: desk.place(order))
        except IBKRError:
            self.refused += 1
            return
        self.placed += 1
        if ends_filled and report.order_id is not None:
            entry = self.rig.engine.orders.report(report.order_id)
            self.rig.simulator.fill_order(CLIENT, entry.order_id)
            self.rig.simulator.flush()
            return
        with suppress(IBKRError):
            await self.rig.engine.orders.cancel(report.order_id)


def growth(values: Sequence[float]) -> float:
    """Return by which share the last quarter lies above the second one; the first is warm-up."""
    quarter = len(values) // 4
    if not quarter:
        raise ValueError(f"{len(values)} samples have no quarters")
    return mean(values[-quarter:]) / mean(values[quarter : 2 * quarter]) - 1.0


def write(samples: Sequence[Sample], path: Path, **about: Any) -> None:
    """Write the figures as JSON, and a plot beside them."""
    memory = [one.memory_mib for one in samples]
    figures = {
        **about,
        "minutes": samples[-1].minute,
        "memory_growth_percent": round(100 * growth(memory), 2),
        "samples": [asdict(one) for one in samples],
    }
    path.write_text(json.dumps(figures, indent=1) + "\n")
    plot(samples, path.with_suffix(".png"))


def plot(samples: Sequence[Sample], path: Path) -> None:
    """Draw memory, descriptors, threads and tasks over the hours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    hours = [one.minute / 60 for one in samples]
    upper.plot(hours, [one.memory_mib for one in samples], color="tab:blue")
    upper.set_ylim(bottom=0)
    upper.set_ylabel("resident memory, MiB")
    upper.grid(visible=True, alpha=0.3)
    lower.plot(hours, [one.descriptors for one in samples], label="file descriptors")
    lower.plot(hours, [one.threads for one in samples], label="threads")
    lower.plot(hours, [one.tasks for one in samples], label="tasks")
    lower.set_ylim(bottom=0)
    lower.set_xlabel("hours of virtual time")
    lower.legend()
    lower.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=110)
