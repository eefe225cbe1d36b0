"""
What is followed for readers of WebSockets: one stream of the connector for each topic.

Owns: which topics there are, that all readers of one share one stream, and that it goes on for a
while after the last has left, so that who comes back misses nothing. A stream that ends is told to
its readers with the reason, and begins anew with the next one who asks for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from contextvars import Context
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError, MarketDataError
from ibkr_connector.model.market import Quote
from ibkr_connector.model.streams import Gap

from .older_form import OlderQuote
from .plain import as_json
from .problems import of_error
from .topics import Topic

__all__ = ["OLDER", "Hub", "TopicName", "UnknownTopicError"]

_log = logging.getLogger("ibkr_connector.bridge")

_LINGER_S: Final = 30.0
_LOOK_S: Final = 0.5
"""How often account and status are compared with what was told last; both are caches of ours."""

_LONGEST: Final = 128


class UnknownTopicError(ValueError):
    """A topic that is none."""


class TopicName:
    """The parts of a topic's name: `quotes:AAPL`, `bars:ES 202612:1 min`, `orders`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind, _, rest = text.partition(":")
        self.symbol, _, self.detail = rest.partition(":")
        alone = self.kind in _ALONE and not rest
        followed = self.kind in _OF_CONTRACTS and self.symbol and len(text) <= _LONGEST
        if not (alone or followed) or (self.detail and self.kind != "bars"):
            raise UnknownTopicError(
                "a topic is quotes:SYMBOL, trades:SYMBOL, depth:SYMBOL, bars:SYMBOL:SIZE, "
                "orders, account or status"
            )

    @property
    def is_state(self) -> bool:
        """Whether its newest message is the whole picture."""
        return self.kind in {"quotes", OLDER, "depth", "account", "status"}


_ALONE: Final = frozenset({"orders", "account", "status"})
OLDER: Final = "older"
"""Quotes in the form of the older bridge; no name that a reader can ask for."""

_OF_CONTRACTS: Final = frozenset({"quotes", "trades", "depth", "bars", OLDER})
_WORDS: Final = {
    "quotes": "quote",
    OLDER: "quote",
    "trades": "trade",
    "depth": "depth",
    "bars": "bar",
}
_Look = tuple[str, bytes, bytes]
"""What to call it, what is told, and what is compared."""


class Hub:
    """
    All topics that are followed now; lives on the bridge's loop.

    Args:
        connector: Where everything comes from.
        clock: Source of time.
        keep: How many messages of a topic are kept.
        tasks: Where the streams are read.
    """

    def __init__(
        self, connector: IBKRConnector, *, clock: Clock, keep: int, tasks: asyncio.TaskGroup
    ) -> None:
        self._ib = connector
        self._clock = clock
        self._keep = keep
        self._tasks = tasks
        self._followed: dict[str, tuple[Topic, asyncio.Task[None]]] = {}
        self._newest: dict[str, Quote] = {}
        self.is_closed = False

    def topic(self, name: TopicName) -> Topic:
        """Return a topic, which begins to be followed if it is not."""
        found = self._followed.get(name.text)
        if found is not None and not found[0].is_over:
            return found[0]
        topic = Topic(name.text, keep=self._keep, is_state=name.is_state)
        # in a context of its own: what is read for everybody is not the first caller's doing
        task = self._tasks.create_task(self._follow(name, topic), context=Context())
        self._followed[name.text] = (topic, task)
        return topic

    def newest_quote(self, symbol: str) -> Quote | None:
        """Return the newest quote of a symbol that is followed; `None` when it is not."""
        return self._newest.get(symbol)

    def topics(self) -> tuple[Topic, ...]:
        """Return every topic that is followed."""
        return tuple(topic for topic, _ in self._followed.values())

    def close(self) -> None:
        """Follow nothing any more; readers are told."""
        self.is_closed = True
        for topic, task in self._followed.values():
            topic.end()
            task.cancel()

    # --- following ------------------------------------------------------------------------------

    async def _follow(self, name: TopicName, topic: Topic) -> None:
        reading = self._tasks.create_task(self._read(name, topic), context=Context())
        try:
            await self._until_unread(topic, reading)
        finally:
            reading.cancel()
            topic.end()
            if name.kind in {"quotes", OLDER}:
                self._newest.pop(name.symbol, None)
            if self._followed.get(name.text, (None,))[0] is topic:
                del self._followed[name.text]

    async def _until_unread(self, topic: Topic, reading: asyncio.Task[None]) -> None:
        """Return when it has ended by itself, or when nobody has read it for a while."""
        unread_since: float | None = None
        while not reading.done():
            await asyncio.wait({reading}, timeout=_LINGER_S / 10)
            now = self._clock.monotonic()
            if topic.readers:
                unread_since = None
            elif unread_since is None:
                unread_since = now
            elif now - unread_since >= _LINGER_S:
                return

    async def _read(self, name: TopicName, topic: Topic) -> None:
        try:
            records = self._records(name)
            async with aclosing(records):
                async for kind, data, record in records:
                    if isinstance(record, Quote):
                        self._newest[name.symbol] = record
                    elif isinstance(record, Gap):
                        # what was told before a gap is no quote of now
                        self._newest.pop(name.symbol, None)
                    topic.put(_writer(kind, name, data))
            topic.put(_writer("ended", name, b'{"reason":"the connection was closed"}'))
        except IBKRError as error:
            topic.put(_writer("error", name, _told(error)))
        except Exception:  # noqa: BLE001  # logged
            # the stream of one topic may harm no other; its readers are told that it is over
            _log.exception("the topic %s has failed", name.text)
            topic.put(_writer("ended", name, b'{"reason":"it has failed; see the log"}'))

    async def _records(self, name: TopicName) -> AsyncGenerator[tuple[str, bytes, object]]:
        if name.kind in {"account", "status"}:
            look = self._account if name.kind == "account" else self._status
            async for kind, data in self._changes(look):
                yield kind, data, None
            return
        stream = self._stream(name)
        try:
            async for record in stream:
                written = record
                if name.kind == OLDER and isinstance(record, Quote):
                    written = OlderQuote.of(record, name.symbol)
                yield _word(name, record), as_json(written), record
        finally:
            with suppress(IBKRError):
                await stream.aclose()

    def _stream(self, name: TopicName) -> Any:
        match name.kind:
            case "quotes" | "older":
                return self._ib.stream_quotes(name.symbol)
            case "trades":
                return self._ib.stream_trades(name.symbol)
            case "depth":
                return self._ib.stream_depth(name.symbol)
            case "bars":
                return self._ib.stream_bars(name.symbol, bar_size=name.detail or "5 secs")
            case "orders":
                return self._ib.stream_order_events()
            case _:
                raise MarketDataError(f"there is no stream for {name.kind}")

    async def _changes(
        self, look: Callable[[], Awaitable[_Look]]
    ) -> AsyncIterator[tuple[str, bytes]]:
        """
        Bring what a look finds whenever that differs from the last.

        *limit*: of changes within half a second only the last one is told.
        """
        last: bytes | None = None
        while True:
            kind, told, mark = await look()
            if mark != last:
                last = mark
                yield kind, told
            await self._clock.sleep(_LOOK_S)

    async def _account(self) -> _Look:
        try:
            summary = await self._ib.get_account_summary()
            positions = await self._ib.get_positions()
        except IBKRError as error:
            # it comes back with the connection
            return "unavailable", _told(error), type(error).__name__.encode()
        rows = b",".join(as_json(one) for one in positions)
        told = b'{"summary":%s,"positions":[%s]}' % (as_json(summary), rows)
        return "account", told, told

    async def _status(self) -> _Look:
        told = as_json(self._ib.get_connection_status())
        # what only says how long it has been so is no change
        marks = {k: v for k, v in json.loads(told).items() if k not in _RUNNING}
        return "status", told, json.dumps(marks).encode()


_RUNNING: Final = frozenset({"uptime_s", "heartbeat_rtt_ms", "last_heartbeat", "next_attempt_in_s"})


def _word(name: TopicName, record: object) -> str:
    if isinstance(record, Gap):
        return "gap"
    return _WORDS.get(name.kind, type(record).__name__)


def _told(error: IBKRError) -> bytes:
    return bytes(of_error(error, correlation_id="").body)


def _writer(kind: str, name: TopicName, data: bytes) -> Callable[[int], str]:
    text = data.decode()
    if name.kind == OLDER:
        # flat, as the older bridge's were
        return lambda seq: f'{{"type":"{kind}","seq":{seq},{text[1:]}'
    start = json.dumps({"type": kind, "topic": name.text}, separators=(",", ":"))[:-1]
    return lambda seq: f'{start},"seq":{seq},"data":{text}}}'
