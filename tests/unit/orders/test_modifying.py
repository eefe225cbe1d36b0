"""Changes: what the rules count while nobody has confirmed one, and what is sent of an order."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    NotConnectedError,
    OrderError,
    OrderStateError,
    OrderUncertainError,
    RequestTimeoutError,
    RiskLimitError,
)
from ibkr_connector.gateway.port import OpenOrderSeen, OrderTicket
from ibkr_connector.model.account import Position
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.orders.risk import AccountFacts, Needs, RiskFacts, RiskLimits
from kit.order_desk import AAPL, NOON, Bench, bench, buy


class Facts:
    """An account that holds some Apples."""

    def __init__(self) -> None:
        self.held = Decimal(0)

    async def facts(
        self, details: ContractDetails, *, account: str, needs: Needs, extended: bool
    ) -> RiskFacts:
        return RiskFacts(price=Decimal(100), exchange_rate=Decimal(1))

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        row = Position(
            account="DU1",
            contract=AAPL,
            quantity=self.held,
            avg_cost=Decimal(1),
            avg_price=Decimal(1),
            as_of=NOON,
            current_price=Decimal(100),
        )
        return AccountFacts(now=NOON, rate=lambda currency: Decimal(1), positions=(row,))


class Changes:
    """What the venue does with the changes that it is sent."""

    def __init__(self, b: Bench) -> None:
        self.b = b
        self.place = b.venue.send_order
        self.sent: list[OrderTicket] = []
        self.is_answered = True
        self.failing: Exception | None = None

    async def take(self, ticket: OrderTicket) -> None:
        held = self.b.venue.by_ref(ticket.order_ref)
        if held is None:
            await self.place(ticket)
            return
        if self.failing is not None:
            raise self.failing
        self.sent.append(ticket)
        if self.is_answered:
            held.ticket = ticket
            self.b.venue.tell(held)


@asynccontextmanager
async def changing(
    tmp_path: Path, *, facts: Facts | None = None, most: int = 1000
) -> AsyncIterator[tuple[Bench, OrderReport, Changes]]:
    """An order of 100 that works, at a venue whose next orders are changes of it."""
    limits = RiskLimits(max_order_size=Decimal(1000), max_position_size=Decimal(most))
    async with bench(tmp_path, limits=limits, facts=facts or Facts()) as b:
        report = await b.run(lambda: b.desk.place(buy()))
        changes = Changes(b)
        b.venue.send_order = changes.take  # type: ignore[method-assign]
        yield b, report, changes


async def refused(b: Bench, quantity: int) -> bool:
    before = len(b.venue.sent)
    try:
        await b.run(lambda: b.desk.place(buy(quantity), wait="sent"))
    except RiskLimitError:
        assert len(b.venue.sent) == before
        return True
    return False


async def test_a_change_that_is_under_way_leaves_no_room_for_another_order(
    tmp_path: Path,
) -> None:
    async with changing(tmp_path) as (b, report, changes):
        changes.is_answered = False
        task = asyncio.ensure_future(b.desk.modify(report.order_id, {"quantity": 1000}))
        await b.turn(lambda: bool(b.desk._modifying._unsettled))
        assert changes.sent == []  # not even on disk yet
        assert await refused(b, 1)
        assert len(changes.sent) == 1
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: task)
        assert await refused(b, 1)
        # the next session begins with the broker's list: it was not made
        b.venue.cut()
        b.venue.reconnect()
        await b.run(b.desk.reconcile)
        assert not await refused(b, 1)


async def test_a_change_that_was_made_counts_as_the_order_that_it_is_now(tmp_path: Path) -> None:
    async with changing(tmp_path) as (b, report, _):
        await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 1000}))
        await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 200}))
        assert await refused(b, 801)
        assert not await refused(b, 800)


@pytest.mark.parametrize("code", [None, 201])
async def test_a_change_that_was_not_made_leaves_the_room_that_there_was(
    tmp_path: Path, code: int | None
) -> None:
    async with changing(tmp_path) as (b, report, changes):
        changes.is_answered = False
        task = asyncio.ensure_future(b.desk.modify(report.order_id, {"quantity": 1000}))
        if code is None:
            why = SendDisposition.UNSENT
            changes.failing = NotConnectedError("no session", disposition=why)
        else:
            await b.turn(lambda: bool(changes.sent))
            b.venue.fault(changes.sent[0].order_id, code, "Order rejected - reason: no margin")
        with pytest.raises((OrderStateError, NotConnectedError)):
            await b.run(lambda: task)
        changes.failing = None
        assert not await refused(b, 900)


async def test_a_change_of_which_nothing_was_sent_is_taken_back_in_the_journal(
    tmp_path: Path,
) -> None:
    async with changing(tmp_path) as (b, report, changes):
        await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 200}))
        changes.failing = NotConnectedError("no session", disposition=SendDisposition.UNSENT)
        for quantity in (300, 400):
            change = partial(b.desk.modify, report.order_id, {"quantity": quantity})
            with pytest.raises(NotConnectedError):
                await b.run(change)
        told = await b.run(lambda: b.desk.history(report.order_id))
        steps = [step.what for step in told.steps if step.kind == "change"]
        assert [what.split(":")[0] for what in steps] == [
            "to be changed",
            *("to be changed", "not changed") * 2,
        ]
        assert steps[-1] == "not changed: not sent: no session"
        for _ in range(2):
            # what the last change that was sent says is what a fill may prove, also after a restart
            entry = b.desk._book.ledger.by_order_id(report.client_id, report.order_id)
            assert entry is not None
            assert entry.changed is not None
            assert entry.changed.quantity == 200
            await b.restart()


async def test_a_code_about_a_change_that_was_never_sent_is_about_the_order(tmp_path: Path) -> None:
    async with changing(tmp_path) as (b, report, changes):
        changes.failing = NotConnectedError("no session", disposition=SendDisposition.UNSENT)
        with pytest.raises(NotConnectedError):
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 200}))
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        held.status = "Inactive"
        b.venue.tell(held)
        b.venue.fault(report.order_id, 201, "Order rejected - reason: no margin")
        await b.settle()
        assert b.desk.report(report.order_id).status is OrderStatus.REJECTED


async def test_a_change_of_an_order_that_ended_on_the_way_is_not_sent(tmp_path: Path) -> None:
    async with changing(tmp_path) as (b, report, changes):
        held = b.venue.by_ref(report.order_ref)
        assert held is not None

        async def it_ends() -> None:
            b.venue.confirm_cancel(held)

        b.venue.confirm_alive = it_ends  # type: ignore[method-assign]
        with pytest.raises(OrderStateError, match="cancelled and cannot be changed"):
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 50}))
        assert changes.sent == []


async def test_a_change_whose_sending_broke_says_that_it_may_have_left(tmp_path: Path) -> None:
    async with changing(tmp_path) as (b, report, changes):
        changes.failing = OrderError("it broke")
        with pytest.raises(OrderError, match="it broke") as caught:
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 50}))
        assert caught.value.disposition is SendDisposition.MAYBE_WRITTEN


async def test_a_change_of_an_order_that_ended_meanwhile_says_that_it_was_sent(
    tmp_path: Path,
) -> None:
    async with changing(tmp_path) as (b, report, changes):
        changes.is_answered = False
        change = asyncio.ensure_future(b.desk.modify(report.order_id, {"quantity": 50}))
        await b.turn(lambda: bool(changes.sent))
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        b.venue.confirm_cancel(held)
        with pytest.raises(OrderStateError, match="cancelled") as caught:
            await b.run(lambda: change)
        assert caught.value.disposition is SendDisposition.SENT


@pytest.mark.parametrize(("stall_s", "is_sent"), [(1.5, True), (2.0, False)])
async def test_a_change_that_the_disk_holds_up_for_longer_than_it_may_take_is_not_sent_late(
    tmp_path: Path, stall_s: float, is_sent: bool
) -> None:
    async with changing(tmp_path) as (b, report, changes):
        may_write = threading.Event()

        def hold_up() -> Callable[[], None]:
            may_write.wait(60)
            return lambda: None

        b.journal.time_commits(hold_up)
        change = asyncio.ensure_future(
            b.desk.modify(report.order_id, {"quantity": 50}, timeout_s=2.0)
        )
        ledger = b.desk._book.ledger
        await b.turn(lambda: any(one.changed is not None for one in ledger))
        for _ in range(5):
            await asyncio.sleep(0)
        b.clock.advance(stall_s)
        may_write.set()
        if is_sent:
            assert (await b.run(lambda: change)).quantity == 50
        else:
            with pytest.raises(RequestTimeoutError, match="nothing was sent") as caught:
                await b.run(lambda: change)
            assert caught.value.disposition is SendDisposition.UNSENT
            entry = ledger.by_order_id(report.client_id, report.order_id)
            assert entry is not None
            assert entry.changed is None
        assert len(changes.sent) == is_sent


async def test_what_is_filled_already_is_not_counted_again_in_a_change(tmp_path: Path) -> None:
    facts = Facts()
    async with changing(tmp_path, facts=facts, most=100) as (b, report, _):
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        b.venue.execute(held, Decimal(60))
        facts.held = Decimal(60)
        price: dict[str, Any] = {"limit_price": "100.40"}
        changed = await b.run(lambda: b.desk.modify(report.order_id, price))
        assert changed.limit_price == Decimal("100.40")
        with pytest.raises(RiskLimitError, match="max_position_size: 101 "):
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 101}))


async def test_a_refused_size_is_that_of_the_whole_order(tmp_path: Path) -> None:
    async with changing(tmp_path, most=10_000) as (b, report, _):
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        b.venue.execute(held, Decimal(99))
        with pytest.raises(RiskLimitError, match="MAX_ORDER_SIZE"):
            await b.run(lambda: b.desk.modify(report.order_id, {"quantity": 1001}))


@pytest.mark.parametrize("filled", [0, 40, 100])
@pytest.mark.parametrize("changes", [{"limit_price": "119"}, {"stop_price": "91"}])
async def test_the_exits_of_a_bracket_are_changed_under_rules_that_let_nothing_be_sold_short(
    tmp_path: Path, filled: int, changes: dict[str, Any]
) -> None:
    facts = Facts()
    limits = RiskLimits(
        max_order_size=Decimal(1000), allow_short=False, max_exposure=Decimal(12_100)
    )
    bracket = BracketRequest(entry=buy(), take_profit=Decimal(120), stop_loss=Decimal(90))
    async with bench(tmp_path, limits=limits, facts=facts) as b:
        report = await b.run(lambda: b.desk.place_bracket(bracket))
        if filled:
            held = b.venue.by_ref(report.entry.order_ref)
            assert held is not None
            b.venue.execute(held, Decimal(filled))
            facts.held = Decimal(filled)
        b.venue.send_order = Changes(b).take  # type: ignore[method-assign]
        exit_ = report.take_profit if "limit_price" in changes else report.stop_loss
        await b.run(lambda: b.desk.modify(exit_.order_id, changes))
        with pytest.raises(RiskLimitError, match="allow_short: 1 short"):
            await b.run(lambda: b.desk.modify(exit_.order_id, {"quantity": 101}))


# --- trails -------------------------------------------------------------------------------------


@asynccontextmanager
async def moving(
    tmp_path: Path, action: str, stop: int
) -> AsyncIterator[tuple[Bench, OrderReport, Changes]]:
    """Yield a trail that works, at a venue whose next orders are changes of it."""
    async with bench(tmp_path) as b:
        asked = {"symbol": "AAPL", "action": action, "quantity": 100, "order_type": "TRAIL"}
        asked |= {"trail_amount": 10, "stop_price": stop}
        report = await b.run(lambda: b.desk.place(asked))
        assert report.stop_price == stop
        changes = Changes(b)
        b.venue.send_order = changes.take  # type: ignore[method-assign]
        yield b, report, changes


@pytest.mark.parametrize(("action", "stop"), [("SELL", 100), ("BUY", 100)])
@pytest.mark.parametrize("to", [95, 100, 105])
async def test_the_list_is_asked_for_a_stop_that_the_broker_does_not_tell(
    tmp_path: Path, action: str, stop: int, to: int
) -> None:
    async with moving(tmp_path, action, stop) as (b, report, changes):
        changes.is_answered = False
        task = asyncio.ensure_future(b.desk.modify(report.order_id, {"stop_price": to}))
        await b.turn(lambda: bool(changes.sent))
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        held.ticket = changes.sent[0]
        b.venue.sink(OpenOrderSeen(order=replace(b.venue.row(held), stop_price=None)))
        began = b.clock.monotonic()
        changed = await b.run(lambda: task)
        assert changed.stop_price == to
        assert b.clock.monotonic() - began < 10  # the deadline


@pytest.mark.parametrize(("action", "lower", "further"), [("SELL", 95, 103), ("BUY", 105, 97)])
async def test_a_stop_that_stays_is_not_one_that_was_moved_back(
    tmp_path: Path, action: str, lower: int, further: int
) -> None:
    async with moving(tmp_path, action, 100) as (b, report, changes):
        changes.is_answered = False
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        with pytest.raises(OrderUncertainError, match="has not confirmed"):
            await b.run(lambda: b.desk.modify(report.order_id, {"stop_price": lower}))
        # one that has followed the market meanwhile may have been moved before
        task = asyncio.ensure_future(b.desk.modify(report.order_id, {"stop_price": lower}))
        await b.turn(lambda: len(changes.sent) == 2)
        held.ticket = replace(held.ticket, stop_price=Decimal(further))
        b.venue.tell(held)
        await b.settle()
        assert not task.done()
        assert (await b.run(lambda: task)).stop_price == further
