"""What changed in an account, as readers of its changes receive it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .account import FigureSource, Position
from .contracts import Contract
from .record import Record

__all__ = ["AccountChange", "ChangesMissed", "FigureChanged", "PositionChange", "PositionChanged"]


class PositionChange(StrEnum):
    """What became of a position."""

    OPENED = "opened"
    INCREASED = "increased"
    REDUCED = "reduced"
    REVERSED = "reversed"
    """From long to short or back."""

    CLOSED = "closed"
    COST = "cost"
    """Another average cost for the same quantity."""

    REVALUED = "revalued"
    """Another price, market value or gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged(Record):
    """
    A position is another than before; `before` is `None` when opened, `after` when closed.

    `recovered` tells that it was found by asking, after a connection was made or came back.
    """

    at: datetime
    account: str
    contract: Contract
    kind: PositionChange
    before: Position | None
    after: Position | None
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChanged(Record):
    """
    A figure of an account is another than before, under IB's name for it.

    `before` and `after` are `None` where there was no number; `text` is what came.
    """

    at: datetime
    account: str
    tag: str
    currency: str
    before: Decimal | None
    after: Decimal | None
    text: str
    source: FigureSource
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesMissed(Record):
    """So many changes were dropped here, because the reader was slower than they came."""

    count: int


AccountChange = PositionChanged | FigureChanged | ChangesMissed
"""What a reader of changes gets."""
