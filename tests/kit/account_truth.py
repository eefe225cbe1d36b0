"""
The books of accounts, kept a second time from the venue's executions and from prices that a test
has set: in whole cents, by currency, with no help of the simulator's own ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

__all__ = ["Books", "Lot", "cents"]

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Round to the cent, halves away from 0."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass
class Lot:
    """One position: what is held, what that was bought for and paid in fees, what was realised."""

    currency: str
    held: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    flow: Decimal = Decimal(0)

    def trade(self, signed: Decimal, price: Decimal, fee: Decimal) -> None:
        """Book one execution; what is closed takes its share of what was paid, to the cent."""
        value = cents(signed * price)
        self.flow -= value + fee
        same_side = self.held * signed >= 0
        if same_side:
            self.held, self.paid, self.fees = self.held + signed, self.paid + value, self.fees + fee
            return
        closed = min(abs(signed), abs(self.held))
        share = closed / abs(self.held)
        cost, paid_fees = cents(self.paid * share), cents(self.fees * share)
        got = cents(value * closed / abs(signed))
        self.realized += -got - cost - paid_fees - fee
        rest = value - got
        self.held += signed
        turned = abs(signed) > closed
        self.paid = rest if turned else self.paid - cost
        self.fees = Decimal(0) if turned else self.fees - paid_fees


@dataclass
class Books:
    """All accounts: `cash` is what they began with, by account and currency."""

    cash: Mapping[str, Mapping[str, Decimal]]
    lots: dict[tuple[str, int], Lot] = field(default_factory=dict)
    money: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @classmethod
    def of(cls, cash: Mapping[str, Mapping[str, Decimal]], executions: Iterable[Any]) -> Books:
        """Keep the books of every execution, in their order."""
        books = cls(cash)
        for account, amounts in cash.items():
            for currency, amount in amounts.items():
                books.money[account, currency] += amount
        for execution, commission in executions:
            one = execution.instrument
            lot = books.lots.setdefault((execution.account, one.con_id), Lot(one.currency))
            signed = execution.quantity if execution.is_buy else -execution.quantity
            before = lot.flow
            lot.trade(signed, execution.price, commission.amount)
            books.money[execution.account, one.currency] += lot.flow - before
        return books

    def lots_of(self, account: str) -> dict[int, Lot]:
        """The lots of one account by contract, those that are closed too."""
        return {con_id: lot for (owner, con_id), lot in self.lots.items() if owner == account}

    def worth(
        self, account: str, prices: Mapping[int, Decimal], rates: Mapping[str, Decimal]
    ) -> dict[str, Decimal]:
        """The figures of an account in the base currency, each to the cent unless `exact`."""
        lots = self.lots_of(account)
        cash = sum(
            (
                amount * rates[unit]
                for (owner, unit), amount in self.money.items()
                if owner == account
            ),
            Decimal(0),
        )
        worth = gross = unrealized = realized = daily = Decimal(0)
        for con_id, lot in lots.items():
            value, rate = lot.held * prices[con_id], rates[lot.currency]
            worth += value * rate
            gross += abs(value) * rate
            unrealized += (value - lot.paid - lot.fees) * rate
            realized += lot.realized * rate
            daily += (value + lot.flow) * rate
        found = {
            "cash": cash,
            "total_value": cash + worth,
            "gross_position_value": gross,
            "unrealized_pnl": unrealized,
            "realized_pnl": realized,
            "daily": daily,
        }
        exact = {"exact_unrealized_pnl": unrealized, "exact_realized_pnl": realized}
        return {name: cents(amount) for name, amount in found.items()} | exact
