"""Rolls of futures, series that go on over them, and what came of fetching many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from .contracts import Contract
from .market import Bar
from .record import Record

if TYPE_CHECKING:
    from ibkr_connector.errors import IBKRError

__all__ = [
    "Adjustment",
    "ContinuousSeries",
    "FetchedFuture",
    "FuturesFetch",
    "Roll",
    "RollNotice",
    "RollRule",
]


class RollRule(StrEnum):
    """When the next contract takes over."""

    EXPIRY = "expiry"
    """So many trading days before the last one."""

    VOLUME = "volume"
    """When it trades more; at the latest by expiry."""

    OPEN_INTEREST = "open_interest"
    """When more of it is open. IB tells that of today alone, so it chooses a front month only."""


class Adjustment(StrEnum):
    """What is done to the prices before a roll, so that the roll is no jump."""

    NONE = "none"
    DIFFERENCE = "difference"
    """They are shifted by the gap between both contracts; they may fall below zero."""

    RATIO = "ratio"
    """They are multiplied by it, which keeps returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll(Record):
    """
    A change of contract: from `day` on it is `new`.

    `old_close` and `new_close` are both contracts' prices at the last bar that both have before;
    `None` in a calendar, which knows no prices.
    """

    day: date
    old: Contract
    new: Contract
    old_close: Decimal | None = None
    new_close: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollNotice(Record):
    """
    The front contract of a symbol gives way soon, or has done so.

    `day` is the first one of `new` by expiry, the latest there is under every rule, and `days_left`
    are the trading days until then, today included. Of a roll that has happened `is_over` is true,
    and `day` the one on which it was seen.
    """

    symbol: str
    day: date
    days_left: int
    old: Contract
    new: Contract
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousSeries(Record):
    """Bars of one contract after another, oldest first, and the rolls between them."""

    symbol: str
    bar_size: str
    rule: RollRule
    adjustment: Adjustment
    contracts: tuple[Contract, ...]
    rolls: tuple[Roll, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFuture(Record):
    """The front contract of a symbol, the bars fetched of it, and how many of them were new."""

    symbol: str
    contract: Contract
    bars: tuple[Bar, ...]
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesFetch(Record):
    """What came of fetching many futures; `failures` has the reason of each that is missing."""

    results: tuple[FetchedFuture, ...]
    failures: Mapping[str, IBKRError]

    @property
    def contracts_processed(self) -> int:
        """How many contracts were fetched and stored."""
        return len(self.results)

    @property
    def bars_stored(self) -> int:
        """How many bars were not there before."""
        return sum(one.stored for one in self.results)
