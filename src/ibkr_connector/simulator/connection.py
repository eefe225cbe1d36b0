"""
One socket: carries bytes between it and a session, past the faults.

Owns what is on its way in both directions. What the faults make of it is the edge's decision;
what a request means is the session's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Protocol, cast

from ibkr_connector.clock import Clock

from .dialogue import ClientSession, Gateway
from .dialogue.gateway import Exchange
from .dialogue.times import write_connection_time
from .faults import Edge, FaultBox, Stage
from .faults.fault import Deed, Do, End, FillOrder, Line, Said, Say, Step, Wait
from .faults.pipe import Pipe
from .wire.connection import Greeting, ServerConnection
from .wire.errors import RemoteProtocolError
from .wire.frames import encode_frame
from .wire.replies import ErrorMessage, Reply
from .wire.requests import Request, StartApi

__all__ = ["Connection", "House"]

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset."""

_PACE_S: Final = 0.1

_MOST_UNREAD: Final = 32 * 1024 * 1024
"""A client that leaves so many bytes unread is given up (assumed)."""

_log: Final = logging.getLogger("ibkr_connector.simulator")


class House(Protocol):
    """What a connection needs of the simulator that it belongs to."""

    clock: Clock
    faults: FaultBox
    gateway: Gateway

    @property
    def server_version(self) -> int:
        """Newest version to speak."""
        ...

    def enter(self, connection: Connection) -> int | None:
        """Take a new socket in and number it; `None`: there is no room."""
        ...

    def forget(self, connection: Connection) -> None:
        """A socket is gone."""
        ...

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something at a later moment of the clock."""
        ...

    def flush(self) -> None:
        """Hand what was said to all sockets."""
        ...

    def perform(self, deeds: Iterable[Deed]) -> None:
        """Do what faults ask for."""
        ...

    def fill_order(self, client_id: int, order_id: int) -> None:
        """Move the market so that an order is filled."""
        ...


class Connection(asyncio.Protocol):
    """One socket of one client."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._wire = ServerConnection(newest=house.server_version)
        self._edge = Edge(house.faults, Line())
        self._session: ClientSession | None = None
        self._transport: asyncio.Transport | None = None
        self._inbox = Pipe()
        self._outbox = Pipe()
        self._segments: deque[bytes] = deque()
        self._is_silent = False
        self._is_over = False
        self._is_reading = True
        self._is_full = False
        self._is_paused = False
        self._ends_behind = False
        self._wake_at: float | None = None

    @property
    def number(self) -> int:
        """The how manieth socket it is."""
        return self._edge.line.number

    @property
    def client_id(self) -> int | None:
        """Who it is; `None` until it was said."""
        return self._edge.line.client_id

    # --- what asyncio calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        number = self._house.enter(self)
        if number is None:
            self.end()
            return
        self._edge.line.number = number
        self._edge.line.opened_at = self._now
        refusal = self._edge.refusal(self._now)
        if refusal is not None:
            self.end(reset=refusal.reset)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._leave()
        self._wire.close()

    def data_received(self, data: bytes) -> None:
        self._inbox.put(data, self._now)
        self.flush()

    def pause_writing(self) -> None:
        # a client that does not read is not read from either, so nothing grows without bound
        self._is_full = True
        self._pause_streams()
        self._keep_reading()

    def resume_writing(self) -> None:
        self._is_full = False
        self._pause_streams()
        self.flush()

    # --- what the simulator calls ----------------------------------------------------------------

    def end(self, *, reset: bool = False) -> None:
        """Drop the socket at once; what was not written is lost."""
        self._is_over = True
        transport = self._transport
        if transport is not None:
            if reset and not transport.is_closing():
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                )
            transport.abort()
        self._leave()

    def finish(self) -> None:
        """Close the socket behind what was said; nothing more is read."""
        self._ends_behind = True
        if self._session is not None:
            self._session.leave()
        self._write()

    def flush(self) -> None:
        """Read what may be read, and write what was said and may go."""
        if self._is_over:
            return
        if self._edge.is_half_open(self._now):
            self._pause_streams(is_paused=True)
            self._keep_reading()
            return
        self._pause_streams()
        data = self._inbox.take(self._now, bytes_per_s=self._edge.read_rate(self._now))
        if data:
            self._read(data)
        if self._session is not None and not self._is_over:
            self._say(self._session.take())
        self._write()
        self._keep_reading()
        if self._outbox.size > _MOST_UNREAD:
            _log.warning("client %s does not read what it is sent", self.client_id)
            self.end()

    def tell(self, code: int, text: str) -> None:
        """Say something that belongs to no request."""
        if self._has_started():
            self._say([ErrorMessage(request_id=-1, code=code, text=text)])

    def tell_streams(self, of: Iterable[str], code: int, text: str) -> None:
        """Say something under the id of every open stream of some kinds."""
        streams = self._edge.streams.of(of)
        self._say([ErrorMessage(request_id=one, code=code, text=text) for one, _, _ in streams])

    def end_streams(self, of: Iterable[str], *, again: bool) -> None:
        """End every open stream of some kinds without a word, or begin it anew."""
        for _, request, closing in self._edge.streams.of(of):
            self._do_unasked(closing)
            if again:
                self._say(self._do_unasked(request), request)
            else:
                self._edge.streams.note(closing)

    def _do_unasked(self, request: Request) -> list[Reply]:
        session = self._session
        if session is None or self._is_over:
            return []
        session.handle(request, self._house.clock.utcnow())
        # the log is of what clients asked
        self._house.gateway.log.pop()
        return session.take()

    def _has_started(self) -> bool:
        return self._session is not None and self.client_id is not None and not self._is_over

    # --- reading --------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self._house.clock.monotonic()

    def _keep_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        reads = not (self._edge.is_half_open(self._now) or self._inbox.size or self._is_full)
        if reads and not self._is_reading:
            transport.resume_reading()
        elif self._is_reading and not reads:
            transport.pause_reading()
        self._is_reading = reads
        if self._inbox.size:
            self._wake(self._now + _PACE_S)

    def _pause_streams(self, *, is_paused: bool = False) -> None:
        # what a client cannot take comes conflated when it can: the newest state alone
        wanted = is_paused or self._is_full
        if self._session is not None and wanted != self._is_paused:
            self._is_paused = wanted
            self._session.streams.is_paused = wanted

    def _read(self, data: bytes) -> None:
        if self._is_deaf():
            return
        cut = self._edge.cut_within(len(data), self._now, received=True)
        # the gateway reads exactly so many bytes, does what they mean, and is gone
        self._wire.receive_data(data if cut is None else data[: cut[0]])
        try:
            for event in self._wire.events():
                if isinstance(event, Greeting):
                    self._greet(event)
                else:
                    self._request(event)
                if self._is_deaf():
                    break
                if cut is None:
                    # answered as it is handled, and not when all that came with it is
                    self._write()
        except RemoteProtocolError as error:
            _log.warning("a client broke the protocol: %s", error)
            self.end()
        if cut is not None:
            self.end(reset=cut[1])
        # others may have been told of it
        self._house.flush()

    def _is_deaf(self) -> bool:
        return self._is_over or self._is_silent or self._ends_behind

    def _greet(self, greeting: Greeting) -> None:
        self._edge.line.version = greeting.version
        self._edge.line.options = greeting.options
        if self._edge.is_silenced(Stage.HELLO, self._now):
            self._is_silent = True
            return
        moment = self._house.clock.utcnow() + timedelta(seconds=self._edge.skew_s(self._now))
        said = write_connection_time(moment)
        told, encoding = self._edge.hello(said, self._now)
        self._wire.send_version(said)
        data = self._wire.data_to_send()
        if (told, encoding) != (said, "utf-8"):
            data = encode_frame(f"{greeting.version}\0{told}\0".encode(encoding))
        self._outbox.put(data, self._edge.due(self._now))

    # --- requests -------------------------------------------------------------------------------

    def _request(self, request: Request) -> None:
        if self._session is None:
            self._session = ClientSession(self._house.gateway, self._wire.version)
        if not self._house.faults.armed:
            self._do(request)
            return
        steps = self._edge.steps(request, self._now, self._house.clock.utcnow())
        if not any(isinstance(step, Do | Wait) for step in steps):
            self._log_undone(request, steps)
        elif self._session.client_id < 0 and not isinstance(request, StartApi):
            # a fault has swallowed its start: to the gateway it is nobody
            return
        for step in steps:
            if self._is_over or self._ends_behind:
                return
            self._take(step, request)

    def _take(self, step: Step, request: Request) -> None:
        match step:
            case Do(request=wanted, quiet=quiet):
                self._do(wanted, quiet=quiet)
            case Wait(seconds=seconds, request=wanted):
                self._house.later(seconds, lambda: self._do_late(wanted))
            case Say(replies=replies):
                self._say(replies, request)
            case FillOrder(order_id=order_id):
                self._house.fill_order(self.client_id or 0, order_id)
                assert self._session is not None
                self._say(self._session.take(), request)
            case End(reset=True):
                self._write()
                self.end(reset=True)
            case End():
                self.finish()

    def _do(self, request: Request, *, quiet: bool = False) -> None:
        assert self._session is not None
        if isinstance(request, StartApi):
            self._edge.line.client_id = request.client_id
        self._session.handle(request, self._house.clock.utcnow())
        replies = self._session.take()
        self._edge.streams.note(request, replies)
        if isinstance(request, StartApi):
            self._is_silent = self._edge.is_silenced(Stage.START, self._now)
        if not quiet and not self._is_silent:
            self._say(replies, request)
        if self._session.is_refused:
            self.finish()

    def _do_late(self, request: Request) -> None:
        if not self._is_over:
            self._do(request)

    def _log_undone(self, request: Request, steps: Iterable[Step]) -> None:
        told = tuple(reply for step in steps if isinstance(step, Say) for reply in step.replies)
        who = self.client_id
        self._house.gateway.log.append(
            Exchange(client_id=-1 if who is None else who, request=request, replies=told)
        )

    # --- replies --------------------------------------------------------------------------------

    def _say(self, replies: Iterable[Reply], request: Request | None = None) -> None:
        if self._is_silent or self._ends_behind:
            return
        if not self._house.faults.armed and not self._house.faults.stalls:
            for reply in replies:
                self._wire.send(reply)
            self._outbox.put(self._wire.data_to_send(), self._now)
            return
        clock = self._house.clock
        burst = self._edge.burst(replies, self._now, clock.utcnow(), request=request)
        if burst:
            self._send([said for said in burst if not said.late_s])
        for said in burst:
            if said.late_s:
                self._send_later(said)

    def _send_later(self, said: Said) -> None:
        def send() -> None:
            if not self._is_over:
                self._send([said])

        self._house.later(said.late_s, send)

    def _send(self, burst: Iterable[Said]) -> None:
        due = self._edge.due(self._now)
        for said in burst:
            if self._ends_behind:
                return
            frame = self._edge.frame(said, self._now)
            self._outbox.put(frame.data, due)
            self._ends_behind = frame.is_last
            if said.then is not None:
                self._then(*said.then)

    def _then(self, seconds: float, deed: Deed) -> None:
        self._house.later(seconds, lambda: self._house.perform([deed]))

    # --- writing --------------------------------------------------------------------------------

    def _write(self) -> None:
        if self._transport is None or self._transport.is_closing() or self._is_full:
            return
        now = self._now
        data = self._outbox.take(now, bytes_per_s=self._edge.write_rate(now))
        if data:
            cut = self._edge.cut_within(len(data), now, received=False)
            if cut is not None:
                self._ends_behind = True
                self._outbox = Pipe()
                data = data[: cut[0]]
            self._put(data, self._edge.segment(now))
        due = self._outbox.next_due()
        if due is not None:
            self._wake(max(due, now + _PACE_S) if due <= now else due)
        elif self._ends_behind and not self._segments:
            # the last bytes reach the peer before the end does
            self._transport.close()

    def _put(self, data: bytes, size: int | None) -> None:
        assert self._transport is not None
        if size is None and not self._segments:
            self._transport.write(data)
            return
        step = size or len(data)
        is_idle = not self._segments
        self._segments.extend(data[at : at + step] for at in range(0, len(data), step))
        if is_idle:
            self._put_segment()

    def _put_segment(self) -> None:
        # one a round of the loop, so that each is a segment of its own
        if self._is_over or self._transport is None or not self._segments:
            return
        self._transport.write(self._segments.popleft())
        if self._segments:
            asyncio.get_running_loop().call_soon(self._put_segment)
        elif self._ends_behind and self._outbox.next_due() is None:
            self._transport.close()

    def _wake(self, at: float) -> None:
        now = self._now
        if self._wake_at is not None and now < self._wake_at <= at:
            return
        self._wake_at = at
        self._house.later(at - now, self._woken)

    def _woken(self) -> None:
        self._wake_at = None
        self.flush()

    def _leave(self) -> None:
        self._house.forget(self)
        if self._session is not None:
            self._session.leave()
