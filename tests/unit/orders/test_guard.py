"""Closing what is held on a kill switch's word goes on after a crash where it was."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.model.account import Position
from ibkr_connector.model.advisor import Allocation
from ibkr_connector.model.orders import OrderRequest, OrderTerms
from ibkr_connector.model.terms import NO_TERMS
from ibkr_connector.orders.guard import Guard
from ibkr_connector.orders.kill_switch import KillSwitch
from kit.fake_clock import FakeClock
from kit.order_desk import AAPL, NOON

CORE = OrderTerms(allocation=Allocation(group="Core"))


class Desk:
    """Places all but the orders of one account; the broker closes what was placed."""

    def __init__(self, held: dict[str, int], refused: str) -> None:
        self.held, self.refused = held, refused
        self.keys: dict[str, set[str | None]] = {}
        self.open: list[SimpleNamespace] = []

    async def place(self, order: OrderRequest, *, is_exit: bool) -> None:
        assert is_exit
        self.keys.setdefault(order.account or "", set()).add(order.client_order_id)
        if order.account == self.refused:
            raise NotConnectedError("the session ended")
        del self.held[order.account or ""]

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


def guard_of(desk: Any, directory: Path) -> tuple[Guard, KillSwitch]:
    clock = FakeClock()
    kill = KillSwitch(directory, clock=clock)
    guard = Guard(
        desk=desk,
        rules=SimpleNamespace(),  # type: ignore[arg-type]  # nobody watches them here
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
    first = await asyncio.wait_for(guard.carry_out(), 5)
    assert (first.closed, len(first.problems)) == (1, 1)
    desk.refused = ""
    second = await asyncio.wait_for(guard.carry_out(), 5)
    assert (second.closed, second.problems) == (1, ())
    # one key for each account: another account's would name another order, and be refused
    assert [len(keys) for keys in desk.keys.values()] == [1, 1]
    assert not desk.keys["DU1"] & desk.keys["DU2"]


async def test_of_one_account_all_is_cancelled_that_may_come_to_it(tmp_path: Path) -> None:
    desk: Any = Desk({}, refused="")
    desk.open = [
        SimpleNamespace(order_id=number, account=account, terms=terms)
        for number, (account, terms) in enumerate(
            [("DU1", NO_TERMS), ("DU2", NO_TERMS), ("", NO_TERMS), ("DF1", CORE)]
        )
    ]
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", cancel=True, accounts=["DU1"])
    report = await asyncio.wait_for(guard.carry_out(), 5)
    assert (report.cancelled, report.problems) == (3, ())
    assert [one.account for one in desk.open] == ["DU2"]
    kill.engage("all of it", cancel=True)
    await asyncio.wait_for(guard.carry_out(), 5)
    assert desk.open == []


async def test_an_account_that_there_is_not_is_a_problem_and_nothing_counts_as_done(
    tmp_path: Path,
) -> None:
    desk: Any = Desk({"DU1": 10}, refused="")
    guard, kill = guard_of(desk, tmp_path / "kill")
    kill.engage("out", flatten=True, accounts=["DU11"])
    report = await asyncio.wait_for(guard.carry_out(), 5)
    assert (report.closed, report.is_done, desk.held) == (0, False, {"DU1": 10})
    assert "none of the login's 2 accounts" in report.problems[0]
    state = kill.state()
    assert state is not None
    assert state.asks
    kill.release()
    kill.engage("out", cancel=True, accounts=["DU11"])
    (problem,) = (await asyncio.wait_for(guard.carry_out(), 5)).problems
    assert "none of the login's 2 accounts" in problem
