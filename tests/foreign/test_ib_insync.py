"""ib_insync 0.9.86 trades on the simulator; every field that it decodes is compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector.simulator.exchange.venue import Venue
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

ACCOUNT = "DU1234567"
CLIENT = 6
NEWEST_OF_THE_CLIENT = 176

pytestmark = FOREIGN


class Found:
    """What the program printed, and the venue that it talked to."""

    def __init__(self, printed: dict[str, Any], venue: Venue, version: int) -> None:
        self.printed = printed
        self.venue = venue
        self.version = version

    def made(self, record: str, **fields: Any) -> dict[str, Any]:
        """Return a record of the client with these fields and its own defaults."""
        defaults = self.printed["defaults"][record]
        unknown = fields.keys() - defaults.keys()
        assert not unknown, f"{record} has no {unknown}"
        return {**defaults, **fields}

    def contract(self, **fields: Any) -> dict[str, Any]:
        """Return AAPL as a contract."""
        return self.made(
            "Contract",
            secType="STK",
            conId=AAPL,
            symbol="AAPL",
            currency="USD",
            localSymbol="AAPL",
            tradingClass="NMS",
            **fields,
        )


@pytest.fixture(scope="module", params=[178, 157], ids=lambda version: f"v{version}")
def found(request: pytest.FixtureRequest) -> Iterator[Found]:
    with still_market(request.param) as hosted:
        printed = drive("ib_insync", hosted, CLIENT)
        hosted.do(lambda simulator: simulator.check())
        yield Found(printed, hosted.do(lambda simulator: simulator.venue), request.param)


def test_the_newest_version_that_both_speak_is_spoken(found: Found) -> None:
    assert found.printed["serverVersion"] == min(found.version, NEWEST_OF_THE_CLIENT)
    assert found.printed["accounts"] == [ACCOUNT]


def test_nothing_went_wrong_but_the_cancellation(found: Found) -> None:
    codes = [code for _, code, _ in found.printed["errors"]]
    assert codes == [2104, 2106, 2158, 202]


def test_contracts_are_qualified(found: Found) -> None:
    smart = found.contract(exchange="SMART", primaryExchange="NASDAQ")
    assert found.printed["qualified"] == smart
    names = ("minSize", "sizeIncrement", "suggestedSizeIncrement")
    assert found.printed["details"] == [
        found.made(
            "ContractDetails",
            contract=smart,
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
            **(dict.fromkeys(names, 1.0) if found.version >= 164 else {}),
        )
    ]
    assert found.printed["pair"] == found.made(
        "Contract",
        secType="CASH",
        conId=12087792,
        symbol="EUR",
        exchange="IDEALPRO",
        currency="USD",
        localSymbol="EUR.USD",
        tradingClass="EUR.USD",
    )
    described = {"description": "APPLE INC"} if found.version >= 176 else {}
    symbol = found.made(
        "Contract",
        secType="STK",
        conId=AAPL,
        symbol="AAPL",
        currency="USD",
        primaryExchange="NASDAQ",
        **described,
    )
    assert found.printed["symbols"] == [
        {"contract": symbol, "derivativeSecTypes": ["BAG", "CFD", "OPT", "WAR"]}
    ]


def test_the_quote_is_the_market(found: Found) -> None:
    quote = found.printed["quote"]
    assert [quote[name] for name in ("bid", "ask", "last")] == [
        float(BID),
        float(ASK),
        float(LAST),
    ]
    assert (quote["bidSize"], quote["askSize"]) == (float(BID_SIZE), float(ASK_SIZE))
    assert quote["low"] <= min(quote["open"], quote["close"])
    assert quote["high"] >= max(quote["open"], quote["close"])
    assert quote["volume"] > 0


def test_bars_are_whole_and_in_order(found: Found) -> None:
    bars = found.printed["bars"]
    assert len(bars) in {23, 24}
    moments = [bar["date"] for bar in bars]
    assert moments == sorted(moments)
    for bar in bars:
        assert bar["low"] <= min(bar["open"], bar["close"])
        assert bar["high"] >= max(bar["open"], bar["close"])
        assert bar["volume"] == 100.0 * bar["barCount"]
    first = datetime.fromisoformat(bars[0]["date"])
    if first.tzinfo is None:  # older gateways leave the zone out
        first = first.replace(tzinfo=ZoneInfo("US/Eastern"))
    truth = hourly_bars(found.venue, first.astimezone(UTC), len(bars))
    # the last bar was still being made
    for bar, true in list(zip(bars, truth, strict=True))[:-1]:
        assert [bar[name] for name in ("open", "high", "low", "close", "average")] == [
            float(price)
            for price in (true.open, true.high, true.low, true.close, true.average)
            if price is not None
        ]


def test_a_market_order_fills_in_parts_with_commissions(found: Found) -> None:
    status, fills = found.printed["market"]["status"], found.printed["market"]["fills"]
    order_id = status["orderId"]
    assert status == found.made(
        "OrderStatus",
        orderId=order_id,
        status="Filled",
        filled=100.0,
        avgFillPrice=float(ASK),
        permId=1376327501,
        lastFillPrice=float(ASK),
        clientId=CLIENT,
    )
    truth = found.venue.executions()
    assert len(fills) == len(truth) > 1
    done = Decimal(0)
    for fill, (execution, commission) in zip(fills, truth, strict=True):
        done += execution.quantity
        moment = fill["execution"].pop("time")
        if found.version >= 174:  # older gateways leave the zone to the client's own
            assert datetime.fromisoformat(moment) == execution.time.replace(microsecond=0)
        expected = found.made(
            "Execution",
            execId=execution.exec_id,
            acctNumber=ACCOUNT,
            exchange="ISLAND",
            side="BOT",
            shares=float(execution.quantity),
            price=float(ASK),
            permId=1376327501,
            clientId=CLIENT,
            orderId=order_id,
            cumQty=float(done),
            avgPrice=float(ASK),
            orderRef="at the market",
            lastLiquidity=2,
        )
        expected.pop("time")
        assert fill["execution"] == expected
        assert fill["commissionReport"] == found.made(
            "CommissionReport",
            execId=execution.exec_id,
            commission=float(commission.amount),
            currency="USD",
        )
    asked = [fill["execution"]["execId"] for fill in found.printed["executions"]]
    assert asked == [execution.exec_id for execution, _ in truth]


def test_a_resting_order_was_changed_shown_and_cancelled(found: Found) -> None:
    [resting] = found.printed["open"]
    assert resting == found.made(
        "Order",
        orderId=resting["orderId"],
        clientId=CLIENT,
        permId=1376327502,
        action="BUY",
        totalQuantity=10.0,
        orderType="LMT",
        lmtPrice=51.5,
        auxPrice=0.0,
        orderRef="resting",
    )
    assert found.printed["cancelled"] == found.made(
        "OrderStatus",
        orderId=resting["orderId"],
        status="Cancelled",
        remaining=10.0,
        permId=1376327502,
        clientId=CLIENT,
    )
    echoed = {
        "action": "BUY",
        "lmtPrice": 0.0,
        "auxPrice": 0.0,
        "tif": "DAY",
        "volatilityType": 0,
        "deltaNeutralOrderType": "None",
        "referencePriceType": 0,
        "account": ACCOUNT,
        "clearingIntent": "IB",
        "cashQty": 0.0,
    }
    market = {"permId": 1376327501, "orderType": "MKT", "orderRef": "at the market"}
    limit = {"permId": 1376327502, "orderType": "LMT", "orderRef": "resting", "lmtPrice": 51.5}
    assert found.printed["completed"] == [
        [
            found.made("Order", **{**echoed, **market, "filledQuantity": 100.0}),
            found.made("OrderStatus", status="Filled"),
        ],
        [
            found.made(
                "Order", **{**echoed, **limit, "totalQuantity": 10.0, "filledQuantity": 0.0}
            ),
            found.made("OrderStatus", status="Cancelled"),
        ],
    ]


def test_the_account_is_the_ledgers(found: Found) -> None:
    ledger = found.venue.ledgers[ACCOUNT]
    cost = float(round(ledger.holdings[AAPL].average_cost, 8))
    value = float(100 * (BID + ASK) / 2)
    gain = round(value - 100 * cost, 2)
    assert found.printed["positions"] == [
        {
            "account": ACCOUNT,
            "contract": found.contract(exchange="NASDAQ"),
            "position": 100.0,
            "avgCost": cost,
        }
    ]
    assert found.printed["portfolio"] == [
        {
            "contract": found.contract(primaryExchange="NASDAQ", right="0"),
            "position": 100.0,
            "marketPrice": value / 100,
            "marketValue": value,
            "averageCost": cost,
            "unrealizedPNL": gain,
            "realizedPNL": 0.0,
            "account": ACCOUNT,
        }
    ]
    assert found.printed["pnl"] == {
        "account": ACCOUNT,
        "modelCode": "",
        "dailyPnL": gain,
        "unrealizedPnL": gain,
        "realizedPnL": 0.0,
    }
    worth = f"{ledger.cash['USD'] + Decimal(str(value)):.2f}"
    for table in ("values", "summary"):
        rows = {(row["tag"], row["currency"]): row["value"] for row in found.printed[table]}
        assert rows["NetLiquidation", "USD"] == worth
        assert rows["TotalCashValue", "USD"] == f"{ledger.cash['USD']:.2f}"
