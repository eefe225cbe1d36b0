"""What is traded: contracts, their details, and one small constructor per asset class."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .ids import ConId
from .record import Record

__all__ = [
    "Contract",
    "ContractDetails",
    "Right",
    "SecurityType",
    "crypto",
    "forex",
    "future",
    "index",
    "option",
    "stock",
]


class SecurityType(StrEnum):
    """IB's security types, by their wire names."""

    STOCK = "STK"
    FUTURE = "FUT"
    CONTINUOUS_FUTURE = "CONTFUT"
    OPTION = "OPT"
    FUTURE_OPTION = "FOP"
    FOREX = "CASH"
    CRYPTO = "CRYPTO"
    INDEX = "IND"
    BOND = "BOND"
    CFD = "CFD"
    COMBO = "BAG"
    WARRANT = "WAR"
    COMMODITY = "CMDTY"
    FUND = "FUND"
    NEWS = "NEWS"


class Right(StrEnum):
    """Side of an option."""

    CALL = "C"
    PUT = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(Record):
    """
    One tradable thing, described as IB describes it.

    `con_id` is `None` until the gateway has qualified the description. Empty text means "not
    said". `expiry` is `YYYYMM` or `YYYYMMDD`; `multiplier` is units per contract.
    """

    symbol: str
    security_type: SecurityType = SecurityType.STOCK
    exchange: str = "SMART"
    currency: str = "USD"
    primary_exchange: str = ""
    con_id: ConId | None = None
    expiry: str = ""
    strike: Decimal | None = None
    right: Right | None = None
    multiplier: Decimal | None = None
    local_symbol: str = ""
    trading_class: str = ""

    @property
    def is_qualified(self) -> bool:
        """Whether the gateway has named this contract, so that orders may use it."""
        return self.con_id is not None

    def __str__(self) -> str:
        parts = [self.symbol]
        if self.security_type is SecurityType.FOREX:
            parts = [f"{self.symbol}.{self.currency}"]
        if self.expiry:
            parts.append(self.expiry)
        if self.right is not None:
            parts.append(self.right.value)
        if self.strike is not None:
            parts.append(f"{self.strike.normalize():f}")
        place = self.primary_exchange or self.exchange
        return f"{' '.join(parts)} ({self.security_type} {place} {self.currency})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails(Record):
    """
    What IB knows about a qualified contract.

    `min_tick` is the smallest price step at the lowest price band. Hours are IB's own text in
    the exchange's zone `time_zone_id`.
    """

    contract: Contract
    long_name: str = ""
    market_name: str = ""
    min_tick: Decimal | None = None
    min_size: Decimal | None = None
    size_increment: Decimal | None = None
    price_magnifier: int = 1
    order_types: tuple[str, ...] = ()
    valid_exchanges: tuple[str, ...] = ()
    market_rule_ids: tuple[int, ...] = ()
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stock_type: str = ""
    under_con_id: ConId | None = None


def stock(
    symbol: str, *, exchange: str = "SMART", currency: str = "USD", primary_exchange: str = ""
) -> Contract:
    """Describe a stock or an ETF."""
    return Contract(
        symbol=symbol, exchange=exchange, currency=currency, primary_exchange=primary_exchange
    )


def forex(pair: str) -> Contract:
    """Describe a currency pair written `EUR.USD`, `EURUSD` or `EUR/USD`, on IDEALPRO."""
    letters = pair.replace(".", "").replace("/", "").upper()
    if len(letters) != 6 or not letters.isalpha():
        raise ValueError(
            f"a currency pair has two three-letter codes, as in 'EUR.USD'; got {pair!r}"
        )
    return Contract(
        symbol=letters[:3],
        security_type=SecurityType.FOREX,
        exchange="IDEALPRO",
        currency=letters[3:],
    )


def future(symbol: str, expiry: str, *, exchange: str = "CME", currency: str = "USD") -> Contract:
    """Describe a dated future; `expiry` is `YYYYMM` or `YYYYMMDD`."""
    return Contract(
        symbol=symbol,
        security_type=SecurityType.FUTURE,
        exchange=exchange,
        currency=currency,
        expiry=expiry,
    )


def option(
    symbol: str,
    expiry: str,
    right: Right | str,
    *,
    strike: Decimal,
    exchange: str = "SMART",
    currency: str = "USD",
) -> Contract:
    """Describe a stock or index option; `right` is `C` or `P`."""
    return Contract(
        symbol=symbol,
        security_type=SecurityType.OPTION,
        exchange=exchange,
        currency=currency,
        expiry=expiry,
        right=Right(right),
        strike=strike,
    )


def index(symbol: str, *, exchange: str = "CBOE", currency: str = "USD") -> Contract:
    """Describe an index; it has prices but cannot be ordered."""
    return Contract(
        symbol=symbol, security_type=SecurityType.INDEX, exchange=exchange, currency=currency
    )


def crypto(symbol: str, *, exchange: str = "PAXOS", currency: str = "USD") -> Contract:
    """Describe a crypto currency."""
    return Contract(
        symbol=symbol, security_type=SecurityType.CRYPTO, exchange=exchange, currency=currency
    )
