# mypy: ignore-errors
# ruff: noqa
"""
The official client's codec, unmodified: decodes frames that it is given, and writes its requests.

Run by the interpreter of `.venv-foreign/ibapi`; knows nothing of this project. Reads one JSON object
from its standard input, and prints one.
"""

import enum
import functools
import inspect
import json
import sys
from decimal import Decimal

from ibapi import comm, order_condition
from ibapi.client import EClient
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.common import WshEventData
from ibapi.decoder import Decoder
from ibapi.execution import ExecutionFilter
from ibapi.order import Order, OrderComboLeg
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue
from ibapi.wrapper import EWrapper

UNSETS = {str(2**31 - 1), str(2**63 - 1), str(2**127 - 1), str(sys.float_info.max)}


def plain(value):
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, (int, float, Decimal)):
        return "" if str(value) in UNSETS else str(value)
    if isinstance(value, str):
        return value
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {name: plain(item) for name, item in vars(value).items()}


class Ear(EWrapper):
    def __init__(self):
        EWrapper.__init__(self)
        self.calls = []


def hearing(name, parameters):
    def callback(self, *values):
        self.calls.append([name, dict(zip(parameters, plain(values)))])

    return callback


for name, method in inspect.getmembers(EWrapper, inspect.isfunction):
    if not name.startswith("_") and not name.startswith("log"):
        setattr(Ear, name, hearing(name, list(inspect.signature(method).parameters)[1:]))


@functools.cache
def listening(version):
    """As in a connection one decoder hears everything: to make one looks at every callback."""
    return Decoder(Ear(), version)


def hear(version, payload):
    decoder = listening(version)
    decoder.wrapper.calls = calls = []
    message, _, rest = payload.partition(b"\0")
    fields = comm.read_fields(rest)
    info = decoder.msgId2handleInfo[int(message)]
    left = 0
    if info.wrapperMeth is not None:
        decoder.interpretWithSignature(fields, info)
    else:
        source = iter(fields)
        info.processMeth(decoder, source)
        left = len(list(source))
    return [calls, left]


class Wire:
    def __init__(self):
        self.sent = []

    def isConnected(self):
        return True

    def sendMsg(self, data):
        self.sent.append(data)


def contract(**said):
    made = Contract()
    made.conId, made.symbol, made.secType = 7, "AAPL", "OPT"
    made.lastTradeDateOrContractMonth, made.strike, made.right = "20240119", 190.5, "C"
    made.multiplier, made.exchange, made.primaryExchange = "100", "SMART", "CBOE"
    made.currency, made.localSymbol, made.tradingClass = "USD", "AAPL 240119C", "AAPL"
    for name, value in said.items():
        setattr(made, name, value)
    return made


def combo():
    legs = []
    for number in (1, 2):
        leg = ComboLeg()
        leg.conId, leg.ratio, leg.action, leg.exchange = number, number, "BUY", "SMART"
        legs.append(leg)
    return contract(secType="BAG", comboLegs=legs)


def hedged():
    hedge = DeltaNeutralContract()
    hedge.conId, hedge.delta, hedge.price = 9, 0.5, 101.25
    return contract(deltaNeutralContract=hedge)


def filled(record, **said):
    """Set every plain field to something else than its neighbours'."""
    for number, (name, value) in enumerate(list(vars(record).items()), start=3):
        if isinstance(value, bool):
            setattr(record, name, True)
        elif isinstance(value, Decimal):
            setattr(record, name, Decimal(number))
        elif isinstance(value, int):
            setattr(record, name, number)
        elif isinstance(value, float):
            setattr(record, name, number + 0.25)
        elif isinstance(value, str):
            setattr(record, name, f"text {number}")
    for name, value in said.items():
        setattr(record, name, value)
    return record


def conditions():
    made = []
    for kind in (1, 3, 4, 5, 6, 7):
        condition = order_condition.Create(kind)
        for name, value in list(vars(condition).items()):
            if name not in {"condType", "type"} and value is None:
                setattr(condition, name, 1)
        made.append(condition)
    return made


def orders(version):
    since = {
        166: "advancedErrorOverride",
        158: "duration",
        160: "postToAts",
        162: "autoCancelParent",
        169: "manualOrderTime",
        183: "customerAccount",
        184: "professionalCustomer",
        189: "includeOvernight",
        192: "manualOrderIndicator",
        199: "imbalanceOnly",
    }
    offsets = {"minTradeQty", "minCompeteSize", "competeAgainstBestOffset"}
    offsets |= {"midOffsetAtWhole", "midOffsetAtHalf"}
    for kind, where in [
        ("LMT", contract()),
        ("PEG BENCH", combo()),
        ("PEG BEST", contract(exchange="IBKRATS")),
        ("PEG MID", hedged()),
    ]:
        order = filled(Order(), orderType=kind, orderId=12)
        order.softDollarTier = SoftDollarTier("tier", "value", "shown")
        order.algoParams = [TagValue("a", "1")]
        order.smartComboRoutingParams = [TagValue("b", "2")]
        order.orderComboLegs = [OrderComboLeg(), OrderComboLeg()]
        order.conditions = conditions() if kind == "LMT" else []
        if kind == "PEG BEST":
            order.competeAgainstBestOffset = float("inf")
        fresh = Order()
        for first, name in since.items():
            if version < first:
                setattr(order, name, getattr(fresh, name))
        if version < 170:
            for name in offsets:
                setattr(order, name, getattr(fresh, name))
        yield kind, where, order


def scan():
    made = ScannerSubscription()
    made.numberOfRows, made.instrument, made.locationCode = 10, "STK", "STK.US.MAJOR"
    made.scanCode, made.abovePrice, made.stockTypeFilter = "TOP_PERC_GAIN", 5.5, "CORP"
    return made


def events():
    made = WshEventData()
    made.conId = 7
    return made


def cancel(version):
    made = OrderCancel()
    if version >= 169:
        made.manualOrderCancelTime = "20240105 16:00:00"
    if version >= 192:
        made.extOperator, made.manualOrderIndicator = "me", 1
    return made


def past(version):
    made = ExecutionFilter()
    made.clientId, made.acctCode, made.symbol = 3, "DU1", "AAPL"
    made.time, made.secType, made.exchange, made.side = "20240102 10:00:00", "STK", "SMART", "BUY"
    if version >= 200:
        made.lastNDays, made.specificDates = 5, ["20240103", "20240104"]
    return made


def calls(version):
    tag = [TagValue("o", "1")]
    made = {
        "StartApi": lambda c: c.startApi(),
        "ReqMarketData": lambda c: c.reqMktData(4, hedged(), "233", True, False, []),
        "ReqMarketData of a combo": lambda c: c.reqMktData(4, combo(), "", False, True, []),
        "CancelMarketData": lambda c: c.cancelMktData(4),
        "ReqMarketDataType": lambda c: c.reqMarketDataType(3),
        "ReqSmartComponents": lambda c: c.reqSmartComponents(4, "9c0001"),
        "ReqMarketRule": lambda c: c.reqMarketRule(26),
        "ReqTickByTick": lambda c: c.reqTickByTickData(4, contract(), "BidAsk", 10, True),
        "CancelTickByTick": lambda c: c.cancelTickByTickData(4),
        "ReqCalcImpliedVolatility": lambda c: c.calculateImpliedVolatility(
            4, contract(), 3.5, 190.25, []
        ),
        "CancelCalcImpliedVolatility": lambda c: c.cancelCalculateImpliedVolatility(4),
        "ReqCalcOptionPrice": lambda c: c.calculateOptionPrice(4, contract(), 0.25, 190.25, []),
        "CancelCalcOptionPrice": lambda c: c.cancelCalculateOptionPrice(4),
        "ExerciseOptions": lambda c: c.exerciseOptions(
            4,
            contract(),
            1,
            3,
            "DU1",
            1,
            "20240105 16:00:00" if version >= 180 else "",
            "customer" if version >= 183 else "",
            version >= 184,
        ),
        "CancelOrder": lambda c: c.cancelOrder(12, cancel(version)),
        "ReqOpenOrders": lambda c: c.reqOpenOrders(),
        "ReqAutoOpenOrders": lambda c: c.reqAutoOpenOrders(True),
        "ReqAllOpenOrders": lambda c: c.reqAllOpenOrders(),
        "GlobalCancel": lambda c: c.reqGlobalCancel(
            cancel(version) if version >= 192 else OrderCancel()
        ),
        "ReqIds": lambda c: c.reqIds(1),
        "ReqAccountUpdates": lambda c: c.reqAccountUpdates(True, "DU1"),
        "ReqAccountSummary": lambda c: c.reqAccountSummary(4, "All", "Cushion"),
        "CancelAccountSummary": lambda c: c.cancelAccountSummary(4),
        "ReqPositions": lambda c: c.reqPositions(),
        "CancelPositions": lambda c: c.cancelPositions(),
        "ReqPositionsMulti": lambda c: c.reqPositionsMulti(4, "DU1", "M"),
        "CancelPositionsMulti": lambda c: c.cancelPositionsMulti(4),
        "ReqAccountUpdatesMulti": lambda c: c.reqAccountUpdatesMulti(4, "DU1", "M", True),
        "CancelAccountUpdatesMulti": lambda c: c.cancelAccountUpdatesMulti(4),
        "ReqPnl": lambda c: c.reqPnL(4, "DU1", "M"),
        "CancelPnl": lambda c: c.cancelPnL(4),
        "ReqPnlSingle": lambda c: c.reqPnLSingle(4, "DU1", "M", 7),
        "CancelPnlSingle": lambda c: c.cancelPnLSingle(4),
        "ReqExecutions": lambda c: c.reqExecutions(4, past(version)),
        "ReqContractDetails": lambda c: c.reqContractDetails(
            4, contract(secIdType="ISIN", secId="US0", includeExpired=True)
        ),
        "ReqDepthExchanges": lambda c: c.reqMktDepthExchanges(),
        "ReqMarketDepth": lambda c: c.reqMktDepth(888, contract(), 5, True, []),
        "CancelMarketDepth": lambda c: c.cancelMktDepth(888, True),
        "ReqNewsBulletins": lambda c: c.reqNewsBulletins(True),
        "CancelNewsBulletins": lambda c: c.cancelNewsBulletins(),
        "ReqManagedAccounts": lambda c: c.reqManagedAccts(),
        "ReqFa": lambda c: c.requestFA(1),
        "ReplaceFa": lambda c: c.replaceFA(4, 1, "<xml/>"),
        "ReqHistoricalData": lambda c: c.reqHistoricalData(
            4, combo(), "20240105 16:00:00 UTC", "2 D", "5 mins", "TRADES", 0, 2, True, tag
        ),
        "CancelHistoricalData": lambda c: c.cancelHistoricalData(4),
        "ReqHeadTimestamp": lambda c: c.reqHeadTimeStamp(4, contract(), "BID", 0, 2),
        "CancelHeadTimestamp": lambda c: c.cancelHeadTimeStamp(4),
        "ReqHistogramData": lambda c: c.reqHistogramData(4, contract(), False, "3 days"),
        "CancelHistogramData": lambda c: c.cancelHistogramData(4),
        "ReqHistoricalTicks": lambda c: c.reqHistoricalTicks(
            4, contract(), "start", "end", 100, "BID_ASK", 1, True, tag
        ),
        "ReqScannerParameters": lambda c: c.reqScannerParameters(),
        "ReqScannerSubscription": lambda c: c.reqScannerSubscription(4, scan(), tag, tag + tag),
        "CancelScannerSubscription": lambda c: c.cancelScannerSubscription(4),
        "ReqRealTimeBars": lambda c: c.reqRealTimeBars(4, contract(), 5, "TRADES", True, tag),
        "CancelRealTimeBars": lambda c: c.cancelRealTimeBars(4),
        "ReqNewsProviders": lambda c: c.reqNewsProviders(),
        "ReqNewsArticle": lambda c: c.reqNewsArticle(4, "BRFG", "BRFG$1", tag),
        "ReqHistoricalNews": lambda c: c.reqHistoricalNews(4, 7, "BRFG", "a", "b", 10, tag),
        "QueryDisplayGroups": lambda c: c.queryDisplayGroups(4),
        "SubscribeToGroupEvents": lambda c: c.subscribeToGroupEvents(4, 2),
        "UpdateDisplayGroup": lambda c: c.updateDisplayGroup(4, "7@SMART"),
        "UnsubscribeFromGroupEvents": lambda c: c.unsubscribeFromGroupEvents(4),
        "VerifyRequest": lambda c: c.verifyRequest("app", "1"),
        "VerifyMessage": lambda c: c.verifyMessage("x"),
        "VerifyAndAuthRequest": lambda c: c.verifyAndAuthRequest("app", "1", "key"),
        "VerifyAndAuthMessage": lambda c: c.verifyAndAuthMessage("x", "y"),
        "ReqSecDefOptParams": lambda c: c.reqSecDefOptParams(4, "AAPL", "", "STK", 7),
        "ReqSoftDollarTiers": lambda c: c.reqSoftDollarTiers(4),
        "ReqFamilyCodes": lambda c: c.reqFamilyCodes(),
        "ReqMatchingSymbols": lambda c: c.reqMatchingSymbols(4, "AAP"),
        "ReqCompletedOrders": lambda c: c.reqCompletedOrders(True),
        "ReqCurrentTime": lambda c: c.reqCurrentTime(),
        "SetServerLogLevel": lambda c: c.setServerLogLevel(5),
    }
    if version >= 161:
        made["ReqWshMetaData"] = lambda c: c.reqWshMetaData(4)
        made["CancelWshMetaData"] = lambda c: c.cancelWshMetaData(4)
        made["ReqWshEventData"] = lambda c: c.reqWshEventData(4, events())
        made["CancelWshEventData"] = lambda c: c.cancelWshEventData(4)
    if version >= 167:
        made["ReqUserInfo"] = lambda c: c.reqUserInfo(4)
    if version >= 197:
        made["ReqCurrentTimeMillis"] = lambda c: c.reqCurrentTimeInMillis()
    return made


def mouth(version):
    ear = Ear()
    client = EClient(ear)
    client.conn, client.connState = Wire(), EClient.CONNECTED
    client.serverVersion_, client.clientId, client.extraAuth = version, 5, True
    client.optCapab = ""
    return ear, client


def written(version, ask):
    ear, client = mouth(version)
    ask(client)
    if ear.calls:
        raise SystemExit(f"{version}: {ear.calls}")
    (frame,) = client.conn.sent
    return frame[4:].hex()


def main():
    said = json.load(sys.stdin)
    heard = [hear(version, bytes.fromhex(payload)) for version, payload in said["frames"]]
    asked, placed = {}, {}
    for version in said["versions"]:
        asked[version] = {name: written(version, ask) for name, ask in calls(version).items()}
        placed[version] = [
            {
                "kind": kind,
                "order": plain(order),
                "payload": written(version, lambda c: c.placeOrder(12, where, order)),
            }
            for kind, where, order in orders(version)
        ]
    print(json.dumps({"heard": heard, "asked": asked, "placed": placed}))


main()
