"""
One request for all who ask the same thing at the same time.

TWS answers some requests without an id (positions, open orders, current time): two at once cannot
be told apart, and the first caller would wait for ever (ib_async keys them by name). Here the
second caller waits for the first one's answer instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight:
    """
    Joins concurrent calls with the same key. Lives on one loop.

    Everybody gets the same result or the same error. A caller who goes away leaves the work to the
    others; when the last one goes, the work is cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """What is being asked now."""
        return tuple(self._flights)

    async def run(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """
        Return what `call` returns, or what the call under way for the same `key` does.

        Args:
            key: Equal keys must mean equal requests, and equal result types.
            call: Started only when nobody is asking this now.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(task=self._start(key, call))
        flight.waiting += 1
        try:
            result: T = await asyncio.shield(flight.task)
            return result
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # Out of the table before it ends: whoever asks now must not join a cancelled one.
                self._forget(key, flight.task)
                flight.task.cancel()
                await asyncio.wait([flight.task])

    async def aclose(self) -> None:
        """Cancel all work; whoever waits for it is cancelled too."""
        tasks = [flight.task for flight in self._flights.values()]
        self._flights.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        async def work() -> T:
            return await call()

        def ended(task: asyncio.Task[T]) -> None:
            self._forget(key, task)
            if not task.cancelled():
                # Read once here, so that an error nobody is left to hear is not logged as lost.
                task.exception()

        task = asyncio.get_running_loop().create_task(work(), name=f"ibkr-ask-{key}")
        task.add_done_callback(ended)
        return task

    def _forget(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]


@dataclass(slots=True, kw_only=True)
class _Flight:
    task: asyncio.Task[Any]
    waiting: int = 0
