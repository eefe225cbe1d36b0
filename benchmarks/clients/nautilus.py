"""
One piece of work with nautilus_trader's Interactive Brokers adapter; prints JSON.

A trading node with a data client and an execution client, and a strategy that is called back, as
the adapter's documentation has it; logs are off, and the engine's own limit of orders a second is
out of reach. What is timed for `connect` is the adapter's client alone, which asks for what
bare ib_async asks for; `start` is the whole node, until its strategy may trade.

Run by the interpreter of the environment that has it; knows nothing of this project.

    python benchmarks/clients/nautilus.py nautilus ticks 4002 '{"symbols": [[265598, "AAPL"]]}'
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

LAST = 999
DEADLINE_S = 300
BORN = time.perf_counter()
ADAPTER = "nautilus_trader.adapters.interactive_brokers"


def taken(module: str, *names: str) -> list[Any]:
    found = importlib.import_module(module)
    return [getattr(found, name) for name in names]


def peak_mib() -> float:
    """Return the most memory that this program has held; the system counts since its start."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split("VmHWM:")[1].split()[0]) / 1024


def now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def since(began: tuple[float, float]) -> dict[str, float]:
    return {"cpu_s": time.process_time() - began[0], "wall_s": time.perf_counter() - began[1]}


class Watch:
    """Runs from the first news until every symbol has told its last price."""

    def __init__(self) -> None:
        self.left = 0
        self.began: tuple[float, float] | None = None
        self.took: dict[str, float] = {}
        self.done = asyncio.Event()

    def news(self, is_last: bool) -> None:
        if self.began is None:
            self.began = now()
        if is_last:
            self.left -= 1
            if not self.left:
                self.took = since(self.began)
                self.done.set()


def strategy(watch: Watch) -> Any:
    """Return a strategy that tells the watch, and whoever waits for an order."""
    (base,) = taken("nautilus_trader.trading.strategy", "Strategy")
    (config,) = taken("nautilus_trader.config", "StrategyConfig")

    class Day(base):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            super().__init__(config(strategy_id="BENCH-001"))
            self.began = asyncio.Event()
            self.waiting: dict[Any, asyncio.Event] = {}
            self.ended: set[Any] = set()

        def on_start(self) -> None:
            self.began.set()

        def on_quote_tick(self, tick: Any) -> None:
            is_last = tick.ask_price == LAST and tick.instrument_id not in self.ended
            if is_last:
                self.ended.add(tick.instrument_id)
            watch.news(is_last)

        def on_trade_tick(self, tick: Any) -> None:
            watch.news(tick.price == LAST)

        def on_order_filled(self, event: Any) -> None:
            done = self.waiting.pop(event.client_order_id, None)
            if done is not None:
                done.set()

    return Day()


def node_of(port: int, account: str, wanted: dict[str, Any]) -> Any:
    ib, contract = taken(f"{ADAPTER}.common", "IB", "IBContract")
    data, execution, provider = taken(
        f"{ADAPTER}.config",
        "InteractiveBrokersDataClientConfig",
        "InteractiveBrokersExecClientConfig",
        "InteractiveBrokersInstrumentProviderConfig",
    )
    node, logs, routing, risk, engine, config = taken(
        "nautilus_trader.config",
        "TradingNodeConfig",
        "LoggingConfig",
        "RoutingConfig",
        "LiveRiskEngineConfig",
        "LiveExecEngineConfig",
        "LiveDataEngineConfig",
    )
    rows = wanted["symbols"] or wanted["trade_symbols"] or [[265598, "AAPL"]]
    known = frozenset(
        contract(conId=con_id, secType="STK", symbol=symbol, exchange="SMART", currency="USD")
        for con_id, symbol in rows
    )
    shared = {
        "ibg_host": "127.0.0.1",
        "ibg_port": port,
        "ibg_client_id": 1,
        "instrument_provider": provider(load_contracts=known),
        "connection_timeout": DEADLINE_S,
    }
    made = node(
        trader_id="BENCH-001",
        logging=logs(log_level="OFF"),
        data_engine=config(qsize=1_000_000),
        risk_engine=risk(max_order_submit_rate="1000000/00:00:01"),
        exec_engine=engine(reconciliation=True),
        data_clients={ib: data(**shared)},
        exec_clients={ib: execution(**shared, account_id=account, routing=routing(default=True))},
        timeout_connection=DEADLINE_S,
        timeout_reconciliation=DEADLINE_S,
        timeout_portfolio=DEADLINE_S,
        timeout_disconnection=2.0,
        timeout_post_stop=0.1,
    )
    return taken("nautilus_trader.live.node", "TradingNode")[0](config=made)


async def ticks(node: Any, day: Any, watch: Watch, wanted: dict[str, Any]) -> dict[str, float]:
    known = [one.id for one in node.kernel.cache.instruments()]
    watch.left = len(wanted["symbols"])
    for one in known:
        day.subscribe_quote_ticks(one)
    await watch.done.wait()
    return watch.took


async def trades(node: Any, day: Any, watch: Watch, wanted: dict[str, Any]) -> dict[str, float]:
    watch.left = len(wanted["trade_symbols"])
    for one in node.kernel.cache.instruments():
        day.subscribe_trade_ticks(one.id)
    await watch.done.wait()
    return watch.took


async def bars(node: Any, day: Any, watch: Watch, wanted: dict[str, Any]) -> dict[str, float]:
    del day, watch
    (clients,) = taken(f"{ADAPTER}.factories", "IB_CLIENTS")
    (kind,) = taken("nautilus_trader.model.data", "BarType")
    (contract,) = taken(f"{ADAPTER}.common", "IBContract")
    client = next(iter(clients.values()))
    one = node.kernel.cache.instruments()[0]
    began = now()
    told = await client.get_historical_bars(
        bar_type=kind.from_str(f"{one.id}-1-MINUTE-LAST-EXTERNAL"),
        contract=contract(**one.info["contract"]),
        use_rth=True,
        end_date_time=importlib.import_module("pandas").Timestamp.now(tz="UTC"),
        duration="30 D",
        timeout=DEADLINE_S,
    )
    took = since(began)
    assert len(told) == wanted["bars"], len(told)
    return {f"epoch objects {unit}": value for unit, value in took.items()}


async def orders(node: Any, day: Any, watch: Watch, wanted: dict[str, Any]) -> dict[str, float]:
    del watch
    (side,) = taken("nautilus_trader.model.enums", "OrderSide")
    price, quantity = taken("nautilus_trader.model.objects", "Price", "Quantity")
    one = node.kernel.cache.instruments()[0]

    async def place() -> None:
        order = day.order_factory.limit(
            one.id, side.BUY, quantity.from_str("1"), price.from_str(f"{wanted['limit']:.2f}")
        )
        done = day.waiting[order.client_order_id] = asyncio.Event()
        day.submit_order(order)
        await done.wait()

    for _ in range(wanted["alone"] // 5):
        await place()
    waits = []
    began = now()
    for _ in range(wanted["alone"]):
        start = time.perf_counter()
        await place()
        waits.append(time.perf_counter() - start)
    alone = since(began)
    began = now()
    await asyncio.gather(*(place() for _ in range(wanted["in_flight"])))
    flight = since(began)
    return {
        "p50_s": sorted(waits)[len(waits) // 2],
        "alone cpu_s": alone["cpu_s"] / wanted["alone"],
        "flight wall_s": flight["wall_s"] / wanted["in_flight"],
        "flight cpu_s": flight["cpu_s"] / wanted["in_flight"],
    }


WORK = {"ticks": ticks, "trades": trades, "bars": bars, "orders": orders}


def client_alone(port: int, wanted: dict[str, Any]) -> dict[str, float]:
    """Time the adapter's client: connected, and told of positions, orders and executions."""
    (cached,) = taken(f"{ADAPTER}.factories", "get_cached_ib_client")
    clock, bus = taken("nautilus_trader.common.component", "LiveClock", "MessageBus")
    (cache,) = taken("nautilus_trader.cache.cache", "Cache")
    (trader,) = taken("nautilus_trader.model.identifiers", "TraderId")
    account = wanted["account"]

    async def connect() -> dict[str, float]:
        ticking = clock()
        began = now()
        client = cached(
            asyncio.get_running_loop(),
            bus(trader_id=trader("BENCH-001"), clock=ticking),
            cache(),
            ticking,
            port=port,
        )
        await client.wait_until_ready(DEADLINE_S)
        held = await client.get_positions(account)
        shown = await client.get_open_orders(account)
        await client.get_executions(account)
        took = since(began)
        assert len(held) == wanted["positions"]
        assert len(shown) == wanted.get("orders", 0)
        print(json.dumps({"ready": True}), flush=True)
        client.stop()
        await asyncio.sleep(0.2)
        return took

    return asyncio.run(connect())


def node_at_work(name: str, port: int, wanted: dict[str, Any]) -> dict[str, float]:
    """Start a trading node, and let it do its work."""
    (ib,) = taken(f"{ADAPTER}.common", "IB")
    data, execution = taken(
        f"{ADAPTER}.factories",
        "InteractiveBrokersLiveDataClientFactory",
        "InteractiveBrokersLiveExecClientFactory",
    )
    began = now()
    watch = Watch()
    node = node_of(port, wanted["account"], wanted)
    day = strategy(watch)
    node.trader.add_strategy(day)
    node.add_data_client_factory(ib, data)
    node.add_exec_client_factory(ib, execution)
    node.build()

    async def work() -> dict[str, float]:
        running = asyncio.ensure_future(node.run_async())
        await asyncio.wait_for(day.began.wait(), DEADLINE_S)
        took = since(began)
        print(json.dumps({"ready": True}), flush=True)
        if name in WORK:
            took = await asyncio.wait_for(WORK[name](node, day, watch, wanted), DEADLINE_S)
        await node.stop_async()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return took

    loop = node.get_event_loop()
    told: dict[str, float] = loop.run_until_complete(work())
    return told


def main(name: str, port: int, wanted: dict[str, Any]) -> None:
    importlib.import_module(f"{ADAPTER}.factories")
    importlib.import_module("nautilus_trader.live.node")
    imported = time.perf_counter() - BORN
    took = client_alone(port, wanted) if name == "connect" else node_at_work(name, port, wanted)
    memory = peak_mib()
    print(json.dumps({**took, "import_s": imported, "memory_mib": memory}), flush=True)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
