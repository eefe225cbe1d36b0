"""
The venue: a market with accounts, behind one `execute` and one `advance`.

State changes only there, at the moment that is passed in, and what changed is returned. Queries
change nothing. What commands mean is here; what becomes of orders is in `trading`, prices are in
`market`, money is in `clearing`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from .clearing import Clearing, bounding_price
from .combos import Combos
from .commands import (
    AccountChanged,
    AssignOwner,
    BustExecution,
    CancelAll,
    CancelOrder,
    Command,
    CorrectExecution,
    Event,
    Executed,
    ExerciseOption,
    Halt,
    HaltChanged,
    ModifyOrder,
    OrderChanged,
    OrderNoted,
    OrderRefused,
    OrderStaged,
    PlaceOrder,
    PositionChanged,
    ReleaseQuote,
    SetQuote,
)
from .exercise import exercise, exercise_refusal, intrinsic
from .figures import Figures
from .groups import REDUCE
from .history import HistoricalBar
from .hours import AlwaysOpen, Hours
from .instruments import Catalogue, Instrument
from .ledger import Ledger
from .market import Market
from .models import (
    FeeModel,
    FillModel,
    InteractiveBrokersFees,
    LatencyModel,
    Message,
    NoLatency,
    NoSlippage,
    PlainFill,
    SlippageModel,
)
from .pricing import type_of
from .records import (
    Commission,
    Condition,
    Execution,
    Group,
    Hold,
    Leg,
    Quote,
    Status,
    Terms,
    VenueOrder,
)
from .register import Register
from .tape import Tape
from .trading import Trading
from .validation import Refusal, bad_change, bad_terms, refused_instrument

__all__ = ["Venue"]

_NOTHING: Final = Decimal(0)
_DAY_ZONE: Final = ZoneInfo("US/Eastern")
"""Whose midnight ends the day of the accounts."""


class Venue:
    """
    A market with accounts.

    Args:
        catalogue: What is listed.
        tape: Where prices come from.
        accounts: Account ids, each with its cash in USD or by currency.
        fees: What executions cost.
        fills: How much of what stands there an order gets.
        slippage: How much worse than shown orders at the market trade.
        latency: How long messages need to the market.
        hours: When orders trade; always, when not given.
        session: Number of this run, part of execution ids, so that two runs never share one.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        tape: Tape,
        accounts: Mapping[str, Decimal | Mapping[str, Decimal]],
        fees: FeeModel | None = None,
        fills: FillModel | None = None,
        slippage: SlippageModel | None = None,
        latency: LatencyModel | None = None,
        hours: Hours | None = None,
        session: int = 1,
    ) -> None:
        self.catalogue = catalogue
        self.tape = tape
        self.market = Market(catalogue=catalogue, tape=tape)
        self.clearing = Clearing(
            {name: _by_currency(cash) for name, cash in accounts.items()},
            market=self.market,
            fees=fees or InteractiveBrokersFees(),
            session=session,
        )
        self.hours = hours or AlwaysOpen()
        self._latency = latency or NoLatency()
        self._register = Register()
        self._combos = Combos()
        self._trading = Trading(
            register=self._register,
            market=self.market,
            clearing=self.clearing,
            hours=self.hours,
            fills=fills or PlainFill(),
            slippage=slippage or NoSlippage(),
            knowledge=self,
        )
        self._due: list[tuple[datetime, int, int, ModifyOrder | CancelOrder | None]] = []
        self._messages = 0
        self._day: date | None = None

    # --- commands -------------------------------------------------------------------------------

    def execute(self, command: Command, now: datetime) -> tuple[Event, ...]:
        """Do what is asked, and return everything that followed from it at once."""
        return tuple(self._execute(command, now))

    def advance(self, now: datetime) -> tuple[Event, ...]:
        """Let the market be what it is at a moment: messages arrive, working orders meet it."""
        return tuple(self._advance(now))

    def _execute(self, command: Command, now: datetime) -> Iterator[Event]:
        self._turn_day(now)
        match command:
            case PlaceOrder():
                yield from self._place(command, now)
            case ModifyOrder():
                yield from self._modify(command, now)
            case CancelOrder():
                yield from self._cancel(command, now)
            case AssignOwner(perm_id=perm_id, owner=owner):
                self._register.keep(replace(self._register[perm_id], owner=owner))
            case CancelAll():
                for perm_id in self._register.book.ids():
                    if self._register.open_of(perm_id) is not None:
                        yield from self._cancel(CancelOrder(perm_id=perm_id), now)
            case CorrectExecution() | BustExecution():
                yield from self._revise(command)
            case ExerciseOption():
                yield from self._exercise(command, now)
            case _:
                yield from self._set_market(command, now)

    def _turn_day(self, now: datetime) -> None:
        day = now.astimezone(_DAY_ZONE).date()
        if day != self._day:
            self._day = day
            self.clearing.start_day(now)

    def _set_market(
        self, command: SetQuote | ReleaseQuote | Halt, now: datetime
    ) -> Iterator[Event]:
        instrument = self.instrument(command.con_id)
        match command:
            case SetQuote():
                self.market.hold(command)
                self.clearing.prices_were_set()
            case ReleaseQuote():
                self.market.release(command.con_id)
            case Halt():
                self.market.halt(command.con_id, halted=command.halted)
                yield HaltChanged(instrument=instrument, is_halted=command.halted)
        yield from self._trading.match(instrument, now)

    def _advance(self, now: datetime) -> Iterator[Event]:
        self._turn_day(now)
        while self._due and self._due[0][0] <= now:
            _, _, perm_id, change = heapq.heappop(self._due)
            yield from self._arrived(perm_id, change, now)
        yield from self._trading.advance(now)

    # --- queries --------------------------------------------------------------------------------

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """The books of each account."""
        return self.clearing.ledgers

    def instrument(self, con_id: int) -> Instrument:
        """Return a listed instrument."""
        return self.market.instrument(con_id)

    def combo(self, symbol: str, legs: tuple[Leg, ...]) -> Instrument:
        """Return the combo of these legs, with a market made of theirs."""
        found = self._combos.of(symbol, legs)
        self.market.list_combo(found, legs)
        return found

    def order(self, perm_id: int) -> VenueOrder:
        """Return an order, open or closed."""
        return self._register[perm_id]

    def open_orders(self) -> tuple[VenueOrder, ...]:
        """Return all open orders, oldest first; those that were not transmitted are among them."""
        return self._register.book.orders()

    def closed_orders(self) -> tuple[VenueOrder, ...]:
        """Return all orders that are closed, oldest first."""
        return self._register.closed()

    def executions(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return all executions with their commissions, oldest first."""
        return self.clearing.executions()

    def quote(self, instrument: Instrument, now: datetime) -> Quote:
        """Return the market of an instrument at a moment, with what clients' orders show."""
        return self._register.book.shown(instrument.con_id, self.market.quote(instrument, now))

    def halted(self, instrument: Instrument, now: datetime) -> int:
        """Return IB's number of a halt: 0 for none, 1 for a general one."""
        return 1 if self.market.is_halted(instrument.con_id) else 0

    def mark(self, instrument: Instrument, now: datetime) -> Decimal:
        """Return the price at which a holding is valued: the middle of the market."""
        return self.market.mark(instrument, now)

    def rate(self, currency: str, now: datetime) -> Decimal:
        """Return how many US dollars one unit of a currency is."""
        return self.market.rate(currency, now)

    def figures(self, account: str, now: datetime) -> Figures:
        """Value an account at the prices of a moment."""
        return self.clearing.figures(account, now)

    def bars(
        self,
        instrument: Instrument,
        *,
        start: datetime,
        end: datetime,
        bar_size: str,
        what_to_show: str,
    ) -> Sequence[HistoricalBar]:
        """Return bars of the past, oldest first."""
        return self.market.bars(
            instrument, start=start, end=end, bar_size=bar_size, what_to_show=what_to_show
        )

    def margin_after(self, command: PlaceOrder, now: datetime) -> tuple[Figures, Figures]:
        """Return the figures of the account before an order and as if it were filled now."""
        terms, instrument = command.terms, command.instrument
        price = bounding_price(terms, self.market.touch(instrument, now), terms.trail_stop_price)
        return self.clearing.margin_after(
            command.account, self._as_trades(instrument, terms, price=price, now=now), now
        )

    def cost_of(self, command: PlaceOrder, now: datetime) -> Decimal:
        """Return the commission of an order if it is filled at once, in its currency."""
        terms, instrument = command.terms, command.instrument
        price = bounding_price(terms, self.market.touch(instrument, now), terms.trail_stop_price)
        return sum(
            (
                self.clearing.cost(traded, abs(signed), at)
                for traded, signed, at in self._as_trades(instrument, terms, price=price, now=now)
            ),
            _NOTHING,
        )

    def _as_trades(
        self, instrument: Instrument, terms: Terms, *, price: Decimal, now: datetime
    ) -> Iterator[tuple[Instrument, Decimal, Decimal]]:
        if not terms.legs:
            yield instrument, terms.quantity if terms.is_buy else -terms.quantity, price
            return
        for leg in terms.legs:
            is_buy = leg.is_buy is terms.is_buy
            signed = terms.quantity * leg.ratio * (1 if is_buy else -1)
            yield leg.instrument, signed, self.market.mark(leg.instrument, now)

    # --- what conditions ask about --------------------------------------------------------------

    def condition_quote(self, con_id: int, now: datetime) -> Quote | None:
        """Return the market of an instrument; `None` when it is not listed."""
        found = self.catalogue.get(con_id)
        return self.market.quote(found, now) if found is not None else None

    def cushion(self, account: str, now: datetime) -> Decimal:
        """Return the share of an account's equity above its maintenance margin, in percent."""
        worth = self.figures(account, now)
        if worth.net_liquidation <= 0:
            return _NOTHING
        return worth.excess_liquidity / worth.net_liquidation * 100

    def has_traded(self, account: str, condition: Condition, since: datetime) -> bool:
        """Tell whether an account has had an execution in a symbol since a moment."""
        return any(
            execution.order.account == account
            and execution.time >= since
            and execution.instrument.symbol == condition.symbol
            and condition.sec_type in ("", execution.instrument.sec_type)
            for execution, _ in self.executions()
        )

    # --- placing --------------------------------------------------------------------------------

    def refusal(self, command: PlaceOrder) -> Refusal | None:
        """Return the code and text with which an order would be refused; `None` if it would not."""
        if command.account not in self.ledgers:
            return 201, "Order rejected - reason:Invalid account code"
        refused = refused_instrument(command.instrument)
        if refused is not None:
            return refused
        if self.market.is_halted(command.instrument.con_id):
            return 154, "Orders cannot be transmitted for a halted security."
        return bad_terms(command.terms, command.instrument)

    def _place(self, command: PlaceOrder, now: datetime) -> Iterator[Event]:
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
            hold=Hold.UNTRANSMITTED,
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
                replace(order, hold=Hold.LATENCY, status=Status.PENDING_SUBMIT)
            )
            yield OrderChanged(order=order)
            self._due_at(order.perm_id, None, now + timedelta(seconds=delay_s))
            return
        yield from self._accept(order, now)

    def _accept(self, order: VenueOrder, now: datetime) -> Iterator[Event]:
        is_child = order.parent and self._register.open_of(order.parent) is not None
        if not is_child:
            short = self._short_of_margin(order, order.terms, now)
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
        opens = self.hours.opens(order.instrument, now, outside=order.terms.outside_hours)
        return OrderNoted(order=order, code=399, opens=opens)

    def _refuse_for_margin(
        self, order: VenueOrder, after: Figures, now: datetime
    ) -> Iterator[Event]:
        inactive = replace(order, status=Status.INACTIVE, closed_at=now, hold=None)
        self._register.keep(inactive)
        yield OrderChanged(order=inactive)
        yield OrderRefused(owner=order.owner, code=201, text=_margin_text(after), order=inactive)
        for child in list(self._register.children(order.perm_id)):
            yield from self._trading.cancel(child.perm_id, now)

    def _short_of_margin(self, order: VenueOrder, new: Terms, now: datetime) -> Figures | None:
        """Return the figures of an account that cannot carry an order; bind what it can."""
        rest = new.quantity - order.filled
        if not rest:
            return None
        trial = PlaceOrder(
            owner=order.owner,
            account=order.account,
            instrument=order.instrument,
            exchange=order.exchange,
            terms=replace(new, quantity=rest),
        )
        price = bounding_price(trial.terms, self.market.touch(order.instrument, now))
        trades = self._as_trades(order.instrument, trial.terms, price=price, now=now)
        needed = self.clearing.needs(order.account, trades, now)
        if needed and not self.clearing.can_carry(order.account, needed, now, but=order.perm_id):
            return self.margin_after(trial, now)[1]
        self.clearing.bind(order, needed)
        return None

    # --- changing -------------------------------------------------------------------------------

    def _modify(self, command: ModifyOrder, now: datetime) -> Iterator[Event]:
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
            short = self._short_of_margin(order, command.terms, now)
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
        changed = replace(
            order,
            terms=new,
            is_resting=False,
            is_triggered=order.is_triggered,
            working_price=new.limit_price if type_of(new).has_limit else order.working_price,
            trigger_price=order.trigger_price if is_same_trigger or elected else None,
            priority=order.priority if keeps else self._register.next_priority(),
            note={**order.note, **command.note},
        )
        if changed.remaining == 0:
            changed = replace(changed, status=Status.FILLED, closed_at=now)
        return changed

    def _cancel(self, command: CancelOrder, now: datetime) -> Iterator[Event]:
        order = self._register.open_of(command.perm_id)
        if order is None:
            yield from self._cannot_cancel(self._register[command.perm_id])
            return
        delay_s = self._delay_s(Message.CANCEL)
        if not delay_s:
            yield from self._trading.cancel(command.perm_id, now)
            return
        self._due_at(command.perm_id, command, now + timedelta(seconds=delay_s))
        pending = self._register.keep(replace(order, status=Status.PENDING_CANCEL))
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

    # --- after the fact -------------------------------------------------------------------------

    def _revise(self, command: CorrectExecution | BustExecution) -> Iterator[Event]:
        price: Decimal | None = None
        quantity: Decimal | None = _NOTHING
        if isinstance(command, CorrectExecution):
            price, quantity = command.price, command.quantity
        revised = self.clearing.revise(command.exec_id, price=price, quantity=quantity)
        if revised is None:
            raise KeyError(f"there is no execution {command.exec_id}")
        execution, commission = revised
        yield Executed(execution=execution, commission=commission)
        yield PositionChanged(account=execution.account, instrument=execution.instrument)
        yield AccountChanged(account=execution.account)

    def _exercise(self, command: ExerciseOption, now: datetime) -> Iterator[Event]:
        option = command.instrument
        held = self.ledgers[command.account].holdings.get(option.con_id)
        worth = _NOTHING
        if option.under_con_id:
            underlying = self.instrument(option.under_con_id)
            worth = intrinsic(option, underlying, self.market, now=now)
        refusal = exercise_refusal(command, held.quantity if held else _NOTHING, worth)
        if refusal is not None:
            yield OrderRefused(owner=command.owner, code=refusal[0], text=refusal[1])
            return
        yield from exercise(
            command, register=self._register, clearing=self.clearing, market=self.market, now=now
        )


def _by_currency(cash: Decimal | Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {"USD": cash} if isinstance(cash, Decimal) else dict(cash)


def _margin_text(after: Figures) -> str:
    return (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED "
        f"POSITION YOUR EQUITY WITH LOAN VALUE [{after.net_liquidation} USD] MUST EXCEED THE "
        f"INITIAL MARGIN [{after.initial_margin} USD]"
    )
