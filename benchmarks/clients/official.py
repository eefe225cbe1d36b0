"""
One piece of work with the official client, as its samples use it; prints JSON.

Run by the interpreter of the environment that has `ibapi`; knows nothing of this project.

    python benchmarks/clients/official.py ibapi ticks 4002 '{"symbols": [[265598, "AAPL"]]}'
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

LAST = 999
ASKED = 6
"""So often bars are asked for, as in `library.py`."""

DEADLINE_S = 300
BORN = time.perf_counter()


def peak_mib() -> float:
    """Return the most memory that this program has held; the system counts since its start."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split("VmHWM:")[1].split()[0]) / 1024


def now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def since(began: tuple[float, float]) -> dict[str, float]:
    return {"cpu_s": time.process_time() - began[0], "wall_s": time.perf_counter() - began[1]}


def make(wanted: dict[str, Any]) -> Any:
    client = importlib.import_module("ibapi.client")
    wrapper = importlib.import_module("ibapi.wrapper")

    class Program(wrapper.EWrapper, client.EClient):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            client.EClient.__init__(self, self)
            self.ready = threading.Event()
            self.done = threading.Event()
            self.began: tuple[float, float] | None = None
            self.took: dict[str, float] = {}
            self.left = 0
            self.ends = 0
            self.waits: list[int] = []
            self.bars: list[Any] = []
            self.held = 0
            self.order_id = 0
            self.filled: set[int] = set()

        def error(self, *_: Any) -> None:
            pass

        def nextValidId(self, orderId: int) -> None:
            self.order_id = orderId
            self.ready.set()

        def news(self, is_last: bool) -> None:
            if self.began is None:
                self.began = now()
            if is_last:
                self.left -= 1
                if not self.left:
                    self.took = since(self.began)
                    self.done.set()

        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            if "paced" in wanted:
                self.newest = price
            else:
                self.news(price == LAST)

        def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
            if "paced" in wanted:
                stamp = time.monotonic_ns() // 1_000 % 1_000_000_000
                self.waits.append(stamp - int(size))
                if self.newest == LAST:
                    self.done.set()

        def tickByTickAllLast(self, *said: Any) -> None:
            self.news(said[3] == LAST)

        def historicalData(self, reqId: int, bar: Any) -> None:
            self.bars.append(bar)

        def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
            self.done.set()

        def nextOrderId(self) -> int:
            self.order_id += 1
            return self.order_id

        def orderStatus(self, orderId: int, status: str, *_: Any) -> None:
            if status == "Filled" and orderId not in self.filled:
                self.filled.add(orderId)
                self.left -= 1
                if not self.left:
                    self.done.set()

        def position(self, *_: Any) -> None:
            self.held += 1

        def ended(self, *_: Any) -> None:
            self.ends += 1
            if self.ends == 5:
                self.done.set()

        positionEnd = openOrderEnd = accountDownloadEnd = completedOrdersEnd = ended
        execDetailsEnd = ended

    return Program()


def stock(con_id: int, symbol: str) -> Any:
    made = importlib.import_module("ibapi.contract").Contract()
    made.conId, made.symbol = con_id, symbol
    made.secType, made.exchange, made.currency = "STK", "SMART", "USD"
    return made


def wait(event: threading.Event) -> None:
    if not event.wait(DEADLINE_S):
        raise SystemExit("the answer did not come")


def limit_order(price: float) -> Any:
    made = importlib.import_module("ibapi.order").Order()
    made.action, made.orderType, made.lmtPrice = "BUY", "LMT", price
    made.totalQuantity, made.tif = 1, "DAY"
    return made


def orders(app: Any, wanted: dict[str, Any]) -> dict[str, float]:
    def place(count: int) -> None:
        app.left = count
        app.done.clear()
        for _ in range(count):
            order = limit_order(wanted["limit"])
            app.placeOrder(app.nextOrderId(), stock(265598, "AAPL"), order)
        wait(app.done)

    for _ in range(wanted["alone"] // 5):
        place(1)
    waits = []
    began = now()
    for _ in range(wanted["alone"]):
        start = time.perf_counter()
        place(1)
        waits.append(time.perf_counter() - start)
    alone = since(began)
    began = now()
    place(wanted["in_flight"])
    flight = since(began)
    return {
        "p50_s": sorted(waits)[len(waits) // 2],
        "alone cpu_s": alone["cpu_s"] / wanted["alone"],
        "flight wall_s": flight["wall_s"] / wanted["in_flight"],
        "flight cpu_s": flight["cpu_s"] / wanted["in_flight"],
    }


def work(app: Any, name: str, wanted: dict[str, Any]) -> dict[str, float]:
    if name == "orders":
        return orders(app, wanted)
    if name == "bars":
        found: dict[str, float] = {}
        for kind, form in (("text", 1), ("epoch", 2)):
            rows = []
            for _ in range(ASKED):
                app.done.clear()
                app.bars.clear()
                began = now()
                app.reqHistoricalData(
                    form, stock(265598, "AAPL"), "", "30 D", "1 min", "TRADES", 1, form, False, []
                )
                wait(app.done)
                rows.append(since(began))
                assert len(app.bars) == wanted["bars"]
            for unit in ("cpu_s", "wall_s"):
                median = statistics.median(one[unit] for one in rows[1:])
                found[f"{kind} objects {unit}"] = median
        return found
    began = now()
    followed = wanted["trade_symbols" if name == "trades" else "symbols"]
    followed = followed[:1] if name == "latency" else followed
    app.left = len(followed)
    for number, (con_id, symbol) in enumerate(followed):
        if name == "trades":
            app.reqTickByTickData(100 + number, stock(con_id, symbol), "AllLast", 0, False)
        else:
            app.reqMktData(100 + number, stock(con_id, symbol), "", False, False, [])
    wait(app.done)
    if name != "latency":
        return dict(app.took)
    app.waits.sort()
    return {**since(began), "p50_s": app.waits[len(app.waits) // 2] / 1e6}


def main(name: str, port: int, wanted: dict[str, Any]) -> None:
    app = make(wanted)
    imported = time.perf_counter() - BORN
    began = now()
    app.connect("127.0.0.1", port, 1)
    threading.Thread(target=app.run, daemon=True).start()
    wait(app.ready)
    # what the others ask for when they connect
    filters = importlib.import_module("ibapi.execution")
    app.reqPositions()
    app.reqOpenOrders()
    app.reqAccountUpdates(True, "")
    app.reqCompletedOrders(False)
    app.reqExecutions(1, filters.ExecutionFilter())
    wait(app.done)
    took = since(began)
    app.done.clear()
    print(json.dumps({"ready": True}), flush=True)
    if name in {"connect", "start"}:
        assert app.held == wanted["positions"]
    else:
        took = work(app, name, wanted)
    app.disconnect()
    memory = peak_mib()
    print(json.dumps({**took, "import_s": imported, "memory_mib": memory}), flush=True)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
