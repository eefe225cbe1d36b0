"""
The desk's own tasks, which outlive the calls that start them.

Owns: that every job belongs to one group, that all end with it, and that a job which fails for a
reason nobody foresaw ends them all: a desk with a part missing must not go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Jobs"]


class _Closed(Exception):  # noqa: N818  # no error: a group's way to be ended
    pass


class Jobs:
    """
    A group of tasks with a beginning and an end; lives on one loop.

    Args:
        on_end: Told when the group is over, with what ended it, if anything did.
    """

    def __init__(self, *, on_end: Callable[[BaseException | None], None]) -> None:
        self._on_end = on_end
        self._group: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether jobs are taken."""
        return self._group is not None

    async def start(self) -> None:
        """Begin; returns when jobs are taken."""
        started = asyncio.Event()
        self._runner = asyncio.create_task(self._run(started), name="ibkr-orders")
        self._runner.add_done_callback(self._ended)
        await started.wait()

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run a job; after the end it is dropped, and `None` returned."""
        if self._group is None:
            job.close()
            return None
        return self._group.create_task(job)

    async def aclose(self) -> None:
        """Cancel what runs and wait for it; idempotent."""
        self._stop.set()
        if self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self, started: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                started.set()
                await self._stop.wait()
                self._group = None
                # a task that has not started yet would never run, not even to be told of its end,
                # and the intent that it was to carry may be on disk already
                await asyncio.sleep(0)
                raise _Closed
        except* _Closed:
            pass  # the group has ended what ran, and waited for it

    def _ended(self, runner: asyncio.Task[None]) -> None:
        self._group = None
        self._on_end(None if runner.cancelled() else runner.exception())
