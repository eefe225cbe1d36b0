"""What users ask for and what they are told: order requests, reports, fills, violations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, Protocol

from .advisor import Allocation, SoftDollarTier
from .algos import Algo
from .contracts import Action, Contract
from .ids import ClientId, ExecId, OrderId, PermId
from .record import Record
from .terms import (
    NO_TERMS,
    AdaptivePriority,
    Condition,
    ExecutionCondition,
    Exercise,
    Joined,
    MarginCondition,
    OcaType,
    OrderTerms,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TriggerMethod,
    VolumeCondition,
)

__all__ = [
    "CLOSED",
    "Action",
    "AdaptivePriority",
    "AnyOrder",
    "Condition",
    "DescribesOrder",
    "ExecutionCondition",
    "Exercise",
    "Fill",
    "Joined",
    "MarginCondition",
    "OcaType",
    "OrderReport",
    "OrderRequest",
    "OrderStatus",
    "OrderTerms",
    "OrderType",
    "PercentChangeCondition",
    "PriceCondition",
    "SendDisposition",
    "TimeCondition",
    "TimeInForce",
    "Transition",
    "TriggerMethod",
    "Violation",
    "VolumeCondition",
    "limit_order",
    "market_order",
    "size_text",
]


class OrderType(StrEnum):
    """Order types, by their wire names."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"
    STOP_LIMIT = "STP LMT"
    TRAILING_STOP = "TRAIL"
    TRAILING_STOP_LIMIT = "TRAIL LIMIT"
    MARKET_ON_CLOSE = "MOC"
    LIMIT_ON_CLOSE = "LOC"
    MARKET_IF_TOUCHED = "MIT"
    LIMIT_IF_TOUCHED = "LIT"
    RELATIVE = "REL"
    MIDPRICE = "MIDPRICE"
    PEGGED_TO_MARKET = "PEG MKT"
    PEGGED_TO_MIDPOINT = "PEG MID"


class TimeInForce(StrEnum):
    """How long an order stays."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    OPG = "OPG"
    """At the opening auction only."""

    GTD = "GTD"
    """Until `good_till`."""


class OrderStatus(StrEnum):
    """What is true of an order, in the words users see."""

    PENDING = "pending"
    """On its way; the broker has not spoken yet."""

    SUBMITTED = "submitted"
    """The broker has it; nothing is filled."""

    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    """No longer working; `filled_quantity` tells whether part of it was filled before."""

    REJECTED = "rejected"
    """The gateway, the exchange or the reconciliation said that it does not exist."""

    UNCERTAIN = "uncertain"
    """Sent, and no evidence either way; being resolved."""


class SendDisposition(StrEnum):
    """How far the bytes of an order got."""

    UNSENT = "unsent"
    """Nothing was handed to the socket."""

    MAYBE_WRITTEN = "maybe_written"
    """Handed to the socket, and the socket ended before they had provably left."""

    SENT = "sent"
    """They left the process, or the broker has answered."""


_TERMS: Final = tuple(field.name for field in fields(OrderTerms))
_SAID: Final = attrgetter(*_TERMS)
_NOTHING: Final = _SAID(NO_TERMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest(Record):
    """
    One order as the user means it.

    Args:
        contract: What is traded, or its short text form.
        action: Buy or sell.
        quantity: Positive, in units of the contract; left out when there is a `cash_quantity`.
        order_type: What makes it trade; each type says which prices it needs.
        limit_price: In the contract's currency; the cap of `REL`, `MIDPRICE`, `PEG MKT` and
            `PEG MID`, which may lack it.
            Of a combination what one of it costs: negative when buying it brings money.
        stop_price: What elects a stop or an if-touched order; where a trail starts.
        time_in_force: How long it stays; `GTD` needs `good_till`.
        outside_regular_hours: Whether it may trade before the opening and after the close.
        account: May be left out when the login has one account.
        client_order_id: The caller's idempotency key: the same key never places a second order.
        trail_amount: How far a trail follows the market, in the contract's currency.
        trail_percent: The same in percent; a trail has one of both.
        limit_offset: Between the stop of a trailing limit and its limit; it has this, or a
            `limit_price` and a `stop_price` whose distance is kept.
        offset: How much better than the best price of its own side a `REL` order stands; how far
            a `PEG MKT` order stays from the other side, and a `PEG MID` order from the middle.
        good_till: Aware datetime, for `GTD`.
        good_after: Aware datetime before which it does not work.
        all_or_none: Fill it whole or not at all.
        minimum_quantity: Least size of its first fill; a whole number.
        display_size: How much of it the book shows; a whole number.
        hidden: Whether the book shows nothing of it.
        oca_group: Orders of the same group cancel or reduce each other.
        oca_type: How; `CANCEL_WITH_BLOCK` when a group has none.
        trigger_method: Which prices elect a stop.
        adaptive: Let IB's adaptive algorithm work it, with this priority.
        conditions: Hold it until these are true.
        conditions_cancel: Cancel it when they become true, instead of releasing it.
        conditions_outside_regular_hours: Whether they are looked at outside regular hours.
        non_guaranteed: Of a smart-routed combination: whether its legs may fill apart from each
            other, so that one may be left without the other.
        leg_prices: A limit for each leg of a combination, in their order, in place of
            `limit_price`; two legs, not guaranteed (IB takes no others).
        algo: Let another algorithm of IB work it: a record of `ibkr_connector.model.algos`.
        cash_quantity: How much money is to be spent or received, in the contract's currency, in
            place of a `quantity`: `MKT` and `LMT` orders for currency pairs, and to buy crypto.
        exercise: Exercise so many options that are held, or let them lapse; nothing is sold. Say
            `exercise` or `lapse` of `ibkr_connector.build`.
        allocation: An advisor's group among whose accounts it is divided, in place of an `account`.
            With a method that says it, `quantity` is left out.
        model: An advisor's model for which it is; then `account` is the advisor's own.
        soft_dollar_tier: A tier of a soft-dollar contract; `soft_dollar_tiers` lists them.
    """

    contract: Contract | str
    action: Action
    quantity: Decimal = Decimal(0)
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    outside_regular_hours: bool = False
    account: str | None = None
    client_order_id: str | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    offset: Decimal | None = None
    good_till: datetime | None = None
    good_after: datetime | None = None
    all_or_none: bool = False
    minimum_quantity: Decimal | None = None
    display_size: Decimal | None = None
    hidden: bool = False
    oca_group: str | None = None
    oca_type: OcaType | None = None
    trigger_method: TriggerMethod = TriggerMethod.DEFAULT
    adaptive: AdaptivePriority | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_cancel: bool = False
    conditions_outside_regular_hours: bool = False
    non_guaranteed: bool = False
    leg_prices: tuple[Decimal, ...] = ()
    algo: Algo | None = None
    cash_quantity: Decimal | None = None
    exercise: Exercise | None = None
    allocation: Allocation | None = None
    model: str | None = None
    soft_dollar_tier: SoftDollarTier | None = None

    @property
    def terms(self) -> OrderTerms:
        """Everything beyond side, size, limit, stop and time in force, as one record."""
        said = _SAID(self)
        return NO_TERMS if said == _NOTHING else OrderTerms(**dict(zip(_TERMS, said, strict=True)))

    @property
    def is_advised(self) -> bool:
        """Whether it names anything that an advisor has set up: a group, a model, a tier."""
        return (
            self.allocation is not None
            or self.model is not None
            or self.soft_dollar_tier is not None
        )

    @property
    def symbol(self) -> str:
        """The text form or the contract's symbol, for messages."""
        return self.contract if isinstance(self.contract, str) else self.contract.symbol


class DescribesOrder(Protocol):
    """What stands for a request without being one, as the drafts of `ibkr_connector.build` do."""

    @property
    def request(self) -> OrderRequest:
        """The order that it describes."""
        ...


AnyOrder = OrderRequest | DescribesOrder | Mapping[str, Any]
"""Every way to say what is ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Record):
    """
    One execution, counted once.

    `time` is the broker's, UTC. `commission` is `None` until the broker has told it.
    `recovered` marks a fill that happened while nobody was listening.
    """

    exec_id: ExecId
    order_id: OrderId
    perm_id: PermId | None
    client_id: ClientId
    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal
    time: datetime
    exchange: str = ""
    account: str = ""
    order_ref: str = ""
    cumulative_quantity: Decimal | None = None
    average_price: Decimal | None = None
    commission: Decimal | None = None
    commission_currency: str = ""
    realized_pnl: Decimal | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Record):
    """One step of an order's life: from where to where, why, on what evidence, when (UTC)."""

    time: datetime
    source: str
    event: str
    target: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport(Record):
    """
    What is known of an order now.

    `timestamp` is the UTC time of the last change. `avg_fill_price` is `None` without a fill.
    `order_ref` is the unique reference that the order carries at the broker. An order of another
    program may have a type or a time in force that this package does not place: then it is IB's
    word for it.

    Of an order that is divided among accounts `account` is empty, or the advisor's own, and `fills`
    are those of its accounts; until they are told, those of the order as a whole.

    The `quantity` of an order for an amount of cash is 0 until the broker calls it filled, and then
    what it came to; until then its `remaining_quantity` is reckoned.

    The broker may say "filled" before it tells the executions. `unbacked_quantity` is how much of
    `filled_quantity` none of the `fills` shows yet; it is 0 when they add up. The broker is asked
    for what is missing.
    """

    order_id: OrderId
    status: OrderStatus
    timestamp: datetime
    contract: Contract
    action: Action
    quantity: Decimal
    order_type: OrderType | str
    time_in_force: TimeInForce | str
    limit_price: Decimal | None
    stop_price: Decimal | None
    filled_quantity: Decimal
    remaining_quantity: Decimal
    avg_fill_price: Decimal | None
    commission: Decimal | None
    account: str
    order_ref: str
    client_order_id: str | None
    client_id: ClientId
    perm_id: PermId | None
    disposition: SendDisposition
    reason: str = ""
    fills: tuple[Fill, ...] = ()
    transitions: tuple[Transition, ...] = ()
    outside_regular_hours: bool = False
    terms: OrderTerms = NO_TERMS
    unbacked_quantity: Decimal = Decimal(0)

    @property
    def symbol(self) -> str:
        """The contract's symbol."""
        return self.contract.symbol

    @property
    def cash_quantity(self) -> Decimal | None:
        """How much money it is for, `None` when it is for a quantity."""
        return self.terms.cash_quantity

    @property
    def spent(self) -> Decimal:
        """What its fills come to in the contract's currency, multipliers and costs left out."""
        return self.filled_quantity * (self.avg_fill_price or Decimal(0))

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is expected to happen to the order."""
        return self.status in CLOSED


CLOSED: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})
"""Nothing more is expected to happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation(Record):
    """One broken limit: the rule, what was asked, what is allowed, and what to do."""

    rule: str
    value: str
    limit: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.value} is over the limit {self.limit}; {self.remedy}"


def size_text(quantity: Decimal, cash: Decimal | None, *, form: str = "f") -> str:
    """Return how much an order is for in words; `form` is a format of numbers."""
    return f"{quantity:{form}}" if cash is None else f"{cash:{form}} (cash)"


def market_order(
    contract: Contract | str,
    action: Action | str,
    quantity: Decimal | int,
    *,
    account: str | None = None,
    client_order_id: str | None = None,
) -> OrderRequest:
    """Describe an order at the market."""
    return OrderRequest(
        contract=contract,
        action=Action(action),
        quantity=Decimal(quantity),
        account=account,
        client_order_id=client_order_id,
    )


def limit_order(
    contract: Contract | str,
    action: Action | str,
    quantity: Decimal | int,
    *,
    limit_price: Decimal,
    time_in_force: TimeInForce = TimeInForce.DAY,
    account: str | None = None,
    client_order_id: str | None = None,
) -> OrderRequest:
    """Describe an order at `limit_price` or better."""
    return OrderRequest(
        contract=contract,
        action=Action(action),
        quantity=Decimal(quantity),
        order_type=OrderType.LIMIT,
        limit_price=limit_price,
        time_in_force=time_in_force,
        account=account,
        client_order_id=client_order_id,
    )
