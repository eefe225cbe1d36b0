"""Contracts, news, scanners, fundamentals, calendars and display groups, over a socket."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.dialogue.headlines import Headline
from ibkr_connector.simulator.dialogue.news import bulletin, publish
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    ContractDetails,
    ContractDetailsEnd,
    DisplayGroupList,
    DisplayGroupUpdated,
    ErrorMessage,
    FundamentalData,
    HistoricalNews,
    HistoricalNewsEnd,
    MarketRule,
    NewsArticle,
    NewsBulletin,
    NewsProviders,
    ScannerData,
    ScannerParameters,
    SecDefOptParams,
    SecDefOptParamsEnd,
    SymbolSamples,
    TickNews,
    WshEventData,
    WshMetaData,
)
from kit.data_client import APPLE, EURO, data_client, errors, of_type

# --- contracts --------------------------------------------------------------------------------


def details(request_id: int, **said: object) -> ask.ReqContractDetails:
    return ask.ReqContractDetails(
        request_id=request_id,
        contract=WireContract(**said),  # type: ignore[arg-type]
    )


async def test_details_of_everything_listed_can_be_written() -> None:
    async with data_client() as client:
        catalogue = client.gateway.venue.catalogue
        listed = {one.con_id for one in catalogue.listed()}
        assert len(listed) > 100
        for con_id in (*listed, *catalogue.ids()[::499]):
            said = await client.ask(details(1, con_id=con_id))
            assert ContractDetailsEnd(request_id=1) == said[-1]
            assert len(said) == 2


async def test_details_of_a_stock_have_its_hours() -> None:
    async with data_client() as client:
        said = of_type(
            await client.ask(
                details(1, symbol="AAPL", sec_type="STK", currency="USD", exchange="SMART")
            ),
            ContractDetails,
        )
        assert [one.con_id for one in said] == [265598]
        assert said[0].trading_hours.startswith("20261118:0400-20261118:2000")
        assert said[0].liquid_hours.startswith("20261118:0930-20261118:1600")
        rules, exchanges = said[0].market_rule_ids, said[0].valid_exchanges
        assert len(exchanges.split(",")) == len(rules.split(","))


async def test_what_fits_several_contracts_shows_them_all() -> None:
    async with data_client() as client:
        said = of_type(await client.ask(details(1, symbol="VOD", sec_type="STK")), ContractDetails)
        assert {"USD", "GBP"} == {one.currency for one in said}


async def test_what_fits_nothing_is_two_hundred() -> None:
    async with data_client() as client:
        assert errors(await client.ask(details(1, symbol="NOPE", sec_type="STK"))) == [(1, 200)]


async def test_a_sort_of_id_that_does_not_exist_is_refused() -> None:
    async with data_client() as client:
        asked = ask.ReqContractDetails(
            request_id=1, contract=WireContract(), sec_id_type="WKN", sec_id="865985"
        )
        assert errors(await client.ask(asked)) == [(1, 321)]


async def test_searches_are_a_second_apart() -> None:
    async with data_client() as client:
        one, two = (ask.ReqMatchingSymbols(request_id=n, pattern="AA") for n in (1, 2))
        said = await client.ask(one, two)
        assert len(of_type(said, SymbolSamples)) == 1
        assert errors(said) == [(2, 322)]
        await client.after(1)
        found = of_type(await client.ask(two), SymbolSamples)[0].samples
        assert "AAPL" in {one.symbol for one in found}
        assert len(found) <= 16


async def test_option_parameters_come_by_exchange() -> None:
    async with data_client() as client:
        asked = ask.ReqSecDefOptParams(
            request_id=1, symbol="AAPL", exchange="", sec_type="STK", con_id=265598
        )
        said = await client.ask(asked)
        rows = of_type(said, SecDefOptParams)
        assert SecDefOptParamsEnd(request_id=1) == said[-1]
        assert "SMART" in {row.exchange for row in rows}
        assert len(rows) == len({(row.exchange, row.trading_class) for row in rows})
        assert all(row.expirations and row.strikes for row in rows)


async def test_market_rules_of_what_is_listed_have_steps() -> None:
    async with data_client() as client:
        rules = {one.market_rule for one in client.gateway.venue.catalogue.listed()}
        for rule in rules:
            said = of_type(await client.ask(ask.ReqMarketRule(rule_id=rule)), MarketRule)
            assert Decimal(0) == said[0].steps[0].low_edge
        assert errors(await client.ask(ask.ReqMarketRule(rule_id=424_242))) == [(-1, 322)]


# --- news -------------------------------------------------------------------------------------


def past_news(
    request_id: int,
    total: int = 10,
    providers: str = "BRFG+DJNL",
    con_id: int = 265598,
) -> ask.ReqHistoricalNews:
    return ask.ReqHistoricalNews(
        request_id=request_id, con_id=con_id, providers=providers, start="", end="", total=total
    )


async def test_headlines_of_the_past_come_newest_first_and_have_articles() -> None:
    async with data_client() as client:
        said = await client.ask(past_news(1))
        found = of_type(said, HistoricalNews)
        assert len(found) == 10
        assert sorted((one.time for one in found), reverse=True) == [one.time for one in found]
        assert {one.provider for one in found} <= {"BRFG", "DJNL"}
        assert HistoricalNewsEnd(request_id=1, has_more=True) == said[-1]
        article = ask.ReqNewsArticle(
            request_id=2, provider=found[0].provider, article_id=found[0].article_id
        )
        text = of_type(await client.ask(article), NewsArticle)[0].text
        assert found[0].headline in text


async def test_headlines_lie_between_the_limits() -> None:
    async with data_client() as client:
        asked = ask.ReqHistoricalNews(
            request_id=1,
            con_id=265598,
            providers="BRFG+DJNL+BRFUPDN+DJ-N",
            start="2026-11-02 00:00:00.0",
            end="2026-11-07 00:00:00.0",
            total=300,
        )
        said = await client.ask(asked)
        times = [one.time for one in of_type(said, HistoricalNews)]
        assert times
        assert all("2026-11-02" <= one < "2026-11-07" for one in times)
        assert HistoricalNewsEnd(request_id=1, has_more=False) == said[-1]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (past_news(1, total=0), 321),
        (past_news(1, total=301), 321),
        (past_news(1, providers="NOBODY"), 10276),
        (past_news(1, con_id=1), 200),
        (ask.ReqNewsArticle(request_id=1, provider="BRFG", article_id="BRFG$nothing"), 10172),
        (ask.ReqNewsArticle(request_id=1, provider="NOBODY", article_id="1"), 10276),
    ],
)
async def test_a_bad_request_for_news_is_refused(
    asked: ask.ReqHistoricalNews | ask.ReqNewsArticle, code: int
) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(asked))


async def test_news_need_a_permission() -> None:
    async with data_client(Permissions(news=False)) as client:
        said = await client.ask(ask.ReqNewsProviders(), past_news(1))
        assert [NewsProviders(providers=())] == of_type(said, NewsProviders)
        assert errors(said) == [(1, 10276)]


async def test_a_headline_reaches_the_streams_that_want_it() -> None:
    async with data_client() as client:
        await client.ask(
            ask.ReqMarketData(request_id=1, contract=APPLE, generic_ticks="mdoff,292:BRFG"),
            ask.ReqMarketData(request_id=2, contract=APPLE, generic_ticks="mdoff,292:DJNL"),
            ask.ReqMarketData(request_id=3, contract=APPLE, generic_ticks="mdoff,292"),
            ask.ReqMarketData(request_id=4, contract=APPLE),
            ask.ReqMarketData(request_id=5, contract=EURO, generic_ticks="mdoff,292"),
        )
        headline = Headline(
            at=DEFAULT_START + timedelta(seconds=1),
            provider="BRFG",
            article_id="BRFG$7",
            text="Something happened",
            con_id=265598,
            article="All of it.",
        )
        publish(client.gateway.gateway, headline)
        said = of_type(await client.after(1), TickNews)
        assert [(one.request_id, one.headline) for one in said] == [
            (1, "Something happened"),
            (3, "Something happened"),
        ]
        assert of_type(await client.after(1), TickNews) == []
        article = ask.ReqNewsArticle(request_id=9, provider="BRFG", article_id="BRFG$7")
        assert [one.text for one in of_type(await client.ask(article), NewsArticle)] == [
            "All of it."
        ]


async def test_bulletins_of_today_come_with_the_rest_when_asked_for() -> None:
    async with data_client() as client:
        bulletin(client.gateway.gateway, "before")
        fresh = ask.ReqNewsBulletins(all_messages=False)
        assert of_type(await client.ask(fresh), NewsBulletin) == []
        bulletin(client.gateway.gateway, "now", kind=2, exchange="NYSE")
        said = of_type(await client.after(1), NewsBulletin)
        assert [(one.text, one.kind, one.exchange) for one in said] == [("now", 2, "NYSE")]
        await client.ask(ask.CancelNewsBulletins())
        bulletin(client.gateway.gateway, "after")
        assert of_type(await client.after(1), NewsBulletin) == []
        said = of_type(await client.ask(ask.ReqNewsBulletins(all_messages=True)), NewsBulletin)
        assert [one.text for one in said] == ["before", "now", "after"]


# --- scanners ---------------------------------------------------------------------------------


def scan(
    request_id: int, code: str = "TOP_PERC_GAIN", options: str = "", **said: str
) -> ask.ReqScannerSubscription:
    texts = {"instrument": "STK", "locationCode": "STK.US.MAJOR", "scanCode": code, **said}
    return ask.ReqScannerSubscription(request_id=request_id, texts=texts, filter_options=options)


async def test_what_can_be_scanned_for_is_what_is_accepted() -> None:
    async with data_client() as client:
        xml = of_type(await client.ask(ask.ReqScannerParameters()), ScannerParameters)[0].xml
        root = ElementTree.fromstring(xml)
        codes = [one.text or "" for one in root.iter("scanCode")]
        places = {one.text for one in root.iter("locationCode")}
        assert {"TOP_PERC_GAIN", "MOST_ACTIVE"} <= set(codes)
        assert "STK.US.MAJOR" in places
        for code in codes[:6]:
            said = await client.ask(scan(1, code), ask.CancelScannerSubscription(request_id=1))
            assert [one.code for one in of_type(said, ErrorMessage)] == [162]
            assert len(of_type(said, ScannerData)) == 1


async def test_a_scan_ranks_by_what_it_is_named_after() -> None:
    async with data_client() as client:
        said = of_type(
            await client.ask(scan(1), scan(2, "TOP_PERC_LOSE"), scan(3, numberOfRows="4")),
            ScannerData,
        )
        gain, lose, four = ([row.con_id for row in one.rows] for one in said)
        assert len(gain) == 50
        assert gain[:4] == four
        venue, now = client.gateway.venue, client.gateway.clock.utcnow()

        def changes(con_ids: list[int]) -> list[Decimal]:
            quotes = [venue.quote(venue.instrument(con_id), now) for con_id in con_ids]
            assert all(one.last and one.close for one in quotes)
            return [one.last / one.close for one in quotes if one.last and one.close]

        assert sorted(changes(gain), reverse=True) == changes(gain)
        assert sorted(changes(lose)) == changes(lose)
        assert changes(lose)[0] < changes(gain)[-1]
        assert list(range(len(gain))) == [row.rank for row in said[0].rows]


async def test_a_scan_is_filtered_in_both_ways_that_there_are() -> None:
    async with data_client() as client:
        old, new = scan(1, abovePrice="200"), scan(2, options="priceAbove=200;")
        said = of_type(await client.ask(old, new), ScannerData)
        assert said[0].rows == said[1].rows
        venue, now = client.gateway.venue, client.gateway.clock.utcnow()
        assert said[0].rows
        for row in said[0].rows:
            price = venue.quote(venue.instrument(row.con_id), now).last
            assert price is not None
            assert price >= 200


async def test_a_scan_is_told_again_when_it_finds_something_else() -> None:
    async with data_client() as client:
        first = of_type(await client.ask(scan(1)), ScannerData)[0].rows
        later = of_type(await client.after(120), ScannerData)
        assert later
        assert first != later[0].rows
        assert len(later) <= 4


async def test_a_scan_without_rows_says_so_and_goes_on() -> None:
    async with data_client() as client:
        said = await client.ask(scan(1, abovePrice="1000000"))
        assert errors(said) == [(1, 165)]
        assert errors(await client.ask(ask.CancelScannerSubscription(request_id=1))) == [(1, 162)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (scan(1, "NO_SUCH_SCAN"), 162),
        (scan(1, locationCode="MOON"), 162),
        (scan(1, instrument="ROCK"), 162),
        (ask.CancelScannerSubscription(request_id=1), 365),
    ],
)
async def test_a_bad_request_for_a_scan_is_refused(
    asked: ask.ReqScannerSubscription | ask.CancelScannerSubscription, code: int
) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(asked))


async def test_ten_scans_may_be_open_each_with_its_own_id() -> None:
    async with data_client() as client:
        said = await client.ask(scan(0), *(scan(n) for n in range(11)))
        assert errors(said) == [(0, 385), (10, 162)]


# --- fundamentals, calendar, groups -----------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "root"),
    [
        ("ReportSnapshot", "ReportSnapshot"),
        ("ReportsFinSummary", "FinancialSummary"),
        ("ReportsFinStatements", "ReportFinancialStatements"),
        ("ReportsOwnership", "OwnershipDetails"),
        ("RESC", "REarnEstCons"),
        ("CalendarReport", "CompanyCalendar"),
    ],
)
async def test_a_report_is_xml_about_the_company(report: str, root: str) -> None:
    async with data_client() as client:
        asked = ask.ReqFundamentalData(request_id=1, contract=APPLE, report_type=report)
        xml = of_type(await client.ask(asked), FundamentalData)[0].xml
        assert root == ElementTree.fromstring(xml.encode()).tag


async def test_reports_need_a_company_a_permission_and_a_name() -> None:
    async with data_client() as client:
        asked = [
            ask.ReqFundamentalData(request_id=1, contract=APPLE, report_type="Gossip"),
            ask.ReqFundamentalData(request_id=2, contract=EURO, report_type="RESC"),
        ]
        assert errors(await client.ask(*asked)) == [(1, 321), (2, 430)]
    async with data_client(Permissions(fundamentals=False)) as client:
        asked = [ask.ReqFundamentalData(request_id=1, contract=APPLE, report_type="RESC")]
        assert errors(await client.ask(*asked)) == [(1, 430)]


async def test_the_calendar_needs_a_permission() -> None:
    async with data_client() as client:
        said = await client.ask(
            ask.ReqWshMetaData(request_id=1), ask.ReqWshEventData(request_id=2, con_id=265598)
        )
        assert errors(said) == [(1, 10276), (2, 10277)]


async def test_events_of_the_calendar_follow_its_filters() -> None:
    async with data_client(Permissions(calendar=True)) as client:
        early = ask.ReqWshEventData(request_id=1, con_id=265598)
        assert errors(await client.ask(early)) == [(1, 10283)]
        meta = of_type(await client.ask(ask.ReqWshMetaData(request_id=2)), WshMetaData)[0]
        tags = {one["tag"] for one in json.loads(meta.json)["meta_data"]["event_types"]}
        events = json.loads(of_type(await client.ask(early), WshEventData)[0].json)
        assert {265598} == {one["conid"] for one in events}
        assert tags == {one["event_type"] for one in events}
        wish = json.dumps({"watchlist": ["265598", "272093"], "wshe_ed": "true"})
        asked = ask.ReqWshEventData(request_id=3, filter=wish)
        events = json.loads(of_type(await client.ask(asked), WshEventData)[0].json)
        assert {265598, 272093} == {one["conid"] for one in events}
        assert {"wshe_ed"} == {one["event_type"] for one in events}
        bad = ask.ReqWshEventData(request_id=4, filter="{")
        assert errors(await client.ask(bad)) == [(4, 10282)]


async def test_a_display_group_tells_what_it_shows() -> None:
    async with data_client() as client:
        said = await client.ask(
            ask.QueryDisplayGroups(request_id=1),
            ask.SubscribeToGroupEvents(request_id=2, group_id=1),
            ask.UpdateDisplayGroup(request_id=2, contract_info="265598@SMART"),
            ask.SubscribeToGroupEvents(request_id=3, group_id=1),
        )
        assert [one.groups for one in of_type(said, DisplayGroupList)] == ["1|2|3|4|5|6|7"]
        assert [
            (one.request_id, one.contract_info) for one in of_type(said, DisplayGroupUpdated)
        ] == [(2, "none"), (2, "265598@SMART"), (3, "265598@SMART")]
        said = await client.ask(
            ask.UnsubscribeFromGroupEvents(request_id=2),
            ask.UpdateDisplayGroup(request_id=3, contract_info="none"),
            ask.UpdateDisplayGroup(request_id=2, contract_info="none"),
            ask.SubscribeToGroupEvents(request_id=4, group_id=99),
        )
        assert [one.request_id for one in of_type(said, DisplayGroupUpdated)] == [3]
        assert errors(said) == [(2, 300), (4, 321)]


async def test_the_log_level_is_one_of_five() -> None:
    async with data_client() as client:
        said = await client.ask(ask.SetServerLogLevel(level=5), ask.SetServerLogLevel(level=6))
        assert errors(said) == [(-1, 321)]
        assert client.gateway.gateway.feed.log_levels == {1: 5}
