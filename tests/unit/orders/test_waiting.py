"""What a call that places waits for: read strictly, bounded always, and nothing undone by it."""

import asyncio
import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
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
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.orders.waiting import as_waiting
from kit.order_desk import Bench, bench, buy
from kit.order_venue import Held, Mode


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


# --- called filled before the executions are told -----------------------------------------------


async def working(b: Bench) -> Held:
    """Place an order of 100 and return it as the broker has it."""
    await b.run(lambda: b.desk.place(buy()))
    (held,) = b.venue.held.values()
    return held


def call_filled(b: Bench, held: Held, count: int = 100) -> None:
    """Say that it is filled, and nothing of its executions."""
    said = replace(b.venue.status(held), status="Filled", filled=Decimal(count))
    held.status = "Filled"
    b.venue.sink(said)


def waiting_for(b: Bench, timeout_s: float | None = None) -> asyncio.Future[OrderReport]:
    return asyncio.ensure_future(b.desk.wait_for(1, lambda now: now.is_closed, timeout_s=timeout_s))


def count_looks(b: Bench) -> list[float]:
    """Note when the broker is asked for executions."""
    times, ask = [], b.venue.executions

    async def asked() -> Any:
        times.append(b.clock.monotonic())
        return await ask()

    b.venue.executions = asked  # type: ignore[method-assign]
    return times


@pytest.mark.parametrize("by", ["place", "wait_for"])
async def test_a_wait_for_the_fill_brings_the_executions_that_come_after_the_word(
    tmp_path: Path, by: str
) -> None:
    async with bench(tmp_path) as b:
        if by == "place":
            waiting: asyncio.Future[OrderReport]
            waiting = asyncio.ensure_future(b.desk.place(buy(), wait="filled"))
            await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
            (held,) = b.venue.held.values()
        else:
            held = await working(b)
            waiting = waiting_for(b)
            await b.settle()
        looks = count_looks(b)
        call_filled(b, held)
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.FILLED
        assert b.desk.report(1).unbacked_quantity == 100
        assert not waiting.done()
        b.venue.execute(held, Decimal(100))
        await b.settle()
        report = waiting.result()
        assert (report.filled_quantity, report.unbacked_quantity) == (Decimal(100), Decimal(0))
        assert sum(fill.quantity for fill in report.fills) == 100
        # they came by themselves: nobody was asked
        await b.pass_time(30)
        assert looks == []


async def test_executions_that_nobody_told_are_asked_for_while_the_fill_is_awaited(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        b.venue.execute(held, Decimal(60), tell=False)
        b.venue.execute(held, Decimal(40), tell=False)
        waiting = waiting_for(b)
        call_filled(b, held)
        began = b.clock.monotonic()
        report = await b.run(lambda: waiting)
        assert [fill.quantity for fill in report.fills] == [60, 40]
        assert report.unbacked_quantity == 0
        assert b.clock.monotonic() - began <= 3.0


async def test_a_fill_without_executions_is_told_as_it_is_and_asked_about_a_few_times(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        looks = count_looks(b)
        waiting = waiting_for(b)
        call_filled(b, held)
        began = b.clock.monotonic()
        report = await b.run(lambda: waiting)
        assert b.clock.monotonic() - began <= 6.0
        assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, 100)
        assert (report.fills, report.unbacked_quantity) == ((), 100)
        for _ in range(3):
            # what is new and does not bear out all of it does not make it ask more often
            await b.pass_time(40, step=2.0)
            b.venue.execute(held, Decimal(10))
        await b.pass_time(600, step=2.0)
        assert len(looks) == 6
        assert b.desk.report(1).unbacked_quantity == 70
        pauses = [after - before for before, after in pairwise(looks)]
        assert pauses == sorted(pauses)
        assert pauses[-1] > 10 * pauses[0]
        # it is asked again in the next session
        b.venue.execute(held, Decimal(70), tell=False)
        b.venue.cut()
        b.venue.reconnect()
        await b.run(b.desk.reconcile)
        assert b.desk.report(1).unbacked_quantity == 0


async def test_a_gateway_that_tells_executions_late_after_a_login_is_asked_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        call_filled(b, held)
        for _ in range(2):
            # the second time nothing is new in the lists
            b.venue.cut()
            b.venue.reconnect()
            await b.run(b.desk.reconcile)
        b.venue.execute(held, Decimal(100), tell=False)
        await b.pass_time(4)
        assert b.desk.report(1).unbacked_quantity == 0


async def test_the_deadline_of_the_call_bounds_the_wait_for_executions_too(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        call_filled(b, held)
        began = b.clock.monotonic()
        report = await b.run(lambda: waiting_for(b, timeout_s=1.0))
        assert b.clock.monotonic() - began <= 1.5
        assert report.status is OrderStatus.FILLED
        assert report.unbacked_quantity == 100


async def test_a_fill_that_is_taken_back_while_its_executions_are_awaited_is_none(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        waiting = waiting_for(b, timeout_s=20.0)
        call_filled(b, held)
        held.status = "Submitted"
        await b.settle()
        whole = b.venue.execute(held, Decimal(60), tell=False)
        b.venue.sink(replace(whole, exec_id=type(whole.exec_id)(f"{whole.exec_id[:-1]}2")))
        await b.settle()
        assert b.desk.report(1).status is OrderStatus.PARTIALLY_FILLED
        assert not waiting.done()
        with pytest.raises(RequestTimeoutError) as caught:
            await b.run(lambda: waiting)
        assert caught.value.disposition is SendDisposition.SENT


async def test_a_cancelled_order_brings_the_executions_of_what_was_filled_before(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        b.venue.execute(held, Decimal(30), tell=False)
        report = await b.run(lambda: b.desk.cancel(1))
        assert report.status is OrderStatus.CANCELLED
        assert report.filled_quantity == 30
        assert [fill.quantity for fill in report.fills] == [30]


async def test_an_order_of_another_client_is_waited_for_and_not_asked_about(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        held = await working(b)
        b.venue.held.clear()
        theirs = replace(held, client_id=ClientId(7), perm_id=type(held.perm_id)(77))
        theirs.ticket = replace(theirs.ticket, order_ref="theirs")
        b.venue.tell(theirs)
        looks = count_looks(b)
        call_filled(b, theirs)
        waiting = asyncio.ensure_future(
            b.desk.wait_for(77, lambda now: now.is_closed, timeout_s=60.0)
        )
        report = await b.run(lambda: waiting)
        assert report.status is OrderStatus.FILLED
        assert report.unbacked_quantity == 100
        assert looks == []


async def test_a_desk_that_is_closed_keeps_nobody_waiting_for_executions(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        waiting = asyncio.ensure_future(b.desk.place(buy(), wait="filled"))
        await b.turn(lambda: any(r.status is OrderStatus.SUBMITTED for r in b.reports))
        (held,) = b.venue.held.values()
        call_filled(b, held)
        await b.settle()
        assert not waiting.done()
        await b.stop()
        async with asyncio.timeout(60):
            report = await waiting
        assert report.status is OrderStatus.FILLED
        assert report.unbacked_quantity == 100
