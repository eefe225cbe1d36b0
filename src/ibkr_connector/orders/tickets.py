"""An order ready for the wire, made of what was asked for and of what it was given here."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import OrderRequest

__all__ = ["ticket_of"]

_ticket: Final = quick(OrderTicket)


def ticket_of(
    request: OrderRequest,
    contract: Contract,
    account: str,
    *,
    order_id: OrderId,
    order_ref: str,
    parent_id: OrderId | None = None,
    transmit: bool = True,
    reckoned: Decimal | None = None,
) -> OrderTicket:
    """Put a request on the contract that it means, in the account that was chosen for it."""
    return _ticket(
        order_id=order_id,
        order_ref=order_ref,
        contract=contract,
        action=request.action,
        quantity=request.quantity,
        order_type=request.order_type,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        time_in_force=request.time_in_force,
        outside_regular_hours=request.outside_regular_hours,
        account=account,
        terms=request.terms,
        parent_id=parent_id,
        transmit=transmit,
        reckoned=reckoned,
    )
