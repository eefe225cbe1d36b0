"""One order as the ledger holds it: a frozen record, and the figures that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, NamedTuple

from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ClientId, OrderId, PermId
from ibkr_connector.model.making import quick
from ibkr_connector.model.orders import (
    Action,
    Fill,
    OrderReport,
    OrderStatus,
    OrderTerms,
    OrderType,
    SendDisposition,
    TimeInForce,
    Transition,
)
from ibkr_connector.model.terms import NO_TERMS

from .division import allotted, counted_once
from .notes import Charged
from .states import AWAITING, CLOSED, Event, State, status_of

__all__ = ["OrderEntry", "charged", "evolve"]

ZERO = Decimal(0)

# an order of somebody else may have others, which are told by the broker's own words
_TYPES: Final[Mapping[str, OrderType]] = {one.value: one for one in OrderType}
_TIMES: Final[Mapping[str, TimeInForce]] = {one.value: one for one in TimeInForce}

_report, _fill = quick(OrderReport), quick(Fill)


class OrderEntry(NamedTuple):
    """
    Everything known of one order.

    A tuple with names, because each message about each order makes one anew (`evolve`): a record of
    slots with so many fields takes ten times as long to copy. Made by keywords only.

    `key` is the order reference for our own orders and names the permanent id for foreign ones.
    `ticket` is what we sent, `None` for orders of others, and `changed` the last change of it.
    `quantity` is 0 for an order by cash until the broker calls it filled.
    `seen` says that the broker has, or had, the order. `stated_filled` is the broker's own count,
    which may run ahead of its executions; once an execution was `corrected`, that count is not
    believed any more.
    """

    key: str
    client_id: ClientId
    order_id: OrderId
    perm_id: PermId | None
    order_ref: str
    client_order_id: str | None
    correlation_id: str
    account: str
    contract: Contract
    action: Action
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    ticket: OrderTicket | None
    created: datetime
    updated: datetime
    state: State
    disposition: SendDisposition
    seen: bool = False
    cancel_asked: bool = False
    reason: str = ""
    code: int | None = None
    stated_filled: Decimal | None = None
    stated_average: Decimal | None = None
    fills: tuple[Fill, ...] = ()
    corrected: bool = False
    transitions: tuple[Transition, ...] = ()
    outside_regular_hours: bool = False
    parent_id: OrderId | None = None
    terms: OrderTerms = NO_TERMS
    changed: OrderTicket | None = None

    @property
    def is_own(self) -> bool:
        """Whether this journal holds its intent."""
        return self.ticket is not None

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return self.state not in CLOSED

    @property
    def is_awaiting(self) -> bool:
        """Whether there is no evidence that the broker has it now."""
        return self.state in AWAITING

    @property
    def is_lost(self) -> bool:
        """
        Whether the broker had it and no longer lists it: it works no more, and nobody knows how it
        ended. What it has filled is in the positions.
        """
        if self.state is not State.UNCERTAIN:
            return False
        for step in reversed(self.transitions):
            if step.event == Event.VANISH:
                return True
            if step.source != step.target:
                return False
        return False

    @property
    def seen_or_sent(self) -> bool:
        """Whether anything of it may have left this process."""
        return self.seen or self.disposition is not SendDisposition.UNSENT

    @property
    def executed(self) -> Decimal:
        """The sum of the executions that count; legs of a combination do not."""
        if not self.fills:
            return ZERO
        if len(self.fills) == 1 and self.contract.security_type is not SecurityType.COMBO:
            return self.fills[0].quantity
        return sum((fill.quantity for fill in self._counted(self.told_fills)), ZERO)

    @property
    def told_fills(self) -> tuple[Fill, ...]:
        """The executions that count: of a divided order those of its accounts, or of the whole."""
        if not self.fills:
            return ()
        return counted_once(self.fills)

    def allotted_to(self, account: str | None = None) -> Decimal:
        """How much of a divided order an account has got, or all of them together."""
        had = (f for f in allotted(self._counted(self.fills)) if account in (None, f.account))
        return sum((fill.quantity for fill in had), ZERO)

    @property
    def unallotted(self) -> Decimal:
        """What of a divided order may still come to any of its accounts, filled or not."""
        return max(self.quantity, self.filled) - self.allotted_to()

    @property
    def filled(self) -> Decimal:
        """What is filled, by the executions or by the broker's count if that is ahead."""
        executed = self.executed
        return executed if self.corrected else max(executed, self.stated_filled or ZERO)

    @property
    def unbacked(self) -> Decimal:
        """How much is filled by the broker's count alone; an exercise never has executions."""
        if self.stated_filled is None or self.corrected or self.terms.exercise is not None:
            return ZERO
        return max(self.stated_filled - self.executed, ZERO)

    @property
    def lags(self) -> bool:
        """Whether it is over, and executions of what was filled are still to come."""
        return self.state in CLOSED and self.unbacked > 0

    @property
    def counted(self) -> Decimal | None:
        """How much was filled by the count that executions carry; `None` without one."""
        counts = [fill.cumulative_quantity or ZERO for fill in self._counted(self.fills)]
        return max([*counts, self.executed]) or None

    @property
    def adds_up(self) -> bool:
        """Whether all of it is filled; of an order by cash the broker says what all of it is."""
        return self.filled >= self.quantity and (self.quantity > 0 or self.cash is None)

    @property
    def cash(self) -> Decimal | None:
        """How much money it is for, `None` when it is for a quantity."""
        return self.terms.cash_quantity

    @property
    def remaining(self) -> Decimal:
        """How much may still fill; of an order by cash as it was reckoned when it was placed."""
        return self._remaining(self.filled)

    def _remaining(self, filled: Decimal) -> Decimal:
        if self.cash is None or self.quantity:
            return max(self.quantity - filled, ZERO)
        if not self.is_open:
            return ZERO
        return self._reckoned(self.cash) * self.remaining_cash / self.cash

    @property
    def remaining_cash(self) -> Decimal:
        """What is left of the money of an order by cash; 0 for others."""
        spent = self.filled * (self.average_price or ZERO)
        return ZERO if self.cash is None else max(self.cash - spent, ZERO)

    @property
    def average_price(self) -> Decimal | None:
        """
        The average of the executions; the broker's figure only while executions are missing.
        """
        return self._average(self.filled)

    def _average(self, filled: Decimal) -> Decimal | None:
        if not self.fills:
            return self.stated_average if filled > 0 else None
        quantity = worth = ZERO
        for fill in self._counted(self.told_fills):
            quantity += fill.quantity
            worth += fill.quantity * fill.price
        if quantity < filled and self.stated_average is not None:
            return self.stated_average
        return worth / quantity if quantity else None

    @property
    def commission(self) -> Decimal | None:
        """
        The sum over all executions, `None` until each of them has been charged.

        Of a combination the legs are charged; a charge of its own is added when there is one.
        """
        told = self.told_fills
        if not told:
            return None
        has_legs = self._is_combination() and not all(map(_is_combination, told))
        paid = ZERO
        for fill in told:
            if fill.commission is not None:
                paid += fill.commission
            elif not (has_legs and _is_combination(fill)):
                return None
        return paid

    @property
    def status(self) -> OrderStatus:
        """The word for users."""
        return status_of(self.state, partly_filled=self.filled > 0)

    def report(self) -> OrderReport:
        """Return the picture that users receive."""
        # of most orders that are placed nothing is filled yet
        is_fresh = not self.fills and self.stated_filled is None and self.terms is NO_TERMS
        filled = ZERO if is_fresh else self.filled
        return _report(
            order_id=self.order_id,
            status=status_of(self.state, partly_filled=filled > 0),
            timestamp=self.updated,
            contract=self.contract,
            action=self.action,
            quantity=self.quantity,
            order_type=_TYPES.get(self.order_type, self.order_type),
            time_in_force=_TIMES.get(self.time_in_force, self.time_in_force),
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            filled_quantity=filled,
            unbacked_quantity=ZERO if is_fresh else self.unbacked,
            remaining_quantity=max(self.quantity, ZERO) if is_fresh else self._remaining(filled),
            avg_fill_price=None if is_fresh else self._average(filled),
            commission=None if is_fresh else self.commission,
            account=self.account,
            order_ref=self.order_ref,
            client_order_id=self.client_order_id,
            client_id=self.client_id,
            perm_id=self.perm_id,
            disposition=self.disposition,
            reason=self.reason,
            fills=self.told_fills,
            transitions=self.transitions,
            outside_regular_hours=self.outside_regular_hours,
            terms=self.terms,
        )

    def _reckoned(self, cash: Decimal) -> Decimal:
        if self.ticket is not None and self.ticket.reckoned is not None:
            return self.ticket.reckoned
        # limit: of somebody else's order at the market nobody has reckoned the units
        return cash / self.limit_price if self.limit_price else cash

    def _counted(self, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        if not self._is_combination():
            return fills
        return tuple(fill for fill in fills if _is_combination(fill))

    def _is_combination(self) -> bool:
        # somebody else's combination may have been met by an execution of one of its legs
        is_combination = self.contract.security_type is SecurityType.COMBO
        return is_combination or any(map(_is_combination, self.fills))


_PLACES: Final = {name: place for place, name in enumerate(OrderEntry._fields)}


def evolve(entry: OrderEntry, **changes: Any) -> OrderEntry:
    """Return the order with some fields changed."""
    values = list(entry)
    for name, value in changes.items():
        values[_PLACES[name]] = value
    # as `_make` does, which is one more call and counts what `list` has just made
    return tuple.__new__(OrderEntry, values)


_FILL: Final = tuple(field.name for field in fields(Fill))
_of_fill: Final = attrgetter(*_FILL)


def charged(fill: Fill, charge: Charged) -> Fill:
    """Return the execution with what it cost."""
    told = dict(zip(_FILL, _of_fill(fill), strict=True))
    told.update(
        commission=charge.commission,
        commission_currency=charge.currency,
        realized_pnl=charge.realized_pnl,
    )
    return _fill(**told)


def _is_combination(fill: Fill) -> bool:
    return fill.contract.security_type is SecurityType.COMBO
