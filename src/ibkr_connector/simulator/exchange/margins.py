"""
What positions bind: initial and maintenance margin by class of instrument.

Plain rules, each position for itself: Regulation T for stocks and short options, a share of the
value or an amount per contract for futures, small shares for currencies, no leverage for crypto.
*limit*: positions that cover each other (covered calls, spreads, calendar futures) are not seen as
one, and portfolio margin is not simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol

from .instruments import Instrument

__all__ = [
    "CashOnly",
    "ForexMargin",
    "FuturesMargin",
    "MarginModel",
    "Margins",
    "OptionMargin",
    "Requirement",
    "ShareMargin",
    "StockMargin",
    "Under",
    "Working",
    "bound",
    "has_loan_value",
    "is_commodity",
    "is_paid_for",
]

Under = Callable[[Instrument], Decimal | None]
"""Gives the price of what an option is on; `None` when it is not known."""

_NO_LOAN: Final = frozenset({"OPT", "FOP", "WAR", "IOPT", "CRYPTO"})
_COMMODITIES: Final = frozenset({"FUT", "FOP", "CONTFUT"})
_ONLY_GAINS: Final = frozenset({"FUT", "CONTFUT", "CFD"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a position binds, in its currency."""

    initial: Decimal
    maintenance: Decimal


_NOTHING: Final = Requirement(Decimal(0), Decimal(0))


class MarginModel(Protocol):
    """What a position binds."""

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """
        Return the requirement in the instrument's currency; never negative, 0 for no position.

        Args:
            instrument: What is held.
            quantity: Signed contracts.
            price: At which the position is valued.
            under: Price of what an option is on; `None` when it is not known.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StockMargin:
    """
    Stocks by Regulation T: half of the value at first, then a quarter long and 30 % short.

    A short share binds at least 5.00, or its price and at least 2.50 when it is below 5.00 (FINRA
    rule 4210).
    """

    initial: Decimal = Decimal("0.50")
    long: Decimal = Decimal("0.25")
    short: Decimal = Decimal("0.30")

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return the requirement of a long or a short position."""
        value = abs(quantity) * price * instrument.size
        if quantity >= 0:
            return Requirement(value * self.initial, value * self.long)
        shares, each = -quantity, price * instrument.size
        if each < 5:
            maintenance = max(shares * Decimal("2.50"), value)
        else:
            maintenance = max(shares * 5, value * self.short)
        return Requirement(max(value * self.initial, maintenance), maintenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMargin:
    """A share of the value, long and short alike."""

    initial: Decimal
    maintenance: Decimal

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return the share of the value."""
        value = abs(quantity) * price * instrument.size
        return Requirement(value * self.initial, value * self.maintenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesMargin:
    """
    An amount per contract where one is known, else a share of the value.

    `per_contract` has initial and maintenance by symbol, in the contract's currency.
    """

    per_contract: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    otherwise: ShareMargin = field(
        default_factory=lambda: ShareMargin(initial=Decimal("0.06"), maintenance=Decimal("0.05"))
    )

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return what that many contracts bind."""
        known = self.per_contract.get(instrument.symbol)
        if known is None:
            return self.otherwise.requirement(instrument, quantity, price, under=under)
        return Requirement(abs(quantity) * known[0], abs(quantity) * known[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionMargin:
    """
    Options: paid in full when bought, Regulation T when written.

    A short one binds its worth and 20 % of the underlying's, less what it is out of the money, but
    at least 10 % of the underlying's (calls) or of the strike (puts).
    """

    share: Decimal = Decimal("0.20")
    least: Decimal = Decimal("0.10")

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return nothing for a long position: it was paid and has no loan value."""
        if quantity >= 0:
            return _NOTHING
        strike = instrument.strike or Decimal(0)
        spot = strike if under is None else under
        is_call = instrument.right != "P"
        out = max(strike - spot if is_call else spot - strike, Decimal(0))
        floor = self.least * (spot if is_call else strike)
        each = price + max(self.share * spot - out, floor)
        amount = -quantity * each * instrument.size
        return Requirement(amount, amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForexMargin:
    """Currencies: a small share of the value, by the pair's first currency."""

    initial: Decimal = Decimal("0.03")
    maintenance: Decimal = Decimal("0.02")
    by_symbol: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return the share of the value."""
        initial, maintenance = self.by_symbol.get(
            instrument.symbol, (self.initial, self.maintenance)
        )
        value = abs(quantity) * price * instrument.size
        return Requirement(value * initial, value * maintenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOnly:
    """No leverage: the whole value; crypto, which has no loan value, binds nothing when long."""

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return the value, and twice that when short."""
        value = abs(quantity) * price * instrument.size
        if quantity >= 0:
            return _NOTHING if not has_loan_value(instrument) else Requirement(value, value)
        return Requirement(value * 2, value * 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """One rule for each class of instruments; each may be another."""

    stocks: MarginModel = field(default_factory=StockMargin)
    futures: MarginModel = field(default_factory=FuturesMargin)
    options: MarginModel = field(default_factory=OptionMargin)
    forex: MarginModel = field(default_factory=ForexMargin)
    crypto: MarginModel = field(default_factory=CashOnly)
    bonds: MarginModel = field(
        # assumed: IB's share depends on the rating, 1 % of a bill to 100 % of junk
        default_factory=lambda: ShareMargin(initial=Decimal("0.25"), maintenance=Decimal("0.20"))
    )
    differences: MarginModel = field(
        # contracts for difference and metals (assumed: ESMA's 5:1 for single shares)
        default_factory=lambda: ShareMargin(initial=Decimal("0.20"), maintenance=Decimal("0.20"))
    )

    @classmethod
    def cash_account(cls) -> Margins:
        """Return the rules of an account that cannot borrow."""
        cash = CashOnly()
        return cls(stocks=cash, forex=cash, bonds=cash, differences=cash)

    def requirement(
        self, instrument: Instrument, quantity: Decimal, price: Decimal, *, under: Decimal | None
    ) -> Requirement:
        """Return what a position binds, by its class."""
        if not quantity:
            return _NOTHING
        return self._rule(instrument).requirement(instrument, quantity, price, under=under)

    def _rule(self, instrument: Instrument) -> MarginModel:
        match instrument.sec_type:
            case "STK" | "FUND":
                return self.stocks
            case "FUT" | "CONTFUT":
                return self.futures
            case "OPT" | "FOP" | "WAR" | "IOPT":
                return self.options
            case "CASH":
                return self.forex
            case "BOND" | "BILL":
                return self.bonds
            case "CFD" | "CMDTY":
                return self.differences
            case _:
                return self.crypto


def has_loan_value(instrument: Instrument) -> bool:
    """Tell whether a position counts as equity against which money is lent."""
    return instrument.sec_type not in _NO_LOAN


def is_paid_for(instrument: Instrument) -> bool:
    """Tell whether a position costs its value; of the others only the gain is ever paid."""
    return instrument.sec_type not in _ONLY_GAINS


def is_commodity(instrument: Instrument) -> bool:
    """Tell whether a position stands in the commodities part of an account (IB's segment C)."""
    return instrument.sec_type in _COMMODITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What is left of a working order: a signed quantity, and the worst price that it takes."""

    instrument: Instrument
    signed: Decimal
    price: Decimal


def bound(
    margins: MarginModel,
    instrument: Instrument,
    held: Decimal,
    *,
    orders: Iterable[tuple[Decimal, Decimal]],
    price: Decimal,
    under: Decimal | None,
) -> Decimal:
    """
    Return by how much the available funds can fall when orders in one instrument are filled.

    Buys and sells are looked at apart, each as if all of them were filled and none of the others,
    and the worse of both counts: a sell does not pay for a buy before it is done.

    Args:
        margins: What positions bind.
        instrument: The instrument of all of them.
        held: The position now, signed.
        orders: Signed quantity and bounding price of each order.
        price: At which the position is valued.
        under: Price of what an option is on.
    """
    now = margins.requirement(instrument, held, price, under=under).initial
    worst = Decimal(0)
    listed = list(orders)
    for is_buy in (True, False):
        side = [(signed, at) for signed, at in listed if (signed > 0) is is_buy]
        if not side:
            continue
        quantity = sum((signed for signed, _ in side), Decimal(0))
        paid = sum((signed * at for signed, at in side), Decimal(0)) * instrument.size
        worth = quantity * price * instrument.size if has_loan_value(instrument) else Decimal(0)
        after = margins.requirement(instrument, held + quantity, price, under=under).initial
        worst = max(worst, paid - worth + after - now)
    return worst
