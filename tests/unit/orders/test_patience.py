"""The time that the broker has for a first word of an order: what comes of it, and for whom."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ibkr_connector.errors import OrderUncertainError
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.resilience.events import PipelineEvent
from kit.order_desk import Bench, bench, buy
from kit.order_venue import Mode

DAYS = 8 * 86_400.0
"""After this nobody waits for a commission any more."""


def forget(b: Bench) -> int:
    return b.desk._book.retention.sweep(86_400.0, b.desk._book._waiting)


async def test_what_is_asked_about_a_silent_order_belongs_to_the_call_that_placed_it(
    tmp_path: Path,
) -> None:
    asked: list[tuple[str, str | None]] = []

    def hear(event: PipelineEvent) -> None:
        asked.append((event.name, event.correlation_id))

    async with bench(tmp_path) as b:
        # the timers' task is there before: it knows of no call
        await b.run(lambda: b.desk.place(buy()))
        b.pipeline.hooks.add(hear)
        b.venue.mode = Mode.SILENT
        with correlation() as cid, pytest.raises(OrderUncertainError):
            await b.run(lambda: b.desk.place(buy()))
        await b.settle()
        assert ("open_orders", cid) in asked


async def test_each_silent_order_has_its_own_time(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.VOID
        placing = {}
        for limit_s in (8, 2, 12):
            placing[limit_s] = asyncio.ensure_future(b.desk.place(buy(), timeout_s=limit_s))
            await b.settle()
        done: list[set[int]] = []
        for seconds in (1, 1, 5, 1, 3, 1):
            b.clock.advance(seconds)
            await b.settle()
            done.append({limit_s for limit_s, task in placing.items() if task.done()})
        assert done == [set(), {2}, {2}, {2, 8}, {2, 8}, {2, 8, 12}]
        ended = await asyncio.gather(*placing.values(), return_exceptions=True)
        assert [type(error) for error in ended] == [OrderUncertainError] * 3


async def test_an_order_that_has_left_memory_has_been_spoken_of(tmp_path: Path) -> None:
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with bench(tmp_path, ack_timeout_s=2 * DAYS) as b:
        report: OrderReport = await b.run(lambda: b.desk.place(buy()))
        held = b.venue.by_ref(report.order_ref)
        assert held is not None
        b.venue.confirm_cancel(held)
        b.clock.advance(DAYS)
        assert forget(b) == 1
        b.clock.advance(DAYS)
        await b.settle()
        assert failures == []
        assert (await b.desk.look_up(report.order_id)).status is OrderStatus.CANCELLED


async def test_an_order_that_the_broker_has_spoken_of_may_rest_for_as_long_as_it_likes(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.run(lambda: b.desk.place(buy()))
        await b.pass_time(30)
        assert b.desk.orders()[0].status is OrderStatus.SUBMITTED
        assert b.desk.anomalies == 0


async def test_after_the_end_nobody_loses_patience(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.venue.mode = Mode.SILENT
        placing = asyncio.ensure_future(b.desk.place(buy(), timeout_s=30))
        await b.turn(lambda: bool(b.venue.sent))
        await b.settle()
        await b.stop()
        with pytest.raises(OrderUncertainError):
            await placing
        assert "ibkr-timers" not in {task.get_name() for task in asyncio.all_tasks()}
        b.clock.advance(60)
        await b.settle()
        assert b.desk.orders()[0].status is OrderStatus.PENDING
