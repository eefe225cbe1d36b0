"""Data of markets that open and close."""

from __future__ import annotations

from datetime import UTC, datetime

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    HistoricalData,
    MarketDataType,
    MarketDepthL2,
    RealTimeBar,
    RerouteMarketData,
    RerouteMarketDepth,
    TickByTickBidAsk,
    TickPrice,
)
from kit.data_client import APPLE, data_client, errors, of_type

NIGHT = datetime(2026, 11, 18, 6, tzinfo=UTC)
"""One in the morning in New York."""

DAWN = datetime(2026, 11, 18, 8, 59, 55, tzinfo=UTC)
"""Five seconds before four, when trading begins."""

STREAM = ask.ReqMarketData(request_id=1, contract=APPLE)


def clock(at: datetime) -> ManualClock:
    return ManualClock(at)


def kinds(said: list[TickPrice]) -> set[int]:
    return {one.tick_type for one in said}


async def test_at_night_live_data_has_the_last_trade_and_no_quote() -> None:
    async with data_client(sessions=True, clock=clock(NIGHT)) as client:
        said = await client.ask(STREAM)
        assert [one.data_type for one in of_type(said, MarketDataType)] == [1]
        ticks = kinds(of_type(said, TickPrice))
        assert {4, 9} <= ticks
        assert not {1, 2} & ticks
        assert of_type(await client.after(30), TickPrice) == []


async def test_at_night_frozen_data_has_the_last_quote() -> None:
    async with data_client(sessions=True, clock=clock(NIGHT)) as client:
        said = await client.ask(ask.ReqMarketDataType(data_type=2), STREAM)
        assert [one.data_type for one in of_type(said, MarketDataType)] == [2]
        assert {1, 2, 4} <= kinds(of_type(said, TickPrice))
        assert of_type(await client.after(30), TickPrice) == []


async def test_frozen_data_is_live_when_the_market_opens() -> None:
    async with data_client(sessions=True, clock=clock(DAWN)) as client:
        await client.ask(ask.ReqMarketDataType(data_type=2), STREAM)
        said = await client.after(20)
        assert [one.data_type for one in of_type(said, MarketDataType)] == [1]
        assert {1, 2} & kinds(of_type(said, TickPrice))


async def test_delayed_frozen_data_is_four() -> None:
    delayed = Permissions(live_data=False)
    async with data_client(delayed, sessions=True, clock=clock(NIGHT)) as client:
        said = await client.ask(ask.ReqMarketDataType(data_type=4), STREAM)
        assert [one.data_type for one in of_type(said, MarketDataType)] == [4]


async def test_nothing_ticks_at_night() -> None:
    async with data_client(sessions=True, clock=clock(NIGHT)) as client:
        await client.ask(
            ask.ReqTickByTick(
                request_id=1,
                contract=APPLE,
                tick_type="BidAsk",
                number_of_ticks=0,
                ignore_size=False,
            ),
            ask.ReqRealTimeBars(
                request_id=2,
                contract=APPLE,
                bar_size=5,
                what_to_show="TRADES",
                regular_hours=False,
            ),
            ask.ReqMarketDepth(request_id=3, contract=APPLE, rows=3, is_smart=True),
        )
        said = await client.after(30)
        for kind in (TickByTickBidAsk, RealTimeBar, MarketDepthL2):
            assert of_type(said, kind) == []


async def test_regular_hours_cut_history_where_markets_close() -> None:
    async with data_client(sessions=True) as client:
        bars = {}
        for number, regular in enumerate((True, False)):
            asked = ask.ReqHistoricalData(
                request_id=number,
                contract=APPLE,
                bar_size="30 mins",
                duration="1 D",
                end="20261117-23:00:00",
                what_to_show="TRADES",
                regular_hours=regular,
                format_date=1,
            )
            said = of_type(await client.ask(asked), HistoricalData)[0]
            bars[regular] = [bar.date for bar in said.bars]
        assert bars[True][0] == "20261117 09:30:00 US/Eastern"
        assert bars[True][-1] == "20261117 15:30:00 US/Eastern"
        assert len(bars[True]) == 13
        assert set(bars[True]) < set(bars[False])


async def test_a_contract_for_difference_sends_its_client_to_the_share() -> None:
    async with data_client() as client:
        cfd = WireContract(symbol="AAPL", sec_type="CFD", currency="USD", exchange="SMART")
        said = await client.ask(
            ask.ReqMarketData(request_id=1, contract=cfd),
            ask.ReqMarketDepth(request_id=2, contract=cfd, rows=3, is_smart=True),
        )
        assert [
            RerouteMarketData(request_id=1, con_id=265598, exchange="SMART"),
            RerouteMarketDepth(request_id=2, con_id=265598, exchange="SMART"),
        ] == said
        index = WireContract(symbol="IBUS500", sec_type="CFD", currency="USD", exchange="SMART")
        said = await client.ask(ask.ReqMarketData(request_id=3, contract=index))
        assert errors(said) == []
        assert {1, 2} <= kinds(of_type(said, TickPrice))
