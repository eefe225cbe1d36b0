"""
A trading day on ib_insync or ib_async, whose words are the same: the program is given which.

Knows nothing of this project. What only a broker can do (let time pass, move the market, cut the
line) it asks of the coroutine `broker`; run as a program, that is a line of JSON on its output
and a line on its input.
"""

import asyncio
import dataclasses
import datetime
import json
import sys

DEADLINE_S = 120
ROUND_S = 0.005
UNSET = 1e300


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


class Day:
    """One client, the library that it is made of, and what it found."""

    def __init__(self, api, broker, host, port, client_id):
        self.api = api
        self.broker = broker
        self.where = (host, port, client_id)
        self.ib = api.IB()
        self.errors = []
        self.ib.errorEvent += lambda req, code, text, contract: self.errors.append([req, code])
        self.stock = api.Stock("AAPL", "SMART", "USD")
        self.found = {}

    async def until(self, test, what, *, passes=False):
        """Wait; where the market's time must pass for it, let it pass."""
        for _ in range(int(DEADLINE_S / ROUND_S)):
            if test():
                return
            if passes:
                await self.broker("pass", seconds=1)
            await asyncio.sleep(ROUND_S)
        raise AssertionError(f"no {what} within {DEADLINE_S} s; errors {self.errors[-5:]}")

    async def heard(self):
        """Return when all that the gateway has said is heard: its answer comes behind it."""
        await self.ib.reqCurrentTimeAsync()

    async def connect(self):
        host, port, client_id = self.where
        await self.ib.connectAsync(host, port, clientId=client_id, timeout=DEADLINE_S)

    async def run(self):
        await self.connect()
        self.found["serverVersion"] = self.ib.client.serverVersion()
        self.found["accounts"] = self.ib.managedAccounts()
        await self.ib.qualifyContractsAsync(self.stock)
        for part in (
            self.history,
            self.subscriptions,
            self.fills_in_parts,
            self.change_and_cancel,
            self.bracket,
            self.one_cancels_all,
            self.what_if,
            self.account,
            self.cut,
            self.restart,
            self.end_of_day,
        ):
            await part()
        self.found["errors"] = self.errors
        self.ib.disconnect()
        return self.found

    async def subscriptions(self):
        ib, stock = self.ib, self.stock
        ticker = ib.reqMktData(stock, "233,236")
        depth = ib.reqMktDepth(stock, 5, True)
        quotes, trades = [], []
        by_tick = ib.reqTickByTickData(stock, "BidAsk")
        by_tick.updateEvent += lambda one: quotes.extend(
            tick for tick in one.tickByTicks if hasattr(tick, "bidPrice")
        )
        ib.reqTickByTickData(stock, "AllLast").updateEvent += lambda one: trades.extend(
            tick for tick in one.tickByTicks if hasattr(tick, "tickAttribLast")
        )
        five = ib.reqRealTimeBars(stock, 5, "TRADES", False)
        live = await ib.reqHistoricalDataAsync(
            stock, "", "1800 S", "1 min", "TRADES", False, keepUpToDate=True
        )
        updates = []
        live.updateEvent += lambda bars, is_new: updates.append([plain(bars[-1]), is_new])
        await self.until(lambda: ticker.bid > 0 and ticker.ask > 0, "quote", passes=True)
        await self.until(lambda: len(depth.domBids) == 5 and len(depth.domAsks) == 5, "depth")
        await self.until(lambda: quotes and trades, "tick by tick", passes=True)
        await self.until(lambda: len(five) >= 3, "five-second bars", passes=True)
        await self.until(lambda: any(new for _, new in updates), "a new minute", passes=True)
        # of the last moment of the market all, not what has arrived of it
        await self.heard()
        self.found["quote"] = {
            name: plain(getattr(ticker, name))
            for name in ("bid", "ask", "last", "bidSize", "askSize", "high", "low", "volume")
        }
        self.found["depth"] = {"bids": plain(depth.domBids), "asks": plain(depth.domAsks)}
        self.found["byTick"] = {"quotes": plain(quotes), "trades": plain(trades)}
        self.found["five"] = plain(list(five))
        self.found["updates"] = updates
        self.found["live"] = plain(list(live))
        ib.cancelTickByTickData(stock, "BidAsk")
        ib.cancelTickByTickData(stock, "AllLast")
        ib.cancelMktDepth(stock, True)
        ib.cancelRealTimeBars(five)
        ib.cancelHistoricalData(live)
        # what was cancelled is cancelled when the gateway answers what was asked behind it
        await self.heard()
        await self.broker("quote", bid="189.98", ask="190.02", last="190.00")
        await self.until(
            lambda: (ticker.bid, ticker.ask, ticker.last) == (189.98, 190.02, 190.0),
            "the market to stand still",
            passes=True,
        )

    async def history(self):
        ib, stock = self.ib, self.stock
        bars = await ib.reqHistoricalDataAsync(stock, "", "2 D", "1 hour", "TRADES", True)
        self.found["bars"] = plain(list(bars))
        head = await ib.reqHeadTimeStampAsync(stock, "TRADES", True, 1)
        self.found["head"] = plain(head)
        now = (await ib.reqCurrentTimeAsync()).replace(microsecond=0)
        ticks = await ib.reqHistoricalTicksAsync(
            stock, now - datetime.timedelta(minutes=5), "", 100, "TRADES", False
        )
        self.found["ticks"] = plain(list(ticks))

    async def place(self, *orders, contract=None):
        return [self.ib.placeOrder(contract or self.stock, order) for order in orders]

    async def fills_in_parts(self):
        [trade] = await self.place(self.api.MarketOrder("BUY", 100, orderRef="in parts"))
        await self.until(lambda: trade.fills, "a first fill")
        await self.until(
            lambda: trade.isDone() and self.is_whole(trade.fills, 100),
            "the whole fill",
            passes=True,
        )
        self.found["parts"] = {"status": plain(trade.orderStatus), "fills": plain(trade.fills)}

    def is_whole(self, fills, quantity):
        """Tell whether so much is filled, and known what it cost."""
        return sum(fill.execution.shares for fill in fills) == quantity and all(
            fill.commissionReport.execId for fill in fills
        )

    async def change_and_cancel(self):
        [trade] = await self.place(self.api.LimitOrder("BUY", 10, 50.25, orderRef="changed"))
        await self.until(lambda: trade.orderStatus.status == "Submitted", "the order to rest")
        trade.order.lmtPrice, trade.order.totalQuantity = 51.5, 12
        self.ib.placeOrder(self.stock, trade.order)
        await self.until(lambda: trade.orderStatus.remaining == 12, "the change")
        orders = [one.order for one in await self.ib.reqAllOpenOrdersAsync()]
        self.found["changed"] = [[one.orderRef, one.lmtPrice, one.totalQuantity] for one in orders]
        self.ib.cancelOrder(trade.order)
        await self.until(trade.isDone, "the cancellation")
        self.found["cancelled"] = trade.orderStatus.status

    async def bracket(self):
        parent, target, stop = self.ib.bracketOrder("BUY", 20, 190.5, 191.0, 180.0)
        for order, name in ((parent, "parent"), (target, "target"), (stop, "stop")):
            order.orderRef = name
        entry, profit, loss = await self.place(parent, target, stop)
        await self.until(entry.isDone, "the entry", passes=True)
        await self.until(
            lambda: (
                profit.orderStatus.status == "Submitted"
                and loss.orderStatus.status == "PreSubmitted"
            ),
            "the children at work",
        )
        await self.broker("quote", bid="191.10", ask="191.14", last="191.12")
        await self.until(lambda: profit.isDone() and loss.isDone(), "the end", passes=True)
        self.found["bracket"] = {
            trade.order.orderRef: [trade.orderStatus.status, plain(trade.orderStatus.filled)]
            for trade in (entry, profit, loss)
        }
        await self.broker("quote", bid="189.98", ask="190.02", last="190.00")

    async def one_cancels_all(self):
        low, lower = (
            self.api.LimitOrder("BUY", 5, price, ocaGroup="one of two", ocaType=1)
            for price in (189.0, 188.0)
        )
        trades = await self.place(low, lower)
        await self.until(
            lambda: all(one.orderStatus.status == "Submitted" for one in trades), "the group"
        )
        await self.broker("quote", bid="188.50", ask="188.54", last="188.52")
        await self.until(lambda: all(one.isDone() for one in trades), "its end", passes=True)
        self.found["oca"] = [one.orderStatus.status for one in trades]
        await self.broker("quote", bid="189.98", ask="190.02", last="190.00")

    async def what_if(self):
        before = len(self.ib.openTrades())
        order = self.api.LimitOrder("BUY", 100, 190.0)
        state = await asyncio.wait_for(self.ib.whatIfOrderAsync(self.stock, order), DEADLINE_S)
        self.found["whatIf"] = plain(state)
        self.found["whatIfLeft"] = len(await self.ib.reqAllOpenOrdersAsync()) - before

    async def account(self):
        ib = self.ib
        account = ib.managedAccounts()[0]
        # the account window speaks again every three minutes
        await self.broker("pass", seconds=181)
        self.found["summary"] = plain(await ib.accountSummaryAsync())
        self.found["values"] = plain(ib.accountValues())
        self.found["positions"] = plain(ib.positions())
        self.found["portfolio"] = plain(ib.portfolio())
        total, single = ib.reqPnL(account), ib.reqPnLSingle(account, "", self.stock.conId)
        await self.until(
            lambda: abs(total.dailyPnL) < UNSET and abs(single.value) < UNSET,
            "profit and loss",
            passes=True,
        )
        self.found["pnl"] = {"total": plain(total), "single": plain(single)}
        ib.cancelPnL(account)
        ib.cancelPnLSingle(account, "", self.stock.conId)

    async def away(self, how):
        """Lose the line, and come back."""
        await self.broker(how)
        await self.until(lambda: not self.ib.isConnected(), "the line to be gone")

    async def cut(self):
        order = self.api.LimitOrder("SELL", 7, 193.0, orderRef="while away", tif="GTC")
        [trade] = await self.place(order)
        await self.until(lambda: trade.orderStatus.status == "Submitted", "the order before it")
        await self.away("cut")
        await self.broker("quote", bid="193.10", ask="193.14", last="193.12")
        await self.broker("pass", seconds=5)
        await self.connect()

        def fills():
            return [one for one in self.ib.fills() if one.execution.orderRef == "while away"]

        await self.until(lambda: self.is_whole(fills(), 7), "what was filled while away")
        self.found["whileAway"] = plain(fills())
        await self.broker("quote", bid="189.98", ask="190.02", last="190.00")

    async def restart(self):
        good, day = (
            self.api.LimitOrder("BUY", 3, price, orderRef=tif, tif=tif)
            for tif, price in (("GTC", 41.0), ("DAY", 42.0))
        )
        trades = await self.place(good, day)
        await self.until(
            lambda: all(one.orderStatus.status == "Submitted" for one in trades), "both to rest"
        )
        await self.away("restart")
        await self.connect()
        self.found["afterRestart"] = sorted(one.order.orderRef for one in self.ib.openTrades())
        self.found["nextId"] = [self.ib.client.getReqId(), day.orderId]
        ticker = self.ib.reqMktData(self.stock)
        await self.until(lambda: ticker.bid > 0, "quotes after the restart", passes=True)

    async def end_of_day(self):
        await self.broker("close")
        await self.until(
            lambda: [one.order.orderRef for one in self.ib.openTrades()] == ["GTC"],
            "the orders of the day to end",
            passes=True,
        )
        self.found["executions"] = plain(await self.ib.reqExecutionsAsync())
        self.found["completed"] = [
            [one.order.orderRef, one.orderStatus.status]
            for one in await self.ib.reqCompletedOrdersAsync(False)
        ]
        self.ib.reqGlobalCancel()
        await self.until(lambda: not self.ib.openTrades(), "the last order to end")


async def ask(what, **values):
    print(json.dumps({"broker": what, **values}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main():
    import ib_insync

    host, port, client_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # not `util.run`, which ends with the first connection
    found = asyncio.run(Day(ib_insync, ask, host, port, client_id).run())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
