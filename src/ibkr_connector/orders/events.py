"""What a stream of order events says: records that name the order, what happened, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ibkr_connector.model.orders import Fill, OrderReport, Transition
from ibkr_connector.model.record import Record

from .drift import Drift

__all__ = [
    "BracketBroken",
    "DriftFound",
    "EventsMissed",
    "FillBusted",
    "FillCharged",
    "FillCorrected",
    "FillReceived",
    "OrderAnomaly",
    "OrderChanged",
    "OrderEvent",
    "RulesReloaded",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(Record):
    """
    An order took a step, or the broker told something new of it.

    `transition` is `None` when its state stayed (a permanent id, a new quantity). `at` is when we
    heard of it, UTC; `recovered` says that it came as an answer to a question and not as it
    happened. `report` is the picture after everything that the same message said.
    """

    at: datetime
    report: OrderReport
    transition: Transition | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReceived(Record):
    """An execution nobody had heard of; `recovered` as in `OrderChanged`."""

    at: datetime
    report: OrderReport
    fill: Fill
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCorrected(Record):
    """The broker replaced an execution: `fill` counts from now on, `before` does not."""

    at: datetime
    report: OrderReport
    fill: Fill
    before: Fill
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBusted(Record):
    """
    The broker took an execution back; `fill` is its word for it, with quantity 0.

    `before` is what counted until now, `None` when the execution itself was never heard of.
    """

    at: datetime
    report: OrderReport
    fill: Fill
    before: Fill | None
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCharged(Record):
    """The broker told what an execution cost; `fill` carries it."""

    at: datetime
    report: OrderReport
    fill: Fill
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnomaly(Record):
    """The broker said something that cannot be; it changed nothing."""

    at: datetime
    report: OrderReport
    said: str
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFound(Record):
    """
    The ledger and the broker were found to differ; what `drift` says stood on both sides.

    `report` is that of the order it is about, as it stands here, `None` without one.
    """

    at: datetime
    drift: Drift
    report: OrderReport | None = None
    recovered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketBroken(Record):
    """
    A bracket has `lost` an exit although its entry (`report`) has traded.

    `left` of what it has opened has no way out, or only one. Nothing was done about it.
    """

    at: datetime
    report: OrderReport
    lost: tuple[OrderReport, ...]
    left: Decimal
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesReloaded(Record):
    """
    The files of the rules were read again, and something has changed.

    `source` says where the rules in force come from. `problem` says what is wrong with the files:
    then the earlier rules stay in force; it is empty when they are whole.
    """

    at: datetime
    source: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsMissed(Record):
    """Events were dropped here because the reader was too slow; ask for reports instead."""

    count: int


OrderEvent = (
    OrderChanged
    | FillReceived
    | FillCorrected
    | FillBusted
    | FillCharged
    | OrderAnomaly
    | DriftFound
    | BracketBroken
    | RulesReloaded
    | EventsMissed
)
"""Everything that a stream says."""
