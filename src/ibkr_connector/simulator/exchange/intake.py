"""
How orders, changes and cancels get to the market: what is refused, staged, or still on its way.

What becomes of those that got there is in `trading`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from .clearing import Clearing
from .commands import (
    CancelOrder,
    Event,
    ModifyOrder,
    OrderChanged,
    OrderNoted,
    OrderRefused,
    OrderStaged,
    PlaceOrder,
)
from .credit import Credit
from .figures import Figures
from .groups import REDUCE
from .hours import Hours
from .market import Market
from .models import LatencyModel, Message
from .pricing import type_of
from .records import Group, Hold, Status, VenueOrder, change_order
from .register import Register
from .trading import Trading
from .validation import Refusal, bad_change, bad_terms, refused_instrument

__all__ = ["Intake"]


class Intake:
    """
    The way to the market.

    Args:
        register: All orders.
        market: Prices and halts.
        clearing: Accounts.
        credit: Whether accounts can carry orders.
        trading: Where orders go.
        hours: When orders trade.
        latency: How long messages need.
    """

    def __init__(
        self,
        *,
        register: Register,
        market: Market,
        clearing: Clearing,
        credit: Credit,
        trading: Trading,
        hours: Hours,
        latency: LatencyModel,
    ) -> None:
        self._register = register
        self._market = market
        self._clearing = clearing
        self._credit = credit
        self._trading = trading
        self._hours = hours
        self._latency = latency
        self._due: list[tuple[datetime, int, int, ModifyOrder | CancelOrder | None]] = []
        self._messages = 0

    def arrivals(self, now: datetime) -> Iterator[Event]:
        """Let the messages arrive whose time has come."""
        while self._due and self._due[0][0] <= now:
            _, _, perm_id, change = heapq.heappop(self._due)
            yield from self._arrived(perm_id, change, now)

    # --- placing --------------------------------------------------------------------------------

    def refusal(self, command: PlaceOrder) -> Refusal | None:
        """Return the code and text with which an order would be refused; `None` if it would not."""
        if command.account not in self._clearing.ledgers:
            return 201, "Order rejected - reason:Invalid account code"
        refused = refused_instrument(command.instrument)
        if refused is not None:
            return refused
        if self._market.is_halted(command.instrument.con_id):
            return 154, "Orders cannot be transmitted for a halted security."
        return bad_terms(command.terms, command.instrument)

    def place(self, command: PlaceOrder, now: datetime) -> Iterator[Event]:
        refusal = self.refusal(command)
        if refusal is None and command.parent:
            refusal = self._parent_refusal(command.parent)
        if refusal is not None:
            code, text = refusal
            yield OrderRefused(owner=command.owner, code=code, text=text)
            return
        order = self._register.keep(self._new_order(command, now))
        if not command.transmit:
            yield OrderStaged(order=order)
            return
        yield from self._transmit_family(order, now)

    def _parent_refusal(self, parent: int) -> Refusal | None:
        if parent not in self._register:
            return 10006, "Missing parent order."
        if self._register[parent].status in (Status.CANCELLED, Status.INACTIVE):
            return 135, "Can't find order with id ="
        return None

    def _new_order(self, command: PlaceOrder, now: datetime) -> VenueOrder:
        group = command.group
        if group is None and command.parent:
            # the children of a bracket end each other without being told to (IB campus); that
            # only one of them trades at a time is assumed
            group = Group(name=str(command.parent), kind=REDUCE)
        # whoever has relatives goes to the market with them
        is_alone = command.transmit and not command.parent
        return VenueOrder(
            perm_id=self._register.next_perm_id(),
            owner=command.owner,
            account=command.account,
            instrument=command.instrument,
            exchange=command.exchange,
            terms=command.terms,
            order_ref=command.order_ref,
            status=Status.PRE_SUBMITTED,
            placed_at=now,
            priority=self._register.next_priority(),
            hold=None if is_alone else Hold.UNTRANSMITTED,
            parent=command.parent,
            group=group,
            allocation=command.allocation,
            note=command.note,
            rows=command.rows,
        )

    def _transmit_family(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        for relative in (*self._staged_family(order), order):
            # a parent that is refused has ended its children meanwhile
            current = self._register.open_of(relative.perm_id)
            if current is not None:
                yield from self._transmit(current, now)

    def _staged_family(self, order: VenueOrder) -> Iterable[VenueOrder]:
        """Return the relatives that waited for this one to be transmitted, parents first."""
        head = order.parent or order.perm_id
        family = [self._register.open_of(head), *self._register.children(head)]
        return [
            one
            for one in family
            if one is not None and one.hold is Hold.UNTRANSMITTED and one.perm_id != order.perm_id
        ]

    def _transmit(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        delay_s = self._delay_s(Message.PLACE)
        if delay_s:
            order = self._register.keep(
                change_order(order, hold=Hold.LATENCY, status=Status.PENDING_SUBMIT)
            )
            yield OrderChanged(order=order)
            self._due_at(order.perm_id, None, now + timedelta(seconds=delay_s))
            return
        yield from self._accept(order, now)

    def _accept(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        is_child = order.parent and self._register.open_of(order.parent) is not None
        if not is_child:
            short = self._credit.shortfall(order, order.terms, now)
            if short is not None:
                yield OrderChanged(order=order)
                yield from self._refuse_for_margin(order, short, now)
                return
        yield from self._entering(order, now)

    def _entering(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        for number, event in enumerate(self._trading.enter(order, now)):
            yield event
            is_held = isinstance(event, OrderChanged) and event.order.hold is Hold.HOURS
            if number == 0 and is_held and type_of(order.terms).auction is None:
                yield self._not_yet(order, now)

    def _not_yet(self, order: VenueOrder, now: datetime) -> OrderNoted:
        opens = self._hours.opens(order.instrument, now, outside=order.terms.outside_hours)
        return OrderNoted(order=order, code=399, opens=opens)

    def _refuse_for_margin(
        self, order: VenueOrder, after: Figures, now: datetime
    ) -> Iterator[Event]:
        inactive = change_order(order, status=Status.INACTIVE, closed_at=now, hold=None)
        self._register.keep(inactive)
        yield OrderChanged(order=inactive)
        yield OrderRefused(owner=order.owner, code=201, text=_margin_text(after), order=inactive)
        for child in list(self._register.children(order.perm_id)):
            yield from self._trading.cancel(child.perm_id, now)

    # --- changing -------------------------------------------------------------------------------

    def modify(self, command: ModifyOrder, now: datetime) -> Iterator[Event]:
        delay_s = self._delay_s(Message.MODIFY)
        if delay_s:
            self._due_at(command.perm_id, command, now + timedelta(seconds=delay_s))
        else:
            yield from self._change(command, now)

    def _change(self, command: ModifyOrder, now: datetime) -> Iterator[Event]:
        order = self._register.open_of(command.perm_id)
        if order is None:
            done = self._register[command.perm_id]
            code, text = (
                (104, "Cannot modify a filled order.")
                if done.status is Status.FILLED
                else (201, "Order rejected - reason:Cannot modify a closed order")
            )
            yield OrderRefused(owner=done.owner, code=code, text=text)
            return
        refusal = bad_change(order, command.terms)
        if refusal is None and command.terms.quantity > order.terms.quantity - order.filled:
            short = self._credit.shortfall(order, command.terms, now)
            # 201 on a change leaves the order as it was (assumed; the facts ask to query it)
            refusal = (201, _margin_text(short)) if short is not None else None
        if refusal is not None:
            yield OrderRefused(owner=order.owner, code=refusal[0], text=refusal[1])
            return
        changed = self._changed(order, command, now)
        if changed.hold is Hold.UNTRANSMITTED:
            self._register.keep(changed)
            if command.transmit:
                yield from self._transmit_family(changed, now)
            return
        if not changed.status.is_open:
            self._register.keep(changed)
            yield OrderChanged(order=changed)
            return
        yield from self._trading.enter(changed, now)

    def _changed(self, order: VenueOrder, command: ModifyOrder, now: datetime) -> VenueOrder:
        old, new = order.terms, command.terms
        # less quantity at the same price keeps its place in the queue, as exchanges have it
        keeps = new.limit_price == old.limit_price and new.quantity <= old.quantity
        is_same_trigger = (new.stop_price, new.trail_stop_price, new.trailing_percent) == (
            old.stop_price,
            old.trail_stop_price,
            old.trailing_percent,
        )
        elected = order.is_triggered and type_of(new).trigger is not None
        changed = change_order(
            order,
            terms=new,
            is_resting=False,
            is_triggered=order.is_triggered,
            working_price=new.limit_price if type_of(new).has_limit else order.working_price,
            trigger_price=order.trigger_price if is_same_trigger or elected else None,
            priority=order.priority if keeps else self._register.next_priority(),
            note={**order.note, **command.note},
            rows={**order.rows, **command.rows},
        )
        if changed.remaining == 0:
            changed = change_order(changed, status=Status.FILLED, closed_at=now)
        return changed

    def cancel(self, command: CancelOrder, now: datetime) -> Iterator[Event]:
        order = self._register.open_of(command.perm_id)
        if order is None:
            yield from self._cannot_cancel(self._register[command.perm_id])
            return
        delay_s = self._delay_s(Message.CANCEL)
        if not delay_s:
            yield from self._trading.cancel(command.perm_id, now)
            return
        self._due_at(command.perm_id, command, now + timedelta(seconds=delay_s))
        pending = self._register.keep(change_order(order, status=Status.PENDING_CANCEL))
        yield OrderChanged(order=pending)

    def _cannot_cancel(self, done: VenueOrder) -> Iterator[Event]:
        text = f"OrderId {done.owner.order_id} that needs to be cancelled can not be cancelled"
        yield OrderRefused(
            owner=done.owner, code=10148, text=f"{text}, state: {done.status}.", order=done
        )

    # --- latency --------------------------------------------------------------------------------

    def _delay_s(self, message: Message) -> float:
        self._messages += 1
        return self._latency.delay_s(message, self._messages)

    def _due_at(
        self, perm_id: int, change: ModifyOrder | CancelOrder | None, due: datetime
    ) -> None:
        heapq.heappush(self._due, (due, self._messages, perm_id, change))

    def _arrived(
        self, perm_id: int, change: ModifyOrder | CancelOrder | None, now: datetime
    ) -> Iterator[Event]:
        order = self._register.open_of(perm_id)
        if isinstance(change, ModifyOrder):
            yield from self._change(change, now)
        elif order is None:
            if change is not None:
                yield from self._cannot_cancel(self._register[perm_id])
        elif change is not None:
            yield from self._trading.cancel(perm_id, now)
        elif order.hold is Hold.LATENCY:
            yield from self._accept(order, now)


def _margin_text(after: Figures) -> str:
    return (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED "
        f"POSITION YOUR EQUITY WITH LOAN VALUE [{after.net_liquidation} USD] MUST EXCEED THE "
        f"INITIAL MARGIN [{after.initial_margin} USD]"
    )
