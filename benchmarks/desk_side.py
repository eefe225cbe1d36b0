"""
One side of the comparison in `desk.py`, as a program of its own that is told what to do when.

    python -m benchmarks.desk_side ib_async '{"port": 4002, "folder": "somewhere", ...}'

Each line that it reads is a task in JSON, and is answered with what was measured. The first line
that it says tells that it is warm; at the end of its input it tells what else it has measured.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import logging
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from .sides import BARE, OURS, Side, side

__all__ = ["Aside", "Task", "Work"]

WARM = 2
"""So often each task is done before any counts: what is paid once is paid then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    What to measure: seconds an order, or orders a second of several callers.

    Args:
        limit: Of the orders.
        fills: Whether they fill, and are waited for until then; else they rest.
        callers: So many place orders at the same time, each one after the other.
        each: So many orders each of them places.
    """

    limit: str
    fills: bool
    callers: int
    each: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    Where a side works, and on what it gets warm.

    Args:
        port: Of its gateway.
        folder: For what it writes.
        messages_per_second: The connector's budget.
        warm_up: Done a few times before the side says that it is ready.
        rests: The limit of orders that are looked into: they rest.
        alone: How many of those are placed one after the other.
    """

    port: int
    folder: str
    messages_per_second: int
    warm_up: tuple[Task, ...]
    rests: str
    alone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """
    What a side measured beside its tasks.

    `stages` are the seconds of each stage of an order, of the connector alone; `legs` is the
    processor time of the gateway's leg under the side's name, of the two that have one; `loop` is
    the event loop that orders run on.
    """

    stages: Mapping[str, float]
    legs: Mapping[str, float]
    loop: str


async def _serve(name: str, work: Work) -> None:
    async with _opened(name, work) as one:
        for task in work.warm_up * WARM:
            await _measured(one, task)
        _say("warm")
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(await _measured(one, Task(**json.loads(line))))
        stages = await _stages(one, work) if name == OURS else {}
    legs = {name: await _leg(name, work)} if name in {BARE, OURS} else {}
    _say(dataclasses.asdict(Aside(stages=stages, legs=legs, loop=one.loop)))


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


@asynccontextmanager
async def _opened(name: str, work: Work) -> AsyncIterator[Side]:
    pace = work.messages_per_second
    one = side(name, work.port, folder=Path(work.folder), messages_per_second=pace)
    await one.open()
    try:
        yield one
    finally:
        await one.close()


async def _measured(one: Side, task: Task) -> float:
    limit, times = Decimal(task.limit), list[float]()

    async def caller() -> None:
        for _ in range(task.each):
            start = time.perf_counter()
            await one.place(limit, fills=task.fills)
            times.append(time.perf_counter() - start)

    # fifty thousand orders in five minutes are nobody's: what the turns before have left would be
    # gone over again and again, for a tenth of a second at a time here and for a whole one there
    gc.collect()
    gc.freeze()
    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(task.callers)))
    took = time.perf_counter() - start
    await one.clear()
    return statistics.median(times) if task.callers == 1 else len(times) / took


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
    """Do what is read, and say what came out."""
    # ib_async logs every confirmed cancellation as an error
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    warm_up = tuple(Task(**task) for task in wanted["warm_up"])
    asyncio.run(_serve(name, Work(**{**wanted, "warm_up": warm_up})))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
