"""
What a tape is: prices of any instrument at any moment, and the records that it answers with.

A tape is a function of time, so that history and stream are two views of the same thing: what a bar
said an hour ago is what the quotes of that hour were.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from .contract import Instrument

__all__ = ["Level", "QuoteTick", "Swing", "Tape", "TapeError", "TradeTick"]

Level = tuple[Decimal, Decimal]
"""A price and the size that stands there."""


class TapeError(ValueError):
    """Recorded or written prices that cannot be read; the text says where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """
    Where the middle price went in an interval, its end excluded, and what was traded in it.

    The swing of an interval is exactly that of its parts taken together: the first open, the
    highest high, the lowest low, the last close, and the sums.
    """

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    count: int

    def after(self, before: Swing | None) -> Swing:
        """Return the swing of an interval and of the one that this one follows."""
        if before is None:
            return self
        return Swing(
            open=before.open,
            high=max(before.high, self.high),
            low=min(before.low, self.low),
            close=self.close,
            volume=before.volume + self.volume,
            count=before.count + self.count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTick:
    """One trade; `is_odd` says that it does not count for the last price, as odd lots do not."""

    at: datetime
    price: Decimal
    size: Decimal
    exchange: str = ""
    is_odd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteTick:
    """The best bid and ask from a moment on; a price is `None` when that side is empty."""

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal
    ask_size: Decimal


class Tape(Protocol):
    """A price for every moment."""

    def stretch(self, at: datetime) -> Hashable:
        """
        Name the stretch of time around a moment in which no price, size or last trade changes.

        Two moments with one name have one market, so that it need not be asked for twice.
        """
        ...

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the middle price, on half ticks; `None` when there is none (yet)."""
        ...

    def last(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the price of the last trade; `None` when there was none (yet)."""
        ...

    def swing(self, instrument: Instrument, start: datetime, end: datetime) -> Swing | None:
        """Return where the price went from `start` until before `end`; `None` without a price."""
        ...

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """Return a few prices of an interval, its extremes among them; empty without a price."""
        ...

    def ladder(
        self, instrument: Instrument, at: datetime, depth: int
    ) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the bids and the asks that stand at a moment, each with the best first."""
        ...

    def trades(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[TradeTick]:
        """Yield the trades of an interval, oldest first, its end excluded."""
        ...

    def quotes(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[QuoteTick]:
        """Yield every change of the best bid and ask in an interval, oldest first."""
        ...
