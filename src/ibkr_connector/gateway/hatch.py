"""
What the escape hatch leaves in ib_async's tables, and its questions that have no id.

ib_async keys a question without an id by its name: a second one overwrites the future of the
first, whose caller then waits for ever. Here the second waits for its turn: its future is made, its
message is kept, and both are put where ib_async wants them when the first has been answered.

*limit*: a question without an id that is given up is forgotten at once, and TWS says of no answer
which question it belongs to. When the same question is asked through the hatch before the late
answer has come, it ends with that one: complete if nothing had come when the first was given up,
and without its first rows if some had. Our own calls wait for such an answer or know its age; for
positions, orders and account figures use those.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from .faults import border

__all__ = ["Hatch", "use_hatch"]

T = TypeVar("T")

_KEYS: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar("hatch_keys", default=None)
"""Keys of ib_async's request table that the current use of the escape hatch has made."""


class _Client(Protocol):
    def defer(self, take: Callable[[str], None]) -> None:
        """Hand the next message over instead of sending it."""
        ...

    def sendMsg(self, msg: str) -> None:  # ib_async's name
        """Send a message."""
        ...


class Hatch:
    """
    ib_async's request tables of one session.

    Args:
        client: Sends, and keeps a message back when told to.
        futures: ib_async's table of questions, by id or by name.
        results: Its table of rows.
        contracts: Its table of contracts.
    """

    def __init__(
        self,
        client: Callable[[], _Client],
        *,
        futures: dict[Any, asyncio.Future[Any]],
        results: dict[Any, Any],
        contracts: dict[Any, Any],
    ) -> None:
        self._client = client
        self._futures = futures
        self._results = results
        self._contracts = contracts
        self._queues: dict[str, deque[_Turn]] = {}

    @property
    def waiting(self) -> int:
        """How many questions wait for their turn."""
        return sum(map(len, self._queues.values()))

    def start(
        self, key: Any, begin: Callable[[], asyncio.Future[Any]], *, container: Any = None
    ) -> asyncio.Future[Any]:
        """Enter a question, now or when its name is free."""
        keys = _KEYS.get()
        if isinstance(key, str) and key in self._futures:
            turn = _Turn(container)
            self._queues.setdefault(key, deque()).append(turn)
            # ib_async sends in the next line of the method that calls this
            self._client().defer(turn.keep)
            if keys is not None:
                keys.append(turn)
            return turn.future
        if keys is not None:
            keys.append(key)
        return begin()

    def ended(self, key: Any) -> None:
        """A question was answered, or nobody waits for it: the next of its name has its turn."""
        queue = self._queues.get(key)
        while queue and key not in self._futures:
            turn = queue.popleft()
            if not turn.future.done():
                self._futures[key] = turn.future
                self._results[key] = [] if turn.container is None else turn.container
                for message in turn.messages:
                    self._client().sendMsg(message)
        if queue is not None and not queue:
            del self._queues[key]
        if key not in self._futures:
            # ib_async leaves the rows behind of what it answers with something else
            self._results.pop(key, None)
            self._contracts.pop(key, None)

    def forget(self, keys: list[Any], *, unanswered: bool) -> None:
        """
        Drop what one use of the escape hatch has left in ib_async's tables.

        Args:
            keys: What it asked for.
            unanswered: Drop also the questions that are open, because nobody waits for them.
        """
        for key in keys:
            if isinstance(key, _Turn):
                self._forget_turn(key, unanswered=unanswered)
                continue
            if unanswered and (future := self._futures.pop(key, None)) is not None:
                future.cancel()
            self.ended(key)

    def end_all(self) -> None:
        """The session is over: those who wait for their turn will not have it."""
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            for turn in queue:
                _fail(turn.future)
        for future in self._futures.values():
            _fail(future)

    def _forget_turn(self, turn: _Turn, *, unanswered: bool) -> None:
        if unanswered:
            turn.future.cancel()
        for key in [key for key, future in self._futures.items() if future is turn.future]:
            del self._futures[key]
            self.ended(key)
        for key in [key for key, queue in self._queues.items() if turn in queue]:
            self._queues[key].remove(turn)
            self.ended(key)


async def use_hatch(hatch: Callable[[], Hatch], call: Callable[[], Awaitable[T]]) -> T:
    """
    Run one use of the escape hatch, and drop what it leaves in the tables.

    Args:
        hatch: Those of the session as they are then: its end makes new ones.
        call: What the user does with ib_async.

    Raises:
        IBKRError: In place of every error of ib_async, asyncio and the system.
    """
    keys: list[Any] = []
    token = _KEYS.set(keys)
    answered = False
    try:
        with border("request"):
            result = await call()
            answered = True
        return result
    finally:
        _KEYS.reset(token)
        hatch().forget(keys, unanswered=not answered)


class _Turn:
    """A question that waits until its name is free."""

    __slots__ = ("container", "future", "messages")

    def __init__(self, container: Any) -> None:
        self.container = container
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.messages: list[str] = []

    def keep(self, message: str) -> None:
        """Keep the message until then."""
        self.messages.append(message)


def _fail(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(ConnectionError("the session ended"))
        # Whoever awaits it gets it; an abandoned one is not worth a message.
        future.exception()
