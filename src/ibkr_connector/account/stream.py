"""
A stream of an account's records as users hold it: one asynchronous iterator, on whatever loop.

Owns that a place is taken once, given up once, and not lost when whoever took it is cancelled.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from ibkr_connector.errors import IBKRError
from ibkr_connector.mailbox import Mailbox

__all__ = ["AccountStream", "Seat", "TakeSeat"]

T = TypeVar("T")


class Seat(Generic[T]):
    """A place at a stream, made on the engine's loop: the box to read, and how to give it up."""

    def __init__(self, box: Mailbox[T], leave: Callable[[], None]) -> None:
        self.box = box
        self._leave = leave
        self._loop = asyncio.get_running_loop()

    def leave(self) -> None:
        """Give the place up, from any thread; idempotent."""
        self.box.close()
        self.abandon()

    def abandon(self) -> None:
        """
        As `leave`, and takes no lock, as only this may be called by the collector of cycles.

        The collector comes round in the middle of anything: also while its own thread is putting
        something into this very box.
        """
        # a loop that is closed has nobody left to tell
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self.box.close()
        self._leave()


TakeSeat = Callable[[Callable[[Seat[T]], None]], Awaitable[Seat[T]]]
"""Takes a place; what it is given is told of the place before it returns."""


class AccountStream(Generic[T]):
    """
    Records of an account, read with `async for`, from any event loop.

    It begins with `async with` or with the first record asked for, and ends with `async with`, by
    `aclose`, with the connector, or when the stream is no longer referred to. Cancelling a read
    loses nothing. What the gateway refuses it for is raised.
    """

    def __init__(self, take_seat: TakeSeat[T]) -> None:
        self._take_seat = take_seat
        self._seat: Seat[T] | None = None
        self._read: deque[T] = deque()
        self._is_over = False

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if not self._read:
            seat = await self._begin()
            try:
                self._read.extend(await seat.box.get_all())
            except (StopAsyncIteration, IBKRError):
                self._end()
                raise
        return self._read.popleft()

    async def aclose(self) -> None:
        """Stop reading; idempotent, and harmless from any loop."""
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._read.clear()
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.leave()

    async def _begin(self) -> Seat[T]:
        if self._is_over:
            raise StopAsyncIteration
        if self._seat is not None:
            return self._seat
        taken: list[Seat[T]] = []
        try:
            seat = await self._take_seat(taken.append)
        except BaseException:
            # whoever is cancelled in the very moment in which it comes has it all the same
            for seat in taken:
                seat.leave()
            raise
        return self._settle(seat)

    def _settle(self, seat: Seat[T]) -> Seat[T]:
        if self._is_over or self._seat is not None:
            # somebody else has begun or ended the stream meanwhile
            seat.leave()
        if self._is_over:
            raise StopAsyncIteration
        if self._seat is None:
            self._seat = seat
            weakref.finalize(self, seat.abandon).atexit = False
        return self._seat
