"""Brackets on a venue without sockets: what is written, called off and answered."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import (
    OrderError,
    OrderRejectedError,
    OrderUncertainError,
    OrderValidationError,
    RiskLimitError,
)
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.risk import RiskLimits
from kit.order_desk import Bench, bench, buy
from kit.order_venue import Mode

BRACKET = BracketRequest(entry=buy(), take_profit=Decimal(120), stop_loss=Decimal(90))


async def test_only_the_last_order_releases_the_others(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place_bracket(BRACKET))
        entry, profit, stop = b.venue.sent
        assert [one.transmit for one in b.venue.sent] == [False, False, True]
        assert entry.parent_id is None
        assert profit.parent_id == stop.parent_id == entry.order_id
        assert entry.order_id < profit.order_id < stop.order_id


async def test_a_bracket_whose_caller_goes_away_before_the_write_is_not_sent(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        task = asyncio.ensure_future(b.desk.place_bracket(BRACKET))
        await b.turn(lambda: len(b.desk.orders()) == 3)
        task.cancel()
        await b.settle()
        assert b.venue.sent == []
        assert {report.status for report in b.desk.orders()} == {OrderStatus.REJECTED}


async def test_a_bracket_that_is_denied_for_an_exit_counts_as_nothing_placed(
    tmp_path: Path,
) -> None:
    limits = RiskLimits(
        max_order_size=Decimal(1000),
        duplicate_window_s=Decimal(60),
        denied_order_types=frozenset({"STP"}),
    )
    async with bench(tmp_path, limits=limits) as b:
        with pytest.raises(RiskLimitError, match="denied order type"):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        corrected = replace(BRACKET, stop_limit=Decimal(89))
        await b.run(lambda: b.desk.place_bracket(corrected))
        assert len(b.venue.sent) == 3
        with pytest.raises(RiskLimitError, match="duplicate_window_s"):
            await b.run(lambda: b.desk.place_bracket(corrected))


async def test_a_bracket_without_a_session_is_not_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.on_send = lambda ticket: b.venue._check()
        b.venue.failing = OrderError("the disk is full")
        with pytest.raises(OrderError):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        assert b.venue.sent == []


async def test_a_silent_broker_leaves_the_bracket_uncertain(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.VOID
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        assert {report.status for report in b.desk.orders()} == {OrderStatus.UNCERTAIN}


async def test_a_refused_bracket_says_what_became_of_each(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.REJECT
        with pytest.raises(
            OrderRejectedError, match="the broker refused a part of the bracket"
        ) as caught:
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        assert caught.value.code == 201
        assert {report.status for report in b.desk.orders()} == {OrderStatus.REJECTED}


def dies(b: Bench, *, mode: Mode) -> None:
    """Let the broker do something to the next entry, and swallow the orders that follow it."""

    def choose(ticket: OrderTicket) -> None:
        b.venue.mode = mode if ticket.parent_id is None else Mode.VOID

    b.venue.on_send = choose


def says(b: Bench, code: int | None) -> None:
    """Let the broker answer every cancellation with a code, or with nothing."""

    async def cancel(order_id: OrderId) -> None:
        b.venue.cancels.append(order_id)
        if code is not None:
            b.venue.fault(order_id, code, "not found")

    b.venue.send_cancel = cancel  # type: ignore[method-assign]


@pytest.mark.parametrize("code", [10147, 135])
async def test_children_of_a_refused_entry_are_asked_for_at_once(tmp_path: Path, code: int) -> None:
    async with bench(tmp_path, ack_timeout_s=3600) as b:
        dies(b, mode=Mode.REJECT)
        says(b, code)
        began = b.clock.monotonic()
        with pytest.raises(OrderRejectedError, match="1 rejected, 2 rejected, 3 rejected"):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        assert b.clock.monotonic() - began < 10
        assert b.venue.cancels == [2, 3]


async def test_what_the_broker_says_of_the_children_itself_is_waited_for_no_longer(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, ack_timeout_s=3600) as b:

        def choose(ticket: OrderTicket) -> None:
            b.venue.mode = Mode.SILENT

        b.venue.on_send = choose
        task = asyncio.ensure_future(b.desk.place_bracket(BRACKET))
        await b.turn(lambda: len(b.venue.sent) == 3)
        await b.settle()
        head, *children = b.venue.held.values()
        head.status, head.reject_reason = "Cancelled", "no margin"
        b.venue.fault(head.ticket.order_id, 201, "no margin")
        for child in children:
            b.venue.tell(child, "Cancelled")
        began = b.clock.monotonic()
        with pytest.raises(OrderRejectedError, match="1 rejected, 2 cancelled, 3 cancelled"):
            await b.run(lambda: task)
        assert b.clock.monotonic() == began


async def test_children_of_a_refused_entry_are_uncertain_when_nobody_says_a_word_of_them(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, ack_timeout_s=3600) as b:
        dies(b, mode=Mode.REJECT)
        says(b, None)
        with pytest.raises(OrderRejectedError, match="1 rejected, 2 uncertain, 3 uncertain"):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        # the session that sent them can never prove that they are not there; the next one can
        await b.pass_time(120)
        assert [one.status for one in b.desk.orders()] == ["rejected", "uncertain", "uncertain"]
        b.venue.cut()
        b.venue.reconnect()
        await b.run(b.desk.reconcile)
        await b.pass_time(30)
        assert {one.status for one in b.desk.orders()} == {OrderStatus.REJECTED}


async def test_the_exits_of_an_entry_that_ended_without_a_fill_are_not_waited_for(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, ack_timeout_s=3600) as b:
        dies(b, mode=Mode.SILENT)
        says(b, 10147)
        task = asyncio.ensure_future(b.desk.place_bracket(BRACKET))
        await b.turn(lambda: len(b.venue.sent) == 3)
        await b.settle()
        (head,) = b.venue.held.values()
        b.venue.tell(head, "Cancelled")
        with pytest.raises(OrderRejectedError, match="1 cancelled, 2 rejected, 3 rejected"):
            await b.run(lambda: task)


async def test_an_entry_that_has_traded_keeps_its_exits_when_one_is_refused(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:

        def choose(ticket: object) -> None:
            b.venue.mode = [Mode.FILL, Mode.REJECT, Mode.WORK][len(b.venue.sent)]

        b.venue.on_send = choose
        with pytest.raises(OrderRejectedError):
            await b.run(lambda: b.desk.place_bracket(BRACKET))
        assert [report.status for report in b.desk.orders()] == ["filled", "rejected", "submitted"]
        assert b.venue.cancels == []


async def test_a_key_of_a_single_order_is_none_for_a_bracket(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        alone = buy(client_order_id="x")
        await b.run(lambda: b.desk.place(alone))
        with pytest.raises(OrderValidationError, match="'x' already names another order"):
            await b.run(lambda: b.desk.place_bracket(replace(BRACKET, entry=alone)))
        assert len(b.venue.sent) == 1
        (denied,) = (one for one in await b.journal.entries() if one.kind == "denied")
        assert denied.body["error"] == "OrderValidationError"


async def test_a_bracket_that_is_placed_again_names_its_exits_right(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        wanted = replace(BRACKET, entry=buy(client_order_id="x"))
        first = await b.run(lambda: b.desk.place_bracket(wanted))
        # one exit has left memory and come back since, so it is the last in the ledger
        entries = b.desk._ledger._entries
        entries[first.take_profit.order_ref] = entries.pop(first.take_profit.order_ref)
        assert await b.run(lambda: b.desk.place_bracket(wanted)) == first
        assert len(b.venue.sent) == 3


async def test_a_bracket_asked_for_again_while_it_is_on_its_way_waits_with_the_first(
    tmp_path: Path,
) -> None:
    bracket = replace(BRACKET, entry=replace(BRACKET.entry, client_order_id="once"))
    async with bench(tmp_path) as b:
        first = asyncio.ensure_future(b.desk.place_bracket(bracket))
        await b.turn(lambda: len(b.desk.orders()) == 3)
        again = await b.run(lambda: b.desk.place_bracket(bracket))
        assert again == await first
        assert len(b.venue.sent) == 3


async def test_an_order_does_not_overtake_a_bracket_that_came_before_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        first = asyncio.ensure_future(b.desk.place_bracket(BRACKET))
        await b.run(lambda: asyncio.gather(first, b.desk.place(buy())))
        ids = [ticket.order_id for ticket in b.venue.sent]
        assert ids == [1, 2, 3, 4]
