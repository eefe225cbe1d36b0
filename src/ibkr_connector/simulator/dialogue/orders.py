"""
Requests about orders.

The order id decides what a `placeOrder` is: a new one must be larger than all before it; that of a
working order changes it; any other was used before (103).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import (
    CancelAll,
    CancelOrder,
    ModifyOrder,
    Owner,
    PlaceOrder,
    Status,
    Terms,
    VenueOrder,
)
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.fields import number_text
from ibkr_connector.simulator.wire.orders import WireOrder
from ibkr_connector.simulator.wire.replies import CompletedOrdersEnd, ExecDetailsEnd, OpenOrderEnd

from .data import find_one
from .session import ClientSession, Handler
from .times import LOGIN_ZONE
from .translate import (
    commission_report,
    completed_order,
    exec_details,
    open_order,
    order_status,
    said_by,
)

__all__ = ["HANDLERS"]

_NOT_SIMULATED: Final = ("parentId", "ocaGroup", "algoStrategy", "hedgeType", "faGroup")
_UNSAID: Final = frozenset({"", "0"})
_READ_ONLY: Final = (
    "Error validating request.-'bJ' : cause - The API interface is currently in Read-Only mode."
)


def place(session: ClientSession, request: ask.PlaceOrder, now: datetime) -> None:
    """Place a new order, change a working one, or answer what it would cost."""
    if session.gateway.permissions.read_only_api:
        session.fail(request.order_id, 321, _READ_ONLY)
        return
    order = request.order
    known = session.gateway.perm_ids.get((session.client_id, request.order_id))
    if known is not None:
        _modify(session, request, known=known, now=now)
        return
    command = _command(session, request)
    if command is None:
        return
    if order.flag("whatIf"):
        _what_if(session, command, now)
        return
    next_ids = session.gateway.next_ids
    if request.order_id < next_ids[session.client_id]:
        session.fail(request.order_id, 103, "Duplicate order id")
        return
    next_ids[session.client_id] = request.order_id + 1
    session.gateway.deliver(session.gateway.venue.execute(command, now), now)


def _command(session: ClientSession, request: ask.PlaceOrder) -> PlaceOrder | None:
    """Read a request as a command; what is wrong with it is answered, and `None` returned."""
    order = request.order
    instrument = find_one(session, request.contract, request.order_id)
    if instrument is None:
        return None
    missing = [name for name in _NOT_SIMULATED if order.text(name) not in _UNSAID]
    if order.text("transmit") == "0":
        missing.append("transmit=False")
    if missing:
        session.unsupported(f"an order with {', '.join(missing)}")
        session.fail(request.order_id, 201, "Order rejected - reason:not simulated")
        return None
    accounts = session.gateway.accounts
    account = order.text("account") or (accounts[0] if len(accounts) == 1 else "")
    if not account:
        session.fail(request.order_id, 435, "You must specify an account.")
        return None
    if order.text("action") not in {"BUY", "SELL"}:
        session.fail(request.order_id, 303, "Invalid order action")
        return None
    return PlaceOrder(
        owner=Owner(client_id=session.client_id, order_id=request.order_id),
        account=account,
        instrument=instrument,
        exchange=_route(instrument, request.contract.exchange),
        terms=_terms(order),
        order_ref=order.text("orderRef"),
        note=said_by(order),
    )


def _route(instrument: Instrument, asked: str) -> str:
    return asked or instrument.home


def _terms(order: WireOrder) -> Terms:
    return Terms(
        action=order.text("action"),
        quantity=order.number("totalQuantity") or Decimal(0),
        order_type=_TYPE_NAMES.get(order.text("orderType"), order.text("orderType")),
        limit_price=order.number("lmtPrice"),
        stop_price=order.number("auxPrice"),
        time_in_force=order.text("tif") or "DAY",
    )


_TYPE_NAMES: Final = {"STPLMT": "STP LMT"}
"""Spellings that TWS takes as well."""


def _modify(session: ClientSession, request: ask.PlaceOrder, *, known: int, now: datetime) -> None:
    command = ModifyOrder(perm_id=known, terms=_terms(request.order), note=said_by(request.order))
    session.gateway.deliver(session.gateway.venue.execute(command, now), now)


def _what_if(session: ClientSession, command: PlaceOrder, now: datetime) -> None:
    venue = session.gateway.venue
    refusal = venue.refusal(command)
    if refusal is not None:
        session.fail(command.owner.order_id, *refusal)
        return
    before, after = venue.margin_after(command, now)
    margins = {
        "initMarginBefore": before.initial_margin,
        "maintMarginBefore": before.maintenance_margin,
        "equityWithLoanBefore": before.net_liquidation,
        "initMarginAfter": after.initial_margin,
        "maintMarginAfter": after.maintenance_margin,
        "equityWithLoanAfter": after.net_liquidation,
        "initMarginChange": after.initial_margin - before.initial_margin,
        "maintMarginChange": after.maintenance_margin - before.maintenance_margin,
        "equityWithLoanChange": after.net_liquidation - before.net_liquidation,
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
    )
    texts = {name: number_text(value) for name, value in margins.items()}
    session.say(open_order(shown, {**texts, "whatIf": "1", "commissionCurrency": "USD"}))


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
    events = session.gateway.venue.execute(CancelOrder(perm_id=perm_id), now)
    session.gateway.deliver(events, now)


def cancel_all(session: ClientSession, request: ask.GlobalCancel, now: datetime) -> None:
    """Cancel everything, whoever placed it."""
    session.gateway.deliver(session.gateway.venue.execute(CancelAll(), now), now)


def open_orders(session: ClientSession, request: ask.ReqOpenOrders, now: datetime) -> None:
    """Show this client's open orders."""
    _show(session, own_only=True)


def all_open_orders(session: ClientSession, request: ask.ReqAllOpenOrders, now: datetime) -> None:
    """Show everybody's open orders."""
    _show(session, own_only=False)


def _show(session: ClientSession, *, own_only: bool) -> None:
    for order in session.gateway.venue.open_orders():
        if not own_only or order.owner.client_id == session.client_id:
            session.say(open_order(order))
            session.say(order_status(order))
    session.say(OpenOrderEnd())


def auto_open_orders(session: ClientSession, request: ask.ReqAutoOpenOrders, now: datetime) -> None:
    """Bind manual orders, which only client 0 may."""
    if session.client_id != 0:
        session.fail(-1, 327, "Only the default client (i.e 0) can auto bind orders.")


def completed_orders(
    session: ClientSession, request: ask.ReqCompletedOrders, now: datetime
) -> None:
    """Show today's closed orders, of every client."""
    for order in session.gateway.venue.closed_orders():
        if order.closed_at is not None and order.closed_at >= _today(now):
            session.say(completed_order(order, session.version))
    session.say(CompletedOrdersEnd())


def executions(session: ClientSession, request: ask.ReqExecutions, now: datetime) -> None:
    """Show today's executions that fit the filter."""
    since = _since(request.time, now)
    for execution, commission in session.gateway.venue.executions():
        order = execution.order
        fits = (
            execution.time >= since
            and request.client_id in (0, order.owner.client_id)
            and request.account in ("", order.account)
            and request.symbol in ("", order.instrument.symbol)
            and request.sec_type in ("", order.instrument.sec_type)
            and request.exchange in ("", execution.exchange)
            and request.side in ("", "BUY" if order.terms.is_buy else "SELL", "BOT", "SLD")
        )
        if fits:
            details = exec_details(
                execution, request_id=request.request_id, version=session.version
            )
            session.say(details)
            if session.gateway.permissions.replay_commissions:
                session.say(commission_report(commission))
    session.say(ExecDetailsEnd(request_id=request.request_id))


def _today(now: datetime) -> datetime:
    """Return the midnight with which the gateway's day began."""
    local = now.astimezone(ZoneInfo(LOGIN_ZONE))
    return datetime.combine(local.date(), time(), tzinfo=local.tzinfo).astimezone(UTC)


def _since(text: str, now: datetime) -> datetime:
    if not text:
        return _today(now)
    try:
        naive = datetime.strptime(text[:17].replace("-", " "), "%Y%m%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return _today(now)
    return max(naive.replace(tzinfo=UTC), _today(now) - timedelta(days=7))


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.PlaceOrder: place,
    ask.CancelOrder: cancel,
    ask.GlobalCancel: cancel_all,
    ask.ReqOpenOrders: open_orders,
    ask.ReqAllOpenOrders: all_open_orders,
    ask.ReqAutoOpenOrders: auto_open_orders,
    ask.ReqCompletedOrders: completed_orders,
    ask.ReqExecutions: executions,
}
