"""
The socket of one session: connecting in phases, reading, writing, ending.

Owns the bytes: when those of an order have left, when the last one came, and why the socket is
gone. Refuses to know what a message means: the decoder hands each to the wrapper.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ib_async.client import Client
from ib_async.connection import Connection

from ibkr_connector.errors import (
    ConfigurationError,
    ConnectionLostError,
    GatewayUnavailableError,
    IBKRError,
    NotConnectedError,
)
from ibkr_connector.model.orders import SendDisposition

from .capture import Tap
from .collector import undisturbed
from .decoder import UNREADABLE, HonestDecoder
from .fast_decoder import FastDecoder
from .fields import encode
from .frames import FrameError, Framer, frame
from .outlet import Outlet
from .phase import Phase
from .port import DisconnectReason
from .runs import LEAST, runs_of

if TYPE_CHECKING:
    from .wide_reads import Sieve

__all__ = ["GatewayClient", "Phase"]

_log = logging.getLogger(__name__)

_SOCKET_OPTIONS: Final = (
    ("SOL_SOCKET", "SO_KEEPALIVE", 1),
    ("IPPROTO_TCP", "TCP_NODELAY", 1),
    ("IPPROTO_TCP", "TCP_KEEPIDLE", 30),
    ("IPPROTO_TCP", "TCP_KEEPINTVL", 10),
    ("IPPROTO_TCP", "TCP_KEEPCNT", 3),
    ("IPPROTO_TCP", "TCP_USER_TIMEOUT", 60_000),
)
"""What is set where the system has it; a dead peer is then noticed within a minute or so."""

_NEXT_VALID_ID: Final = "9"
_MANAGED_ACCOUNTS: Final = "15"

_CALL_OFF: Final = frozenset({2, 11, 25, 51, 56, 57, 90, 98})
"""Messages that end a request by its own id (ibapi message.py): nobody waits for their effect."""


_LONG: Final = 256
"""No message is as long as this that has a lane, but for bars."""

_BARS: Final = b"17\0"

_MANY: Final = 256
"""Messages of one read from which on the collector of cycles had better wait."""


class Socket(Connection):
    """The transport's protocol object; tells when the write buffer is empty."""

    def __init__(
        self, *, received: Callable[[bytes], None], lost: Callable[[Exception | None], None]
    ) -> None:
        super().__init__()
        self._received = received
        self._lost = lost
        self._flushed = asyncio.Event()
        self._flushed.set()
        self.closed = asyncio.Event()
        self.tap: Tap | None = None

    def connection_made(self, transport: Any) -> None:
        """Set the socket's options, and ask to be told of every byte that has to wait."""
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        raw: socket.socket = transport.get_extra_info("socket")
        for level, option, value in _SOCKET_OPTIONS:
            if hasattr(socket, option):
                raw.setsockopt(getattr(socket, level), getattr(socket, option), value)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on without an event in between."""
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody who waits for the buffer, then tell the client."""
        self.transport = None
        self._flushed.set()
        self.closed.set()
        self._lost(exc)

    def pause_writing(self) -> None:
        """Bytes wait in the buffer."""
        self._flushed.clear()

    def resume_writing(self) -> None:
        """The buffer is empty: the system has taken every byte."""
        self._flushed.set()

    @property
    def is_ending(self) -> bool:
        """Whether what is written from now on goes nowhere, whether or not that was told yet."""
        return self.transport is None or bool(self.transport.is_closing())

    async def flushed(self) -> None:
        """Return when no byte waits in this process, or when there is no socket any more."""
        while self.transport is not None and not self._flushed.is_set():
            await self._flushed.wait()

    def sendMsg(self, msg: bytes) -> None:
        """Write bytes; whoever listens in hears of them first."""
        if self.transport is not None and self.tap is not None:
            self.tap.sent(msg)
        super().sendMsg(msg)

    def disconnect(self) -> None:
        """Drop the connection and what waits in the buffer."""
        if self.transport is not None:
            self.transport.abort()


class GatewayClient(Client):
    """
    ib_async's client with another way in and another way out.

    In: offsets instead of copies, one hello and one login with an error of their own. Out: every
    field is checked, orders go straight to the socket. ib_async's throttle stays behind the
    requests as a net; the pacing above keeps it empty, and it is an alarm when it is not.
    """

    decoder: HonestDecoder
    conn: Socket

    def __init__(
        self,
        wrapper: Any,
        *,
        on_end: Callable[[DisconnectReason, str], None],
        tap: Tap | None = None,
        outlet: Outlet | None = None,
    ) -> None:
        super().__init__(wrapper)
        self._outlet = outlet
        if outlet is not None:
            self.MaxRequests = outlet.net_limit
        self.decoder = FastDecoder(wrapper, 0)
        self.conn = Socket(received=self._on_bytes, lost=self._on_lost)
        self.conn.tap = self._tap = tap
        self.phase = Phase.NAME
        self.greeting = ""
        self.throttled = 0
        self._framer = Framer()
        self.sieve: Sieve | None = None
        self._on_end = on_end
        self._held: list[str] | None = None
        self._defer: Callable[[str], None] | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order_turn = asyncio.Lock()
        self.throttleStart += self._on_throttle

    # --- connecting -----------------------------------------------------------------------------

    async def open(self, host: str, port: int, client_id: int) -> None:
        """
        Connect, greet and log in; has no deadline of its own.

        Raises:
            GatewayUnavailableError: It hung up, or it is no gateway.
            ConfigurationError: It is older than the oldest version we speak.
            ClientIdInUseError: It said so.
            OSError: As the system reports it, from the TCP connect.
        """
        self.host, self.port, self.clientId = host, port, client_id
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.conn, host, port)
        self.phase = Phase.GREETING
        versions = b"v%d..%d" % (self.MinClientVersion, self.MaxClientVersion)
        self.conn.sendMsg(b"API\0" + frame(versions))
        await self._ready

    def refuse(self, error: IBKRError) -> None:
        """End the connecting with an error; a no-op when it is over."""
        if not self._ready.done():
            self._ready.set_exception(error)

    def _shake_hands(self, fields: list[str]) -> bool:
        """Take a message of the login, and tell whether it is one to be decoded."""
        if self.phase is Phase.GREETING:
            self._greeted(fields)
            return False
        # Both start the session, in either order (facts: connectivity lifecycle).
        if fields[0] == _NEXT_VALID_ID:
            self.updateReqId(int(fields[2]))
            self._hasReqId = True
        elif fields[0] == _MANAGED_ACCOUNTS:
            self._accounts = [account for account in fields[2].split(",") if account]
        if self._hasReqId and self._accounts:
            self._apiReady = True
            self.phase = Phase.OPEN
            if not self._ready.done():
                self._ready.set_result(None)
        return True

    def _greeted(self, fields: list[str]) -> None:
        try:
            version, self.greeting = fields
            self._serverVersion = int(version)
        except ValueError:
            self.refuse(_no_gateway(f"found a first message of {len(fields)} fields"))
            return
        if self._serverVersion < self.MinClientVersion:
            self.refuse(
                ConfigurationError(
                    f"expected server version {self.MinClientVersion} or newer, "
                    f"found {self._serverVersion}",
                    hint="update TWS or IB Gateway",
                )
            )
            return
        self.decoder.begin(self._serverVersion)
        self.connState = Client.CONNECTED
        self.phase = Phase.LOGIN
        self.startApi()

    @property
    def has_accounts(self) -> bool:
        """Whether the gateway has named an account yet; it has none before somebody logs it in."""
        return bool(self._accounts)

    @property
    def next_id(self) -> int:
        """The next order id, not taken."""
        return int(self._reqIdSeq)

    # --- in -------------------------------------------------------------------------------------

    def _on_bytes(self, data: bytes) -> None:
        self._numBytesRecv += len(data)
        self.wrapper.tcpDataArrived()
        is_thick = not self._apiReady or (self._tap is not None and self._tap.hears)
        try:
            payloads = self._framer.feed(data, None if is_thick else self._thin)
        except FrameError as exc:
            self.refuse(_no_gateway(str(exc)))
            self.end(DisconnectReason.PEER, str(exc))
            return
        self._numMsgRecv += len(payloads)
        in_runs = len(payloads) >= LEAST and not is_thick and self.wrapper.takes_runs
        read = self._read_runs if in_runs else self._read
        if len(payloads) < _MANY:
            hears_on = read(payloads)
        else:
            with undisturbed():
                hears_on = read(payloads)
        if hears_on:
            self.wrapper.tcpDataProcessed()

    def _read(self, payloads: list[bytes]) -> bool:
        """Take messages one by one; tell whether the session hears what follows them."""
        wrapper, tap = self.wrapper, self._tap
        is_heard = tap is not None and tap.hears
        # a lane calls nobody, so only what takes the long way can have changed any of this
        is_ready, lane_of = self._apiReady, self.decoder.lanes.get
        for payload in payloads:
            # a session that has ended, or a login that has been given up, hears no more
            if not is_ready and (self.phase is Phase.CLOSED or self._ready.done()):
                return False
            if is_heard and tap is not None:
                tap.received(payload)
            if is_ready:
                if len(payload) < _LONG:
                    parts = payload.split(b"\0")
                    lane = lane_of(parts[0])
                    if lane is not None and lane(parts):
                        continue
                elif payload.startswith(_BARS) and self.decoder.bars_lane(payload):
                    continue
            fields = payload.decode(errors="backslashreplace").split("\0")
            fields.pop()
            try:
                if is_ready or self._shake_hands(fields):
                    self.decoder.decode(fields)
            except UNREADABLE as exc:
                wrapper.unreadable(fields, exc)
            # Outside of the net above: what the sink raises is no fault of the message.
            wrapper.deliver()
            is_ready = self._apiReady
            is_heard = tap is not None and tap.hears
        return True

    def _read_runs(self, payloads: list[bytes]) -> bool:
        """As `_read`, but those that are alike together, where that is possible."""
        return all(self.decoder.take_run(run) or self._read(run) for run in runs_of(payloads))

    def _thin(self, data: bytes) -> tuple[list[bytes], int] | None:
        """Leave out what a later message of a large read replaces."""
        if self.sieve is None or (thinned := self.sieve.thin(data)) is None:
            return None
        self._numMsgRecv += thinned.passed_over
        return thinned.payloads, thinned.stop

    # --- out ------------------------------------------------------------------------------------

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:
        """
        Encode a message and hand it to the throttle, which passes it on at once.

        Raises:
            NotConnectedError: There is no socket; nothing was sent.
            OrderValidationError, ContractError, IBKRError: A field cannot be written.
        """
        # first of all: one that cannot be written must not leave this to the next, an order say
        take, self._defer = self._defer, None
        if not self.isConnected():
            raise NotConnectedError("there is no session")
        message = encode(fields, make_empty=makeEmpty).decode()
        if take is not None:
            take(message)
        elif self._held is not None:
            self._held.append(message)
        elif self._outlet is not None and fields[0] in _CALL_OFF:
            self._outlet.post(lambda: self.sendMsg(message) if self.isConnected() else None)
        else:
            if self._outlet is not None:
                self._outlet.sent()
            self.sendMsg(message)

    def defer(self, take: Callable[[str], None]) -> None:
        """Hand the next message over instead of sending it; whoever takes it sends it later."""
        self._defer = take

    @contextlib.contextmanager
    def hold(self) -> Iterator[list[str]]:
        """Collect the messages of ib_async's request methods instead of sending them."""
        held: list[str] = []
        self._held = held
        try:
            yield held
        finally:
            self._held = None

    async def write_through(self, messages: list[str]) -> None:
        """
        Write messages past the throttle, in one piece, and return when their bytes have left.

        A message that waits in a queue of ours when the socket dies is lost without a trace
        (ib_async clears its queue). So these wait until nothing is ahead of them, and then go to
        the system at once; calls are served in the order in which they came.

        Raises:
            NotConnectedError: The socket was gone before the first byte.
            ConnectionLostError: The socket ended before the system had taken every byte.
        """
        async with self._order_turn:
            await self.conn.flushed()
            if self.conn.is_ending or not self.isConnected():
                raise NotConnectedError(
                    "the session ended before anything was sent",
                    disposition=SendDisposition.UNSENT,
                )
            if self._outlet is not None:
                self._outlet.sent(len(messages))
            self.conn.sendMsg(b"".join([frame(message.encode()) for message in messages]))
            self._timeQ.extend([asyncio.get_running_loop().time()] * len(messages))
            await self.conn.flushed()
            if self.conn.is_ending:
                raise ConnectionLostError(
                    "the session ended while the order was being written",
                    replay_safe=False,
                    disposition=SendDisposition.MAYBE_WRITTEN,
                )

    def _on_throttle(self) -> None:
        self.throttled += 1
        if self._outlet is not None:
            self._outlet.alarm()
        _log.error(
            "%d requests wait in ib_async's throttle; pacing let too many pass", len(self._msgQ)
        )

    # --- ending ---------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """End the session; also reached by `ib.disconnect()` of the escape hatch."""
        self.end(DisconnectReason.ASKED, "closed by us")

    def end(self, reason: DisconnectReason, detail: str) -> None:
        """Drop the socket and say why; only the first call counts."""
        if self.phase is Phase.CLOSED:
            return
        self.phase, phase = Phase.CLOSED, self.phase
        self.refuse(_hung_up(phase))
        if not self._ready.cancelled():
            self._ready.exception()
        self.conn.disconnect()
        if self._tap is not None:
            self._tap.ended(by_us=reason is not DisconnectReason.PEER)
        self._msgQ.clear()
        self.connState = Client.DISCONNECTED
        self._apiReady = False
        self._on_end(reason, detail)

    async def closed(self) -> None:
        """Return when the system has closed the socket."""
        if self.conn.transport is not None:
            await self.conn.closed.wait()

    def _on_lost(self, exc: Exception | None) -> None:
        self.end(DisconnectReason.PEER, str(exc) if exc else "the gateway closed the connection")


def _no_gateway(found: str) -> GatewayUnavailableError:
    return GatewayUnavailableError(
        f"expected TWS or IB Gateway, {found}",
        hint="the port belongs to another program; check host and port",
    )


def _hung_up(phase: Phase) -> GatewayUnavailableError:
    if phase is Phase.GREETING:
        return GatewayUnavailableError(
            "the connection was closed without a greeting",
            hint="is this TWS or IB Gateway, and are socket clients enabled?",
        )
    return GatewayUnavailableError(
        "the gateway closed the connection during login",
        hint="add this host to the trusted addresses, or wait until the gateway has restarted",
    )
