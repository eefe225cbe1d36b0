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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.gateway.port import BrokerOrder
from ibkr_connector.model.ids import ClientId, ExecId, OrderId, PermId, exec_base
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import Fill, SendDisposition, Transition

from .entry import ZERO, OrderEntry, charged, evolve
from .notes import (
    Changed,
    Charged,
    Checkpoint,
    Decided,
    Denied,
    Drifted,
    Filled,
    Intended,
    Learned,
    Met,
    Moved,
    Note,
    Opened,
    Refused,
)
from .states import CLOSED, EVIDENCE, Event, State

__all__ = ["Ledger", "exec_base"]

_LEARNT: Final = (
    *("perm_id", "quantity", "stated_filled", "stated_average", "reason", "limit_price"),
    *("stop_price", "time_in_force", "outside_regular_hours", "terms"),
)
"""What the broker may tell anew of an order, as a note and an order both call it."""

_learnt: Final = attrgetter(*_LEARNT)

_transition: Final = quick(Transition)


class Ledger:
    """Hold the orders; the only place in which an order's state is assigned."""

    def __init__(self) -> None:
        self._entries: dict[str, OrderEntry] = {}
        self._open: dict[str, None] = {}
        self._by_perm: dict[PermId, str] = {}
        self._by_id: dict[tuple[ClientId, OrderId], str] = {}
        self._by_ref: dict[str, str] = {}
        self._by_client_order_id: dict[str, str] = {}
        self.foreign_refs: dict[str, str] = {}
        """References of orders that are not in the journal, and their keys here."""
        self._revisions: dict[str, tuple[str, int]] = {}
        self._replaced: dict[ExecId, Fill] = {}
        self._uncharged: dict[ExecId, Charged] = {}
        self._recharged: dict[ExecId, Fill] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._highest: dict[ClientId, OrderId] = {}
        self._attempts: dict[str, int] = {}
        self._clock = 0
        self._touched: dict[str, int] = {}
        self.on_change: list[Callable[[str, OrderEntry | None], None]] = []
        """Told each order of which anything was recorded, by its key; `None`: it was forgotten."""
        self.recall: Callable[[str], None] | None = None
        """Told a reference that is not known, it may bring the order back (`retention.py`)."""
        self.anomalies = 0
        """How often something was said that cannot be."""

    # --- reading --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[OrderEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def open_entries(self) -> Iterator[OrderEntry]:
        """Return the orders that can still change, without looking at all others; on any thread."""
        return (self._entries[key] for key in tuple(self._open))

    def get(self, key: str) -> OrderEntry:
        """Return the order with that key; a key comes from this ledger, so it is known."""
        return self._entries[key]

    def by_order_id(self, client_id: ClientId, order_id: OrderId) -> OrderEntry | None:
        """Return the newest order of that client id with that order id."""
        return self.entry(self._by_id.get((client_id, order_id)))

    def by_perm_id(self, perm_id: PermId) -> OrderEntry | None:
        """Return the order with that permanent id."""
        return self.entry(self._by_perm.get(perm_id))

    def by_client_order_id(self, client_order_id: str) -> OrderEntry | None:
        """Return the newest order that was placed under that key of the caller."""
        return self.entry(self._by_client_order_id.get(client_order_id))

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
            entry = self._entries[self._by_perm[perm_id]]
            if not order_ref or order_ref == entry.order_ref:
                return entry
            # permanent ids have been given twice; a reference of ours never is
            return self._referred(order_ref, perm_id, client_id) or entry
        if client_id is not None and order_id is not None and order_id > 0:
            known = self.by_order_id(client_id, order_id)
            if known is not None and _may_be(known, perm_id=perm_id, order_ref=order_ref):
                return known
        return self._referred(order_ref, perm_id, client_id) if order_ref else None

    def _referred(
        self, order_ref: str, perm_id: PermId | None, client_id: ClientId | None
    ) -> OrderEntry | None:
        if order_ref not in self._by_ref and self.recall is not None:
            self.recall(order_ref)
        entry = self.entry(self._by_ref.get(order_ref))
        if entry is None or client_id not in (None, entry.client_id):
            return None
        return entry if _may_be(entry, perm_id=perm_id) else None

    # --- recording ------------------------------------------------------------------------------

    def replay(self, notes: Iterable[Note], *, with_foreign: bool = False) -> None:
        """
        Rebuild from notes that were written earlier.

        Orders of others are left out of a ledger that will live: the broker tells them again, and
        only the broker knows what became of them meanwhile. Who looks back wants them.
        """
        for note in notes:
            unclaimed = isinstance(note, Charged) and not note.key
            begins = isinstance(note, Intended | Checkpoint)
            begins = begins or (with_foreign and isinstance(note, Met))
            if begins or unclaimed or note.key in self._entries:
                self.record(note)

    def record(self, note: Note) -> None:
        """Change the ledger by one note."""
        _RECORD[type(note)](self, note)

    def forget(self, keys: Iterable[str]) -> None:
        """Let closed orders go, and everything that is known by them; see `restore`."""
        gone = {key: self._entries.pop(key) for key in keys}
        for key, entry in gone.items():
            self._touched.pop(key, None)
            for tell in self.on_change:
                tell(key, None)
            if entry.client_order_id is not None:
                self._attempts.pop(entry.client_order_id, None)
        bases = {base for base, (key, _) in self._revisions.items() if key in gone}
        refs = (self._by_ref, self._by_client_order_id, self.foreign_refs)
        for index in (self._by_perm, self._by_id, *refs):
            _drop(index, lambda _, key: key in gone)
        _drop(self._revisions, lambda base, _: base in bases)
        for told in (self._replaced, self._recharged):
            _drop(told, lambda exec_id, _: exec_base(exec_id)[0] in bases)
        self._said = {mark for mark in self._said if mark[0] not in gone}

    def restore(self, notes: Sequence[Note]) -> None:
        """Take back an order that was forgotten, from all notes of it; what is newer stays so."""
        first = notes[0]
        if not isinstance(first, Intended):
            return
        slot, asked = (first.client_id, first.ticket.order_id), first.client_order_id
        newer, latest = self._by_id.get(slot), self.by_client_order_id(asked or "")
        for note in notes:
            self.record(note)
        if newer is not None:
            self._by_id[slot] = newer
        if asked and latest and (latest.created, latest.order_id) > (first.at, slot[1]):
            self._by_client_order_id[asked] = latest.key
        self._touched.pop(first.key, None)

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
            order_type=ticket.order_type._value_,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            time_in_force=ticket.time_in_force._value_,
            ticket=ticket,
            created=note.at,
            updated=note.at,
            state=State.INTENDED,
            disposition=SendDisposition.UNSENT,
            outside_regular_hours=ticket.outside_regular_hours,
            parent_id=ticket.parent_id,
            terms=ticket.terms,
        )
        self._put(entry)
        if note.client_order_id is not None:
            self._by_client_order_id[note.client_order_id] = note.key
            self._attempts[note.client_order_id] = self.attempts(note.client_order_id) + 1

    def _record_changed(self, note: Changed) -> None:
        self._put(evolve(self._entries[note.key], changed=note.ticket, updated=note.at))

    def _record_met(self, note: Met) -> None:
        order = note.order
        self.foreign_refs[order.order_ref] = note.key
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
                quantity=order.quantity if order.terms.cash_quantity is None else ZERO,
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
                outside_regular_hours=order.outside_regular_hours,
                parent_id=order.parent_id,
                terms=order.terms,
            )
        )

    def _record_moved(self, note: Moved) -> None:
        entry = self._entries[note.key]
        evident = note.event in EVIDENCE
        disposition = SendDisposition.SENT if evident else entry.disposition
        step = _transition(
            time=note.at, source=note.source, event=note.event, target=note.target, cause=note.cause
        )
        self._put(
            evolve(
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
        news = {
            name: value
            for name, value in zip(_LEARNT, _learnt(note), strict=True)
            if value is not None
        }
        if note.perm_id is not None:
            news["seen"] = True
        self._put(evolve(self._entries[note.key], updated=note.at, **news))

    def _record_filled(self, note: Filled) -> None:
        entry = self._entries[note.key]
        base, revision = exec_base(note.fill.exec_id)
        charge = self._uncharged.pop(note.fill.exec_id, None)
        fill = note.fill if charge is None else charged(note.fill, charge)
        others, is_known = entry.fills, base in self._revisions
        self._revisions[base] = (note.key, revision)
        if is_known:
            for earlier in entry.fills:
                if exec_base(earlier.exec_id)[0] == base:
                    self._replaced[fill.exec_id] = earlier
            others = tuple(f for f in entry.fills if exec_base(f.exec_id)[0] != base)
        fills = (*others, fill) if fill.quantity else others
        # the first that is heard of an execution can be its correction
        corrected = entry.corrected or is_known or revision > 1
        self._put(evolve(entry, fills=fills, corrected=corrected, seen=True, updated=note.at))

    def _record_charged(self, note: Charged) -> None:
        entry = self.entry(note.key)
        known = [] if entry is None else [f for f in entry.fills if f.exec_id == note.exec_id]
        if entry is None or not known:
            self._uncharged[note.exec_id] = note
            return
        if known[0].commission is not None:
            self._recharged[note.exec_id] = known[0]
        fills = tuple([charged(f, note) if f is known[0] else f for f in entry.fills])
        self._put(evolve(entry, fills=fills, updated=note.at))

    def _record_checkpoint(self, note: Checkpoint) -> None:
        for client_id, order_id in note.highest.items():
            self._highest[client_id] = max(self.highest_order_id(client_id), order_id)

    def _record_nothing(self, note: Note) -> None:
        """Denied and refused things are for the audit: they change no order."""

    def _put(self, entry: OrderEntry) -> None:
        key = entry.key
        new = key not in self._entries
        self._entries[key] = entry
        if entry.state not in CLOSED:
            self._open[key] = None
        else:
            self._open.pop(key, None)
        self._touched[key] = self._clock = self._clock + 1
        for tell in self.on_change:
            tell(key, entry)
        if entry.perm_id is not None:
            self._by_perm[entry.perm_id] = key
        if new and entry.order_id > 0:
            self._by_id[entry.client_id, entry.order_id] = key
            highest = max(self.highest_order_id(entry.client_id), entry.order_id)
            self._highest[entry.client_id] = highest
        if new and entry.is_own:
            self._by_ref[entry.order_ref] = key

    def about(self, order: BrokerOrder) -> OrderEntry | None:
        """Return the order that a description of the broker is about."""
        return self.find(
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            order_ref=order.order_ref,
        )

    def revision(self, base: str) -> tuple[str | None, int]:
        """Return whose execution that is and its latest revision; `(None, -1)` for a new one."""
        return self._revisions.get(base, (None, -1))

    def replaced_by(self, exec_id: ExecId) -> Fill | None:
        """Return what an execution took the place of; `None` when it was the first word."""
        return self._replaced.get(exec_id)

    def charged_before(self, exec_id: ExecId) -> Fill | None:
        """Return an execution, or what it took the place of, as it was charged before the last."""
        fill = self._recharged.get(exec_id) or self._replaced.get(exec_id)
        while fill is not None and fill.commission is None:
            fill = self._replaced.get(fill.exec_id)
        return fill

    def is_waiting(self, exec_id: ExecId) -> bool:
        """Whether a commission is known whose execution is not."""
        return exec_id in self._uncharged

    def entry(self, key: str | None) -> OrderEntry | None:
        return None if key is None else self._entries.get(key)

    def first_time(self, key: str, state: State, said: str) -> bool:
        """Count an anomaly; tell whether it is the first of its kind, which alone is written."""
        self.anomalies += 1
        mark = (key, state.value, said)
        new = mark not in self._said
        self._said.add(mark)
        return new


_RECORD: Final[Mapping[type[Any], Callable[[Ledger, Any], None]]] = MappingProxyType(
    {
        Intended: Ledger._record_intended,
        Checkpoint: Ledger._record_checkpoint,
        Changed: Ledger._record_changed,
        Met: Ledger._record_met,
        Moved: Ledger._record_moved,
        Learned: Ledger._record_learned,
        Filled: Ledger._record_filled,
        Charged: Ledger._record_charged,
        **dict.fromkeys((Decided, Refused, Denied, Drifted, Opened), Ledger._record_nothing),
    }
)


def _may_be(
    entry: OrderEntry, *, perm_id: PermId | None = None, order_ref: str | None = None
) -> bool:
    """Whether nothing that both sides say contradicts."""
    if perm_id is not None and entry.perm_id is not None and perm_id != entry.perm_id:
        return False
    return not (order_ref and entry.order_ref and order_ref != entry.order_ref)


def _drop(index: dict[Any, Any], is_gone: Callable[[Any, Any], bool]) -> None:
    for name in [name for name, value in index.items() if is_gone(name, value)]:
        del index[name]
