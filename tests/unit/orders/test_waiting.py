"""What a call that places waits for: read strictly, bounded always, and nothing undone by it."""

import asyncio
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    NotConnectedError,
    OrderRejectedError,
    OrderUncertainError,
    OrderValidationError,
    RequestTimeoutError,
)
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.orders.waiting import as_waiting
from kit.order_desk import bench, buy
from kit.order_venue import Mode


@pytest.mark.parametrize("wait", ["fill", "", None, 1, True, ["sent"], "Filled"])
def test_another_word_is_refused_with_those_there_are(wait: Any) -> None:
    with pytest.raises(OrderValidationError, match="'sent', 'submitted', 'filled'"):
        as_waiting(wait, None, ack_s=10, fill_s=60)


@pytest.mark.parametrize("timeout_s", [0, -1, math.nan, math.inf, "5", True, Decimal(5)])
def test_a_time_that_is_no_time_is_refused(timeout_s: Any) -> None:
    with pytest.raises(OrderValidationError, match="timeout_s must be a finite number"):
        as_waiting("filled", timeout_s, ack_s=10, fill_s=60)


def test_a_short_wait_for_the_socket_leaves_the_broker_his_time() -> None:
    waiting = as_waiting("sent", 0.5, ack_s=10, fill_s=60)
    assert (waiting.send_s, waiting.ack_s) == (0.5, 10)


def test_a_long_wait_for_the_fill_does_not_lengthen_that_for_the_first_word() -> None:
    waiting = as_waiting("filled", 300, ack_s=10, fill_s=60)
    assert (waiting.send_s, waiting.ack_s, waiting.fill_s) == (10, 10, 300)


async def test_a_wrong_wait_sends_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        wrong: Any = "done"
        with pytest.raises(OrderValidationError) as caught:
            await b.run(lambda: b.desk.place(buy(), wait=wrong))
        assert caught.value.disposition is SendDisposition.UNSENT
        assert b.venue.sent == []


async def test_sent_returns_before_the_broker_has_spoken(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        report = await b.run(lambda: b.desk.place(buy(), wait="sent"), limit_s=0.5)
        assert (report.status, report.disposition) == (OrderStatus.PENDING, SendDisposition.SENT)
        (held,) = b.venue.held.values()
        b.venue.tell(held)
        await b.settle()
        assert b.desk.report(report.order_id).status is OrderStatus.SUBMITTED


async def test_what_nobody_confirms_after_sent_becomes_uncertain_and_is_found(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        report = await b.run(lambda: b.desk.place(buy(), wait="sent", timeout_s=1.0))
        await b.pass_time(9.0)
        assert b.desk.report(report.order_id).status is OrderStatus.PENDING
        await b.pass_time(2.0)
        assert b.desk.report(report.order_id).status is OrderStatus.SUBMITTED
        assert b.reports[-1].transitions[-2].event == "lose"


async def test_sent_tells_of_a_socket_that_ended(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.CUT_BEFORE
        with pytest.raises(OrderUncertainError) as caught:
            await b.run(lambda: b.desk.place(buy(), wait="sent"))
        assert caught.value.disposition is SendDisposition.MAYBE_WRITTEN


async def test_filled_returns_when_the_order_is_over(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.run(lambda: b.desk.place(buy(), wait="filled")))
        await b.turn(lambda: bool(b.venue.held))
        (held,) = b.venue.held.values()
        b.venue.execute(held, Decimal(40))
        await b.settle()
        assert not placing.done()
        b.venue.execute(held, Decimal(60))
        report = await placing
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(100))


async def test_filled_returns_a_cancelled_order_as_cancelled(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.run(lambda: b.desk.place(buy(), wait="filled")))
        await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
        await b.run(lambda: b.desk.cancel(1))
        assert (await placing).status is OrderStatus.CANCELLED


async def test_filled_raises_for_an_order_that_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.REJECT
        with pytest.raises(OrderRejectedError):
            await b.run(lambda: b.desk.place(buy(), wait="filled"))


async def test_an_order_that_is_open_at_the_deadline_goes_on_and_the_error_says_so(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(RequestTimeoutError, match="goes on working") as caught:
            await b.run(lambda: b.desk.place(buy(), wait="filled", timeout_s=5.0), limit_s=6.0)
        error = caught.value
        assert error.report is not None
        assert (error.request_id, error.report.order_id) == (1, 1)
        assert error.report.status is OrderStatus.SUBMITTED
        assert error.disposition is SendDisposition.SENT
        assert not error.retryable
        (held,) = b.venue.held.values()
        b.venue.execute(held, Decimal(100))
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.FILLED
        assert b.venue.cancels == []


async def test_the_deadline_of_the_fill_comes_from_the_settings(tmp_path: Path) -> None:
    async with bench(tmp_path, fill_timeout_s=20.0) as b:
        with pytest.raises(RequestTimeoutError, match="after 20 s"):
            await b.run(lambda: b.desk.place(buy(), wait="filled"), limit_s=22.0)


async def test_filled_without_the_brokers_first_word_is_uncertain_and_no_timeout(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.VOID
        with pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy(), wait="filled", timeout_s=30.0), limit_s=12.0)


async def test_the_connection_may_go_and_come_back_while_the_fill_is_awaited(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.run(lambda: b.desk.place(buy(), wait="filled")))
        await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
        b.venue.cut()
        (held,) = b.venue.held.values()
        b.venue.execute(held, Decimal(100), tell=False)
        b.venue.reconnect()
        await b.desk.reconcile()
        report = await placing
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(100))


async def test_closing_the_desk_ends_the_wait_and_names_the_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.desk.place(buy(), wait="filled"))
        await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
        await b.settle()
        await b.desk.aclose()
        with pytest.raises(NotConnectedError, match="order 1 was submitted") as caught:
            await placing
        assert caught.value.disposition is SendDisposition.SENT
        assert not caught.value.retryable


async def test_a_caller_who_stops_waiting_for_the_fill_leaves_the_order_alone(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        placing = asyncio.ensure_future(b.desk.place(buy(), wait="filled"))
        await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
        await b.settle()
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        (held,) = b.venue.held.values()
        b.venue.execute(held, Decimal(100))
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.FILLED


@pytest.mark.parametrize("wait", ["sent", "submitted", "filled"])
async def test_the_same_key_waits_for_the_same_order(tmp_path: Path, wait: Any) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.FILL
        first = await b.run(lambda: b.desk.place(buy(client_order_id="k"), wait="filled"))
        again = await b.run(lambda: b.desk.place(buy(client_order_id="k"), wait=wait))
        assert again.order_ref == first.order_ref
        assert len(b.venue.sent) == 1
