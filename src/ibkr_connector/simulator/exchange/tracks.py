"""What was recorded of one symbol: prices, quotes and trades, each found by its moment."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .prices import QuoteTick, TradeTick

__all__ = ["Track"]


@dataclass(slots=True)
class Track:
    """What was recorded, oldest first."""

    points: Sequence[tuple[datetime, Decimal]] = ()
    """Middle prices, or those of trades where nothing else is known."""

    quotes: Sequence[QuoteTick] = ()
    trades: Sequence[TradeTick] = ()
    _point_times: list[datetime] = field(init=False, repr=False)
    _quote_times: list[datetime] = field(init=False, repr=False)
    _trade_times: list[datetime] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._point_times = [at for at, _ in self.points]
        self._quote_times = [quote.at for quote in self.quotes]
        self._trade_times = [trade.at for trade in self.trades]

    def price(self, at: datetime) -> Decimal | None:
        """Return the last price recorded until then."""
        index = bisect.bisect_right(self._point_times, at) - 1
        return self.points[index][1] if index >= 0 else None

    def quote(self, at: datetime) -> QuoteTick | None:
        """Return the last quote recorded until then."""
        index = bisect.bisect_right(self._quote_times, at) - 1
        return self.quotes[index] if index >= 0 else None

    def trade(self, at: datetime) -> TradeTick | None:
        """Return the last trade recorded until then."""
        index = bisect.bisect_right(self._trade_times, at) - 1
        return self.trades[index] if index >= 0 else None

    def prices_within(self, start: datetime, end: datetime) -> list[Decimal]:
        """Return the prices recorded from `start` until before `end`."""
        first = bisect.bisect_left(self._point_times, start)
        last = bisect.bisect_left(self._point_times, end)
        return [price for _, price in self.points[first:last]]

    def trades_within(self, start: datetime, end: datetime) -> Sequence[TradeTick]:
        """Return the trades recorded from `start` until before `end`."""
        first = bisect.bisect_left(self._trade_times, start)
        return self.trades[first : bisect.bisect_left(self._trade_times, end)]

    def quotes_within(self, start: datetime, end: datetime) -> Sequence[QuoteTick]:
        """Return the quotes recorded from `start` until before `end`."""
        first = bisect.bisect_left(self._quote_times, start)
        return self.quotes[first : bisect.bisect_left(self._quote_times, end)]
