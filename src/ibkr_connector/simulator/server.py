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
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ibkr_connector.clock import Clock, ManualClock

from .connection import Connection
from .dialogue import Gateway, Permissions
from .dialogue.gateway import Exchange
from .exchange.instruments import Catalogue
from .exchange.listing import default_catalogue
from .exchange.records import Owner
from .exchange.tape import SeededTape, Tape
from .exchange.venue import Venue
from .faults import Fault, FaultBox
from .faults.fault import Deed, MovePort, RestartGateway
from .hosting import Hosted
from .quirks import QUIRKS, Quirk, find_quirk
from .scenario import (
    DEFAULT_ACCOUNT,
    DEFAULT_CASH,
    Action,
    Cue,
    Models,
    Scenario,
    clock_of,
    open_gateway,
    plain_accounts,
)
from .stagehand import act, check_action, duplicate_orders, fill_order, perform

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_CASH",
    "DEFAULT_START",
    "GatewaySimulator",
    "HostedSimulator",
]

T = TypeVar("T")

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
        scenario: What it is at its beginning, and what happens to it; other arguments win.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        accounts: Account ids, each with its cash in USD or by currency.
        tape: Where prices come from; a seeded market when not given.
        seed: Seed of that market, of the sizes that it displays, and of the faults' chance.
        sessions: Whether markets open and close as their exchanges do; always open otherwise.
        clock: `SystemClock` and `ScaledClock` run by themselves; a `ManualClock` stands still and
            is moved by `advance`. Where the scenario has a start or a speed, a `ScaledClock`.
        server_version: Newest version to speak.
        permissions: What the login may do.
        faults: Faults that are armed from the beginning.
        quirks: Manners of TWS that are switched on from the beginning.
        catalogue: What is listed; the well-known instruments when not given.
        next_order_id: First valid order id of every client.
        models: Other fees, fills, slippage and latency, by the name of their argument of `Venue`.

    Raises:
        InputError: Positions or script name what is not listed.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        accounts: Mapping[str, Decimal | Mapping[str, Decimal]] | None = None,
        tape: Tape | None = None,
        seed: int | None = None,
        sessions: bool | None = None,
        clock: Clock | None = None,
        server_version: int | None = None,
        permissions: Permissions | None = None,
        faults: Sequence[Fault] = (),
        quirks: Iterable[Quirk | str] = (),
        catalogue: Catalogue | None = None,
        next_order_id: int | None = None,
        **models: Any,
    ) -> None:
        given = {
            "accounts": None if accounts is None else plain_accounts(accounts),
            "seed": seed,
            "sessions": sessions,
            "server_version": server_version,
            "permissions": permissions,
            "next_order_id": next_order_id,
        }
        said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.scenario = replace(scenario or Scenario(), **said)
        self.host = host
        self.port = port
        self.clock: Clock = clock or clock_of(self.scenario)
        self.seed = 1 if self.scenario.seed is None else self.scenario.seed
        self.server_version = self.scenario.server_version
        self._models = Models(
            tape=tape or SeededTape(self.seed),
            catalogue=catalogue or default_catalogue(self.clock.utcnow().date()),
            seed=self.seed,
            **models,
        )
        self._session_number = 0
        self.gateway = self._fresh_gateway()
        self.connections: dict[int, Connection] = {}
        self.accepted = 0
        self.faults = FaultBox(seed=self.seed)
        self.quirks: set[Quirk] = set()
        self._order = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._moving: asyncio.Task[None] | None = None
        self._down_until = 0.0
        for fault in (*self.scenario.faults, *faults):
            self.faults.add(fault, now=self.clock.monotonic())
        for quirk in (*self.scenario.quirks, *quirks):
            self._switch_on(find_quirk(quirk))
        for cue in self.scenario.script:
            check_action(cue.action, self.gateway)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        if not isinstance(self.clock, ManualClock):
            self._ticking = asyncio.create_task(self._tick_for_ever(), name="simulator-tick")
        for cue in self.scenario.script:
            self._schedule(cue)
        # what was armed from the beginning begins now
        self.perform(self.faults.pass_time(self.clock.monotonic()))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._moving is not None:
            await self._moving
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

    def assert_no_duplicate_orders(self) -> None:
        """
        Raise when a client asked for the same thing twice under two order ids.

        The same are client, contract and all terms; with an order reference, all but the prices.
        Changes of one order are not counted.

        Raises:
            AssertionError: Which orders, of which client.
        """
        found = duplicate_orders(self.gateway.log)
        if found:
            raise AssertionError("the same order was placed twice: " + "; ".join(found))

    # --- acting ---------------------------------------------------------------------------------

    def inject(self, fault: Fault) -> None:
        """Arm a fault."""
        now = self.clock.monotonic()
        self.faults.add(fault, now=now)
        self.perform(self.faults.pass_time(now))
        self.flush()

    def clear_faults(self) -> None:
        """Disarm all faults; what they did stays done, what is late stays late, quirks stay on."""
        self.perform(self.faults.clear())
        self.flush()

    def quirk(self, quirk: Quirk | str, *, on: bool = True) -> None:
        """
        Switch a quirk on or off.

        Raises:
            ValueError: There is none of this name.
        """
        wanted = find_quirk(quirk)
        if (wanted in self.quirks) == on:
            return
        if on:
            self._switch_on(wanted)
            self.perform(self.faults.pass_time(self.clock.monotonic()))
        else:
            self.quirks.discard(wanted)
            self.perform(self.faults.remove(wanted))
        self.flush()

    def _switch_on(self, quirk: Quirk) -> None:
        self.quirks.add(quirk)
        for fault in QUIRKS[quirk].make(self.clock.utcnow()):
            self.faults.add(fault, now=self.clock.monotonic(), label=quirk)

    def act(self, action: Action) -> None:
        """
        Do what a script or the control port asks for.

        Raises:
            InputError: It names an instrument or an account that is not there.
        """
        act(action, self)
        self.flush()

    def cut(self, *, reset: bool = False) -> None:
        """Drop every socket, without a word; with `reset`, the other side sees a reset."""
        for connection in list(self.connections.values()):
            connection.end(reset=reset)

    def notice(self, code: int, text: str) -> None:
        """Say something to every client that belongs to no request, such as 1100."""
        self.gateway.notice(code, text)
        self.flush()

    def restart(self, *, keep_state: bool = True, down_s: float = 0.0) -> None:
        """
        Restart the gateway: all sockets drop; orders and accounts stay, or are gone.

        The log, and what was asked and is not simulated, are kept either way. For `down_s` sockets
        are accepted and closed at once (*limit*: not refused, as where nobody listens).
        """
        self.cut()
        self._down_until = self.clock.monotonic() + down_s
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

    def move_port(self) -> int:
        """
        Listen on another port, tell everybody (1300), drop them, and return the port.

        Source: IB campus, code 1300. `port` is the new one from now on.
        """
        taken = socket.create_server((self.host, 0))
        self.port = taken.getsockname()[1]
        self.notice(
            1300,
            "TWS socket port has been reset and this connection is being dropped. "
            f"Please reconnect on the new port - {self.port}",
        )
        for connection in list(self.connections.values()):
            connection.finish()
        if self._server is not None:
            self._server.close()
        self._moving = asyncio.get_running_loop().create_task(self._listen(taken))
        return self.port

    async def _listen(self, taken: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=taken)

    def tick(self) -> None:
        """Bring market and clients to the clock's moment."""
        now = self.clock.monotonic()
        self.perform(self.faults.pass_time(now))
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
        """Take a new socket in and number it; `None`: there is no room, or nobody home."""
        self.accepted += 1
        is_down = self.clock.monotonic() < self._down_until
        if is_down or len(self.connections) >= MOST_CLIENTS:
            return None
        self.connections[self.accepted] = connection
        return self.accepted

    def forget(self, connection: Connection) -> None:
        """A socket is gone."""
        self.connections.pop(connection.number, None)

    def perform(self, deeds: Iterable[Deed]) -> None:
        """Do what faults ask for."""
        for deed in deeds:
            match deed:
                case RestartGateway(keep_state=keep_state, down_s=down_s):
                    self.restart(keep_state=keep_state, down_s=down_s)
                case MovePort():
                    self.move_port()
                case _:
                    perform(deed, self.gateway, self.connections.values(), now=self.clock.utcnow())

    def fill_order(self, client_id: int, order_id: int) -> None:
        """Move the market through an order's price, so that it is filled now; no order: nothing."""
        fill_order(self.gateway, Owner(client_id=client_id, order_id=order_id), self.clock.utcnow())

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.tick()

    def _fresh_gateway(self) -> Gateway:
        self._session_number += 1
        session = int(self.clock.utcnow().timestamp()) + self._session_number
        return open_gateway(self.scenario, self._models, session=session)

    def _schedule(self, cue: Cue) -> None:
        self.later(cue.at_s, lambda: self.act(cue.action))

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
