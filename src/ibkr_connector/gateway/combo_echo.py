"""
Combinations as the gateway describes them, for the changes of their orders.

TWS lists the legs of a combination in an order of its own, and refuses a change (105, "does not
match original order") that describes the combination as it was placed and not as TWS shows it
(ib_insync issue 464). So what TWS has shown is sent back.
"""

from __future__ import annotations

from ibkr_connector.model.contracts import Action, Contract
from ibkr_connector.model.ids import ClientId, OrderId

from .port import BrokerOrder, OrderTicket

__all__ = ["ComboEcho"]


class ComboEcho:
    """Remembers the combinations that a session is shown."""

    def __init__(self, client_id: ClientId) -> None:
        self._client_id = client_id
        self._shown: dict[OrderId, tuple[Action, Contract]] = {}

    def shown(self, order: BrokerOrder) -> None:
        """Take in the order of a combination as the broker describes it."""
        if order.client_id == self._client_id:
            self._shown[order.order_id] = (order.action, order.contract)

    def contract_of(self, ticket: OrderTicket) -> Contract:
        """Return the contract to send with an order: what TWS has shown of it, if anything."""
        if not ticket.contract.legs:
            return ticket.contract
        action, shown = self._shown.get(ticket.order_id, (None, ticket.contract))
        return shown if action is ticket.action else ticket.contract
