"""
The venue: instruments, a tape, orders and accounts, behind one `execute` and one `advance`.

State changes only there, at the moment that is passed in, and what changed is returned. Queries
change nothing. The market is always open (*limit*: sessions and halts are not simulated yet, so
DAY orders do not expire).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

from .book import Book
from .history import HistoricalBar, bars
from .instruments import Catalogue, Instrument, Query
from .ledger import Figures, Ledger
from .matching import (
    LIMIT_TYPES,
    STOP_TYPES,
    SUPPORTED_TYPES,
    Trade,
    is_triggered,
    reaches,
    trade,
)
from .models import DisplayedSize, FeeModel, InteractiveBrokersFees, SizeModel
from .records import (
    AccountChanged,
    CancelAll,
    CancelOrder,
    Command,
    Commission,
    Event,
    Executed,
    Execution,
    ModifyOrder,
    OrderChanged,
    OrderRefused,
    PlaceOrder,
    PositionChanged,
    Quote,
    SetQuote,
    Status,
    Terms,
    VenueOrder,
)
from .tape import Tape

__all__ = ["Venue"]

_FIRST_PERM_ID: Final = 1_376_327_501
_IMMEDIATE: Final = frozenset({"IOC", "FOK"})
_TIMES_IN_FORCE: Final = frozenset({"DAY", "GTC", "IOC", "FOK"})


class Venue:
    """
    A market with accounts.

    Args:
        catalogue: What is listed.
        tape: Where prices come from.
        accounts: Account ids, each with its cash in USD.
        sizes: How much stands at the best prices.
        fees: What executions cost.
        session: Number of this run, part of execution ids, so that two runs never share one.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        tape: Tape,
        accounts: dict[str, Decimal],
        sizes: SizeModel | None = None,
        fees: FeeModel | None = None,
        session: int = 1,
    ) -> None:
        self.catalogue = catalogue
        self.tape = tape
        self.ledgers = {
            name: Ledger(account=name, cash={"USD": cash}) for name, cash in accounts.items()
        }
        self._sizes = sizes or DisplayedSize()
        self._fees = fees or InteractiveBrokersFees()
        self._session = session
        self._orders: dict[int, VenueOrder] = {}
        self._open = Book()
        self._executions: list[tuple[Execution, Commission]] = []
        self._held: dict[int, SetQuote] = {}
        self._taken: dict[tuple[int, str], tuple[int, Decimal]] = {}
        self._next_perm_id = _FIRST_PERM_ID
        self._next_priority = 1

    # --- commands -------------------------------------------------------------------------------

    def execute(self, command: Command, now: datetime) -> tuple[Event, ...]:
        """Do what is asked, and return everything that followed from it at once."""
        match command:
            case PlaceOrder():
                return self._place(command, now)
            case ModifyOrder():
                return self._modify(command, now)
            case CancelOrder():
                return self._cancel(command.perm_id, now)
            case CancelAll():
                found = [self._cancel(perm_id, now) for perm_id in self._open.ids()]
                return tuple(event for events in found for event in events)
            case SetQuote():
                self._held[command.con_id] = command
                return self._match(self.instrument(command.con_id), now)

    def advance(self, now: datetime) -> tuple[Event, ...]:
        """Let the market be what it is at a moment: working orders meet its quotes."""
        events: list[Event] = []
        for con_id in self._open.instruments():
            events.extend(self._match(self.instrument(con_id), now))
        return tuple(events)

    # --- queries --------------------------------------------------------------------------------

    def instrument(self, con_id: int) -> Instrument:
        """Return a listed instrument."""
        found = self.catalogue.get(con_id)
        if found is None:
            raise KeyError(f"con id {con_id} is not listed")
        return found

    def order(self, perm_id: int) -> VenueOrder:
        """Return an order, open or closed."""
        return self._orders[perm_id]

    def open_orders(self) -> tuple[VenueOrder, ...]:
        """Return all working orders, oldest first."""
        return self._open.orders()

    def closed_orders(self) -> tuple[VenueOrder, ...]:
        """Return all orders that are closed, oldest first."""
        return tuple(order for order in self._orders.values() if order.perm_id not in self._open)

    def executions(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return all executions with their commissions, oldest first."""
        return tuple(self._executions)

    def quote(self, instrument: Instrument, now: datetime) -> Quote:
        """Return the market of an instrument at a moment."""
        day = datetime.combine(now.date(), time(), tzinfo=UTC)
        today = self.tape.path(instrument, day, now) if now > day else ()
        held = self._held.get(instrument.con_id)
        middle = self.tape.price(instrument, now)
        bid, ask = _sides(instrument, middle) if held is None else (held.bid, held.ask)
        last = held.last if held is not None and held.last is not None else _last(middle, bid, ask)
        seen = [*today, last] if last is not None else list(today)
        close = self.tape.price(instrument, day)
        elapsed = Decimal(int((now - day).total_seconds()))
        size = instrument.lot
        return Quote(
            bid=bid,
            ask=ask,
            last=instrument.floor(last) if last is not None else None,
            bid_size=held.bid_size if held is not None else self._size(instrument, now, "bid"),
            ask_size=held.ask_size if held is not None else self._size(instrument, now, "ask"),
            last_size=size,
            volume=(elapsed * size / 10).to_integral_value(),
            open=instrument.floor(seen[0]) if seen else None,
            high=instrument.floor(max(seen)) if seen else None,
            low=instrument.floor(min(seen)) if seen else None,
            close=instrument.floor(close) if close is not None else None,
        )

    def mark(self, instrument: Instrument, now: datetime) -> Decimal:
        """Return the price at which a holding is valued: the middle of the market."""
        held = self._held.get(instrument.con_id)
        if held is not None and held.bid is not None and held.ask is not None:
            return (held.bid + held.ask) / 2
        return self.tape.price(instrument, now) or instrument.price

    def rate(self, currency: str, now: datetime) -> Decimal:
        """Return how many US dollars one unit of a currency is."""
        if currency == "USD":
            return Decimal(1)
        direct = self.catalogue.find(Query(symbol=currency, sec_type="CASH", currency="USD"))
        if direct:
            return self.mark(direct[0], now)
        inverse = self.catalogue.find(Query(symbol="USD", sec_type="CASH", currency=currency))
        if inverse:
            return 1 / self.mark(inverse[0], now)
        raise KeyError(f"no rate of {currency} is listed")

    def figures(self, account: str, now: datetime) -> Figures:
        """Value an account at the prices of a moment."""
        return self.ledgers[account].figures(
            lambda instrument: self.mark(instrument, now), lambda name: self.rate(name, now)
        )

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
        return list(
            bars(
                self.tape,
                instrument,
                start=start,
                end=end,
                bar_size=bar_size,
                what_to_show=what_to_show,
            )
        )

    def margin_after(self, command: PlaceOrder, now: datetime) -> tuple[Figures, Figures]:
        """Return the figures of the account before an order and as if it were filled now."""
        before = self.figures(command.account, now)
        ledger = self.ledgers[command.account]
        trial = Ledger(account=ledger.account, base=ledger.base, cash=dict(ledger.cash))
        trial.holdings = {con_id: replace(held) for con_id, held in ledger.holdings.items()}
        price = _bounding_price(command.terms, self.quote(command.instrument, now))
        signed = command.terms.quantity if command.terms.is_buy else -command.terms.quantity
        trial.book(command.instrument, signed, price=price, commission=Decimal(0))
        after = trial.figures(
            lambda instrument: self.mark(instrument, now), lambda name: self.rate(name, now)
        )
        return before, after

    # --- orders ---------------------------------------------------------------------------------

    def _place(self, command: PlaceOrder, now: datetime) -> tuple[Event, ...]:
        refusal = self.refusal(command)
        if refusal is not None:
            code, text = refusal
            return (OrderRefused(owner=command.owner, code=code, text=text),)
        order = VenueOrder(
            perm_id=self._next_perm_id,
            owner=command.owner,
            account=command.account,
            instrument=command.instrument,
            exchange=command.exchange,
            terms=command.terms,
            order_ref=command.order_ref,
            status=Status.PRE_SUBMITTED,
            placed_at=now,
            priority=self._next_priority,
            note=command.note,
        )
        self._next_perm_id += 1
        self._next_priority += 1
        self._keep(order)
        accepted = OrderChanged(order=order)
        before, after = self.margin_after(command, now)
        if after.available_funds < 0 and after.initial_margin > before.initial_margin:
            return accepted, *self._refuse_for_margin(order, after, now)
        return accepted, *self._match(order.instrument, now)

    def refusal(self, command: PlaceOrder) -> tuple[int, str] | None:
        """Return the code and text with which an order would be refused; `None` if it would not."""
        terms, instrument = command.terms, command.instrument
        if command.account not in self.ledgers:
            return 201, "Order rejected - reason:Invalid account code"
        if not instrument.is_tradable:
            return 200, "No security definition has been found for the request"
        if terms.order_type not in SUPPORTED_TYPES:
            return 387, "Unsupported order type for this exchange and security type."
        return self._bad_terms(terms, instrument)

    def _bad_terms(self, terms: Terms, instrument: Instrument) -> tuple[int, str] | None:
        if terms.time_in_force not in _TIMES_IN_FORCE:
            return 201, f"Order rejected - reason:Invalid time in force:{terms.time_in_force}"
        if terms.quantity <= 0:
            return 434, "The order size cannot be zero."
        if terms.quantity % instrument.min_size:
            return 10318, "This order doesn't support fractional quantity trading"
        needed = [
            *([terms.limit_price] if terms.order_type in LIMIT_TYPES else []),
            *([terms.stop_price] if terms.order_type in STOP_TYPES else []),
        ]
        if any(price is None or price <= 0 for price in needed):
            return 201, "Order rejected - reason:Invalid price"
        if any(price is not None and price % instrument.min_tick for price in needed):
            return 110, "The price does not conform to the minimum price variation."
        return None

    def _refuse_for_margin(
        self, order: VenueOrder, after: Figures, now: datetime
    ) -> tuple[Event, ...]:
        inactive = replace(order, status=Status.INACTIVE, closed_at=now)
        self._keep(inactive)
        text = _margin_text(after)
        refused = OrderRefused(owner=order.owner, code=201, text=text, order=inactive)
        return OrderChanged(order=inactive), refused

    def _modify(self, command: ModifyOrder, now: datetime) -> tuple[Event, ...]:
        order = self._open.get(command.perm_id)
        if order is None:
            done = self._orders[command.perm_id]
            code, text = (
                (104, "Cannot modify a filled order.")
                if done.status is Status.FILLED
                else (201, "Order rejected - reason:Cannot modify a closed order")
            )
            return (OrderRefused(owner=done.owner, code=code, text=text),)
        old, new = order.terms, command.terms
        if new.order_type != old.order_type:
            text = "Order modify failed. Cannot change to the new order type."
            return (OrderRefused(owner=order.owner, code=329, text=text),)
        if new.action != old.action or new.quantity < order.filled:
            text = "Order being modified does not match original order."
            return (OrderRefused(owner=order.owner, code=105, text=text),)
        bad = self._bad_terms(new, order.instrument)
        if bad is not None:
            return (OrderRefused(owner=order.owner, code=bad[0], text=bad[1]),)
        after = self._short_of_margin(order, new, now)
        if after is not None:
            # 201 on a change leaves the order as it was (assumed; the facts ask to query it)
            return (OrderRefused(owner=order.owner, code=201, text=_margin_text(after)),)
        # less quantity at the same price keeps its place in the queue, as exchanges have it
        keeps = new.limit_price == old.limit_price and new.quantity <= old.quantity
        changed = replace(order, terms=new, is_resting=False, note={**order.note, **command.note})
        if not keeps:
            changed = replace(changed, priority=self._next_priority)
            self._next_priority += 1
        if changed.remaining == 0:
            changed = replace(changed, status=Status.FILLED, closed_at=now)
        self._keep(changed)
        return OrderChanged(order=changed), *self._match(order.instrument, now)

    def _short_of_margin(self, order: VenueOrder, new: Terms, now: datetime) -> Figures | None:
        rest = new.quantity - order.filled
        trial = PlaceOrder(
            owner=order.owner,
            account=order.account,
            instrument=order.instrument,
            exchange=order.exchange,
            terms=replace(new, quantity=rest),
        )
        before, after = self.margin_after(trial, now) if rest else (None, None)
        if before is None or after is None or new.quantity < order.terms.quantity:
            return None
        is_short = after.available_funds < 0 and after.initial_margin > before.initial_margin
        return after if is_short else None

    def _cancel(self, perm_id: int, now: datetime) -> tuple[Event, ...]:
        order = self._open.get(perm_id)
        if order is None:
            done = self._orders[perm_id]
            text = f"OrderId {done.owner.order_id} that needs to be cancelled can not be cancelled"
            return (
                OrderRefused(
                    owner=done.owner, code=10148, text=f"{text}, state: {done.status}.", order=done
                ),
            )
        cancelled = replace(order, status=Status.CANCELLED, closed_at=now)
        self._keep(cancelled)
        return (OrderChanged(order=cancelled),)

    # --- matching -------------------------------------------------------------------------------

    def _match(self, instrument: Instrument, now: datetime) -> tuple[Event, ...]:
        if not self._open.works_in(instrument.con_id):
            return ()
        quote = self.quote(instrument, now)
        events: list[Event] = []
        for order in self._open.concerned(instrument.con_id, quote):
            events.extend(self._meet(order, quote, now))
        return tuple(events)

    def _meet(self, order: VenueOrder, quote: Quote, now: datetime) -> Iterable[Event]:
        is_elected = not order.is_triggered
        if is_elected:
            if not is_triggered(order, quote):
                return
            order = replace(order, is_triggered=True, status=Status.SUBMITTED)
            self._keep(order)
        found = trade(order, quote, self._available(order, quote, now))
        # PreSubmitted, then Filled, when a market order fills at once (rust-ibapi, recorded)
        if is_elected and (order.terms.order_type != "MKT" or found is None):
            yield OrderChanged(order=order)
        if found is not None:
            yield from self._fill(order, found, now)
            order = self._orders[order.perm_id]
        elif not reaches(order, quote) and not order.is_resting:
            order = self._rest(order)
        if order.status.is_open and order.terms.time_in_force in _IMMEDIATE:
            yield from self._cancel(order.perm_id, now)

    def _rest(self, order: VenueOrder) -> VenueOrder:
        if order.terms.order_type in LIMIT_TYPES:
            order = replace(order, is_resting=True)
            self._keep(order)
        return order

    def _available(self, order: VenueOrder, quote: Quote, now: datetime) -> Decimal:
        side = "ask" if order.terms.is_buy else "bid"
        displayed = quote.ask_size if order.terms.is_buy else quote.bid_size
        second, taken = self._taken.get((order.instrument.con_id, side), (0, Decimal(0)))
        return displayed - taken if second == int(now.timestamp()) else displayed

    def _fill(self, order: VenueOrder, found: Trade, now: datetime) -> Iterable[Event]:
        self._take(order, found.quantity, now)
        filled = order.filled + found.quantity
        paid = order.average_price * order.filled + found.price * found.quantity
        complete = filled == order.terms.quantity
        order = replace(
            order,
            filled=filled,
            average_price=paid / filled,
            last_price=found.price,
            status=Status.FILLED if complete else Status.SUBMITTED,
            closed_at=now if complete else None,
        )
        self._keep(order)
        execution = Execution(
            exec_id=self._exec_id(),
            order=order,
            time=now,
            exchange=order.instrument.venue,
            quantity=found.quantity,
            price=found.price,
            liquidity=found.liquidity,
        )
        commission = self._book(execution)
        self._executions.append((execution, commission))
        yield Executed(execution=execution, commission=commission)
        yield OrderChanged(order=order)
        yield PositionChanged(account=order.account, instrument=order.instrument)
        yield AccountChanged(account=order.account)

    def _book(self, execution: Execution) -> Commission:
        order, instrument = execution.order, execution.order.instrument
        amount = self._fees.commission(instrument, execution.quantity, execution.price)
        signed = execution.quantity if order.terms.is_buy else -execution.quantity
        realized = self.ledgers[order.account].book(
            instrument, signed, price=execution.price, commission=amount
        )
        return Commission(
            exec_id=execution.exec_id,
            amount=amount,
            currency=instrument.currency,
            realized_pnl=realized,
        )

    def _take(self, order: VenueOrder, quantity: Decimal, now: datetime) -> None:
        key = (order.instrument.con_id, "ask" if order.terms.is_buy else "bid")
        second, taken = self._taken.get(key, (0, Decimal(0)))
        this = int(now.timestamp())
        self._taken[key] = (this, (taken if second == this else Decimal(0)) + quantity)

    def _keep(self, order: VenueOrder) -> None:
        self._orders[order.perm_id] = order
        if order.status.is_open:
            self._open.put(order)
        else:
            self._open.remove(order.perm_id)

    def _exec_id(self) -> str:
        # IB's form: four groups of hex digits, the last being the revision
        number = len(self._executions) + 1
        return f"{0xE0D5:08x}.{self._session & 0xFFFFFFFF:08x}.{number:02d}.01"

    def _size(self, instrument: Instrument, now: datetime, side: str) -> Decimal:
        return self._sizes.size(instrument, now, side)


def _sides(instrument: Instrument, middle: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    return (None, None) if middle is None else instrument.sides(middle)


def _margin_text(after: Figures) -> str:
    return (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED "
        f"POSITION YOUR EQUITY WITH LOAN VALUE [{after.net_liquidation} USD] MUST EXCEED THE "
        f"INITIAL MARGIN [{after.initial_margin} USD]"
    )


def _bounding_price(terms: Terms, quote: Quote) -> Decimal:
    if terms.limit_price is not None and terms.order_type in LIMIT_TYPES:
        return terms.limit_price
    return (quote.ask if terms.is_buy else quote.bid) or quote.last or Decimal(0)


def _last(middle: Decimal | None, bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    if bid is not None and ask is not None:
        return (bid + ask) / 2
    return middle
