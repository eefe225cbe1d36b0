"""
One side of the comparison in `desk.py`, as a program of its own; prints JSON.

    python -m benchmarks.desk_side ib_async '{"port": 4002, "folder": "somewhere", ...}'
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from .sides import BARE, OURS, Side, side

__all__ = ["Task", "Told", "Work"]

WARM = 2
"""So often each task is done before any counts: what is paid once is paid then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    One figure to measure: seconds an order, or orders a second when it `is_rate`.

    Args:
        name: Under which the result is told.
        limit: Of the orders.
        fills: Whether they fill, and are waited for until then; else they rest.
        is_rate: Whether they are placed at once, and not one after the other.
    """

    name: str
    limit: str
    fills: bool
    is_rate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    What a side is to do.

    Args:
        port: Of its gateway.
        folder: For what it writes.
        messages_per_second: The connector's budget.
        tasks: In this order, `times` times; the median of each counts.
        rests: The limit of orders that are looked into: they rest.
        alone: How many orders are placed one after the other.
        in_flight: How many are placed at once.
        settle_s: How long nothing is done before it counts: a client makes some things only
            seconds behind its connect.
    """

    port: int
    folder: str
    messages_per_second: int
    tasks: Sequence[Task]
    rests: str
    alone: int
    in_flight: int
    times: int
    settle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    What a side measured.

    `values` are by task; `stages` are the seconds of each stage of an order, of the connector
    alone; `legs` is the processor time of the gateway's leg under the side's name, of the two that
    have one; `loop` is the event loop that orders run on.
    """

    values: Mapping[str, float]
    stages: Mapping[str, float]
    legs: Mapping[str, float]
    loop: str


async def _measured(name: str, work: Work) -> Told:
    async with _opened(name, work) as one:
        for _ in range(WARM):
            for task in work.tasks:
                await _done(one, task, work)
        await asyncio.sleep(work.settle_s)
        found: dict[str, list[float]] = {task.name: [] for task in work.tasks}
        for _ in range(work.times):
            for task in work.tasks:
                found[task.name].append(await _done(one, task, work))
        stages = await _stages(one, work) if name == OURS else {}
    legs = {name: await _leg(name, work)} if name in {BARE, OURS} else {}
    values = {task: statistics.median(values) for task, values in found.items()}
    return Told(values=values, stages=stages, legs=legs, loop=one.loop)


@asynccontextmanager
async def _opened(name: str, work: Work) -> AsyncIterator[Side]:
    pace = work.messages_per_second
    one = side(name, work.port, folder=Path(work.folder), messages_per_second=pace)
    await one.open()
    try:
        yield one
    finally:
        await one.close()


async def _done(one: Side, task: Task, work: Work) -> float:
    if task.is_rate:
        return await _rate(one, task, work.in_flight)
    return await _latency(one, task, work.alone)


async def _latency(one: Side, task: Task, alone: int) -> float:
    """Return the median seconds of orders that are placed one after the other."""
    times, limit = [], Decimal(task.limit)
    for _ in range(alone):
        start = time.perf_counter()
        await one.place(limit, fills=task.fills)
        times.append(time.perf_counter() - start)
    await one.clear()
    return statistics.median(times)


async def _rate(one: Side, task: Task, in_flight: int) -> float:
    """Return how many orders a second come through that are placed at once."""
    limit = Decimal(task.limit)
    start = time.perf_counter()
    await asyncio.gather(*(one.place(limit, fills=task.fills) for _ in range(in_flight)))
    took = time.perf_counter() - start
    await one.clear()
    return in_flight / took


async def _stages(one: Side, work: Work) -> dict[str, float]:
    """Return where the time of an order goes, each cancelled before the next."""
    from .stages import Stages  # of the connector, which other sides do without

    stages, limit = Stages(), Decimal(work.rests)
    with stages.running():
        for _ in range(work.alone):
            await stages.order(lambda: one.place(limit, fills=False))
            await one.clear()
    return stages.medians()


async def _leg(name: str, work: Work) -> float:
    """Return the processor seconds of the gateway's leg of an order that is placed alone."""
    from .leg import Leg  # loads both sides, so only when all else is measured

    leg, limit = Leg(), Decimal(work.rests)
    with leg.running():
        # a client keeps the doors that it was made with
        async with _opened(name, work) as one:
            await one.place(limit, fills=False)
            leg.take(name)
            for _ in range(work.alone):
                await one.place(limit, fills=False)
            spent = leg.take(name)
            await one.clear()
    return spent / work.alone


def main(name: str, wanted: dict[str, Any]) -> None:
    """Measure, and print what came out."""
    # ib_async logs every confirmed cancellation as an error
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    work = Work(**{**wanted, "tasks": [Task(**task) for task in wanted["tasks"]]})
    print(json.dumps(dataclasses.asdict(asyncio.run(_measured(name, work)))))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
