"""
The clock of a connector that has a thread of its own, in the hands of a test.

It stands still, so that no deadline passes because the machine is busy, and passes when the test
says so. While something is to happen that takes time, it may run as the machine's does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from ibkr_connector.clock import ManualClock, SystemClock

__all__ = ["FarClock", "far_clock"]

_STEP_S: Final = 0.01
_PATIENCE_S: Final = 120.0
_ROUNDS: Final = 20


class FarClock(ManualClock):
    """A `ManualClock` that is moved from another thread than that of its sleepers."""

    def __init__(self) -> None:
        super().__init__(SystemClock().utcnow())
        self._loop: asyncio.AbstractEventLoop | None = None

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the clock that far."""
        self._loop = asyncio.get_running_loop()
        await super().sleep(seconds)

    def move(self, seconds: float) -> None:
        """Let time pass where somebody sleeps, as soon as that loop gets to it."""
        if self._loop is not None:
            # one that is closed has no sleepers
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.advance, seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let time pass as the machine's does, for as long as the block lasts."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(_STEP_S)
            now = loop.time()
            self.move(now - before)
            before = now

    async def until(self, condition: Callable[[], bool], *, step_s: float = 1.0) -> float:
        """
        Let time pass in steps until something is so, and return how much has passed.

        What a step wakes has begun to act on it before the next one.
        """
        began = self.monotonic()
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                if self._loop is not None:
                    stepping = asyncio.run_coroutine_threadsafe(self._step(step_s), self._loop)
                    await asyncio.wrap_future(stepping)
                await asyncio.sleep(0.001)
        return self.monotonic() - began

    async def _step(self, seconds: float) -> None:
        self.advance(seconds)
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)


@pytest.fixture
def far_clock(monkeypatch: pytest.MonkeyPatch) -> FarClock:
    """Return the clock of the next connector that is made."""
    clock = FarClock()
    monkeypatch.setattr("ibkr_connector.engine.SystemClock", lambda: clock)
    return clock
