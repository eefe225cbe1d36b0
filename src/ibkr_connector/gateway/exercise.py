"""
The exercise of options, as ib_async's `exerciseOptions` takes it.

The message (21) names an order id and no reference; source: ib_async client.py.
"""

from __future__ import annotations

from typing import Any, Final

from ibkr_connector.model.terms import Exercise

from .port import OrderTicket
from .translate import ib_contract

__all__ = ["exercise_fields"]

_EXERCISE: Final = 1
_LAPSE: Final = 2


def exercise_fields(ticket: OrderTicket) -> tuple[Any, ...]:
    """Return its arguments; the quantity goes out whole (ib_insync, thread 152)."""
    how = ticket.terms.exercise or Exercise()
    return (
        ticket.order_id,
        ib_contract(ticket.contract),
        _LAPSE if how.lapse else _EXERCISE,
        int(ticket.quantity),
        ticket.account,
        int(how.override),
    )
