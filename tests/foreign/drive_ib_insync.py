"""
A program on ib_insync 0.9.86: looks, trades, and prints what it decoded as JSON.

Run by the interpreter of `.venv-foreign/ib_insync`; knows nothing of this project.
"""

import dataclasses
import datetime
import json
import sys

from ib_insync import (
    IB,
    CommissionReport,
    Contract,
    ContractDetails,
    Execution,
    Forex,
    LimitOrder,
    MarketOrder,
    Order,
    OrderStatus,
    Stock,
)

DEADLINE_S = 120
UNSET = 1e300
QUOTE = (
    "bid",
    "ask",
    "last",
    "bidSize",
    "askSize",
    "lastSize",
    "high",
    "low",
    "close",
    "open",
    "volume",
)


def plain(value):
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def until(ib, test, what):
    for _ in range(DEADLINE_S * 20):
        if test():
            return
        ib.waitOnUpdate(timeout=0.05)
    raise SystemExit(f"no {what} within {DEADLINE_S} s")


def main():
    host, port, client_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ib = IB()
    errors = []
    ib.errorEvent += lambda req, code, text, contract: errors.append([req, code, text])
    ib.connect(host, port, clientId=client_id, timeout=DEADLINE_S)
    found = {"serverVersion": ib.client.serverVersion(), "accounts": ib.managedAccounts()}
    apple = Stock("AAPL", "SMART", "USD")
    found["qualified"] = plain(ib.qualifyContracts(apple)[0])
    found["details"] = plain(ib.reqContractDetails(apple))
    found["pair"] = plain(ib.qualifyContracts(Forex("EURUSD"))[0])
    found["symbols"] = plain(ib.reqMatchingSymbols("AAP"))
    found["time"] = plain(ib.reqCurrentTime())
    ticker = ib.reqMktData(apple)
    # what is not known yet is -1 or not a number
    until(ib, lambda: all(getattr(ticker, name) > 0 for name in QUOTE), "quote")
    found["quote"] = {name: plain(getattr(ticker, name)) for name in QUOTE}
    ib.cancelMktData(apple)
    bars = ib.reqHistoricalData(apple, "", "1 D", "1 hour", "TRADES", False)
    found["bars"] = plain(list(bars))

    market = ib.placeOrder(apple, MarketOrder("BUY", 100, orderRef="at the market"))
    until(ib, lambda: market.isDone() and market.filled() == 100, "fill")
    until(ib, lambda: all(f.commissionReport.execId for f in market.fills), "commissions")
    found["market"] = {
        "status": plain(market.orderStatus),
        "fills": [plain(f) for f in market.fills],
    }
    resting = ib.placeOrder(apple, LimitOrder("BUY", 10, 50.25, orderRef="resting"))
    until(ib, lambda: resting.orderStatus.status == "Submitted", "resting order")
    resting.order.lmtPrice = 51.5
    ib.placeOrder(apple, resting.order)
    until(ib, lambda: any(entry.message == "Modified" for entry in resting.log), "change")
    found["open"] = plain([trade.order for trade in ib.reqOpenOrders()])
    ib.cancelOrder(resting.order)
    until(ib, resting.isDone, "cancel")
    found["cancelled"] = plain(resting.orderStatus)

    found["executions"] = plain(ib.reqExecutions())
    found["positions"] = plain(ib.positions())
    found["portfolio"] = plain(ib.portfolio())
    found["values"] = plain(ib.accountValues())
    found["summary"] = plain(ib.accountSummary())
    pnl = ib.reqPnL(ib.managedAccounts()[0])
    until(ib, lambda: abs(pnl.dailyPnL) < UNSET, "pnl")
    found["pnl"] = plain(pnl)
    found["completed"] = plain([[t.order, t.orderStatus] for t in ib.reqCompletedOrders(False)])
    found["errors"] = errors
    made = (Contract, ContractDetails, Execution, Order, OrderStatus, CommissionReport)
    found["defaults"] = {one.__name__: plain(one()) for one in made}
    ib.disconnect()
    print(json.dumps(found))


main()
