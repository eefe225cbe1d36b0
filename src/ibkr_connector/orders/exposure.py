"""
What the account holds and what is under way, put together for the rules at once.

Owns: how open orders become the book that rules look at, and the memory of what was let through. A
change that the broker has not confirmed counts as made and as not made, whichever is more.
Nothing here awaits, so the book is what it is when the order is admitted. It is made anew for each
order; open orders come into it when a rule looks at them, which few limits ask for, and only those
that have changed since they were last looked at are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Final

from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.account import Position
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import Action, OrderTerms
from ibkr_connector.model.terms import NO_TERMS

from .entry import OrderEntry
from .ledger import Ledger
from .risk import (
    AccountFacts,
    Book,
    Case,
    FactSource,
    Held,
    OpenOrders,
    Past,
    Placed,
    RiskLimits,
    Working,
    likeness,
    order_unit_value,
    unit_value,
)
from .risk.unshown import SHOWN_AFTER_S, UnshownUnits
from .states import CLOSED, State

__all__ = ["Exposure", "group_of"]

ZERO: Final = Decimal(0)

_book, _held, _placed, _working = quick(Book), quick(Held), quick(Placed), quick(Working)


@dataclass(frozen=True, slots=True)
class _Holdings:
    """What positions come to at some rates: the same as long as both are."""

    positions: tuple[Position, ...]
    rates: dict[str, Decimal | None]
    rows: tuple[Held, ...]
    of_contract: dict[ConId | None, Held]


@dataclass(slots=True)
class _Figures:
    """The account's facts while one book is made: each is asked for once."""

    known: AccountFacts
    rates: dict[str, Decimal | None] = field(default_factory=dict)
    held: dict[ConId | None, Held] = field(default_factory=dict)

    def rate(self, currency: str) -> Decimal | None:
        if currency not in self.rates:
            self.rates[currency] = self.known.rate(currency)
        return self.rates[currency]

    def are(self, rates: Mapping[str, Decimal | None]) -> bool:
        """Whether these are the rates of now."""
        return all(self.rate(currency) == rate for currency, rate in rates.items())


class Exposure:
    """Make the book of an account, on one loop."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        facts: FactSource,
        pending: Callable[[str], OrderTicket | None] = lambda key: None,
    ) -> None:
        self._ledger = ledger
        self._facts = facts
        self._pending = pending
        self._past: Past | None = None
        self._values: dict[tuple[str, ConId | None], Decimal] = {}
        self._changed = {entry.key for entry in ledger.open_entries()}
        ledger.on_change.append(self._note)
        # what was made of open orders, by account, and at which rates
        self._kept: dict[str, dict[str, tuple[Working, ...]]] = {}
        self._account_of: dict[str, str] = {}
        self._rates: dict[str, Decimal | None] = {}
        # and of positions that have a price, by account
        self._held: dict[str, _Holdings] = {}
        # those of which nothing can be kept: what they can cost is the market's or others' to say
        self._loose: dict[str, None] = {}
        # those that are called filled, of which executions are still to come
        self._ahead = dict.fromkeys(entry.key for entry in ledger if _is_ahead(entry))

    def book(self, account: str, limits: RiskLimits, *, without: Collection[str] = ()) -> Book:
        """
        Return what is known of an account now; orders with the keys `without` left out.

        Open orders are those of the moment when they are first looked at: do so before you await.
        """
        known = self._facts.account_facts(account, limits)
        figures = _Figures(known)
        held = None
        if known.positions is not None:
            holdings = self._holdings(account, known.positions, figures)
            held, figures.held = holdings.rows, holdings.of_contract
        return _book(
            now=known.now,
            held=held,
            working=OpenOrders(lambda: self._open_orders(account, figures, without)),
            placed=self._what_was_placed().under(limits, known.now),
            net_liquidation=known.net_liquidation,
            buying_power=known.buying_power,
            day_start=known.day_start,
            peak=known.peak,
            halted_until=known.halted_until,
        )

    def _open_orders(
        self, account: str, figures: _Figures, without: Collection[str]
    ) -> tuple[Working, ...]:
        if not figures.are(self._rates):
            self._rates = {currency: figures.rate(currency) for currency in self._rates}
            self._changed |= self._account_of.keys()
        if self._changed:
            self._look_again(figures)
        working: list[Working] = []
        for owner in dict.fromkeys((account, "")):
            kept = self._kept.get(owner, {})
            if any(key in kept for key in without):
                kept = {key: rows for key, rows in kept.items() if key not in without}
            working += chain.from_iterable(kept.values())
        for key in self._loose:
            entry = self._ledger.get(key)
            if _concerns(entry, account) and key not in without:
                working += self._working(entry, figures)
        working += [self._of_unshown(units, figures) for units in figures.known.unshown]
        if self._ahead:
            for entry, quantity in self._called_filled(account, figures.known.now):
                working += self._of_call(entry, quantity, figures)
        return tuple(working)

    def placed(self, case: Case) -> None:
        """Remember that an order was let through."""
        for one in case.legs if case.contract.legs else (case,):
            value = order_unit_value(one)
            if value is not None:
                self._values[one.account, one.contract.con_id] = value
        if case.book.now is not None:
            what = likeness(case.request, case.contract, case.account)
            self._what_was_placed().add(_placed(at=case.book.now, what=what))

    def only_closes(self, ticket: OrderTicket) -> bool:
        """Whether an order that is in the ledger already can do nothing but close."""
        known = self._facts.account_facts(ticket.account, _ANY)
        if known.positions is None or _never_only_closes(ticket.terms):
            return False
        same_side: dict[tuple[ConId | None, Action], Decimal] = {}
        for entry in self._ledger.open_entries():
            if _concerns(entry, ticket.account) and not entry.is_lost:
                left = self._left(entry)
                for contract, action, ratio in entry.contract.parts(entry.action):
                    part = (contract.con_id, action)
                    same_side[part] = same_side.get(part, ZERO) + left * ratio
        for units in known.unshown:
            part = (units.contract.con_id, units.action)
            same_side[part] = same_side.get(part, ZERO) + units.quantity
        for entry, quantity in self._called_filled(ticket.account, known.now):
            for contract, action, ratio in entry.contract.parts(entry.action):
                part = (contract.con_id, action)
                same_side[part] = same_side.get(part, ZERO) + quantity * ratio
        for contract, action, _ in ticket.contract.parts(ticket.action):
            con_id = contract.con_id
            held = sum((r.quantity for r in known.positions if r.contract.con_id == con_id), ZERO)
            room = held if action is Action.SELL else -held
            if same_side.get((con_id, action), ZERO) > room:
                return False
        return True

    def _note(self, key: str, entry: OrderEntry | None) -> None:
        if entry is not None and _is_ahead(entry):
            self._ahead[key] = None
        else:
            self._ahead.pop(key, None)
        is_open = entry is not None and entry.state not in CLOSED
        if is_open or key in self._account_of or key in self._loose:
            self._changed.add(key)
        else:
            self._changed.discard(key)

    def _look_again(self, figures: _Figures) -> None:
        """Make anew what is kept of the orders that have changed."""
        for key in self._changed:
            self._loose.pop(key, None)
            owner = self._account_of.pop(key, None)
            if owner is not None:
                del self._kept[owner][key]
            entry = self._ledger.entry(key)
            if entry is None or entry.state in CLOSED or entry.is_lost:
                continue
            # of one that was ever changed it is asked anew each time whether the change has come
            is_settled = entry.changed is None and self._pending(key) is None
            if is_settled and _stands_alone(entry):
                currency = entry.contract.currency
                rate = self._rates[currency] = figures.rate(currency)
                owner = "" if entry.terms.is_divided else entry.account
                self._account_of[key] = owner
                rows = (
                    (_as_placed(entry, rate),)
                    if _is_as_placed(entry)
                    else tuple(self._working(entry, figures))
                )
                self._kept.setdefault(owner, {})[key] = rows
            else:
                self._loose[key] = None
        self._changed.clear()

    def open_parent(self, entry: OrderEntry) -> OrderEntry | None:
        """Return the order of ours to which an exit is attached, as long as that is open."""
        parent_id = None if entry.ticket is None else entry.ticket.parent_id
        if parent_id is None:
            return None
        parent = self._ledger.by_order_id(entry.client_id, parent_id)
        is_there = parent is not None and parent.is_open and not parent.is_lost
        return parent if is_there else None

    def _working(self, entry: OrderEntry, figures: _Figures) -> Iterator[Working]:
        limits, stops = [entry.limit_price], [entry.stop_price]
        change = self._pending(entry.key)
        if change is not None:
            limits.append(change.limit_price)
            stops.append(change.stop_price)
        stated = [abs(price) for price in (*limits, *stops) if price is not None]
        rate = figures.rate(entry.contract.currency)
        value = unit_value(max(stated, default=None), entry.contract, rate)
        if entry.action is Action.SELL or None in limits:
            # it may trade at the market, wherever that is
            at_market = self._at_market(entry.contract, entry.account, figures)
            value = None if at_market is None else max(at_market, value or ZERO)
        quantity = self._left(entry)
        if entry.cash is not None and quantity:
            # whatever it comes to in units, it is worth what is left of the money
            value = None if rate is None else entry.remaining_cash * rate / quantity
        parent = self.open_parent(entry)
        if parent is not None and quantity <= parent.quantity:
            # exits work for what the entry has filled
            quantity = min(quantity, parent.filled)
        if entry.terms.exercise is not None and not entry.terms.exercise.lapse:
            value = unit_value(entry.contract.strike, entry.contract, rate)
        for place, (contract, action, ratio) in enumerate(entry.contract.parts(entry.action)):
            if entry.contract.legs:
                # a leg trades at its own market, whatever the limit of the whole
                value = self._at_market(contract, entry.account, figures)
            yield Working(
                con_id=contract.con_id,
                symbol=contract.symbol or entry.contract.symbol,
                action=action,
                quantity=quantity * ratio,
                unit_value=value,
                group=group_of(entry),
                is_more=place > 0,
            )

    def _left(self, entry: OrderEntry) -> Decimal:
        """Return what of an order can still fill, also if a change of it was made."""
        change, left, had = self._pending(entry.key), entry.remaining, entry.filled
        if entry.terms.is_divided:
            # any account may get it all, and what was filled may not have come to one yet
            left, had = entry.unallotted, entry.allotted_to()
        if change is None:
            return left
        return max(left, change.quantity - had)

    def _called_filled(self, account: str, now: datetime) -> Iterator[tuple[OrderEntry, Decimal]]:
        """
        Yield orders that the broker calls filled, with what no execution has told yet.

        They are not open any more, and `unshown` does not know of them; it counts them from their
        executions on. Where none come, they are believed to be in the positions after a while.
        """
        start = now - timedelta(seconds=SHOWN_AFTER_S)
        for key in tuple(self._ahead):
            entry = self._ledger.get(key)
            if entry.updated <= start:
                del self._ahead[key]
            elif _concerns(entry, account):
                yield entry, _uncounted(entry)

    def _of_call(
        self, entry: OrderEntry, quantity: Decimal, figures: _Figures
    ) -> Iterator[Working]:
        rate = figures.rate(entry.contract.currency)
        for contract, action, ratio in entry.contract.parts(entry.action):
            value = unit_value(entry.average_price, contract, rate)
            if entry.contract.legs or value is None:
                value = self._at_market(contract, entry.account, figures)
            yield Working(
                con_id=contract.con_id,
                symbol=contract.symbol or entry.contract.symbol,
                action=action,
                quantity=quantity * ratio,
                unit_value=value,
                is_more=True,
            )

    def _of_unshown(self, units: UnshownUnits, figures: _Figures) -> Working:
        # the order is not open any more, and the position not there yet: it counts as still open
        contract = units.contract
        return _working(
            con_id=contract.con_id,
            symbol=contract.symbol,
            action=units.action,
            quantity=units.quantity,
            unit_value=unit_value(units.price, contract, figures.rate(contract.currency)),
            is_more=True,
        )

    def _at_market(self, contract: Contract, account: str, figures: _Figures) -> Decimal | None:
        held = figures.held.get(contract.con_id)
        values = (
            self._values.get((account, contract.con_id)),
            None if held is None else held.unit_value,
        )
        return max((value for value in values if value is not None), default=None)

    def _holdings(
        self, account: str, positions: tuple[Position, ...], figures: _Figures
    ) -> _Holdings:
        kept = self._held.get(account)
        if kept is not None and kept.positions is positions and figures.are(kept.rates):
            return kept
        rows, are_priced = [], True
        for row in positions:
            contract = row.contract
            value = unit_value(row.current_price, contract, figures.rate(contract.currency))
            if value is None:
                # it is worth what the last order in it said, and the next may say something else
                value, are_priced = self._values.get((row.account, contract.con_id)), False
            rows.append(
                _held(
                    con_id=contract.con_id,
                    symbol=contract.symbol,
                    quantity=row.quantity,
                    unit_value=value,
                )
            )
        of_contract = {row.con_id: row for row in reversed(rows)}
        made = _Holdings(positions, dict(figures.rates), tuple(rows), of_contract)
        if are_priced:
            self._held[account] = made
        return made

    def _what_was_placed(self) -> Past:
        """What an earlier process placed counts too: a restart is no way around a rate."""
        if self._past is None:
            self._past = Past([_as_let_through(entry) for entry in self._ledger if entry.is_own])
        return self._past


def group_of(entry: OrderEntry) -> str:
    """Return the group of which at most one order fills: children of one parent end each other."""
    parent_id = None if entry.ticket is None else entry.ticket.parent_id
    family = "" if parent_id is None else f"{entry.client_id}/{parent_id}"
    return entry.terms.oca_group or family


def _as_let_through(entry: OrderEntry) -> Placed:
    return _placed(
        at=entry.created,
        what=(
            entry.account,
            entry.contract.identity,
            entry.action,
            entry.quantity if entry.cash is None else ZERO,
            entry.order_type,
            entry.limit_price,
            entry.stop_price,
            entry.terms,
        ),
    )


def _is_ahead(entry: OrderEntry) -> bool:
    return entry.state is State.FILLED and _uncounted(entry) > 0


def _uncounted(entry: OrderEntry) -> Decimal:
    """Return what is filled by the broker's count alone; an exercise never has executions."""
    if entry.terms.exercise is not None:
        return ZERO
    if entry.terms.is_divided:
        return entry.filled - entry.allotted_to()
    return entry.filled - entry.executed


def _concerns(entry: OrderEntry, account: str) -> bool:
    """Whether an account may get something of it; of what is divided nobody knows who gets what."""
    return entry.account in (account, "") or entry.terms.is_divided


def _never_only_closes(terms: OrderTerms) -> bool:
    said = (terms.cash_quantity, terms.exercise, terms.allocation, terms.model)
    return any(one is not None for one in said)


def _stands_alone(entry: OrderEntry) -> bool:
    """Whether nothing but the order itself and the rate of its currency says what it can cost."""
    is_child = entry.ticket is not None and entry.ticket.parent_id is not None
    bounded = entry.action is Action.BUY and entry.limit_price is not None
    return bounded and not is_child and not entry.contract.legs


def _is_as_placed(entry: OrderEntry) -> bool:
    """Whether a plain order that stands alone is open with all of what it was placed for."""
    return entry.terms is NO_TERMS and not entry.fills and entry.stated_filled is None


def _as_placed(entry: OrderEntry, rate: Decimal | None) -> Working:
    """Return what `_working` makes of such an order, without asking what it cannot have."""
    contract, bound, trigger = entry.contract, entry.limit_price, entry.stop_price
    price = None if bound is None else abs(bound)
    if price is not None and trigger is not None:
        price = max(price, abs(trigger))
    return _working(
        con_id=contract.con_id,
        symbol=contract.symbol,
        action=entry.action,
        quantity=max(entry.quantity, ZERO),
        unit_value=unit_value(price, contract, rate),
    )


_ANY: Final = RiskLimits(max_order_size=Decimal(1))
