"""
What is done behind the clients' backs: for faults, for scripts, and for who looks at it all.

Faults ask for words, streams that end, fills and corrections; scripts for quotes, halts and
orders of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from ibkr_connector.clock import Clock

from .dialogue import Gateway, news
from .dialogue.gateway import Exchange
from .exchange.commands import (
    BustExecution,
    CorrectExecution,
    Halt,
    ReleaseQuote,
    SetQuote,
)
from .exchange.instruments import Instrument
from .exchange.records import Execution, Owner, Terms
from .faults import Fault
from .faults.fault import Deed, EndStreams, PlaceFor, Revise, Tell, TellStreams
from .inputs import InputError
from .quirks import Quirk
from .scenario import (
    Action,
    Bulletin,
    ClearFaults,
    CutSockets,
    HaltTrading,
    HoldQuote,
    Inject,
    Order,
    ReleaseMarket,
    RestartNow,
    SayNotice,
    SwitchQuirk,
    find_instrument,
)
from .wire.requests import PlaceOrder

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["act", "check_action", "duplicate_orders", "fill_order", "perform"]


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


class Stage(Protocol):
    """What a script acts upon: the simulator."""

    gateway: Gateway
    clock: Clock

    def inject(self, fault: Fault) -> None:
        """Arm a fault."""
        ...

    def clear_faults(self) -> None:
        """Disarm all faults."""
        ...

    def quirk(self, quirk: Quirk | str, *, on: bool = True) -> None:
        """Switch a quirk."""
        ...

    def restart(self, *, keep_state: bool = True, down_s: float = 0.0) -> None:
        """Restart the gateway."""
        ...

    def cut(self, *, reset: bool = False) -> None:
        """Drop every socket."""
        ...

    def notice(self, code: int, text: str) -> None:
        """Say something to everybody."""
        ...


def act(action: Action, stage: Stage) -> None:
    """
    Do what a script or the control port asks for.

    Raises:
        InputError: It names an instrument or an account that is not there.
    """
    match action:
        case Inject(fault=fault):
            stage.inject(fault)
        case ClearFaults():
            stage.clear_faults()
        case SwitchQuirk(name=name, on=on):
            stage.quirk(name, on=on)
        case RestartNow(keep_state=keep_state, down_s=down_s):
            stage.restart(keep_state=keep_state, down_s=down_s)
        case CutSockets(reset=reset):
            stage.cut(reset=reset)
        case SayNotice(code=code, text=text):
            stage.notice(code, text)
        case _:
            _act_on_market(action, stage.gateway, stage.clock.utcnow())


def _act_on_market(action: Action, gateway: Gateway, now: datetime) -> None:
    match action:
        case HoldQuote():
            command = SetQuote(
                con_id=_instrument(action, gateway).con_id,
                bid=action.bid,
                ask=action.ask,
                last=action.last,
                bid_size=action.bid_size,
                ask_size=action.ask_size,
            )
            gateway.execute(command, now)
        case ReleaseMarket():
            gateway.execute(ReleaseQuote(con_id=_instrument(action, gateway).con_id), now)
        case HaltTrading(halted=halted):
            con_id = _instrument(action, gateway).con_id
            gateway.execute(Halt(con_id=con_id, halted=halted), now)
        case Order():
            _order(action, gateway, now)
        case Bulletin(text=text):
            news.bulletin(gateway, text)
        case _:
            raise InputError(f"{action!r} is not about the market")


def check_action(action: Action, gateway: Gateway) -> None:
    """
    Check what a script names before it is played.

    Raises:
        InputError: It names an instrument or an account that is not there.
    """
    if isinstance(action, HoldQuote | ReleaseMarket | HaltTrading | Order):
        _instrument(action, gateway)
    if isinstance(action, Order) and action.account not in ("", *gateway.accounts):
        raise InputError(f"order: account {action.account!r} is not one of {gateway.accounts}")


def _order(action: Order, gateway: Gateway, now: datetime) -> None:
    check_action(action, gateway)
    terms = Terms(
        action=action.action,
        quantity=action.quantity,
        order_type=action.kind,
        limit_price=action.limit_price,
        stop_price=action.stop_price,
        time_in_force=action.time_in_force,
    )
    gateway.place_for(
        Owner(client_id=action.client_id, order_id=action.order_id),
        con_id=_instrument(action, gateway).con_id,
        terms=terms,
        now=now,
        account=action.account,
        order_ref=action.order_ref,
    )


def _instrument(
    action: HoldQuote | ReleaseMarket | HaltTrading | Order, gateway: Gateway
) -> Instrument:
    return find_instrument(
        gateway.venue.catalogue,
        con_id=action.con_id,
        symbol=action.symbol,
        where=type(action).__name__,
    )


def duplicate_orders(log: Iterable[Exchange]) -> list[str]:
    """Describe the orders that a client placed twice under two ids."""
    seen: dict[object, int] = {}
    found: list[str] = []
    for exchange in log:
        request = exchange.request
        if not isinstance(request, PlaceOrder) or request.order.flag("whatIf"):
            continue
        what = (exchange.client_id, request.contract, _terms_of(request))
        first = seen.setdefault(what, request.order_id)
        if first != request.order_id:
            order, contract = request.order, request.contract
            found.append(
                f"client {exchange.client_id}: {first} and {request.order_id}, "
                f"{order.text('action')} {order.text('totalQuantity')} "
                f"of {contract.symbol or contract.con_id}"
                + (f", order reference {order.text('orderRef')!r}" * bool(order.text("orderRef")))
            )
    return found


_IDENTITY: Final = ("orderRef", "action", "totalQuantity", "orderType", "parentId")


def _terms_of(request: PlaceOrder) -> tuple[tuple[str, str], ...]:
    if request.order.text("orderRef"):
        # a reference names one intention: a price that has moved makes no other of it
        return tuple((name, request.order.text(name)) for name in _IDENTITY)
    return tuple(sorted((name, text) for name, text in request.texts.items() if text))
