"""
One piece of work with the connector; prints JSON.

`connector` reads its streams with `async for`, on the user's loop behind the hop between threads,
and takes bars as frames. `hatch` uses ib_async's objects through `request`, as a program does that
comes from there.

    python -m benchmarks.clients.ours connector ticks 4002 '{"symbols": [[265598, "AAPL"]]}'
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

BORN = time.perf_counter()

from ibkr_connector import (  # noqa: E402
    Action,
    Contract,
    IBKRConnector,
    Quote,
    Settings,
    limit_order,
)
from ibkr_connector.model.ids import ConId  # noqa: E402
from ibkr_connector.model.streams import Trade  # noqa: E402
from ibkr_connector.runtime import load_engine  # noqa: E402

load_engine()  # else `connect` does, and it counts there

from . import library  # noqa: E402
from .library import ASKED, LAST, Watch, now, peak_mib, since, usual  # noqa: E402

IMPORTED = time.perf_counter() - BORN


def _wanted(rows: list[tuple[int, str]]) -> list[Contract]:
    return [Contract(symbol=symbol, con_id=ConId(con_id)) for con_id, symbol in rows]


async def ticks(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, float]:
    contracts = _wanted(wanted["symbols"])
    watch = Watch(len(contracts))

    async def read(contract: Contract) -> None:
        async for quote in ib.stream_quotes(contract):
            is_last = isinstance(quote, Quote) and quote.ask == LAST
            watch.news(is_last)
            if is_last:
                return

    await asyncio.gather(*map(read, contracts))
    return watch.took


async def trades(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, float]:
    contracts = _wanted(wanted["trade_symbols"])
    watch = Watch(len(contracts))

    async def read(contract: Contract) -> None:
        async for trade in ib.stream_trades(contract, buffer=wanted["trades"]):
            is_last = isinstance(trade, Trade) and trade.price == LAST
            watch.news(is_last)
            if is_last:
                return

    await asyncio.gather(*map(read, contracts))
    return watch.took


async def latency(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, float]:
    waits: list[int] = []
    began = now()
    async for quote in ib.stream_quotes(_wanted(wanted["symbols"])[0]):
        if isinstance(quote, Quote) and quote.bid_size is not None:
            stamp = time.monotonic_ns() // 1_000 % 1_000_000_000
            waits.append(stamp - int(quote.bid_size))
            if quote.bid == LAST:
                break
    waits.sort()
    return {**since(began), "p50_s": waits[len(waits) // 2] / 1e6}


async def bars(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for kind in ("pandas", "polars"):
        rows: list[dict[str, float]] = []
        # the first one pays for the import of the library
        for _ in range(ASKED):
            began = now()
            series = await ib.get_historical_data("AAPL", duration="30 D", bar_size="1 min")
            frame = getattr(series, f"to_{kind}")()
            rows.append(since(began))
            assert len(frame) == wanted["bars"]
        found |= usual(kind, rows)
    return found


async def memory(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, Any]:
    flood = library.Flood(wanted)

    async def read(contract: Contract) -> None:
        async for quote in ib.stream_quotes(contract):
            if isinstance(quote, Quote):
                flood.news(quote.last)

    readers = [asyncio.ensure_future(read(one)) for one in _wanted(wanted["symbols"])]
    began = now()
    await flood.done.wait()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    return {**since(began), "samples": flood.samples}


async def orders(ib: IBKRConnector, wanted: dict[str, Any]) -> dict[str, float]:
    price = Decimal(str(wanted["limit"]))

    async def place() -> None:
        await ib.place_order(limit_order("AAPL", Action.BUY, 1, limit_price=price), wait="filled")

    return await library.placed(place, wanted)


SETTLED_S = 3.0

WORK = {
    "ticks": ticks,
    "trades": trades,
    "latency": latency,
    "bars": bars,
    "orders": orders,
    "memory": memory,
}


async def main(way: str, work: str, port: int, wanted: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(
            port=port,
            state_dir=Path(folder),
            client_id=2,
            messages_per_second=1_000,
            market_data_lines=1_000,
            request_timeout_s=1_800 if work == "memory" else 120,
            readonly=work != "orders",
        )
        if work == "orders":
            # a budget that nobody reaches: pacing is a manner and no cost
            settings = settings.model_copy(update={"messages_per_second": 1_000_000})
        ib = IBKRConnector.create(settings)
        began = now()
        await ib.connect()
        took = since(began)
        if work == "memory":
            # a second behind `ready` it imports and makes what it did without until then
            await asyncio.sleep(SETTLED_S)
        print(json.dumps({"ready": True}), flush=True)
        if work in {"connect", "start"}:
            assert len(await ib.get_positions()) == wanted["positions"]
        elif way == "connector":
            took = await WORK[work](ib, wanted)
        else:
            took = await ib.request("work", lambda bare: _through(bare, work, wanted))
        await ib.disconnect()
    memory = peak_mib()
    print(json.dumps({**took, "import_s": IMPORTED, "memory_mib": memory}), flush=True)


async def _through(bare: Any, work: str, wanted: dict[str, Any]) -> dict[str, float]:
    import ib_async

    return await library.WORK[work](bare, ib_async, wanted)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
