"""The switch: on disk, obeyed by everybody, engaged whenever in doubt."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import ConfigurationError, TradingHaltedError
from ibkr_connector.orders.kill_switch import NAME, KillState, KillSwitch, OnceATurn
from ibkr_connector.orders.small_file import write_small_file
from kit.order_desk import NOON


def switch(directory: Path, *, by_setting: bool = False) -> KillSwitch:
    return KillSwitch(directory, clock=ManualClock(NOON), by_setting=by_setting)


def test_engaging_is_seen_by_every_process_at_once_and_outlives_them(tmp_path: Path) -> None:
    mine, other = switch(tmp_path / "state"), switch(tmp_path / "state")
    assert other.state() is None
    mine.engage("it runs wild", cancel=True)
    seen = other.state()
    assert seen is not None
    assert (seen.reason, seen.cancel, seen.flatten, seen.at) == ("it runs wild", True, False, NOON)
    assert switch(tmp_path / "state").state() == seen
    other.release()
    assert mine.state() is None


def test_flattening_cancels_too_and_what_was_asked_for_is_never_taken_back(tmp_path: Path) -> None:
    one = switch(tmp_path)
    first = one.engage("a", flatten=True)
    assert (first.cancel, first.flatten) == (True, True)
    second = one.engage("b")
    assert (second.cancel, second.flatten, second.reason) == (True, True, "b")
    assert second.key != first.key


def test_what_was_done_is_remembered_for_that_engagement_only(tmp_path: Path) -> None:
    one = switch(tmp_path)
    first = one.engage("a", cancel=True)
    second = one.engage("b", cancel=True)
    one.note_done(first)
    now = one.state()
    assert now is not None
    assert now.done_at is None
    one.note_done(second)
    now = switch(tmp_path).state()
    assert now is not None
    assert now.done_at == NOON


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"reason": "x"}', "\x00"])
def test_a_file_that_cannot_be_read_means_engaged(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    state = switch(tmp_path).state()
    assert state is not None
    assert "cannot be read" in state.sentence


def test_a_directory_in_its_place_means_engaged(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    one = switch(tmp_path)
    assert one.state() is not None
    with pytest.raises(ConfigurationError, match="stays engaged"):
        one.release()


def test_a_switch_that_cannot_be_written_says_that_it_is_not_engaged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="NOT engaged"):
        switch(tmp_path / "file" / "below").engage("a")


def test_a_setting_engages_and_only_a_setting_releases_it(tmp_path: Path) -> None:
    one = switch(tmp_path, by_setting=True)
    state = one.state()
    assert state is not None
    assert "IBKR_KILL_SWITCH" in state.sentence
    with pytest.raises(TradingHaltedError, match="setting"):
        one.release()


def test_engaging_leaves_one_whole_file_and_nothing_else(tmp_path: Path) -> None:
    one = switch(tmp_path)
    for _ in range(3):
        one.engage("again")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    one.release()
    one.release()
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_in_some_accounts_is_added_up_until_it_is_done(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    kill, beside = (KillSwitch(tmp_path, clock=clock) for _ in range(2))

    def limits() -> tuple[tuple[str, ...], tuple[str, ...]]:
        state = beside.state()
        assert state is not None
        return state.cancel_in, state.flatten_in

    kill.engage("one", flatten=True, accounts=["DU2"])
    assert limits() == (("DU2",), ("DU2",))
    kill.engage("another", flatten=True, accounts=["DU1"])
    assert limits() == (("DU1", "DU2"), ("DU1", "DU2"))
    kill.engage("a third", cancel=True)
    assert limits() == ((), ("DU1", "DU2"))
    kill.engage("out", flatten=True)
    assert limits() == ((), ())
    state = kill.state()
    assert state is not None
    kill.note_done(state)
    # what is done is not done again because something else is asked for
    kill.engage("two", cancel=True, accounts=["DU1"])
    state = beside.state()
    assert state is not None
    assert (state.cancel, state.flatten, state.asks) == (True, False, True)
    assert limits() == (("DU1",), ())
    kill.engage("everybody", everyone=True, accounts=["DU1"])
    assert limits() == ((), ())


def test_to_cancel_the_orders_of_everyone_besides_closes_in_no_further_account(
    tmp_path: Path,
) -> None:
    kill = switch(tmp_path)
    kill.engage("one", flatten=True, accounts=["DU1"])
    state = kill.engage("theirs are in the way", everyone=True)
    assert (state.flatten, state.flatten_in, state.cancel_in) == (True, ("DU1",), ())


def test_the_word_that_all_is_done_takes_nothing_back_that_is_asked_for_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = (switch(tmp_path) for _ in range(2))
    writing = "ibkr_connector.orders.kill_switch.write_small_file"
    state = mine.engage("out", cancel=True)
    asked: list[KillState] = []

    def meanwhile(path: Path, text: str) -> None:
        if not asked:
            monkeypatch.setattr(writing, write_small_file)
            asked.append(other.engage("all out", flatten=True))
        write_small_file(path, text)

    monkeypatch.setattr(writing, meanwhile)
    mine.note_done(state)
    for one in (mine, other):
        now = one.state()
        assert now is not None
        assert (now.key, now.flatten, now.asks) == (asked[0].key, True, True)
    mine.note_done(asked[0])
    now = other.state()
    assert now is not None
    assert not now.asks
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_an_earlier_version_says_itself_that_all_is_done(tmp_path: Path) -> None:
    one = switch(tmp_path)
    one.engage("out", cancel=True)
    path = tmp_path / NAME
    row = json.loads(path.read_text())
    del row["asked_at"]
    path.write_text(json.dumps({**row, "done_at": "2026-11-18T15:00:00+00:00"}))
    state = one.state()
    assert state is not None
    assert (state.asks, state.asked_at) == (False, None)


async def test_orders_of_one_turn_share_a_look_and_the_next_turn_looks_anew(tmp_path: Path) -> None:
    one, looks = switch(tmp_path), 0

    def look() -> KillState | None:
        nonlocal looks
        looks += 1
        return one.state()

    shared = OnceATurn(look)
    assert shared.state() is shared.state() is None
    assert looks == 1
    # whoever calls from now on begins in a turn that comes after this one
    one.engage("enough")
    called = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: called.set_result(shared.state()))
    state = await called
    assert state is not None
    assert state.reason == "enough"
    # that it is engaged is never shared: it is released at once
    one.release()
    assert shared.state() is None
    assert looks == 3


async def test_before_the_wire_a_look_is_shared_for_a_millisecond_and_never_past_an_engagement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = [100.0], 0
    monkeypatch.setattr("ibkr_connector.orders.kill_switch.time.perf_counter", lambda: now[0])
    one = switch(tmp_path)

    def look() -> KillState | None:
        nonlocal looks
        looks += 1
        return one.state()

    shared = OnceATurn(look)
    assert shared.state() is None
    for after_s, looked in ((0.0009, 1), (0.0002, 2), (0.0009, 2), (1.0, 3)):
        now[0] += after_s
        assert shared.state_of_now() is None
        assert looks == looked
    # another object of this process sets it: that it was seen released just now counts no more
    switch(tmp_path).engage("enough")
    state = shared.state_of_now()
    assert state is not None
    assert state.reason == "enough"


async def test_another_process_that_engages_it_is_heard_in_the_next_turn_or_millisecond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("ibkr_connector.orders.kill_switch.time.perf_counter", lambda: now[0])
    one = switch(tmp_path)
    shared = OnceATurn(one.state)
    assert shared.state_of_now() is None
    (tmp_path / NAME).write_text("{}")  # as nobody here knows of
    assert shared.state_of_now() is None
    now[0] += 0.002
    assert shared.state_of_now() is not None
    (tmp_path / NAME).unlink()
    assert shared.state_of_now() is None
    (tmp_path / NAME).write_text("{}")
    called = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: called.set_result(shared.state_of_now()))
    assert await called is not None
