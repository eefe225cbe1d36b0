"""Deadlines of a loop that pass when nothing else can happen any more, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ibkr_connector.clock import Clock, SystemClock
from kit.quiet import settled

__all__ = ["leaping"]


class _LoopClock(SystemClock):
    """Says the machine's time of day, and measures by a loop's own time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return self._loop.time()


@asynccontextmanager
async def leaping() -> AsyncIterator[Clock]:
    """
    Leap from one timer of the running loop to the next, whenever the loop has come to rest.

    A deadline of a minute is then over at once where nobody answers, and is missed by nobody who
    does, however slow the machine is. Both ends of each connection have to be on this loop. What
    was leapt over has passed for the loop and for the clock that is lent; the machine's clocks do
    not know of it.
    """
    loop: Any = asyncio.get_running_loop()
    of_the_machine = loop.time
    leapt = 0.0

    async def leap() -> None:
        nonlocal leapt
        while True:
            await settled()
            timers = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
            if timers:
                leapt += max(0.0, min(timers) - loop.time())
            await asyncio.sleep(0)

    loop.time = lambda: of_the_machine() + leapt
    leaps = asyncio.create_task(leap())
    try:
        yield _LoopClock(loop)
    finally:
        leaps.cancel()
        await asyncio.gather(leaps, return_exceptions=True)
