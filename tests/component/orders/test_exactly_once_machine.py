"""
Whatever happens to the line, the gateway, the market and the caller, and in whatever order: the
venue has each intent at most once, the journal knows each, and both say the same of each.

The real engine with its supervisor, ib_async and a real socket; every story is Hypothesis's. Those
that have found a fault are kept below it. Processes that are killed: `test_exactly_once_kills.py`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ibkr_connector.clock import ScaledClock
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import read
from ibkr_connector.simulator import Cut, Drop, GatewaySimulator, HalfOpen, Hold
from ibkr_connector.simulator.exchange.advisor import Group, Method
from kit.order_steps import (
    STORIES,
    Again,
    Bracket,
    ByHand,
    Exercise,
    Forget,
    Happens,
    Jump,
    Lines,
    Market,
    Modify,
    NewProcess,
    Pause,
    Place,
    Revise,
    Settle,
    Step,
    Storm,
    TraderStep,
)
from kit.order_trader import NOON, Trader, calm_trader, journal_of
from kit.order_truth import check_end, check_journal, check_said, check_wire
from kit.order_world import World

assert settings.default is not None
_DIVIDED_EXAMPLES = max(2, settings.default.max_examples // 20)
FIRM = {"DF1000000": Decimal(0), "DU1": Decimal(1_000_000), "DU2": Decimal(1_000_000)}
CORE = Group(name="Core", method=Method.RATIO, members={"DU1": Decimal(1), "DU2": Decimal(2)})


async def play(
    story: list[Step], folder: Path, *, divided: bool = False, calm: bool = False
) -> None:
    """
    Let a story happen, and hold all sides against each other.

    With `divided` the trader is an advisor, and orders are divided among two accounts. One that is
    `calm` gives up nothing because the machine is busy: its story has one end.
    """
    accounts = FIRM if divided else None
    async with GatewaySimulator(clock=ScaledClock(NOON), accounts=accounts) as simulator:
        simulator.gateway.advisor.replace_groups([CORE])
        world = World(simulator)
        world.open()
        among = "Core" if divided else None
        if calm:
            trader = calm_trader(simulator.port, folder, among=among)
        else:
            trader = Trader(port=simulator.port, folder=folder, among=among)
        await trader.open()
        try:
            for step in story:
                await happen(step, world, trader)
            world.clear()
            await trader.agreed()
            await trader.settled()
            there, own = world.ours(), await trader.told()
            check_end(own, there, simulator)
            assert trader.trouble() == []
        finally:
            await trader.close()
        check_said(trader.heard, there, lied=world.lied_about)
        check_wire(simulator)
        check_journal(journal_of(folder), there, own)


async def happen(step: Step, world: World, trader: Trader) -> None:
    """Do one step."""
    match step:
        case NewProcess():
            await trader.close()
            await trader.open()
        case Jump(seconds=seconds):
            trader.clock.jump(seconds)
        case _ if isinstance(step, TraderStep):
            await trader.do(step)
        case _:
            await world.do(step)


AS_EXECUTED = {"request_id": "-1"}

FOUND: dict[str, list[Step]] = {
    "the open order said filled before any execution was heard": [
        Happens(Hold(reply="ExecDetails", where=AS_EXECUTED, seconds=0.05, times=1)),
        Happens(Hold(reply="OrderStatus", seconds=0.05, times=3)),
        Place(kind="market"),
    ],
    "a correction was the first that was heard of an execution": [
        Happens(Drop(reply="ExecDetails", where=AS_EXECUTED, times=3)),
        Bracket(rests=False, buy=False, quantity=6),
        Revise(which=0, quantity=1, unseen=True),
    ],
    "a filled order was busted": [
        Place(kind="market"),
        Revise(which=0, quantity=0),
        Pause(6.0),
    ],
    "a change was refused after its order had been cancelled": [
        Place(kind="rests"),
        Happens(HalfOpen(lasts_s=0.1)),
        Modify(which=0, quantity=4, leaves_after=20),
        ByHand(which=0),
    ],
    "an order was changed and filled while the line was down": [
        Place(kind="rests", quantity=2),
        Happens(Cut(on="PlaceOrder", handled=True)),
        Modify(which=0, quantity=6, price="112.00"),
    ],
    "a bracket whose last frame was cut off": [
        Happens(Cut(on="PlaceOrder", handled=True, children=True)),
        Bracket(rests=False, buy=False, quantity=7, leaves_after=20),
        Lines(reset=True),
        Storm(3),
    ],
    "a word that ended a part of a bracket that waits untransmitted": [
        Happens(Cut(on="PlaceOrder", handled=True, children=True)),
        Bracket(rests=False, buy=False, quantity=8),
        Settle(0),
    ],
    "a condition that came true while both sides were compared": [
        Place(kind="after an hour or a trade", quantity=1),
        Market(bid=90, size=1),
        Place(kind="rests", buy=False, quantity=1),
        Place(kind="waits", buy=False, quantity=1),
        Place(kind="crosses", quantity=1),
    ],
    "a key was used again after its order had left memory": [
        Place(kind="market", wait="filled"),
        Pause(6.0),
        Forget(),
        NewProcess(),
        Again(0),
        Forget(),
        Lines(),
        Again(0),
    ],
    "a process that ended while it was logging in": [
        step for _ in range(4) for step in (Storm(4), NewProcess())
    ],
}
"""Stories that have found a fault, or a shorter one that would have found the same."""


@pytest.mark.parametrize("story", FOUND.values(), ids=FOUND)
async def test_a_story_that_once_found_a_fault_has_a_good_end(
    story: list[Step], tmp_path: Path
) -> None:
    await play(story, tmp_path)


async def test_previews_between_cuts_and_restarts_leave_no_order_but_the_one_that_was_seen(
    tmp_path: Path,
) -> None:
    story: list[Step] = [
        Happens(Cut(on="PlaceOrder", handled=True, times=1)),
        Place(kind="market", previewed=True),
        Happens(Hold(reply="OpenOrder", seconds=0.6, times=1)),
        Place(kind="rests", previewed=True, preview_s=0.2),
        Pause(2.0),
        Place(kind="crosses", previewed=True),
        NewProcess(),
        Place(kind="market", previewed=True),
    ]
    await play(story, tmp_path, calm=True)
    kinds = Counter(entry.kind for entry in read(journal_of(tmp_path)))
    assert kinds["intent"] == kinds["decision"] == 2


async def test_options_are_exercised_at_most_once_between_cuts_and_restarts(
    tmp_path: Path,
) -> None:
    story: list[Step] = [
        Place(kind="call", quantity=9, wait="filled"),
        Pause(1.0),
        Exercise(wait="filled"),
        Happens(Cut(on="ExerciseOptions", handled=True)),
        Exercise(quantity=2),
        Pause(6.0),
        Again(2),
        Happens(Cut(on="ExerciseOptions", handled=False)),
        Exercise(lapse=True),
        NewProcess(),
        Again(3),
        # until what was executed shows in the positions
        Pause(12.0),
        Exercise(quantity=2, wait="filled"),
    ]
    await play(story, tmp_path, calm=True)
    written = [one.report for one in read_orders(journal_of(tmp_path)) if one.is_own]
    states = [str(one.status) for one in written if one.terms.exercise is not None]
    assert states == ["filled", "uncertain", "uncertain", "filled"]


async def test_an_order_by_cash_ends_with_what_it_has_come_to_whatever_is_lost(
    tmp_path: Path,
) -> None:
    lost = Drop(reply="OrderStatus", times=4)
    # one whose price comes too late on a busy machine is denied, and is asked for again
    story: list[Step] = [
        Happens(lost),
        Place(kind="cash"),
        *[Again(0)] * 3,
        Place(kind="cash rests"),
        *[Again(1)] * 3,
        Lines(),
        Happens(Cut(on="PlaceOrder", handled=True)),
        Place(kind="cash", buy=False),
        *[Again(2)] * 3,
        Pause(6.0),
        Revise(which=0, quantity=0, unseen=True),
        NewProcess(),
        Place(kind="cash"),
        *[Again(3)] * 3,
    ]
    await play(story, tmp_path, calm=True)
    written = [one.report for one in read_orders(journal_of(tmp_path)) if one.is_own]
    assert [str(one.status) for one in written] == ["cancelled", "submitted", "filled", "filled"]


async def test_a_word_ends_what_has_never_arrived_and_nothing_else(tmp_path: Path) -> None:
    # one that a link lost once more keeps from being sent is asked for again
    story: list[Step] = [
        Happens(Cut(on="PlaceOrder", handled=False)),
        Place(kind="rests"),
        Settle(0),
        Again(0),
        Happens(Cut(on="PlaceOrder", handled=True)),
        Place(kind="rests"),
        Settle(1),
        Again(1),
        Place(kind="market"),
        *[Again(2)] * 3,
        Settle(2),
    ]
    await play(story, tmp_path, calm=True)
    written = [one.report for one in read_orders(journal_of(tmp_path)) if one.is_own]
    assert [str(one.status) for one in written] == ["rejected", "submitted", "filled"]


async def test_what_is_divided_is_there_once_and_adds_up_whatever_is_lost(tmp_path: Path) -> None:
    # one whose price comes too late on a busy machine is denied, and is asked for again
    story: list[Step] = [
        Market(bid=100, size=100),
        Happens(Cut(on="PlaceOrder", handled=True)),
        Place(kind="market", quantity=7),
        *[Again(0)] * 3,
        Happens(Drop(reply="ExecDetails", where=AS_EXECUTED, times=2)),
        Place(kind="crosses", quantity=5),
        *[Again(1)] * 3,
        Lines(),
        Happens(Cut(on="PlaceOrder", handled=True)),
        Place(kind="rests"),
        *[Again(2)] * 3,
        Modify(which=2, quantity=6, price="112.00"),
        NewProcess(),
        Revise(which=2, price=90, unseen=True),
        Revise(which=0, quantity=0),
        Pause(6.0),
    ]
    await play(story, tmp_path, divided=True, calm=True)
    written = [one.report for one in read_orders(journal_of(tmp_path)) if one.is_own]
    assert {one.terms.allocation.group for one in written if one.terms.allocation} == {"Core"}
    # the part of one account was taken back, and the order is over
    assert [str(one.status) for one in written][:2] == ["cancelled", "filled"]


@pytest.mark.timeout(0)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=_DIVIDED_EXAMPLES)
@given(STORIES)
def test_the_same_is_true_of_what_an_advisor_divides(story: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(story, Path(folder), divided=True))


@pytest.mark.timeout(0)
@settings(
    max_examples=max(100, settings.default.max_examples),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(STORIES)
def test_each_intent_is_at_the_venue_once_or_not_at_all_and_both_sides_agree(
    story: list[Step],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(story, Path(folder)))
