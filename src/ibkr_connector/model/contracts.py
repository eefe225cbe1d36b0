"""What is traded: contracts, their legs and details, and one small constructor per asset class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum, StrEnum

from ibkr_connector.errors import ContractError

from .identifiers import check_identifier
from .ids import ConId
from .instruments import BondTerms
from .record import Record

__all__ = [
    "Action",
    "ComboLeg",
    "Contract",
    "ContractDetails",
    "ContractMatch",
    "OpenClose",
    "Right",
    "SecurityType",
    "bond",
    "cfd",
    "combo",
    "commodity",
    "continuous_future",
    "crypto",
    "forex",
    "fund",
    "future",
    "futures_option",
    "index",
    "option",
    "stock",
    "warrant",
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


class Action(StrEnum):
    """Which way an order or a leg goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Action:
        """The other way."""
        return Action.SELL if self is Action.BUY else Action.BUY


class OpenClose(IntEnum):
    """Whether a leg opens or closes a position; only institutions say more than `SAME`."""

    SAME = 0
    """As the combination does."""

    OPEN = 1
    CLOSE = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg(Record):
    """
    One leg of a combination.

    Args:
        contract: What it trades, or its short text form; of an order met at the broker only the
            id and the exchange are known.
        action: Which way it goes when the combination is bought.
        ratio: Units of it in one combination.
        exchange: Where it trades; where its contract does when empty.
        open_close: Whether it opens or closes a position.
        short_sale_slot: Of institutions that sell short: 1 holds the shares, 2 gets them elsewhere.
        designated_location: Where they come from, for slot 2.
    """

    contract: Contract | str
    action: Action
    ratio: int = 1
    exchange: str = ""
    open_close: OpenClose = OpenClose.SAME
    short_sale_slot: int = 0
    designated_location: str = ""

    @property
    def con_id(self) -> ConId | None:
        """The id of what it trades, `None` until that is qualified."""
        return None if isinstance(self.contract, str) else self.contract.con_id

    @property
    def sign(self) -> int:
        """1 when buying the combination buys it, -1 when that sells it."""
        return 1 if self.action is Action.BUY else -1

    def __str__(self) -> str:
        what = self.contract if isinstance(self.contract, str) else self.contract.text
        return f"{self.ratio}*{what}" if self.ratio != 1 else what


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(Record):
    """
    One tradable thing, described as IB describes it.

    `con_id` is `None` until the gateway has qualified the description. Empty text means "not
    said". `expiry` is `YYYYMM` or `YYYYMMDD`; `multiplier` is units per contract. A combination has
    `legs`, and no id of its own: it is what its legs are.
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
    legs: tuple[ComboLeg, ...] = ()

    def __post_init__(self) -> None:
        # IB's own words, as every other library takes them
        if type(self.security_type) is not SecurityType:
            object.__setattr__(self, "security_type", _word(SecurityType, self.security_type))
        if self.right is not None and type(self.right) is not Right:
            object.__setattr__(self, "right", _word(Right, self.right))

    @property
    def is_qualified(self) -> bool:
        """Whether the gateway has named this contract, so that orders may use it."""
        if self.legs:
            return all(leg.con_id is not None for leg in self.legs)
        return self.con_id is not None

    @property
    def identity(self) -> ConId | tuple[tuple[ConId | None, int, Action], ...] | None:
        """What tells this contract from every other: IB's id; of a combination its legs."""
        if self.legs:
            return tuple((leg.con_id, leg.ratio, leg.action) for leg in self.legs)
        return self.con_id

    def parts(self, action: Action) -> tuple[tuple[Contract, Action, int], ...]:
        """Return what an order in it trades: of each contract the way and the units, once."""
        if not self.legs:
            return ((self, action, 1),)
        return tuple(
            (leg.contract, leg.action if action is Action.BUY else leg.action.opposite, leg.ratio)
            for leg in self.legs
            if isinstance(leg.contract, Contract)
        )

    @property
    def text(self) -> str:
        """The contract in few words, most of them as the short text form has them."""
        if self.legs:
            signed = "".join(f" {'+' if leg.sign > 0 else '-'} {leg}" for leg in self.legs)
            return signed.removeprefix(" + ").lstrip()
        if not self.symbol and self.con_id is not None:
            return f"#{self.con_id}"
        parts = [self.symbol]
        if self.security_type is SecurityType.FOREX:
            parts = [f"{self.symbol}.{self.currency}"]
        if self.expiry:
            parts.append(self.expiry)
        if self.right is not None:
            parts.append(self.right.value)
        if self.strike is not None:
            parts.append(f"{self.strike.normalize():f}")
        return " ".join(parts)

    def __str__(self) -> str:
        place = self.primary_exchange or self.exchange
        return f"{self.text} ({self.security_type} {place} {self.currency})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails(Record):
    """
    What IB knows about a qualified contract.

    `min_tick` is the smallest price step at the lowest price band. Hours are IB's own text in
    the exchange's zone `time_zone_id`. `last_trade_date` is `YYYYMMDD`, `security_ids` are pairs
    such as `("ISIN", "US0378331005")`.
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
    under_symbol: str = ""
    under_security_type: str = ""
    contract_month: str = ""
    last_trade_date: str = ""
    last_trade_time: str = ""
    suggested_size_increment: Decimal | None = None
    security_ids: tuple[tuple[str, str], ...] = ()
    bond: BondTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMatch(Record):
    """
    A contract that a search found.

    `name` is the company's or the fund's where IB tells it, `derivatives` which kinds of
    derivatives there are on it, as in `("OPT", "FUT")`. The contract has its id, but no exchange to
    send orders to: look it up by `#` and the id.
    """

    contract: Contract
    name: str = ""
    derivatives: tuple[str, ...] = ()


def _word(kind: type[StrEnum], said: object) -> StrEnum:
    try:
        return kind(str(said).strip().upper())
    except ValueError as error:
        raise ContractError(
            f"expected a {kind.__name__}, found {said!r}", hint=f"one of {', '.join(kind)}"
        ) from error


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


def continuous_future(symbol: str, *, exchange: str = "CME", currency: str = "USD") -> Contract:
    """Describe a continuous future: history up to now, and nothing that can be ordered."""
    return Contract(
        symbol=symbol,
        security_type=SecurityType.CONTINUOUS_FUTURE,
        exchange=exchange,
        currency=currency,
    )


def futures_option(
    symbol: str,
    expiry: str,
    right: Right | str,
    *,
    strike: Decimal,
    exchange: str = "CME",
    currency: str = "USD",
) -> Contract:
    """Describe an option on a future; `right` is `C` or `P`."""
    return replace(
        option(symbol, expiry, right, strike=strike, exchange=exchange, currency=currency),
        security_type=SecurityType.FUTURE_OPTION,
    )


def cfd(symbol: str, *, exchange: str = "SMART", currency: str = "USD") -> Contract:
    """Describe a contract for difference, on an index or a stock."""
    return Contract(
        symbol=symbol, security_type=SecurityType.CFD, exchange=exchange, currency=currency
    )


def bond(identifier: str, *, exchange: str = "SMART", currency: str = "USD") -> Contract:
    """
    Describe a bond by its ISIN or CUSIP, which IB takes for a symbol.

    Raises:
        ContractError: It has the form of one and a wrong check digit.
    """
    name = identifier.strip().upper()
    check_identifier(name)
    return Contract(
        symbol=name, security_type=SecurityType.BOND, exchange=exchange, currency=currency
    )


def commodity(symbol: str, *, exchange: str = "SMART", currency: str = "USD") -> Contract:
    """Describe a metal, as in `XAUUSD`."""
    return Contract(
        symbol=symbol, security_type=SecurityType.COMMODITY, exchange=exchange, currency=currency
    )


def fund(symbol: str, *, exchange: str = "FUNDSERV", currency: str = "USD") -> Contract:
    """Describe a mutual fund."""
    return Contract(
        symbol=symbol, security_type=SecurityType.FUND, exchange=exchange, currency=currency
    )


def warrant(local_symbol: str, *, exchange: str = "FWB", currency: str = "EUR") -> Contract:
    """Describe a warrant by its local symbol."""
    return Contract(
        symbol="",
        local_symbol=local_symbol,
        security_type=SecurityType.WARRANT,
        exchange=exchange,
        currency=currency,
    )


def crypto(symbol: str, *, exchange: str = "PAXOS", currency: str = "USD") -> Contract:
    """Describe a crypto currency."""
    return Contract(
        symbol=symbol, security_type=SecurityType.CRYPTO, exchange=exchange, currency=currency
    )


def combo(
    *legs: ComboLeg | Contract | str, symbol: str = "", exchange: str = "", currency: str = ""
) -> Contract:
    """
    Describe a combination of at least two legs; what is no `ComboLeg` is bought once.

    What is left empty follows from the legs when they are qualified.
    """
    made = tuple(
        leg if isinstance(leg, ComboLeg) else ComboLeg(contract=leg, action=Action.BUY)
        for leg in legs
    )
    return Contract(
        symbol=symbol,
        security_type=SecurityType.COMBO,
        exchange=exchange,
        currency=currency,
        legs=made,
    )
