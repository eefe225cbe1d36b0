"""Which order a user means by a number."""

from __future__ import annotations

from ibkr_connector.errors import IBKRError, OrderNotFoundError
from ibkr_connector.gateway.port import Execution, OrderGateway
from ibkr_connector.model.advisor import is_advisors_own
from ibkr_connector.model.ids import OrderId, PermId
from ibkr_connector.model.orders import SendDisposition

from .book import Book
from .entry import OrderEntry
from .history import order_history

__all__ = ["Finder"]


class Finder:
    """Find orders by their order id or their permanent id."""

    def __init__(self, book: Book, gateway: OrderGateway) -> None:
        self.book = book
        self._ledger = book.ledger
        self._gateway = gateway

    def find(self, order_id: int) -> OrderEntry:
        """
        Return the order with that number.

        Raises:
            OrderNotFoundError: No such order is known.
        """
        own = None
        if self._has_client_id():
            own = self._ledger.by_order_id(self._gateway.client_id, OrderId(order_id))
        entry = own or self._ledger.by_perm_id(PermId(order_id))
        if entry is None:
            # without a session, or after a change of the client id, the number alone must do
            found = [e for e in self._ledger if e.is_own and e.order_id == order_id]
            entry = found[0] if len(found) == 1 else None
        if entry is None:
            raise OrderNotFoundError(
                f"no order {order_id} is known",
                request_id=order_id,
                disposition=SendDisposition.UNSENT,
            )
        return entry

    def is_block(self, execution: Execution) -> bool:
        """Whether it is one of a divided order as a whole, which moves nobody's position."""
        if not is_advisors_own(execution.account):
            return False
        entry = self._ledger.find(
            perm_id=execution.perm_id,
            client_id=execution.client_id,
            order_id=execution.order_id,
            order_ref=execution.order_ref,
        )
        return entry is not None and entry.terms.is_divided

    async def look_up(self, order_id: int) -> OrderEntry:
        """
        Return the order with that number, from the journal when it has left memory.

        Raises:
            OrderNotFoundError: No such order is known.
        """
        try:
            return self.find(order_id)
        except OrderNotFoundError:
            if not self.book.retention.has_forgotten:
                raise
        told = await order_history(self.book.journal, order_id)
        await self.book.retention.recall(told.order.order_ref)
        return self.find(told.order.perm_id or order_id)

    def ours(self) -> list[OrderEntry]:
        """Return the open orders of this client id whose intents our journal has."""
        if not self._has_client_id():
            return []
        own = self._gateway.client_id
        return [one for one in self._ledger if one.is_own and one.is_open and one.client_id == own]

    def _has_client_id(self) -> bool:
        try:
            return self._gateway.client_id is not None
        except IBKRError:
            return False
