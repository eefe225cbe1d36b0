"""Lists of orders and fills as users receive them: `await ib.order_book.orders()`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ibkr_connector.model.orders import Fill, OrderReport

from .desk import OrdersDesk

__all__ = ["OrderBook"]

T = TypeVar("T")


class _Hop(Protocol):
    def __call__(self, read: Callable[[OrdersDesk], T], /) -> Coroutine[Any, Any, T]: ...


class OrderBook:
    """
    What the ledger holds of orders and fills, those of other clients included.

    Closed orders leave it after `keep_closed_orders_s`; `order_history` knows them for ever.

    Args:
        hop: Reads the desk on its own loop.
    """

    def __init__(self, hop: _Hop) -> None:
        self._hop = hop

    async def orders(self, *, open_only: bool = False) -> tuple[OrderReport, ...]:
        """
        Return every order that is known, in the order in which we met them.

        Raises:
            NotConnectedError: `connect` was not called.

        Source: our ledger, kept by events. Cost: none.
        """
        return await self._hop(lambda desk: desk.orders(open_only=open_only))

    async def fills(self) -> tuple[Fill, ...]:
        """
        Return the executions of those orders, in the order of the broker's time.

        One that was corrected is told as it counts now. One that is heard of late has an earlier
        time than others that were told before it, and says `recovered`.
        """
        reports = await self.orders()
        fills = {fill.exec_id: fill for report in reports for fill in report.fills}
        return tuple(sorted(fills.values(), key=lambda fill: (fill.time, fill.exec_id)))
