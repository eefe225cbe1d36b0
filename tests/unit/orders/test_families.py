"""Brackets on a venue without sockets: what is written, called off and answered."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import OrderError, OrderRejectedError, OrderUncertainError
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.orders import OrderStatus
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
