"""
A process that trades and is killed, again and again, at any moment: `SIGKILL`, and another process
on the same journal. The rest is as in `test_exactly_once_machine.py`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings

from ibkr_connector.clock import ScaledClock
from ibkr_connector.model.orders import OrderReport
from ibkr_connector.simulator import Cut, CutAfter, Fault, GatewaySimulator
from ibkr_connector.simulator.faults.fault import Do, End, Said, Scene
from ibkr_connector.simulator.faults.fault import Step as Deed
from ibkr_connector.simulator.wire.replies import Reply
from ibkr_connector.simulator.wire.requests import Request
from kit.order_mortal import DeadError, MortalTrader
from kit.order_steps import (
    DEADLY_STORIES,
    Again,
    Bracket,
    Cancel,
    Happens,
    Killed,
    Lines,
    Modify,
    Place,
    Revise,
    Step,
    TraderStep,
)
from kit.order_trader import NOON, journal_of
from kit.order_truth import check_end, check_journal, check_said, check_wire
from kit.order_world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Fault):
    """Kill the process when the gateway reads something of it, or is about to say something."""

    name: ClassVar[str] = "kill"
    times: int = 1
    on: str = ""
    says: str = ""
    handled: bool = True
    strike: Callable[[], None] = field(default=lambda: None)

    def on_request(self, request: Request, scene: Scene) -> Sequence[Deed] | None:
        """Strike, and do it or not; nobody hears the answer."""
        if type(request).__name__ != self.on:
            return None
        self.strike()
        return [*([Do(request, quiet=True)] if self.handled else []), End()]

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Strike, and say it to nobody."""
        if type(reply).__name__ != self.says:
            return None
        self.strike()
        return []


async def play(story: list[Step], folder: Path) -> int:
    """Let a story happen, and hold all sides against each other; return how many lives it took."""
    async with GatewaySimulator(clock=ScaledClock(NOON)) as simulator:
        world = World(simulator)
        world.open()
        trader = MortalTrader(port=simulator.port, folder=folder)
        try:
            await live(trader)
            for step in story:
                await happen(step, world, trader)
            world.clear()
            own, trouble = await end(trader)
        finally:
            trader.kill()
            trader.bury()
        there = world.ours()
        check_end(own, there, simulator)
        assert trouble == []
        check_said(trader.heard, there, lied=world.lied_about)
        check_wire(simulator)
        check_journal(journal_of(folder), there, own)
        return trader.lives


async def end(trader: MortalTrader) -> tuple[Sequence[OrderReport], list[str]]:
    """Come to the end, in this life or, when a kill was still due, in the next."""
    while True:
        trader.spare()
        try:
            return await trader.end()
        except DeadError:
            trader.bury()
            await live(trader)


async def live(trader: MortalTrader) -> None:
    """Begin a life, and another when that was over at once."""
    while True:
        try:
            await trader.open()
        except DeadError:
            trader.bury()
        else:
            return


async def happen(step: Step, world: World, trader: MortalTrader) -> None:
    """Do one step; when it killed the process, begin another life."""
    gw = world.simulator
    try:
        match step:
            case Killed(within=within) if within:
                cut = CutAfter(received=within)
                gw.inject(cut)
                trader.due.append(asyncio.create_task(strike_with(cut, gw, trader)))
            case Killed(soon_s=seconds) if seconds:
                loop = asyncio.get_running_loop()
                trader.due.append(loop.call_later(seconds, trader.kill))
            case Killed(on="", says=""):
                trader.kill()
                raise DeadError
            case Killed(on=on, says=says, handled=handled):
                gw.inject(Kill(on=on, says=says, handled=handled, strike=trader.kill))
            case _ if isinstance(step, TraderStep):
                await trader.do(step)
            case _:
                await world.do(step)
        if not trader.is_alive:
            raise DeadError
    except DeadError:
        trader.bury()
        await live(trader)


async def strike_with(cut: CutAfter, gw: GatewaySimulator, trader: MortalTrader) -> None:
    """Kill the process as soon as the bytes have come after which its line is cut."""
    while any(one.fault is cut for one in gw.faults.armed):
        await asyncio.sleep(0.0005)
    trader.kill()


FOUND: dict[str, list[Step]] = {
    "killed at once after it had placed": [Place(kind="crosses"), Killed(), Again(0)],
    "killed before its order was taken": [
        Killed(on="PlaceOrder", handled=False),
        Place(kind="crosses"),
        Again(0),
    ],
    "killed when its order was taken": [
        Killed(on="PlaceOrder", handled=True),
        Place(kind="market"),
        Again(0),
    ],
    "killed before it heard of its order": [
        Killed(says="OpenOrder"),
        Place(kind="rests"),
        Again(0),
    ],
    "killed before it heard of its fill": [
        Killed(says="ExecDetails"),
        Place(kind="crosses", wait="filled"),
        Revise(which=0, quantity=1),
        Again(0),
    ],
    "killed in the midst of its order": [Killed(within=300), Place(kind="pair"), Again(0)],
    "killed while it wrote its order down": [Killed(soon_s=0.001), Bracket(rests=False), Again(0)],
    "killed while it cancelled": [
        Place(kind="rests"),
        Killed(on="CancelOrder", handled=True),
        Cancel(which=0),
        Cancel(which=0),
    ],
    "killed while it changed": [
        Place(kind="rests"),
        Killed(on="PlaceOrder", handled=True),
        Modify(which=0, quantity=3, price="112.00"),
        Modify(which=0, quantity=9),
    ],
    "killed while it asked what had become of it": [
        Happens(Cut(on="PlaceOrder", handled=True)),
        Killed(on="ReqExecutions"),
        Place(kind="crosses"),
        Killed(says="OpenOrderEnd"),
        Lines(),
        Again(0),
        Killed(),
    ],
}
"""Stories that have found a fault, or one for a way to die that has found none."""


@pytest.mark.parametrize("story", FOUND.values(), ids=FOUND)
async def test_a_process_that_dies_in_such_a_way_places_each_intent_once_or_not_at_all(
    story: list[Step], tmp_path: Path
) -> None:
    assert await play(story, tmp_path) >= 2


assert settings.default is not None


@pytest.mark.timeout(0)
@settings(
    max_examples=max(100, settings.default.max_examples),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(DEADLY_STORIES)
def test_a_process_that_is_killed_again_and_again_places_each_intent_once_or_not_at_all(
    story: list[Step],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(story, Path(folder)))
