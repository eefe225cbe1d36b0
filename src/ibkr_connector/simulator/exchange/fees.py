"""
What executions cost: Interactive Brokers' price lists as tables, the minimum taken once per order.

Each fee model knows what a whole order costs. An execution costs the difference that it makes to
that, so that an order in a hundred parts costs what it costs in one. Rates are those of IB's
public price lists for the lowest volume; exchange, clearing and regulatory fees that depend on the
route are not charged (*limit*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final, Protocol

from .instruments import Instrument

__all__ = [
    "NOTHING_YET",
    "BondFees",
    "Charged",
    "CryptoFees",
    "FeeModel",
    "FixedStockFees",
    "ForexFees",
    "FuturesFees",
    "InteractiveBrokersFees",
    "NoFees",
    "OptionFees",
    "OrderFees",
    "TieredStockFees",
]

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What an order has executed and paid before: contracts, their value, and the commission."""

    quantity: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)

    def and_then(
        self, instrument: Instrument, quantity: Decimal, *, price: Decimal, commission: Decimal
    ) -> Charged:
        """Return the same with one execution more."""
        return Charged(
            quantity=self.quantity + quantity,
            value=self.value + quantity * price * instrument.size,
            commission=self.commission + commission,
        )


NOTHING_YET: Final = Charged()


class FeeModel(Protocol):
    """What an execution costs."""

    def commission(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        *,
        before: Charged = NOTHING_YET,
    ) -> Decimal:
        """
        Return the commission of one execution in the instrument's currency, to the cent.

        Args:
            instrument: What was traded.
            quantity: Contracts of this execution, positive for a sale too.
            price: Price of this execution.
            before: What the same order had executed and paid until then.
        """
        ...


class OrderFees(Protocol):
    """What a whole order costs, for one class of instruments."""

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return the exact commission of everything that an order has executed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedStockFees:
    """
    IB's fixed prices of stocks: by the share in New York and Toronto, by the value elsewhere.

    (IB price list "Stocks, fixed": US 0.005 a share, at least 1.00, at most 1 % of the value.
    Rows of the other currencies are assumed: they change more often.)
    """

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs; the most of the list is above its least."""
        by_share, by_value, least, most = _STOCKS.get(instrument.currency, _OTHER_STOCKS)
        exact = max(quantity * by_share + value * by_value, least)
        return min(exact, value * most) if most is not None else exact


_Row = tuple[Decimal, Decimal, Decimal, Decimal | None]


def _row(by_share: str, by_value: str, least: str, *, most: str | None = None) -> _Row:
    return (
        Decimal(by_share),
        Decimal(by_value),
        Decimal(least),
        Decimal(most) if most is not None else None,
    )


_STOCKS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        # currency: per share, of the value, least per order, most as a share of the value
        "USD": _row("0.005", "0", "1.00", most="0.01"),
        "CAD": _row("0.01", "0", "1.00", most="0.005"),
        "EUR": _row("0", "0.0005", "3.00"),
        "GBP": _row("0", "0.0005", "3.00"),
        "CHF": _row("0", "0.0005", "5.00"),
        "JPY": _row("0", "0.0008", "80"),
        "HKD": _row("0", "0.0008", "18.00"),
        "AUD": _row("0", "0.0008", "6.00"),
    }
)
_OTHER_STOCKS: Final[_Row] = _row("0", "0.001", "5.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredStockFees:
    """
    IB's tiered prices of US stocks; what is not in dollars costs as in the fixed list.

    `monthly_shares` is what the account traded before in this month: the steps of the list are
    taken by it, not by the order itself (*limit*). Clearing (0.0002 a share) is charged, exchange
    fees and rebates are not.
    """

    monthly_shares: Decimal = Decimal(0)
    otherwise: OrderFees = field(default_factory=FixedStockFees)

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs, clearing included."""
        if instrument.currency != "USD":
            return self.otherwise.total(instrument, quantity, value)
        rate = next(rate for upto, rate in _TIERS if upto is None or self.monthly_shares <= upto)
        least, most = Decimal("0.35"), value / 100
        return min(max(quantity * rate, least), most) + quantity * Decimal("0.0002")


_TIERS: Final = (
    # IB price list "Stocks, tiered": shares of the month up to, dollars a share
    (Decimal(300_000), Decimal("0.0035")),
    (Decimal(3_000_000), Decimal("0.0020")),
    (Decimal(20_000_000), Decimal("0.0015")),
    (Decimal(100_000_000), Decimal("0.0010")),
    (None, Decimal("0.0005")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesFees:
    """A price per contract, exchange and regulatory fees in it; 2.25 where no symbol is named."""

    each: Decimal = Decimal("2.25")
    by_symbol: Mapping[str, Decimal] = field(
        default_factory=lambda: {name: Decimal("0.62") for name in ("MES", "MNQ", "MYM", "M2K")}
    )

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs."""
        return quantity * self.by_symbol.get(instrument.symbol, self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFees:
    """IB's prices of US options: by premium 0.65, 0.50 or 0.25 a contract, at least 1.00."""

    least: Decimal = Decimal("1.00")

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs, by its average premium."""
        premium = value / (quantity * instrument.size)
        rate = next(rate for below, rate in _PREMIUMS if below is None or premium < below)
        return max(quantity * rate, self.least)


_PREMIUMS: Final = (
    (Decimal("0.05"), Decimal("0.25")),
    (Decimal("0.10"), Decimal("0.50")),
    (None, Decimal("0.65")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForexFees:
    """
    0.2 basis points of the value, at least the worth of 2 dollars.

    The least is in the currency in which the pair is priced; its amounts in other currencies than
    the dollar are round numbers of about that worth (assumed).
    """

    share: Decimal = Decimal("0.00002")

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs."""
        return max(value * self.share, _TWO_DOLLARS.get(instrument.currency, Decimal(2)))


_TWO_DOLLARS: Final = {
    name: Decimal(amount)
    for name, amount in (
        ("JPY", 300),
        ("HKD", 16),
        ("SEK", 20),
        ("NOK", 20),
        ("DKK", 14),
        ("CNH", 14),
        ("MXN", 36),
        ("PLN", 8),
        ("CZK", 46),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoFees:
    """0.18 % of the value, at least 1.75, but never more than 1 % (IB price list "Crypto")."""

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs."""
        return min(max(value * Decimal("0.0018"), Decimal("1.75")), value / 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondFees:
    """
    0.1 % of the first 10,000 of face value, 0.025 % of the rest, at least 1.00 (US corporate).

    A bond's price is in percent of its face value, so that a contract's face is a hundred times
    its units of price.
    """

    def total(self, instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
        """Return what an order costs."""
        face = quantity * instrument.size * 100
        first = min(face, Decimal(10_000))
        exact = first * Decimal("0.001") + (face - first) * Decimal("0.00025")
        return max(exact, Decimal(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractiveBrokersFees:
    """
    IB's price lists, one for each class of instruments; each may be another.

    Contracts for difference cost as stocks do, metals as pairs, warrants as options.
    """

    stocks: OrderFees = field(default_factory=FixedStockFees)
    futures: OrderFees = field(default_factory=FuturesFees)
    options: OrderFees = field(default_factory=OptionFees)
    forex: OrderFees = field(default_factory=ForexFees)
    crypto: OrderFees = field(default_factory=CryptoFees)
    bonds: OrderFees = field(default_factory=BondFees)

    def commission(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        *,
        before: Charged = NOTHING_YET,
    ) -> Decimal:
        """Return what one execution adds to the cost of its order, to the cent, never below 0."""
        value = before.value + quantity * price * instrument.size
        exact = self._fees(instrument).total(instrument, before.quantity + quantity, value)
        return max(exact.quantize(_CENT, ROUND_HALF_UP) - before.commission, Decimal(0))

    def _fees(self, instrument: Instrument) -> OrderFees:
        match instrument.sec_type:
            case "STK" | "CFD" | "FUND":
                return self.stocks
            case "CASH" | "CMDTY":
                return self.forex
            case "FUT" | "FOP" | "CONTFUT":
                return self.futures
            case "OPT" | "WAR" | "IOPT":
                return self.options
            case "BOND" | "BILL":
                return self.bonds
            case _:
                return self.crypto


@dataclass(frozen=True, slots=True)
class NoFees:
    """Everything is free."""

    def commission(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        *,
        before: Charged = NOTHING_YET,
    ) -> Decimal:
        """Return 0."""
        return Decimal("0.00")
