"""
What a message of the broker says about an order, as notes.

Owns: reading each kind of message, once, into what is new in it. What is new is recorded before the
next thing is thought of, so that the table is always asked about the state of that moment.
Refuses to know: time (it is told), the disk, and how long to wait for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.gateway.port import (
    BrokerOrder,
    CommissionReported,
    CompletedOrder,
    Execution,
    OpenOrderSeen,
    OrderStatusSeen,
)
from ibkr_connector.model.ids import ClientId, PermId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import SendDisposition

from .entry import ZERO, OrderEntry, evolve
from .fault_reading import FaultReading, read_fault
from .ledger import Ledger, exec_base
from .meeting import fill_of, foreign_key, order_of_completed, order_of_execution
from .notes import Charged, Filled, Learned, Met, Moved, Note, Refused
from .states import AWAITING, CLOSED, EVIDENCE, Event, InvalidTransitionError, State, advance
from .term_news import terms_news
from .words import COMPLETED_WORDS, LIVE_WORDS, WORDS

__all__ = [
    "Evidence",
    "FaultReading",
    "Seen",
    "move",
    "read_fault",
    "see",
    "see_completed",
    "see_fault",
    "see_listed",
]

Evidence = OrderStatusSeen | OpenOrderSeen | Execution | CommissionReported
"""Messages that come by themselves and are about orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    What one message led to.

    `notes` are recorded already and wait for the disk. `ask` names the orders about which the
    broker should be asked; `stranger` says that it was about an order that is not known at all.
    """

    notes: tuple[Note, ...] = ()
    ask: frozenset[str] = frozenset()
    stranger: bool = False


_NOTHING_NEW: Final = Seen()
"""What most messages lead to: the broker repeats itself."""

_moved, _learned, _filled, _charged = map(quick, (Moved, Learned, Filled, Charged))


def see(ledger: Ledger, event: Evidence, *, at: datetime) -> Seen:
    """Take in a message that came by itself."""
    if isinstance(event, OrderStatusSeen):
        return _see_status(ledger, event, _Scribe(ledger, at, "orderStatus"))
    if isinstance(event, OpenOrderSeen):
        return _see_order(ledger, event.order, _Scribe(ledger, at, "openOrder"), listed=False)
    if isinstance(event, Execution):
        return _see_execution(ledger, event, _Scribe(ledger, at, "execDetails"))
    return _see_charge(ledger, event, _Scribe(ledger, at, "commissionReport"))


def see_listed(ledger: Ledger, order: BrokerOrder, *, at: datetime, since: int) -> Seen:
    """
    Take in a row of the broker's list of open orders, asked for at the mark `since`.

    A list can be older than a message that overtook it on its way to us: what it says of an
    order that closed after it was asked for is not believed.
    """
    scribe = _Scribe(ledger, at, "open orders")
    entry = ledger.about(order)
    if entry is not None and not entry.is_open and ledger.touched_since(entry.key, since):
        return scribe.seen()
    return _see_order(ledger, order, scribe, listed=True)


def see_completed(ledger: Ledger, order: CompletedOrder, *, at: datetime) -> Seen:
    """Take in a row of the broker's list of closed orders."""
    scribe = _Scribe(ledger, at, "completed orders")
    entry = ledger.find(
        perm_id=order.perm_id, client_id=None, order_id=None, order_ref=order.order_ref
    )
    if entry is None:
        if order.perm_id is None:
            return scribe.seen(stranger=True)
        entry = scribe.meet(order_of_completed(order))
    # completed orders often say 0 of an order that was filled (measured on a paper account)
    stated, quantity = order.filled_quantity or None, order.quantity
    if entry.cash is not None:
        # how many units it is for is what it has when it is filled; taken back since, what it had
        had = order.quantity or entry.executed if entry.corrected else stated or entry.counted
        quantity = (entry.quantity or had or None) if order.status == "Filled" else None
    elif order.status == "Filled" and not entry.corrected:
        # all of it is what the last execution brought it to, whatever its size was changed to
        stated = stated or entry.counted or quantity or entry.quantity
        quantity = stated
    key = entry.key
    scribe.learn(key, perm_id=order.perm_id, quantity=quantity, stated_filled=stated)
    event = COMPLETED_WORDS.get(order.status)
    if event is None:
        return scribe.refuse(key, order.status)
    entry = ledger.get(key)
    if event is Event.FILL_ALL and entry.cash is not None and not entry.quantity:
        scribe.doubt(key)
        return scribe.seen()
    if event is Event.FILL_ALL and not entry.adds_up:
        # it was filled once, and executions were taken back since: it is over, and not filled
        scribe.move(key, Event.CANCEL, reason="filled, and corrected to less since")
        return scribe.seen()
    refused = order.reject_reason or entry.state is State.SUSPENDED
    if event is Event.CANCEL and refused and not entry.cancel_asked and not entry.filled:
        event = Event.REJECT
    scribe.move(key, event, reason=order.reject_reason or order.completed_status)
    return scribe.seen()


def see_fault(ledger: Ledger, fault: FaultReading, *, client_id: ClientId, at: datetime) -> Seen:
    """Take in an error message that names an order of `client_id`."""
    scribe = _Scribe(ledger, at, f"code {fault.code}")
    entry = ledger.by_order_id(client_id, fault.order_id)
    if entry is None:
        return scribe.seen(stranger=True)
    if fault.dead and _can_be_stillborn(entry):
        scribe.move(entry.key, Event.REJECT, reason=fault.text, code=fault.code)
        return scribe.seen()
    if entry.state not in CLOSED:
        scribe.learn(entry.key, reason=fault.text)
        if fault.dead or fault.ask:
            scribe.ask.add(entry.key)
    return scribe.seen()


def move(
    ledger: Ledger,
    key: str,
    event: Event,
    *,
    at: datetime,
    cause: str,
    reason: str = "",
    disposition: SendDisposition | None = None,
) -> Seen:
    """Make a step that no message of the broker makes: sent, lost, asked to cancel."""
    scribe = _Scribe(ledger, at, cause)
    scribe.move(key, event, reason=reason, disposition=disposition)
    return scribe.seen()


def _see_status(ledger: Ledger, status: OrderStatusSeen, scribe: _Scribe) -> Seen:
    entry = ledger.find(
        perm_id=status.perm_id,
        client_id=status.client_id,
        order_id=status.order_id,
        order_ref=None,
    )
    if entry is None:
        return scribe.seen(stranger=True)
    key, event = entry.key, WORDS.get(status.status)
    # an order by cash is for as many units as it has when the broker calls it filled
    ends = entry.cash is not None and event is Event.FILL_ALL and not entry.corrected
    scribe.learn(
        key,
        perm_id=status.perm_id,
        quantity=(status.filled or None) if ends else None,
        stated_filled=status.filled or None,
        stated_average=status.average_fill_price if status.filled else None,
    )
    if event is None:
        return scribe.refuse(key, status.status)
    if event is Event.FILL_ALL and not ledger.get(key).adds_up:
        scribe.doubt(key)
        return scribe.seen()
    reason = ""
    if event is Event.SUSPEND and entry.state not in (State.SUSPENDED, State.REJECTED):
        reason = f"inactive at the broker {status.why_held}".strip()
        scribe.ask.add(key)
    scribe.move(key, event, reason=reason)
    return scribe.seen()


def _see_order(ledger: Ledger, order: BrokerOrder, scribe: _Scribe, *, listed: bool) -> Seen:
    entry = ledger.about(order)
    if entry is None:
        if order.perm_id is None and order.order_id <= 0:
            return scribe.seen(stranger=True)
        entry = scribe.meet(order)
    key = entry.key
    scribe.learn(
        key,
        perm_id=order.perm_id,
        quantity=(order.quantity or None) if entry.cash is None else None,
        reason=order.warning or None,
        order=order if order.order_type == entry.order_type else None,
    )
    event = WORDS.get(order.status)
    if event is None:
        return scribe.refuse(key, order.status)
    if event is Event.FILL_ALL and not ledger.get(key).adds_up:
        scribe.doubt(key)
        return scribe.seen()
    if order.reject_reason and event in (Event.SUSPEND, Event.CANCEL):
        event = Event.REJECT
    elif listed and order.status in LIVE_WORDS and entry.state in CLOSED:
        scribe.move(key, Event.REVIVE, reason="alive in the broker's list")
    elif event is Event.SUSPEND and not listed and entry.state is not State.SUSPENDED:
        scribe.ask.add(key)
    scribe.move(key, event, reason=order.reject_reason)
    return scribe.seen()


def _see_execution(ledger: Ledger, execution: Execution, scribe: _Scribe) -> Seen:
    base, revision = exec_base(execution.exec_id)
    owner, known = ledger.revision(base)
    if revision <= known:
        return scribe.seen()
    entry = ledger.entry(owner) or ledger.find(
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        order_id=execution.order_id,
        order_ref=execution.order_ref,
    )
    owner, known = ledger.revision(base)
    if revision <= known:  # the order had been forgotten, and is known again
        return scribe.seen()
    if entry is None:
        if execution.perm_id is None and execution.order_id <= 0:
            return scribe.seen(stranger=True)
        entry = scribe.meet(order_of_execution(execution))
        scribe.ask.add(entry.key)
    key = entry.key
    grown = None
    if not entry.order_type:  # known by its executions only, so its size grows with them
        grown = max(entry.quantity, execution.cumulative_quantity or ZERO)
    elif (
        owner is None and entry.changed is not None
    ):  # more than it was is proof that our change of it was made
        # counted together: of a divided order the same units are told more than once
        fills = (*entry.fills, fill_of(execution))
        proven = evolve(entry, fills=fills).executed > entry.quantity
        grown = max(entry.quantity, entry.changed.quantity) if proven else None
    scribe.learn(key, perm_id=execution.perm_id, quantity=grown)
    scribe.write(
        _filled(
            at=scribe.at,
            key=key,
            fill=fill_of(execution),
            correlation_id=entry.correlation_id,
            cause=scribe.cause,
        )
    )
    entry = ledger.get(key)
    if entry.executed > entry.quantity and (entry.cash is None or entry.quantity):
        scribe.refuse(key, f"{entry.executed} executed of {entry.quantity}")
    if entry.adds_up:
        scribe.move(key, Event.FILL_ALL)
    elif entry.state is State.FILLED:
        scribe.move(key, Event.UNFILL, reason="an execution was corrected")
        scribe.ask.add(key)
    elif owner is None:
        scribe.move(key, Event.FILL_PART)
    return scribe.seen()


def _see_charge(ledger: Ledger, charge: CommissionReported, scribe: _Scribe) -> Seen:
    owner, _ = ledger.revision(exec_base(charge.exec_id)[0])
    entry = ledger.entry(owner)
    told = [fill for fill in entry.fills if fill.exec_id == charge.exec_id] if entry else []
    same = any(
        (fill.commission, fill.realized_pnl) == (charge.commission, charge.realized_pnl)
        for fill in told
    )
    if same or ledger.is_waiting(charge.exec_id):
        return scribe.seen()
    scribe.write(
        _charged(
            at=scribe.at,
            key=owner or "",
            exec_id=charge.exec_id,
            commission=charge.commission,
            currency=charge.currency,
            realized_pnl=charge.realized_pnl,
            correlation_id="" if entry is None else entry.correlation_id,
            cause=scribe.cause,
        )
    )
    return scribe.seen()


class _Scribe:
    """Turns one message into notes, recording each before the next is thought of."""

    def __init__(self, ledger: Ledger, at: datetime, cause: str) -> None:
        self.ledger = ledger
        self.at = at
        self.cause = cause
        self.ask: set[str] = set()
        self._notes: list[Note] = []

    def seen(self, *, stranger: bool = False) -> Seen:
        if not (self._notes or self.ask or stranger):
            return _NOTHING_NEW
        return Seen(notes=tuple(self._notes), ask=frozenset(self.ask), stranger=stranger)

    def write(self, note: Note) -> None:
        """Record a note, which bears the correlation id of its order."""
        self.ledger.record(note)
        self._notes.append(note)

    def meet(self, order: BrokerOrder) -> OrderEntry:
        key = f"perm:{order.perm_id}" if order.perm_id else foreign_key(order)
        self.write(Met(at=self.at, key=key, order=order, cause=self.cause))
        return self.ledger.get(key)

    def learn(
        self,
        key: str,
        *,
        perm_id: PermId | None = None,
        quantity: Decimal | None = None,
        stated_filled: Decimal | None = None,
        stated_average: Decimal | None = None,
        reason: str | None = None,
        order: BrokerOrder | None = None,
    ) -> None:
        """Note what is new among what was said; the broker's count of fills only grows."""
        entry = self.ledger.get(key)
        news: dict[str, Any] = {} if order is None else terms_news(order, entry)
        if perm_id is not None and perm_id != entry.perm_id:
            news["perm_id"] = perm_id
        if quantity is not None and quantity != entry.quantity:
            news["quantity"] = quantity
        if stated_filled is not None and stated_filled > (entry.stated_filled or ZERO):
            news["stated_filled"] = stated_filled
            news["stated_average"] = stated_average
        if reason is not None and reason != entry.reason:
            news["reason"] = reason
        if not news:
            return
        news["correlation_id"] = entry.correlation_id
        self.write(_learned(at=self.at, key=key, cause=self.cause, **news))
        entry = self.ledger.get(key)
        if entry.state is State.FILLED and entry.filled < entry.quantity and news.get("quantity"):
            self.move(key, Event.UNFILL, reason="the quantity was raised")

    def move(
        self,
        key: str,
        event: Event,
        *,
        reason: str = "",
        code: int | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        """Take the step if the table has it; a step in place is noted when it tells something."""
        entry = self.ledger.get(key)
        try:
            target = advance(entry.state, event)
        except InvalidTransitionError:
            self.refuse(key, event.value)
            return
        stays = target is entry.state
        told = disposition is not None
        asked = event is Event.ASK_CANCEL and not entry.cancel_asked
        unproven = event in EVIDENCE and not entry.seen
        explains = bool(reason) and (not entry.reason or (code is not None and entry.code is None))
        if stays and not (told or asked or unproven or explains):
            return
        self.write(
            _moved(
                at=self.at,
                key=key,
                event=event,
                source=entry.state,
                target=target,
                reason=reason,
                code=code,
                disposition=disposition,
                correlation_id=entry.correlation_id,
                cause=self.cause,
            )
        )

    def doubt(self, key: str) -> None:
        """Take "filled" before its executions for a life sign, and have them asked for."""
        entry = self.ledger.get(key)
        if entry.is_awaiting:
            self.move(key, Event.WORK)
        if self.ledger.get(key).is_open:
            self.ask.add(key)

    def refuse(self, key: str, said: str) -> Seen:
        """Report what cannot be, change nothing, and have the broker asked."""
        entry = self.ledger.get(key)
        if self.ledger.first_time(key, entry.state, said):
            self.write(
                Refused(
                    at=self.at,
                    key=key,
                    state=entry.state,
                    said=said,
                    correlation_id=entry.correlation_id,
                    cause=self.cause,
                )
            )
            self.ask.add(key)
        return self.seen()


def _can_be_stillborn(entry: OrderEntry) -> bool:
    """Whether a code that proves a new order dead can be about this one."""
    if entry.filled or entry.cancel_asked or entry.changed is not None:
        return False
    # on an order that lives, the same code may be about a change that was refused
    return (entry.state in AWAITING and not entry.seen) or entry.state in (
        State.SUSPENDED,
        State.CANCELLED,
        State.REJECTED,
    )
