"""What IB states of an account afterwards, as its Flex queries tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from .ids import ConId, ExecId
from .record import Record

__all__ = [
    "FlexBalance",
    "FlexCash",
    "FlexCommission",
    "FlexEquity",
    "FlexPosition",
    "FlexReason",
    "FlexStatement",
    "FlexTrade",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexTrade(Record):
    """
    One execution of a statement.

    `quantity` is negative for a sale. `commission` is what it cost, as in a `Fill`: a rebate is
    negative (the file has it the other way round). `time` is UTC, `None` when the query tells days
    only. `order_id` is IB's number of the order in the statement, not the API's. `exec_id` is empty
    for what no order did: expiries, assignments, transfers. `is_cancel` marks a row that takes an
    execution back. `fx_to_base` is what one unit of the currency is worth in the account's own.
    """

    account: str
    con_id: ConId | None
    symbol: str
    asset_class: str
    currency: str
    multiplier: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    proceeds: Decimal | None
    commission: Decimal | None
    commission_currency: str
    exec_id: ExecId
    order_id: str
    order_ref: str
    time: datetime | None
    day: date | None
    exchange: str = ""
    is_cancel: bool = False
    fx_to_base: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexCash(Record):
    """Money that came or went: dividends, interest, fees, deposits; `kind` is IB's word for it."""

    account: str
    kind: str
    amount: Decimal | None
    currency: str
    time: datetime | None
    day: date | None
    symbol: str = ""
    description: str = ""
    transaction_id: str = ""
    fx_to_base: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexPosition(Record):
    """What was held at the end of a day."""

    account: str
    con_id: ConId | None
    symbol: str
    asset_class: str
    currency: str
    multiplier: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    value: Decimal | None
    day: date | None
    avg_price: Decimal | None = None
    fx_to_base: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexCommission(Record):
    """
    What one trade cost, and who took which part; as in a `Fill`, a rebate is negative.

    `broker` is IB's own part, `exchange` what exchanges and clearing houses take, `regulatory` what
    supervisors take. `total` is the sum as the statement has it.
    """

    account: str
    con_id: ConId | None
    symbol: str
    currency: str
    total: Decimal | None
    broker: Decimal | None
    exchange: Decimal | None
    regulatory: Decimal | None
    other: Decimal | None
    order_ref: str
    trade_id: str
    time: datetime | None
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexBalance(Record):
    """Cash of one currency at the beginning and the end; `BASE` is all of it in the own one."""

    account: str
    currency: str
    start: Decimal | None
    end: Decimal | None
    settled: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexEquity(Record):
    """What the account was worth at the end of a day, in its base currency."""

    account: str
    day: date | None
    total: Decimal | None
    cash: Decimal | None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexStatement(Record):
    """
    What IB states of one account for some days, both of them counted.

    A section that is `None` was not asked for by the query, or not in the detail that counts:
    trades of an order as a whole are no executions. `zone` is the time zone in which the file's
    times were read.
    """

    account: str
    from_date: date | None
    to_date: date | None
    generated: datetime | None
    zone: str
    trades: tuple[FlexTrade, ...] | None = None
    cash: tuple[FlexCash, ...] | None = None
    positions: tuple[FlexPosition, ...] | None = None
    equity: tuple[FlexEquity, ...] | None = None
    commissions: tuple[FlexCommission, ...] | None = None
    balances: tuple[FlexBalance, ...] | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every account in it: a consolidated statement tells several."""
        named = [one.strip() for one in self.account.replace(";", ",").split(",")]
        told = [row.account for row in self.trades or ()]
        return tuple(dict.fromkeys(one for one in (*named, *told) if one))


class FlexReason(StrEnum):
    """Why the service does not give a statement."""

    NOT_GENERATED = "not generated"
    NOT_AVAILABLE = "not available"
    INCOMPLETE = "incomplete"
    SETTLEMENT_NOT_READY = "settlement not ready"
    FIFO_NOT_READY = "fifo profit and loss not ready"
    MTM_NOT_READY = "mark to market not ready"
    PNL_NOT_READY = "profit and loss not ready"
    OVERLOADED = "overloaded"
    LEGACY_QUERY = "legacy query"
    SERVICE_INACTIVE = "service inactive"
    TOKEN_EXPIRED = "token expired"
    ADDRESS_REFUSED = "address refused"
    QUERY_INVALID = "query invalid"
    TOKEN_INVALID = "token invalid"
    ACCOUNT_INVALID = "account invalid"
    REFERENCE_INVALID = "reference invalid"
    TOO_MANY_REQUESTS = "too many requests"
    IN_PROGRESS = "in progress"
    REQUEST_INVALID = "request invalid"
    NOT_RETRIEVED = "not retrieved"
    UNKNOWN = "unknown"
