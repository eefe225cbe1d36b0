"""
What becomes of calls and of orders' news: counts, lines of the log, spans.

Owns: what each is called and which fields it has. To count is a few additions, which are made where
the news is heard: to hand it to another thread would cost more than they do. Lines and spans are
made afterwards, on a thread of their own, with the order as it stood then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from .errors import IBKRError
from .model.advisor import is_advisors_own
from .model.ids import ExecId
from .model.orders import Fill
from .model.preview import Verdict
from .observe.counts import Counts
from .observe.spans import OrderSaid, RequestSaid, Spans
from .orders.entry import OrderEntry
from .orders.ledger import Ledger
from .orders.notes import Charged, Denied, Filled, Moved, Note, Refused
from .orders.states import CLOSED, EVIDENCE, Event, State
from .resilience.events import EventKind, PipelineEvent

__all__ = [
    "CALLS_LOG",
    "ORDERS_LOG",
    "CallNews",
    "Chronicle",
    "OrderNews",
    "count_call",
    "count_note",
]

CALLS_LOG: Final = logging.getLogger("ibkr_connector.calls")
ORDERS_LOG: Final = logging.getLogger("ibkr_connector.orders")

_FIRST_WORDS: Final = EVIDENCE | {Event.REJECT}
_AWAITED: Final = frozenset({State.INTENDED, State.SENT})
_OUTCOMES: Final = CLOSED | {State.UNCERTAIN}


@dataclass(frozen=True, slots=True)
class CallNews:
    """What the pipeline told; `context` is the caller's trace context, where spans are made."""

    event: PipelineEvent
    at: datetime
    task: int
    context: Any


@dataclass(frozen=True, slots=True)
class OrderNews:
    """
    A note, and its order as it stood then; `None` for what is of no order.

    `context` is the caller's trace context, where spans are made of his own steps.
    """

    note: Note
    entry: OrderEntry | None
    context: Any


class Chronicle:
    """
    Takes news; all calls on one thread.

    Args:
        spans: What makes spans, if any.
    """

    def __init__(self, spans: Spans | None) -> None:
        self._spans = spans

    def take(self, news: CallNews | Sequence[OrderNews]) -> None:
        """Take one thing in."""
        if isinstance(news, CallNews):
            self._call(news)
            return
        for one in news:
            if isinstance(one.note, Denied):
                self._denied(one.note)
            elif one.entry is not None:
                self._order(one, one.entry)

    # --- calls ----------------------------------------------------------------------------------

    def _call(self, news: CallNews) -> None:
        event = news.event
        if self._spans is not None:
            self._spans.request(_request_said(news), news.context)
        if event.kind is not EventKind.RETRYING and CALLS_LOG.isEnabledFor(logging.DEBUG):
            _tell(
                CALLS_LOG,
                logging.DEBUG,
                f"{event.name} {event.kind.value} after {event.elapsed_s * 1e3:.1f} ms",
                at=news.at,
                correlation_id=event.correlation_id or "",
                endpoint=event.name,
                attempts=event.attempt,
                paced_s=event.paced_s,
                error=None if event.error is None else str(event.error),
            )

    # --- orders ---------------------------------------------------------------------------------

    def _order(self, news: OrderNews, entry: OrderEntry) -> None:
        note = news.note
        _log_order(note, entry)
        if self._spans is not None and entry.is_own:
            said = _order_said(note, entry)
            if said is not None:
                self._spans.order(said, news.context)

    def _denied(self, note: Denied) -> None:
        _tell(
            ORDERS_LOG,
            logging.WARNING,
            f"an order was denied: {note.reason}",
            at=note.at,
            correlation_id=note.correlation_id,
            error=note.error,
            client_order_id=note.client_order_id,
            rules=_broken(note),
        )


def _broken(note: Denied) -> list[str]:
    return [one.rule for one in note.rules if one.verdict is Verdict.BROKEN]


def count_call(counts: Counts, event: PipelineEvent) -> None:
    """Count what the pipeline told of a call."""
    name, error = event.name, event.error
    if event.kind is EventKind.RETRYING:
        counts.retries.add(name)
        return
    if error is None:
        counts.calls.add(name, "ok")
        if name == "heartbeat":
            counts.heartbeat.observe(event.elapsed_s - event.paced_s)
    elif isinstance(error, asyncio.CancelledError):
        counts.calls.add(name, "cancelled")
    else:
        counts.calls.add(name, "error")
        code = error.code if isinstance(error, IBKRError) else None
        counts.errors.add(name, type(error).__name__, "" if code is None else str(code))
    counts.duration.observe(event.elapsed_s, name)
    counts.paced.observe(event.paced_s, "" if event.group is None else event.group.value)


def _request_said(news: CallNews) -> RequestSaid:
    event = news.event
    code = event.error.code if isinstance(event.error, IBKRError) else None
    return RequestSaid(
        name=event.name,
        at=news.at,
        elapsed_s=event.elapsed_s,
        error=event.error,
        retry=event.kind is EventKind.RETRYING,
        task=news.task,
        attributes={
            "ibkr.group": "" if event.group is None else event.group.value,
            "ibkr.attempts": event.attempt,
            "ibkr.paced_s": event.paced_s,
            "ibkr.correlation_id": event.correlation_id or "",
            **({} if code is None else {"ibkr.code": code}),
        },
    )


def count_note(counts: Counts, note: Note, ledger: Ledger) -> None:
    """Count what was written down, and is in the ledger already; most of it counts for nothing."""
    count = _COUNTED.get(type(note))
    if count is not None:
        count(counts, note, ledger)


def _count_step(counts: Counts, note: Moved, ledger: Ledger) -> None:
    entry = ledger.entry(note.key)
    if entry is None:
        return
    source, target, is_own = note.source, note.target, entry.is_own
    if is_own and note.event is Event.SEND:
        counts.sent.add()
    elif is_own and source in _AWAITED and note.event in _FIRST_WORDS:
        counts.acked.observe(_seconds(entry.created, note.at))
    if source is target or target not in _OUTCOMES:
        return
    if is_own and target is State.UNCERTAIN:
        counts.uncertain.add()
    elif is_own and target is State.FILLED:
        counts.filled_all.observe(_seconds(entry.created, note.at))
    if target in CLOSED and source not in CLOSED:
        outcome = "unsent" if note.event is Event.NOT_SENT else target.value
        counts.closed.add(outcome, _origin(entry))


def _count_fill(counts: Counts, note: Filled, ledger: Ledger) -> None:
    entry, fill = ledger.entry(note.key), note.fill
    if entry is None:
        return
    # of a divided order the whole is told, and then each part: the parts are what is counted
    is_counted = not _is_block(entry, fill)
    if not fill.quantity:
        counts.corrections.add("busted", by=is_counted)
    elif ledger.replaced_by(fill.exec_id) is not None:
        counts.corrections.add("corrected", by=is_counted)
    else:
        kind = fill.contract.security_type.value
        counts.fills.add(kind, fill.action.value.lower(), _origin(entry), by=is_counted)
        if entry.is_own and len(entry.fills) == 1 and not fill.recovered:
            acked = next((t.time for t in entry.transitions if t.event in _ACKS), note.at)
            counts.filled.observe(_seconds(acked, note.at))
    # the charge may have come first
    _count_charge(counts, fill.exec_id, entry, ledger=ledger)


def _count_charged(counts: Counts, note: Charged, ledger: Ledger) -> None:
    entry = ledger.entry(note.key)
    if entry is not None:
        _count_charge(counts, note.exec_id, entry, ledger=ledger)


def _count_charge(counts: Counts, exec_id: ExecId, entry: OrderEntry, *, ledger: Ledger) -> None:
    # one of an execution that has been corrected since is told again when executions are asked for
    fill = next((one for one in reversed(entry.fills) if one.exec_id == exec_id), None)
    if fill is None or fill.commission is None or _is_block(entry, fill):
        return
    # its execution, or what that took the place of, as it was charged before
    before = ledger.charged_before(exec_id)
    if before is not None and before.commission is not None:
        counts.commissions.add(before.commission_currency, by=-float(before.commission))
    counts.commissions.add(fill.commission_currency, by=float(fill.commission))


def _count_refused(counts: Counts, note: Refused, ledger: Ledger) -> None:
    if ledger.entry(note.key) is not None:
        counts.anomalies.add()


def _count_denied(counts: Counts, note: Denied, _: Ledger) -> None:
    counts.denied.add(note.error)
    for rule in _broken(note):
        counts.denials.add(rule)


_COUNTED: Final[Mapping[type[Any], Callable[[Counts, Any, Ledger], None]]] = MappingProxyType(
    {
        Moved: _count_step,
        Filled: _count_fill,
        Charged: _count_charged,
        Refused: _count_refused,
        Denied: _count_denied,
    }
)
"""What is made of each note; the others are not counted."""


def _is_block(entry: OrderEntry, fill: Fill) -> bool:
    """Whether it is an execution of a divided order as a whole, whose parts are told too."""
    return entry.terms.is_divided and is_advisors_own(fill.account)


_ACKS: Final = frozenset(event.value for event in _FIRST_WORDS)


def _tell(logger: logging.Logger, level: int, message: str, *, at: datetime, **fields: Any) -> None:
    """Log something under the time at which it happened, which was a moment ago."""
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(logger.name, level, "", 0, message, (), None, extra=fields)
    record.created = at.timestamp()
    record.msecs = at.microsecond / 1e3
    logger.handle(record)


def _log_order(note: Note, entry: OrderEntry) -> None:
    if isinstance(note, Moved):
        if note.source is note.target:
            return
        loud = note.target in (State.UNCERTAIN, State.REJECTED)
        reason = f": {note.reason}" if note.reason else ""
        _tell(
            ORDERS_LOG,
            logging.WARNING if loud else logging.INFO,
            f"order {entry.order_id} is {note.target.value}, was {note.source.value} "
            f"({note.cause or note.event.value}){reason}",
            at=note.at,
            **_named(entry),
            state=note.target.value,
            was=note.source.value,
            cause=note.cause,
            code=note.code,
        )
    elif isinstance(note, Filled):
        fill = note.fill
        _tell(
            ORDERS_LOG,
            logging.INFO,
            f"order {entry.order_id}: {fill.action.value} {fill.quantity} at {fill.price}",
            at=note.at,
            **_named(entry),
            exec_id=fill.exec_id,
            fill_quantity=str(fill.quantity),
            fill_price=str(fill.price),
            recovered=fill.recovered,
        )
    elif isinstance(note, Refused):
        _tell(
            ORDERS_LOG,
            logging.WARNING,
            f"order {entry.order_id}: the broker said what cannot be: {note.said}",
            at=note.at,
            **_named(entry),
        )


def _named(entry: OrderEntry) -> dict[str, object]:
    # what the broker says comes in the session's context: the id is the order's own
    return {
        "correlation_id": entry.correlation_id,
        "order_id": entry.order_id,
        "client_order_id": entry.client_order_id,
        "symbol": entry.contract.symbol,
    }


def _origin(entry: OrderEntry) -> str:
    return "own" if entry.is_own else "foreign"


def _seconds(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds(), 0.0)


def _order_said(note: Note, entry: OrderEntry) -> OrderSaid | None:
    facts: dict[str, str | int | float | bool] = {
        "ibkr.order_id": entry.order_id,
        "ibkr.order_ref": entry.order_ref,
        "ibkr.symbol": entry.contract.symbol,
        "ibkr.action": entry.action.value,
        "ibkr.correlation_id": entry.correlation_id,
    }
    ends = not entry.is_open and (entry.state is not State.FILLED or entry.executed >= entry.filled)
    if ends:
        facts |= {"ibkr.outcome": entry.state.value, "ibkr.filled": float(entry.filled)}
    if isinstance(note, Filled):
        facts |= {
            "ibkr.quantity": float(note.fill.quantity),
            "ibkr.price": float(note.fill.price),
        }
        return OrderSaid(key=note.key, event="fill", at=note.at, attributes=facts, ends=ends)
    if not isinstance(note, Moved):
        return None
    if note.code is not None:
        facts["ibkr.code"] = note.code
    word = "sent" if note.event is Event.SEND else note.event.value
    if note.source in _AWAITED and note.event in _FIRST_WORDS:
        facts["ibkr.state"] = note.target.value
        word = "ack"
    return OrderSaid(
        key=note.key,
        event=word,
        at=note.at,
        attributes=facts,
        begins=entry.created if note.source is State.INTENDED else None,
        ends=ends,
        error=note.reason or "rejected" if entry.state is State.REJECTED else "",
    )
