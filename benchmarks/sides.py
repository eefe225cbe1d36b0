"""
The sides of the comparison in `desk.py`: bare ib_async, the connector, and two floors beside them.

Each places orders, and returns at the word that is waited for. A program makes one of them and has
loaded nothing that only another needs, since Python's collector of cycles goes over all there is.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import ib_async

import ibkr_connector  # loads nothing until a name is asked for
from ibkr_connector.loops import loop_factory

from .floor import Floor
from .selling import BELOW, pieces

__all__ = ["BARE", "FLUSH", "HOP", "OURS", "SIDES", "Side", "side"]

BARE: Final = "ib_async"
OURS: Final = "connector"
HOP: Final = "a hop"
FLUSH: Final = "a hop and a flush"

SIDES: Final = (BARE, OURS, HOP, FLUSH)
"""All of them; the two whose ratio counts are neighbours."""


class Side(Protocol):
    """Who places orders, on which event loop; `clear` leaves no order and no position behind."""

    loop: str

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def place(self, limit: Decimal, *, fills: bool) -> None: ...
    async def clear(self) -> None: ...


def side(name: str, port: int, *, folder: Path, messages_per_second: int) -> Side:
    """Make one of `SIDES`; what it writes goes to the folder, and only the connector has a pace."""
    if name == BARE:
        return _Bare(port)
    if name == OURS:
        return _Desk(port, folder, messages_per_second)
    return Floor(port, path=folder / "floor.sqlite3" if name == FLUSH else None)


class _Bare:
    """ib_async, its throttle off."""

    loop = "asyncio"

    def __init__(self, port: int) -> None:
        self._port = port
        self._stock = ib_async.Stock("AAPL", "SMART", "USD")
        self._resting: list[ib_async.Trade] = []
        self._bought = 0

    async def open(self) -> None:
        self._ib = ib_async.IB()
        self._ib.client.MaxRequests = 0
        await self._ib.connectAsync("127.0.0.1", self._port, clientId=1, timeout=60)
        await self._ib.qualifyContractsAsync(self._stock)

    async def close(self) -> None:
        self._ib.disconnect()

    async def place(self, limit: Decimal, *, fills: bool) -> None:
        trade = await self._reached(ib_async.LimitOrder("BUY", 1, float(limit)), fills=fills)
        if fills:
            self._bought += 1
        else:
            self._resting.append(trade)

    async def clear(self) -> None:
        for trade in self._resting:
            self._ib.cancelOrder(trade.order)
        for trade in self._resting:
            while not trade.isDone():
                await trade.statusEvent
        self._resting.clear()
        for quantity in pieces(self._bought):
            await self._reached(ib_async.LimitOrder("SELL", quantity, float(BELOW)), fills=True)
        self._bought = 0

    async def _reached(self, order: ib_async.Order, *, fills: bool) -> ib_async.Trade:
        wanted = {"Filled"} if fills else {"Submitted", "Filled"}
        reached = asyncio.get_running_loop().create_future()

        def look(changed: ib_async.Trade) -> None:
            if changed.orderStatus.status in wanted and not reached.done():
                reached.set_result(None)

        trade = self._ib.placeOrder(self._stock, order)
        trade.statusEvent += look
        await reached
        trade.statusEvent -= look
        return trade


class _Desk:
    """The connector, called from the loop of a user."""

    def __init__(self, port: int, folder: Path, messages_per_second: int) -> None:
        settings = ibkr_connector.Settings.load(
            port=port, client_id=1, readonly=False, state_dir=folder
        )
        self.loop = "asyncio" if loop_factory(settings.event_loop) is None else "uvloop"
        # the budget is more than a profile may say
        self._ib = ibkr_connector.IBKRConnector.create(
            settings.model_copy(update={"messages_per_second": messages_per_second})
        )
        self._resting: list[int] = []
        self._bought = 0

    async def open(self) -> None:
        await self._ib.connect()
        await self._ib.get_quote("AAPL")

    async def close(self) -> None:
        await self._ib.disconnect()

    async def place(self, limit: Decimal, *, fills: bool) -> None:
        order = ibkr_connector.limit_order("AAPL", ibkr_connector.Action.BUY, 1, limit_price=limit)
        report = await self._ib.place_order(order, wait="filled" if fills else "submitted")
        if fills:
            self._bought += 1
        else:
            self._resting.append(report.order_id)

    async def clear(self) -> None:
        await asyncio.gather(*(self._ib.cancel_order(number) for number in self._resting))
        self._resting.clear()
        selling = ibkr_connector.Action.SELL
        for quantity in pieces(self._bought):
            order = ibkr_connector.limit_order("AAPL", selling, quantity, limit_price=BELOW)
            await self._ib.place_order(order, wait="filled")
        self._bought = 0
