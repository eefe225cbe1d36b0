"""How an advisor's order is divided: the group that it names, and what its accounts have."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ibkr_connector.simulator.exchange.advisor import Method, Share, master_of, order_quantity
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Allocation, Terms
from ibkr_connector.simulator.wire.orders import WireOrder

from .order_terms import BadOrderError

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["allocated_quantity", "allocation_of"]


def allocation_of(
    session: ClientSession, order: WireOrder, instrument: Instrument, *, now: datetime
) -> Allocation | None:
    """
    Return how an order is divided; `None` when it names no group.

    Raises:
        BadOrderError: The login is no advisor's, or the group or its method is not known.
    """
    gateway = session.gateway
    name = order.text("faGroup") or order.text("faProfile")
    if not name:
        return _of_model(session, order.text("modelCode"), instrument, now=now)
    if master_of(gateway.accounts) is None:
        raise BadOrderError(330, "Not an Institutional or Away Clearing Account.")
    group = gateway.advisor.groups.get(name)
    if group is None:
        raise BadOrderError(145, f"Invalid group: {name}")
    said = order.text("faMethod")
    method = Method.named(said) if said else group.method
    if method is None:
        raise BadOrderError(145, f"Invalid allocation method: {said}")
    shares = tuple(
        _share(session, account, amount, instrument=instrument, now=now)
        for account, amount in group.members.items()
    )
    return Allocation(method=method, shares=shares)


def _of_model(
    session: ClientSession, name: str, instrument: Instrument, *, now: datetime
) -> Allocation | None:
    """Divide an order for a model as much as its accounts have in it."""
    if not name:
        return None
    model = session.gateway.advisor.models.get(name)
    if model is None:
        # how TWS words that is not on record (assumed)
        raise BadOrderError(201, f"Order rejected - reason:Invalid model code {name}")
    shares = tuple(
        _share(session, account, amount, instrument=instrument, now=now)
        for account, amount in model.items()
    )
    return Allocation(method=Method.RATIO, shares=shares)


def _share(
    session: ClientSession,
    account: str,
    amount: Decimal | None,
    *,
    instrument: Instrument,
    now: datetime,
) -> Share:
    venue = session.gateway.venue
    worth = venue.figures(account, now)
    holding = venue.ledgers[account].holdings.get(instrument.con_id)
    return Share(
        account=account,
        amount=amount,
        net_liquidation=worth.net_liquidation,
        available_equity=worth.available_funds,
        position=holding.quantity if holding is not None else Decimal(0),
    )


def allocated_quantity(
    session: ClientSession,
    order: WireOrder,
    allocation: Allocation,
    *,
    terms: Terms,
    instrument: Instrument,
    now: datetime,
) -> Decimal:
    """Return how much an order is for: some methods say it themselves."""
    price = terms.limit_price or session.gateway.venue.mark(instrument, now)
    return order_quantity(
        allocation.shares,
        allocation.method,
        said=terms.quantity,
        price=price * instrument.size,
        percentage=order.number("faPercentage") or Decimal(0),
        step=instrument.min_size,
    )
