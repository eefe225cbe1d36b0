"""The orders and quotes of the venue, what an order asks for, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final

from .advisor import Method, Share
from .changing import changer
from .instruments import Instrument

__all__ = [
    "Algo",
    "Allocation",
    "Commission",
    "Condition",
    "ConditionKind",
    "Execution",
    "Group",
    "Hold",
    "Leg",
    "Owner",
    "Quote",
    "Status",
    "Terms",
    "VenueOrder",
    "change_order",
]


class Status(StrEnum):
    """Where an order is, in IB's words."""

    PENDING_SUBMIT = "PendingSubmit"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PENDING_CANCEL = "PendingCancel"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self not in (Status.FILLED, Status.CANCELLED, Status.INACTIVE)


class Hold(StrEnum):
    """Why an order that was accepted does not work at the market."""

    UNTRANSMITTED = "untransmitted"
    """Its client has not released it."""

    PARENT = "parent"
    """It is attached to an order that has not been filled."""

    CONDITIONS = "conditions"
    """Its conditions do not hold."""

    TIME = "time"
    """It is good after a time that has not come."""

    HOURS = "hours"
    """The market is shut, or the auction that it is for has not begun."""

    LATENCY = "latency"
    """It is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The market of one instrument at one moment; a price is `None` when that side is empty."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    volume: Decimal
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who placed an order; the venue only carries it."""

    client_id: int
    order_id: int


class ConditionKind(IntEnum):
    """What a condition looks at (ib_async order.py, the condition classes)."""

    PRICE = 1
    TIME = 3
    MARGIN = 4
    EXECUTION = 5
    VOLUME = 6
    PERCENT_CHANGE = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """
    One condition of an order.

    `value` is a price, a volume, a percentage of change or of the margin cushion; `moment` that of
    a time condition. `is_joined_by_and` says how it meets the next one.
    """

    kind: ConditionKind
    is_joined_by_and: bool = True
    is_more: bool = True
    value: Decimal = Decimal(0)
    moment: datetime | None = None
    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    trigger_method: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of a combo."""

    instrument: Instrument
    ratio: int
    is_buy: bool
    exchange: str = ""

    @property
    def sign(self) -> int:
        """1 when a combo that is bought buys this leg, -1 when it sells it."""
        return 1 if self.is_buy else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Algo:
    """An algorithm of IB and its parameters; `start` and `end` are the times among them."""

    strategy: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    What an order asks for; prices are in the instrument's currency.

    `stop_price` is IB's auxiliary price: a trigger, a trailing amount or an offset, as the order
    type has it. `trail_stop_price` is where the stop of a trailing order stands at first.
    """

    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = "DAY"
    trailing_percent: Decimal | None = None
    trail_stop_price: Decimal | None = None
    limit_offset: Decimal | None = None
    trigger_method: int = 0
    outside_hours: bool = False
    good_after: datetime | None = None
    good_till: datetime | None = None
    is_hidden: bool = False
    display_size: Decimal | None = None
    is_all_or_none: bool = False
    minimum_quantity: Decimal | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_cancel: bool = False
    conditions_ignore_hours: bool = False
    algo: Algo | None = None
    legs: tuple[Leg, ...] = ()
    open_close: str = ""

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.action == "BUY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    Orders of which one is to be filled ("one cancels all").

    Args:
        name: Shared by the group's orders, within an account.
        kind: 1 cancels the rest, 2 reduces it and lets one work at a time, 3 reduces it.
    """

    name: str
    kind: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How an advisor divides what is filled among accounts."""

    method: Method
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """
    An order at the venue; `note` is its owner's, and only carried.

    `hold` says why it does not work yet. `is_triggered`: it may trade, since it has no stop or its
    stop was elected. `is_resting`: it has met a market that it could not trade with, and stands at
    its price since. `working_price` is where a resting order stands and `trigger_price` what
    elects a stop: both follow the market for the types that do.
    """

    perm_id: int
    owner: Owner
    account: str
    instrument: Instrument
    exchange: str
    terms: Terms
    order_ref: str
    status: Status
    placed_at: datetime
    priority: int
    hold: Hold | None = None
    parent: int = 0
    group: Group | None = None
    allocation: Allocation | None = None
    is_triggered: bool = False
    is_resting: bool = False
    working_price: Decimal | None = None
    trigger_price: Decimal | None = None
    filled: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    closed_at: datetime | None = None
    why_held: str = ""
    note: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        """What is left to trade; what was left when it was closed."""
        return self.terms.quantity - self.filled

    @property
    def works(self) -> bool:
        """Whether it stands at the market now."""
        return self.hold is None and self.status.is_open


change_order: Final = changer(VenueOrder)
"""Return an order with some of its fields changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """
    One trade of one order.

    `revision` counts from 1: a correction or a bust repeats the execution with the next one. For a
    leg of a combo, `instrument` and `is_buy` are the leg's. A block is what an advisor's order
    traded as a whole; it is in no account's books, and its parts are executions of their own.
    """

    exec_id: str
    order: VenueOrder
    account: str
    instrument: Instrument
    is_buy: bool
    time: datetime
    exchange: str
    quantity: Decimal
    price: Decimal
    liquidity: int
    is_leg: bool = False
    is_block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What an execution cost, and what it realised when it closed something."""

    exec_id: str
    amount: Decimal
    currency: str
    realized_pnl: Decimal | None
