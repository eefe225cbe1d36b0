"""
Every order that is known here, what the broker said of each, and what follows from it.

Owns: identity (which order a message is about), fills counted once, and the step that evidence
makes. It changes by notes only: a live message is turned into notes, the notes are recorded, and
replaying the same notes gives the same ledger.
Refuses to know: time (it is told), the disk, the wire, and how long to wait for anything.

Identity, strongest first: permanent id, then client id with order id, then the order reference.
A weaker match never overrules a stronger one that contradicts it: order ids can restart after the
gateway was reset, and an order copied in TWS keeps the reference of its model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ibkr_connector.gateway.port import (
    BrokerOrder,
    CommissionReported,
    CompletedOrder,
    Execution,
    OpenOrderSeen,
    OrderStatusSeen,
)
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId
from ibkr_connector.model.orders import Fill, SendDisposition, Transition

from .entry import ZERO, OrderEntry
from .notes import Charged, Denied, Filled, Intended, Learned, Met, Moved, Note, Opened, Refused
from .states import AWAITING, CLOSED, EVIDENCE, Event, InvalidTransitionError, State, advance
from .words import COMPLETED_WORDS, LIVE_WORDS, WORDS

__all__ = ["Evidence", "FaultReading", "Ledger", "Seen", "exec_base"]

N = TypeVar("N", bound=Note)

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


class Ledger:
    """Hold the orders; the only place in which an order's state is assigned."""

    def __init__(self) -> None:
        self._entries: dict[str, OrderEntry] = {}
        self._by_perm: dict[PermId, str] = {}
        self._by_id: dict[tuple[ClientId, OrderId], str] = {}
        self._by_ref: dict[str, str] = {}
        self._by_client_order_id: dict[str, str] = {}
        self._revisions: dict[str, tuple[str, int]] = {}
        self._uncharged: dict[ExecId, Charged] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._highest: dict[ClientId, OrderId] = {}
        self._attempts: dict[str, int] = {}
        self._clock = 0
        self._touched: dict[str, int] = {}
        self.anomalies = 0
        """How often something was said that cannot be."""

    # --- reading --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[OrderEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def get(self, key: str) -> OrderEntry:
        """Return the order with that key; a key comes from this ledger, so it is known."""
        return self._entries[key]

    def by_order_id(self, client_id: ClientId, order_id: OrderId) -> OrderEntry | None:
        """Return the newest order of that client id with that order id."""
        return self._entry(self._by_id.get((client_id, order_id)))

    def by_perm_id(self, perm_id: PermId) -> OrderEntry | None:
        """Return the order with that permanent id."""
        return self._entry(self._by_perm.get(perm_id))

    def by_client_order_id(self, client_order_id: str) -> OrderEntry | None:
        """Return the newest order that was placed under that key of the caller."""
        return self._entry(self._by_client_order_id.get(client_order_id))

    def highest_order_id(self, client_id: ClientId) -> OrderId:
        """Return the largest order id that this client id is known to have used, or 0."""
        return self._highest.get(client_id, OrderId(0))

    def attempts(self, client_order_id: str) -> int:
        """Return how many orders were intended under that key of the caller."""
        return self._attempts.get(client_order_id, 0)

    def mark(self) -> int:
        """Return a moment of this ledger, for `touched_since`."""
        return self._clock

    def touched_since(self, key: str, mark: int) -> bool:
        """Whether anything was recorded of that order after the mark was taken."""
        return self._touched.get(key, 0) > mark

    def find(
        self,
        *,
        perm_id: PermId | None,
        client_id: ClientId | None,
        order_id: OrderId | None,
        order_ref: str | None,
    ) -> OrderEntry | None:
        """Tell which order a message is about; `None` in a field means that it does not say."""
        if perm_id is not None and perm_id in self._by_perm:
            return self._entries[self._by_perm[perm_id]]
        if client_id is not None and order_id is not None and order_id > 0:
            entry = self.by_order_id(client_id, order_id)
            if entry is not None and _may_be(entry, perm_id=perm_id, order_ref=order_ref):
                return entry
        if order_ref:
            entry = self._entry(self._by_ref.get(order_ref))
            same_client = client_id is None or (entry and entry.client_id == client_id)
            if entry is not None and same_client and _may_be(entry, perm_id=perm_id):
                return entry
        return None

    # --- live messages --------------------------------------------------------------------------

    def intend(self, note: Intended) -> None:
        """Take a new order of ours in."""
        self.record(note)

    def see(self, event: Evidence, *, at: datetime) -> Seen:
        """Take in a message that came by itself."""
        if isinstance(event, OrderStatusSeen):
            return self._see_status(event, _Scribe(self, at, "orderStatus"))
        if isinstance(event, OpenOrderSeen):
            return self._see_order(event.order, _Scribe(self, at, "openOrder"), listed=False)
        if isinstance(event, Execution):
            return self._see_execution(event, _Scribe(self, at, "execDetails"))
        return self._see_charge(event, _Scribe(self, at, "commissionReport"))

    def see_listed(self, order: BrokerOrder, *, at: datetime, since: int) -> Seen:
        """
        Take in a row of the broker's list of open orders, asked for at the mark `since`.

        A list can be older than a message that overtook it on its way to us: what it says of an
        order that closed after it was asked for is not believed.
        """
        scribe = _Scribe(self, at, "open orders")
        entry = self._about(order)
        if entry is not None and not entry.is_open and self.touched_since(entry.key, since):
            return scribe.seen()
        return self._see_order(order, scribe, listed=True)

    def see_completed(self, order: CompletedOrder, *, at: datetime) -> Seen:
        """Take in a row of the broker's list of closed orders."""
        scribe = _Scribe(self, at, "completed orders")
        entry = self.find(
            perm_id=order.perm_id, client_id=None, order_id=None, order_ref=order.order_ref
        )
        if entry is None:
            if order.perm_id is None:
                return scribe.seen(stranger=True)
            entry = scribe.meet(_broker_order_of(order))
        # completed orders often say 0 of an order that was filled (measured on a paper account)
        stated = order.filled_quantity or None
        if order.status == "Filled" and stated is None and not entry.executed:
            stated = entry.quantity
        key = entry.key
        scribe.learn(key, perm_id=order.perm_id, stated_filled=stated)
        event = COMPLETED_WORDS.get(order.status)
        if event is None:
            return scribe.refuse(key, order.status)
        refused = order.reject_reason or entry.state is State.SUSPENDED
        if event is Event.CANCEL and refused and not entry.cancel_asked and not entry.filled:
            event = Event.REJECT
        scribe.move(key, event, reason=order.reject_reason or order.completed_status)
        return scribe.seen()

    def see_fault(self, fault: FaultReading, *, client_id: ClientId, at: datetime) -> Seen:
        """Take in an error message that names an order of `client_id`."""
        scribe = _Scribe(self, at, f"code {fault.code}")
        entry = self.by_order_id(client_id, fault.order_id)
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
        self,
        key: str,
        event: Event,
        *,
        at: datetime,
        cause: str,
        reason: str = "",
        disposition: SendDisposition | None = None,
    ) -> Seen:
        """Make a step that no message of the broker makes: sent, lost, asked to cancel."""
        scribe = _Scribe(self, at, cause)
        scribe.move(key, event, reason=reason, disposition=disposition)
        return scribe.seen()

    # --- recording ------------------------------------------------------------------------------

    def replay(self, notes: Iterable[Note]) -> None:
        """
        Rebuild from notes that were written earlier.

        Orders of others are left out: the broker tells them again, and only the broker knows
        what became of them meanwhile.
        """
        for note in notes:
            unclaimed = isinstance(note, Charged) and not note.key
            if isinstance(note, Intended) or unclaimed or note.key in self._entries:
                self.record(note)

    def record(self, note: Note) -> None:
        """Change the ledger by one note."""
        _RECORD[type(note)](self, note)

    def _record_intended(self, note: Intended) -> None:
        ticket = note.ticket
        entry = OrderEntry(
            key=note.key,
            client_id=note.client_id,
            order_id=ticket.order_id,
            perm_id=None,
            order_ref=ticket.order_ref,
            client_order_id=note.client_order_id,
            correlation_id=note.correlation_id,
            account=ticket.account,
            contract=ticket.contract,
            action=ticket.action,
            quantity=ticket.quantity,
            order_type=ticket.order_type.value,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            time_in_force=ticket.time_in_force.value,
            ticket=ticket,
            created=note.at,
            updated=note.at,
            state=State.INTENDED,
            disposition=SendDisposition.UNSENT,
        )
        self._put(entry)
        if note.client_order_id is not None:
            self._by_client_order_id[note.client_order_id] = note.key
            self._attempts[note.client_order_id] = self.attempts(note.client_order_id) + 1

    def _record_met(self, note: Met) -> None:
        order = note.order
        self._put(
            OrderEntry(
                key=note.key,
                client_id=order.client_id,
                order_id=order.order_id,
                perm_id=order.perm_id,
                order_ref=order.order_ref,
                client_order_id=None,
                correlation_id="",
                account=order.account,
                contract=order.contract,
                action=order.action,
                quantity=order.quantity,
                order_type=order.order_type,
                limit_price=order.limit_price,
                stop_price=order.stop_price,
                time_in_force=order.time_in_force,
                ticket=None,
                created=note.at,
                updated=note.at,
                state=State.ACCEPTED,
                disposition=SendDisposition.SENT,
                seen=True,
                reason=order.warning,
            )
        )

    def _record_moved(self, note: Moved) -> None:
        entry = self._entries[note.key]
        evident = note.event in EVIDENCE
        disposition = SendDisposition.SENT if evident else entry.disposition
        step = Transition(
            time=note.at,
            source=note.source,
            event=note.event,
            target=note.target,
            cause=note.cause,
        )
        self._put(
            replace(
                entry,
                state=note.target,
                disposition=note.disposition or disposition,
                seen=entry.seen or evident,
                cancel_asked=entry.cancel_asked or note.event is Event.ASK_CANCEL,
                reason=note.reason or entry.reason,
                code=note.code if note.code is not None else entry.code,
                updated=note.at,
                transitions=(*entry.transitions, step),
            )
        )

    def _record_learned(self, note: Learned) -> None:
        entry = self._entries[note.key]
        self._put(
            replace(
                entry,
                perm_id=entry.perm_id if note.perm_id is None else note.perm_id,
                quantity=entry.quantity if note.quantity is None else note.quantity,
                stated_filled=_or(note.stated_filled, entry.stated_filled),
                stated_average=_or(note.stated_average, entry.stated_average),
                reason=entry.reason if note.reason is None else note.reason,
                seen=entry.seen or note.perm_id is not None,
                updated=note.at,
            )
        )

    def _record_filled(self, note: Filled) -> None:
        entry = self._entries[note.key]
        base, revision = exec_base(note.fill.exec_id)
        charge = self._uncharged.pop(note.fill.exec_id, None)
        fill = note.fill if charge is None else _charged(note.fill, charge)
        corrects = base in self._revisions
        self._revisions[base] = (note.key, revision)
        if corrects:
            others = tuple(f for f in entry.fills if exec_base(f.exec_id)[0] != base)
            fills = (*others, fill) if fill.quantity else others
        else:
            fills = (*entry.fills, fill)
        self._put(
            replace(
                entry,
                fills=fills,
                # a corrected execution makes the broker's earlier count worthless
                stated_filled=None if corrects else entry.stated_filled,
                seen=True,
                updated=note.at,
            )
        )

    def _record_charged(self, note: Charged) -> None:
        entry = self._entry(note.key)
        known = entry is not None and any(fill.exec_id == note.exec_id for fill in entry.fills)
        if entry is None or not known:
            self._uncharged[note.exec_id] = note
            return
        fills = tuple(
            _charged(fill, note) if fill.exec_id == note.exec_id else fill for fill in entry.fills
        )
        self._put(replace(entry, fills=fills, updated=note.at))

    def _record_nothing(self, note: Note) -> None:
        """Denied and refused things are for the audit: they change no order."""

    def _put(self, entry: OrderEntry) -> None:
        new = entry.key not in self._entries
        self._entries[entry.key] = entry
        self._clock += 1
        self._touched[entry.key] = self._clock
        if entry.perm_id is not None:
            self._by_perm[entry.perm_id] = entry.key
        if new and entry.order_id > 0:
            self._by_id[entry.client_id, entry.order_id] = entry.key
            highest = max(self.highest_order_id(entry.client_id), entry.order_id)
            self._highest[entry.client_id] = highest
        if new and entry.is_own:
            self._by_ref[entry.order_ref] = entry.key

    # --- one kind of message each ---------------------------------------------------------------

    def _see_status(self, status: OrderStatusSeen, scribe: _Scribe) -> Seen:
        entry = self.find(
            perm_id=status.perm_id,
            client_id=status.client_id,
            order_id=status.order_id,
            order_ref=None,
        )
        if entry is None:
            return scribe.seen(stranger=True)
        key = entry.key
        scribe.learn(
            key,
            perm_id=status.perm_id,
            stated_filled=status.filled or None,
            stated_average=status.average_fill_price if status.filled else None,
        )
        event = WORDS.get(status.status)
        if event is None:
            return scribe.refuse(key, status.status)
        reason = ""
        if event is Event.SUSPEND and entry.state not in (State.SUSPENDED, State.REJECTED):
            reason = f"inactive at the broker {status.why_held}".strip()
            scribe.ask.add(key)
        scribe.move(key, event, reason=reason)
        return scribe.seen()

    def _see_order(self, order: BrokerOrder, scribe: _Scribe, *, listed: bool) -> Seen:
        entry = self._about(order)
        if entry is None:
            if order.perm_id is None and order.order_id <= 0:
                return scribe.seen(stranger=True)
            entry = scribe.meet(order)
        key = entry.key
        scribe.learn(
            key,
            perm_id=order.perm_id,
            quantity=order.quantity or None,
            reason=order.warning or None,
        )
        event = WORDS.get(order.status)
        if event is None:
            return scribe.refuse(key, order.status)
        if order.reject_reason and event in (Event.SUSPEND, Event.CANCEL):
            event = Event.REJECT
        elif listed and order.status in LIVE_WORDS and entry.state in CLOSED:
            scribe.move(key, Event.REVIVE, reason="alive in the broker's list")
        elif event is Event.SUSPEND and not listed and entry.state is not State.SUSPENDED:
            scribe.ask.add(key)
        scribe.move(key, event, reason=order.reject_reason)
        return scribe.seen()

    def _about(self, order: BrokerOrder) -> OrderEntry | None:
        return self.find(
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            order_ref=order.order_ref,
        )

    def _see_execution(self, execution: Execution, scribe: _Scribe) -> Seen:
        base, revision = exec_base(execution.exec_id)
        owner, known = self._revisions.get(base, (None, -1))
        if revision <= known:
            return scribe.seen()
        entry = self._entry(owner) or self.find(
            perm_id=execution.perm_id,
            client_id=execution.client_id,
            order_id=execution.order_id,
            order_ref=execution.order_ref,
        )
        if entry is None:
            if execution.perm_id is None and execution.order_id <= 0:
                return scribe.seen(stranger=True)
            entry = scribe.meet(_broker_order_from(execution))
            scribe.ask.add(entry.key)
        key = entry.key
        grown = None
        if not entry.order_type:  # known by its executions only, so its size grows with them
            grown = max(entry.quantity, execution.cumulative_quantity or ZERO)
        scribe.learn(key, perm_id=execution.perm_id, quantity=grown)
        scribe.write(Filled(at=scribe.at, key=key, fill=_fill(execution), cause=scribe.cause))
        entry = self._entries[key]
        if entry.executed > entry.quantity:
            scribe.refuse(key, f"{entry.executed} executed of {entry.quantity}")
        if entry.filled >= entry.quantity:
            scribe.move(key, Event.FILL_ALL)
        elif owner is None:
            scribe.move(key, Event.FILL_PART)
        elif entry.state is State.FILLED:
            scribe.move(key, Event.UNFILL, reason="an execution was corrected")
            scribe.ask.add(key)
        return scribe.seen()

    def _see_charge(self, charge: CommissionReported, scribe: _Scribe) -> Seen:
        owner, _ = self._revisions.get(exec_base(charge.exec_id)[0], ("", -1))
        entry = self._entry(owner)
        told = [fill for fill in entry.fills if fill.exec_id == charge.exec_id] if entry else []
        same = any(
            (fill.commission, fill.realized_pnl) == (charge.commission, charge.realized_pnl)
            for fill in told
        )
        if same or charge.exec_id in self._uncharged:
            return scribe.seen()
        scribe.write(
            Charged(
                at=scribe.at,
                key=owner,
                exec_id=charge.exec_id,
                commission=charge.commission,
                currency=charge.currency,
                realized_pnl=charge.realized_pnl,
                cause=scribe.cause,
            )
        )
        return scribe.seen()

    def _entry(self, key: str | None) -> OrderEntry | None:
        return None if key is None else self._entries.get(key)

    def first_time(self, key: str, state: State, said: str) -> bool:
        """Count an anomaly; tell whether it is the first of its kind, which alone is written."""
        self.anomalies += 1
        mark = (key, state.value, said)
        new = mark not in self._said
        self._said.add(mark)
        return new


class _Scribe:
    """Turns one message into notes, recording each before the next is thought of."""

    def __init__(self, ledger: Ledger, at: datetime, cause: str) -> None:
        self.ledger = ledger
        self.at = at
        self.cause = cause
        self.ask: set[str] = set()
        self._notes: list[Note] = []

    def seen(self, *, stranger: bool = False) -> Seen:
        return Seen(notes=tuple(self._notes), ask=frozenset(self.ask), stranger=stranger)

    def write(self, note: Note) -> None:
        if note.key in self.ledger:
            note = replace(note, correlation_id=self.ledger.get(note.key).correlation_id)
        self.ledger.record(note)
        self._notes.append(note)

    def meet(self, order: BrokerOrder) -> OrderEntry:
        key = f"perm:{order.perm_id}" if order.perm_id else _foreign_key(order)
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
    ) -> None:
        """Note what is new among what was said; the broker's count of fills only grows."""
        entry = self.ledger.get(key)
        ahead = stated_filled is not None and stated_filled > (entry.stated_filled or ZERO)
        news: dict[str, Any] = {
            "perm_id": _news(perm_id, entry.perm_id),
            "quantity": _news(quantity, entry.quantity),
            "stated_filled": stated_filled if ahead else None,
            "stated_average": stated_average if ahead else None,
            "reason": _news(reason, entry.reason),
        }
        if any(value is not None for value in news.values()):
            self.write(Learned(at=self.at, key=key, cause=self.cause, **news))
        entry = self.ledger.get(key)
        if entry.state is State.FILLED and entry.filled < entry.quantity and news["quantity"]:
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
        told = disposition is not None and disposition is not entry.disposition
        asked = event is Event.ASK_CANCEL and not entry.cancel_asked
        unproven = event in EVIDENCE and not entry.seen
        explains = bool(reason) and (not entry.reason or (code is not None and entry.code is None))
        if stays and not (told or asked or unproven or explains):
            return
        self.write(
            Moved(
                at=self.at,
                key=key,
                event=event,
                source=entry.state,
                target=target,
                reason=reason,
                code=code,
                disposition=disposition,
                cause=self.cause,
            )
        )

    def refuse(self, key: str, said: str) -> Seen:
        """Report what cannot be, change nothing, and have the broker asked."""
        state = self.ledger.get(key).state
        if self.ledger.first_time(key, state, said):
            self.write(Refused(at=self.at, key=key, state=state, said=said, cause=self.cause))
            self.ask.add(key)
        return self.seen()


_RECORD: Final[Mapping[type[Any], Callable[[Ledger, Any], None]]] = MappingProxyType(
    {
        Intended: Ledger._record_intended,
        Met: Ledger._record_met,
        Moved: Ledger._record_moved,
        Learned: Ledger._record_learned,
        Filled: Ledger._record_filled,
        Charged: Ledger._record_charged,
        Refused: Ledger._record_nothing,
        Denied: Ledger._record_nothing,
        Opened: Ledger._record_nothing,
    }
)


def exec_base(exec_id: ExecId) -> tuple[str, int]:
    """Split an execution id into what stays and the revision that a correction raises."""
    base, dot, revision = exec_id.rpartition(".")
    if not dot or not revision.isdecimal():
        return exec_id, 0
    return base, int(revision)


def _may_be(
    entry: OrderEntry, *, perm_id: PermId | None = None, order_ref: str | None = None
) -> bool:
    """Whether nothing that both sides say contradicts."""
    if perm_id is not None and entry.perm_id is not None and perm_id != entry.perm_id:
        return False
    return not (order_ref and entry.order_ref and order_ref != entry.order_ref)


def _can_be_stillborn(entry: OrderEntry) -> bool:
    """Whether a code that proves a new order dead can be about this one."""
    if entry.filled or entry.cancel_asked:
        return False
    # on an order that lives, the same code may be about a change that was refused
    return (entry.state in AWAITING and not entry.seen) or entry.state in (
        State.SUSPENDED,
        State.CANCELLED,
        State.REJECTED,
    )


def _foreign_key(order: BrokerOrder) -> str:
    return f"client:{order.client_id}/{order.order_id}"


def _fill(execution: Execution) -> Fill:
    return Fill(
        exec_id=execution.exec_id,
        order_id=execution.order_id,
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        contract=execution.contract,
        action=execution.action,
        quantity=execution.quantity,
        price=execution.price,
        time=execution.time,
        exchange=execution.exchange,
        account=execution.account,
        order_ref=execution.order_ref,
        cumulative_quantity=execution.cumulative_quantity,
        average_price=execution.average_price,
        recovered=execution.recovered,
    )


def _charged(fill: Fill, charge: Charged) -> Fill:
    return replace(
        fill,
        commission=charge.commission,
        commission_currency=charge.currency,
        realized_pnl=charge.realized_pnl,
    )


def _broker_order_from(execution: Execution) -> BrokerOrder:
    """Describe an order of which only an execution is known; its size is at least that."""
    return BrokerOrder(
        order_id=execution.order_id,
        client_id=execution.client_id,
        perm_id=execution.perm_id,
        order_ref=execution.order_ref,
        account=execution.account,
        contract=execution.contract,
        action=execution.action,
        quantity=execution.cumulative_quantity or execution.quantity,
        order_type="",
        limit_price=None,
        stop_price=None,
        time_in_force="",
        status="Submitted",
    )


def _broker_order_of(order: CompletedOrder) -> BrokerOrder:
    """Describe an order that was closed before it was seen; the wire names no client."""
    return BrokerOrder(
        order_id=OrderId(0),
        client_id=ClientId(0),
        perm_id=order.perm_id,
        order_ref=order.order_ref,
        account=order.account,
        contract=order.contract,
        action=order.action,
        quantity=order.quantity or order.filled_quantity or ZERO,
        order_type="",
        limit_price=None,
        stop_price=None,
        time_in_force="",
        status=order.status,
    )


def _or(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return old if new is None else new


V = TypeVar("V")


def _news(said: V | None, known: V | None) -> V | None:
    return None if said == known else said
