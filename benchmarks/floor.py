"""
What the hop between two threads and the disk alone make of an order.

Bare ib_async on a thread of its own, asked from the loop of a user, with nothing else of what a
connector does: the call goes over to the thread and its result comes back, and before the order is
sent a row is flushed to SQLite by a thread that writes, into a write-ahead file that need not grow,
as the connector's journal does it. No journal written ahead of an order, asked from another thread,
can cost less on this machine; what a connector adds is what it takes beyond.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import ib_async

from ibkr_connector.loops import loop_factory

from .selling import BELOW, pieces

__all__ = ["Floor", "Rows"]

_ROW: Final = "x" * 1200
"""About as long as what is written of an order."""

_LAP: Final = 100
"""So many rows, and the write-ahead file is written from its beginning again."""

_INSERT: Final = "INSERT INTO rows (body) VALUES (?)"
_BEGIN_ANEW: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class Floor:
    """
    One side of the comparison; see `sides.Side`.

    Args:
        port: Of the gateway.
        path: Where the rows go; without one nothing is written, and the hop alone is left.
    """

    def __init__(self, port: int, *, path: Path | None = None) -> None:
        self._port = port
        self._factory = loop_factory("auto")
        self.loop = "asyncio" if self._factory is None else "uvloop"
        self._stock = ib_async.Stock("AAPL", "SMART", "USD")
        self._resting: list[ib_async.Trade] = []
        self._bought = 0
        self._rows = None if path is None else Rows(path)

    async def open(self) -> None:
        """Start the thread, and connect on it."""
        started = threading.Event()

        def serve() -> None:
            with asyncio.Runner(loop_factory=self._factory) as runner:
                self._loop = runner.get_loop()
                asyncio.set_event_loop(self._loop)
                self._loop.call_soon(started.set)
                runner.run(self._serve())

        self._thread = threading.Thread(target=serve, name="floor", daemon=True)
        self._thread.start()
        await asyncio.to_thread(started.wait)
        await self._over(self._connect)

    async def close(self) -> None:
        """Leave."""
        self._loop.call_soon_threadsafe(self._left.set)
        await asyncio.to_thread(self._thread.join)
        if self._rows is not None:
            await asyncio.to_thread(self._rows.close)

    async def place(self, limit: Decimal, *, fills: bool) -> None:
        """Place one order and return at the word that is waited for."""
        here = asyncio.get_running_loop()
        returned = here.create_future()

        def answer() -> None:
            here.call_soon_threadsafe(returned.set_result, None)

        def send() -> None:
            self._send(limit, fills, answer)

        def begin() -> None:
            if self._rows is None:
                send()
            else:
                self._rows.put(lambda: self._loop.call_soon_threadsafe(send))

        self._loop.call_soon_threadsafe(begin)
        await returned

    async def clear(self) -> None:
        """Cancel what rests, and sell what was bought."""
        await self._over(self._clear)

    # --- on the thread --------------------------------------------------------------------------

    async def _serve(self) -> None:
        self._left = asyncio.Event()
        await self._left.wait()
        self._ib.disconnect()

    async def _connect(self) -> None:
        self._ib = ib_async.IB()
        self._ib.client.MaxRequests = 0
        await self._ib.connectAsync("127.0.0.1", self._port, clientId=1, timeout=60)
        await self._ib.qualifyContractsAsync(self._stock)

    def _send(self, limit: Decimal, fills: bool, answer: Callable[[], None]) -> None:
        order = ib_async.LimitOrder("BUY", 1, float(limit))
        wanted = {"Filled"} if fills else {"Submitted", "Filled"}
        trade = self._ib.placeOrder(self._stock, order)

        def look(changed: ib_async.Trade) -> None:
            if changed.orderStatus.status in wanted:
                trade.statusEvent -= look
                answer()

        trade.statusEvent += look
        if fills:
            self._bought += 1
        else:
            self._resting.append(trade)

    async def _clear(self) -> None:
        for trade in self._resting:
            self._ib.cancelOrder(trade.order)
        for trade in self._resting:
            while not trade.isDone():
                await trade.statusEvent
        self._resting.clear()
        for quantity in pieces(self._bought):
            sale = ib_async.LimitOrder("SELL", quantity, float(BELOW))
            trade = self._ib.placeOrder(self._stock, sale)
            while not trade.isDone():
                await trade.statusEvent
        self._bought = 0

    async def _over(self, do: Callable[[], object]) -> None:
        await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(do(), self._loop)  # type: ignore[arg-type]
        )


class Rows:
    """One thread that writes one row after the other, each flushed before it is told."""

    def __init__(self, path: Path) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._path = path
        self._thread = threading.Thread(target=self._write, name="floor-rows", daemon=True)
        self._thread.start()

    def put(self, written: Callable[[], object]) -> None:
        """Write a row, and call when it would survive the loss of power."""
        self._waiting.put(written)

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _write(self) -> None:
        rows = sqlite3.connect(self._path, isolation_level=None)
        rows.execute("PRAGMA journal_mode=WAL")
        rows.execute("PRAGMA synchronous=FULL")
        rows.execute("PRAGMA fullfsync=ON")
        rows.execute("PRAGMA wal_autocheckpoint=0")
        rows.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, body TEXT)")
        # a flush is much faster where the file need not grow: it is made longer than a lap needs,
        # and begun anew when who waited for a row has been told
        for _ in range(2 * _LAP):
            rows.execute(_INSERT, (_ROW,))
        rows.execute(_BEGIN_ANEW).fetchall()
        for number, written in enumerate(iter(self._waiting.get, None), 1):
            rows.execute(_INSERT, (_ROW,))
            written()
            if number % _LAP == 0:
                rows.execute(_BEGIN_ANEW).fetchall()
        rows.close()
