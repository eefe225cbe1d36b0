"""
What becomes of orders that were taken: holding, matching, families, the end of their time.

Knows nothing of commands and of refusals; whatever happens is yielded as an event, in the order in
which it happens. The state is in the register, the market and the clearing that it was given.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from . import conditions
from .algos import algo_end, algo_start, is_worked, released
from .clearing import Clearing
from .commands import (
    Event,
    OrderChanged,
)
from .filling import Filling
from .groups import REDUCE_UNBLOCKED, GroupEffect, effects
from .hours import Hours, auction_of
from .instruments import Instrument
from .market import Market
from .matching import ADDED, Level, Trade, accepts, sweep
from .models import FillModel
from .order_types import Auction
from .pricing import elect, is_triggered, priced, type_of, with_trigger
from .records import Hold, Quote, Status, VenueOrder, change_order
from .register import Register

__all__ = ["Trading"]

_IMMEDIATE: Final = frozenset({"IOC", "FOK"})
_STEP: Final = timedelta(seconds=1)
"""A market that is looked at more seldom is asked what it did meanwhile."""


class Trading:
    """
    The life of working orders.

    Args:
        register: All orders.
        market: Prices.
        clearing: Accounts.
        hours: When orders trade.
        fills: How much of what stands there an order gets.
        filling: What a trade does to orders and accounts.
        knowledge: What conditions ask about.
    """

    def __init__(
        self,
        *,
        register: Register,
        market: Market,
        clearing: Clearing,
        hours: Hours,
        fills: FillModel,
        filling: Filling,
        knowledge: conditions.Knowledge,
    ) -> None:
        self._register = register
        self._book = register.book
        self._market = market
        self._clearing = clearing
        self._hours = hours
        self._fills = fills
        self._filling = filling
        self._knowledge = knowledge
        self._ends: list[tuple[datetime, int]] = []
        self._seen: dict[int, datetime] = {}

    # --- beginning ------------------------------------------------------------------------------

    def enter(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        """Let an order work, or hold it as long as something stands in its way; say which."""
        hold = self._hold(order, now)
        is_elected = hold is None and order.is_triggered
        status = Status.SUBMITTED if is_elected else Status.PRE_SUBMITTED
        if order.status is Status.PENDING_CANCEL:
            status = order.status
        if hold != order.hold or status != order.status:
            order = change_order(order, hold=hold, status=status)
        self._register.keep(order)
        self._note_end(order)
        yield OrderChanged(order=order)
        if hold is None:
            yield from self.match(order.instrument, now)

    def _hold(self, order: VenueOrder, now: datetime) -> Hold | None:
        terms = order.terms
        parent = self._register.open_of(order.parent) if order.parent else None
        if parent is not None:
            return Hold.PARENT
        if any(time is not None and now < time for time in (terms.good_after, algo_start(terms))):
            return Hold.TIME
        if terms.conditions and not self._conditions_hold(order, now):
            return Hold.CONDITIONS
        which = auction_of(terms)
        if which is not None:
            return Hold.HOURS if now < self._auction(order, which) else None
        if not self._hours.is_open(order.instrument, now, outside=terms.outside_hours):
            return Hold.HOURS
        return None

    def _auction(self, order: VenueOrder, which: Auction) -> datetime:
        return self._hours.auction(order.instrument, which, order.placed_at)

    def _conditions_hold(self, order: VenueOrder, now: datetime) -> bool:
        terms = order.terms
        is_open = self._hours.is_open(order.instrument, now, outside=False)
        if not is_open and not terms.conditions_ignore_hours:
            return False
        return conditions.hold(order, self._knowledge, now)

    # --- time -----------------------------------------------------------------------------------

    def advance(self, now: datetime) -> Iterator[Event]:
        """Let held orders work whose time has come, end those whose time is over, and match."""
        for order in self._book.held():
            yield from self._reconsider(order, now)
        while self._ends and self._ends[0][0] <= now:
            _, perm_id = heapq.heappop(self._ends)
            ended = self._register.open_of(perm_id)
            if ended is not None and (end := self._end(ended)) is not None and end <= now:
                yield from self.cancel(perm_id, now)
        for con_id in self._book.instruments():
            instrument = self._market.instrument(con_id)
            yield from self._catch_up(instrument, now)
            yield from self.match(instrument, now)

    def _reconsider(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        if order.perm_id not in self._book or order.hold in (Hold.UNTRANSMITTED, Hold.LATENCY):
            return
        hold = self._hold(order, now)
        if hold == order.hold:
            return
        if order.hold is Hold.CONDITIONS and order.terms.conditions_cancel:
            yield from self.cancel(order.perm_id, now)
            return
        yield from self.enter(order, now)

    def _note_end(self, order: VenueOrder) -> None:
        end = self._end(order)
        if end is not None:
            heapq.heappush(self._ends, (end, order.perm_id))

    def _end(self, order: VenueOrder) -> datetime | None:
        """Return when the time of an order is over."""
        ends = (self._end_by_time_in_force(order), algo_end(order.terms))
        return min((end for end in ends if end is not None), default=None)

    def _end_by_time_in_force(self, order: VenueOrder) -> datetime | None:
        terms = order.terms
        if terms.time_in_force == "GTD":
            return terms.good_till
        if terms.time_in_force != "DAY" or auction_of(terms) is not None:
            return None
        start = max(order.placed_at, terms.good_after or order.placed_at)
        return self._hours.day_end(order.instrument, start, outside=terms.outside_hours)

    # --- matching -------------------------------------------------------------------------------

    def _catch_up(self, instrument: Instrument, now: datetime) -> Iterator[Event]:
        """Let orders have met the market as it was since it was looked at last."""
        since = self._seen.get(instrument.con_id, now)
        if now - since <= _STEP or self._market.is_halted(instrument.con_id):
            return
        extremes = self._market.extremes(instrument, since, now)
        if extremes is None:
            return
        low, high, volume = extremes
        late: list[tuple[VenueOrder, Decimal]] = []
        widest = replace(low, bid=high.bid)
        for found in self._book.concerned(instrument.con_id, widest):
            order = self._book.get(found.perm_id)
            if order is None or not order.is_resting or order.working_price is None:
                continue
            quantity = min(order.remaining, volume)
            if quantity <= 0 or not self._is_open(order, now):
                continue
            volume -= quantity
            passed = Trade(quantity=quantity, price=order.working_price, liquidity=ADDED)
            yield from self._trade(order, passed, now=now, late=late)
        for quote in (low, high):
            yield from self._elect_passed(instrument, quote, now=now, late=late)
        for order, part in late:
            yield from self._reduce_group(order, part, now)

    def _elect_passed(
        self,
        instrument: Instrument,
        quote: Quote,
        *,
        now: datetime,
        late: list[tuple[VenueOrder, Decimal]],
    ) -> Iterator[Event]:
        """Elect the orders whose trigger the market has passed; they trade where it is now."""
        touch = self._market.touch(instrument, now)
        for found in self._book.concerned(instrument.con_id, quote):
            order = self._book.get(found.perm_id)
            if order is None or order.is_triggered or not self._is_open(order, now):
                continue
            order = with_trigger(order, quote)
            if not is_triggered(order, quote):
                self._register.keep(order)
                continue
            order = self._register.keep(elect(order))
            yield OrderChanged(order=order)
            yield from self._meet(order, touch, now=now, late=late)

    def _is_open(self, order: VenueOrder, now: datetime) -> bool:
        outside = order.terms.outside_hours
        return self._hours.is_open(order.instrument, now, outside=outside)

    def match(self, instrument: Instrument, now: datetime) -> Iterator[Event]:
        """Let the orders of an instrument meet its market."""
        con_id = instrument.con_id
        if not self._book.works_in(con_id) or self._market.is_halted(con_id):
            return
        since = self._seen.get(con_id, now)
        self._seen[con_id] = now
        quote = self._market.touch(instrument, now)
        late: list[tuple[VenueOrder, Decimal]] = []
        for found in self._book.concerned(con_id, quote):
            order = self._book.get(found.perm_id)
            if order is None or not order.works:
                continue
            if not self._is_open(order, now) and auction_of(order.terms) is None:
                yield from self.enter(order, now)
                continue
            yield from self._meet(order, quote, now=now, late=late)
        if self._fills.serves_queues:
            yield from self._serve_queues(instrument, since, now=now, late=late)
        for order, part in late:
            yield from self._reduce_group(order, part, now)

    def _serve_queues(
        self,
        instrument: Instrument,
        since: datetime,
        *,
        now: datetime,
        late: list[tuple[VenueOrder, Decimal]],
    ) -> Iterator[Event]:
        """Let resting orders have their part of what the market traded at their price."""
        waiting = [
            order
            for is_buy in (True, False)
            for order in self._book.resting(instrument.con_id, is_buy=is_buy)
            if order.is_resting and self._is_open(order, now)
        ]
        for found in waiting:
            order = self._register[found.perm_id]
            price = order.working_price
            if not order.works or price is None:
                continue
            traded = self._market.traded(
                instrument, price, is_buy=order.terms.is_buy, since=since, now=now
            )
            quantity = self._fills.queued(
                instrument,
                wanted=order.remaining,
                traded=traded,
                perm_id=order.perm_id,
                at=now,
            )
            if quantity > 0:
                served = Trade(quantity=quantity, price=price, liquidity=ADDED)
                yield from self._trade(order, served, now=now, late=late)

    def _meet(
        self,
        order: VenueOrder,
        quote: Quote,
        *,
        now: datetime,
        late: list[tuple[VenueOrder, Decimal]],
    ) -> Iterator[Event]:
        is_elected = not order.is_triggered
        if is_elected:
            order = with_trigger(order, quote)
            if not is_triggered(order, quote):
                self._register.keep(order)
                return
            order = elect(order)
        order = self._register.keep(priced(order, quote))
        trades = self._trades(order, now)
        # PreSubmitted, then Filled, when a market order fills at once (rust-ibapi, recorded)
        if is_elected and (order.terms.order_type != "MKT" or not trades):
            yield OrderChanged(order=order)
        while trades:
            wanted = order.filled + sum(trade.quantity for trade in trades)
            for trade in trades:
                yield from self._trade(order, trade, now=now, late=late)
                order = self._register[order.perm_id]
                if not order.works:
                    return
            # a trade may have ended an order that a later one was to meet: look again then
            trades = self._trades(order, now) if order.filled < wanted else ()
        yield from self._after(order, quote, now)

    def _trades(self, order: VenueOrder, now: datetime) -> Sequence[Trade]:
        is_buy, instrument = order.terms.is_buy, order.instrument
        order = self._released(order, now)
        if order.remaining <= 0:
            return ()
        levels = self._reachable(order, now)
        resting = self._book.resting(instrument.con_id, is_buy=not is_buy)
        # what an algorithm works shows nothing of itself to others (assumed)
        return sweep(order, levels, (one for one in resting if not is_worked(one.terms)))

    def _reachable(self, order: VenueOrder, now: datetime) -> Iterator[Level]:
        instrument = order.instrument
        for price, size in self._market.levels(instrument, now, is_ask=order.terms.is_buy):
            taken = self._fills.taken(
                instrument,
                wanted=order.remaining,
                displayed=size,
                perm_id=order.perm_id,
                at=now,
            )
            yield price, taken

    def _released(self, order: VenueOrder, now: datetime) -> VenueOrder:
        """Return the order with the quantity that its algorithm lets trade by now."""
        if order.terms.algo is None:
            return order
        outside = order.terms.outside_hours
        end = self._hours.day_end(order.instrument, order.placed_at, outside=outside)
        return released(order, now, end)

    def _after(self, order: VenueOrder, quote: Quote, now: datetime) -> Iterator[Event]:
        """Do with an order what its type and time in force have for what was not filled."""
        if order.terms.time_in_force in _IMMEDIATE or auction_of(order.terms) is not None:
            yield from self.cancel(order.perm_id, now)
            return
        if type_of(order.terms).rests_as_limit and order.filled and order.working_price is None:
            order = self._register.keep(change_order(order, working_price=order.last_price))
        far = quote.ask if order.terms.is_buy else quote.bid
        was_left = far is not None and not accepts(order, far)
        is_left_alone = order.is_resting or is_worked(order.terms)
        if order.working_price is not None and not is_left_alone and was_left:
            self._register.keep(change_order(order, is_resting=True))

    # --- trades ---------------------------------------------------------------------------------

    def _trade(
        self,
        order: VenueOrder,
        trade: Trade,
        *,
        now: datetime,
        late: list[tuple[VenueOrder, Decimal]],
    ) -> Iterator[Event]:
        counter = self._register.open_of(trade.counter) if trade.counter else None
        if trade.counter:
            # an earlier trade may have ended or reduced what this one was to meet
            if counter is None or not counter.works:
                return
            trade = replace(trade, quantity=min(trade.quantity, counter.remaining))
        trade = replace(trade, quantity=min(trade.quantity, order.remaining))
        if trade.level is not None:
            level = (trade.level, trade.quantity)
            self._market.take(order.instrument, level, is_ask=order.terms.is_buy, now=now)
            if order.working_price is None:
                trade = self._filling.slipped(order, trade)
        yield from self._filling.fill(order, trade, now)
        if counter is not None:
            other = replace(trade, liquidity=ADDED, counter=order.perm_id)
            yield from self._filling.fill(counter, other, now)
            yield from self._follow(counter.perm_id, trade.quantity, now=now, late=late)
        yield from self._follow(order.perm_id, trade.quantity, now=now, late=late)

    def _follow(
        self,
        perm_id: int,
        part: Decimal,
        *,
        now: datetime,
        late: list[tuple[VenueOrder, Decimal]],
    ) -> Iterator[Event]:
        """Let a fill have its consequences for the order's children and for its group."""
        order = self._register[perm_id]
        if order.status is Status.FILLED:
            yield from self._release_children(order, now)
        if order.group is not None and order.group.kind == REDUCE_UNBLOCKED:
            late.append((order, part))
        else:
            yield from self._reduce_group(order, part, now)

    # --- families -------------------------------------------------------------------------------

    def _release_children(self, parent: VenueOrder, now: datetime) -> Iterator[Event]:
        for child in list(self._register.children(parent.perm_id)):
            if child.hold is not Hold.PARENT:
                continue
            wanted = min(child.terms.quantity, parent.filled)
            terms = replace(child.terms, quantity=wanted)
            current = self._register.open_of(child.perm_id)
            if current is not None:
                yield from self.enter(change_order(current, terms=terms, placed_at=now), now)

    def _reduce_group(self, order: VenueOrder, part: Decimal, now: datetime) -> Iterator[Event]:
        members = [one for one in self._register.members(order) if one.perm_id != order.perm_id]
        for effect in effects(order, part, members):
            yield from self._apply(effect, now)

    def _apply(self, effect: GroupEffect, now: datetime) -> Iterator[Event]:
        order = self._register.open_of(effect.perm_id)
        if order is None:
            return
        if effect.quantity is None:
            yield from self.cancel(order.perm_id, now)
            return
        terms = replace(order.terms, quantity=effect.quantity)
        yield OrderChanged(order=self._register.keep(change_order(order, terms=terms)))

    # --- the end --------------------------------------------------------------------------------

    def cancel(self, perm_id: int, now: datetime) -> Iterator[Event]:
        """Cancel an open order, and what is attached to it and was not begun."""
        order = self._register.open_of(perm_id)
        if order is None:
            return
        cancelled = change_order(order, status=Status.CANCELLED, closed_at=now, hold=None)
        self._register.keep(cancelled)
        self._clearing.unbind(perm_id)
        yield OrderChanged(order=cancelled)
        if order.filled:
            # attached orders protect what was filled (assumed: TWS keeps them to that size)
            yield from self._release_children(cancelled, now)
            return
        for child in list(self._register.children(perm_id)):
            yield from self.cancel(child.perm_id, now)
