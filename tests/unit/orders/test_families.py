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
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.risk import RiskLimits
from kit.order_desk import bench, buy
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
