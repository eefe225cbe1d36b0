"""
The official client, unmodified, trades on the simulator; every field that it decodes is compared.

What a record holds beyond the named fields must be the client's own default, so that nothing that
the simulator sends can land in a wrong field unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector.simulator.exchange.venue import Venue
from ibkr_connector.simulator.server import DEFAULT_START
from kit.foreign import (
    AAPL,
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    FOREIGN,
    HOURS,
    LAST,
    LIQUID_HOURS,
    ORDER_TYPES,
    SECURITY_IDS,
    drive,
    hourly_bars,
    still_market,
)

EASTERN = ZoneInfo("US/Eastern")
UNSET = 1.7976931348623157e308
UNSET_TEXT = "1.7976931348623157E308"
ACCOUNT = "DU1234567"
CLIENT = 5

pytestmark = FOREIGN


class Seen:
    """What the program printed, by callback, the venue that it talked to, and its time."""

    def __init__(
        self, found: dict[str, Any], venue: Venue, *, version: int, ended: datetime
    ) -> None:
        self.version = version
        self.server_version = found["serverVersion"]
        self.first_id = found["firstId"]
        self.defaults = found["defaults"]
        self.venue = venue
        self.ended = ended
        self._seen = found["seen"]

    def all(self, name: str) -> list[list[Any]]:
        """Return the arguments of every call of a callback."""
        return [arguments for called, arguments in self._seen if called == name]

    def made(self, record: str, **fields: Any) -> dict[str, Any]:
        """Return a record of the client with these fields and its own defaults."""
        unknown = fields.keys() - self.defaults[record].keys()
        assert not unknown, f"{record} has no {unknown}"
        return {**self.defaults[record], **fields}

    def contract(self, **fields: Any) -> dict[str, Any]:
        """Return AAPL as a contract."""
        apple = {
            "conId": AAPL,
            "symbol": "AAPL",
            "secType": "STK",
            "strike": 0.0,
            "currency": "USD",
            "localSymbol": "AAPL",
            "tradingClass": "NMS",
        }
        return self.made("Contract", **{**apple, **fields})

    def time(self, text: str) -> str:
        """Return a moment as gateways of this version write it."""
        return text if self.version >= 174 else text.removesuffix(" US/Eastern").replace(" ", "  ")


@pytest.fixture(scope="module", params=[200, 178, 166, 157], ids=lambda version: f"v{version}")
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    with still_market(request.param) as hosted:
        found = drive("ibapi", hosted, CLIENT)
        hosted.do(lambda simulator: simulator.check())
        ended = hosted.do(lambda simulator: simulator.clock.utcnow())
        venue = hosted.do(lambda simulator: simulator.venue)
        yield Seen(found, venue, version=request.param, ended=ended)


def test_the_login_says_version_accounts_and_the_first_order_id(seen: Seen) -> None:
    assert seen.server_version == seen.version
    assert seen.all("managedAccounts") == [[ACCOUNT]]
    assert seen.all("nextValidId") == [[1]]
    assert [call[1] for call in seen.all("error")][:3] == [2104, 2106, 2158]
    [[now]] = seen.all("currentTime")
    assert DEFAULT_START.timestamp() <= now <= seen.ended.timestamp()


def test_contract_details_are_the_listing(seen: Seen) -> None:
    sizes = (
        dict.fromkeys(("minSize", "sizeIncrement", "suggestedSizeIncrement"), "Decimal(1)")
        if seen.version >= 164
        else {}
    )
    details = seen.made(
        "ContractDetails",
        contract=seen.contract(exchange="SMART", primaryExchange="NASDAQ"),
        marketName="NMS",
        minTick=0.01,
        orderTypes=ORDER_TYPES,
        validExchanges="SMART,ISLAND,ARCA,NYSE,BATS,IEX",
        priceMagnifier=1,
        longName="APPLE INC",
        industry="Technology",
        timeZoneId="US/Eastern",
        tradingHours=HOURS,
        liquidHours=LIQUID_HOURS,
        aggGroup=1,
        marketRuleIds="26,26,26,26,26,26",
        secIdList=SECURITY_IDS,
        stockType="COMMON",
        **sizes,
    )
    assert seen.all("contractDetails") == [[10, details]]
    assert seen.all("contractDetailsEnd") == [[10]]


def test_what_is_not_listed_is_error_200(seen: Seen) -> None:
    unknown = [11, 200, "No security definition has been found for the request"]
    assert unknown in seen.all("error")


def test_a_symbol_search_finds_the_name_and_its_derivatives(seen: Seen) -> None:
    [[request, [sample]]] = seen.all("symbolSamples")
    described = {"description": "APPLE INC"} if seen.version >= 176 else {}
    found = seen.made(
        "Contract",
        conId=AAPL,
        symbol="AAPL",
        secType="STK",
        currency="USD",
        primaryExchange="NASDAQ",
        **described,
    )
    assert request == 12
    assert sample == {"contract": found, "derivativeSecTypes": ["BAG", "CFD", "OPT", "WAR"]}


def test_ticks_are_the_quote(seen: Seen) -> None:
    assert seen.all("tickReqParams")[0] == [20, 0.01, "9c0001", 3]
    assert seen.all("marketDataType")[0] == [20, 1]
    prices = {call[1]: call[2] for call in seen.all("tickPrice")}
    sizes = {call[1]: call[2] for call in seen.all("tickSize")}
    assert [prices[kind] for kind in (1, 2, 4)] == [float(BID), float(ASK), float(LAST)]
    assert {6, 7, 9, 14} <= prices.keys()
    assert (sizes[0], sizes[3]) == (f"Decimal({BID_SIZE})", f"Decimal({ASK_SIZE})")
    assert {call[0] for call in seen.all("tickPrice")} == {20}
    for _, kind, _, attributes in seen.all("tickPrice"):
        # what stands at bid and ask can be had at once
        expected = {"canAutoExecute": kind in {1, 2}, "pastLimit": False, "preOpen": False}
        assert attributes == expected


def test_bars_are_whole_and_in_order(seen: Seen) -> None:
    bars = [call[1] for call in seen.all("historicalData")]
    assert {call[0] for call in seen.all("historicalData")} == {30}
    assert len(bars) in {23, 24}
    assert [bar["date"] for bar in bars] == sorted(bar["date"] for bar in bars)
    assert bars[0]["date"].startswith("20261117")
    assert bars[0]["date"] == seen.time(bars[0]["date"].replace("  ", " ")[:17] + " US/Eastern")
    for bar in bars:
        assert bar["low"] <= min(bar["open"], bar["close"])
        assert bar["high"] >= max(bar["open"], bar["close"])
        assert bar["low"] <= float(bar["wap"][8:-1]) <= bar["high"]
        assert bar["volume"] == f"Decimal({100 * bar['barCount']})"
    written = bars[0]["date"].replace("  ", " ")[:17]
    first = datetime.strptime(written, "%Y%m%d %H:%M:%S").replace(tzinfo=EASTERN)
    truth = hourly_bars(seen.venue, first.astimezone(UTC), len(bars))
    # the last bar was still being made
    for bar, true in list(zip(bars, truth, strict=True))[:-1]:
        assert [bar[name] for name in ("open", "high", "low", "close", "barCount")] == [
            float(true.open),
            float(true.high),
            float(true.low),
            float(true.close),
            true.count,
        ]
        assert Decimal(bar["wap"][8:-1]) == true.average
    [[request, start, end]] = seen.all("historicalDataEnd")
    assert (request, start[:8], end[:8]) == (30, "20261117", "20261118")


def test_reference_data(seen: Seen) -> None:
    assert seen.all("headTimestamp")[0][0] == 31
    assert seen.all("marketRule") == [[26, [{"lowEdge": 0.0, "increment": 0.01}]]]
    chains = seen.all("securityDefinitionOptionParameter")
    assert {chain[1] for chain in chains} == {"SMART", "CBOE", "ISE"}
    for request, _, underlying, trading_class, multiplier, dates, strikes in chains:
        assert (request, underlying, trading_class, multiplier) == (32, AAPL, "AAPL", "100")
        # weeks, months and the third Fridays of quarters
        assert {"20261120", "20261218", "20270319"} <= set(dates)
        assert all(date >= "20261118" for date in dates)
        assert {170.0, 190.0, 210.0} <= set(strikes)


def open_order(seen: Seen, **fields: Any) -> dict[str, Any]:
    """Return an order as TWS echoes it, with what the client set."""
    echoed = {
        "clientId": CLIENT,
        "action": "BUY",
        "auxPrice": 0.0,
        "tif": "DAY",
        "volatilityType": 0,
        "deltaNeutralOrderType": "None",
        "deltaNeutralOpenClose": "?",
        "referencePriceType": 0,
        "account": ACCOUNT,
        "clearingIntent": "IB",
        "adjustedOrderType": "None",
        "usePriceMgmtAlgo": False,
    }
    return seen.made("Order", **{**echoed, **fields})


def test_an_open_order_is_the_order_that_was_placed(seen: Seen) -> None:
    first, resting = seen.venue.order(1376327501), seen.venue.order(1376327502)
    market = open_order(
        seen,
        orderId=seen.first_id,
        permId=first.perm_id,
        totalQuantity="Decimal(100)",
        orderType="MKT",
        lmtPrice=0.0,
        orderRef="at the market",
    )
    limit = open_order(
        seen,
        orderId=seen.first_id + 1,
        permId=resting.perm_id,
        totalQuantity="Decimal(10)",
        orderType="LMT",
        lmtPrice=51.5,
        orderRef="resting",
    )
    shown = seen.all("openOrder")
    contract = seen.contract(exchange="SMART", right="?")
    assert all(call[1] == contract for call in shown)
    assert next(call[2] for call in shown if call[0] == seen.first_id) == market
    assert shown[-1][2] == limit


def test_the_state_of_an_open_order_has_no_margins(seen: Seen) -> None:
    unset = {
        f"{name}{when}": UNSET_TEXT
        for name in ("initMargin", "maintMargin", "equityWithLoan")
        for when in ("Before", "Change", "After")
    }
    states = {call[3]["status"] for call in seen.all("openOrder")}
    assert states == {"PreSubmitted", "Submitted", "Filled"}
    for call in seen.all("openOrder"):
        expected = seen.made("OrderState", status=call[3]["status"], **unset)
        assert call[3] == expected


def test_statuses_tell_the_whole_story_in_order(seen: Seen) -> None:
    first = [call for call in seen.all("orderStatus") if call[0] == seen.first_id]
    assert first[0][1] == "PreSubmitted"
    assert first[-1][1:] == [
        "Filled",
        "Decimal(100)",
        "Decimal(0)",
        float(ASK),
        1376327501,
        0,
        float(ASK),
        CLIENT,
        "",
        0.0,
    ]
    filled = [Decimal(call[2][8:-1]) for call in first]
    assert filled == sorted(filled)
    resting = [call[1] for call in seen.all("orderStatus") if call[0] == seen.first_id + 1]
    assert resting[0] == "PreSubmitted"
    assert resting[-1] == "Cancelled"
    assert set(resting) == {"PreSubmitted", "Submitted", "Cancelled"}


def test_executions_are_the_venues_live_and_asked_for(seen: Seen) -> None:
    truth = [execution for execution, _ in seen.venue.executions()]
    assert len(truth) > 1
    expected = []
    done = Decimal(0)
    for execution in truth:
        done += execution.quantity
        moment = f"{execution.time.astimezone(EASTERN):%Y%m%d %H:%M:%S} US/Eastern"
        expected.append(
            seen.made(
                "Execution",
                execId=execution.exec_id,
                time=seen.time(moment),
                acctNumber=ACCOUNT,
                exchange="ISLAND",
                side="BOT",
                shares=f"Decimal({execution.quantity})",
                price=float(ASK),
                permId=1376327501,
                clientId=CLIENT,
                orderId=seen.first_id,
                cumQty=f"Decimal({done})",
                avgPrice=float(ASK),
                orderRef="at the market",
                lastLiquidity=2,
            )
        )
    calls = seen.all("execDetails")
    assert [call[2] for call in calls if call[0] == -1] == expected
    assert [call[2] for call in calls if call[0] == 40] == expected
    assert all(call[1] == seen.contract(exchange="ISLAND") for call in calls)


def test_commissions_are_the_venues(seen: Seen) -> None:
    expected = [
        {
            "execId": commission.exec_id,
            "commissionAndFees": float(commission.amount),
            "currency": "USD",
            "realizedPNL": UNSET,
            "yield_": UNSET,
            "yieldRedemptionDate": 0,
        }
        for _, commission in seen.venue.executions()
    ]
    reports = [report for [report] in seen.all("commissionAndFeesReport")]
    assert reports == expected * 2  # live, and again with the executions that were asked for


def test_refusals_have_tws_codes(seen: Seen) -> None:
    errors = {(call[0], call[1]) for call in seen.all("error")}
    assert {(seen.first_id + 1, 202), (9999, 10147), (seen.first_id, 104)} <= errors


def test_positions_and_portfolio_are_the_ledgers(seen: Seen) -> None:
    holding = seen.venue.ledgers[ACCOUNT].holdings[AAPL]
    cost = float(round(holding.average_cost, 8))
    assert seen.all("position") == [
        [ACCOUNT, seen.contract(exchange="NASDAQ"), "Decimal(100)", cost]
    ]
    middle = float((BID + ASK) / 2)
    value = round(middle * 100, 2)
    gain = round(value - 100 * cost, 2)
    assert seen.all("updatePortfolio") == [
        [
            seen.contract(primaryExchange="NASDAQ", right="0"),  # 0 in the account window only
            "Decimal(100)",
            middle,
            value,
            cost,
            gain,
            0.0,
            ACCOUNT,
        ]
    ]
    # the first has nothing computed yet
    assert seen.all("pnl")[0] == [60, UNSET, UNSET, UNSET]
    assert seen.all("pnl")[1] == [60, gain, gain, 0.0]
    assert seen.all("pnlSingle")[0] == [61, "Decimal(100)", UNSET, UNSET, UNSET, UNSET]
    assert seen.all("pnlSingle")[1] == [61, "Decimal(100)", gain, gain, 0.0, value]


def test_account_figures_are_the_ledgers(seen: Seen) -> None:
    cash = seen.venue.ledgers[ACCOUNT].cash["USD"]
    worth = cash + 100 * (BID + ASK) / 2
    values = {(key, currency): value for key, value, currency, _ in seen.all("updateAccountValue")}
    assert values["TotalCashValue", "USD"] == f"{cash:.2f}"
    assert values["NetLiquidation", "USD"] == f"{worth:.2f}"
    assert values["InitMarginReq", "USD"] == f"{100 * (BID + ASK) / 4:.2f}"
    assert values["ExchangeRate", "BASE"] == "1.00"
    assert {call[3] for call in seen.all("updateAccountValue")} == {ACCOUNT}
    summary = {tag: (value, ccy) for _, _, tag, value, ccy in seen.all("accountSummary")}
    assert summary["NetLiquidation"] == (f"{worth:.2f}", "USD")
    assert summary["AccountType"] == ("INDIVIDUAL", "")
    assert {"BuyingPower", "MaintMarginReq", "Cushion"} <= summary.keys()
    assert seen.all("accountSummaryEnd") == [[50]]
    assert seen.all("accountDownloadEnd") == [[ACCOUNT]]


def test_completed_orders_are_as_lossy_as_tws_has_them(seen: Seen) -> None:
    filled, cancelled = seen.all("completedOrder")
    kept = {"clientId": 0, "orderId": 0, "deltaNeutralOpenClose": "", "adjustedOrderType": ""}
    defaults = seen.defaults["Order"]
    lost = {name: defaults[name] for name in ("usePriceMgmtAlgo", *kept)}
    expected = open_order(
        seen,
        **{
            **lost,
            "permId": 1376327501,
            "totalQuantity": "Decimal(0)",
            "filledQuantity": "Decimal(100)",
            "orderType": "MKT",
            "lmtPrice": 0.0,
            "orderRef": "at the market",
            "routeMarketableToBbo": False,
        },
    )
    assert filled[0] == cancelled[0] == seen.contract(exchange="SMART", right="?")
    assert filled[1] == expected
    assert filled[2]["status"] == "Filled"
    assert filled[2]["completedStatus"] == "Filled Size: 100"
    assert cancelled[1]["filledQuantity"] == "Decimal(0)"
    assert cancelled[2]["status"] == "Cancelled"
