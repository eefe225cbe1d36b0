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
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ibkr_connector.clock import Clock, ManualClock, SystemClock

from .connection import Connection
from .dialogue import Gateway, Permissions
from .dialogue.gateway import Exchange
from .exchange.commands import SetQuote
from .exchange.instruments import Catalogue
from .exchange.listing import default_catalogue
from .exchange.tape import SeededTape, Tape
from .exchange.venue import Venue
from .faults import Fault, FaultBox
from .hosting import Hosted
from .wire.versions import NEWEST

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_START", "GatewaySimulator", "HostedSimulator"]

T = TypeVar("T")

DEFAULT_ACCOUNT: Final = "DU1234567"
DEFAULT_CASH: Final = Decimal(1_000_000)
DEFAULT_START: Final = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
"""A Wednesday morning in New York: where stepped clocks begin unless they are told otherwise."""

MOST_CLIENTS: Final = 32
"""API clients that one gateway takes (IB campus)."""

_TICK_S: Final = 0.1
_STEP_S: Final = 1.0


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
        self.faults = FaultBox(seed=seed)
        for fault in faults:
            self.faults.add(fault, now=self.clock.monotonic())
        self._accounts = dict(accounts or {DEFAULT_ACCOUNT: DEFAULT_CASH})
        self._tape = tape or SeededTape(seed)
        self._seed = seed
        self._catalogue = catalogue or default_catalogue(self.clock.utcnow().date())
        self.server_version = server_version
        self._permissions = permissions or Permissions()
        self._next_order_id = next_order_id
        self._session_number = 0
        self.gateway = self._fresh_gateway()
        self.connections: dict[int, Connection] = {}
        self.accepted = 0
        self._order = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.port)
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
        self.faults.add(fault, now=self.clock.monotonic())
        self.flush()

    def clear_faults(self) -> None:
        """Disarm all faults; what they did stays done, and what is late stays late."""
        self.faults.clear()
        self.flush()

    def cut(self, *, reset: bool = False) -> None:
        """Drop every socket, without a word; with `reset`, the other side sees a reset."""
        for connection in list(self.connections.values()):
            connection.end(reset=reset)

    def notice(self, code: int, text: str) -> None:
        """Say something to every client that belongs to no request, such as 1100."""
        self.gateway.notice(code, text)
        self.flush()

    def restart(self, *, keep_state: bool = True) -> None:
        """
        Restart the gateway: all sockets drop; orders and accounts stay, or are gone.

        The log, and what was asked and is not simulated, are kept either way.
        """
        self.cut()
        if not keep_state:
            before, self.gateway = self.gateway, self._fresh_gateway()
            self.gateway.log.extend(before.log)
            self.gateway.unsupported.extend(before.unsupported)

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
            step = min(left, _STEP_S, self._next_event())
            self.clock.advance(step)
            left -= step
            self.tick()
            await asyncio.sleep(0)

    def tick(self) -> None:
        """Bring market and clients to the clock's moment."""
        now = self.clock.monotonic()
        self.faults.expire(now)
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        self.gateway.tick(self.clock.utcnow())
        self.flush()

    def flush(self) -> None:
        """Hand what was said to the sockets."""
        for connection in list(self.connections.values()):
            connection.flush()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something at a later moment of the clock."""
        heapq.heappush(self._later, (self.clock.monotonic() + seconds, next(self._order), act))

    def _next_event(self) -> float:
        """Return in how many seconds something happens, so that a stepped clock stops there."""
        now = self.clock.monotonic()
        moments = [self.faults.next_change(now), self._later[0][0] if self._later else None]
        ahead = [moment - now for moment in moments if moment is not None and moment > now]
        return min(ahead, default=_STEP_S)

    # --- what connections need ------------------------------------------------------------------

    def enter(self, connection: Connection) -> int | None:
        """Take a new socket in and number it; `None`: there is no room."""
        self.accepted += 1
        if len(self.connections) >= MOST_CLIENTS:
            return None
        self.connections[self.accepted] = connection
        return self.accepted

    def forget(self, connection: Connection) -> None:
        """A socket is gone."""
        self.connections.pop(connection.number, None)

    def fill_order(self, client_id: int, order_id: int) -> None:
        """Move the market through an order's price, so that it is filled now; no order: nothing."""
        perm_id = self.gateway.perm_ids.get((client_id, order_id))
        if perm_id is None:
            return
        order, now = self.venue.order(perm_id), self.clock.utcnow()
        quote = self.venue.quote(order.instrument, now)
        price = order.terms.limit_price or order.terms.stop_price or quote.last
        command = SetQuote(con_id=order.instrument.con_id, bid=price, ask=price, last=price)
        self.gateway.deliver(self.venue.execute(command, now), now)

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
