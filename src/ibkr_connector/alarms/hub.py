"""From the book to whoever reads along: streams that may be read on any loop and any thread."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from ibkr_connector.mailbox import Mailbox
from ibkr_connector.model.alerts import AlertChange, AlertsMissed

__all__ = ["AlertHub", "AlertStream"]

BUFFER: Final = 1024

Box = Mailbox[AlertChange | AlertsMissed]
"""What waits for one reader."""


class AlertHub:
    """Tells every reader of each change; `publish` and `join` are called on the engine's loop."""

    def __init__(self) -> None:
        self._boxes: weakref.WeakSet[Box] = weakref.WeakSet()
        self._is_closed = False

    def join(self, box: Box) -> None:
        """Tell this reader from now on, as long as somebody holds it."""
        if self._is_closed:
            box.close()
        else:
            self._boxes.add(box)

    def publish(self, change: AlertChange) -> None:
        """Tell everybody."""
        for box in tuple(self._boxes):
            box.put(change)

    def close(self) -> None:
        """End every stream behind what it still holds."""
        self._is_closed = True
        for box in tuple(self._boxes):
            box.close()


class AlertStream:
    """
    An endless stream of alerts that are raised, cleared, reminded of and acknowledged.

    It begins with `async with` or with the first change asked for, and ends with the connection
    object. Cancelling a read loses nothing; a reader slower than the alerts, by more than the
    buffer, gets an `AlertsMissed` where some are gone.

    Args:
        join: Has a box told, on the engine's loop.
        buffer: How many changes may wait.
    """

    def __init__(self, join: Callable[[Box], Awaitable[None]], *, buffer: int = BUFFER) -> None:
        self._join = join
        self._box: Box = Mailbox(capacity=buffer, lost=lambda count, *_: AlertsMissed(count=count))
        self._has_begun = False
        self._waiting: deque[AlertChange | AlertsMissed] = deque()

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

    async def __anext__(self) -> AlertChange | AlertsMissed:
        await self._begin()
        if not self._waiting:
            self._waiting.extend(await self._box.get_all())
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Take nothing more; idempotent."""
        self._box.close()

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._join(self._box)
            self._has_begun = True
