"""
What the stories of `test_exactly_once_machine.py` and `test_exactly_once_kills.py` are made of.

That a plain run plays enough of everything is counted; and since chance leaves something out, each
kind of order has a story of its own, and each class of fault.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from component.orders import test_exactly_once_kills as kills
from component.orders import test_exactly_once_machine as machine
from ibkr_connector.model.orders import OrderType, TimeInForce
from ibkr_connector.orders.history import read_orders
from ibkr_connector.simulator import (
    Answer,
    CancelRace,
    Cut,
    CutAfter,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Hold,
    IgnoreRequest,
    Manner,
    MissingEnd,
    Refuse,
    Reject,
    RejectionManner,
    Reorder,
    Split,
    Stall,
    Truncate,
    Warn,
)
from kit.order_kinds import KINDS
from kit.order_steps import (
    Again,
    Bracket,
    Cancel,
    Forget,
    Happens,
    Killed,
    Modify,
    NewProcess,
    Place,
    Step,
    Volley,
    weighted,
)
from kit.order_trader import journal_of

FAULTS: Final[dict[str, Fault]] = {
    type(one).__name__: one
    for one in (
        Answer(to="CancelOrder", code=10148, text="not now"),
        CancelRace(cancelled_first=True, times=2),
        Cut(on="PlaceOrder", handled=True),
        CutAfter(sent=300),
        Drop(reply="OrderStatus", times=3),
        Duplicate(reply="ExecDetails", copies=2, times=3),
        HalfOpen(lasts_s=0.1),
        Hold(reply="OpenOrder", seconds=0.05, times=3),
        IgnoreRequest(on="PlaceOrder", times=1),
        MissingEnd(times=1),
        Refuse(times=2),
        Reject(manner=sorted(Manner)[0]),
        RejectionManner(manner=sorted(Manner)[0]),
        Reorder(reply="ExecDetails", behind="OrderStatus", times=3),
        Split(size=7, lasts_s=0.1),
        Stall(seconds=0.05),
        Truncate(reply="OrderStatus", at=20),
        Warn(on="PlaceOrder", code=399, text="said for a test", times=3),
    )
}
"""One fault of each class that stories know."""

plain_run = pytest.mark.skipif(
    not settings.default or not settings.default.derandomize,
    reason="only in a plain run are the stories the same each time",
)


def test_what_is_to_be_drawn_more_often_is_drawn_more_often() -> None:
    twice = st.just("the same")
    drawn: Counter[str] = Counter()

    @settings(max_examples=300, derandomize=True, database=None)
    @given(st.lists(weighted((8, twice), (1, st.just("a")), (1, st.just("b"))), min_size=10))
    def draw(found: list[str]) -> None:
        drawn.update(found)

    draw()
    assert drawn["the same"] > 2 * (drawn["a"] + drawn["b"]) > 0


@plain_run
def test_the_stories_of_a_plain_run_place_orders_of_many_kinds_under_many_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stories = _drawn(
        machine,
        "test_each_intent_is_at_the_venue_once_or_not_at_all_and_both_sides_agree",
        monkeypatch,
    )
    assert len(stories) >= 100
    assert sum(any(isinstance(one, Place) for one in story) for story in stories) >= 60
    placed = [one for story in stories for one in story if isinstance(one, Place)]
    assert len(placed) >= 150
    assert len({one.kind for one in placed}) >= 15
    faults = Counter(type(one.fault).__name__ for one in _armed(stories))
    assert faults.keys() <= FAULTS.keys()
    assert faults.total() >= 100
    assert len(faults) >= 9
    steps = Counter(type(one).__name__ for story in stories for one in story)
    assert all(steps[kind.__name__] >= 10 for kind in (Again, Bracket, Cancel, Modify, NewProcess))


@plain_run
def test_the_deadly_stories_of_a_plain_run_kill_a_process_that_has_placed_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stories = _drawn(
        kills,
        "test_a_process_that_is_killed_again_and_again_places_each_intent_once_or_not_at_all",
        monkeypatch,
    )
    assert len(stories) >= 100
    assert sum(_dies_with_an_order(story) for story in stories) >= 60
    placed = [one for story in stories for one in story if isinstance(one, Place)]
    assert len(placed) >= 120
    assert len({one.kind for one in placed}) >= 15
    killed = [one for story in stories for one in story if isinstance(one, Killed)]
    ways = Counter(
        next((way for way in ("on", "says", "within", "soon_s") if getattr(one, way)), "at once")
        for one in killed
    )
    assert len(ways) == 5
    assert ways.total() >= 150


def _drawn(module: ModuleType, property_: str, monkeypatch: pytest.MonkeyPatch) -> list[list[Step]]:
    """Return the stories that a property plays, by having it play none."""
    stories: list[list[Step]] = []

    async def remember(story: list[Step], _: Path) -> None:
        stories.append(story)

    monkeypatch.setattr(module, "play", remember)
    getattr(module, property_)()
    return stories


def _armed(stories: list[list[Step]]) -> list[Happens]:
    return [one for story in stories for one in story if isinstance(one, Happens)]


def _dies_with_an_order(story: list[Step]) -> bool:
    began = next(
        (at for at, one in enumerate(story) if isinstance(one, Place | Bracket | Volley)), None
    )
    return began is not None and any(isinstance(one, Killed) for one in story[began:])


def test_there_is_a_kind_of_every_order_type_and_every_time_in_force() -> None:
    terms = [one for pair in KINDS.values() for one in pair]
    assert {one["order_type"] for one in terms} == {str(one) for one in OrderType}
    assert {one.get("time_in_force", "DAY") for one in terms} == {str(one) for one in TimeInForce}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_order_is_there_once_when_its_line_is_cut(
    kind: str, tmp_path: Path
) -> None:
    which = list(KINDS).index(kind)
    # one whose price comes too late on a busy machine is denied, and is asked for again
    story: list[Step] = [
        Happens(Cut(on="PlaceOrder", handled=which % 3 != 0, reset=which % 2 == 0)),
        Place(kind=kind, buy=which % 2 == 0),
        *[Again(0)] * 3,
        NewProcess(),
        Again(0),
        Place(kind=kind, buy=which % 2 != 0),
        *[Again(1)] * 3,
        Forget(),
        Again(0),
        Again(1),
    ]
    await machine.play(story, tmp_path)
    written = [one.report for one in read_orders(journal_of(tmp_path)) if one.is_own]
    assert [one.client_order_id for one in written] == ["k0", "k1"]
    assert written[0].order_type == KINDS[kind][0]["order_type"]


@pytest.mark.parametrize("name", FAULTS)
async def test_each_class_of_fault_strikes_what_is_placed_changed_and_cancelled(
    name: str, tmp_path: Path
) -> None:
    strike = Happens(FAULTS[name])
    story: list[Step] = [
        strike,
        Place(kind="rests"),
        Again(0),
        Place(kind="crosses"),
        strike,
        Modify(which=0, quantity=7, price="91.00"),
        strike,
        Cancel(which=0),
        NewProcess(),
        Again(1),
    ]
    await machine.play(story, tmp_path)
