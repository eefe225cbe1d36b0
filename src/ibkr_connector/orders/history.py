"""
What happened to an order, told from the journal: each step with its cause, its evidence, its time.

Owns: which order a number or a name of the user's means, and how an entry is told in words. It
needs no connection and no running desk, so it serves orders of earlier runs as well.
Refuses to know: the disk's format (`journal.py`), and what follows from a note (the ledger).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ibkr_connector.errors import OrderNotFoundError
from ibkr_connector.gateway.port import BrokerOrder, OrderTicket
from ibkr_connector.model.orders import OrderReport, size_text
from ibkr_connector.model.preview import RuleVerdict
from ibkr_connector.model.record import Record

from .entry import OrderEntry
from .journal import Journal, JournalEntry, Place, note_of, read, read_about, read_loose
from .ledger import Ledger, exec_base
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

__all__ = [
    "DeniedOrder",
    "HistoryStep",
    "OrderHistory",
    "RecordedOrder",
    "order_history",
    "read_denials",
    "read_history",
    "read_orders",
    "trace",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStep(Record):
    """
    One thing that happened to an order.

    `kind` is the journal's word (`intent, foreign, step, fact, fill, commission, anomaly`), `what`
    says it in words, `cause` names the message or the call that led to it, and `evidence` holds
    what that said. `source` and `target` are set for transitions. `rules` are, of what was to be
    sent, the rules that let it go: each that was set, with value, limit and verdict. `time` is UTC;
    `seq` and `digest` are those of the entry of the journal.
    """

    seq: int
    time: datetime
    kind: str
    what: str
    cause: str
    evidence: Mapping[str, Any]
    correlation_id: str
    digest: str
    source: str | None = None
    target: str | None = None
    rules: tuple[RuleVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHistory(Record):
    """
    The life of one order: how it stood at the last entry, and every step to there.

    `namesakes` are the references of other orders that bear the same number: order ids can begin
    anew when a gateway was reset. The newest is told.
    """

    order: OrderReport
    steps: tuple[HistoryStep, ...]
    namesakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOrder(Record):
    """
    An order as the journal knows it.

    `is_open` says that its end is not recorded. `first_filled` and `last_filled` are when its first
    and its latest execution were heard of; of recovered ones it is the broker's time, which tells
    whole seconds.
    """

    report: OrderReport
    created: datetime
    is_own: bool
    is_open: bool
    first_filled: datetime | None = None
    last_filled: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedOrder(Record):
    """
    An order that was refused here, so that it has no number and nothing of it was sent.

    `order` is what was asked for, as it was written, `error` and `reason` are what the caller got;
    `rules` are those that were set, each with value, limit, verdict and what to do, when it was the
    rules that refused. `time` is UTC.
    """

    seq: int
    time: datetime
    error: str
    reason: str
    order: str
    correlation_id: str
    rules: tuple[RuleVerdict, ...]


async def order_history(journal: Journal, which: int | str) -> OrderHistory:
    """
    Tell the life of an order from a journal that is open here, everything handed in included.

    Raises:
        OrderNotFoundError: The journal has no such order.
    """
    entries = await journal.entries(str(which))
    return await asyncio.to_thread(trace, entries, which)


def read_history(path: Place, which: int | str) -> OrderHistory:
    """
    Tell the life of an order from a journal on disk, also while a connector writes it; blocks.

    Args:
        path: The journal.
        which: Order id, permanent id, order reference or `client_order_id`.

    Raises:
        ConfigurationError: There is no journal at `path`, or it cannot be read.
        OrderNotFoundError: The journal has no such order.
    """
    return trace(read_about(path, str(which)), which)


def read_orders(path: Place) -> tuple[RecordedOrder, ...]:
    """
    Return every order that a journal has, oldest first, as it stood at the last entry; blocks.

    Raises:
        ConfigurationError: There is no journal at `path`, or it cannot be read.
    """
    notes = [note_of(entry) for entry in read(path)]
    ledger = Ledger()
    ledger.replay(notes, with_foreign=True)
    filled = _fill_times(notes)
    return tuple(
        RecordedOrder(
            report=entry.report(),
            created=entry.created,
            is_own=entry.is_own,
            is_open=entry.is_open,
            first_filled=min(filled.get(entry.key, ()), default=None),
            last_filled=max(filled.get(entry.key, ()), default=None),
        )
        for entry in ledger
    )


def read_denials(path: Place, *, limit: int | None = None) -> tuple[DeniedOrder, ...]:
    """
    Return the orders that were refused here, oldest first; `limit` keeps the newest. Blocks.

    Raises:
        ConfigurationError: There is no journal at `path`, or it cannot be read.
    """
    found = []
    for entry in read_loose(path, Denied)[-limit if limit else 0 :]:
        note = note_of(entry)
        assert isinstance(note, Denied)  # of its kind
        found.append(
            DeniedOrder(
                seq=entry.seq,
                time=note.at,
                error=note.error,
                reason=note.reason,
                order=note.order,
                correlation_id=note.correlation_id,
                rules=note.rules,
            )
        )
    return tuple(found)


def trace(entries: Sequence[JournalEntry], which: int | str) -> OrderHistory:
    """
    Tell the life of an order from entries, oldest first.

    Raises:
        OrderNotFoundError: There is no such order in them.
    """
    noted = [(entry, note_of(entry)) for entry in entries]
    ledger = Ledger()
    ledger.replay((note for _, note in noted), with_foreign=True)
    found = _meant(ledger, str(which))
    if not found:
        raise OrderNotFoundError(
            f"the journal has no order {which}",
            hint="name it by order id, permanent id, reference or client_order_id; "
            "`ibkr orders --denied` lists those that were refused here",
        )
    order = found[-1]
    executed = {
        note.fill.exec_id for _, note in noted if isinstance(note, Filled) and note.key == order.key
    }
    return OrderHistory(
        order=order.report(),
        steps=tuple(
            _step(entry, note)
            for entry, note in noted
            if note.key == order.key
            # a commission that came before its execution was written without a name
            or (isinstance(note, Charged) and not note.key and note.exec_id in executed)
        ),
        namesakes=tuple(other.key for other in found[:-1]),
    )


def _fill_times(notes: Sequence[Note]) -> Mapping[str, Sequence[datetime]]:
    times: dict[str, list[datetime]] = {}
    known: set[str] = set()
    for note in notes:
        if isinstance(note, Filled) and (base := exec_base(note.fill.exec_id)[0]) not in known:
            known.add(base)
            moment = note.fill.time if note.fill.recovered else note.at
            times.setdefault(note.key, []).append(moment)
    return times


def _meant(ledger: Ledger, which: str) -> list[OrderEntry]:
    """Find what bears that name, the strongest kind of name first; of one kind, oldest first."""
    kinds: tuple[Callable[[OrderEntry], tuple[str | None, ...]], ...] = (
        lambda entry: (entry.key, entry.order_ref),
        lambda entry: (entry.client_order_id,),
        lambda entry: (str(entry.order_id) if entry.order_id else None,),
        lambda entry: (None if entry.perm_id is None else str(entry.perm_id),),
    )
    for names in kinds:
        found = [entry for entry in ledger if which in names(entry)]
        if found:
            # an order of our own goes before another client's with the same number
            return sorted(found, key=lambda entry: entry.is_own)
    return []


def _step(entry: JournalEntry, note: Note) -> HistoryStep:
    moved = note if isinstance(note, Moved) else None
    known = {"at", "key", "cause", "correlation_id", "rules"}
    return HistoryStep(
        seq=entry.seq,
        time=note.at,
        kind=entry.kind,
        what=_words(note),
        cause=note.cause,
        evidence={
            name: value
            for name, value in entry.body.items()
            if name not in known and value is not None and value != ""
        },
        correlation_id=note.correlation_id,
        digest=entry.digest,
        source=None if moved is None else moved.source.value,
        target=None if moved is None else moved.target.value,
        rules=note.rules if isinstance(note, Intended | Changed) else (),
    )


def _size(order: OrderTicket | BrokerOrder) -> str:
    return size_text(order.quantity, order.terms.cash_quantity)


def _prices(ticket: OrderTicket) -> str:
    prices = {"limit": ticket.limit_price, "stop": ticket.stop_price}
    return " ".join(f"{name} {price}" for name, price in prices.items() if price is not None)


def _words(note: Note) -> str:
    match note:
        case Intended(ticket=ticket):
            price = "" if ticket.limit_price is None else f" at {ticket.limit_price}"
            verb = ticket.terms.exercise or ticket.action
            what = f"{verb} {_size(ticket)} {ticket.contract} {ticket.order_type}{price}"
            return f"intended: {what}, order id {ticket.order_id} of client {note.client_id}"
        case Decided(decision=decision):
            return f"decided: {decision.sentence}"
        case Changed(unsent=why) if why:
            return f"not changed: {why}"
        case Changed(ticket=ticket):
            assert ticket is not None  # only one that was not sent has none
            return f"to be changed: {_size(ticket)} {ticket.order_type}, {_prices(ticket)}"
        case Met(order=order):
            return f"met at the broker: {order.action} {_size(order)} {order.contract}"
        case Moved():
            why = f": {note.reason}" if note.reason else ""
            code = f" (code {note.code})" if note.code is not None else ""
            step = f"{note.source} -> {note.target} by {note.event}"
            if note.source is note.target:
                step = f"{note.source}: {note.event}"
            return f"{step}{code}{why}"
        case Learned():
            facts = {
                "permanent id": note.perm_id,
                "quantity": note.quantity,
                "filled by the broker's count": note.stated_filled,
                "average price": note.stated_average,
                "reason": note.reason,
                "limit price": note.limit_price,
                "stop price": note.stop_price,
                "time in force": note.time_in_force,
                "terms": note.terms,
            }
            told = (f"{name} {value}" for name, value in facts.items() if value is not None)
            return f"learned: {', '.join(told)}"
        case Filled(fill=fill):
            late = ", recovered" if fill.recovered else ""
            return f"execution {fill.exec_id}: {fill.quantity} at {fill.price}{late}"
        case Charged():
            cost = "unknown" if note.commission is None else f"{note.commission} {note.currency}"
            return f"commission of {note.exec_id}: {cost}"
        case Refused():
            return f"anomaly: {note.said} while {note.state}"
        case Drifted():
            return f"drift: {note.kind} {note.subject}: {note.ours}, the broker has {note.brokers}"
        case Checkpoint():
            return f"checkpoint: {len(note.live)} orders are in memory"
        case Denied():
            return f"denied: {note.reason}"
        case Opened():
            return "a process took the journal"
