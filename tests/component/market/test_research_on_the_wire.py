"""Ticks of the past, histograms, scans, news and reports, through a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ibkr_connector import (
    HistoricalDataError,
    IBKRConnector,
    IBKRError,
    MarketDataError,
    MarketDataPermissionError,
    NoDataError,
)
from ibkr_connector.market.aggregate import TimeBars
from ibkr_connector.model.research import PastMidpoint, PastQuote
from ibkr_connector.model.streams import Trade
from ibkr_connector.simulator import Answer, HostedSimulator, Permissions
from kit.market import AAPL, asked, said_all

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]

OPEN = datetime(2026, 10, 14, 13, 30, tzinfo=UTC)


@pytest.fixture
def gateway(make_ibkr_gateway: Gateways) -> HostedSimulator:
    return make_ibkr_gateway(sessions=True)


async def test_ticks_come_page_after_page_each_once(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    end = OPEN + timedelta(minutes=20)
    async with make_connector(gateway.port) as ib:
        found = await ib.history.ticks("AAPL", start=OPEN, end=end)
        series = await ib.get_historical_data("AAPL", start=OPEN, end=end, bar_size="1 min")
    trades = [tick for tick in found if isinstance(tick, Trade)]
    assert found.is_whole
    assert found.requests == len(asked(gateway, "ReqHistoricalTicks")) > 1
    assert len(trades) == len(found) > 1_000
    times = [trade.timestamp for trade in trades]
    assert times == sorted(times)
    assert OPEN <= times[0] < times[-1] < end
    # no second was asked for twice: each page begins after the last one's end
    starts = [one.start for one in asked(gateway, "ReqHistoricalTicks")]
    assert starts == sorted(set(starts))
    # the same aggregators work on the past
    bars = TimeBars(60)
    made = [bar for trade in trades for bar in bars.take(trade)]
    assert {one.bar.timestamp for one in made} <= {bar.timestamp for bar in series.bars}


@pytest.mark.parametrize(("show", "kind"), [("BID_ASK", PastQuote), ("MIDPOINT", PastMidpoint)])
async def test_quotes_and_midpoints_are_exact_and_in_utc(
    show: str, kind: type[Any], gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        found = await ib.history.ticks(
            "EUR.USD", start=OPEN, end=OPEN + timedelta(minutes=1), what_to_show=show
        )
    assert len(found) > 5
    assert {type(tick) for tick in found} == {kind}
    for tick in found.ticks:
        assert tick.timestamp.tzinfo is UTC
        if isinstance(tick, PastQuote):
            assert tick.bid is not None
            assert tick.ask is not None
            assert tick.bid <= tick.ask
    assert found.is_whole


async def test_a_limit_that_ends_ticks_is_told(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        found = await ib.history.ticks("AAPL", start=OPEN, limit=500)
        with pytest.raises(HistoricalDataError, match="no ticks of 'BARS'"):
            await ib.history.ticks("AAPL", start=OPEN, what_to_show="BARS")
        with pytest.raises(HistoricalDataError, match="holds nothing"):
            await ib.history.ticks("AAPL", start=OPEN, end=OPEN)
    assert (len(found), found.is_whole, found.requests) == (500, False, 1)


async def test_ticks_without_permission_are_an_error(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    refusal = Answer(to="ReqHistoricalTicks", code=10187, text="Failed to request historical ticks")
    gateway = make_ibkr_gateway(faults=[refusal])
    async with make_connector(gateway.port) as ib:
        with pytest.raises(MarketDataPermissionError):
            await ib.history.ticks("AAPL", start=OPEN)


async def test_a_histogram_goes_up_by_price(gateway: HostedSimulator, make_connector: Make) -> None:
    async with make_connector(gateway.port) as ib:
        rows = await ib.history.histogram("AAPL", period="1 week")
        with pytest.raises(IBKRError):
            await ib.history.histogram("AAPL", period="a while")
    prices = [row.price for row in rows]
    assert prices == sorted(set(prices))
    assert sum(row.size for row in rows) > 0


async def test_a_scan_finds_qualified_contracts_and_is_called_off(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        rows = await ib.research.scan("TOP_PERC_GAIN", rows=5, filters={"priceAbove": 5})
        xml = await ib.research.scan_parameters()
        quote = await ib.get_quote(rows[0].contract)
        with pytest.raises(MarketDataError):
            await ib.research.scan("NO_SUCH_SCAN")
        with pytest.raises(MarketDataError, match="1 to 50 rows"):
            await ib.research.scan("TOP_PERC_GAIN", rows=51)
    await said_all(gateway)
    assert [row.rank for row in rows] == [0, 1, 2, 3, 4]
    assert all(row.contract.is_qualified for row in rows)
    assert quote.symbol == rows[0].contract.symbol
    assert "TOP_PERC_GAIN" in xml
    assert len(asked(gateway, "CancelScannerSubscription")) >= 1


async def test_news_from_the_providers_to_an_article(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        providers = await ib.research.news_providers()
        found = await ib.research.headlines("AAPL", start=OPEN - timedelta(days=60), most=10)
        article = await ib.research.article(found.headlines[0])
        with pytest.raises(MarketDataPermissionError):
            await ib.research.headlines("AAPL", providers=["NOSUCH"])
        with pytest.raises(MarketDataError, match="1 to 300"):
            await ib.research.headlines("AAPL", most=301)
    assert {provider.code for provider in providers} >= {line.provider for line in found}
    assert len(found) == 10
    assert found.has_more
    times = [line.time for line in found]
    assert times == sorted(times, reverse=True)
    assert times[0].tzinfo is UTC
    assert article.text
    assert not article.is_binary


async def test_a_login_without_news_says_so(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(news=False))
    async with make_connector(gateway.port) as ib:
        assert await ib.research.news_providers() == ()
        with pytest.raises(MarketDataPermissionError, match="no provider"):
            await ib.research.headlines("AAPL")


async def test_the_events_of_a_company_by_day(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(calendar=True))
    async with make_connector(gateway.port) as ib:
        await ib.instruments.details("AAPL")
        # one at a time, and the kinds are asked for once
        every, again = await asyncio.gather(
            ib.research.calendar("AAPL"), ib.research.calendar("AAPL")
        )
        days = [one.day for one in every if one.day is not None]
        part = await ib.research.calendar("AAPL", start=days[1], end=days[-2])
        with pytest.raises(MarketDataError, match="1 to 100 events"):
            await ib.research.calendar("AAPL", most=0)
    assert every == again
    assert len(every) > 2
    assert days == sorted(days)
    assert {one.facts["conid"] for one in every} == {AAPL}
    assert part == tuple(one for one in every if one.day and days[1] <= one.day <= days[-2])
    assert len(asked(gateway, "ReqWshMetaData")) == 1
    assert len(asked(gateway, "ReqWshEventData")) == 3


async def test_a_login_without_the_calendar_says_so(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(calendar=False))
    async with make_connector(gateway.port) as ib:
        with pytest.raises(MarketDataPermissionError):
            await ib.research.calendar("AAPL")


async def test_reports_are_there_or_refused(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(permissions=Permissions(fundamentals=True))
    async with make_connector(gateway.port) as ib:
        assert "ReportSnapshot" in await ib.research.fundamentals("AAPL")
        with pytest.raises(NoDataError):
            await ib.research.fundamentals("EUR.USD")
