"""
Timers and time limits on a `Clock`.

asyncio's own timers run on the loop's time, which a test cannot move. These run on the `Clock` that
every policy is given, with one sleeping task for any number of timers, and cost a few microseconds
each: setting one is a push onto a heap, cancelling one is a flag.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from ibkr_connector.clock import Clock

__all__ = ["Limit", "Timer", "Timers"]

EARLY_S: Final = 1e-6
"""A timer this close is due: two floats that should be equal may differ by less."""

SWEEP_FLOOR: Final = 64
"""Below so many cancelled timers, sweeping them out of the heap is not worth it."""


class Timer:
    """One call in the future; `cancel` makes it not happen."""

    __slots__ = ("_owner", "action")

    def __init__(self, owner: Timers, action: Callable[[], None]) -> None:
        self._owner = owner
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the call; harmless when it has happened already."""
        if self.action is not None:
            self.action = None
            self._owner._note_cancelled()


class Timers:
    """
    Calls functions at moments of a clock.

    Lives on one loop. The task that sleeps belongs to it: `aclose` ends it and drops what is left.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._sleeper: asyncio.Task[None] | None = None
        self._wakes_at = float("inf")

    def call_at(self, when: float, action: Callable[[], None]) -> Timer:
        """
        Call `action` once `clock.monotonic()` has reached `when`.

        Args:
            when: A moment of the clock; a past one is called in the loop's next turns.
            action: Must be quick and must not raise.
        """
        timer = Timer(self, action)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        if when < self._wakes_at:
            self._restart(when)
        return timer

    def limit(self, when: float) -> Limit:
        """
        Bound a block of code: `with timers.limit(when): await something()`.

        The block is cancelled at `when` and ends with the built-in `TimeoutError`; a cancellation
        that came from elsewhere stays one.
        """
        return Limit(self, when)

    @property
    def pending(self) -> int:
        """How many timers are set."""
        return len(self._heap) - self._cancelled

    async def aclose(self) -> None:
        """Drop all timers and end the sleeping task."""
        for _, _, timer in self._heap:
            timer.action = None
        self._heap.clear()
        self._cancelled = 0
        sleeper, self._sleeper, self._wakes_at = self._sleeper, None, float("inf")
        if sleeper is not None:
            sleeper.cancel()
            await asyncio.wait([sleeper])

    def _restart(self, when: float) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._wakes_at = when
        # An empty context: the task outlives the call that happened to start it, and must not
        # carry that call's correlation id.
        self._sleeper = asyncio.get_running_loop().create_task(
            self._sleep(), name="ibkr-timers", context=contextvars.Context()
        )

    async def _sleep(self) -> None:
        while (when := self._next()) is not None:
            self._wakes_at = when
            now = self._clock.monotonic()
            if when - now > EARLY_S:
                await self._clock.sleep(when - now)
                continue
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                try:
                    action()
                except BaseException:
                    # A bug of ours, which the loop reports; the other timers go on all the same.
                    self._sleeper, self._wakes_at = None, float("inf")
                    if (following := self._next()) is not None:
                        self._restart(following)
                    raise
        self._sleeper, self._wakes_at = None, float("inf")

    def _next(self) -> float | None:
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def _note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > SWEEP_FLOOR and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0


class Limit:
    """
    A time limit around a block of code; see `Timers.limit`.

    The rules of asyncio.timeout: only the cancellation that the limit itself asked for becomes a
    `TimeoutError`, and if somebody else has cancelled the task too, that one wins.
    """

    __slots__ = ("_before", "_expired", "_task", "_timer", "_timers", "_when")

    def __init__(self, timers: Timers, when: float) -> None:
        self._timers = timers
        self._when = when
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a running task")
        self._task = task
        self._before = task.cancelling()
        self._timer = self._timers.call_at(self._when, self._expire)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if (
            self._expired
            and self._task.uncancel() <= self._before
            and exc_type is asyncio.CancelledError
        ):
            raise TimeoutError from exc

    @property
    def expired(self) -> bool:
        """Whether the time was over before the block was."""
        return self._expired

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
