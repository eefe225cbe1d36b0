"""What ib_async's client really writes is read as what was asked, at every server version."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ib_async
import pytest

from ibkr_connector.simulator.wire import requests as asked
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.requests import decode_request, encode_request
from kit.ib_async_wire import VERSIONS, written

AAPL = ib_async.Stock("AAPL", "SMART", "USD", conId=265598, primaryExchange="NASDAQ")
WIRE_AAPL = WireContract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
)
COMBO = ib_async.Bag(  # type: ignore[no-untyped-call]  # ib_async is half-typed
    symbol="AAPL",
    exchange="SMART",
    currency="USD",
    comboLegs=[
        ib_async.ComboLeg(conId=1, ratio=1, action="BUY", exchange="SMART"),
        ib_async.ComboLeg(conId=2, ratio=2, action="SELL", exchange="CBOE", openClose=1),
    ],
)
HEDGED = ib_async.Stock("AAPL", "SMART", "USD", conId=265598, primaryExchange="NASDAQ")
HEDGED.deltaNeutralContract = ib_async.DeltaNeutralContract(conId=7, delta=0.5, price=101.25)
WIRE_COMBO = WireContract(symbol="AAPL", sec_type="BAG", exchange="SMART", currency="USD")
LEGS = (
    asked.ComboLeg(con_id=1, ratio=1, action="BUY", exchange="SMART"),
    asked.ComboLeg(con_id=2, ratio=2, action="SELL", exchange="CBOE"),
)

CALLS: dict[str, tuple[Callable[[Any], None], asked.Request]] = {
    "start": (lambda c: c.startApi(), asked.StartApi(client_id=-1)),
    "market data": (
        lambda c: c.reqMktData(5, AAPL, "233,236", True, False, []),
        asked.ReqMarketData(
            request_id=5, contract=WIRE_AAPL, generic_ticks="233,236", snapshot=True
        ),
    ),
    "market data of a combo": (
        lambda c: c.reqMktData(5, COMBO, "", False, True, []),
        asked.ReqMarketData(request_id=5, contract=WIRE_COMBO, legs=LEGS, regulatory_snapshot=True),
    ),
    "market data with a hedge": (
        lambda c: c.reqMktData(5, HEDGED, "", False, False, []),
        asked.ReqMarketData(
            request_id=5,
            contract=WIRE_AAPL,
            delta_neutral=asked.DeltaNeutral(
                con_id=7, delta=Decimal("0.5"), price=Decimal("101.25")
            ),
        ),
    ),
    "no market data": (lambda c: c.cancelMktData(5), asked.CancelMarketData(request_id=5)),
    "open orders": (lambda c: c.reqOpenOrders(), asked.ReqOpenOrders()),
    "all open orders": (lambda c: c.reqAllOpenOrders(), asked.ReqAllOpenOrders()),
    "auto open orders": (
        lambda c: c.reqAutoOpenOrders(True),
        asked.ReqAutoOpenOrders(auto_bind=True),
    ),
    "completed orders": (
        lambda c: c.reqCompletedOrders(True),
        asked.ReqCompletedOrders(api_only=True),
    ),
    "global cancel": (lambda c: c.reqGlobalCancel(), asked.GlobalCancel()),
    "executions": (
        lambda c: c.reqExecutions(
            6,
            ib_async.ExecutionFilter(3, "DU1", "20240102 10:00:00", "AAPL", "STK", "SMART", "BUY"),
        ),
        asked.ReqExecutions(
            request_id=6,
            client_id=3,
            account="DU1",
            time="20240102 10:00:00",
            symbol="AAPL",
            sec_type="STK",
            exchange="SMART",
            side="BUY",
        ),
    ),
    "ids": (lambda c: c.reqIds(1), asked.ReqIds(count=1)),
    "account updates": (
        lambda c: c.reqAccountUpdates(True, "DU1"),
        asked.ReqAccountUpdates(subscribe=True, account="DU1"),
    ),
    "account updates multi": (
        lambda c: c.reqAccountUpdatesMulti(8, "DU1", "M", False),
        asked.ReqAccountUpdatesMulti(request_id=8, account="DU1", model="M", ledger_and_nlv=False),
    ),
    "no account updates multi": (
        lambda c: c.cancelAccountUpdatesMulti(8),
        asked.CancelAccountUpdatesMulti(request_id=8),
    ),
    "account summary": (
        lambda c: c.reqAccountSummary(9, "All", "NetLiquidation,Leverage"),
        asked.ReqAccountSummary(request_id=9, group="All", tags="NetLiquidation,Leverage"),
    ),
    "no account summary": (
        lambda c: c.cancelAccountSummary(9),
        asked.CancelAccountSummary(request_id=9),
    ),
    "positions": (lambda c: c.reqPositions(), asked.ReqPositions()),
    "no positions": (lambda c: c.cancelPositions(), asked.CancelPositions()),
    "positions multi": (
        lambda c: c.reqPositionsMulti(8, "DU1", "M"),
        asked.ReqPositionsMulti(request_id=8, account="DU1", model="M"),
    ),
    "no positions multi": (
        lambda c: c.cancelPositionsMulti(8),
        asked.CancelPositionsMulti(request_id=8),
    ),
    "pnl": (
        lambda c: c.reqPnL(3, "DU1", "M"),
        asked.ReqPnl(request_id=3, account="DU1", model="M"),
    ),
    "no pnl": (lambda c: c.cancelPnL(3), asked.CancelPnl(request_id=3)),
    "pnl single": (
        lambda c: c.reqPnLSingle(3, "DU1", "M", 265598),
        asked.ReqPnlSingle(request_id=3, account="DU1", model="M", con_id=265598),
    ),
    "no pnl single": (lambda c: c.cancelPnLSingle(3), asked.CancelPnlSingle(request_id=3)),
    "contract details": (
        lambda c: c.reqContractDetails(4, AAPL),
        asked.ReqContractDetails(request_id=4, contract=WIRE_AAPL),
    ),
    "matching symbols": (
        lambda c: c.reqMatchingSymbols(4, "Müller"),
        asked.ReqMatchingSymbols(request_id=4, pattern="Müller"),
    ),
    "option parameters": (
        lambda c: c.reqSecDefOptParams(4, "AAPL", "", "STK", 265598),
        asked.ReqSecDefOptParams(
            request_id=4, symbol="AAPL", exchange="", sec_type="STK", con_id=265598
        ),
    ),
    "market rule": (lambda c: c.reqMarketRule(26), asked.ReqMarketRule(rule_id=26)),
    "history": (
        lambda c: c.reqHistoricalData(
            4, AAPL, "20240105 16:00:00 UTC", "2 D", "5 mins", "TRADES", False, 2, True, []
        ),
        asked.ReqHistoricalData(
            request_id=4,
            contract=WIRE_AAPL,
            end="20240105 16:00:00 UTC",
            duration="2 D",
            bar_size="5 mins",
            what_to_show="TRADES",
            regular_hours=False,
            format_date=2,
            keep_up_to_date=True,
        ),
    ),
    "history of a combo": (
        lambda c: c.reqHistoricalData(
            4, COMBO, "", "1 D", "1 hour", "MIDPOINT", True, 1, False, []
        ),
        asked.ReqHistoricalData(
            request_id=4,
            contract=WIRE_COMBO,
            duration="1 D",
            bar_size="1 hour",
            what_to_show="MIDPOINT",
            legs=LEGS,
        ),
    ),
    "no history": (lambda c: c.cancelHistoricalData(4), asked.CancelHistoricalData(request_id=4)),
    "head timestamp": (
        lambda c: c.reqHeadTimeStamp(4, AAPL, "BID", False, 2),
        asked.ReqHeadTimestamp(
            request_id=4,
            contract=WIRE_AAPL,
            what_to_show="BID",
            regular_hours=False,
            format_date=2,
        ),
    ),
    "no head timestamp": (
        lambda c: c.cancelHeadTimeStamp(4),
        asked.CancelHeadTimestamp(request_id=4),
    ),
    "real-time bars": (
        lambda c: c.reqRealTimeBars(4, AAPL, 5, "TRADES", True, []),
        asked.ReqRealTimeBars(
            request_id=4, contract=WIRE_AAPL, bar_size=5, what_to_show="TRADES", regular_hours=True
        ),
    ),
    "no real-time bars": (
        lambda c: c.cancelRealTimeBars(4),
        asked.CancelRealTimeBars(request_id=4),
    ),
    "tick by tick": (
        lambda c: c.reqTickByTickData(4, AAPL, "BidAsk", 10, True),
        asked.ReqTickByTick(
            request_id=4,
            contract=WIRE_AAPL,
            tick_type="BidAsk",
            number_of_ticks=10,
            ignore_size=True,
        ),
    ),
    "no tick by tick": (
        lambda c: c.cancelTickByTickData(4),
        asked.CancelTickByTick(request_id=4),
    ),
    "current time": (lambda c: c.reqCurrentTime(), asked.ReqCurrentTime()),
    "market data type": (lambda c: c.reqMarketDataType(3), asked.ReqMarketDataType(data_type=3)),
    "managed accounts": (lambda c: c.reqManagedAccts(), asked.ReqManagedAccounts()),
    "log level": (lambda c: c.setServerLogLevel(5), asked.SetServerLogLevel(level=5)),
    "family codes": (lambda c: c.reqFamilyCodes(), asked.ReqFamilyCodes()),
    "news providers": (lambda c: c.reqNewsProviders(), asked.ReqNewsProviders()),
    "news bulletins": (
        lambda c: c.reqNewsBulletins(True),
        asked.ReqNewsBulletins(all_messages=True),
    ),
    "user info": (lambda c: c.reqUserInfo(4), asked.ReqUserInfo(request_id=4)),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_ib_async_is_read_as_what_was_asked(name: str, version: int) -> None:
    ask, expected = CALLS[name]
    assert decode_request(written(version, ask), version) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_the_time_of_a_cancel_is_there_from_169_on(version: int) -> None:
    fields = written(version, lambda c: c.cancelOrder(12, "20240105 16:00:00"))
    time = "20240105 16:00:00" if version >= 169 else ""
    assert decode_request(fields, version) == asked.CancelOrder(order_id=12, manual_time=time)


# --- orders -------------------------------------------------------------------------------------


def _full_order(**said: Any) -> ib_async.Order:
    """Set every plain field of an order to something else than its neighbours'."""
    order = ib_async.Order(action="BUY", totalQuantity=100, orderType="LMT", lmtPrice=12.5)
    for number, item in enumerate(dataclasses.fields(order), start=1):
        if item.name in _NOT_PLAIN:
            continue
        if isinstance(item.default, bool):
            setattr(order, item.name, bool(number % 2))
        elif isinstance(item.default, int):
            setattr(order, item.name, number)
        elif isinstance(item.default, float):
            setattr(order, item.name, number + 0.25)
        elif isinstance(item.default, str):
            setattr(order, item.name, f"text {number}")
    for name, value in said.items():
        setattr(order, name, value)
    return order


_NOT_PLAIN = frozenset({"action", "totalQuantity", "orderType", "lmtPrice", "orderId"})

ORDERS: dict[str, tuple[ib_async.Contract, ib_async.Order]] = {
    "plain": (AAPL, ib_async.LimitOrder("BUY", 100, 190.5)),
    "everything": (HEDGED, _full_order(algoParams=[ib_async.TagValue("a", "1")])),
    "combo": (
        COMBO,
        _full_order(
            orderComboLegs=[ib_async.OrderComboLeg(1.5), ib_async.OrderComboLeg()],
            smartComboRoutingParams=[ib_async.TagValue("NonGuaranteed", "1")],
        ),
    ),
    "not scaled, not hedged, no algo": (
        AAPL,
        _full_order(
            scalePriceIncrement=0.0, hedgeType="", algoStrategy="", deltaNeutralOrderType=""
        ),
    ),
    "bench": (AAPL, _full_order(orderType="PEG BENCH")),
    "volatility": (AAPL, _full_order(orderType="VOL")),
    "ats": (ib_async.Stock("AAPL", "IBKRATS", "USD"), _full_order(orderType="PEG MID")),
    "best": (AAPL, _full_order(orderType="PEG BEST")),
    "best, up to mid": (AAPL, _full_order(orderType="PEGBEST", competeAgainstBestOffset=math.inf)),
    "conditions": (
        AAPL,
        _full_order(
            conditions=[
                ib_async.PriceCondition(price=1.5, conId=1, exch="SMART"),
                ib_async.TimeCondition(time="20240101 10:00:00"),
                ib_async.MarginCondition(percent=20),
                ib_async.ExecutionCondition(secType="STK", exch="SMART", symbol="AAPL"),
                ib_async.VolumeCondition(volume=100, conId=1, exch="SMART"),
                ib_async.PercentChangeCondition(changePercent=2.5, conId=1, exch="SMART"),
            ]
        ),
    ),
}

_OTHER_NAMES = {"softDollarTierName": "name", "softDollarTierValue": "val"}


def _as_sent(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None or value in (2**31 - 1, 1.7976931348623157e308):
        return ""
    if isinstance(value, list):
        return "".join(f"{pair.tag}={pair.value};" for pair in value)
    return "Infinite" if value == math.inf else str(value)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_each_field_of_an_order_of_ib_async_arrives_under_its_name(name: str, version: int) -> None:
    contract, order = ORDERS[name]
    request = decode_request(written(version, lambda c: c.placeOrder(9, contract, order)), version)
    assert isinstance(request, asked.PlaceOrder)
    assert request.order_id == 9
    for field, text in request.texts.items():
        source = contract if field in {"secIdType", "secId"} else order
        if field in _OTHER_NAMES:
            assert text == getattr(order.softDollarTier, _OTHER_NAMES[field]), field
        elif field == "faProfile":
            assert version < 177
            assert text == getattr(order, field, "")
        else:
            assert text == _as_sent(getattr(source, field)), field


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_again_as_it_was_read(name: str, version: int) -> None:
    contract, order = ORDERS[name]
    fields = written(version, lambda c: c.placeOrder(9, contract, order))
    request = decode_request(fields, version)
    again = encode_request(request, version)
    assert decode_request(again, version) == request
    assert again[14:] == fields[14:]  # behind the contract, whose strike 0.0 is written 0


def test_what_repeats_in_an_order_keeps_its_order() -> None:
    contract, order = ORDERS["combo"]
    request = decode_request(written(178, lambda c: c.placeOrder(9, contract, order)), 178)
    assert isinstance(request, asked.PlaceOrder)
    assert request.groups["comboLegs"] == (
        ("1", "1", "BUY", "SMART", "0", "0", "", "-1"),
        ("2", "2", "SELL", "CBOE", "1", "0", "", "-1"),
    )
    assert request.groups["orderComboLegs"] == (("1.5",), ("",))
    assert request.groups["smartComboRoutingParams"] == (("NonGuaranteed", "1"),)


def test_conditions_keep_their_kinds() -> None:
    contract, order = ORDERS["conditions"]
    request = decode_request(written(178, lambda c: c.placeOrder(9, contract, order)), 178)
    assert isinstance(request, asked.PlaceOrder)
    assert request.groups["conditions"] == (
        ("1", "a", "1", "1.5", "1", "SMART", "0"),
        ("3", "a", "1", "20240101 10:00:00"),
        ("4", "a", "1", "20"),
        ("5", "a", "STK", "SMART", "AAPL"),
        ("6", "a", "1", "100", "1", "SMART"),
        ("7", "a", "1", "2.5", "1", "SMART"),
    )


def test_an_order_reads_its_numbers_flags_and_integers() -> None:
    contract, order = ORDERS["plain"]
    request = decode_request(written(178, lambda c: c.placeOrder(9, contract, order)), 178)
    assert isinstance(request, asked.PlaceOrder)
    assert request.order.number("lmtPrice") == Decimal("190.5")
    assert request.order.number("auxPrice") is None
    assert request.order.flag("transmit") is True
    assert request.order.flag("hidden") is False
    assert request.order.integer("parentId") == 0
    assert request.order.integer("minQty") == 0
    assert request.order.integer("exemptCode") == -1
    assert request.order.text("no such field") == ""
