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
    "NOTHING_NEW",
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

    `notes`, all of one order, are recorded already and wait for the disk. `ask` names the order if
    the broker should be asked about it; `stranger` says that it was about one that is not known at
    all.
    """

    notes: tuple[Note, ...] = ()
    ask: frozenset[str] = frozenset()
    stranger: bool = False


NOTHING_NEW: Final = Seen()
"""What most messages lead to: the broker repeats itself."""

_STRANGER: Final = Seen(stranger=True)

_seen, _moved, _learned = quick(Seen), quick(Moved), quick(Learned)
_filled, _charged = quick(Filled), quick(Charged)


def see(ledger: Ledger, event: Evidence, *, at: datetime) -> Seen:
    """Take in a message that came by itself."""
    if isinstance(event, OrderStatusSeen):
        return _see_status(ledger, event, at)
    if isinstance(event, OpenOrderSeen):
        return _see_order(ledger, event.order, at)
    if isinstance(event, Execution):
        return _see_execution(ledger, event, at)
    return _see_charge(ledger, event, at)


def see_listed(ledger: Ledger, order: BrokerOrder, *, at: datetime, since: int) -> Seen:
    """
    Take in a row of the broker's list of open orders, asked for at the mark `since`.

    A list can be older than a message that overtook it on its way to us: what it says of an
    order that closed after it was asked for is not believed.
    """
    entry = ledger.about(order)
    if entry is not None and not entry.is_open and ledger.touched_since(entry.key, since):
        return NOTHING_NEW
    return _see_order(ledger, order, at, listed=True)


def see_completed(ledger: Ledger, order: CompletedOrder, *, at: datetime) -> Seen:
    """Take in a row of the broker's list of closed orders."""
    entry = ledger.find(
        perm_id=order.perm_id, client_id=None, order_id=None, order_ref=order.order_ref
    )
    if entry is None and order.perm_id is None:
        return _STRANGER
    scribe = _Scribe(ledger, entry, at, cause="completed orders")
    entry = entry or scribe.meet(order_of_completed(order))
    # completed orders often say 0 of an order that was filled (measured on a paper account)
    stated, quantity = order.filled_quantity or None, order.quantity
    if entry.cash is not None:
        # how many units it is for is what it has when it is filled; taken back since, what it had
        had = order.quantity or entry.executed if entry.corrected else stated or entry.counted
        quantity = (entry.quantity or had or None) if order.status == "Filled" else None
    elif order.status == "Filled" and not entry.corrected:
        # all of it is what the last execution brought it to, whatever its size was changed to
        told = max(entry.counted or ZERO, entry.stated_filled or ZERO)
        stated = stated or told or quantity or entry.quantity
        quantity = stated
    entry = scribe.learn(perm_id=order.perm_id, quantity=quantity, stated_filled=stated)
    event = COMPLETED_WORDS.get(order.status)
    if event is None:
        return scribe.refuse(order.status)
    if event is Event.FILL_ALL and entry.cash is not None and not entry.quantity:
        scribe.doubt()
        return scribe.seen()
    if event is Event.FILL_ALL and not entry.adds_up:
        # it was filled once, and executions were taken back since: it is over, and not filled
        scribe.move(Event.CANCEL, reason="filled, and corrected to less since")
        return scribe.seen()
    refused = order.reject_reason or entry.state is State.SUSPENDED
    if event is Event.CANCEL and refused and not entry.cancel_asked and not entry.filled:
        event = Event.REJECT
    scribe.move(event, reason=order.reject_reason or order.completed_status)
    return scribe.seen()


def see_fault(ledger: Ledger, fault: FaultReading, *, client_id: ClientId, at: datetime) -> Seen:
    """Take in an error message that names an order of `client_id`."""
    entry = ledger.by_order_id(client_id, fault.order_id)
    if entry is None:
        return _STRANGER
    scribe = _Scribe(ledger, entry, at, cause=f"code {fault.code}")
    if fault.dead and _can_be_stillborn(entry):
        scribe.move(Event.REJECT, reason=fault.text, code=fault.code)
        return scribe.seen()
    if entry.state not in CLOSED:
        scribe.learn(reason=fault.text)
        scribe.asks = fault.dead or fault.ask
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
    scribe = _Scribe(ledger, ledger.get(key), at, cause=cause)
    scribe.move(event, reason=reason, disposition=disposition)
    return scribe.seen()


def _see_status(ledger: Ledger, status: OrderStatusSeen, at: datetime) -> Seen:
    entry = ledger.find(
        perm_id=status.perm_id,
        client_id=status.client_id,
        order_id=status.order_id,
        order_ref=None,
    )
    if entry is None:
        return _STRANGER
    scribe = _Scribe(ledger, entry, at, cause="orderStatus")
    event = WORDS.get(status.status)
    filled = status.filled or None
    # an order by cash is for as many units as it has when the broker calls it filled
    ends = event is Event.FILL_ALL and entry.cash is not None and not entry.corrected
    scribe.learn(
        perm_id=status.perm_id,
        quantity=filled if ends else None,
        stated_filled=filled,
        stated_average=status.average_fill_price,
    )
    if event is None:
        return scribe.refuse(status.status)
    if event is Event.FILL_ALL and not scribe.entry.adds_up:
        scribe.doubt()
        return scribe.seen()
    reason = ""
    if event is Event.SUSPEND and entry.state not in (State.SUSPENDED, State.REJECTED):
        reason = f"inactive at the broker {status.why_held}".strip()
        scribe.asks = True
    scribe.move(event, reason=reason)
    return scribe.seen()


def _see_order(ledger: Ledger, order: BrokerOrder, at: datetime, *, listed: bool = False) -> Seen:
    entry = ledger.about(order)
    if entry is None and order.perm_id is None and order.order_id <= 0:
        return _STRANGER
    scribe = _Scribe(ledger, entry, at, cause="open orders" if listed else "openOrder")
    entry = entry or scribe.meet(order)
    scribe.learn(
        perm_id=order.perm_id,
        quantity=(order.quantity or None) if entry.cash is None else None,
        reason=order.warning or None,
        order=order if order.order_type == entry.order_type else None,
    )
    event = WORDS.get(order.status)
    if event is None:
        return scribe.refuse(order.status)
    if event is Event.FILL_ALL and not scribe.entry.adds_up:
        scribe.doubt()
        return scribe.seen()
    if order.reject_reason and event in (Event.SUSPEND, Event.CANCEL):
        event = Event.REJECT
    elif listed and order.status in LIVE_WORDS and entry.state in CLOSED:
        scribe.move(Event.REVIVE, reason="alive in the broker's list")
    elif event is Event.SUSPEND and not listed and entry.state is not State.SUSPENDED:
        scribe.asks = True
    scribe.move(event, reason=order.reject_reason)
    return scribe.seen()


def _see_execution(ledger: Ledger, execution: Execution, at: datetime) -> Seen:
    base, revision = exec_base(execution.exec_id)
    owner, known = ledger.revision(base)
    if revision <= known:
        return NOTHING_NEW
    entry = ledger.entry(owner) or ledger.find(
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        order_id=execution.order_id,
        order_ref=execution.order_ref,
    )
    owner, known = ledger.revision(base)
    if revision <= known:  # the order had been forgotten, and is known again
        return NOTHING_NEW
    if entry is None and execution.perm_id is None and execution.order_id <= 0:
        return _STRANGER
    scribe = _Scribe(ledger, entry, at, cause="execDetails")
    if entry is None:
        entry = scribe.meet(order_of_execution(execution))
        scribe.asks = True
    fill, grown = fill_of(execution), None
    if not entry.order_type:  # known by its executions only, so its size grows with them
        grown = max(entry.quantity, execution.cumulative_quantity or ZERO)
    elif (
        owner is None and entry.changed is not None
    ):  # more than it was is proof that our change of it was made
        # counted together: of a divided order the same units are told more than once
        proven = evolve(entry, fills=(*entry.fills, fill)).executed > entry.quantity
        grown = max(entry.quantity, entry.changed.quantity) if proven else None
    entry = scribe.learn(perm_id=execution.perm_id, quantity=grown)
    key, correlation_id = entry.key, entry.correlation_id
    entry = scribe.write(
        _filled(at=at, key=key, fill=fill, correlation_id=correlation_id, cause=scribe.cause)
    )
    executed = entry.executed
    if executed > entry.quantity and (entry.cash is None or entry.quantity):
        scribe.refuse(f"{executed} executed of {entry.quantity}")
    if entry.adds_up:
        scribe.move(Event.FILL_ALL)
    elif entry.state is State.FILLED:
        scribe.move(Event.UNFILL, reason="an execution was corrected")
        scribe.asks = True
    elif owner is None:
        scribe.move(Event.FILL_PART)
    return scribe.seen()


def _see_charge(ledger: Ledger, charge: CommissionReported, at: datetime) -> Seen:
    owner, _ = ledger.revision(exec_base(charge.exec_id)[0])
    entry = ledger.entry(owner)
    told = (charge.exec_id, charge.commission, charge.realized_pnl)
    known = () if entry is None else entry.fills
    same = any((fill.exec_id, fill.commission, fill.realized_pnl) == told for fill in known)
    if same or ledger.is_waiting(charge.exec_id):
        return NOTHING_NEW
    note = _charged(
        at=at,
        key=owner or "",
        exec_id=charge.exec_id,
        commission=charge.commission,
        currency=charge.currency,
        realized_pnl=charge.realized_pnl,
        correlation_id="" if entry is None else entry.correlation_id,
        cause="commissionReport",
    )
    ledger.record(note)
    return _seen(notes=(note,))


class _Scribe:
    """
    Turns one message about one order into notes, recording each before the next is thought of.

    `entry` is the order as the last note has left it; one that is not known has to be met first.
    """

    __slots__ = ("_ledger", "_notes", "asks", "at", "cause", "entry")

    entry: OrderEntry

    def __init__(
        self, ledger: Ledger, entry: OrderEntry | None, at: datetime, *, cause: str
    ) -> None:
        self._ledger = ledger
        if entry is not None:
            self.entry = entry
        self.at = at
        self.cause = cause
        self.asks = False
        self._notes: list[Note] = []

    def seen(self) -> Seen:
        if self.asks:
            return _seen(notes=tuple(self._notes), ask=frozenset((self.entry.key,)))
        return _seen(notes=tuple(self._notes)) if self._notes else NOTHING_NEW

    def write(self, note: Note) -> OrderEntry:
        """Record a note, which bears the correlation id of its order; return what that is now."""
        self._ledger.record(note)
        self._notes.append(note)
        self.entry = entry = self._ledger.get(note.key)
        return entry

    def meet(self, order: BrokerOrder) -> OrderEntry:
        key = f"perm:{order.perm_id}" if order.perm_id else foreign_key(order)
        return self.write(Met(at=self.at, key=key, order=order, cause=self.cause))

    def learn(
        self,
        *,
        perm_id: PermId | None = None,
        quantity: Decimal | None = None,
        stated_filled: Decimal | None = None,
        stated_average: Decimal | None = None,
        reason: str | None = None,
        order: BrokerOrder | None = None,
    ) -> OrderEntry:
        """Note what is new, and return the order; the broker's count of fills only grows."""
        entry = self.entry
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
            return entry
        entry = self.write(
            _learned(
                at=self.at,
                key=entry.key,
                correlation_id=entry.correlation_id,
                cause=self.cause,
                **news,
            )
        )
        if entry.state is State.FILLED and entry.filled < entry.quantity and news.get("quantity"):
            self.move(Event.UNFILL, reason="the quantity was raised")
        return self.entry

    def move(
        self,
        event: Event,
        *,
        reason: str = "",
        code: int | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        """Take the step if the table has it; a step in place is noted when it tells something."""
        entry = self.entry
        try:
            target = advance(entry.state, event)
        except InvalidTransitionError:
            self.refuse(event.value)
            return
        if target is entry.state:
            told = disposition is not None
            asked = event is Event.ASK_CANCEL and not entry.cancel_asked
            unproven = event in EVIDENCE and not entry.seen
            explained = entry.reason and (code is None or entry.code is not None)
            if not (told or asked or unproven or (reason and not explained)):
                return
        self.write(
            _moved(
                at=self.at,
                key=entry.key,
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

    def doubt(self) -> None:
        """Take "filled" before its executions for a life sign, and have them asked for."""
        if self.entry.is_awaiting:
            self.move(Event.WORK)
        if self.entry.is_open:
            self.asks = True

    def refuse(self, said: str) -> Seen:
        """Report what cannot be, change nothing, and have the broker asked."""
        entry = self.entry
        if self._ledger.first_time(entry.key, entry.state, said):
            self.write(
                Refused(
                    at=self.at,
                    key=entry.key,
                    state=entry.state,
                    said=said,
                    correlation_id=entry.correlation_id,
                    cause=self.cause,
                )
            )
            self.asks = True
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
