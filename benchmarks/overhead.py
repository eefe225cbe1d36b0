"""
What it costs to be watched: logs, metrics and spans, on a quote and on an order's round trip.

Three connectors are open at one gateway, a simulator in a process of its own: one that counts
nothing and logs nothing, one with metrics, and one with metrics, a log in JSON to a file (level
INFO) and spans that an SDK samples and hands to an exporter. They take turns call by call, and who
begins changes; each turn gives a ratio to the first, and the median of the ratios counts, since the
machine's speed is on both sides of it.

What is heard is counted, logged and traced a moment later on threads of their own. That is not in
the time of a call, unless the calls follow so close that they meet; it is in the processor time,
which is that of the whole process until all is written. The time at the hooks is what the I/O loop
spends to hand over what it heard, by a stopwatch that counts the processor time of its thread; it
is the steadiest figure, and what an order waits for.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ibkr_connector import Action, IBKRConnector, Settings, limit_order
from ibkr_connector.observe.logs import LOGGER, configure_logging, reset_logging
from ibkr_connector.orders.feed import EventFeed
from ibkr_connector.resilience.pipeline import Pipeline

from .desk import FAR, UNPACED

__all__ = ["MODES", "TARGET", "Overhead", "compare", "report"]

MODES: Final = ("off", "metrics", "everything")
TURNS: Final = 30
"""Turns of a round."""

WARM: Final = 5
"""Turns before those that count: caches are cold."""

SETTLED_S: Final = 0.08
"""Until what was put off is done."""

TARGET: Final = 1.05
"""The most that an order may take with everything on, in times of one with everything off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """
    What came out, by call (`quote`, `order`) and mode.

    `seconds` are medians of one call, `processor` the process's time of one, `hooks` the part of it
    that the I/O loop spends to hand things over, `ratios` the medians of the turns' ratios to
    `off`.
    """

    seconds: Mapping[tuple[str, str], float]
    processor: Mapping[tuple[str, str], float]
    hooks: Mapping[tuple[str, str], float]
    ratios: Mapping[tuple[str, str], float]

    def share(self, call: str, mode: str) -> float:
        """How much longer the hooks make a call, as a share of one with everything off."""
        more = self.hooks[call, mode] - self.hooks[call, "off"]
        return more / self.seconds[call, "off"]

    @property
    def is_met(self) -> bool:
        """Whether an order with everything on is fast enough."""
        return self.ratios["order", "everything"] <= TARGET


def compare(port: int, *, turns: int) -> Overhead:
    """Measure against a gateway at a port."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    with tempfile.TemporaryDirectory(prefix="ibkr-bench-") as folder:
        configure_logging("INFO", form="json", file=Path(folder) / "log")
        try:
            with _standing_at_the_hooks():
                return asyncio.run(_compare(port, Path(folder), turns))
        finally:
            reset_logging()
            provider.shutdown()


async def _compare(port: int, folder: Path, turns: int) -> Overhead:
    connectors = {
        mode: _connector(port, folder / mode, client_id=2 + nth, mode=mode)
        for nth, mode in enumerate(MODES)
    }
    for ib in connectors.values():
        await ib.connect()
    clocks: dict[tuple[str, str], list[float]] = {}
    processor: dict[tuple[str, str], list[float]] = {}
    hooks: dict[tuple[str, str], list[float]] = {}
    try:
        for turn in range(-WARM, turns * TURNS):
            # so that nobody is always the first after a pause
            for mode in MODES[turn % 3 :] + MODES[: turn % 3]:
                LOGGER.setLevel(logging.INFO if mode == "everything" else logging.CRITICAL)
                for call, measured in (("quote", _quote), ("order", _order)):
                    took, used, spent = await measured(connectors[mode])
                    if turn >= 0:
                        clocks.setdefault((call, mode), []).append(took)
                        processor.setdefault((call, mode), []).append(used)
                        hooks.setdefault((call, mode), []).append(spent)
    finally:
        for ib in connectors.values():
            await ib.disconnect()
    return Overhead(
        seconds={key: statistics.median(values) for key, values in clocks.items()},
        processor={key: statistics.median(values) for key, values in processor.items()},
        hooks={key: statistics.median(values) for key, values in hooks.items()},
        ratios={
            (call, mode): statistics.median(
                took / off for took, off in zip(values, clocks[call, "off"], strict=True)
            )
            for (call, mode), values in clocks.items()
        },
    )


def _connector(port: int, folder: Path, *, client_id: int, mode: str) -> IBKRConnector:
    settings = Settings.load(
        port=port,
        client_id=client_id,
        readonly=False,
        state_dir=folder,
        metrics=mode != "off",
        spans=mode == "everything",
    )
    return IBKRConnector.create(
        settings.model_copy(update={"messages_per_second": UNPACED, "profile": mode})
    )


async def _quote(ib: IBKRConnector) -> tuple[float, float, float]:
    return await _measured(lambda: ib.get_quote("AAPL"))


async def _order(ib: IBKRConnector) -> tuple[float, float, float]:
    placed: list[int] = []

    async def place() -> None:
        order = limit_order("AAPL", Action.BUY, Decimal(1), limit_price=FAR)
        placed.append((await ib.place_order(order)).order_id)

    took = await _measured(place)
    await ib.cancel_order(placed[0])
    await asyncio.sleep(SETTLED_S)
    return took


async def _measured(call: Callable[[], Awaitable[object]]) -> tuple[float, float, float]:
    _spent.clear()
    used = time.process_time()
    start = time.perf_counter()
    await call()
    took = time.perf_counter() - start
    await asyncio.sleep(SETTLED_S)
    return took, time.process_time() - used, sum(_spent)


_spent: list[float] = []


@contextmanager
def _standing_at_the_hooks() -> Iterator[None]:
    doors: tuple[tuple[type, str], ...] = ((Pipeline, "_tell"), (EventFeed, "tell"))
    originals = [getattr(owner, name) for owner, name in doors]
    for (owner, name), original in zip(doors, originals, strict=True):
        setattr(owner, name, _timed(original))
    try:
        yield
    finally:
        for (owner, name), original in zip(doors, originals, strict=True):
            setattr(owner, name, original)


def _timed(original: Callable[..., None]) -> Callable[..., None]:
    def timed(*args: object, **kwargs: object) -> None:
        start = time.thread_time()
        try:
            original(*args, **kwargs)
        finally:
            _spent.append(time.thread_time() - start)

    return timed


def report(found: Overhead) -> str:
    """Return what came out, as text."""
    heads = f"{'a call':>12}{'ratio':>8}{'processor':>14}{'more':>12}{'at the hooks':>16}"
    lines = [f"{'':22}{heads}"]
    for (call, mode), seconds in found.seconds.items():
        used = found.processor[call, mode]
        more = used - found.processor[call, "off"]
        lines.append(
            f"{call:8}{mode:14}{seconds * 1e6:>9,.0f} us{found.ratios[call, mode]:>8.3f}"
            f"{used * 1e6:>11,.0f} us{more * 1e6:>9,.0f} us"
            f"{found.hooks[call, mode] * 1e6:>10,.0f} us{found.share(call, mode):>8.1%}"
        )
    word = "met" if found.is_met else "missed"
    lines.append(f"\nan order with everything on: {TARGET} at most, {word}")
    return "\n".join(lines)
