"""
What a session says, turned into what the ledger knows and into questions to the broker.

Owns: which scope an error message is read in, and what the end of a session means for orders whose
answer had not come.
"""

from __future__ import annotations

from typing import Final

from ibkr_connector.codes import OrderEffect, Scope, lookup
from ibkr_connector.gateway.port import (
    CommissionReported,
    Execution,
    GatewayEvent,
    OpenOrderSeen,
    OrderFault,
    OrderGateway,
    OrderStatusSeen,
    SessionEnded,
)

from .book import Book
from .cancelling import Cancelling
from .evidence import NOTHING_NEW, Seen, read_fault, see, see_fault
from .inquiry import Inquiry
from .modifying import Modifying
from .states import Event, State

__all__ = ["Hearing"]

_OF_ORDERS: Final = frozenset(
    {OrderStatusSeen, OpenOrderSeen, Execution, CommissionReported, OrderFault, SessionEnded}
)

_EVIDENCE: Final = (OrderStatusSeen, OpenOrderSeen, Execution, CommissionReported)


class Hearing:
    """Take in events; lives on the desk's loop."""

    def __init__(
        self,
        *,
        book: Book,
        gateway: OrderGateway,
        inquiry: Inquiry,
        cancelling: Cancelling,
        modifying: Modifying,
    ) -> None:
        self._book = book
        self._ledger = book.ledger
        self._clock = book.clock
        self._gateway = gateway
        self._inquiry = inquiry
        self._cancelling = cancelling
        self._modifying = modifying

    def apply(self, event: GatewayEvent) -> None:
        """Take in what a session says; events that are not about orders pass by."""
        # most events are of accounts: one look tells
        if type(event) not in _OF_ORDERS:
            return
        if isinstance(event, _EVIDENCE):
            seen = see(self._ledger, event, at=self._clock.utcnow())
            # most messages repeat what is known
            if seen is not NOTHING_NEW:
                if seen.stranger and isinstance(event, OrderStatusSeen):
                    # a status does not say of what: the broker's list does
                    self._inquiry.meet(f"{event.client_id}/{event.order_id}/{event.perm_id}")
                self._take(seen)
            if type(event) is OpenOrderSeen:
                self._modifying.shown(event.order)
        elif isinstance(event, OrderFault):
            self._apply_fault(event)
        elif isinstance(event, SessionEnded):
            self._session_ended()

    def _apply_fault(self, fault: OrderFault) -> None:
        entry = self._ledger.by_order_id(self._gateway.client_id, fault.order_id)
        if entry is None:
            return
        changing = self._modifying.is_under_way(entry.key)
        scope = Scope.CANCEL if entry.cancel_asked else Scope.ORDER
        scope = Scope.MODIFY if changing else scope
        row = lookup(fault.code, scope, fault.text)
        asks = row.order in (OrderEffect.HINT, OrderEffect.VERDICT)
        if entry.cancel_asked and asks and entry.is_open:
            self._cancelling.refused(entry.key, fault)
        if changing and asks:
            self._modifying.refused(entry.key, fault)
        own, reading = self._gateway.client_id, read_fault(fault, row)
        self._take(see_fault(self._ledger, reading, client_id=own, at=self._clock.utcnow()))

    def _take(self, seen: Seen) -> None:
        # the window opens before anybody wakes: who waits must see that the verdict is not out
        for key in seen.ask:
            self._inquiry.open_window(key)
        self._book.take(seen)

    def _session_ended(self) -> None:
        self._inquiry.session_ended()
        for entry in tuple(self._ledger):
            if entry.state is State.SENT:
                self._book.move(
                    entry.key,
                    Event.LOSE,
                    cause="session ended",
                    reason="the connection was lost before the broker had answered",
                )
        self._book.wake_all()
