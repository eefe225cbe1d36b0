"""An error message that names an order, read by the code table; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ibkr_connector.codes import CodeRow, OrderEffect
from ibkr_connector.gateway.port import OrderFault
from ibkr_connector.model.ids import OrderId

__all__ = ["FaultReading", "read_fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReading:
    """
    An error message that names an order, as `codes.py` reads it.

    `dead` proves that a new order is dead, `ask` opens a verdict window; both false is a warning.
    """

    order_id: OrderId
    code: int
    text: str
    dead: bool
    ask: bool


def read_fault(fault: OrderFault, row: CodeRow) -> FaultReading:
    """Say what a message means for its order."""
    return FaultReading(
        order_id=fault.order_id,
        code=fault.code,
        text=fault.text,
        dead=row.order is OrderEffect.DEAD,
        ask=row.order in (OrderEffect.HINT, OrderEffect.VERDICT),
    )
