"""
A position and what it cost: the arithmetic of one execution, exact to the cent.

Every amount that is kept is a whole number of cents. What a part of a position cost is a rounded
share of the whole, and the rest keeps the remainder: nothing is lost between the parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from .instruments import Instrument

__all__ = ["CENT", "Booking", "Holding", "cents", "joined"]

CENT: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One execution as the books see it; `signed` is negative for a sale."""

    signed: Decimal
    price: Decimal
    commission: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class Holding:
    """
    A position, in the instrument's currency.

    `basis` is what the open quantity was traded for, negative when short; `fees` the commissions
    paid for it. `realized` is today's, commissions of both sides included. `start_value` is what
    the position was worth when the day began, and `flow` what trading brought in since.
    """

    instrument: Instrument
    quantity: Decimal = _NOTHING
    basis: Decimal = _NOTHING
    fees: Decimal = _NOTHING
    realized: Decimal = _NOTHING
    start_value: Decimal = _NOTHING
    flow: Decimal = _NOTHING

    @property
    def average_cost(self) -> Decimal:
        """Cost per contract, multiplier and commissions in it; 0 without a position."""
        return (self.basis + self.fees) / self.quantity if self.quantity else _NOTHING

    @property
    def cost(self) -> Decimal:
        """What the open quantity cost, commissions included; negative when short."""
        return self.basis + self.fees

    def traded(
        self, signed: Decimal, *, value: Decimal, commission: Decimal
    ) -> tuple[Holding, Decimal | None, Decimal]:
        """
        Return the position after an execution, what that realised, and its gross part.

        Args:
            signed: Contracts, negative for a sale.
            value: What they were traded for, signed as they are.
            commission: What it cost. Of an execution that turns the position around, all of it
                belongs to what was closed (assumed).

        Returns:
            The new position; what was realised net of the commissions of both sides, `None` when
            nothing was closed; and the same without commissions.
        """
        before, after = self.quantity, self.quantity + signed
        flow = self.flow - value - commission
        if before == 0 or (before > 0) == (signed > 0):
            opened = replace(
                self,
                quantity=after,
                basis=self.basis + value,
                fees=self.fees + commission,
                flow=flow,
            )
            return opened, None, _NOTHING
        closing = -signed if abs(signed) <= abs(before) else before
        if closing == before:
            basis, fees = self.basis, self.fees
        else:
            basis, fees = cents(self.basis * closing / before), cents(self.fees * closing / before)
        proceeds = -value if closing == -signed else cents(value * closing / signed)
        gross = proceeds - basis
        realized = gross - fees - commission
        left, left_fees = self.basis - basis, self.fees - fees
        if after != 0 and (after > 0) != (before > 0):
            # turned around: the rest is a new position at this execution's price
            left = value + proceeds
        closed = replace(
            self,
            quantity=after,
            basis=left,
            fees=left_fees,
            realized=self.realized + realized,
            flow=flow,
        )
        return closed, realized, gross


def joined(instrument: Instrument, held: Iterable[Holding]) -> Holding:
    """Return what several accounts hold of an instrument together."""
    whole = Holding(instrument)
    for one in held:
        whole = replace(
            whole,
            quantity=whole.quantity + one.quantity,
            basis=whole.basis + one.basis,
            fees=whole.fees + one.fees,
            realized=whole.realized + one.realized,
            start_value=whole.start_value + one.start_value,
            flow=whole.flow + one.flow,
        )
    return whole


def cents(value: Decimal) -> Decimal:
    """Round to the cent, halves away from 0."""
    return value.quantize(CENT, ROUND_HALF_UP)
