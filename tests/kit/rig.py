"""
The whole engine and the simulator on one loop, one virtual clock and a real socket between them.

Time moves only when nothing more happens without it, so a night passes in a second and an answer
is never late because the machine was. What is between the two is TCP and the whole of ib_async.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibkr_connector.clock import ManualClock
from ibkr_connector.engine import Engine
from ibkr_connector.model.orders import OrderReport
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.storage.writer import Done
from ibkr_connector.supervisor import StateChange
from kit import quiet

__all__ = ["START", "Rig", "rig", "settled"]

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
"""A Wednesday, ten in the morning in New York: no window of IB's is near."""

ONE_ACCOUNT: Mapping[str, Any] = {"DU1234567": Decimal(1_000_000)}

_LEAP_S = 60.0
_EVENT_S = 1e-3
_PATIENCE = 100
_GLANCE_S = 1.0


class _Busy:
    """How much is being written to the journal on its own thread."""

    def __init__(self) -> None:
        self.batches = 0


async def settled(busy: _Busy) -> None:
    """Return when neither the loop nor a socket nor the journal has anything left to do."""
    await quiet.settled(lambda: bool(busy.batches))


@dataclass
class Rig:
    """A gateway and a connector's engine, and the clock of both."""

    simulator: GatewaySimulator
    clock: ManualClock
    settings: Settings
    engine: Engine
    busy: _Busy = field(default_factory=_Busy)
    changes: list[StateChange] = field(default_factory=list)

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return self.engine.status().state

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        await settled(self.busy)

    async def advance(self, seconds: float) -> None:
        """Let time pass, from one event to the next, each with all that follows from it."""
        until = self.clock.monotonic() + seconds
        await self.settle()
        while (left := until - self.clock.monotonic()) > 0:
            await self._leap(left)

    async def until(
        self, condition: Callable[[], bool], *, within_s: float = 600.0, step_s: float = _LEAP_S
    ) -> None:
        """Let time pass until something is so."""
        ends = self.clock.monotonic() + within_s
        await self.settle()
        while not condition():
            left = ends - self.clock.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {within_s} s: {self.engine.status()}")
            await self._leap(min(left, step_s))

    async def ready(self, *, within_s: float = 600.0) -> None:
        """Let time pass until the connection is ready."""
        await self.until(lambda: self.state is ConnectionState.READY, within_s=within_s)

    async def close(self) -> None:
        """Close the engine, whose journal closes on a thread that no clock waits for."""
        closing = asyncio.ensure_future(self.engine.aclose())
        turns = 0
        while not closing.done():
            await asyncio.wait([closing], timeout=0.001)
            turns += 1
            if turns > _PATIENCE:
                await self._leap(1.0)
        closing.result()

    async def another(self, settings: Settings) -> Engine:
        """Open one more engine on the same clock."""
        return await _opened(settings, self.clock, self.busy)

    async def begin_anew(self) -> None:
        """End the engine, and connect another one with what is on the disk."""
        await self.close()
        self.engine = await self.another(self.settings)
        await self.run(self.engine.connect())

    async def _leap(self, at_most_s: float) -> None:
        """Move to the next moment at which anybody wakes, or something happens by itself."""
        now = self.clock.monotonic()
        waking = [when for when, _, woken in self.clock._sleepers if not woken.done()]
        moments = [*waking, self.simulator.faults.next_change(now)]
        # a gateway that reads nothing looks ten times a second whether it may again
        moments += [max(when, now + _GLANCE_S) for when, _, _ in self.simulator._later]
        ahead = [when - now for when in moments if when is not None and when > now]
        self.clock.advance(max(_EVENT_S, min([at_most_s, _LEAP_S, *ahead])))
        self.simulator.tick()
        await self.settle()

    async def run(self, doing: Any, *, within_s: float = 600.0, step_s: float = _LEAP_S) -> Any:
        """Let time pass until something awaitable has ended, and return or raise its end."""
        task = asyncio.ensure_future(doing)
        await self.until(task.done, within_s=within_s, step_s=step_s)
        return task.result()

    async def place(self, order: Any) -> OrderReport:
        """Place an order as the connector does: behind a planned outage."""
        await self.engine.ride_out()
        return await self.engine.orders.place(order)

    def logins(self) -> int:
        """How often somebody logged in."""
        return sum(type(one.request).__name__ == "StartApi" for one in self.simulator.log)

    def asked(self, name: str) -> int:
        """How often a kind of request has come."""
        return sum(type(one.request).__name__ == name for one in self.simulator.log)


@asynccontextmanager
async def rig(
    directory: Path,
    *,
    connect: bool = True,
    start: datetime = START,
    accounts: Mapping[str, Any] = ONE_ACCOUNT,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """Run a gateway and an engine that is connected to it; `accounts` are the gateway's."""
    # a day passes in seconds, and remembering where each callback came from takes most of them
    asyncio.get_running_loop().set_debug(False)
    async with _rig(directory, connect=connect, start=start, accounts=accounts, **settings) as made:
        yield made


@asynccontextmanager
async def _rig(
    directory: Path,
    *,
    connect: bool,
    start: datetime,
    accounts: Mapping[str, Any],
    **settings: Any,
) -> AsyncIterator[Rig]:
    clock = ManualClock(start)
    async with GatewaySimulator(clock=clock, accounts=accounts) as gateway:
        given = {
            "port": gateway.port,
            "readonly": False,
            "connect_timeout_s": 5.0,
            "reset_windows": "none",
            "state_dir": directory / "journal",
            **settings,
        }
        loaded = Settings.load(**given)
        busy = _Busy()
        engine = await _opened(loaded, clock, busy)
        made = Rig(simulator=gateway, clock=clock, settings=loaded, engine=engine, busy=busy)
        keep = engine._on_state

        def noted(change: StateChange) -> None:
            made.changes.append(change)
            keep(change)

        engine._supervisor._on_state = noted
        try:
            if connect:
                await made.run(engine.connect())
            yield made
        finally:
            await made.close()


async def _opened(settings: Settings, clock: ManualClock, busy: _Busy) -> Engine:
    """Open an engine for which time stands still while its journal is written."""
    engine = await Engine.open(settings, clock=clock)
    # ib_async's net behind the pacing goes by the loop's own time, which hardly passes here
    for pipeline in (engine.pipeline, engine._pool._pipeline):
        pipeline.outlet.net_limit = 0
    # a busy machine is no broken database
    engine.registry._patience_s = 60.0
    # it looks at the files of the rules every second, which would be every leap
    engine.guard._poll_s = 3600.0
    engine.alarms.look_s = 3600.0
    _count_writes(engine, busy)
    return engine


def _count_writes(engine: Engine, busy: _Busy) -> None:
    loop, append = asyncio.get_running_loop(), engine._journal._log.append

    def counted(drafts: Any, done: Done, about: object = None) -> None:
        busy.batches += 1

        def written(error: Exception | None, _about: object) -> None:
            done(error, about)
            loop.call_soon_threadsafe(less)

        append(drafts, written)

    def less() -> None:
        busy.batches -= 1

    engine._journal._log.append = counted  # type: ignore[method-assign]  # it goes on as before
