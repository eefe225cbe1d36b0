"""Hold what a trader believes of his orders against the venue, the wire and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from ibkr_connector.model.contracts import SecurityType
from ibkr_connector.model.orders import OrderReport, OrderStatus, SendDisposition
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import read, verify
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
    """After a clean login: everything of ours is as the venue has it, fill by fill."""
    known = {one.order_ref: one for one in reports}
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
    heard: Iterable[OrderReport], there: Mapping[str, VenueOrder], *, lied: bool = False
) -> None:
    """
    What was said on the way was true: `filled` that adds up, and no end of what still lives.

    `lied` says that the gateway itself had called a working order dead.
    """
    for report in heard:
        order = there.get(report.order_ref)
        if not report.order_ref.startswith("ibc-") or report.terms.exercise is not None:
            continue
        if report.status is OrderStatus.FILLED:
            assert order is not None, f"filled, and the venue has never had it: {_short(report)}"
            assert report.filled_quantity >= report.quantity, f"not filled: {_short(report)}"
        if report.status in _DEAD and order is not None and not lied:
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
    intents = Counter(entry.key for entry in entries if entry.kind == "intent")
    assert all(count == 1 for count in intents.values()), f"intended twice: {intents}"
    assert there.keys() <= intents.keys(), "the venue has what the journal does not know"
    written = {one.report.order_ref: one.report for one in read_orders(path) if one.is_own}
    for report in own:
        found = written[report.order_ref]
        same = (report.status, report.filled_quantity, report.quantity, report.commission)
        told = (found.status, found.filled_quantity, found.quantity, found.commission)
        assert told == same, f"told: {_short(report)}; written: {_short(found)}"
