"""
A change of an order, as values: what it becomes, and whether the broker shows it so.

Owns: what may be changed, what a trail keeps through a change, and what proves that its stop was
moved. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.orders import Action, OrderRequest, OrderType

from .entry import OrderEntry
from .reading import NAMES, READERS
from .values import read_values, unknown_key

__all__ = ["as_request_of", "changed", "changed_ticket", "is_as", "is_proven", "moves_trail"]

_CHANGEABLE: Final = (
    "quantity",
    "limit_price",
    "stop_price",
    "time_in_force",
    "good_till",
    "good_after",
    "outside_regular_hours",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "offset",
    "display_size",
    "adaptive",
)
"""What TWS lets be changed; for anything else the order is cancelled and placed anew."""

_READERS: Final = MappingProxyType({name: READERS[name] for name in _CHANGEABLE})
_TRAILS: Final = (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)


def as_request_of(entry: OrderEntry) -> OrderRequest:
    """Describe a working order of ours as it stands at the broker."""
    ticket = entry.ticket
    assert ticket is not None  # it is ours
    # of a trail the broker tells where its stop is now; that is no term of it
    trails = ticket.order_type in _TRAILS
    terms = entry.terms
    if trails and ticket.limit_price is not None and ticket.stop_price is not None:
        # the distance of its first limit from its first stop is what has stayed
        offset = terms.limit_offset or abs(ticket.limit_price - ticket.stop_price)
        terms = replace(terms, limit_offset=offset)
    return OrderRequest(
        contract=ticket.contract,
        action=ticket.action,
        quantity=entry.quantity,
        order_type=ticket.order_type,
        limit_price=None if trails else entry.limit_price,
        stop_price=None if trails else entry.stop_price,
        time_in_force=type(ticket.time_in_force)(entry.time_in_force),
        outside_regular_hours=entry.outside_regular_hours,
        account=ticket.account or None,  # one that is divided has none
        **dict(terms),
    )


def changed(request: OrderRequest, changes: Mapping[str, Any]) -> OrderRequest:
    """
    Return the order as it is to be.

    Raises:
        OrderValidationError: That cannot be changed, or is not understood.
    """
    faults = []
    for key in changes:
        if key in NAMES and key not in _CHANGEABLE:
            faults.append(f"{key} of an order cannot be changed; cancel it and place another")
        elif key not in _CHANGEABLE:
            faults.append(unknown_key(key, _CHANGEABLE))
    if request.order_type in _TRAILS and "limit_price" in changes:
        faults.append("limit_price of a trailing order follows its stop; change limit_offset")
    if "adaptive" in changes and (request.adaptive is None or changes["adaptive"] is None):
        faults.append(
            "adaptive can change its priority, but neither begin nor end; cancel the order and "
            "place another"
        )
    values = read_values(changes, _READERS, faults)
    if faults:
        raise OrderValidationError("; ".join(faults))
    # what was given as None takes the term away
    values |= {key: None for key in changes if changes[key] is None}
    for key in ("good_till", "good_after"):
        if values.get(key) is not None:
            values[key] = values[key].replace(microsecond=0)  # the wire has whole seconds
    return replace(request, **values)


def changed_ticket(entry: OrderEntry, wanted: OrderRequest) -> OrderTicket:
    """Return what is sent to make an order what is wanted."""
    assert entry.ticket is not None  # it is ours
    stop = wanted.stop_price
    before = as_request_of(entry)
    is_same_trail = wanted.order_type in _TRAILS and _trail(wanted) == _trail(before)
    if stop is None and is_same_trail:
        # sent without its stop, a trail would begin anew from the market, maybe further away
        stop = entry.stop_price
    return replace(
        entry.ticket,
        quantity=wanted.quantity,
        limit_price=wanted.limit_price,
        stop_price=stop,
        time_in_force=wanted.time_in_force,
        outside_regular_hours=wanted.outside_regular_hours,
        terms=wanted.terms,
        transmit=True,
    )


def _trail(request: OrderRequest) -> tuple[Decimal | None, Decimal | None]:
    return request.trail_amount, request.trail_percent


def moves_trail(wanted: OrderRequest) -> bool:
    """Whether a change says where a trail's stop is to be."""
    return wanted.order_type in _TRAILS and wanted.stop_price is not None


def is_as(entry: OrderEntry, wanted: OrderRequest) -> bool:
    """Whether an order stands as it was wanted, as far as the broker has told."""
    if moves_trail(wanted):
        # it may have followed the market from there already
        if not _is_at_least(entry.stop_price, wanted.stop_price, wanted.action):
            return False
        wanted = replace(wanted, stop_price=None)
    return as_request_of(entry) == wanted


def is_proven(
    entry: OrderEntry, wanted: OrderRequest, stood: Decimal | None, *, is_shown: bool
) -> bool:
    """
    Whether a trail's stop is where the market alone cannot have taken it.

    Args:
        entry: The order now.
        wanted: What it is to become.
        stood: Where its stop stood when the change was sent, as far as that was told.
        is_shown: Whether the broker has shown the order since.
    """
    stop, told = wanted.stop_price, entry.stop_price
    if not moves_trail(wanted) or stood is None:
        return True
    if told == stop:
        return told != stood or is_shown
    has_risen = not _is_at_least(stood, stop, wanted.action)
    return has_risen or not _is_at_least(told, stood, wanted.action)


def _is_at_least(price: Decimal | None, other: Decimal | None, action: Action) -> bool:
    """Whether a trail's stop has followed the market as far as another price, or further."""
    if price is None or other is None:
        return False
    return price >= other if action is Action.SELL else price <= other
