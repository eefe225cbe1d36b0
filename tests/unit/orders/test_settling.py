"""An order that nobody can tell the end of any more is ended on the user's word, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    NotConnectedError,
    OrderNotFoundError,
    OrderRejectedError,
    OrderStateError,
    OrderUncertainError,
    OrderValidationError,
    ReadOnlyError,
    RiskLimitError,
)
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.orders.risk import RiskLimits
from kit.order_desk import Bench, bench, buy
from kit.order_venue import Mode

WHY = "expired, says the statement"
DAY_S = 24 * 3600.0
ONE = RiskLimits(max_order_size=Decimal(1000), max_open_orders=1)


async def settled(b: Bench, why: Any = WHY) -> OrderReport:
    report: OrderReport = await b.run(lambda: b.desk.settling.settle(1, why=why))
    return report


@asynccontextmanager
async def vanished(tmp_path: Path) -> AsyncIterator[Bench]:
    """An order that worked when the program was stopped, and is in no list of the next day."""
    async with bench(tmp_path, limits=ONE) as b:
        await b.run(lambda: b.desk.place(buy()))
        await b.stop()
        b.venue.held.clear()
        b.clock.advance(DAY_S)
        b.venue.reconnect()
        await b.start()
        await b.run(b.desk.reconcile)
        await b.pass_time(20.0)
        assert b.desk.report(1).status is OrderStatus.UNCERTAIN
        yield b


async def test_an_order_of_yesterday_that_is_in_no_list_ends_on_the_users_word(
    tmp_path: Path,
) -> None:
    async with vanished(tmp_path) as b:
        # it works no more, so it leaves the room that there is to another
        assert (await b.run(lambda: b.desk.place(buy()))).status is OrderStatus.SUBMITTED
        with pytest.raises(RiskLimitError, match="max_open_orders"):
            await b.run(lambda: b.desk.place(buy()))
        report = await settled(b)
        assert report.status is OrderStatus.CANCELLED
        assert report.reason == f"settled by the user: {WHY}"
        assert (b.desk.open_count, b.desk.uncertain_count, b.desk.anomalies) == (1, 0, 0)
        told = await b.run(lambda: b.desk.history(1))
        assert (told.steps[-1].cause, told.steps[-1].target) == ("settled", "cancelled")
        await b.restart()
        assert b.desk.report(1).status is OrderStatus.CANCELLED
        await b.run(b.desk.reconcile)
        assert b.desk.report(1).status is OrderStatus.CANCELLED


async def test_what_the_broker_has_never_shown_was_not_placed_and_is_not_sent_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.VOID
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy(client_order_id="mine")))
        # its bytes may still wait in the gateway's socket
        with pytest.raises(OrderStateError, match="may still arrive"):
            await settled(b)
        b.venue.cut()
        b.venue.reconnect()
        report = await settled(b)
        assert report.status is OrderStatus.REJECTED
        assert report.disposition is not SendDisposition.UNSENT
        with pytest.raises(OrderRejectedError, match="settled by the user"):
            await b.run(lambda: b.desk.place(buy(client_order_id="mine")))
        assert len(b.venue.sent) == 1


async def test_what_the_broker_still_has_is_found_and_not_settled(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()), limit_s=11.0)
        with pytest.raises(OrderStateError, match="is submitted, and not for you to settle"):
            await settled(b)
        assert b.desk.report(1).status is OrderStatus.SUBMITTED


async def test_one_that_is_shown_again_after_all_lives_again(tmp_path: Path) -> None:
    async with vanished(tmp_path) as b:
        await settled(b)
        await b.venue.send_order(b.venue.sent[0])
        await b.run(b.desk.reconcile)
        assert b.desk.report(1).status is OrderStatus.SUBMITTED


async def test_nothing_is_settled_while_the_broker_cannot_be_asked(tmp_path: Path) -> None:
    async with vanished(tmp_path) as b:
        b.venue.cut()
        with pytest.raises(NotConnectedError):
            await settled(b)
        assert b.desk.report(1).status is OrderStatus.UNCERTAIN


async def test_what_is_missing_for_the_first_time_is_looked_for_once_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        b.venue.held.clear()
        assert (await settled(b)).status is OrderStatus.CANCELLED


async def test_a_read_only_connector_settles_nothing(tmp_path: Path) -> None:
    async with vanished(tmp_path) as b:
        b.desk._admission._readonly = True
        with pytest.raises(ReadOnlyError):
            await settled(b)


@pytest.mark.parametrize("why", ["", "a\nb", "x" * 201, None])
async def test_a_word_is_needed(tmp_path: Path, why: object) -> None:
    async with vanished(tmp_path) as b:
        with pytest.raises(OrderValidationError, match="why must be printable text"):
            await settled(b, why)


async def test_an_order_that_works_and_one_that_is_not_known_are_not_settled(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(OrderNotFoundError):
            await settled(b)
        await b.run(lambda: b.desk.place(buy()))
        with pytest.raises(OrderStateError, match="not for you to settle"):
            await settled(b)
