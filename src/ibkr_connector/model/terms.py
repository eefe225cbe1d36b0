"""What an order asks for beyond side, size, price and type: trails, times, groups, conditions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final, Literal

from .advisor import Allocation, SoftDollarTier
from .algos import Algo
from .contracts import Contract, SecurityType
from .record import Record

__all__ = [
    "NO_TERMS",
    "AdaptivePriority",
    "Condition",
    "ExecutionCondition",
    "Exercise",
    "Joined",
    "MarginCondition",
    "OcaType",
    "OrderTerms",
    "PercentChangeCondition",
    "PriceCondition",
    "TimeCondition",
    "TriggerMethod",
    "VolumeCondition",
]


class OcaType(IntEnum):
    """What a fill of one order of a one-cancels-all group does to the others (IB campus: OCA)."""

    CANCEL_WITH_BLOCK = 1
    """Cancel them; one of the group works at a time, so that the group is never overfilled."""

    REDUCE_WITH_BLOCK = 2
    """Reduce them by what was filled; one of the group works at a time."""

    REDUCE = 3
    """Reduce them by what was filled; all work at once, so that the group can be overfilled."""


class TriggerMethod(IntEnum):
    """Which prices elect a stop or fulfil a price condition (IB campus: trigger methods)."""

    DEFAULT = 0
    DOUBLE_BID_ASK = 1
    LAST = 2
    DOUBLE_LAST = 3
    BID_ASK = 4
    LAST_OR_BID_ASK = 7
    MIDPOINT = 8


class AdaptivePriority(StrEnum):
    """How urgent IB's adaptive algorithm takes an order."""

    URGENT = "Urgent"
    NORMAL = "Normal"
    PATIENT = "Patient"


class Joined(StrEnum):
    """How a condition is joined with the next one; read from left to right."""

    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCondition(Record):
    """Hold the order until a contract trades `above` or `below` a price; give one of them."""

    contract: Contract | str
    above: Decimal | None = None
    below: Decimal | None = None
    trigger_method: TriggerMethod = TriggerMethod.DEFAULT
    joined: Joined = Joined.AND
    kind: Literal["price"] = "price"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCondition(Record):
    """Hold the order until `after` a time, or let it work `before` one; aware datetimes."""

    after: datetime | None = None
    before: datetime | None = None
    joined: Joined = Joined.AND
    kind: Literal["time"] = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCondition(Record):
    """Hold the order until the account's margin cushion is `above` or `below` whole percents."""

    above: Decimal | None = None
    below: Decimal | None = None
    joined: Joined = Joined.AND
    kind: Literal["margin"] = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCondition(Record):
    """Hold the order until the account has traded a symbol of a security type."""

    symbol: str
    security_type: SecurityType = SecurityType.STOCK
    exchange: str = "SMART"
    joined: Joined = Joined.AND
    kind: Literal["execution"] = "execution"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCondition(Record):
    """Hold the order until a contract's volume of the day is `above` or `below` a whole number."""

    contract: Contract | str
    above: Decimal | None = None
    below: Decimal | None = None
    joined: Joined = Joined.AND
    kind: Literal["volume"] = "volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentChangeCondition(Record):
    """Hold the order until a contract has changed since its close by more or less than percents."""

    contract: Contract | str
    above: Decimal | None = None
    below: Decimal | None = None
    joined: Joined = Joined.AND
    kind: Literal["percent_change"] = "percent_change"


Condition = (
    PriceCondition
    | TimeCondition
    | MarginCondition
    | ExecutionCondition
    | VolumeCondition
    | PercentChangeCondition
)
"""Everything that an order can wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise(Record):
    """
    Exercise options that are held, or let them `lapse`.

    With `override` against what the exchange would do by itself: exercise options that are out of
    the money, or let some lapse that are in it.
    """

    lapse: bool = False
    override: bool = False

    def __str__(self) -> str:
        return ("lapse" if self.lapse else "exercise") + (" (override)" if self.override else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms(Record):
    """
    What an order asks for beyond side, size, limit, stop and time in force.

    The fields are those of `OrderRequest`, which explains them. Of an order that was met at the
    broker it holds what the broker says.
    """

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
    def is_divided(self) -> bool:
        """Whether what is filled goes to several accounts: those of a group, or of a model."""
        return self.allocation is not None or self.model is not None


NO_TERMS: Final = OrderTerms()
"""Of an order that asks for nothing special."""
