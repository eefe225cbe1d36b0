"""What IB states of an account afterwards, as its Flex queries tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from .ids import ConId, ExecId
from .record import Record

__all__ = ["FlexCash", "FlexEquity", "FlexPosition", "FlexStatement", "FlexTrade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexTrade(Record):
    """
    One execution of a statement.

    `quantity` is negative for a sale. `commission` is what it cost, as in a `Fill`: a rebate is
    negative (the file has it the other way round). `time` is UTC, `None` when the query tells days
    only. `order_id` is IB's number of the order in the statement, not the API's. `exec_id` is empty
    for what no order did: expiries, assignments, transfers. `is_cancel` marks a row that takes an
    execution back.
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
