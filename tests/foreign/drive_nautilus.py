"""
A strategy on nautilus_trader's Interactive Brokers adapter: a day of it, printed as JSON.

Run by the interpreter of `.venv-foreign/nautilus`; knows nothing of this project. It asks whoever
started it for what only a broker can do (`{"broker": "cut"}`), one line each, and waits for a line.
"""

import asyncio
import json
import sys

from nautilus_trader.adapters.interactive_brokers.common import IB, IB_VENUE, IBContract
from nautilus_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    InteractiveBrokersInstrumentProviderConfig,
)
from nautilus_trader.adapters.interactive_brokers.factories import (
    IB_CLIENTS,
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from nautilus_trader.config import (
    LiveDataEngineConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    RoutingConfig,
    StrategyConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import BookType, OrderSide, OrderType, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

DEADLINE_S = 120
AAPL = InstrumentId.from_str("AAPL.NASDAQ")
EUR_USD = InstrumentId.from_str("EUR/USD.IDEALPRO")


class Day(Strategy):
    """Keeps what it is told, by name, and wakes whoever waits."""

    def __init__(self):
        super().__init__(StrategyConfig(strategy_id="DAY-001"))
        self.seen = []
        self.news = asyncio.Condition()

    def on_start(self):
        """Nothing: the day is told from outside."""

    def keep(self, name, **values):
        self.seen.append([name, values])

    def on_quote_tick(self, tick):
        self.keep(
            "quote",
            instrument=str(tick.instrument_id),
            bid=str(tick.bid_price),
            ask=str(tick.ask_price),
            bid_size=str(tick.bid_size),
            ask_size=str(tick.ask_size),
        )

    def on_trade_tick(self, tick):
        self.keep("trade", instrument=str(tick.instrument_id), price=str(tick.price))

    def on_order_book_deltas(self, deltas):
        self.keep("book", instrument=str(deltas.instrument_id), count=len(deltas.deltas))

    def on_bar(self, bar):
        self.keep("bar", type=str(bar.bar_type), close=str(bar.close))

    def on_historical_data(self, data):
        self.keep("historical", type=type(data).__name__, text=str(data))

    def on_order_event(self, event):
        values = {"order": str(event.client_order_id)}
        for name in ("last_qty", "last_px", "commission", "trade_id", "reason", "venue_order_id"):
            if hasattr(event, name):
                values[name] = str(getattr(event, name))
        self.keep(type(event).__name__, **values)

    def all(self, name, order=None):
        wanted = None if order is None else str(order.client_order_id)
        return [v for n, v in self.seen if n == name and wanted in {None, v.get("order")}]

    async def until(self, test, what, *, passes=False):
        """Wait; where the market's time must pass for it, let it pass."""
        for _ in range(DEADLINE_S * 50):
            if test():
                return
            if passes:
                await broker("pass", seconds=1)
            await asyncio.sleep(0.02)
        raise SystemExit(f"no {what} within {DEADLINE_S} s; saw {self.seen[-6:]}")


async def broker(what, **values):
    print(json.dumps({"broker": what, **values}), flush=True)
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


def instrument_of(instrument):
    return {
        "id": str(instrument.id),
        "currency": str(instrument.quote_currency),
        "increment": str(instrument.price_increment),
        "lot": str(instrument.size_increment),
    }


async def day(node, strategy, account):
    found = {}
    client = next(iter(IB_CLIENTS.values()))
    found["serverVersion"] = client._eclient.serverVersion()
    cache = node.kernel.cache
    found["instruments"] = [instrument_of(one) for one in cache.instruments()]

    # quotes, trades, bars
    strategy.subscribe_quote_ticks(AAPL)
    strategy.subscribe_trade_ticks(AAPL)
    strategy.subscribe_bars(BarType.from_str(f"{AAPL}-5-SECOND-LAST-EXTERNAL"))
    await strategy.until(
        lambda: strategy.all("quote") and strategy.all("bar"), "quote and bar", passes=True
    )
    strategy.subscribe_order_book_deltas(AAPL, book_type=BookType.L2_MBP, depth=5)
    await strategy.until(lambda: strategy.all("book"), "order book", passes=True)

    # a market order, filled in parts
    await broker("quote", bid="189.98", ask="190.02", last="190.00")
    factory = strategy.order_factory
    market = factory.market(AAPL, OrderSide.BUY, quantity("100"), time_in_force=TimeInForce.DAY)
    strategy.submit_order(market)
    await strategy.until(lambda: strategy.all("OrderFilled", market), "a first fill")
    await strategy.until(lambda: market.is_closed, "the whole fill", passes=True)
    found["market"] = strategy.all("OrderFilled", market)

    # a limit order: rests, is changed, is cancelled
    limit = factory.limit(AAPL, OrderSide.BUY, quantity("10"), price("50.25"))
    strategy.submit_order(limit)
    await strategy.until(lambda: strategy.all("OrderAccepted", limit), "the order to rest")
    strategy.modify_order(limit, quantity("10"), price=price("51.50"))
    await strategy.until(lambda: str(limit.price) == "51.50", "the change")
    strategy.cancel_order(limit)
    await strategy.until(lambda: strategy.all("OrderCanceled", limit), "the cancellation")
    found["limit"] = [n for n, v in strategy.seen if v.get("order") == str(limit.client_order_id)]

    # a bracket: the entry fills, the target and the stop work, the target fills, the stop goes
    bracket = factory.bracket(
        AAPL,
        OrderSide.BUY,
        quantity("20"),
        tp_price=price("191.00"),
        sl_trigger_price=price("180.00"),
        entry_order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        tp_post_only=False,
    )
    entry, stop, target = bracket.orders
    strategy.submit_order_list(bracket)
    await strategy.until(lambda: entry.is_closed, "the bracket's entry", passes=True)
    await strategy.until(
        lambda: strategy.all("OrderAccepted", stop) and strategy.all("OrderAccepted", target),
        "the bracket's children",
    )
    await broker("quote", bid="191.10", ask="191.14", last="191.12")
    await strategy.until(
        lambda: target.is_closed and stop.is_closed, "the bracket's end", passes=True
    )
    found["bracket"] = [str(one.status_string()) for one in (entry, target, stop)]

    # an order works while the line is cut; it fills meanwhile, and is known after the reconnect
    resting = factory.limit(AAPL, OrderSide.SELL, quantity("5"), price("195.00"))
    strategy.submit_order(resting)
    await strategy.until(lambda: strategy.all("OrderAccepted", resting), "the order before the cut")
    quotes = len(strategy.all("quote"))
    await broker("cut")
    # its watchdog looks once a second, and comes back five seconds later
    await strategy.until(lambda: not client._is_client_ready.is_set(), "the cut to be noticed")
    await strategy.until(client._is_client_ready.is_set, "the reconnection")
    await broker("quote", bid="192.10", ask="192.14", last="192.12")

    def heard():
        # bid and ask are two messages: a quote told between them has half of it
        after = strategy.all("quote")[quotes:]
        return [one for one in after if (one["bid"], one["ask"]) == ("192.10", "192.14")]

    await strategy.until(heard, "quotes after the cut", passes=True)
    found["after"] = heard()[0]
    strategy.cancel_order(resting)
    await strategy.until(lambda: strategy.all("OrderCanceled", resting), "the late cancellation")

    found["position"] = str(node.kernel.portfolio.net_position(AAPL))
    found["balance"] = {
        str(currency): str(total)
        for currency, total in node.kernel.portfolio.account(IB_VENUE).balances_total().items()
    }
    found["bars"] = strategy.all("bar")
    found["book"] = strategy.all("book")
    found["rejected"] = strategy.all("OrderRejected") + strategy.all("OrderDenied")
    return found


def quantity(text):
    return Quantity.from_str(text)


def price(text):
    return Price.from_str(text)


def configuration(host, port, client_id, account):
    provider = InteractiveBrokersInstrumentProviderConfig(
        load_ids=frozenset({str(AAPL), str(EUR_USD)}),
        load_contracts=frozenset(
            {IBContract(secType="IND", symbol="SPX", exchange="CBOE", currency="USD")}
        ),
    )
    shared = {
        "ibg_host": host,
        "ibg_port": port,
        "ibg_client_id": client_id,
        "instrument_provider": provider,
        "connection_timeout": DEADLINE_S,
    }
    return TradingNodeConfig(
        trader_id="FOREIGN-001",
        logging=LoggingConfig(log_level=sys.argv[5] if len(sys.argv) > 5 else "OFF"),
        data_engine=LiveDataEngineConfig(time_bars_timestamp_on_close=False),
        exec_engine=LiveExecEngineConfig(reconciliation=True, inflight_check_interval_ms=0),
        data_clients={IB: InteractiveBrokersDataClientConfig(**shared)},
        exec_clients={
            IB: InteractiveBrokersExecClientConfig(
                **shared, account_id=account, routing=RoutingConfig(default=True)
            )
        },
        timeout_connection=DEADLINE_S,
        timeout_reconciliation=DEADLINE_S,
        timeout_portfolio=DEADLINE_S,
        timeout_disconnection=2.0,
        timeout_post_stop=1.0,
    )


def main():
    host, port, client_id, account = (
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
    )
    node = TradingNode(config=configuration(host, port, client_id, account))
    strategy = Day()
    node.trader.add_strategy(strategy)
    node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
    node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
    node.build()
    loop = node.get_event_loop()

    async def run():
        running = asyncio.create_task(node.run_async())
        await strategy.until(lambda: strategy.is_running, "start of the strategy")
        found = await day(node, strategy, account)
        print(json.dumps(found), flush=True)
        await node.stop_async()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    loop.run_until_complete(run())


main()
