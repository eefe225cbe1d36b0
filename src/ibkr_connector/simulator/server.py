"""
The simulator as a server: sockets and time around the gateway, and nothing else.

    async with GatewaySimulator() as gw:
        ...  # clients connect to gw.host, gw.port
        await gw.advance(60)  # with a ManualClock
    gw.check()

On a thread of its own, for programs that are not asyncio or that have several loops:

    with GatewaySimulator.in_thread() as gw:
        gw.do(lambda simulator: simulator.cut())
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from ibkr_connector.clock import Clock, ManualClock, SystemClock

from .dialogue import ClientSession, Gateway, Permissions
from .dialogue.gateway import Exchange
from .dialogue.times import write_connection_time
from .exchange.instruments import Catalogue
from .exchange.listing import default_catalogue
from .exchange.models import DisplayedSize
from .exchange.tape import SeededTape, Tape
from .exchange.venue import Venue
from .faults import Fault, FaultBox, Stage
from .hosting import Hosted
from .wire.connection import Greeting, ServerConnection
from .wire.errors import RemoteProtocolError
from .wire.replies import Reply
from .wire.requests import StartApi
from .wire.versions import NEWEST

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_START", "GatewaySimulator", "HostedSimulator"]

T = TypeVar("T")

DEFAULT_ACCOUNT: Final = "DU1234567"
DEFAULT_CASH: Final = Decimal(1_000_000)
DEFAULT_START: Final = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
"""A Wednesday morning in New York: where stepped clocks begin unless they are told otherwise."""

_TICK_S: Final = 0.1
_STEP_S: Final = 1.0

_log: Final = logging.getLogger("ibkr_connector.simulator")


class GatewaySimulator:
    """
    A TWS gateway on a TCP port, with accounts and a market behind it.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        accounts: Account ids, each with its cash in USD; one paper account when not given.
        tape: Where prices come from; a seeded market when not given.
        seed: Seed of that market, and of the sizes that it displays.
        clock: `SystemClock` and `ScaledClock` run by themselves; a `ManualClock` stands still and
            is moved by `advance`.
        server_version: Newest version to speak, 157 to 178.
        permissions: What the login may do.
        faults: Faults that are armed from the beginning.
        catalogue: What is listed; a few dozen well-known instruments when not given.
        next_order_id: First valid order id of every client.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        accounts: Mapping[str, Decimal] | None = None,
        tape: Tape | None = None,
        seed: int = 1,
        clock: Clock | None = None,
        server_version: int = NEWEST,
        permissions: Permissions | None = None,
        faults: Sequence[Fault] = (),
        catalogue: Catalogue | None = None,
        next_order_id: int = 1,
    ) -> None:
        self.host = host
        self.port = port
        self.clock: Clock = clock or SystemClock()
        self.faults = FaultBox()
        for fault in faults:
            self.faults.add(fault)
        self._accounts = dict(accounts or {DEFAULT_ACCOUNT: DEFAULT_CASH})
        self._tape = tape or SeededTape(seed)
        self._seed = seed
        self._catalogue = catalogue or default_catalogue(self.clock.utcnow().date())
        self._server_version = server_version
        self._permissions = permissions or Permissions()
        self._next_order_id = next_order_id
        self._session_number = 0
        self.gateway = self._fresh_gateway()
        self.connections: set[_Connection] = set()
        self.accepted = 0
        self._order = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        if not isinstance(self.clock, ManualClock):
            self._ticking = asyncio.create_task(self._tick_for_ever(), name="simulator-tick")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        self.cut()
        # an aborted transport closes its socket in the loop's next round
        await asyncio.sleep(0)
        await self._server.wait_closed()

    # --- looking --------------------------------------------------------------------------------

    @property
    def venue(self) -> Venue:
        """The market and the accounts, as they are."""
        return self.gateway.venue

    @property
    def log(self) -> Sequence[Exchange]:
        """Every request so far, with what it was answered at once."""
        return tuple(self.gateway.log)

    def check(self) -> None:
        """
        Raise when a client asked for something that is not simulated.

        Raises:
            AssertionError: What was asked, by which client.
        """
        if self.gateway.unsupported:
            raise AssertionError("not simulated: " + "; ".join(self.gateway.unsupported))

    # --- acting ---------------------------------------------------------------------------------

    def inject(self, fault: Fault) -> None:
        """Arm a fault."""
        self.faults.add(fault)

    def clear_faults(self) -> None:
        """Disarm all faults; what they did stays done."""
        self.faults.clear()

    def cut(self) -> None:
        """Drop every socket, without a word."""
        for connection in list(self.connections):
            connection.abort()

    def notice(self, code: int, text: str) -> None:
        """Say something to every client that belongs to no request, such as 1100."""
        self.gateway.notice(code, text)
        self.flush()

    def restart(self, *, keep_state: bool = True) -> None:
        """Restart the gateway: all sockets drop; orders and accounts stay, or are gone."""
        self.cut()
        if not keep_state:
            self.gateway = self._fresh_gateway()

    async def advance(self, seconds: float) -> None:
        """
        Move a `ManualClock` on, second by second, and hand what follows to the sockets.

        Raises:
            TypeError: The clock runs by itself.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError(f"a {type(self.clock).__name__} runs by itself")
        left = seconds
        while left > 0:
            step = min(left, _STEP_S)
            self.clock.advance(step)
            left -= step
            self.tick()
            await asyncio.sleep(0)

    def tick(self) -> None:
        """Bring market and clients to the clock's moment."""
        while self._later and self._later[0][0] <= self.clock.monotonic():
            heapq.heappop(self._later)[2]()
        self.gateway.tick(self.clock.utcnow())
        self.flush()

    def flush(self) -> None:
        """Hand what was said to the sockets."""
        for connection in list(self.connections):
            connection.flush()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something at a later moment of the clock."""
        heapq.heappush(self._later, (self.clock.monotonic() + seconds, next(self._order), act))

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.tick()

    def _fresh_gateway(self) -> Gateway:
        self._session_number += 1
        venue = Venue(
            catalogue=self._catalogue,
            tape=self._tape,
            accounts=dict(self._accounts),
            sizes=DisplayedSize(self._seed),
            session=int(self.clock.utcnow().timestamp()) + self._session_number,
        )
        return Gateway(
            venue=venue, permissions=self._permissions, first_order_id=self._next_order_id
        )

    # --- on a thread ----------------------------------------------------------------------------

    @classmethod
    @contextmanager
    def in_thread(
        cls, make: Callable[[], GatewaySimulator] | None = None
    ) -> Iterator[HostedSimulator]:
        """
        Run a simulator on a thread of its own; returns when it accepts.

        Args:
            make: Makes the simulator, on that thread; one with all defaults when not given.
        """
        with Hosted(make or cls, name="gateway-simulator") as hosted:
            yield HostedSimulator(hosted)


class HostedSimulator:
    """A simulator on a thread of its own; whatever goes wrong there is raised here."""

    def __init__(self, hosted: Hosted[GatewaySimulator]) -> None:
        self._hosted = hosted

    @property
    def host(self) -> str:
        """Address it listens on."""
        return self._hosted.value.host

    @property
    def port(self) -> int:
        """Port it listens on."""
        return self._hosted.value.port

    def do(self, act: Callable[[GatewaySimulator], T]) -> T:
        """Run something on the simulator's own thread and return what it returns."""

        async def acting(simulator: GatewaySimulator) -> T:
            return act(simulator)

        return self._hosted.wait(acting)

    def wait(self, act: Callable[[GatewaySimulator], Coroutine[Any, Any, T]]) -> T:
        """Run something awaitable on the simulator's own loop and return what it returns."""
        return self._hosted.wait(act)


class _Connection(asyncio.Protocol):
    """One socket: carries bytes between it and a session, past the faults."""

    def __init__(self, simulator: GatewaySimulator) -> None:
        self._simulator = simulator
        self._wire = ServerConnection(newest=simulator._server_version)
        self._session: ClientSession | None = None
        self._transport: asyncio.Transport | None = None
        self._is_silent = False
        self._held_until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._simulator.accepted += 1
        self._simulator.connections.add(self)
        if self._simulator.faults.refuses():
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._simulator.connections.discard(self)
        if self._session is not None:
            self._session.leave()
        self._wire.close()

    def data_received(self, data: bytes) -> None:
        faults = self._simulator.faults
        if self._is_silent or faults.is_half_open():
            return
        left = faults.bytes_left(received=True)
        is_last = faults.spend(len(data), received=True)
        if is_last:
            # the gateway reads exactly so many bytes, does what they mean, and is gone
            data = data[:left]
        self._wire.receive_data(data)
        try:
            self._take_events()
        except RemoteProtocolError as error:
            _log.warning("a client broke the protocol: %s", error)
            self.abort()
            return
        if is_last:
            self.abort()
        else:
            self.flush()

    def abort(self) -> None:
        """Drop the socket; what was not written is lost."""
        if self._transport is not None:
            self._transport.abort()
        self._simulator.connections.discard(self)
        if self._session is not None:
            self._session.leave()

    def flush(self) -> None:
        """Write what the session has said."""
        if self._session is not None and not self._is_silent:
            for reply in self._simulator.faults.survivors(self._session.take()):
                self._wire.send(reply)
        self._write()
        if self._session is not None and self._session.is_refused and self._transport is not None:
            self._transport.close()

    def _take_events(self) -> None:
        for event in self._wire.events():
            if isinstance(event, Greeting):
                self._greet()
                continue
            if self._session is None:
                self._session = ClientSession(self._simulator.gateway, self._wire.version)
            if self._is_faulty(event):
                return
            self._session.handle(event, self._simulator.clock.utcnow())
            if isinstance(event, StartApi) and self._simulator.faults.silences(Stage.START):
                self._session.take()
                self._is_silent = True

    def _greet(self) -> None:
        if self._simulator.faults.silences(Stage.HELLO):
            self._is_silent = True
            return
        self._wire.send_version(write_connection_time(self._simulator.clock.utcnow()))

    def _is_faulty(self, event: object) -> bool:
        """Apply the faults that wait for a request; tell whether it is not to be handled."""
        assert self._session is not None
        faults = self._simulator.faults
        request = cast("StartApi", event)
        cut = faults.cut_on(request)
        if cut is not None:
            if cut.handled:
                self._session.handle(request, self._simulator.clock.utcnow())
            self._session.take()
            self.abort()
            return True
        answer = faults.answer_to(request)
        if answer is not None:
            self._session.say(cast("Reply", answer))
            return True
        return False

    def _write(self) -> None:
        faults, clock = self._simulator.faults, self._simulator.clock
        if self._transport is None or self._transport.is_closing() or faults.is_half_open():
            return
        stall = faults.stall_s()
        if stall:
            self._held_until = clock.monotonic() + stall
        if clock.monotonic() < self._held_until:
            return
        data = self._wire.data_to_send()
        if not data:
            return
        left = faults.bytes_left(received=False)
        if faults.spend(len(data), received=False):
            self._transport.write(data[:left])
            # the last bytes reach the peer before the end does
            self._transport.close()
            return
        late = faults.delay_s()
        if late:
            self._simulator.later(late, lambda: self._put(data))
        else:
            self._transport.write(data)

    def _put(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
