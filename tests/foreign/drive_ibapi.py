"""
A program on the official client, unmodified: looks, trades, and prints what it decoded as JSON.

Run by the interpreter of `.venv-foreign/ibapi`; knows nothing of this project.
"""

import enum
import json
import sys
import threading
from decimal import Decimal

from ibapi.account_summary_tags import AccountSummaryTags
from ibapi.client import EClient
from ibapi.contract import Contract, ContractDetails
from ibapi.execution import Execution, ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.order_state import OrderState
from ibapi.wrapper import EWrapper

DEADLINE_S = 120


def plain(value):
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Decimal):
        return f"Decimal({value})"
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items()}
    return str(value)


class Program(EWrapper, EClient):
    """Keeps every callback, in order, by name."""

    def __init__(self):
        EClient.__init__(self, self)
        self.seen = []
        self.news = threading.Condition()

    def keep(self, name, *values):
        with self.news:
            self.seen.append((name, plain(values)))
            self.news.notify_all()

    def wait(self, test, what):
        with self.news:
            if not self.news.wait_for(lambda: test(self.seen), DEADLINE_S):
                raise SystemExit(f"no {what} within {DEADLINE_S} s; saw {self.seen[-5:]}")

    def wait_for(self, name, *start):
        self.wait(
            lambda seen: any(n == name and v[: len(start)] == list(start) for n, v in seen), name
        )

    def error(self, reqId, errorTime, errorCode, errorString, advancedOrderRejectJson=""):
        self.keep("error", reqId, errorCode, errorString)


def keeper(name):
    def callback(self, *values):
        self.keep(name, *values)

    return callback


for kept in [
    "nextValidId",
    "managedAccounts",
    "contractDetails",
    "contractDetailsEnd",
    "symbolSamples",
    "tickPrice",
    "tickSize",
    "tickReqParams",
    "marketDataType",
    "tickSnapshotEnd",
    "historicalData",
    "historicalDataEnd",
    "currentTime",
    "openOrder",
    "openOrderEnd",
    "orderStatus",
    "execDetails",
    "execDetailsEnd",
    "commissionAndFeesReport",
    "position",
    "positionEnd",
    "updateAccountValue",
    "updatePortfolio",
    "updateAccountTime",
    "accountDownloadEnd",
    "accountSummary",
    "accountSummaryEnd",
    "pnl",
    "pnlSingle",
    "completedOrder",
    "completedOrdersEnd",
    "headTimestamp",
    "marketRule",
    "securityDefinitionOptionParameter",
    "securityDefinitionOptionParameterEnd",
    "connectionClosed",
]:
    setattr(Program, kept, keeper(kept))


def stock(symbol):
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(kind, quantity, price=None, ref=""):
    made = Order()
    made.action, made.orderType, made.totalQuantity = "BUY", kind, Decimal(quantity)
    made.tif, made.orderRef = "DAY", ref
    if price is not None:
        made.lmtPrice = price
    return made


def run(app, first_id):
    apple = stock("AAPL")
    app.reqCurrentTime()
    app.wait_for("currentTime")
    app.reqContractDetails(10, apple)
    app.wait_for("contractDetailsEnd", 10)
    app.reqContractDetails(11, stock("ZZZZ"))
    app.wait_for("error", 11, 200)
    app.reqMatchingSymbols(12, "AAP")
    app.wait_for("symbolSamples", 12)
    app.reqMktData(20, apple, "", False, False, [])
    app.wait(lambda s: is_quoted(s, 20), "price ticks and sizes")
    app.cancelMktData(20)
    app.reqHistoricalData(30, apple, "", "1 D", "1 hour", "TRADES", 0, 1, False, [])
    app.wait_for("historicalDataEnd", 30)
    app.reqHeadTimeStamp(31, apple, "TRADES", 1, 1)
    app.wait_for("headTimestamp", 31)
    app.reqMarketRule(26)
    app.wait_for("marketRule", 26)
    app.reqSecDefOptParams(32, "AAPL", "", "STK", 265598)
    app.wait_for("securityDefinitionOptionParameterEnd", 32)

    app.placeOrder(first_id, apple, order("MKT", 100, ref="at the market"))
    app.wait(lambda s: any(n == "orderStatus" and v[1] == "Filled" for n, v in s), "fill")
    app.wait(is_paid, "a commission for each fill")
    resting = first_id + 1
    app.placeOrder(resting, apple, order("LMT", 10, 50.25, ref="resting"))
    app.wait(lambda s: submitted(s, resting, 50.25), "resting order")
    app.placeOrder(resting, apple, order("LMT", 10, 51.5, ref="resting"))
    app.wait(lambda s: submitted(s, resting, 51.5), "modified order")
    app.reqOpenOrders()
    app.wait_for("openOrderEnd")
    app.cancelOrder(resting, OrderCancel())
    app.wait_for("error", resting, 202)
    app.cancelOrder(9999, OrderCancel())
    app.wait_for("error", 9999, 10147)
    app.placeOrder(first_id, apple, order("MKT", 100))
    app.wait_for("error", first_id, 104)

    app.reqExecutions(40, ExecutionFilter())
    app.wait_for("execDetailsEnd", 40)
    app.reqPositions()
    app.wait_for("positionEnd")
    account = next(v[0] for n, v in app.seen if n == "managedAccounts")
    app.reqAccountUpdates(True, account)
    app.wait_for("accountDownloadEnd")
    app.reqAccountSummary(50, "All", AccountSummaryTags.AllTags)
    app.wait_for("accountSummaryEnd", 50)
    app.reqPnL(60, account, "")
    app.wait(lambda s: sum(n == "pnl" for n, v in s) >= 2, "profit and loss")
    app.reqPnLSingle(61, account, "", 265598)
    app.wait(lambda s: sum(n == "pnlSingle" for n, v in s) >= 2, "profit of a position")
    app.reqCompletedOrders(False)
    app.wait_for("completedOrdersEnd")


def is_quoted(seen, request_id):
    # by tick type: bid, ask, last, high, low, close, open; sizes of bid and ask
    prices, sizes = (
        {v[1] for n, v in seen if n == name and v[0] == request_id}
        for name in ("tickPrice", "tickSize")
    )
    return {1, 2, 4, 6, 7, 9, 14} <= prices and {0, 3} <= sizes


def is_paid(seen):
    filled = {v[2]["execId"] for n, v in seen if n == "execDetails"}
    return filled and filled == {v[0]["execId"] for n, v in seen if n == "commissionAndFeesReport"}


def submitted(seen, order_id, price):
    shown = any(
        n == "openOrder" and v[0] == order_id and v[2]["lmtPrice"] == price for n, v in seen
    )
    return shown and any(
        n == "orderStatus" and v[0] == order_id and v[1] == "Submitted" for n, v in seen
    )


def main():
    host, port, client_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    app = Program()
    app.connect(host, port, client_id)
    threading.Thread(target=app.run, daemon=True).start()
    app.wait_for("nextValidId")
    app.wait_for("managedAccounts")
    first_id = next(v[0] for n, v in app.seen if n == "nextValidId")
    run(app, first_id)
    version = app.serverVersion()
    app.disconnect()
    defaults = {
        made.__name__: plain(made())
        for made in (Contract, ContractDetails, Execution, Order, OrderState)
    }
    document = {"serverVersion": version, "firstId": first_id, "seen": app.seen}
    print(json.dumps({**document, "defaults": defaults}))


main()
