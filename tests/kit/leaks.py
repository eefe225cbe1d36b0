"""
What a connector may leave behind, counted before and after: nothing.

    async with nothing_left():
        ...  # connect, break, disconnect

Tasks, threads, sockets and promises that nobody will keep are of the whole process, so whatever
else runs in it must have been there before. `entries` counts what an engine still keeps in its
tables; all of them are empty when it is idle.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ibkr_connector.engine import Engine

__all__ = ["Inventory", "entries", "inventory", "nothing_left"]

_FDS = Path("/proc/self/fd")
_ROUNDS = 500
_POOL = "asyncio_"
_HATCH_TABLES = (
    "trades",
    "permId2Trade",
    "fills",
    "newsTicks",
    "tickers",
    "pendingTickers",
    "reqId2Ticker",
    "reqId2Subscriber",
    "reqId2PnL",
    "reqId2PnlSingle",
    "_reqId2Contract",
    "_futures",
    "_results",
)


@dataclass(frozen=True)
class Inventory:
    """What there is at a moment, by name."""

    tasks: Counter[str]
    threads: Counter[str]
    sockets: Counter[str]
    promises: Counter[str]

    def beyond(self, before: Inventory) -> dict[str, Counter[str]]:
        """Return what there is more than before."""
        more = {
            "tasks": self.tasks - before.tasks,
            "threads": self.threads - before.threads,
            "sockets": Counter({"socket": self.sockets.total() - before.sockets.total()}),
            "promises": self.promises - before.promises,
        }
        return {kind: found for kind, found in more.items() if +found}


def inventory() -> Inventory:
    """Take an inventory of this process and the running loop; frozen promises are not seen."""
    gc.collect()
    mine = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not mine]
    return Inventory(
        tasks=Counter(_name(task) for task in tasks),
        # those of the loop's own pool stay until it closes, whoever has used them
        threads=Counter(
            _plain(thread.name)
            for thread in threading.enumerate()
            if not thread.name.startswith(_POOL)
        ),
        sockets=Counter(_sockets()),
        promises=Counter(_promises()),
    )


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Raise when the block has left anything behind."""
    # what is there already is neither looked through nor counted: a whole test run is a big heap
    gc.freeze()
    try:
        before = inventory()
        yield
        more: dict[str, Counter[str]] = {}
        for _ in range(_ROUNDS):
            # a socket that was closed just now is gone in the loop's next turns
            await asyncio.sleep(0.01)
            more = inventory().beyond(before)
            if not more:
                return
        raise AssertionError(f"left behind: {more}")
    finally:
        gc.unfreeze()


def entries(engine: Engine) -> Mapping[str, int]:
    """Return what an idle engine still keeps in its tables; each of them should be 0."""
    session = engine._link.session
    found: dict[str, int] = {
        "calls that wait for their turn": engine._pipeline.queued,
        "orders that wait for a word": len(engine.orders._dispatch._callers),
    }
    if session is not None:
        wrapper: Any = session._wrapper
        found |= {
            "questions that are open": session.open_calls,
            "messages of ib_async that wait": len(session._client._msgQ),
            "lines beyond the streams": len(session.streams._lines) - len(engine.streams),
            "jobs of the streams": len(engine.streams._jobs),
        }
        # what the escape hatch alone fills, and nobody has used it
        found |= {f"{name} of ib_async": len(getattr(wrapper, name)) for name in _HATCH_TABLES}
    return {name: count for name, count in found.items() if count}


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", str(coroutine))
    return _plain(task.get_name()) + f" ({name})"


def _plain(name: str) -> str:
    # numbered by whoever named it: Task-17, asyncio_0
    return name.rstrip("0123456789")


def _sockets() -> list[str]:
    found = []
    for entry in tuple(_FDS.iterdir()) if _FDS.exists() else ():
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # the one that listed them
        if target.startswith("socket:"):
            found.append(target)
    return found


def _promises() -> list[str]:
    pending = []
    for one in gc.get_objects():
        if type(one) is asyncio.Future and not one.done():
            waiting = [repr(callback) for callback, _ in one._callbacks or ()]
            pending.append(_plain(", ".join(sorted(waiting))[:60]) or "nobody waits for it")
    return pending
