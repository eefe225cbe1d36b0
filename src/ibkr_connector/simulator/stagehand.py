"""What faults ask for behind the clients' backs: words, streams that end, fills, corrections."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from .dialogue import Gateway
from .exchange.commands import BustExecution, CorrectExecution, SetQuote
from .exchange.records import Execution, Owner, Terms
from .faults.fault import Deed, EndStreams, PlaceFor, Revise, Tell, TellStreams

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["fill_order", "perform"]


def perform(
    deed: Deed, gateway: Gateway, connections: Iterable[Connection], *, now: datetime
) -> None:
    """Do one of the things that concern clients or the venue."""
    match deed:
        case Revise():
            _revise(deed, gateway, now)
        case PlaceFor():
            _place(deed, gateway, now)
        case Tell() | TellStreams() | EndStreams():
            for connection in tuple(connections):
                if deed.client_id in (None, connection.client_id):
                    _tell(deed, connection)


def _tell(deed: Tell | TellStreams | EndStreams, connection: Connection) -> None:
    match deed:
        case Tell(code=code, text=text):
            connection.tell(code, text)
        case TellStreams(of=of, code=code, text=text):
            connection.tell_streams(of, code, text)
        case EndStreams(of=of, again=again):
            connection.end_streams(of, again=again)


def _revise(deed: Revise, gateway: Gateway, now: datetime) -> None:
    found = _execution(gateway, deed.exec_id)
    if found is None:
        return
    if deed.by is None:
        gateway.execute(BustExecution(exec_id=found.exec_id), now)
    else:
        command = CorrectExecution(exec_id=found.exec_id, price=found.price + deed.by)
        gateway.execute(command, now)


def _execution(gateway: Gateway, exec_id: str) -> Execution | None:
    executions = (execution for execution, _ in gateway.venue.executions())
    return next((one for one in executions if one.exec_id == exec_id), None)


def _place(deed: PlaceFor, gateway: Gateway, now: datetime) -> None:
    terms = Terms(
        action=deed.action,
        quantity=deed.quantity,
        order_type="MKT" if deed.limit_price is None else "LMT",
        limit_price=deed.limit_price,
        time_in_force="GTC",
    )
    owner = Owner(client_id=deed.client_id, order_id=deed.order_id)
    gateway.place_for(owner, con_id=deed.con_id, terms=terms, now=now)


def fill_order(gateway: Gateway, owner: Owner, now: datetime) -> None:
    """Move the market through an order's price, so that it is filled now; no order: nothing."""
    perm_id = gateway.perm_ids.get((owner.client_id, owner.order_id))
    if perm_id is None:
        return
    order = gateway.venue.order(perm_id)
    quote = gateway.venue.quote(order.instrument, now)
    price = order.terms.limit_price or order.terms.stop_price or quote.last
    command = SetQuote(con_id=order.instrument.con_id, bid=price, ask=price, last=price)
    gateway.execute(command, now)
