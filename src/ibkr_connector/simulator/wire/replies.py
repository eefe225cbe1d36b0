"""
What the gateway says: a record and a layout for each message id.

Irregularities are in the rows: which replies carry no request id, which lost their version field,
which have their bars' fields in another order. Source of ids and layouts: ibapi message.py and
decoder.py, ib_async decoder.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from .contracts import (
    CONTRACT_HELD,
    CONTRACT_NO_EXCHANGE,
    CONTRACT_NO_PRIMARY,
    STRIKE,
    WireContract,
)
from .errors import RemoteProtocolError
from .fields import FLAG, INTEGER, NUMBER, OPTIONAL_INTEGER, OPTIONAL_NUMBER, UNSET_NUMBER
from .layout import (
    Before,
    Field,
    Layout,
    Literal,
    Nested,
    Rows,
    Since,
    Source,
    read_layout,
    write_layout,
)
from .orders import COMPLETED_ORDER, OPEN_ORDER
from .versions import Version

__all__ = [
    "AccountDownloadEnd",
    "AccountSummary",
    "AccountSummaryEnd",
    "AccountTime",
    "AccountUpdateMulti",
    "AccountUpdateMultiEnd",
    "AccountValue",
    "Bar",
    "CommissionReport",
    "CompletedOrder",
    "CompletedOrdersEnd",
    "ContractDetails",
    "ContractDetailsEnd",
    "CurrentTime",
    "DerivativeType",
    "ErrorMessage",
    "ExecDetails",
    "ExecDetailsEnd",
    "Expiration",
    "FamilyCodes",
    "HeadTimestamp",
    "HistoricalData",
    "HistoricalDataUpdate",
    "ManagedAccounts",
    "MarketDataType",
    "MarketRule",
    "NewsProviders",
    "NextValidId",
    "OpenOrder",
    "OpenOrderEnd",
    "OrderBound",
    "OrderStatus",
    "Pair",
    "Pnl",
    "PnlSingle",
    "PortfolioValue",
    "Position",
    "PositionEnd",
    "PositionMulti",
    "PositionMultiEnd",
    "PriceStep",
    "RealTimeBar",
    "Reply",
    "SecDefOptParams",
    "SecDefOptParamsEnd",
    "Strike",
    "SymbolSample",
    "SymbolSamples",
    "TickByTickBidAsk",
    "TickByTickLast",
    "TickByTickMidpoint",
    "TickGeneric",
    "TickPrice",
    "TickReqParams",
    "TickSize",
    "TickSnapshotEnd",
    "TickString",
    "UserInfo",
    "decode_reply",
    "encode_reply",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice:
    """A price tick with its size."""

    request_id: int
    tick_type: int
    price: Decimal
    size: Decimal | None = None
    mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize:
    """A size tick."""

    request_id: int
    tick_type: int
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGeneric:
    """A tick with one number."""

    request_id: int
    tick_type: int
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString:
    """A tick with a text."""

    request_id: int
    tick_type: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReqParams:
    """What comes first on a market data request."""

    request_id: int
    min_tick: Decimal
    bbo_exchange: str
    snapshot_permissions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSnapshotEnd:
    """The snapshot is complete."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataType:
    """Which data a request gets from now on."""

    request_id: int
    data_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """Where an order is."""

    order_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    average_price: Decimal
    perm_id: int
    parent_id: int
    last_price: Decimal
    client_id: int
    why_held: str = ""
    market_cap_price: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """An error, a warning or a notice; `request_id` -1 belongs to no request."""

    request_id: int
    code: int
    text: str
    advanced_reject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order with everything that is known of it; status and margins are among the texts."""

    order_id: int
    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderEnd:
    """All open orders were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder:
    """A closed order; the wire has no order id and no client id for it."""

    contract: WireContract
    texts: Mapping[str, str]
    groups: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrdersEnd:
    """All completed orders were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBound:
    """A manual order got an API id."""

    perm_id: int
    client_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetails:
    """One execution; `request_id` is -1 when it came by itself."""

    request_id: int
    order_id: int
    contract: WireContract
    exec_id: str
    time: str
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    liquidation: int
    cumulative: Decimal
    average_price: Decimal
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: Decimal | None = None
    model: str = ""
    last_liquidity: int = 0
    pending_price_revision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetailsEnd:
    """All executions asked for were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport:
    """What an execution cost."""

    exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None = None
    bond_yield: Decimal | None = None
    yield_redemption_date: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextValidId:
    """The smallest order id that may be used."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccounts:
    """The accounts of the login, separated by commas."""

    accounts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One figure of the account window."""

    key: str
    value: str
    currency: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioValue:
    """One position in the account window."""

    contract: WireContract
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTime:
    """When the account window was last updated, as HH:MM."""

    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDownloadEnd:
    """The account window is complete."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary:
    """One figure of the account summary."""

    request_id: int
    account: str
    tag: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummaryEnd:
    """All figures were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMulti:
    """One figure of an account or model."""

    request_id: int
    account: str
    model: str
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMultiEnd:
    """All figures were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an account holds of a contract."""

    account: str
    contract: WireContract
    position: Decimal
    average_cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnd:
    """All positions were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMulti:
    """What an account or model holds of a contract."""

    request_id: int
    account: str
    contract: WireContract
    position: Decimal
    average_cost: Decimal
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMultiEnd:
    """All positions were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit and loss of an account; `None` is not computed yet."""

    request_id: int
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlSingle:
    """Profit and loss of one position."""

    request_id: int
    position: Decimal
    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None
    value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails:
    """Everything about a contract that is not a bond."""

    request_id: int
    symbol: str
    sec_type: str
    last_trade: str
    strike: Decimal | None
    right: str
    exchange: str
    currency: str
    local_symbol: str
    market_name: str
    trading_class: str
    con_id: int
    min_tick: Decimal
    multiplier: str
    order_types: str
    valid_exchanges: str
    price_magnifier: int
    under_con_id: int
    long_name: str
    primary_exchange: str
    contract_month: str
    industry: str
    category: str
    subcategory: str
    time_zone_id: str
    trading_hours: str
    liquid_hours: str
    ev_rule: str = ""
    ev_multiplier: Decimal | None = None
    sec_ids: tuple[Pair, ...] = ()
    aggregate_group: int = 1
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""
    real_expiration_date: str = ""
    stock_type: str = ""
    min_size: Decimal | None = None
    size_increment: Decimal | None = None
    suggested_size_increment: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetailsEnd:
    """All contracts that fit were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivativeType:
    """A security type that derives from a symbol."""

    sec_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSample:
    """One hit of a symbol search."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    derivatives: tuple[DerivativeType, ...] = ()
    description: str = ""
    issuer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSamples:
    """The hits of a symbol search."""

    request_id: int
    samples: tuple[SymbolSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """One expiration date."""

    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One strike."""

    strike: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParams:
    """Expirations and strikes of one trading class on one exchange."""

    request_id: int
    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[Expiration, ...]
    strikes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParamsEnd:
    """All of them were sent."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """From `low_edge` on, prices move in steps of `increment`."""

    low_edge: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule:
    """The price steps of a market rule."""

    rule_id: int
    steps: tuple[PriceStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One historical bar; for currency pairs volume, wap and count are -1."""

    date: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalData:
    """All bars of a request, in one message."""

    request_id: int
    start: str
    end: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalDataUpdate:
    """The newest bar of a request that is kept up to date."""

    request_id: int
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTimestamp:
    """The time of the first bar there is."""

    request_id: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeBar:
    """A five-second bar."""

    request_id: int
    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickLast:
    """A trade; `tick_type` is 1 for Last and 2 for AllLast."""

    request_id: int
    tick_type: int
    time: int
    price: Decimal
    size: Decimal
    mask: int
    exchange: str
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickBidAsk:
    """A change of the best bid or ask."""

    request_id: int
    tick_type: int = 3
    time: int
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickMidpoint:
    """A change of the midpoint."""

    request_id: int
    tick_type: int = 4
    time: int
    midpoint: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTime:
    """The gateway's time, in seconds of the epoch."""

    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCodes:
    """Account and family code."""

    codes: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProviders:
    """Code and name of each provider."""

    providers: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """The white-branding id."""

    request_id: int
    white_branding_id: str


Reply = (
    TickPrice
    | TickSize
    | TickGeneric
    | TickString
    | TickReqParams
    | TickSnapshotEnd
    | MarketDataType
    | OrderStatus
    | ErrorMessage
    | OpenOrder
    | OpenOrderEnd
    | CompletedOrder
    | CompletedOrdersEnd
    | OrderBound
    | ExecDetails
    | ExecDetailsEnd
    | CommissionReport
    | NextValidId
    | ManagedAccounts
    | AccountValue
    | PortfolioValue
    | AccountTime
    | AccountDownloadEnd
    | AccountSummary
    | AccountSummaryEnd
    | AccountUpdateMulti
    | AccountUpdateMultiEnd
    | Position
    | PositionEnd
    | PositionMulti
    | PositionMultiEnd
    | Pnl
    | PnlSingle
    | ContractDetails
    | ContractDetailsEnd
    | SymbolSamples
    | SecDefOptParams
    | SecDefOptParamsEnd
    | MarketRule
    | HistoricalData
    | HistoricalDataUpdate
    | HeadTimestamp
    | RealTimeBar
    | TickByTickLast
    | TickByTickBidAsk
    | TickByTickMidpoint
    | CurrentTime
    | FamilyCodes
    | NewsProviders
    | UserInfo
)
"""Everything that the gateway may say."""


# --- the table ----------------------------------------------------------------------------------


def _n(*names: str) -> Layout:
    return tuple(Field(name, NUMBER) for name in names)


def _t(*names: str) -> Layout:
    return tuple(Field(name) for name in names)


def _v(version: int, *items: Any) -> Layout:
    """Return a layout whose first field is the message's own version number."""
    return (Literal(str(version)), *items)


_ID: Final = Field("request_id", INTEGER)
_TICK: Final = Field("tick_type", INTEGER)
_CONTRACT: Final = Nested("contract", WireContract, CONTRACT_NO_PRIMARY)
_HELD: Final = Nested("contract", WireContract, CONTRACT_HELD)
_PAIR: Final[Layout] = _t("name", "value")

_CONTRACT_DETAILS: Final[Layout] = (
    Before(Version.SIZE_RULES, Literal("8")),
    _ID,
    *_t("symbol", "sec_type", "last_trade"),
    Field("strike", STRIKE),
    *_t("right", "exchange", "currency", "local_symbol", "market_name", "trading_class"),
    Field("con_id", INTEGER),
    Field("min_tick", NUMBER),
    Before(Version.SIZE_RULES, Literal("100")),  # size multiplier, obsolete
    *_t("multiplier", "order_types", "valid_exchanges"),
    Field("price_magnifier", INTEGER),
    Field("under_con_id", INTEGER),
    *_t("long_name", "primary_exchange", "contract_month", "industry", "category"),
    *_t("subcategory", "time_zone_id", "trading_hours", "liquid_hours", "ev_rule"),
    Field("ev_multiplier", OPTIONAL_NUMBER),
    Rows("sec_ids", Pair, _PAIR),
    Field("aggregate_group", INTEGER),
    *_t("under_symbol", "under_sec_type", "market_rule_ids", "real_expiration_date"),
    Field("stock_type"),
    # one version alone had only this of the three (ib_async decoder.py contractDetails)
    Since(
        Version.FRACTIONAL_SIZE_SUPPORT,
        Before(Version.SIZE_RULES, Field("suggested_size_increment", OPTIONAL_NUMBER)),
    ),
    Since(
        Version.SIZE_RULES,
        Field("min_size", OPTIONAL_NUMBER),
        Field("size_increment", OPTIONAL_NUMBER),
        Field("suggested_size_increment", OPTIONAL_NUMBER),
    ),
)

_EXEC_DETAILS: Final[Layout] = (
    _ID,
    Field("order_id", INTEGER),
    _CONTRACT,
    *_t("exec_id", "time", "account", "exchange", "side"),
    *_n("shares", "price"),
    *(Field(name, INTEGER) for name in ("perm_id", "client_id", "liquidation")),
    *_n("cumulative", "average_price"),
    *_t("order_ref", "ev_rule"),
    Field("ev_multiplier", OPTIONAL_NUMBER),
    Field("model"),
    Field("last_liquidity", INTEGER),
    Since(Version.PENDING_PRICE_REVISION, Field("pending_price_revision", FLAG)),
)

_BAR: Final[Layout] = (
    Field("date"),
    *_n("open", "high", "low", "close", "volume", "wap"),
    Field("count", INTEGER),
)

_BAR_UPDATE: Final[Layout] = (
    # close stands before high and low here, and the count first (ib_async historicalDataUpdate)
    Field("count", INTEGER),
    Field("date"),
    *_n("open", "close", "high", "low", "wap", "volume"),
)


_REPLIES: Final[Mapping[Callable[..., Any], tuple[int, Layout]]] = MappingProxyType(
    {
        TickPrice: (
            1,
            _v(
                6,
                _ID,
                _TICK,
                Field("price", NUMBER),
                Field("size", OPTIONAL_NUMBER),
                Field("mask", INTEGER),
            ),
        ),
        TickSize: (2, _v(6, _ID, _TICK, Field("size", NUMBER))),
        OrderStatus: (
            3,
            (
                Field("order_id", INTEGER),
                Field("status"),
                *_n("filled", "remaining", "average_price"),
                Field("perm_id", INTEGER),
                Field("parent_id", INTEGER),
                Field("last_price", NUMBER),
                Field("client_id", INTEGER),
                Field("why_held"),
                Field("market_cap_price", NUMBER),
            ),
        ),
        ErrorMessage: (
            4,
            _v(
                2,
                _ID,
                Field("code", INTEGER),
                Field("text"),
                Since(Version.ADVANCED_ORDER_REJECT, Field("advanced_reject")),
            ),
        ),
        OpenOrder: (5, (Field("order_id", INTEGER), _CONTRACT, *OPEN_ORDER)),
        AccountValue: (6, _v(2, *_t("key", "value", "currency", "account"))),
        PortfolioValue: (
            7,
            _v(
                8,
                Nested("contract", WireContract, CONTRACT_NO_EXCHANGE),
                *_n("position", "market_price", "market_value", "average_cost"),
                *_n("unrealized_pnl", "realized_pnl"),
                Field("account"),
            ),
        ),
        AccountTime: (8, _v(1, Field("time"))),
        NextValidId: (9, _v(1, Field("order_id", INTEGER))),
        ContractDetails: (10, _CONTRACT_DETAILS),
        ExecDetails: (11, _EXEC_DETAILS),
        ManagedAccounts: (15, _v(1, Field("accounts"))),
        HistoricalData: (17, (_ID, Field("start"), Field("end"), Rows("bars", Bar, _BAR))),
        TickGeneric: (45, _v(6, _ID, _TICK, Field("value", NUMBER))),
        TickString: (46, _v(6, _ID, _TICK, Field("value"))),
        CurrentTime: (49, _v(1, Field("time", INTEGER))),
        RealTimeBar: (
            50,
            _v(
                3,
                _ID,
                Field("time", INTEGER),
                *_n("open", "high", "low", "close", "volume", "wap"),
                Field("count", INTEGER),
            ),
        ),
        ContractDetailsEnd: (52, _v(1, _ID)),
        OpenOrderEnd: (53, _v(1)),
        AccountDownloadEnd: (54, _v(1, Field("account"))),
        ExecDetailsEnd: (55, _v(1, _ID)),
        TickSnapshotEnd: (57, _v(1, _ID)),
        MarketDataType: (58, _v(1, _ID, Field("data_type", INTEGER))),
        CommissionReport: (
            59,
            _v(
                1,
                Field("exec_id"),
                Field("commission", NUMBER),
                Field("currency"),
                Field("realized_pnl", UNSET_NUMBER),
                Field("bond_yield", UNSET_NUMBER),
                Field("yield_redemption_date", OPTIONAL_INTEGER),
            ),
        ),
        Position: (61, _v(3, Field("account"), _HELD, *_n("position", "average_cost"))),
        PositionEnd: (62, _v(1)),
        AccountSummary: (63, _v(1, _ID, *_t("account", "tag", "value", "currency"))),
        AccountSummaryEnd: (64, _v(1, _ID)),
        PositionMulti: (
            71,
            _v(
                1,
                _ID,
                Field("account"),
                _HELD,
                *_n("position", "average_cost"),
                Field("model"),
            ),
        ),
        PositionMultiEnd: (72, _v(1, _ID)),
        AccountUpdateMulti: (
            73,
            _v(1, _ID, *_t("account", "model", "key", "value", "currency")),
        ),
        AccountUpdateMultiEnd: (74, _v(1, _ID)),
        SecDefOptParams: (
            75,
            (
                _ID,
                Field("exchange"),
                Field("under_con_id", INTEGER),
                *_t("trading_class", "multiplier"),
                Rows("expirations", Expiration, _t("date")),
                Rows("strikes", Strike, _n("strike")),
            ),
        ),
        SecDefOptParamsEnd: (76, (_ID,)),
        FamilyCodes: (78, (Rows("codes", Pair, _PAIR),)),
        SymbolSamples: (
            79,
            (
                _ID,
                Rows(
                    "samples",
                    SymbolSample,
                    (
                        Field("con_id", INTEGER),
                        *_t("symbol", "sec_type", "primary_exchange", "currency"),
                        Rows("derivatives", DerivativeType, _t("sec_type")),
                        Since(Version.BOND_ISSUERID, *_t("description", "issuer_id")),
                    ),
                ),
            ),
        ),
        TickReqParams: (
            81,
            (
                _ID,
                Field("min_tick", NUMBER),
                Field("bbo_exchange"),
                Field("snapshot_permissions", INTEGER),
            ),
        ),
        NewsProviders: (85, (Rows("providers", Pair, _PAIR),)),
        HeadTimestamp: (88, (_ID, Field("time"))),
        HistoricalDataUpdate: (90, (_ID, Nested("bar", Bar, _BAR_UPDATE))),
        MarketRule: (
            93,
            (
                Field("rule_id", INTEGER),
                Rows("steps", PriceStep, _n("low_edge", "increment")),
            ),
        ),
        Pnl: (
            94,
            (_ID, *(Field(name, UNSET_NUMBER) for name in ("daily", "unrealized", "realized"))),
        ),
        PnlSingle: (
            95,
            (
                _ID,
                Field("position", NUMBER),
                *(Field(n, UNSET_NUMBER) for n in ("daily", "unrealized", "realized", "value")),
            ),
        ),
        TickByTickLast: (
            99,
            (
                _ID,
                _TICK,
                Field("time", INTEGER),
                *_n("price", "size"),
                Field("mask", INTEGER),
                *_t("exchange", "conditions"),
            ),
        ),
        TickByTickBidAsk: (
            99,
            (
                _ID,
                _TICK,
                Field("time", INTEGER),
                *_n("bid", "ask", "bid_size", "ask_size"),
                Field("mask", INTEGER),
            ),
        ),
        TickByTickMidpoint: (
            99,
            (_ID, _TICK, Field("time", INTEGER), Field("midpoint", NUMBER)),
        ),
        OrderBound: (
            100,
            tuple(Field(name, INTEGER) for name in ("perm_id", "client_id", "order_id")),
        ),
        CompletedOrder: (101, (_CONTRACT, *COMPLETED_ORDER)),
        CompletedOrdersEnd: (102, ()),
        UserInfo: (107, (_ID, Field("white_branding_id"))),
    }
)

_TICK_BY_TICK: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"1": TickByTickLast, "2": TickByTickLast, "3": TickByTickBidAsk, "4": TickByTickMidpoint}
)

_BY_ID: Final[Mapping[int, Callable[..., Any]]] = MappingProxyType(
    {message_id: record for record, (message_id, _) in _REPLIES.items()}
)


def encode_reply(reply: Reply, version: int) -> list[str]:
    """Write a reply as the fields that a client of that server version reads."""
    message_id, layout = _REPLIES[type(reply)]
    out = [str(message_id)]
    write_layout(layout, lambda name: getattr(reply, name), out, version)
    return out


def decode_reply(fields: list[str], version: int) -> Reply:
    """Read a reply as a client would; for tests and for recordings."""
    message_id = INTEGER.read(fields[0])
    record = _TICK_BY_TICK.get(fields[2]) if message_id == 99 else _BY_ID.get(message_id)
    if record is None:
        raise RemoteProtocolError(f"there is no reply {message_id} here")
    source = Source(fields, start=1)
    values: dict[str, Any] = {}
    read_layout(_REPLIES[record][1], source, values, version)
    if source.left:
        raise RemoteProtocolError(f"reply {message_id} has {source.left} fields too many")
    reply: Reply = record(**values)
    return reply
