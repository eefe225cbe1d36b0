"""Tick-by-tick data, ticks of the past and market depth, over a socket."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.dialogue import depth
from ibkr_connector.simulator.dialogue.feed import Entitlement
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    DepthExchanges,
    HistogramData,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
    MarketDepth,
    MarketDepthL2,
    Reply,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidpoint,
)
from kit.data_client import APPLE, EURO, DataClient, contract, data_client, errors, of_type

DELAYED_ONLY = Permissions(live_data=False)
MANY = Permissions(data_lines=1_000)


def by_tick(
    request_id: int, kind: str = "AllLast", asked: WireContract = APPLE, *, past: int = 0
) -> ask.ReqTickByTick:
    return ask.ReqTickByTick(
        request_id=request_id,
        contract=asked,
        tick_type=kind,
        number_of_ticks=past,
        ignore_size=False,
    )


def historical(request_id: int, what: str, **said: object) -> ask.ReqHistoricalTicks:
    fields = {"contract": APPLE, "count": 20, "end": "20261118-14:55:00", **said}
    return ask.ReqHistoricalTicks(
        request_id=request_id,
        what_to_show=what,
        **fields,  # type: ignore[arg-type]
    )


def hold(client: DataClient, bid: str, ask_price: str) -> None:
    client.gateway.venue.execute(
        SetQuote(con_id=265598, bid=Decimal(bid), ask=Decimal(ask_price)),
        client.gateway.clock.utcnow(),
    )


# --- tick by tick -----------------------------------------------------------------------------


async def test_every_trade_of_the_tape_is_told_once() -> None:
    async with data_client() as client:
        await client.ask(by_tick(1))
        said = of_type(await client.after(60), TickByTickLast)
        apple = client.gateway.venue.instrument(265598)
        trades = client.gateway.venue.tape.trades(
            apple, DEFAULT_START, DEFAULT_START + timedelta(seconds=60)
        )
        assert [(int(one.at.timestamp()), one.price, one.size) for one in trades] == [
            (one.time, one.price, one.size) for one in said
        ]
        assert said
        assert {2} == {one.tick_type for one in said}


async def test_every_change_of_the_quote_is_told_once() -> None:
    async with data_client() as client:
        await client.ask(by_tick(1, "BidAsk"))
        said = of_type(await client.after(10), TickByTickBidAsk)
        rows = [(one.bid, one.ask, one.bid_size, one.ask_size) for one in said]
        assert len(rows) > 5
        assert all(one != other for one, other in pairwise(rows))


async def test_midpoints_change_each_time() -> None:
    async with data_client() as client:
        await client.ask(by_tick(1, "MidPoint", EURO))
        said = [one.midpoint for one in of_type(await client.after(20), TickByTickMidpoint)]
        assert said
        assert all(one != other for one, other in pairwise(said))


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("Last", HistoricalTicksLast),
        ("BidAsk", HistoricalTicksBidAsk),
        ("MidPoint", HistoricalTicks),
    ],
)
async def test_a_stream_begins_with_ticks_of_the_past(kind: str, reply: type[Reply]) -> None:
    async with data_client() as client:
        said = of_type(await client.ask(by_tick(1, kind, past=5)), reply)
        assert len(said) == 1
        times = [one.time for one in said[0].ticks]  # type: ignore[union-attr]
        assert len(times) >= 1
        assert times == sorted(times)
        assert times[-1] < DEFAULT_START.timestamp()


async def test_a_quote_that_a_script_holds_is_told_by_its_changes() -> None:
    async with data_client() as client:
        hold(client, "190.00", "190.10")
        await client.ask(by_tick(1, "BidAsk"), by_tick(2, "Last"))
        await client.after(1)
        hold(client, "190.02", "190.12")
        said = await client.after(1)
        assert [(Decimal("190.02"), Decimal("190.12"))] == [
            (one.bid, one.ask) for one in of_type(said, TickByTickBidAsk)
        ]
        assert [Decimal("190.07")] == [one.price for one in of_type(said, TickByTickLast)]


@pytest.mark.parametrize("kind", ["last", "Trades", ""])
async def test_kinds_of_ticks_are_written_exactly(kind: str) -> None:
    async with data_client() as client:
        assert errors(await client.ask(by_tick(1, kind))) == [(1, 321)]


async def test_options_indices_and_trades_of_currencies_have_no_ticks() -> None:
    async with data_client() as client:
        option = client.gateway.venue.catalogue.options_of(265598)[0]
        spx = WireContract(symbol="SPX", sec_type="IND", currency="USD", exchange="CBOE")
        said = await client.ask(
            by_tick(1, asked=contract(option)), by_tick(2, asked=spx), by_tick(3, asked=EURO)
        )
        assert errors(said) == [(1, 10189), (2, 10189), (3, 10189)]


async def test_delayed_data_has_no_ticks() -> None:
    async with data_client(DELAYED_ONLY) as client:
        said = await client.ask(ask.ReqMarketDataType(data_type=3), by_tick(1))
        assert errors(said) == [(1, 10189)]


async def test_streams_are_limited_by_the_lines() -> None:
    async with data_client() as client:
        asked = [
            WireContract(con_id=con_id, exchange="SMART")
            for con_id in (265598, 272093, 4815747, 208813719, 3691937, 107113386)
        ]
        requests = [by_tick(number, asked=one) for number, one in enumerate(asked)]
        assert errors(await client.ask(*requests)) == [(5, 10190)]


async def test_the_same_stream_again_within_fifteen_seconds_is_refused() -> None:
    async with data_client() as client:
        cancel = ask.CancelTickByTick(request_id=1)
        assert errors(await client.ask(by_tick(1), cancel, by_tick(1))) == [(1, 10189)]
        assert errors(await client.ask(by_tick(2, "BidAsk"))) == []
        await client.after(15)
        assert errors(await client.ask(by_tick(1))) == []


async def test_that_limit_is_a_switch() -> None:
    async with data_client(Permissions(tick_by_tick_pacing=False)) as client:
        cancel = ask.CancelTickByTick(request_id=1)
        assert errors(await client.ask(by_tick(1), cancel, by_tick(1))) == []


async def test_a_stream_ends_when_it_is_cancelled() -> None:
    async with data_client() as client:
        cancel = ask.CancelTickByTick(request_id=1)
        assert errors(await client.ask(by_tick(1), cancel, cancel)) == [(1, 300)]
        assert of_type(await client.after(30), TickByTickLast) == []


# --- ticks of the past ------------------------------------------------------------------------


async def test_trades_before_a_moment_are_the_last_ones() -> None:
    async with data_client() as client:
        said = of_type(await client.ask(historical(1, "TRADES")), HistoricalTicksLast)[0]
        end = DEFAULT_START - timedelta(minutes=5)
        apple = client.gateway.venue.instrument(265598)
        trades = list(client.gateway.venue.tape.trades(apple, end - timedelta(minutes=30), end))
        assert said.done
        assert len(said.ticks) >= 20
        assert [int(one.at.timestamp()) for one in trades[-len(said.ticks) :]] == [
            one.time for one in said.ticks
        ]


async def test_quotes_after_a_moment_are_the_first_ones() -> None:
    async with data_client() as client:
        asked = historical(1, "BID_ASK", end="", start="20261118 09:30:00 US/Eastern", count=3)
        said = of_type(await client.ask(asked), HistoricalTicksBidAsk)[0]
        begin = DEFAULT_START - timedelta(minutes=30)
        assert begin.timestamp() == said.ticks[0].time
        assert len(said.ticks) >= 3


async def test_midpoints_of_the_past_differ_from_each_other() -> None:
    async with data_client() as client:
        said = of_type(await client.ask(historical(1, "MIDPOINT")), HistoricalTicks)[0]
        prices = [one.price for one in said.ticks]
        assert all(one != other for one, other in pairwise(prices))


@pytest.mark.parametrize(
    ("what", "said", "code"),
    [
        ("TRADES", {"end": ""}, 321),
        ("TRADES", {"start": "20261118-14:00:00"}, 321),
        ("TRADES", {"end": "tomorrow"}, 10314),
        ("TRADES", {"count": 1_001}, 321),
        ("TRADES", {"count": 0}, 321),
        ("BID", {}, 321),
        ("TRADES", {"contract": EURO}, 10187),
    ],
)
async def test_a_bad_request_for_ticks_of_the_past_is_refused(
    what: str, said: dict[str, object], code: int
) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(historical(1, what, **said)))


async def test_ticks_of_the_past_need_live_data() -> None:
    async with data_client(DELAYED_ONLY) as client:
        assert errors(await client.ask(historical(1, "TRADES"))) == [(1, 10187)]


async def test_a_histogram_adds_up_what_was_traded_by_price() -> None:
    async with data_client() as client:
        asked = ask.ReqHistogramData(request_id=1, contract=APPLE, period="1 week")
        said = of_type(await client.ask(asked), HistogramData)[0]
        prices = [row.price for row in said.rows]
        assert prices == sorted(set(prices))
        apple = client.gateway.venue.instrument(265598)
        swing = client.gateway.venue.tape.swing(
            apple, DEFAULT_START - timedelta(weeks=1), DEFAULT_START
        )
        assert swing is not None
        assert swing.volume == sum(row.size for row in said.rows)


async def test_a_histogram_needs_a_period_and_the_right() -> None:
    async with data_client() as client:
        bad = ask.ReqHistogramData(request_id=1, contract=APPLE, period="1 fortnight")
        assert errors(await client.ask(bad)) == [(1, 321)]
        client.gateway.gateway.feed.entitlements["STK"] = Entitlement.NONE
        asked = ask.ReqHistogramData(request_id=2, contract=APPLE, period="3 days")
        assert errors(await client.ask(asked)) == [(2, 10188)]


# --- depth ------------------------------------------------------------------------------------


def book(
    request_id: int,
    exchange: str = "SMART",
    *,
    smart: bool = True,
    rows: int = 5,
    con_id: int = 265598,
) -> ask.ReqMarketDepth:
    return ask.ReqMarketDepth(
        request_id=request_id,
        contract=WireContract(con_id=con_id, exchange=exchange),
        rows=rows,
        is_smart=smart,
    )


def applied(replies: list[Reply], known: dict[int, list[tuple[Decimal, Decimal]]]) -> None:
    """Do to both sides of a book what a client does."""
    for one in replies:
        if not isinstance(one, MarketDepth | MarketDepthL2):
            continue
        side = known[one.side]
        if one.operation == 0:
            side.insert(one.position, (one.price, one.size))
        elif one.operation == 1:
            side[one.position] = (one.price, one.size)
        else:
            del side[one.position]


@pytest.mark.parametrize(
    ("exchange", "smart"), [("SMART", True), ("ISLAND", False), ("ARCA", False)]
)
async def test_a_book_stays_sorted_and_begins_with_the_quote(
    exchange: str,
    smart: bool,
) -> None:
    async with data_client() as client:
        known: dict[int, list[tuple[Decimal, Decimal]]] = {0: [], 1: []}
        applied(await client.ask(book(1, exchange, smart=smart)), known)
        apple = client.gateway.venue.instrument(265598)
        for _ in range(20):
            applied(await client.after(1), known)
            quote = client.gateway.venue.quote(apple, client.gateway.clock.utcnow())
            asks, bids = ([price for price, _ in known[side]] for side in (0, 1))
            assert (quote.ask, quote.bid) == (asks[0], bids[0])
            assert asks == sorted(asks)
            assert bids == sorted(bids, reverse=True)
            assert (len(asks), len(bids)) == (5, 5)


async def test_a_book_about_a_quote_that_a_script_holds_has_no_hole() -> None:
    async with data_client() as client:
        hold(client, "90.00", "90.10")
        known: dict[int, list[tuple[Decimal, Decimal]]] = {0: [], 1: []}
        applied(await client.ask(book(1, "ARCA", smart=False)), known)
        assert [Decimal("90.00") - Decimal("0.01") * n for n in range(5)] == [
            price for price, _ in known[1]
        ]
        assert [Decimal("90.10") + Decimal("0.01") * n for n in range(5)] == [
            price for price, _ in known[0]
        ]


async def test_smart_depth_names_exchanges_and_deep_exchanges_name_market_makers() -> None:
    async with data_client() as client:
        smart = of_type(await client.ask(book(1)), MarketDepthL2)
        assert {one.market_maker for one in smart} <= {"ISLAND", "ARCA", "NYSE", "BATS", "IEX"}
        assert {True} == {one.is_smart for one in smart}
        deep = of_type(await client.ask(book(2, "ISLAND", smart=False)), MarketDepthL2)
        assert all(one.market_maker for one in deep)
        plain = await client.ask(book(3, "ARCA", smart=False))
        assert len(of_type(plain, MarketDepth)) == 10


async def test_three_books_may_be_open() -> None:
    async with data_client() as client:
        assert errors(await client.ask(book(1), book(2), book(3), book(4))) == [(4, 309)]
        await client.ask(ask.CancelMarketDepth(request_id=1, is_smart=True))
        assert errors(await client.ask(book(4))) == []


async def test_depth_is_shown_where_there_is_some() -> None:
    async with data_client() as client:
        exchanges = of_type(await client.ask(ask.ReqDepthExchanges()), DepthExchanges)[0].rows
        assert ("ISLAND", "STK") in {(row.exchange, row.sec_type) for row in exchanges}
        assert errors(
            await client.ask(book(1, smart=False), book(2, "CBOE", smart=False, con_id=416904))
        ) == [(1, 10092), (2, 10092)]


async def test_depth_needs_the_right_to_it() -> None:
    async with data_client(Permissions(depth=False)) as client:
        assert errors(await client.ask(book(1))) == [(1, 354)]


async def test_an_unknown_book_cannot_be_cancelled() -> None:
    async with data_client() as client:
        cancel = ask.CancelMarketDepth(request_id=1, is_smart=True)
        assert errors(await client.ask(cancel)) == [(1, 310)]


async def test_a_book_that_is_reset_is_sent_again_from_nothing() -> None:
    async with data_client() as client:
        await client.ask(book(1))
        depth.reset(client.gateway.gateway, 265598)
        said = await client.after(1)
        assert errors(said) == [(1, 317)]
        known: dict[int, list[tuple[Decimal, Decimal]]] = {0: [], 1: []}
        applied(said, known)
        assert (len(known[0]), len(known[1])) == (5, 5)


async def test_a_book_that_is_halted_ends() -> None:
    async with data_client() as client:
        await client.ask(book(1))
        depth.halt(client.gateway.gateway)
        assert errors(await client.after(1)) == [(1, 316)]
        assert of_type(await client.after(5), MarketDepthL2) == []
        assert errors(await client.ask(book(1))) == []
