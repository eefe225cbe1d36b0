"""Streams of market data through a real socket: shared, conflated or whole, and told of gaps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from ibkr_connector import (
    Contract,
    DataType,
    HistoricalDataError,
    IBKRConnector,
    MarketDataError,
    MarketDataPermissionError,
    Quote,
    SecurityType,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason, Trade
from ibkr_connector.simulator import Drop, HostedSimulator
from kit.market import AAPL, asked, busy, hold, said_all, until

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]


def set_fact(gateway: HostedSimulator, tick: int, value: str) -> None:
    """Let a generic tick of Apple have a value."""
    gateway.do(lambda sim: sim.gateway.feed.facts.update({(AAPL, tick): Decimal(value)}))


def keep_trades_back(gateway: HostedSimulator, *, on: bool) -> None:
    """Let no trade come for a while; those that happen meanwhile are lost."""
    if on:
        gateway.do(lambda sim: sim.inject(Drop(reply="TickByTickLast")))
    else:
        gateway.do(lambda sim: sim.clear_faults())


def has_bid(price: Decimal, quote: Quote) -> bool:
    return quote.bid == price


async def upto(stream: Any, bid: Decimal) -> AsyncIterator[Quote]:
    """Yield the quotes after the one that was read last, up to one with a bid."""
    async for record in stream:
        if isinstance(record, Quote) and record.bid != Decimal("100.00"):
            yield record
            if record.bid == bid:
                return


async def test_a_quote_stream_follows_the_market(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold(ibkr_gateway, "189.98", "190.02", size=700)
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        first = await until(stream, lambda q: q.bid == Decimal("189.98") and q.ask is not None)
        hold(ibkr_gateway, "190.00", "190.04", size=300)
        second = await until(
            stream, lambda q: (q.bid, q.ask) == (Decimal("190.00"), Decimal("190.04"))
        )
    assert (first.ask, first.bid_size) == (Decimal("190.02"), Decimal(700))
    assert (second.ask, second.bid_size) == (Decimal("190.04"), Decimal(300))
    assert second.data_type is DataType.LIVE
    assert second.contract.con_id == AAPL
    assert second.timestamp > first.timestamp
    assert second.timestamp.utcoffset() is not None


async def test_a_slow_reader_gets_the_newest_quote_and_the_count_of_the_others(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold(ibkr_gateway, "10.00", "10.02")
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        async with ib.stream_quotes("AAPL") as other:
            for cents in range(1, 40):
                hold(ibkr_gateway, f"10.{cents:02}", f"11.{cents:02}")
                # the other reader has seen it, so it waits for this one too
                await until(other, partial(has_bid, Decimal(f"10.{cents:02}")))
        assert stream.waiting == 1
        newest = await anext(stream)
        assert isinstance(newest, Quote)
        assert newest.bid == Decimal("10.39")
        assert stream.conflated >= 38
        assert stream.dropped == 0


async def test_many_readers_share_one_line_and_the_last_one_calls_it_off(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        streams = [ib.stream_quotes("AAPL") for _ in range(5)]
        for stream in streams:
            await anext(stream)
        (state,) = await ib.stream_states()
        assert (state.readers, state.phase) == (5, "live")
        for stream in streams[1:]:
            await stream.aclose()
        await ib.get_quote("MSFT")
        assert len(asked(ibkr_gateway, "CancelMarketData", stream=True)) == 0
        await streams[0].aclose()
        await ib.get_quote("MSFT")
        assert await ib.stream_states() == ()
    await said_all(ibkr_gateway)
    requests = asked(ibkr_gateway, "ReqMarketData", stream=True)
    assert len(requests) == 1
    cancelled = [request.request_id for request in asked(ibkr_gateway, "CancelMarketData")]
    assert cancelled.count(requests[0].request_id) == 1


async def test_a_stream_that_is_left_by_break_gives_its_line_back(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        async for _ in ib.stream_quotes("AAPL"):
            break
        await ib.get_quote("MSFT")
        assert await ib.stream_states() == ()


async def test_trades_come_one_by_one_with_time_exchange_and_conditions(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with make_connector(gateway.port) as ib, ib.stream_trades("AAPL") as stream:
        trades = [await anext(stream) for _ in range(5)]
    for trade in trades:
        assert isinstance(trade, Trade)
        assert trade.price is not None
        assert trade.price > 0
        assert trade.size
        assert trade.timestamp.utcoffset() is not None
    times = [trade.timestamp for trade in trades if isinstance(trade, Trade)]
    assert times == sorted(times)


async def test_trades_that_a_reader_has_missed_are_counted_in_a_gap(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_trades("AAPL", buffer=3) as slow,
        ib.stream_trades("AAPL") as quick,
    ):
        seen = [await anext(quick) for _ in range(10)]
        # or more are dropped between the two looks at how many
        keep_trades_back(gateway, on=True)
        await ib.request("time", lambda client: client.reqCurrentTimeAsync())
        dropped = slow.dropped
        gap = await anext(slow)
        rest = [await anext(slow) for _ in range(3)]
    assert isinstance(gap, Gap)
    assert gap.reason is GapReason.OVERFLOW
    assert gap.is_over
    assert gap.missed == dropped
    assert gap.missed is not None
    assert gap.missed >= 7
    assert rest[0] not in seen[:6]


async def test_a_reader_who_asks_for_it_is_ended_when_he_falls_behind(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_trades("AAPL", buffer=3, when_full="close") as strict,
        ib.stream_trades("AAPL") as other,
    ):
        for _ in range(10):
            await anext(other)
        told = [await anext(strict) for _ in range(4)]
        with pytest.raises(MarketDataError, match="slower than what came"):
            await anext(strict)
        assert isinstance(await anext(other), Trade), "the others go on"
        (state,) = await ib.stream_states()
    assert [type(record) for record in told] == [Gap, Trade, Trade, Trade]
    assert state.readers == 1


async def test_a_reader_of_every_quote_gets_each_or_a_gap_and_is_ended_if_he_asks_for_it(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    hold(ibkr_gateway, "100.00", "100.02")
    async with (
        make_connector(ibkr_gateway.port) as ib,
        ib.stream_quotes("AAPL") as newest,
        ib.stream_quotes("AAPL", when_full="drop") as each,
        ib.stream_quotes("AAPL", when_full="close", buffer=3) as strict,
    ):
        for one in (newest, each, strict):
            await until(one, partial(has_bid, Decimal("100.00")))
        watching = ib.stream_quotes("AAPL")
        for cent in range(1, 9):
            hold(ibkr_gateway, f"100.0{cent}", "100.10")
            # what comes in one read of the socket is one quote
            await until(watching, partial(has_bid, Decimal(f"100.0{cent}")))
        bids = [q.bid async for q in upto(each, Decimal("100.08"))]
        # without reading, and what waits is still there
        assert isinstance(newest.latest, Quote)
        assert newest.latest.bid == Decimal("100.08")
        assert newest.waiting > 0
        assert newest.latest.has("bid", "ask")
        assert ib.stream_quotes("AAPL").latest is None
        assert (await until(newest, partial(has_bid, Decimal("100.08")))).bid is not None
        with pytest.raises(MarketDataError, match="slower than what came"):
            async for _ in strict:
                pass
        with pytest.raises(MarketDataError, match="when_full of trades is 'conflate'"):
            await anext(ib.stream_trades("AAPL", when_full="conflate"))
        assert newest.conflated > 0
    assert list(dict.fromkeys(bids)) == [Decimal(f"100.0{cent}") for cent in range(1, 9)]
    assert (each.conflated, each.dropped, strict.dropped > 0) == (0, 0, True)


async def test_options_have_no_trades_tick_by_tick_and_that_is_said_before_asking(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        option = ibkr_gateway.do(lambda sim: sim.venue.catalogue.options_of(AAPL)[0])
        text = f"AAPL {option.expiry} {option.right} {option.strike:f}"
        with pytest.raises(MarketDataError, match="tick-by-tick"):
            await anext(ib.stream_trades(text))
    assert asked(ibkr_gateway, "ReqTickByTick") == []


async def test_five_second_bars_come_once_each(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(60.0))
    async with make_connector(gateway.port) as ib, ib.stream_bars("AAPL") as stream:
        updates = [await anext(stream) for _ in range(3)]
    bars = [update.bar for update in updates if isinstance(update, BarUpdate)]
    assert len(bars) == 3
    assert all(isinstance(update, BarUpdate) and update.is_final for update in updates)
    steps = [(b.timestamp - a.timestamp).total_seconds() for a, b in pairwise(bars)]
    assert steps == [5.0, 5.0]


async def test_longer_bars_begin_with_history_and_grow(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(60.0))
    async with make_connector(gateway.port) as ib:
        stream = ib.stream_bars("AAPL", bar_size="1 min", duration="600 S")
        finals: list[BarUpdate] = []
        grown: set[Any] = set()
        async for update in stream:
            assert isinstance(update, BarUpdate)
            if update.is_final:
                finals.append(update)
            else:
                grown.add(update.bar.timestamp)
            # a bar that grew before our eyes has ended
            if finals and finals[-1].bar.timestamp in grown:
                break
        async with ib.stream_bars("AAPL", bar_size="1 min", duration="600 S") as late:
            first = await anext(late)
    starts = [update.bar.timestamp for update in finals]
    assert starts == sorted(set(starts))
    assert len(starts) >= 9
    assert isinstance(first, BarUpdate)
    assert first.bar.timestamp == starts[0]
    assert len(asked(gateway, "ReqHistoricalData")) == 1


async def test_bars_that_cannot_be_followed_are_refused_before_asking(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        with pytest.raises(HistoricalDataError, match="cannot be followed"):
            await anext(ib.stream_bars("AAPL", what_to_show="ADJUSTED_LAST"))
        with pytest.raises(HistoricalDataError, match="not a bar size"):
            await anext(ib.stream_bars("AAPL", bar_size="7 mins"))


async def test_a_book_is_kept_in_order(make_ibkr_gateway: Gateways, make_connector: Make) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    async with make_connector(gateway.port) as ib, ib.stream_depth("AAPL", rows=5) as stream:
        books = [await anext(stream) for _ in range(5)]
    for book in books:
        assert isinstance(book, DepthBook)
        bids, asks = [r.price for r in book.bids], [r.price for r in book.asks]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert 0 < len(bids) <= 5
        assert not book.is_crossed


async def test_streams_are_read_on_loops_of_their_own(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    read: dict[str, Quote] = {}

    async def follow(ib: IBKRConnector, symbol: str) -> None:
        async with ib.stream_quotes(symbol) as stream:
            read[symbol] = await until(stream, lambda quote: quote.bid is not None)

    async with make_connector(ibkr_gateway.port) as ib:
        threads = [
            threading.Thread(target=lambda s=symbol: asyncio.run(follow(ib, s)))
            for symbol in ("AAPL", "MSFT")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        await ib.run(follow(ib, "EUR.USD"))
        await ib.get_quote("AAPL")
        assert await ib.stream_states() == ()
    assert {quote.symbol for quote in read.values()} == {"AAPL", "MSFT", "EUR"}


async def test_a_read_that_is_cancelled_loses_nothing(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    keep_trades_back(gateway, on=True)
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_trades("AAPL") as stream,
        ib.stream_trades("AAPL") as whole,
    ):
        # from here on both hear the same
        keep_trades_back(gateway, on=False)
        for _ in range(3):
            reading = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        expected = [await anext(whole) for _ in range(5)]
        assert [await anext(stream) for _ in range(5)] == expected


async def test_streams_end_with_the_connector(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ib = make_connector(ibkr_gateway.port)
    await ib.connect()
    stream = ib.stream_quotes("AAPL")
    await anext(stream)
    await ib.disconnect()
    rest = [record async for record in stream]
    assert all(isinstance(record, Quote | Gap) for record in rest)


async def test_many_quotes_come_at_once_within_the_lines(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    symbols = ["AAPL", "MSFT", "EUR.USD", "NVDA", "AMZN", "NOSUCHTHING"]
    async with make_connector(ibkr_gateway.port) as ib, ib.stream_quotes("AAPL") as stream:
        await until(stream, lambda q: q.bid is not None and q.ask is not None)
        quotes = await ib.get_quotes([*symbols, "AAPL"])
    assert [quote.symbol for quote in quotes] == ["AAPL", "MSFT", "EUR", "NVDA", "AMZN"]
    assert list(quotes.failures) == ["NOSUCHTHING"]
    snapshots = [one for one in asked(ibkr_gateway, "ReqMarketData") if one.snapshot]
    assert len(snapshots) == 4


async def test_a_stream_that_is_refused_says_why(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ibkr_gateway.do(lambda sim: sim.quirk("not_subscribed_354"))
    async with make_connector(ibkr_gateway.port, delayed_fallback=False) as ib:
        with pytest.raises(MarketDataPermissionError) as refused:
            async for _ in ib.stream_quotes("AAPL"):
                pass
        assert await ib.stream_states() == ()
    assert refused.value.code == 354


async def test_the_quotes_of_a_cfd_are_those_of_its_underlying(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    cfd = ibkr_gateway.do(
        lambda sim: next(
            one
            for one in map(sim.venue.catalogue.get, sim.venue.catalogue.ids())
            if one is not None and one.sec_type == "CFD"
        )
    )
    contract = Contract(symbol=cfd.symbol, security_type=SecurityType.CFD, con_id=ConId(cfd.con_id))
    async with make_connector(ibkr_gateway.port) as ib:
        async with ib.stream_quotes(contract) as stream:
            quote = await until(stream, lambda q: q.bid is not None)
        await ib.get_quote("MSFT")
    await said_all(ibkr_gateway)
    assert quote.contract.con_id == cfd.con_id
    requests = asked(ibkr_gateway, "ReqMarketData", stream=True)
    assert len(requests) in (1, 2)
    cancelled = [one.request_id for one in asked(ibkr_gateway, "CancelMarketData")]
    assert requests[-1].request_id in cancelled


def has_all_extras(quote: Quote) -> bool:
    extras = quote.extras
    return extras is not None and None not in (
        extras.shortable,
        extras.shortable_shares,
        extras.auction_imbalance,
    )


async def test_a_stream_brings_what_it_is_asked_for_besides_the_quote(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy())
    set_fact(gateway, 46, "2.8")
    set_fact(gateway, 36, "1200")
    async with make_connector(gateway.port) as ib:
        with pytest.raises(MarketDataError, match="no 'halts' besides"):
            await anext(ib.stream_quotes("AAPL", extras=["halts"]))
        async with (
            ib.stream_quotes("AAPL", extras=["shortable", "auction", "dividends"]) as rich,
            ib.stream_quotes("AAPL", extras=["dividends", "auction", "shortable"]) as same,
            ib.stream_quotes("AAPL") as plain,
        ):
            first = await until(rich, lambda q: q.bid is not None and has_all_extras(q))
            set_fact(gateway, 46, "1.6")
            second = await until(
                rich, lambda q: q.extras is not None and q.extras.shortable == Decimal("1.6")
            )
            told = await until(same, lambda q: q.bid is not None and has_all_extras(q))
            assert told.extras is not None
            assert (await until(plain, lambda q: q.bid is not None)).extras is None
    assert first.extras is not None
    assert first.extras.shortable == Decimal("2.8")
    assert first.extras.auction_imbalance == 1200
    assert first.extras.shortable_shares is not None
    assert first.extras.trade_count is None
    assert second.extras is not None
    ticks = [one.generic_ticks for one in asked(gateway, "ReqMarketData", stream=True)]
    assert ticks == ["225,236,456", ""]
