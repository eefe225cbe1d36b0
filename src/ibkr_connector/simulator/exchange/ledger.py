"""
Money and positions of one account, to the cent.

Owns: cash by currency, positions with their average cost, what was realised and paid. It knows no
prices: whoever asks for a value brings them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from .instruments import Instrument

__all__ = ["Figures", "Holding", "Ledger"]

CENT: Final = Decimal("0.01")

Mark = Callable[[Instrument], Decimal]
"""Gives the price at which a holding is valued."""

Rate = Callable[[str], Decimal]
"""Gives how much of the base currency one unit of a currency is."""

_INITIAL: Final = {"STK": Decimal("0.50"), "CASH": Decimal("0.03"), "OPT": Decimal(1)}
_MAINTENANCE: Final = {"STK": Decimal("0.25"), "CASH": Decimal("0.02"), "OPT": Decimal(1)}
_FUTURES_INITIAL: Final = Decimal("0.06")
"""Margin as a share of the value, by Regulation T where that is it; plain numbers elsewhere."""


@dataclass(slots=True)
class Holding:
    """A position: signed quantity, and cost per contract with multiplier and commission in it."""

    instrument: Instrument
    quantity: Decimal = Decimal(0)
    average_cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    basis: Decimal = Decimal(0)
    """What the open quantity was traded for, without commissions; negative when short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an account is worth now, in its base currency."""

    cash: Decimal
    stock_value: Decimal
    net_liquidation: Decimal
    gross_position_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    unrealized: Decimal
    realized: Decimal

    @property
    def available_funds(self) -> Decimal:
        """What may still be bound as initial margin."""
        return self.net_liquidation - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        """What is left above the maintenance margin."""
        return self.net_liquidation - self.maintenance_margin

    @property
    def buying_power(self) -> Decimal:
        """What stocks could be bought for: four times the available funds (margin account)."""
        return max(self.available_funds, Decimal(0)) * 4


@dataclass(slots=True)
class Ledger:
    """The books of one account."""

    account: str
    base: str = "USD"
    cash: dict[str, Decimal] = field(default_factory=dict)
    holdings: dict[int, Holding] = field(default_factory=dict)
    commissions: Decimal = Decimal(0)

    def book(
        self, instrument: Instrument, signed: Decimal, *, price: Decimal, commission: Decimal
    ) -> Decimal | None:
        """
        Book one execution; `signed` is negative for a sale.

        Returns:
            What it realised, commission included, in the instrument's currency; `None` when it
            closed nothing.
        """
        holding = self.holdings.setdefault(instrument.con_id, Holding(instrument))
        value = signed * price * instrument.size
        if instrument.sec_type == "CASH":
            self._move(instrument.symbol, signed)
            self._move(instrument.currency, -value)
        elif instrument.sec_type != "FUT":
            self._move(instrument.currency, -value)
        self._move(instrument.currency, -commission)
        self.commissions += commission
        realized, gross = _apply(holding, signed, price * instrument.size, commission=commission)
        if instrument.sec_type == "FUT":
            # a future moves no money until it is closed; commissions were taken as they came
            self._move(instrument.currency, gross)
        return realized

    def trial(self) -> Ledger:
        """Return a copy to try things on."""
        copy = Ledger(account=self.account, base=self.base, cash=dict(self.cash))
        copy.holdings = {con_id: replace(held) for con_id, held in self.holdings.items()}
        return copy

    def undo(
        self, instrument: Instrument, signed: Decimal, *, price: Decimal, commission: Decimal
    ) -> None:
        """Take an execution back."""
        self.book(instrument, -signed, price=price, commission=-commission)

    def figures(self, mark: Mark, rate: Rate) -> Figures:
        """Value everything at these prices and rates, each figure to the cent."""
        cash = sum((amount * rate(name) for name, amount in self.cash.items()), Decimal(0))
        stock = gross = initial = maintenance = unrealized = realized = Decimal(0)
        for holding in self.holdings.values():
            kind, fx = holding.instrument.sec_type, rate(holding.instrument.currency)
            value = holding.quantity * mark(holding.instrument) * holding.instrument.size * fx
            gain = value - holding.quantity * holding.average_cost * fx
            unrealized += gain
            realized += holding.realized * fx
            initial += abs(value) * _INITIAL.get(kind, _FUTURES_INITIAL)
            maintenance += abs(value) * _MAINTENANCE.get(kind, _FUTURES_INITIAL)
            if kind == "FUT":
                stock += value - holding.basis * fx
            elif kind != "CASH":  # a pair's worth is in the cash already
                stock += value
                gross += abs(value)
        return Figures(
            cash=_cents(cash),
            stock_value=_cents(stock),
            net_liquidation=_cents(cash + stock),
            gross_position_value=_cents(gross),
            initial_margin=_cents(initial),
            maintenance_margin=_cents(maintenance),
            unrealized=_cents(unrealized),
            realized=_cents(realized),
        )

    def _move(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, Decimal(0)) + amount


def _apply(
    holding: Holding, signed: Decimal, unit: Decimal, *, commission: Decimal
) -> tuple[Decimal | None, Decimal]:
    """Move a holding by one execution; return what that realised, and its gross part."""
    before = holding.quantity
    after = holding.quantity = before + signed
    if before == 0 or (before > 0) == (signed > 0):
        cost = before * holding.average_cost + signed * unit + commission
        holding.average_cost = cost / after
        holding.basis += signed * unit
        return None, Decimal(0)
    closing = min(abs(before), abs(signed)) * _sign(before)
    share = holding.basis * closing / before
    gross = closing * unit - share
    realized = closing * (unit - holding.average_cost) - commission
    holding.realized += realized
    holding.basis -= share
    if after == 0:
        holding.average_cost = Decimal(0)
    elif (after > 0) != (before > 0):
        # turned around: the rest is a new position at this price
        holding.average_cost = unit
        holding.basis = after * unit
    return realized, gross


def _sign(number: Decimal) -> int:
    return 1 if number > 0 else -1


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)
