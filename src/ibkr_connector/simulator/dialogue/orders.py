"""
Requests that place, change and cancel orders.

The order id decides what a `placeOrder` is: a new one must be larger than all before it; that of a
working order changes it; any other was used before (103).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.commands import (
    CancelAll,
    CancelOrder,
    ExerciseOption,
    ModifyOrder,
    PlaceOrder,
)
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Leg, Owner, Status, Terms, VenueOrder
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.fields import number_text
from ibkr_connector.simulator.wire.orders import WireOrder

from .allocations import allocated_quantity, allocation_of
from .data import find_one
from .order_terms import BadOrderError, group_of, legs_of, missing_parts, terms_of
from .session import ClientSession, Handler
from .translate import open_order, said_by

__all__ = ["HANDLERS"]

_READ_ONLY: Final = (
    "Error validating request.-'bJ' : cause - The API interface is currently in Read-Only mode."
)
_EXERCISE: Final = 1
_LAPSE: Final = 2
_BY_CASH: Final = frozenset({"CASH", "CRYPTO"})


def place(session: ClientSession, request: ask.PlaceOrder, now: datetime) -> None:
    """Place a new order, change a working one, or answer what it would cost."""
    if session.gateway.permissions.read_only_api:
        session.fail(request.order_id, 321, _READ_ONLY)
        return
    try:
        _place(session, request, now)
    except BadOrderError as bad:
        session.fail(request.order_id, bad.code, bad.text)


def _place(session: ClientSession, request: ask.PlaceOrder, now: datetime) -> None:
    known = session.gateway.perm_ids.get((session.client_id, request.order_id))
    if known is not None and not request.order.flag("whatIf"):
        _modify(session, request, known=known, now=now)
        return
    instrument = _instrument(session, request)
    if instrument is None:
        return
    command = _command(session, request, instrument, now=now)
    if request.order.flag("whatIf"):
        _what_if(session, command, now)
        return
    next_ids = session.gateway.next_ids
    if request.order_id < next_ids[session.client_id]:
        raise BadOrderError(103, "Duplicate order id")
    _check_crowd(session, command)
    next_ids[session.client_id] = request.order_id + 1
    session.gateway.execute(command, now)


def _instrument(session: ClientSession, request: ask.PlaceOrder) -> Instrument | None:
    """Return what an order is for; what is not listed is answered, and `None` returned."""
    if request.contract.sec_type != "BAG":
        return find_one(session, request.contract, request.order_id)
    catalogue = session.gateway.venue.catalogue
    legs = legs_of(request.groups.get("comboLegs", ()), catalogue.get)
    return session.gateway.venue.combo(request.contract.symbol, legs)


def _command(
    session: ClientSession, request: ask.PlaceOrder, instrument: Instrument, *, now: datetime
) -> PlaceOrder:
    """
    Read a request as a command.

    Raises:
        BadOrderError: Something is wrong with it.
    """
    order = request.order
    missing = missing_parts(order)
    if missing:
        session.unsupported(f"an order with {', '.join(missing)}")
        raise BadOrderError(201, f"Order rejected - reason:not simulated: {', '.join(missing)}")
    if order.text("action") not in {"BUY", "SELL"}:
        raise BadOrderError(303, "Invalid order action")
    terms = _terms(session, request, instrument, now=now)
    allocation = allocation_of(session, order, instrument, now=now)
    if allocation is not None:
        terms = replace(
            terms,
            quantity=allocated_quantity(
                session, order, allocation, terms=terms, instrument=instrument, now=now
            ),
        )
    return PlaceOrder(
        owner=Owner(client_id=session.client_id, order_id=request.order_id),
        account=_account(session, order, is_divided=allocation is not None),
        instrument=instrument,
        exchange=request.contract.exchange or instrument.home,
        terms=terms,
        allocation=allocation,
        order_ref=order.text("orderRef"),
        transmit=order.text("transmit") != "0",
        parent=_parent(session, order),
        group=group_of(order),
        note=said_by(order),
        rows=request.groups,
    )


def _account(session: ClientSession, order: WireOrder, *, is_divided: bool) -> str:
    accounts = session.gateway.accounts
    is_clear = is_divided or len(accounts) == 1
    account = order.text("account") or (accounts[0] if is_clear else "")
    if order.text("faGroup") and account != accounts[0]:
        # an account and a group exclude each other (Lean.Brokerages.InteractiveBrokers#228)
        raise BadOrderError(201, "Order rejected - reason:Invalid account number.")
    if not account:
        raise BadOrderError(435, "You must specify an account.")
    return account


def _parent(session: ClientSession, order: WireOrder) -> int:
    parent_id = order.integer("parentId")
    if not parent_id:
        return 0
    parent = session.gateway.perm_ids.get((session.client_id, parent_id))
    if parent is None:
        raise BadOrderError(10006, "Missing parent order.")
    return parent


def _terms(
    session: ClientSession, request: ask.PlaceOrder, instrument: Instrument, *, now: datetime
) -> Terms:
    order = request.order
    legs: tuple[Leg, ...] = ()
    if instrument.sec_type == "BAG":
        legs = session.gateway.venue.market.legs[instrument.con_id]
    terms = terms_of(order, legs, now)
    cash = order.number("cashQty")
    if not cash or terms.quantity:
        return terms
    if instrument.sec_type not in _BY_CASH:
        raise BadOrderError(10244, "Cash Quantity cannot be used for this order")
    price = terms.limit_price or session.gateway.venue.mark(instrument, now)
    quantity = cash / price // instrument.min_size * instrument.min_size
    return replace(terms, quantity=quantity)


def _check_crowd(session: ClientSession, command: PlaceOrder) -> None:
    """Refuse an order beyond the limit of working orders (IB's order limitations)."""
    most = session.gateway.permissions.orders_per_side
    if most is None:
        return
    same = [
        order
        for order in session.gateway.venue.open_orders()
        if order.instrument.con_id == command.instrument.con_id
        and order.account == command.account
        and order.terms.action == command.terms.action
    ]
    if len(same) >= most:
        raise BadOrderError(
            201,
            f"Order rejected - reason:Only {most} working orders are allowed on either the buy or "
            "sell side for this particular contract",
        )


def _modify(session: ClientSession, request: ask.PlaceOrder, *, known: int, now: datetime) -> None:
    order = session.gateway.venue.order(known)
    terms = _terms(session, request, order.instrument, now=now)
    if order.allocation is not None:
        quantity = allocated_quantity(
            session,
            request.order,
            order.allocation,
            terms=terms,
            instrument=order.instrument,
            now=now,
        )
        terms = replace(terms, quantity=quantity)
    command = ModifyOrder(
        perm_id=known,
        terms=terms,
        transmit=request.order.text("transmit") != "0",
        note=said_by(request.order),
        rows=request.groups,
    )
    session.gateway.execute(command, now)


# --- what it would cost -------------------------------------------------------------------------


def _what_if(session: ClientSession, command: PlaceOrder, now: datetime) -> None:
    if not command.transmit:
        raise BadOrderError(413, "The what-if order must be transmitted.")
    venue = session.gateway.venue
    refusal = venue.refusal(command)
    if refusal is not None:
        raise BadOrderError(*refusal)
    before, after = venue.margin_after(command, now)
    margins = {
        "initMarginBefore": before.initial_margin,
        "maintMarginBefore": before.maintenance_margin,
        "equityWithLoanBefore": before.equity_with_loan,
        "initMarginAfter": after.initial_margin,
        "maintMarginAfter": after.maintenance_margin,
        "equityWithLoanAfter": after.equity_with_loan,
        "initMarginChange": after.initial_margin - before.initial_margin,
        "maintMarginChange": after.maintenance_margin - before.maintenance_margin,
        "equityWithLoanChange": after.equity_with_loan - before.equity_with_loan,
    }
    shown = VenueOrder(
        perm_id=0,
        owner=command.owner,
        account=command.account,
        instrument=command.instrument,
        exchange=command.exchange,
        terms=command.terms,
        order_ref=command.order_ref,
        status=Status.PRE_SUBMITTED,
        placed_at=now,
        priority=0,
        note=command.note,
        rows=command.rows,
    )
    cost = number_text(venue.cost_of(command, now))
    texts = {name: number_text(value) for name, value in margins.items()}
    costs = dict.fromkeys(("commission", "minCommission", "maxCommission"), cost)
    currency = command.instrument.currency
    session.say(
        open_order(shown, {**texts, **costs, "whatIf": "1", "commissionCurrency": currency})
    )


# --- the end ------------------------------------------------------------------------------------


def cancel(session: ClientSession, request: ask.CancelOrder, now: datetime) -> None:
    """Cancel an order of this client."""
    perm_id = session.gateway.perm_ids.get((session.client_id, request.order_id))
    if perm_id is None:
        session.fail(
            request.order_id,
            10147,
            f"OrderId {request.order_id} that needs to be cancelled is not found.",
        )
        return
    session.gateway.execute(CancelOrder(perm_id=perm_id), now)


def cancel_all(session: ClientSession, request: ask.GlobalCancel, now: datetime) -> None:
    """Cancel everything, whoever placed it."""
    session.gateway.execute(CancelAll(), now)


def exercise(session: ClientSession, request: ask.ExerciseOptions, now: datetime) -> None:
    """Exercise options, or let them lapse."""
    if session.gateway.permissions.read_only_api:
        session.fail(request.request_id, 321, _READ_ONLY)
        return
    instrument = find_one(session, request.contract, request.request_id)
    if instrument is None:
        return
    accounts = session.gateway.accounts
    account = request.account or accounts[0]
    if account not in accounts or request.action not in (_EXERCISE, _LAPSE):
        what = "account code" if account not in accounts else "exercise action"
        session.fail(
            request.request_id,
            322,
            f"Error processing request.-'bD' : cause - Invalid {what}",
        )
        return
    command = ExerciseOption(
        owner=Owner(client_id=session.client_id, order_id=request.request_id),
        account=account,
        instrument=instrument,
        quantity=Decimal(request.quantity),
        lapse=request.action == _LAPSE,
        override=bool(request.override),
    )
    session.gateway.execute(command, now)


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.PlaceOrder: place,
    ask.CancelOrder: cancel,
    ask.GlobalCancel: cancel_all,
    ask.ExerciseOptions: exercise,
}
