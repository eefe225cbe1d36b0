"""Streams through what happens to connections: asked for again where lost, and only there."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector import DataType, IBKRConnector, Quote
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason, Trade
from ibkr_connector.simulator import Cut, Drop, HostedSimulator
from kit.market import asked, busy, gap_of, hold, until

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]


def say(gateway: HostedSimulator, code: int, text: str = "") -> None:
    gateway.do(lambda sim: sim.notice(code, text or f"notice {code}"))


async def test_a_stream_survives_a_lost_socket_and_tells_the_gap(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold(ibkr_gateway, "10.00", "10.02")
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        before = await until(stream, lambda q: q.bid == Decimal("10.00"))
        ibkr_gateway.do(lambda sim: sim.cut())
        began = await gap_of(stream, over=False)
        over = await gap_of(stream, over=True)
        hold(ibkr_gateway, "11.00", "11.02")
        after = await until(stream, lambda q: q.bid == Decimal("11.00"))
        await ib.wait_ready(timeout_s=60)
        assert ib.get_connection_status().degraded_by == ()
    assert began.reason is over.reason is GapReason.CONNECTION_LOST
    assert began.start == over.start
    assert over.end is not None
    assert before.timestamp <= over.start <= over.end <= after.timestamp
    assert len(asked(ibkr_gateway, "ReqMarketData", stream=True)) == 2


async def test_every_kind_of_stream_comes_back_and_is_counted_until_it_has(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(60.0))
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_quotes("AAPL") as quotes,
        ib.stream_trades("MSFT") as trades,
        ib.stream_bars("AAPL") as bars,
        # reaches back over all that a slow machine is away for on this clock
        ib.stream_bars("MSFT", bar_size="1 min", duration="28800 S") as longer,
        ib.stream_depth("AAPL") as depth,
    ):
        streams = (quotes, trades, bars, longer, depth)
        for stream in streams:
            await anext(stream)
        gateway.do(lambda sim: sim.cut())
        for stream in streams:
            await gap_of(stream, over=True)
        assert {state.phase for state in await ib.stream_states()} == {"live"}
        await ib.wait_ready(timeout_s=60)
        status = ib.get_connection_status()
        assert (status.streams_lost, status.degraded_by) == (0, ())
        kinds = [type(await anext(stream)) for stream in streams]
    assert kinds == [Quote, Trade, BarUpdate, BarUpdate, DepthBook]


async def test_what_bars_have_missed_is_filled_in_after_the_gap(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(120.0))
    finals: list[BarUpdate] = []
    async with make_connector(gateway.port) as ib:
        # reaches back over all that a slow machine is away for on this clock
        stream = ib.stream_bars("AAPL", bar_size="1 min", duration="28800 S")
        told: list[Gap] = []
        is_followed, enough = False, 0
        async for record in stream:
            if isinstance(record, Gap):
                told.append(record)
            elif not record.is_final:
                # history is over, and a bar grows
                is_followed = True
            else:
                finals.append(record)
                if len(finals) == enough:
                    break
                if is_followed and not enough:
                    enough = len(finals) + 9
                    gateway.do(lambda sim: sim.restart(down_s=60.0))
    assert [gap.is_over for gap in told] == [False, True]
    starts = [update.bar.timestamp for update in finals]
    steps = {(b - a).total_seconds() for a, b in pairwise(starts)}
    assert steps == {60.0}


async def test_bars_that_the_history_does_not_reach_back_to_are_told_as_a_gap(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(1200.0))
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_bars("AAPL", bar_size="1 min", duration="120 S") as stream,
    ):
        before = await anext(stream)
        gateway.do(lambda sim: sim.restart(down_s=600.0))
        lost = await gap_of(stream, over=True)
        hole = await gap_of(stream, over=True)
        after = await anext(stream)
    assert isinstance(before, BarUpdate)
    assert isinstance(after, BarUpdate)
    assert (lost.reason, hole.reason) == (GapReason.CONNECTION_LOST, GapReason.NOT_FILLED)
    assert hole.start >= before.bar.timestamp
    assert hole.end == after.bar.timestamp
    assert (hole.end - hole.start).total_seconds() > 120.0


async def test_1101_asks_for_every_stream_again_once(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    symbols = ("AAPL", "MSFT", "NVDA")
    async with make_connector(ibkr_gateway.port) as ib:
        streams = [ib.stream_quotes(symbol) for symbol in symbols]
        for stream in streams:
            await until(stream, lambda q: q.bid is not None)
        say(ibkr_gateway, 1100)
        gaps = [await gap_of(stream, over=False) for stream in streams]
        assert {gap.reason for gap in gaps} == {GapReason.LINK_DOWN}
        say(ibkr_gateway, 1101)
        for stream in streams:
            await gap_of(stream, over=True)
            await until(stream, lambda q: q.bid is not None)
    requests = asked(ibkr_gateway, "ReqMarketData", stream=True)
    assert len(requests) == 6
    assert len({request.contract.con_id for request in requests[3:]}) == 3


async def test_1102_asks_for_none_and_ends_the_gap(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        await until(stream, lambda q: q.bid is not None)
        for _ in range(50):
            say(ibkr_gateway, 1100)
        began = await gap_of(stream, over=False)
        say(ibkr_gateway, 1102)
        record = await gap_of(stream, over=True)
        hold(ibkr_gateway, "12.00", "12.02")
        await until(stream, lambda q: q.bid == Decimal("12.00"))
    assert record.start == began.start
    assert len(asked(ibkr_gateway, "ReqMarketData", stream=True)) == 1


@pytest.mark.parametrize(
    ("quirk", "request_name"),
    [("updates_failed_10182", "ReqHistoricalData"), ("bust_event_10225", "ReqRealTimeBars")],
)
async def test_a_stream_that_the_gateway_ends_is_asked_for_again_at_once(
    quirk: str, request_name: str, make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(60.0))
    size = "1 min" if request_name == "ReqHistoricalData" else "5 secs"
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_bars("AAPL", bar_size=size, duration="28800 S") as stream,
    ):
        await anext(stream)
        gateway.do(lambda sim: sim.quirk(quirk))
        began = await gap_of(stream, over=False)
        over = await gap_of(stream, over=True)
        assert began.reason is over.reason is GapReason.DEACTIVATED
        async for record in stream:
            if isinstance(record, BarUpdate):
                break
    assert len(asked(gateway, request_name)) == 2


async def test_a_reset_book_is_emptied_and_built_anew(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with make_connector(gateway.port) as ib, ib.stream_depth("AAPL", rows=5) as stream:
        await anext(stream)
        gateway.do(lambda sim: sim.quirk("depth_reset_317"))
        gap = await gap_of(stream, over=True)
        books = [
            book for book in [await anext(stream) for _ in range(6)] if type(book) is DepthBook
        ]
    assert gap.reason is GapReason.RESET
    assert books
    assert all(0 < len(book.bids) <= 5 and not book.is_crossed for book in books)
    assert len(asked(gateway, "ReqMarketDepth")) == 1


async def test_streams_that_cannot_be_restored_degrade_the_connection_by_name(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with (
        make_connector(ibkr_gateway.port) as ib,
        ib.stream_quotes("AAPL") as stream,
    ):
        await until(stream, lambda q: q.bid is not None)
        # the socket ends each time a stream is asked for, then no more
        ibkr_gateway.do(lambda sim: sim.inject(Cut(on="ReqMarketData", handled=False, times=2)))
        ibkr_gateway.do(lambda sim: sim.cut())
        await gap_of(stream, over=False)
        await until(stream, lambda q: q.bid is not None)
        await ib.wait_ready(timeout_s=60)
        (state,) = await ib.stream_states()
        assert state.phase == "live"
        assert ib.get_connection_status().degraded_by == ()


async def test_a_stream_opened_while_the_socket_ends_is_not_forgotten(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.get_quote("AAPL")
        ibkr_gateway.do(lambda sim: sim.inject(Cut(on="ReqMarketData", handled=True)))
        async with ib.stream_quotes("AAPL") as stream:
            quote = await until(stream, lambda q: q.bid is not None)
            assert quote.data_type is DataType.LIVE
            assert len(await ib.stream_states()) == 1


async def test_a_book_that_has_lost_a_change_is_asked_for_again(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with make_connector(gateway.port) as ib:
        # the first row never comes, so the second has nothing to stand below
        lost = Drop(reply="MarketDepthL2", times=1)
        gateway.do(lambda sim: sim.inject(lost))
        async with ib.stream_depth("AAPL", rows=5) as stream:
            over = await gap_of(stream, over=True)
            book = await anext(stream)
    assert over.reason is GapReason.BROKEN_BOOK
    assert isinstance(book, DepthBook)
    assert len(book.bids) == len(book.asks) == 5
    assert len(asked(gateway, "ReqMarketDepth")) == 2
