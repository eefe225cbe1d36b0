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
from collections.abc import Callable
from contextlib import aclosing
from contextvars import Context
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.market import Quote
from ibkr_connector.model.streams import Gap

from .sources import Sources, told
from .topic_names import OLDER, TopicName
from .topics import Topic

__all__ = ["Hub"]

_log = logging.getLogger("ibkr_connector.bridge")

_LINGER_S: Final = 30.0


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
        self._sources = Sources(connector, clock=clock)
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
            records = self._sources.records(name)
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
            topic.put(_writer("error", name, told(error)))
        except Exception:  # noqa: BLE001  # logged
            # the stream of one topic may harm no other; its readers are told that it is over
            _log.exception("the topic %r has failed", name.text)
            topic.put(_writer("ended", name, b'{"reason":"it has failed; see the log"}'))


def _writer(kind: str, name: TopicName, data: bytes) -> Callable[[int], str]:
    text = data.decode()
    if name.kind == OLDER:
        # flat, as the older bridge's were: a problem has a type of its own
        if kind == "error":
            body = json.loads(text)
            text = json.dumps({"problem": body.pop("type"), **body})
        return lambda seq: f'{{"type":"{kind}","seq":{seq},{text[1:]}'
    start = json.dumps({"type": kind, "topic": name.text}, separators=(",", ":"))[:-1]
    return lambda seq: f'{start},"seq":{seq},"data":{text}}}'
