"""
Short uses of data lines that wait for one another.

What follows something for a moment only (a snapshot, the greeks of an option) need not fail when no
line is free, as long as others of its kind are about to give theirs back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from ibkr_connector.errors import IBKRError, MarketDataPermissionError

from .lines import LinePool

__all__ = ["LineTurns", "each"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NUMBERS: Final = itertools.count()


class _Lines(Protocol):
    @property
    def free(self) -> int: ...

    def take(self, key: Hashable, *, pool: str) -> object: ...

    def give_back(self, key: Hashable, *, pool: str) -> object: ...


class LineTurns:
    """
    Take one line at a time out of those for prices, on one loop.

    Whoever wants one waits for his turn first, and holds the line itself only while something is
    open. In between he waits for the wire, which takes few messages a second where lines are few: a
    line that is held for so long is one that a stream is refused for nothing.

    Args:
        lines: Counts lines.
    """

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._turns = 0
        self._open = 0
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """
        Wait until there is a line for one more, and be counted as one of those it is for.

        Raises:
            MarketDataPermissionError: No line is free, and none is held here.
        """
        while self._turns >= self._open + self._lines.free:
            if not self._turns:
                # says why there is none
                await self._take(key := ("turn", next(_NUMBERS)))
                self._lines.give_back(key, pool=LinePool.LINES)
                break
            self._freed.clear()
            await self._freed.wait()
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1
            self._freed.set()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[None]:
        """
        Hold a line; wait for one that is held here when none is free.

        Raises:
            MarketDataPermissionError: None is free, and none is held here.
        """
        key = ("turn", next(_NUMBERS))
        await self._take(key)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._lines.give_back(key, pool=LinePool.LINES)
            self._freed.set()

    async def _take(self, key: Hashable) -> None:
        while True:
            try:
                self._lines.take(key, pool=LinePool.LINES)
            except MarketDataPermissionError:
                if not self._open:
                    raise
                self._freed.clear()
                await self._freed.wait()
            else:
                return


async def each(
    wanted: Sequence[K], ask: Callable[[K], Awaitable[V]], *, at_once: int
) -> tuple[dict[K, V], dict[K, IBKRError]]:
    """Ask about each, so many at a time; return the answers, and why the others have none."""
    gate = asyncio.Semaphore(at_once)
    answers: dict[K, V] = {}
    failures: dict[K, IBKRError] = {}

    async def one(about: K) -> None:
        async with gate:
            try:
                answers[about] = await ask(about)
            except IBKRError as error:
                failures[about] = error

    async with asyncio.TaskGroup() as group:
        for about in wanted:
            group.create_task(one(about))
    return (
        {about: answers[about] for about in wanted if about in answers},
        {about: failures[about] for about in wanted if about in failures},
    )
