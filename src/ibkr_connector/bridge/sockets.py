"""
One WebSocket: what its reader follows, and what it is told.

A single task writes, so that messages keep their order, and it waits for the socket. A reader who
does not read therefore stops the writer and nothing else: what it has not taken stays in the
topics, where it is bounded, and what went over the brim meanwhile is told as `lagged`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

import ibkr_connector

from .limits import Buckets
from .plain import utc_text
from .running import Bridge
from .topic_names import OLDER, TopicName, UnknownTopicError
from .topics import Missed, Place, Topic

__all__ = ["GOING_AWAY", "follow_one", "follow_topics"]

GOING_AWAY: Final = 1012
"""Close code: the service restarts, come back."""

TRY_LATER: Final = 1013
POLICY: Final = 1008

_SEND_S: Final = 30.0
"""A socket that takes nothing for so long is given up."""

_REPLIES: Final = 64
_WORDS_PER_S: Final = 20.0
_WORDS: Final = 200


class _Resume(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    epoch: str = Field(max_length=64)
    seq: int = Field(ge=0)


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    op: str = Field(max_length=32)
    topic: str = Field(default="", max_length=256)
    resume: _Resume | None = None


class _Over(Exception):  # noqa: N818  # the end of a conversation, and no fault
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def follow_topics(socket: WebSocket, bridge: Bridge) -> None:
    """Serve `/v1/ws`: topics that come and go as the reader says."""
    reader = _Reader(socket, bridge)
    reader.reply(
        type="hello",
        version=ibkr_connector.__version__,
        heartbeat_s=bridge.settings.heartbeat_s,
        keeps=bridge.settings.replay_events,
    )
    await reader.serve(reader.listen)


async def follow_one(socket: WebSocket, bridge: Bridge, symbol: str) -> None:
    """Serve `/ws/quotes/{symbol}`: quotes of one symbol, from the beginning to the end."""
    reader = _Reader(socket, bridge, is_plain=True)
    try:
        reader.follow(TopicName(f"{OLDER}:{symbol}"), None)
    except UnknownTopicError:
        reader.end(_Over(POLICY, "no such symbol"))
    await reader.serve(reader.hear)


class _Reader:
    """A socket and its places in topics."""

    def __init__(self, socket: WebSocket, bridge: Bridge, *, is_plain: bool = False) -> None:
        self._socket = socket
        self._bridge = bridge
        self._clock = bridge.clock
        self._is_plain = is_plain
        self._places: dict[str, Place] = {}
        self._replies: deque[str] = deque()
        self._room = asyncio.Event()
        self._wake = asyncio.Event()
        self._over: _Over | None = None
        self._words = Buckets(per_s=_WORDS_PER_S, burst=_WORDS, clock=bridge.clock)
        self._still: Callable[[], bool] = getattr(socket.state, "still", lambda: True)

    # --- what comes ------------------------------------------------------------------------------

    async def serve(self, hear: Callable[[], Any]) -> None:
        """Listen and write until either ends, or the bridge does."""
        doing = {
            asyncio.ensure_future(hear()),
            asyncio.ensure_future(self._write()),
            asyncio.ensure_future(self._until_closing()),
        }
        try:
            ended, _ = await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
            over = next((e for task in ended if isinstance(e := task.exception(), _Over)), None)
            for task in ended:
                error = task.exception()
                if error is not None and not isinstance(error, _Over | WebSocketDisconnect):
                    raise error
        finally:
            for task in doing:
                task.cancel()
            await asyncio.wait(doing)
            for place in self._places.values():
                place.topic.leave(self._wake.set)
        if over is not None and self._socket.application_state is WebSocketState.CONNECTED:
            await self._say_goodbye(over)

    async def listen(self) -> None:
        """Do what the reader says, until it goes away."""
        while True:
            text = await self._heard()
            try:
                wish = _Wish.model_validate_json(text)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                where = ".".join(str(part) for part in first["loc"])
                self._refuse("", f"{where}: {first['msg']}".strip(": "))
                continue
            await self._carry_out(wish)

    async def hear(self) -> None:
        """Listen to nothing, until the reader goes away."""
        while True:
            await self._heard()

    async def _heard(self) -> str:
        while len(self._replies) >= _REPLIES:
            # who asks without reading the answers is heard no more until it does
            self._room.clear()
            await self._room.wait()
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if self._words.wait_s(""):
            raise _Over(POLICY, "too many messages")
        return str(message.get("text") or "")

    async def _carry_out(self, wish: _Wish) -> None:
        match wish.op:
            case "ping":
                self.reply(type="pong", time=self._now())
            case "subscribe":
                self._subscribe(wish)
            case "unsubscribe":
                place = self._places.pop(wish.topic, None)
                if place is not None:
                    place.topic.leave(self._wake.set)
                self.reply(type="unsubscribed", topic=wish.topic)
            case _:
                self._refuse(wish.topic, "op is subscribe, unsubscribe or ping")

    def _subscribe(self, wish: _Wish) -> None:
        if wish.topic in self._places:
            self._refuse(wish.topic, "it is followed already")
            return
        if len(self._places) >= self._bridge.settings.max_topics:
            self._refuse(wish.topic, f"at most {self._bridge.settings.max_topics} topics")
            return
        try:
            name = TopicName(wish.topic)
            if name.kind == OLDER:
                raise UnknownTopicError("there is no such topic")
        except UnknownTopicError as error:
            self._refuse(wish.topic, str(error))
            return
        self.follow(name, wish.resume)

    def follow(self, name: TopicName, resume: _Resume | None) -> None:
        """Take a place in a topic, where the reader left it if it comes back."""
        topic = self._bridge.hub.topic(name)
        if resume is None:
            place = Place(topic)
        else:
            place = Place(topic, epoch=resume.epoch, after=resume.seq)
        topic.join(self._wake.set)
        self._places[name.text] = place
        if not self._is_plain:
            self.reply(type="subscribed", topic=name.text, epoch=topic.epoch, seq=topic.seq)
        self._wake.set()

    # --- what goes -------------------------------------------------------------------------------

    def reply(self, **told: Any) -> None:
        """Tell the reader something that is of no topic's stream."""
        self._replies.append(json.dumps(told, separators=(",", ":")))
        self._wake.set()

    def end(self, over: _Over) -> None:
        """End the conversation behind what is still to be told."""
        self._over = over
        self._wake.set()

    def _refuse(self, topic: str, detail: str) -> None:
        self.reply(type="error", topic=topic, data={"title": "Not understood", "detail": detail})

    async def _write(self) -> None:
        checked = self._clock.monotonic()
        while True:
            self._wake.clear()
            if not await self._write_once():
                if self._over is not None:
                    raise self._over
                await self._rest()
            if self._clock.monotonic() - checked >= self._bridge.settings.heartbeat_s:
                checked = self._clock.monotonic()
                if not self._still():
                    raise _Over(POLICY, "the token is good no more")

    async def _write_once(self) -> bool:
        """Write what there is, of each topic a little; tell whether there was anything."""
        is_any = False
        while self._replies:
            is_any = True
            await self._send(self._replies.popleft())
            self._room.set()
        for name, place in tuple(self._places.items()):
            if not place.is_behind:
                self._drop_ended(name, place.topic)
                continue
            is_any = True
            taken = place.take()
            if taken.missed is not None:
                await self._send(self._missed(name, taken.missed))
            for text in taken.texts:
                await self._send(text)
        return is_any

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._bridge.settings.heartbeat_s):
                await self._wake.wait()
        except TimeoutError:
            await self._send(json.dumps(self._heartbeat(), separators=(",", ":")))

    def _drop_ended(self, name: str, topic: Topic) -> None:
        if not topic.is_over:
            return
        del self._places[name]
        topic.leave(self._wake.set)
        if self._is_plain:
            self.end(_Over(TRY_LATER, "the quotes have ended"))

    def _heartbeat(self) -> Mapping[str, Any]:
        seqs = {name: place.topic.seq for name, place in self._places.items()}
        told = {"type": "heartbeat", "time": self._now()}
        return told if self._is_plain else {**told, "topics": seqs}

    def _missed(self, name: str, missed: Missed) -> str:
        kind = "lagged" if missed.reason == "lagged" else "gap"
        told = {"type": kind, "topic": name, "missed": missed.count, "reason": missed.reason}
        if self._is_plain:
            del told["topic"]
        return json.dumps(told, separators=(",", ":"))

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._socket.send_text(text)
        except TimeoutError as error:
            raise WebSocketDisconnect(1006, "it reads nothing") from error

    async def _until_closing(self) -> None:
        await self._bridge.closing.wait()
        raise _Over(GOING_AWAY, "the bridge is being shut down")

    async def _say_goodbye(self, over: _Over) -> None:
        try:
            async with asyncio.timeout(1.0):
                if not self._is_plain or over.code == GOING_AWAY:
                    told = {"type": "closing", "code": over.code, "reason": str(over)}
                    await self._socket.send_text(json.dumps(told, separators=(",", ":")))
                await self._socket.close(over.code, str(over))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            # it has gone, or reads nothing: then there is nobody to tell
            return

    def _now(self) -> str:
        return utc_text(self._clock.utcnow())
