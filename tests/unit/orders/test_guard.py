"""Closing what is held on a kill switch's word goes on after a crash where it was."""

from __future__ import annotations

import asyncio
import errno
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.model.account import Position
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.orders import OrderRequest, OrderStatus, OrderTerms
from ibkr_connector.model.terms import NO_TERMS
from ibkr_connector.orders.confirming import Confirmations
from ibkr_connector.orders.guard import Guard
from ibkr_connector.orders.kill_switch import KillSwitch
from kit.fake_clock import EPOCH, FakeClock
from kit.order_desk import AAPL, NOON

CORE = OrderTerms(allocation=Allocation(group="Core"))


def open_order(order_id: int, *, key: str | None = None, **more: Any) -> SimpleNamespace:
    """An open order as the desk reports it; sent when the clock began, or at `sent_at`."""
    said = {"account": "DU1", "terms": NO_TERMS, "sent_at": EPOCH, **more}
    sent = SimpleNamespace(time=said.pop("sent_at"))
    said |= {"order_id": order_id, "perm_id": order_id, "client_order_id": key}
    return SimpleNamespace(transitions=(sent,), **said)


class Desk:
    """Places all but the orders of one account; the broker closes what was placed."""

    def __init__(self, held: dict[str, int], refused: str) -> None:
        self.held, self.refused = held, refused
        self.keys: dict[str, set[str | None]] = {}
        self.open: list[SimpleNamespace] = []
        self.asked = False
        self.ends, self.placed = OrderStatus.FILLED, 0
        self.confirmations = Confirmations(FakeClock())

    async def reconcile(self) -> None:
        self.asked = True

    async def place(self, order: OrderRequest, *, is_exit: bool) -> SimpleNamespace:
        assert is_exit
        self.keys.setdefault(order.account or "", set()).add(order.client_order_id)
        if order.account == self.refused:
            raise NotConnectedError("the session ended")
        self.placed += 1
        if self.ends is OrderStatus.FILLED:
            del self.held[order.account or ""]
        return SimpleNamespace(status=self.ends, order_id=7, reason="no bid")

    async def positions(self) -> list[Position]:
        return [
            Position(
                account=account,
                contract=AAPL,
                quantity=Decimal(quantity),
                avg_cost=Decimal(90),
                avg_price=Decimal(90),
                as_of=NOON,
            )
            for account, quantity in self.held.items()
        ]

    async def resolve(self, _contract: object) -> Any:
        return SimpleNamespace(contract=AAPL)

    def ours(self) -> list[SimpleNamespace]:
        return list(self.open)

    async def cancel(self, order_id: int) -> None:
        self.open = [one for one in self.open if one.order_id != order_id]

    def orders(self, *, open_only: bool) -> tuple[()]:
        assert open_only
        return ()


def guard_of(
    desk: Any, directory: Path, *, clock: FakeClock | None = None
) -> tuple[Guard, KillSwitch]:
    clock = clock or FakeClock()
    kill = KillSwitch(directory, clock=clock)
    guard = Guard(
        desk=desk,
        rules=SimpleNamespace(reload_when_changed=lambda: False),  # type: ignore[arg-type]
        kill=kill,
        clock=clock,
        positions=desk.positions,
        resolve=desk.resolve,
        everyone=SimpleNamespace(),  # type: ignore[arg-type]  # not asked for
        look=lambda: None,
        is_ready=lambda: True,
        accounts=lambda: ("DU1", "DU2"),
    )
    return guard, kill


async def test_an_account_that_is_closed_already_leaves_the_others_their_keys(
    tmp_path: Path,
) -> None:
    desk: Any = Desk({"DU1": 10, "DU2": 20}, refused="DU2")
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True)
    first = await asyncio.wait_for(guard.carry_out(), 60)
    assert (first.closed, len(first.problems)) == (1, 1)
    desk.refused = ""
    second = await asyncio.wait_for(guard.carry_out(), 60)
    assert (second.closed, second.problems) == (1, ())
    # one key for each account: another account's would name another order, and be refused
    assert [len(keys) for keys in desk.keys.values()] == [1, 1]
    assert not desk.keys["DU1"] & desk.keys["DU2"]


async def test_of_one_account_all_is_cancelled_that_may_come_to_it(tmp_path: Path) -> None:
    desk: Any = Desk({}, refused="")
    desk.open = [
        open_order(number, account=account, terms=terms)
        for number, (account, terms) in enumerate(
            [("DU1", NO_TERMS), ("DU2", NO_TERMS), ("", NO_TERMS), ("DF1", CORE)]
        )
    ]
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", cancel=True, accounts=["DU1"])
    report = await asyncio.wait_for(guard.carry_out(), 60)
    assert (report.cancelled, report.problems) == (3, ())
    assert [one.account for one in desk.open] == ["DU2"]
    kill.engage("all of it", cancel=True)
    await asyncio.wait_for(guard.carry_out(), 60)
    assert desk.open == []


async def test_an_account_that_there_is_not_is_a_problem_and_nothing_counts_as_done(
    tmp_path: Path,
) -> None:
    desk: Any = Desk({"DU1": 10}, refused="")
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True, accounts=["DU11"])
    report = await asyncio.wait_for(guard.carry_out(), 60)
    assert (report.closed, report.is_done, desk.held) == (0, False, {"DU1": 10})
    assert "none of the login's 2 accounts" in report.problems[0]
    state = kill.state()
    assert state is not None
    assert state.asks
    kill.release()
    kill.engage("out", cancel=True, accounts=["DU11"])
    (problem,) = (await asyncio.wait_for(guard.carry_out(), 60)).problems
    assert "none of the login's 2 accounts" in problem


async def test_what_closes_goes_on_when_the_rest_is_tried_again(tmp_path: Path) -> None:
    desk: Any = Desk({"DU1": 10, "DU2": 20}, refused="DU2")
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True)
    await asyncio.wait_for(guard.carry_out(), 5)
    (key,) = desk.keys["DU1"]
    desk.open = [open_order(1, key=key), open_order(2, key="mine")]
    await asyncio.wait_for(guard.carry_out(), 5)
    assert [one.order_id for one in desk.open] == [1]


async def test_a_position_whose_closing_order_was_cancelled_is_not_closed(tmp_path: Path) -> None:
    desk: Any = Desk({"DU1": 10}, refused="")
    desk.ends = OrderStatus.CANCELLED
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True)
    report = await asyncio.wait_for(guard.carry_out(), 5)
    assert (report.closed, report.is_done) == (0, False)
    assert "order 7 was to close it, and was cancelled: no bid" in report.problems[0]
    state = kill.state()
    assert state is not None
    assert state.asks


async def test_what_could_not_be_done_is_tried_again_less_and_less_often(tmp_path: Path) -> None:
    desk: Any = Desk({"DU1": 10}, refused="DU1")
    tries: list[float] = []
    clock = FakeClock()
    guard, kill = guard_of(desk, tmp_path / "kill", clock=clock)
    positions = desk.positions

    async def asked() -> list[Position]:
        tries.append(clock.monotonic())
        held: list[Position] = await positions()
        return held

    guard._positions = asked
    kill.engage("out", flatten=True)
    await guard.start()
    try:
        await clock.advance(1300)
        # at once, and then each 5, 10, 20 ... 300 seconds, as seen once a second
        assert tries == [1, 6, 16, 36, 76, 156, 316, 616, 916, 1216]
        desk.refused = ""
        await clock.advance(300)
        assert desk.held == {}
        assert len(tries) == 11
        await clock.advance(1000)
        assert len(tries) == 11
    finally:
        await guard.aclose()


async def test_orders_of_ours_are_cancelled_also_when_another_program_was_first(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    desk: Any = Desk({"DU1": 10}, refused="")
    guard, kill = guard_of(desk, tmp_path / "kill", clock=clock)
    await clock.advance(60)
    state = kill.engage("out", flatten=True)
    kill.note_done(state)
    later = EPOCH + timedelta(seconds=61)
    desk.open = [open_order(1), open_order(2, sent_at=later)]
    await guard.start()
    try:
        await clock.advance(10)
        # what was let through since then can only close
        assert [one.order_id for one in desk.open] == [2]
        assert desk.placed == 0
        desk.open.append(open_order(3))
        await clock.advance(600)
        assert [one.order_id for one in desk.open] == [2, 3]
    finally:
        await guard.aclose()


async def test_two_programs_take_turns_in_closing(tmp_path: Path) -> None:
    clock = FakeClock()
    desk: Any = Desk({"DU1": 10}, refused="")
    guard, kill = guard_of(desk, tmp_path / "kill", clock=clock)
    kill.engage("out", flatten=True)
    other = KillSwitch(tmp_path / "kill", clock=clock)
    assert other.turn.acquire()
    waiting = asyncio.ensure_future(guard.carry_out())
    await clock.advance(30)
    assert not waiting.done()
    state = other.state()
    assert state is not None
    other.note_done(state)
    other.turn.release()
    await clock.advance(1)
    report = await asyncio.wait_for(waiting, 5)
    assert (report.closed, report.problems, desk.placed) == (0, (), 0)
    kill.engage("again", flatten=True)
    assert other.turn.acquire()
    waiting = asyncio.ensure_future(guard.carry_out())
    await clock.advance(100)
    (problem,) = (await asyncio.wait_for(waiting, 5)).problems
    assert "another program has been closing" in problem
    other.turn.release()


async def test_a_disk_that_takes_no_word_of_it_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk: Any = Desk({"DU1": 10}, refused="")
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as while_full:
        while_full.setattr("ibkr_connector.orders.kill_switch.write_small_file", full)
        report = await asyncio.wait_for(guard.carry_out(), 5)
    assert (report.closed, len(report.problems)) == (1, 1)
    assert "could not be noted" in report.problems[0]
    assert (await asyncio.wait_for(guard.carry_out(), 5)).is_done
    assert desk.placed == 1


async def test_who_asks_is_told_what_was_done_also_where_the_watch_was_faster(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    desk: Any = Desk({"DU1": 10}, refused="")
    desk.open = [open_order(1)]
    guard, kill = guard_of(desk, tmp_path / "kill", clock=clock)
    await guard.start()
    try:
        kill.engage("out", flatten=True)
        await clock.advance(2)
        assert (desk.open, desk.placed) == ([], 1)
        report = await asyncio.wait_for(guard.carry_out(), 5)
        assert (report.cancelled, report.closed, report.is_done) == (1, 1, True)
        assert desk.placed == 1
    finally:
        await guard.aclose()
