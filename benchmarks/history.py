"""
Historical bars to a DataFrame, beside `ib_async` with `util.df`.

Both ask the same gateway, a simulator in a process of its own, for the same long answer, in turns
(A B A B), and make a `pandas.DataFrame` of it. What is compared is the processor time of the
client's process from the request to the frame: the time in which the gateway writes the answer is
on both sides, and no client's merit. Ours goes through its limits, its pipeline and two threads.

    python -m benchmarks history [--rounds N] [--json]
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import ib_async

from ibkr_connector import IBKRConnector, Settings
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.dialogue import ClientSession, handlers
from ibkr_connector.simulator.wire.replies import Bar, HistoricalData
from ibkr_connector.simulator.wire.requests import ReqHistoricalData

__all__ = ["BARS", "TARGET", "Bars", "compare", "report"]

BARS: Final = 20_000
"""Bars of one answer: fifty days of minutes."""

TARGET: Final = 2.0
"""How many times faster than ib_async with `util.df` a frame is to be there."""

_FIRST: Final = 1_780_000_020
_DURATION: Final = "30 D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """What came out: bars a second of processor time, by library, and medians of the ratios."""

    bare: float
    pandas: float
    polars: float
    ratio_pandas: float
    ratio_polars: float

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio_pandas >= TARGET

    @property
    def ratios(self) -> Mapping[str, float]:
        """How many times as fast as ib_async."""
        return {"pandas": self.ratio_pandas, "polars": self.ratio_polars}


async def _serve(bars: int) -> None:
    rows = tuple(
        Bar(
            date=str(_FIRST + 60 * number),
            open=Decimal(20_000 + number % 701) / 100,
            high=Decimal(20_040 + number % 701) / 100,
            low=Decimal(19_970 + number % 701) / 100,
            close=Decimal(20_011 + number % 701) / 100,
            volume=Decimal(1_000 + number % 313),
            wap=Decimal(200_103 + number % 701) / 1000,
            count=100 + number % 17,
        )
        for number in range(bars)
    )

    def answer(session: ClientSession, request: ReqHistoricalData, now: datetime) -> None:
        del now
        session.say(HistoricalData(request_id=request.request_id, start="", end="", bars=rows))

    handlers.HANDLERS = {**handlers.HANDLERS, ReqHistoricalData: answer}  # type: ignore[misc]
    async with GatewaySimulator() as simulator:
        print(json.dumps({"port": simulator.port}), flush=True)
        await asyncio.Event().wait()


@contextmanager
def _running(bars: int) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.history", str(bars)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.kill()


async def _bare(port: int, bars: int) -> float:
    ib = ib_async.IB()
    await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=60)
    stock = ib_async.Stock("AAPL", "SMART", "USD")
    await ib.qualifyContractsAsync(stock)
    began = time.process_time()
    found = await ib.reqHistoricalDataAsync(
        stock, "", _DURATION, "1 min", "TRADES", useRTH=True, formatDate=2, timeout=0
    )
    frame = ib_async.util.df(found)
    took = time.process_time() - began
    assert frame is not None
    assert len(frame) == bars
    ib.disconnect()
    return took


async def _ours(port: int, place: Path, bars: int) -> tuple[float, float]:
    settings = Settings.load(port=port, state_dir=place, client_id=2)
    took = []
    async with IBKRConnector.create(settings) as ib:
        await ib.capabilities()
        for kind in ("to_pandas", "to_polars"):
            began = time.process_time()
            series = await ib.get_historical_data("AAPL", duration=_DURATION, bar_size="1 min")
            frame = getattr(series, kind)()
            took.append(time.process_time() - began)
            assert len(frame) == bars
    return took[0], took[1]


def compare(turns: int, *, bars: int = BARS) -> Bars:
    """Measure in turns."""
    # what is only read once is read before anything is measured
    importlib.import_module("polars")
    ib_async.util.df([ib_async.BarData()])
    bare: list[float] = []
    pandas_s: list[float] = []
    polars_s: list[float] = []
    with _running(bars) as port, tempfile.TemporaryDirectory() as place:
        asyncio.run(_ours(port, Path(place), bars))
        for _ in range(turns):
            bare.append(asyncio.run(_bare(port, bars)))
            one, other = asyncio.run(_ours(port, Path(place), bars))
            pandas_s.append(one)
            polars_s.append(other)
    return Bars(
        bare=bars / statistics.median(bare),
        pandas=bars / statistics.median(pandas_s),
        polars=bars / statistics.median(polars_s),
        ratio_pandas=statistics.median(b / o for b, o in zip(bare, pandas_s, strict=True)),
        ratio_polars=statistics.median(b / o for b, o in zip(bare, polars_s, strict=True)),
    )


def report(found: Bars) -> str:
    """Say it in lines."""
    verdict = "met" if found.is_met else "MISSED"
    return "\n".join(
        (
            "bars a second of the client's processor time, from the request to the frame:",
            f"  ib_async with util.df  {found.bare:>12,.0f}",
            f"  to_pandas              {found.pandas:>12,.0f}   {found.ratio_pandas:.1f} times  "
            f"target {TARGET:g}: {verdict}",
            f"  to_polars              {found.polars:>12,.0f}   {found.ratio_polars:.1f} times",
        )
    )


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
