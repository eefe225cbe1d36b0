"""Hold what a trader believes of his orders against the venue, the wire and the journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import JournalEntry, note_of, read, verify
from ibkr_connector.orders.notes import Intended, Met, Moved
from ibkr_connector.orders.states import TRANSITIONS, State
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.exchange.records import Execution, Status, VenueOrder
from ibkr_connector.simulator.wire.requests import ExerciseOptions, PlaceOrder

__all__ = ["check_end", "check_journal", "check_said", "check_wire"]

_OPEN: Final = (OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)
_DEAD: Final = (OrderStatus.CANCELLED, OrderStatus.REJECTED)
_FAITHFUL: Final = {
    Status.PENDING_SUBMIT: _OPEN,
    Status.PRE_SUBMITTED: _OPEN,
    Status.SUBMITTED: _OPEN,
    Status.PENDING_CANCEL: _OPEN,
    Status.FILLED: (OrderStatus.FILLED,),
    Status.CANCELLED: (OrderStatus.CANCELLED,),
    Status.INACTIVE: (OrderStatus.REJECTED,),
}


def check_end(
    reports: Iterable[OrderReport], there: Mapping[str, VenueOrder], gw: GatewaySimulator
) -> None:
    """After a clean login: everything is as the venue has it, what is ours fill by fill."""
    told = list(reports)
    _check_strangers([one for one in told if not _is_ours(one)], gw)
    known = {one.order_ref: one for one in told if _is_ours(one)}
    assert there.keys() <= known.keys(), "the venue has what the trader does not know"
    executed: dict[str, list[Execution]] = {}
    for execution, _ in gw.venue.executions():
        executed.setdefault(execution.order.order_ref, []).append(execution)
    costs = {execution.exec_id: cost.amount for execution, cost in gw.venue.executions()}
    for fill in (fill for one in known.values() for fill in one.fills):
        if fill.contract.security_type is SecurityType.COMBO:
            continue  # its legs are charged
        assert fill.commission == costs.get(fill.exec_id), f"charged otherwise: {fill}"
    _check_exercises(known.values(), gw)
    for reference, report in known.items():
        if report.terms.exercise is not None:
            continue
        _check_order(report, there.get(reference), executed.get(reference, []))
    keys = Counter(
        one.client_order_id
        for one in known.values()
        if one.client_order_id is not None and one.order_ref in there
    )
    assert all(count == 1 for count in keys.values()), f"a key has two orders: {keys}"


def _check_strangers(reports: Iterable[OrderReport], gw: GatewaySimulator) -> None:
    """Of what others have placed nothing that works is unknown, or called dead or more filled."""
    known: dict[int | None, OrderReport] = {one.perm_id: one for one in reports}
    filled: defaultdict[int, Decimal] = defaultdict(Decimal)
    for execution, _ in gw.venue.executions():
        filled[execution.order.perm_id] += execution.quantity
    for order in gw.venue.open_orders():
        if order.order_ref or order.instrument.sec_type == "OPT":
            continue  # ours, an exercise too
        report = known.pop(order.perm_id, None)
        assert report is not None, f"somebody else's order is not known: {order}"
        seen = _short(report, order)
        assert report.status in _FAITHFUL[order.status], seen
        assert report.quantity == order.terms.quantity, seen
        assert report.filled_quantity == filled[order.perm_id], seen
    alive = [_short(one) for one in known.values() if one.status in _OPEN]
    assert not alive, f"called open, and no longer there: {alive}"


def _is_ours(report: OrderReport) -> bool:
    return report.order_ref.startswith("ibc-")


def _check_exercises(reports: Iterable[OrderReport], gw: GatewaySimulator) -> None:
    """An exercise bears no reference: it is told by its number, and may stay uncertain."""
    done = Counter(
        (one.owner.client_id, one.owner.order_id)
        for one in (*gw.venue.open_orders(), *gw.venue.closed_orders())
        if one.instrument.sec_type == "OPT" and not one.order_ref
    )
    assert all(count == 1 for count in done.values()), f"exercised twice: {done}"
    ours = {(one.client_id, one.order_id): one for one in reports if one.terms.exercise}
    assert done.keys() <= ours.keys(), "somebody exercised what the trader does not know"
    for number, report in ours.items():
        if report.status is not OrderStatus.UNCERTAIN:
            expected = OrderStatus.FILLED if done[number] else OrderStatus.REJECTED
            assert report.status is expected, _short(report)
        assert not report.fills, _short(report)


def _check_order(report: OrderReport, order: VenueOrder | None, executed: list[Execution]) -> None:
    seen = _short(report, order)
    if order is None:
        assert report.status is OrderStatus.REJECTED, seen
        assert not report.fills, seen
        assert report.reason, seen
        return
    theirs = {one.exec_id: (one.quantity, one.price) for one in executed if one.quantity}
    ours = {one.exec_id: (one.quantity, one.price) for one in report.fills}
    assert ours == theirs, seen
    # of a combination the executions of its legs do not count
    total = sum((one.quantity for one in executed if not one.is_leg), Decimal(0))
    assert report.filled_quantity == total, seen
    if report.cash_quantity is None or report.quantity:
        assert report.remaining_quantity == max(report.quantity - total, Decimal(0)), seen
        assert report.quantity == order.terms.quantity, seen
    else:
        assert order.status is not Status.FILLED, seen
    if order.status is Status.FILLED and total < order.terms.quantity:
        # busted or corrected: nothing works any more, and it was not filled either
        assert report.status is OrderStatus.CANCELLED, seen
    else:
        assert report.status in _FAITHFUL[order.status], seen
    if report.status in _OPEN:
        assert (report.status is OrderStatus.PARTIALLY_FILLED) == (total > 0), seen


def check_said(
    heard: Iterable[OrderReport],
    there: Mapping[str, VenueOrder],
    *,
    lied: Collection[str] = frozenset(),
) -> None:
    """
    What was said on the way was true: `filled` that adds up, and no end of what still lives.

    `lied` are the references of the orders that the gateway itself may have called dead while they
    worked.
    """
    for report in heard:
        order = there.get(report.order_ref)
        if not _is_ours(report) or report.terms.exercise is not None:
            continue
        if report.status is OrderStatus.FILLED:
            assert order is not None, f"filled, and the venue has never had it: {_short(report)}"
            assert report.filled_quantity >= report.quantity, f"not filled: {_short(report)}"
        if report.status in _DEAD and order is not None and report.order_ref not in lied:
            assert not order.status.is_open, f"called dead, and lives: {_short(report, order)}"
        if report.status is OrderStatus.REJECTED:
            assert report.reason, f"rejected without a reason: {_short(report)}"
            unplaced = report.reason.startswith("not placed")
            if unplaced or report.disposition is SendDisposition.UNSENT:
                assert order is None, f"not unsent: {_short(report, order)}"


def _short(report: OrderReport, order: VenueOrder | None = None) -> str:
    """Tell both sides of an order in one line, with all that led to ours."""
    steps = " ".join(f"{one.event}({one.cause})" for one in report.transitions)
    ours = f"{report.order_id} {report.status} {report.filled_quantity}/{report.quantity}"
    theirs, fills = "none", [(one.exec_id, one.quantity, one.price) for one in report.fills]
    if order is not None:
        theirs = f"{order.status} {order.filled}/{order.terms.quantity} held by {order.hold}"
    return f"{ours} {report.reason!r} by {steps}; the venue: {theirs}; fills {fills}"


def check_wire(gw: GatewaySimulator) -> None:
    """No reference was sent under two order ids, and nothing was asked that is not simulated."""
    ids: dict[str, set[int]] = {}
    for exchange in gw.log:
        request = exchange.request
        if isinstance(request, PlaceOrder) and not request.order.flag("whatIf"):
            ids.setdefault(request.order.text("orderRef"), set()).add(request.order_id)
    assert all(len(numbers) == 1 for numbers in ids.values()), f"sent twice: {ids}"
    exercised = Counter(
        one.request.request_id for one in gw.log if isinstance(one.request, ExerciseOptions)
    )
    assert all(count == 1 for count in exercised.values()), f"sent twice: {exercised}"
    gw.check()


def check_journal(path: Path, there: Mapping[str, VenueOrder], own: Iterable[OrderReport]) -> None:
    """The chain of the journal holds, and it has every intent, once, and what became of each."""
    entries = read(path)
    assert verify(path) == len(entries)
    _check_steps(entries)
    intents = Counter(entry.key for entry in entries if entry.kind == "intent")
    assert all(count == 1 for count in intents.values()), f"intended twice: {intents}"
    assert there.keys() <= intents.keys(), "the venue has what the journal does not know"
    written = {one.report.order_ref: one.report for one in read_orders(path) if one.is_own}
    for report in filter(_is_ours, own):
        found = written[report.order_ref]
        same = (report.status, report.filled_quantity, report.quantity, report.commission)
        told = (found.status, found.filled_quantity, found.quantity, found.commission)
        assert told == same, f"told: {_short(report)}; written: {_short(found)}"


def _check_steps(entries: Sequence[JournalEntry]) -> None:
    """Each step goes on from the one before, as the table has it, and says by what and when."""
    where: dict[str, State] = {}
    for entry in entries:
        note = note_of(entry)
        match note:
            case Intended():
                where[note.key] = State.INTENDED
            case Met():
                # anew after it was forgotten: an order of somebody else is told by the broker alone
                where[note.key] = State.ACCEPTED
        if not isinstance(note, Moved):
            continue
        told = f"{entry.seq}: {note}"
        assert note.cause, f"a step without a cause: {told}"
        assert note.at.utcoffset() == timedelta(0), f"a step without a time: {told}"
        assert TRANSITIONS[note.source].get(note.event) is note.target, f"no such step: {told}"
        assert where[note.key] is note.source, f"not from there: {told}"
        where[note.key] = note.target
