"""Depth, news, scans, advisors and options: what ib_async writes, and what it hears."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ib_async
import pytest

from ibkr_connector.simulator.wire import replies as said
from ibkr_connector.simulator.wire import requests as asked
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import Reply, decode_reply, encode_reply
from ibkr_connector.simulator.wire.requests import decode_request, encode_request
from kit.ib_async_wire import VERSIONS, heard, written

D = Decimal
AAPL = ib_async.Stock("AAPL", "SMART", "USD", conId=265598, primaryExchange="NASDAQ")
WIRE_AAPL = WireContract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
)
CALL = ib_async.Option("AAPL", "20240119", 190.5, "C", "SMART", conId=7)
WIRE_CALL = WireContract(
    con_id=7,
    symbol="AAPL",
    sec_type="OPT",
    expiry="20240119",
    strike=D("190.5"),
    right="C",
    exchange="SMART",
)
SCAN = ib_async.ScannerSubscription(
    numberOfRows=10,
    instrument="STK",
    locationCode="STK.US.MAJOR",
    scanCode="TOP_PERC_GAIN",
    abovePrice=5.5,
    aboveVolume=1000,
    excludeConvertible=True,
    stockTypeFilter="CORP",
)
SCANNED = {
    "numberOfRows": "10",
    "instrument": "STK",
    "locationCode": "STK.US.MAJOR",
    "scanCode": "TOP_PERC_GAIN",
    "abovePrice": "5.5",
    "belowPrice": "",
    "aboveVolume": "1000",
    "marketCapAbove": "",
    "marketCapBelow": "",
    "moodyRatingAbove": "",
    "moodyRatingBelow": "",
    "spRatingAbove": "",
    "spRatingBelow": "",
    "maturityDateAbove": "",
    "maturityDateBelow": "",
    "couponRateAbove": "",
    "couponRateBelow": "",
    "excludeConvertible": "1",
    "averageOptionVolumeAbove": "",
    "scannerSettingPairs": "",
    "stockTypeFilter": "CORP",
}

CALLS: dict[str, tuple[Callable[[Any], None], asked.Request]] = {
    "depth": (
        lambda c: c.reqMktDepth(888, AAPL, 5, True, []),
        asked.ReqMarketDepth(request_id=888, contract=WIRE_AAPL, rows=5, is_smart=True),
    ),
    "no depth": (
        lambda c: c.cancelMktDepth(888, True),
        asked.CancelMarketDepth(request_id=888, is_smart=True),
    ),
    "depth exchanges": (lambda c: c.reqMktDepthExchanges(), asked.ReqDepthExchanges()),
    "smart components": (
        lambda c: c.reqSmartComponents(4, "9c0001"),
        asked.ReqSmartComponents(request_id=4, bbo_exchange="9c0001"),
    ),
    "implied volatility": (
        lambda c: c.calculateImpliedVolatility(4, CALL, 3.5, 190.25, []),
        asked.ReqCalcImpliedVolatility(
            request_id=4, contract=WIRE_CALL, option_price=D("3.5"), under_price=D("190.25")
        ),
    ),
    "no implied volatility": (
        lambda c: c.cancelCalculateImpliedVolatility(4),
        asked.CancelCalcImpliedVolatility(request_id=4),
    ),
    "option price": (
        lambda c: c.calculateOptionPrice(4, CALL, 0.25, 190.25, []),
        asked.ReqCalcOptionPrice(
            request_id=4, contract=WIRE_CALL, volatility=D("0.25"), under_price=D("190.25")
        ),
    ),
    "no option price": (
        lambda c: c.cancelCalculateOptionPrice(4),
        asked.CancelCalcOptionPrice(request_id=4),
    ),
    "exercise": (
        lambda c: c.exerciseOptions(4, CALL, 1, 3, "DU1", 1),
        asked.ExerciseOptions(
            request_id=4, contract=WIRE_CALL, action=1, quantity=3, account="DU1", override=1
        ),
    ),
    "soft dollar tiers": (
        lambda c: c.reqSoftDollarTiers(4),
        asked.ReqSoftDollarTiers(request_id=4),
    ),
    "advisor": (lambda c: c.requestFA(1), asked.ReqFa(data_type=1)),
    "advisor's groups": (
        lambda c: c.replaceFA(4, 1, "<xml/>"),
        asked.ReplaceFa(request_id=4, data_type=1, xml="<xml/>"),
    ),
    "histogram": (
        lambda c: c.reqHistogramData(4, AAPL, False, "3 days"),
        asked.ReqHistogramData(
            request_id=4, contract=WIRE_AAPL, regular_hours=False, period="3 days"
        ),
    ),
    "no histogram": (lambda c: c.cancelHistogramData(4), asked.CancelHistogramData(request_id=4)),
    "historical ticks": (
        lambda c: c.reqHistoricalTicks(
            4, AAPL, "20240105 09:30:00 US/Eastern", "", 100, "BID_ASK", True, True, []
        ),
        asked.ReqHistoricalTicks(
            request_id=4,
            contract=WIRE_AAPL,
            start="20240105 09:30:00 US/Eastern",
            count=100,
            what_to_show="BID_ASK",
            ignore_size=True,
        ),
    ),
    "no bulletins": (lambda c: c.cancelNewsBulletins(), asked.CancelNewsBulletins()),
    "article": (
        lambda c: c.reqNewsArticle(4, "BRFG", "BRFG$1", []),
        asked.ReqNewsArticle(request_id=4, provider="BRFG", article_id="BRFG$1"),
    ),
    "headlines": (
        lambda c: c.reqHistoricalNews(4, 265598, "BRFG+DJNL", "a", "b", 10, []),
        asked.ReqHistoricalNews(
            request_id=4, con_id=265598, providers="BRFG+DJNL", start="a", end="b", total=10
        ),
    ),
    "fundamentals": (
        lambda c: c.reqFundamentalData(4, AAPL, "ReportSnapshot", []),
        asked.ReqFundamentalData(request_id=4, contract=WIRE_AAPL, report_type="ReportSnapshot"),
    ),
    "no fundamentals": (
        lambda c: c.cancelFundamentalData(4),
        asked.CancelFundamentalData(request_id=4),
    ),
    "scan": (
        lambda c: c.reqScannerSubscription(
            4, SCAN, [ib_async.TagValue("o", "1")], [ib_async.TagValue("changePercAbove", "2")]
        ),
        asked.ReqScannerSubscription(
            request_id=4, texts=SCANNED, filter_options="changePercAbove=2;", options="o=1;"
        ),
    ),
    "no scan": (
        lambda c: c.cancelScannerSubscription(4),
        asked.CancelScannerSubscription(request_id=4),
    ),
    "scanner parameters": (lambda c: c.reqScannerParameters(), asked.ReqScannerParameters()),
    "event kinds": (lambda c: c.reqWshMetaData(4), asked.ReqWshMetaData(request_id=4)),
    "no event kinds": (lambda c: c.cancelWshMetaData(4), asked.CancelWshMetaData(request_id=4)),
    "no events": (lambda c: c.cancelWshEventData(4), asked.CancelWshEventData(request_id=4)),
    "display groups": (
        lambda c: c.queryDisplayGroups(4),
        asked.QueryDisplayGroups(request_id=4),
    ),
    "a display group": (
        lambda c: c.subscribeToGroupEvents(4, 2),
        asked.SubscribeToGroupEvents(request_id=4, group_id=2),
    ),
    "another contract in it": (
        lambda c: c.updateDisplayGroup(4, "265598@SMART"),
        asked.UpdateDisplayGroup(request_id=4, contract_info="265598@SMART"),
    ),
    "no display group": (
        lambda c: c.unsubscribeFromGroupEvents(4),
        asked.UnsubscribeFromGroupEvents(request_id=4),
    ),
    "proof": (
        lambda c: c.verifyRequest("app", "1"),
        asked.VerifyRequest(api_name="app", api_version="1"),
    ),
    "more proof": (lambda c: c.verifyMessage("x"), asked.VerifyMessage(api_data="x")),
    "proof with a key": (
        lambda c: c.verifyAndAuthRequest("app", "1", "key"),
        asked.VerifyAndAuthRequest(api_name="app", api_version="1", opaque_key="key"),
    ),
    "more proof with a key": (
        lambda c: c.verifyAndAuthMessage("x", "y"),
        asked.VerifyAndAuthMessage(api_data="x", response="y"),
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_ib_async_is_read_as_what_was_asked(name: str, version: int) -> None:
    ask, expected = CALLS[name]
    assert decode_request(written(version, ask), version) == expected


@pytest.mark.parametrize("name", CALLS)
def test_what_was_asked_is_read_again_as_we_would_write_it(name: str) -> None:
    _, expected = CALLS[name]
    assert decode_request(encode_request(expected, 178), 178) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_corporate_events_are_filtered_from_171_and_dated_from_173_on(version: int) -> None:
    data = ib_async.WshEventData(
        conId=265598,
        filter="{}",
        fillWatchlist=True,
        fillCompetitors=True,
        startDate="20240105",
        endDate="20240106",
        totalLimit=5,
    )
    fields = written(version, lambda c: c.reqWshEventData(4, data))
    filtered, dated = version >= 171, version >= 173
    assert decode_request(fields, version) == asked.ReqWshEventData(
        request_id=4,
        con_id=265598,
        filter="{}" if filtered else "",
        fill_watchlist=filtered,
        fill_competitors=filtered,
        start_date="20240105" if dated else "",
        end_date="20240106" if dated else "",
        total_limit=5 if dated else None,
    )


def test_corporate_events_of_no_contract_carry_no_id() -> None:
    fields = written(178, lambda c: c.reqWshEventData(4, ib_async.WshEventData()))
    assert decode_request(fields, 178) == asked.ReqWshEventData(request_id=4)


NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())

CASES: dict[str, tuple[Reply, list[tuple[Any, ...]]]] = {
    "depth": (
        said.MarketDepth(
            request_id=4, position=0, operation=0, side=1, price=D("190.5"), size=D(100)
        ),
        [("updateMktDepth", 4, 0, 0, 1, 190.5, 100.0)],
    ),
    "depth with a market maker": (
        said.MarketDepthL2(
            request_id=4,
            position=1,
            market_maker="ARCA",
            operation=2,
            side=0,
            price=D("190.5"),
            size=D(100),
            is_smart=True,
        ),
        [("updateMktDepthL2", 4, 1, "ARCA", 2, 0, 190.5, 100.0, True)],
    ),
    "depth exchanges": (
        said.DepthExchanges(
            rows=(
                said.DepthExchange(
                    exchange="ISLAND",
                    sec_type="STK",
                    listing_exchange="NASDAQ",
                    service_data_type="Deep2",
                    aggregate_group=1,
                ),
            )
        ),
        [
            (
                "mktDepthExchanges",
                [ib_async.DepthMktDataDescription("ISLAND", "STK", "NASDAQ", "Deep2", 1)],
            )
        ],
    ),
    "smart components": (
        said.SmartComponents(
            request_id=4, components=(said.SmartComponent(bit=0, exchange="AMEX", letter="A"),)
        ),
        [("smartComponents", 4, [ib_async.SmartComponent(0, "AMEX", "A")])],
    ),
    "greeks": (
        said.TickOptionComputation(
            request_id=4,
            tick_type=13,
            attribute=1,
            implied_volatility=D("0.25"),
            delta=D(-1),
            option_price=D("3.5"),
            pv_dividend=D("0.1"),
            gamma=D("0.02"),
            vega=D("0.3"),
            theta=D("-0.05"),
            under_price=D("190.25"),
        ),
        [
            (
                "tickOptionComputation",
                *(4, 13, 1, 0.25, -1.0, 3.5, 0.1, 0.02, 0.3, -0.05, 190.25),
            )
        ],
    ),
    "greeks that are not computed": (
        said.TickOptionComputation(request_id=4, tick_type=10),
        [("tickOptionComputation", 4, 10, 0, -1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, -1.0)],
    ),
    "exchange for physical": (
        said.TickEfp(
            request_id=4,
            tick_type=38,
            basis_points=D("1.5"),
            formatted_basis_points="1.50",
            total_dividends=D("0.25"),
            hold_days=30,
            future_expiry="20240119",
            dividend_impact=D("0.1"),
            dividends_to_expiry=D("0.2"),
        ),
        [("tickEFP", 4, 38, 1.5, "1.50", 0.25, 30, "20240119", 0.1, 0.2)],
    ),
    "reroute": (
        said.RerouteMarketData(request_id=4, con_id=7, exchange="IBUS"),
        [("rerouteMktDataReq", 4, 7, "IBUS")],
    ),
    "reroute of depth": (
        said.RerouteMarketDepth(request_id=4, con_id=7, exchange="IBUS"),
        [("rerouteMktDepthReq", 4, 7, "IBUS")],
    ),
    "hedge": (
        said.DeltaNeutralValidation(
            request_id=4,
            contract=said.DeltaNeutral(con_id=7, delta=D("0.5"), price=D("101.25")),
        ),
        [("deltaNeutralValidation", 4, ib_async.DeltaNeutralContract(7, 0.5, 101.25))],
    ),
    "soft dollar tiers": (
        said.SoftDollarTiers(
            request_id=4,
            tiers=(said.SoftDollarTier(name="a", value="b", display_name="c"),),
        ),
        [("softDollarTiers", 4, [ib_async.SoftDollarTier("a", "b", "c")])],
    ),
    "advisor": (
        said.ReceiveFa(data_type=1, xml="<ListOfGroups/>"),
        [("receiveFA", 1, "<ListOfGroups/>")],
    ),
    "advisor's groups": (
        said.ReplaceFaEnd(request_id=4, text="success"),
        [("replaceFAEnd", 4, "success")],
    ),
    "histogram": (
        said.HistogramData(request_id=4, rows=(said.HistogramRow(price=D("190.5"), size=D(1200)),)),
        [("histogramData", 4, [ib_async.HistogramData(190.5, 1200)])],
    ),
    "midpoints": (
        said.HistoricalTicks(
            request_id=4,
            ticks=(said.HistoricalTick(time=SECONDS, price=D("190.5")),),
            done=False,
        ),
        [("historicalTicks", 4, [ib_async.HistoricalTick(NOON, 190.5, 0.0)], False)],
    ),
    "quotes": (
        said.HistoricalTicksBidAsk(
            request_id=4,
            ticks=(
                said.HistoricalTickBidAsk(
                    time=SECONDS,
                    mask=1,
                    bid=D("190.4"),
                    ask=D("190.5"),
                    bid_size=D(1),
                    ask_size=D(2),
                ),
            ),
        ),
        [
            (
                "historicalTicksBidAsk",
                4,
                [
                    ib_async.HistoricalTickBidAsk(
                        NOON,
                        ib_async.TickAttribBidAsk(askPastHigh=True),
                        *(190.4, 190.5, 1.0, 2.0),
                    )
                ],
                True,
            )
        ],
    ),
    "trades": (
        said.HistoricalTicksLast(
            request_id=4,
            ticks=(
                said.HistoricalTickLast(
                    time=SECONDS,
                    mask=2,
                    price=D("190.4"),
                    size=D(10),
                    exchange="ARCA",
                    conditions="F",
                ),
            ),
        ),
        [
            (
                "historicalTicksLast",
                4,
                [
                    ib_async.HistoricalTickLast(
                        NOON, ib_async.TickAttribLast(unreported=True), 190.4, 10.0, "ARCA", "F"
                    )
                ],
                True,
            )
        ],
    ),
    "schedule": (
        said.HistoricalSchedule(
            request_id=4,
            start="20240105-09:30:00",
            end="20240105-16:00:00",
            time_zone="US/Eastern",
            sessions=(
                said.ScheduleSession(
                    start="20240105-09:30:00", end="20240105-16:00:00", date="20240105"
                ),
            ),
        ),
        [
            (
                "historicalSchedule",
                *(4, "20240105-09:30:00", "20240105-16:00:00", "US/Eastern"),
                [ib_async.HistoricalSession("20240105-09:30:00", "20240105-16:00:00", "20240105")],
            )
        ],
    ),
    "bulletin": (
        said.NewsBulletin(bulletin_id=1, kind=2, text="closed", exchange="ARCA"),
        [("updateNewsBulletin", 1, 2, "closed", "ARCA")],
    ),
    "article": (
        said.NewsArticle(request_id=4, kind=0, text="<p>text</p>"),
        [("newsArticle", 4, 0, "<p>text</p>")],
    ),
    "headline": (
        said.TickNews(
            request_id=4,
            time_ms=1704456000000,
            provider="BRFG",
            article_id="BRFG$1",
            headline="Something",
            extra="K:n/a",
        ),
        [("tickNews", 4, 1704456000000, "BRFG", "BRFG$1", "Something", "K:n/a")],
    ),
    "headline of the past": (
        said.HistoricalNews(
            request_id=4,
            time="2024-01-05 12:00:00.0",
            provider="BRFG",
            article_id="BRFG$1",
            headline="Something",
        ),
        [("historicalNews", 4, "2024-01-05 12:00:00.0", "BRFG", "BRFG$1", "Something")],
    ),
    "headlines end": (
        said.HistoricalNewsEnd(request_id=4, has_more=True),
        [("historicalNewsEnd", 4, True)],
    ),
    "fundamentals": (
        said.FundamentalData(request_id=4, xml="<Report/>"),
        [("fundamentalData", 4, "<Report/>")],
    ),
    "scanner parameters": (
        said.ScannerParameters(xml="<Scan/>"),
        [("scannerParameters", "<Scan/>")],
    ),
    "scan": (
        said.ScannerData(
            request_id=4,
            rows=(
                said.ScannerRow(
                    rank=0,
                    con_id=7,
                    symbol="AAPL",
                    sec_type="OPT",
                    expiry="20240119",
                    strike=D("190.5"),
                    right="C",
                    exchange="SMART",
                    currency="USD",
                    local_symbol="AAPL  240119C00190500",
                    market_name="AAPL",
                    trading_class="AAPL",
                    distance="d",
                    benchmark="b",
                    projection="p",
                    legs="l",
                ),
            ),
        ),
        [
            (
                "scannerData",
                *(4, 0),
                ib_async.ContractDetails(
                    contract=ib_async.Contract(
                        conId=7,
                        symbol="AAPL",
                        secType="OPT",
                        lastTradeDateOrContractMonth="20240119",
                        strike=190.5,
                        right="C",
                        exchange="SMART",
                        currency="USD",
                        localSymbol="AAPL  240119C00190500",
                        tradingClass="AAPL",
                    ),
                    marketName="AAPL",
                ),
                *("d", "b", "p", "l"),
            ),
            ("scannerDataEnd", 4),
        ],
    ),
    "event kinds": (said.WshMetaData(request_id=4, json="{}"), [("wshMetaData", 4, "{}")]),
    "events": (said.WshEventData(request_id=4, json="{}"), [("wshEventData", 4, "{}")]),
    "display groups": (
        said.DisplayGroupList(request_id=4, groups="1|2"),
        [("displayGroupList", 4, "1|2")],
    ),
    "a display group": (
        said.DisplayGroupUpdated(request_id=4, contract_info="265598@SMART"),
        [("displayGroupUpdated", 4, "265598@SMART")],
    ),
    "challenge": (said.VerifyMessageApi(api_data="x"), [("verifyMessageAPI", "x")]),
    "challenge with a key": (
        said.VerifyAndAuthMessageApi(api_data="x", challenge="y"),
        [("verifyAndAuthMessageAPI", "x", "y")],
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_a_reply_is_heard_as_it_was_said(name: str, version: int) -> None:
    reply, calls = CASES[name]
    assert heard(reply, version) == calls


@pytest.mark.parametrize("name", CASES)
def test_a_reply_is_read_back_as_it_was_said(name: str) -> None:
    reply, _ = CASES[name]
    assert decode_reply(encode_reply(reply, 178), 178) == reply


@pytest.mark.parametrize("version", VERSIONS)
def test_the_size_rules_of_a_bond_are_there_from_164_on(version: int) -> None:
    reply = said.BondContractDetails(
        request_id=4,
        symbol="IBM",
        cusip="459200KA8",
        coupon=D(3),  # ib_async takes whole ones only
        maturity="20290515",
        issue_date="20190515",
        ratings="A-",
        bond_type="CORP",
        coupon_type="FIXED",
        convertible=True,
        callable=False,
        putable=True,
        description="IBM 3.5 05/15/29",
        exchange="SMART",
        currency="USD",
        market_name="IBCID1",
        trading_class="IBM",
        con_id=8,
        min_tick=D("0.001"),
        order_types="LMT",
        valid_exchanges="SMART",
        next_option_date="20250515",
        next_option_type="CALL",
        next_option_partial=True,
        notes="notes",
        long_name="IBM",
        ev_rule="rule",
        ev_multiplier=D(2),
        sec_ids=(said.Pair(name="CUSIP", value="459200KA8"),),
        aggregate_group=3,
        market_rule_ids="26",
        min_size=D(1),
        size_increment=D(2),
        suggested_size_increment=D(3),
    )
    details = ib_async.ContractDetails(
        contract=ib_async.Contract(
            symbol="IBM",
            secType="BOND",
            exchange="SMART",
            currency="USD",
            tradingClass="IBM",
            conId=8,
        ),
        cusip="459200KA8",
        coupon=3,
        maturity="20290515",
        issueDate="20190515",
        ratings="A-",
        bondType="CORP",
        couponType="FIXED",
        convertible=True,
        callable=False,
        putable=True,
        descAppend="IBM 3.5 05/15/29",
        marketName="IBCID1",
        minTick=0.001,
        orderTypes="LMT",
        validExchanges="SMART",
        nextOptionDate="20250515",
        nextOptionType="CALL",
        nextOptionPartial=True,
        notes="notes",
        longName="IBM",
        evRule="rule",
        evMultiplier=2,
        secIdList=[ib_async.TagValue("CUSIP", "459200KA8")],
        aggGroup=3,
        marketRuleIds="26",
    )
    if version >= 164:
        details.minSize, details.sizeIncrement, details.suggestedSizeIncrement = 1.0, 2.0, 3.0
    assert heard(reply, version) == [("bondContractDetails", 4, details)]
