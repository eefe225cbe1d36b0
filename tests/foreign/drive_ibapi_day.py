"""
A trading day on the official client, unmodified, printed as JSON.

Run by the interpreter of `.venv-foreign/ibapi`; knows nothing of this project. It asks whoever
started it for what only a broker can do (`{"broker": "cut"}`), one line each, and waits for a line.
"""

import enum
import inspect
import json
import sys
import threading
from decimal import Decimal

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

DEADLINE_S = 120
ROUND_S = 0.01


def plain(value):
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Decimal):
        return float(value)
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

    def error(self, reqId, errorTime, errorCode, errorString, advancedOrderRejectJson=""):
        self.keep("error", reqId, errorCode, errorString)


def keeper(name):
    def callback(self, *values):
        self.keep(name, *values)

    return callback


# newer gateways speak protobuf: its callbacks have their own names, and none is for us
for kept, _ in inspect.getmembers(EWrapper, inspect.isfunction):
    if not kept.startswith("_") and not kept.endswith("ProtoBuf") and kept not in {"error"}:
        setattr(Program, kept, keeper(kept))


def broker(what, **values):
    print(json.dumps({"broker": what, **values}), flush=True)
    sys.stdin.readline()


def stock(symbol="AAPL"):
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(action, kind, quantity, price=None, **more):
    made = Order()
    made.action, made.orderType, made.totalQuantity = action, kind, Decimal(quantity)
    made.tif = "DAY"
    if price is not None:
        made.lmtPrice = price
    for name, value in more.items():
        setattr(made, name, value)
    return made


class Day:
    """One day; each sitting at the gateway is a program of its own, as after a restart."""

    def __init__(self, host, port, client_id):
        self.where = (host, port, client_id)
        self.sittings = []
        self.next_id = 0
        self.marks = {}

    @property
    def app(self):
        return self.sittings[-1]

    def all(self, name, *start):
        return [v for n, v in list(self.app.seen) if n == name and v[: len(start)] == list(start)]

    def until(self, test, what, *, passes=False):
        """Wait; where the market's time must pass for it, let it pass."""
        for _ in range(int(DEADLINE_S / ROUND_S)):
            if test():
                return
            if passes:
                broker("pass", seconds=1)
            with self.app.news:
                self.app.news.wait(ROUND_S)
        raise SystemExit(f"no {what} within {DEADLINE_S} s; saw {self.app.seen[-5:]}")

    def wait_for(self, name, *start, passes=False):
        self.until(lambda: self.all(name, *start), f"{name} {start}", passes=passes)

    def statuses(self, order_id):
        return [call[1] for call in self.all("orderStatus", order_id)]

    def is_at(self, order_id, *statuses):
        return self.statuses(order_id)[-1:] and self.statuses(order_id)[-1] in statuses

    def place(self, made, contract=None):
        order_id, self.next_id = self.next_id, self.next_id + 1
        self.app.placeOrder(order_id, contract or stock(), made)
        return order_id

    def sit_down(self):
        app = Program()
        self.sittings.append(app)
        app.connect(*self.where)
        threading.Thread(target=app.run, daemon=True).start()
        self.wait_for("nextValidId")
        self.wait_for("managedAccounts")
        self.account = self.all("managedAccounts")[0][0].split(",")[0]
        self.next_id = max(self.next_id, self.all("nextValidId")[0][0])

    def run(self):
        self.sit_down()
        self.version = self.app.serverVersion()
        for part in (
            self.history,
            self.subscriptions,
            self.fills_in_parts,
            self.change_and_cancel,
            self.bracket,
            self.one_cancels_all,
            self.what_if,
            self.figures,
            self.cut,
            self.restart,
            self.end_of_day,
        ):
            self.marks[part.__name__] = [len(self.sittings) - 1, len(self.app.seen)]
            part()
        self.app.disconnect()

    def subscriptions(self):
        app, apple = self.app, stock()
        app.reqMktData(20, apple, "233,236", False, False, [])
        app.reqMktDepth(21, apple, 5, True, [])
        app.reqTickByTickData(22, apple, "BidAsk", 0, False)
        app.reqTickByTickData(23, apple, "AllLast", 0, False)
        app.reqRealTimeBars(24, apple, 5, "TRADES", False, [])
        app.reqHistoricalData(25, apple, "", "1800 S", "1 min", "TRADES", 0, 1, True, [])
        self.wait_for("tickPrice", 20, 1)
        self.wait_for("tickPrice", 20, 2)
        self.until(lambda: len(self.all("updateMktDepthL2", 21)) >= 10, "depth")
        self.wait_for("tickByTickBidAsk", 22, passes=True)
        self.wait_for("tickByTickAllLast", 23, passes=True)
        self.until(lambda: len(self.all("realtimeBar", 24)) >= 3, "bars", passes=True)
        self.wait_for("historicalDataUpdate", 25, passes=True)
        app.cancelMktDepth(21, True)
        app.cancelTickByTickData(22)
        app.cancelTickByTickData(23)
        app.cancelRealTimeBars(24)
        app.cancelHistoricalData(25)
        # what was cancelled is cancelled when the gateway answers what was asked behind it
        app.reqCurrentTime()
        self.wait_for("currentTime")
        broker("quote", bid="189.98", ask="190.02", last="190.00")
        self.until(
            lambda: self.all("tickPrice", 20, 1)[-1][2] == 189.98,
            "the market to stand still",
            passes=True,
        )

    def history(self):
        app, apple = self.app, stock()
        app.reqHistoricalData(30, apple, "", "2 D", "1 hour", "TRADES", 1, 1, False, [])
        self.wait_for("historicalDataEnd", 30)
        app.reqHeadTimeStamp(31, apple, "TRADES", 1, 1)
        self.wait_for("headTimestamp", 31)
        app.reqHistoricalTicks(32, apple, "", "20261118 14:59:00 UTC", 50, "TRADES", 0, False, [])
        self.wait_for("historicalTicksLast", 32)
        app.reqHistogramData(33, apple, False, "1 day")
        self.wait_for("histogramData", 33)

    def fills_in_parts(self):
        self.market = self.place(order("BUY", "MKT", 100, orderRef="in parts"))
        self.wait_for("execDetails", -1)
        self.until(lambda: self.is_at(self.market, "Filled"), "the whole fill", passes=True)
        self.until(
            lambda: (
                {call[2]["execId"] for call in self.all("execDetails", -1)}
                == {call[0]["execId"] for call in self.all("commissionAndFeesReport")}
            ),
            "a commission for each fill",
        )

    def change_and_cancel(self):
        self.changed = self.place(order("BUY", "LMT", 10, 50.25, orderRef="changed"))
        self.until(lambda: self.is_at(self.changed, "Submitted"), "the order to rest")
        again = order("BUY", "LMT", 12, 51.5, orderRef="changed")
        self.app.placeOrder(self.changed, stock(), again)
        self.until(
            lambda: self.all("orderStatus", self.changed)[-1][3] == 12.0, "the changed order"
        )
        self.app.cancelOrder(self.changed, OrderCancel())
        self.wait_for("error", self.changed, 202)

    def bracket(self):
        parent_id = self.next_id
        parent = order("BUY", "LMT", 20, 190.5, orderRef="parent", transmit=False)
        target = order(
            "SELL", "LMT", 20, 191.0, orderRef="target", parentId=parent_id, transmit=False
        )
        stop = order("SELL", "STP", 20, auxPrice=180.0, orderRef="stop", parentId=parent_id)
        self.legs = [self.place(one) for one in (parent, target, stop)]
        entry, profit, loss = self.legs
        self.until(lambda: self.is_at(entry, "Filled"), "the entry", passes=True)
        self.until(
            lambda: self.is_at(profit, "Submitted") and self.is_at(loss, "PreSubmitted"),
            "the children at work",
        )
        broker("quote", bid="191.10", ask="191.14", last="191.12")
        self.until(
            lambda: self.is_at(profit, "Filled") and self.is_at(loss, "Cancelled"),
            "the end of the bracket",
            passes=True,
        )
        broker("quote", bid="189.98", ask="190.02", last="190.00")

    def one_cancels_all(self):
        self.group = [
            self.place(order("BUY", "LMT", 5, price, ocaGroup="one of two", ocaType=1))
            for price in (189.0, 188.0)
        ]
        high, low = self.group
        self.until(lambda: self.is_at(high, "Submitted") and self.is_at(low, "Submitted"), "both")
        broker("quote", bid="188.50", ask="188.54", last="188.52")
        self.until(
            lambda: self.is_at(high, "Filled") and self.is_at(low, "Cancelled"),
            "the end of the group",
            passes=True,
        )
        broker("quote", bid="189.98", ask="190.02", last="190.00")

    def what_if(self):
        self.asked = self.place(order("BUY", "LMT", 100, 190.0, whatIf=True))
        self.wait_for("openOrder", self.asked)

    def figures(self):
        app = self.app
        app.reqPositions()
        self.wait_for("positionEnd")
        app.reqAccountUpdates(True, self.account)
        self.wait_for("accountDownloadEnd")
        app.reqAccountSummary(50, "All", "NetLiquidation,TotalCashValue,BuyingPower")
        self.wait_for("accountSummaryEnd", 50)
        app.reqPnL(60, self.account, "")
        app.reqPnLSingle(61, self.account, "", 265598)
        self.wait_for("pnl", 60, passes=True)
        self.wait_for("pnlSingle", 61, passes=True)

    def cut(self):
        away = self.place(order("SELL", "LMT", 7, 193.0, orderRef="while away", tif="GTC"))
        self.until(lambda: self.is_at(away, "Submitted"), "the order before the cut")
        broker("cut")
        self.wait_for("connectionClosed")
        broker("quote", bid="193.10", ask="193.14", last="193.12")
        broker("pass", seconds=5)
        self.sit_down()
        self.app.reqExecutions(70, ExecutionFilter())
        self.wait_for("execDetailsEnd", 70)
        broker("quote", bid="189.98", ask="190.02", last="190.00")

    def restart(self):
        self.resting = [
            self.place(order("BUY", "LMT", 3, price, orderRef=tif, tif=tif))
            for tif, price in (("GTC", 41.0), ("DAY", 42.0))
        ]
        self.until(
            lambda: all(self.is_at(one, "Submitted") for one in self.resting), "both to rest"
        )
        broker("restart")
        self.wait_for("connectionClosed")
        self.sit_down()
        self.app.reqOpenOrders()
        self.wait_for("openOrderEnd")

    def end_of_day(self):
        app = self.app
        app.reqMktData(20, stock(), "", False, False, [])
        self.wait_for("tickPrice", 20, 1)
        broker("close")
        lasting, of_the_day = self.resting
        self.until(
            lambda: self.is_at(of_the_day, "Cancelled"), "the order of the day to end", passes=True
        )
        app.reqExecutions(80, ExecutionFilter())
        self.wait_for("execDetailsEnd", 80)
        app.reqCompletedOrders(False)
        self.wait_for("completedOrdersEnd")
        app.reqGlobalCancel(OrderCancel())
        self.until(lambda: self.is_at(lasting, "Cancelled"), "the last order to end")


def main():
    host, port, client_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    day = Day(host, port, client_id)
    day.run()
    document = {
        "serverVersion": day.version,
        "account": day.account,
        "orders": {
            "market": day.market,
            "changed": day.changed,
            "bracket": day.legs,
            "group": day.group,
            "asked": day.asked,
        },
        "marks": day.marks,
        "sittings": [one.seen for one in day.sittings],
    }
    print(json.dumps(document))


main()
