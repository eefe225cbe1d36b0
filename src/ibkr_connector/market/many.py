"""
Quotes of many contracts at once, within the lines that are free.

A contract that is followed by a stream is answered from it and costs nothing. The others are asked
for one snapshot each, as many at a time as there are lines, and a line that none is free for waits
until an earlier snapshot is done.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from ibkr_connector.errors import IBKRError, MarketDataPermissionError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Quote, QuoteSet

from .lines import POOLS, Lines

__all__ = ["ManyQuotes"]

_AT_ONCE: Final = 50
"""Snapshots that are open at a time, whatever the lines would allow."""

_SNAPSHOTS: Final = itertools.count()
_POOL: Final = POOLS[StreamKind.QUOTES]


class ManyQuotes:
    """
    Asks for many quotes.

    Args:
        take: Takes one snapshot, or answers from a stream; an error is of that contract alone.
        followed: The newest quote of a stream that is whole, if there is one.
        lines: Counts lines.
    """

    def __init__(
        self,
        *,
        take: Callable[[Contract | str], Awaitable[Quote]],
        followed: Callable[[Contract | str], Awaitable[Quote | None]],
        lines: Lines,
    ) -> None:
        self._take = take
        self._followed = followed
        self._lines = lines
        self._open = 0
        self._done = asyncio.Event()

    async def ask(self, descriptions: Iterable[Contract | str]) -> QuoteSet:
        """
        Return the quotes, and why the others could not be had.

        Raises:
            IBKRError: Not one could be had; the error of the first.
        """
        wanted = tuple(dict.fromkeys(descriptions))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(description: Contract | str) -> Quote | IBKRError:
            async with gate:
                try:
                    return await self._followed(description) or await self._snapshot(description)
                except IBKRError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(description)) for description in wanted]
        results = [task.result() for task in tasks]
        quotes = tuple(result for result in results if isinstance(result, Quote))
        failures = {
            description: result
            for description, result in zip(wanted, results, strict=True)
            if isinstance(result, IBKRError)
        }
        if failures and not quotes:
            raise next(iter(failures.values()))
        return QuoteSet(quotes=quotes, failures=failures)

    async def _snapshot(self, description: Contract | str) -> Quote:
        key = ("snapshot", next(_SNAPSHOTS))
        await self._line(key)
        self._open += 1
        try:
            return await self._take(description)
        finally:
            self._open -= 1
            self._lines.give_back(key, pool=_POOL)
            self._done.set()

    async def _line(self, key: object) -> None:
        while True:
            try:
                self._lines.take(key, pool=_POOL)
            except MarketDataPermissionError:
                if not self._open:
                    raise
                self._done.clear()
                await self._done.wait()
            else:
                return
