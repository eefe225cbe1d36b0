"""
Exercise of options: what is held becomes what it is an option on, at the strike.

TWS shows an exercise as an order; here it is filled at once, not after the close (assumed). Options
on an index are settled in cash.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from .clearing import Clearing
from .commands import AccountChanged, Event, Executed, ExerciseOption, OrderChanged, PositionChanged
from .instruments import Instrument
from .market import Market
from .matching import REMOVED
from .records import Status, Terms, VenueOrder, change_order
from .register import Register
from .validation import Refusal

__all__ = ["exercise", "exercise_refusal", "intrinsic"]

_OPTIONS: Final = frozenset({"OPT", "FOP", "WAR"})
_NOTHING: Final = Decimal(0)


def exercise_refusal(
    command: ExerciseOption, held: Decimal, in_the_money: Decimal
) -> Refusal | None:
    """Return why options cannot be exercised."""
    rejected = "Order rejected - reason:"
    if command.instrument.sec_type not in _OPTIONS:
        return 322, "Error processing request.-'bD' : cause - The contract is not an option"
    if command.quantity <= 0 or held < command.quantity:
        return 201, f"{rejected}No unlapsed position exists in this option in account"
    if not command.lapse and in_the_money <= 0 and not command.override:
        return 201, f"{rejected}The option is out of the money and would not be exercised"
    return None


def exercise(
    command: ExerciseOption,
    *,
    register: Register,
    clearing: Clearing,
    market: Market,
    now: datetime,
) -> Iterator[Event]:
    """Exercise options that are held, and say what happened."""
    option = command.instrument
    order = register.keep(
        VenueOrder(
            perm_id=register.next_perm_id(),
            owner=command.owner,
            account=command.account,
            instrument=option,
            exchange=option.home,
            terms=Terms(action="SELL", quantity=command.quantity, order_type="MKT"),
            order_ref="",
            status=Status.PRE_SUBMITTED,
            placed_at=now,
            priority=register.next_priority(),
            is_triggered=True,
        )
    )
    yield OrderChanged(order=order)
    touched = [option]
    if not command.lapse:
        underlying = market.instrument(option.under_con_id)
        if underlying.is_tradable:
            clearing.exercise(command.account, option, command.quantity)
            touched.append(underlying)
        else:
            worth = max(intrinsic(option, underlying, market, now=now), _NOTHING)
            for execution, commission in clearing.book(
                order,
                instrument=option,
                is_buy=False,
                quantity=command.quantity,
                price=worth,
                liquidity=REMOVED,
                now=now,
            ):
                yield Executed(execution=execution, commission=commission)
    filled = change_order(order, status=Status.FILLED, filled=command.quantity, closed_at=now)
    yield OrderChanged(order=register.keep(filled))
    for instrument in touched:
        yield PositionChanged(account=command.account, instrument=instrument)
    yield AccountChanged(account=command.account)


def intrinsic(
    option: Instrument, underlying: Instrument, market: Market, *, now: datetime
) -> Decimal:
    """Return what an option is worth if it is exercised now; negative out of the money."""
    gap = market.mark(underlying, now) - (option.strike or _NOTHING)
    return gap if option.right == "C" else -gap
