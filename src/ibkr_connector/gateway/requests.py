"""
The open questions of one session: each ends exactly once, and none stays in a table afterwards.

Two kinds. A *request* has an id, and its answer names it. A *listing* has none: whoever asks
shares one answer, and the answer of an abandoned question must not pass for that of the next.
Knows nothing of ib_async, of sockets or of what the rows mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, Generic, TypeVar

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.ids import RequestId

__all__ = ["Listing", "Pending", "Requests"]

T = TypeVar("T")

_BAND: Final = 1 << 30
_HALF_BAND: Final = _BAND >> 1


class Pending:
    """One question with an id, what it has gathered so far, and the promise of its end."""

    __slots__ = ("collector", "future", "name", "request_id", "tolerates")

    def __init__(
        self,
        name: str,
        request_id: RequestId,
        *,
        collector: Any,
        tolerates: Callable[[IBKRError], bool],
    ) -> None:
        self.name = name
        self.request_id = request_id
        self.collector = collector
        self.tolerates = tolerates
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Requests:
    """
    Questions with an id.

    Ids are taken from a band of their own, far from the order ids, because TWS puts both into the
    same field of an error message. A message with an id of the band that is not open any more
    belongs to a question nobody waits for.
    """

    def __init__(self) -> None:
        self._open: dict[int, Pending] = {}
        self._first, self._next = _BAND, _BAND + 1

    def __len__(self) -> int:
        return len(self._open)

    def keep_clear_of(self, order_id: int) -> None:
        """Choose the band so that order ids counting up from `order_id` never enter it."""
        if order_id > _HALF_BAND and self._next == _BAND + 1:
            self._first, self._next = 1, 2

    def owns(self, request_id: int) -> bool:
        """Whether the id was given out here, open or not."""
        return self._first <= request_id < self._next

    @property
    def constant_id(self) -> RequestId:
        """The one id that is given to nobody else, the same in every session."""
        return RequestId(self._first)

    def new_id(self) -> RequestId:
        """Take the next id."""
        request_id = RequestId(self._next)
        self._next += 1
        return request_id

    def open(
        self,
        name: str,
        *,
        collector: Any,
        tolerates: Callable[[IBKRError], bool] = lambda _: False,
        request_id: RequestId | None = None,
    ) -> Pending:
        """Enter a question; `tolerates` is asked when the gateway's answer need not be the end."""
        pending = Pending(
            name,
            self.new_id() if request_id is None else request_id,
            collector=collector,
            tolerates=tolerates,
        )
        self._open[pending.request_id] = pending
        return pending

    def get(self, request_id: int) -> Pending | None:
        """Return the open question with that id."""
        return self._open.get(request_id)

    def collector(self, request_id: int) -> Any | None:
        """Return what the open question with that id gathers into."""
        pending = self._open.get(request_id)
        return None if pending is None else pending.collector

    def end(self, request_id: int) -> None:
        """The answer is complete."""
        pending = self._open.pop(request_id, None)
        if pending is not None and not pending.future.done():
            pending.future.set_result(pending.collector)

    def fail(self, request_id: int, error: IBKRError) -> None:
        """The answer is an error."""
        pending = self._open.pop(request_id, None)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(error)

    def forget(self, pending: Pending) -> None:
        """Nobody waits any more; a no-op after the end."""
        self._open.pop(pending.request_id, None)
        _discard(pending.future)

    def fail_all(self, error: Callable[[str], IBKRError]) -> None:
        """End every question with the error made for its name."""
        for pending in tuple(self._open.values()):
            self.fail(pending.request_id, error(pending.name))


class Listing(Generic[T]):
    """
    A question without an id; its rows carry keys, so that a row seen twice counts once.

    Callers that ask while an answer is awaited share it. When all of them have gone, the answer
    may still be under way: rows go on being kept for `grace_s`, so that a later caller, who asks
    again, gets at least one whole answer whichever of the two end markers comes first.
    """

    def __init__(self, name: str, *, monotonic: Callable[[], float], grace_s: float) -> None:
        self.name = name
        self._monotonic = monotonic
        self._grace_s = grace_s
        self._rows: dict[Hashable, T] = {}
        self._waiters: list[asyncio.Future[tuple[T, ...]]] = []
        self._owed = 0
        self._last_asked = 0.0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the end marker."""
        return bool(self._waiters)

    async def ask(self, send: Callable[[], None]) -> tuple[T, ...]:
        """Return all rows of one answer; `send` is called unless a question is under way."""
        if not self._waiters:
            self._renounce_if_late()
            send()
            self._owed += 1
            self._last_asked = self._monotonic()
        waiter: asyncio.Future[tuple[T, ...]] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            _discard(waiter)

    def row(self, key: Hashable, row: T) -> None:
        """Keep a row, if it can belong to an answer."""
        if self._owed:
            self._renounce_if_late()
        if self._owed:
            # A repeated key moves to the end: the newest description of a thing is the last.
            self._rows.pop(key, None)
            self._rows[key] = row

    def many(self, rows: Mapping[Hashable, T]) -> None:
        """Keep rows that came one behind the other, as `row` does."""
        if self._owed:
            self._renounce_if_late()
        if self._owed:
            for key in self._rows.keys() & rows.keys():
                del self._rows[key]
            self._rows.update(rows)

    def end(self) -> None:
        """The end marker came."""
        rows, self._rows = tuple(self._rows.values()), {}
        self._owed = max(0, self._owed - 1)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(rows)

    def fail(self, error: IBKRError) -> None:
        """The answer is an error, the same for all who wait."""
        self._rows = {}
        self._owed = max(0, self._owed - 1)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _renounce_if_late(self) -> None:
        if not self._waiters and self._monotonic() - self._last_asked > self._grace_s:
            self._owed, self._rows = 0, {}


def _discard(future: asyncio.Future[Any]) -> None:
    # An error that arrived in the same tick in which its caller was cancelled was never awaited;
    # looking at it here keeps asyncio from reporting it as lost.
    if not future.cancel() and not future.cancelled():
        future.exception()
