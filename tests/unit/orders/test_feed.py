"""Streams of order events: what is told, in which order, and what becomes of slow readers."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import NotConnectedError
from ibkr_connector.gateway.port import CommissionReported, Execution
from ibkr_connector.model.ids import ExecId
from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.events import (
    EventsMissed,
    FillBusted,
    FillCharged,
    FillCorrected,
    FillReceived,
    OrderAnomaly,
    OrderChanged,
    OrderEvent,
    RulesReloaded,
)
from ibkr_connector.orders.feed import EventFeed, EventReader, OrderEventStream
from kit.order_desk import Bench, bench, buy
from kit.order_venue import Held


async def told(reader: EventReader, done: int = 0) -> list[OrderEvent]:
    """Return what waits for the reader."""
    return list((await reader.batch(done))[1])


async def filled(at: Bench, quantity: int = 10) -> tuple[Held, Execution]:
    """Place an order and fill it; return it and its execution."""
    report = await at.desk.place(buy(quantity))
    held = at.venue.held[report.order_ref]
    return held, at.venue.execute(held, Decimal(quantity))


def again(execution: Execution, revision: int, **changes: object) -> Execution:
    """Return the next revision of an execution."""
    base = execution.exec_id.rpartition(".")[0]
    return replace(execution, exec_id=ExecId(f"{base}.{revision:02d}"), **changes)  # type: ignore[arg-type]


async def test_the_life_of_an_order_is_told_in_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        _, execution = await filled(at)
        at.desk.apply(
            CommissionReported(
                exec_id=execution.exec_id,
                commission=Decimal(1),
                currency="USD",
                realized_pnl=None,
            )
        )
        events = await told(reader)
    steps = [
        event.transition.target
        for event in events
        if isinstance(event, OrderChanged) and event.transition is not None
    ]
    assert steps[-1] == "filled"
    [fill] = [event for event in events if isinstance(event, FillReceived)]
    assert (fill.fill.quantity, fill.recovered) == (Decimal(10), False)
    assert fill.report.status is OrderStatus.FILLED
    [charge] = [event for event in events if isinstance(event, FillCharged)]
    assert (charge.fill.commission, charge.report.commission) == (Decimal(1), Decimal(1))
    assert events.index(fill) < events.index(charge)


async def test_a_correction_tells_what_counted_before_and_what_counts_now(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        _, execution = await filled(at)
        at.desk.apply(again(execution, 2, price=Decimal(99)))
        [event] = [one for one in await told(reader) if isinstance(one, FillCorrected)]
    assert (event.before.price, event.fill.price) == (Decimal(100), Decimal(99))
    assert event.report.avg_fill_price == 99
    assert (event.report.filled_quantity, event.report.status) == (Decimal(10), OrderStatus.FILLED)


async def test_a_bust_takes_the_fill_back_and_a_third_revision_gives_it_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        _, execution = await filled(at)
        at.desk.apply(again(execution, 2, quantity=Decimal(0)))
        [bust] = [one for one in await told(reader) if isinstance(one, FillBusted)]
        assert bust.before is not None
        assert (bust.before.quantity, bust.report.filled_quantity) == (Decimal(10), Decimal(0))
        assert bust.report.status is not OrderStatus.FILLED
        at.desk.apply(again(execution, 3))
        fills = [one for one in await told(reader) if isinstance(one, FillReceived)]
        assert [fill.fill.exec_id[-2:] for fill in fills] == ["01", "03"]
        assert at.desk.report(1).filled_quantity == 10


async def test_a_bust_of_an_execution_nobody_heard_of_counts_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        report = await at.desk.place(buy(10))
        held = at.venue.held[report.order_ref]
        execution = at.venue.execute(held, Decimal(10), tell=False)
        at.desk.apply(again(execution, 2, quantity=Decimal(0)))
        [bust] = [one for one in await told(reader) if isinstance(one, FillBusted)]
        assert bust.before is None
        assert (bust.report.filled_quantity, bust.report.fills) == (Decimal(0), ())


async def test_what_is_learned_by_asking_is_marked_as_recovered(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        report = await at.desk.place(buy(10))
        held = at.venue.held[report.order_ref]
        execution = at.venue.execute(held, Decimal(10), tell=False)
        held.executions[0] = replace(execution, recovered=True)
        reader = at.desk._book.feed.subscribe()
        await at.run(at.desk.reconcile)
        events = await told(reader)
    assert {type(event) for event in events} >= {FillReceived, OrderChanged}
    about_orders = [e for e in events if not isinstance(e, EventsMissed | RulesReloaded)]
    assert about_orders == events
    assert all(event.recovered for event in about_orders)


async def test_an_impossible_word_is_told_as_an_anomaly(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        held, _ = await filled(at)
        at.venue.tell(held, "Bewitched")
        assert any(
            isinstance(one, OrderAnomaly) and one.said == "Bewitched" for one in await told(reader)
        )


async def test_a_slow_reader_is_told_how_much_is_gone_and_where(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        slow = at.desk._book.feed.subscribe(buffer=3)
        whole = at.desk._book.feed.subscribe()
        for _ in range(4):
            await filled(at)
        everything = await told(whole)
        following, events = await slow.batch(0)
        assert events[0] == EventsMissed(count=len(everything) - 3)
        assert list(events[1:]) == everything[-3:]
        assert following == len(everything)
        await filled(at, 1)
        assert isinstance((await told(slow, following))[0], EventsMissed)


async def test_what_was_fetched_and_not_read_comes_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reader = at.desk._book.feed.subscribe()
        await filled(at)
        following, first = await reader.batch(0)
        assert (following, first) == await reader.batch(0)
        await filled(at)
        assert (await reader.batch(following))[1][0] not in first


def on(feed: EventFeed) -> Callable[[Callable[[EventFeed], Awaitable[object]]], Awaitable[object]]:
    """Run calls on this loop."""

    async def run(call: Callable[[EventFeed], Awaitable[object]]) -> object:
        return await call(feed)

    return run


async def test_a_cancelled_read_loses_nothing_and_the_stream_ends_with_the_desk(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        async with OrderEventStream(on(at.desk._book.feed)) as stream:
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            await filled(at)
            first = await anext(stream)
            assert isinstance(first, OrderChanged)
            await at.stop()
            rest = [event async for event in stream]
        assert any(isinstance(event, FillReceived) for event in rest)
        late = OrderEventStream(on(at.desk._book.feed))
        assert [event async for event in late] == []


async def test_a_stream_ends_when_the_connector_is_gone(tmp_path: Path) -> None:
    feed = EventFeed()
    gone = False

    async def run(call: Callable[[EventFeed], Awaitable[object]]) -> object:
        if gone:
            raise NotConnectedError("the connector is not connected")
        return await call(feed)

    async with OrderEventStream(run) as stream:
        gone = True
        assert [event async for event in stream] == []
    with pytest.raises(NotConnectedError):
        async with OrderEventStream(run):
            pass


async def test_a_closed_reader_collects_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        feed = at.desk._book.feed
        stream = OrderEventStream(on(feed))
        async with stream:
            assert len(feed._readers) == 1
        await stream.aclose()
        assert feed._readers == []
    with pytest.raises(ValueError, match="holds none"):
        feed.subscribe(buffer=0)


async def test_a_stream_that_was_closed_is_over() -> None:
    feed = EventFeed()
    stream = OrderEventStream(on(feed))
    found: list[object] = []
    async with stream:
        feed.publish(EventsMissed(count=1))
        feed.publish(EventsMissed(count=2))
        async for event in stream:
            found.append(event)
            await stream.aclose()
    assert found == [EventsMissed(count=1)]
    # it would begin with what is not its first event, and drop those before in silence
    with pytest.raises(StopAsyncIteration):
        await stream.__aenter__()
    assert feed._readers == []


async def test_a_stream_that_is_closed_as_it_begins_leaves_nothing_behind() -> None:
    feed = EventFeed()

    async def run(call: Callable[[EventFeed], Awaitable[object]]) -> object:
        made = await call(feed)
        await stream.aclose()
        return made

    stream = OrderEventStream(run)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await asyncio.sleep(0)
    assert feed._readers == []


async def test_a_stream_that_nobody_holds_any_more_collects_nothing() -> None:
    feed = EventFeed()
    stream = OrderEventStream(on(feed))
    await stream.__aenter__()
    assert len(feed._readers) == 1
    del stream
    gc.collect()
    await asyncio.sleep(0)
    assert feed._readers == []


async def test_whoever_is_cancelled_as_his_stream_begins_leaves_nothing_behind() -> None:
    feed = EventFeed()

    async def run(call: Callable[[EventFeed], Awaitable[object]]) -> object:
        await call(feed)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await anext(OrderEventStream(run))
    await asyncio.sleep(0)
    assert feed._readers == []
