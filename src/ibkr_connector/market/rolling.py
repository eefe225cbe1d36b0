"""
The newest bars of many symbols as numpy arrays, kept up to date in place.

    windows = RollingWindows(500)
    async for update in ib.stream_bars("AAPL", bar_size="1 min"):
        if isinstance(update, BarUpdate):
            windows.take("AAPL", update.bar)
        closes = windows["AAPL"].close  # no copy

Each symbol has arrays of equal length, oldest first: row `n` of each is the same bar. Only valid
prices enter: finite and above zero. One thread writes; a view that was taken stays what it was, but
for its newest row, which changes as its bar grows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ibkr_connector.errors import MarketDataError, NoDataError
from ibkr_connector.model.bars import micros
from ibkr_connector.model.market import Bar

__all__ = ["RollingWindows", "Window"]

_COLUMNS: Final = ("high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    The newest bars of one symbol; the arrays are views that cannot be written.

    `timestamp` is `datetime64[us]` in UTC. `session_high` and `session_low` run since the session
    began; `last_update` is when the newest row changed.
    """

    symbol: str
    timestamp: NDArray[np.datetime64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    session_high: float
    session_low: float
    last_update: datetime

    def __len__(self) -> int:
        return len(self.close)

    def age_s(self, now: datetime) -> float:
        """Return how long ago the newest row changed."""
        return (now - self.last_update).total_seconds()


class _Rows:
    """The arrays of one symbol: twice as long as a window, filled from the front."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._new()
        self.end = 0
        self.session: Hashable = None
        self.session_high = -math.inf
        self.session_low = math.inf
        self.last_update: datetime | None = None

    def _new(self) -> None:
        # not cleared but made anew: views of the old ones stay what they were
        self.times: NDArray[np.int64] = np.empty(2 * self._length, dtype=np.int64)
        self.figures: NDArray[np.float64] = np.empty((4, 2 * self._length))

    def put(self, time: int, figures: tuple[float, float, float, float]) -> bool:
        if self.end and time < self.times[self.end - 1]:
            return False
        if not self.end or time > self.times[self.end - 1]:
            if self.end == 2 * self._length:
                times, old, keep = self.times, self.figures, self._length - 1
                self._new()
                self.times[:keep] = times[self.end - keep : self.end]
                self.figures[:, :keep] = old[:, self.end - keep : self.end]
                self.end = keep
            self.end += 1
        self.times[self.end - 1] = time
        self.figures[:, self.end - 1] = figures
        return True

    def view(self, symbol: str) -> Window:
        first = max(0, self.end - self._length)
        times = self.times[first : self.end].view("datetime64[us]")
        rows: list[NDArray[Any]] = [times, *(row[first : self.end] for row in self.figures)]
        for row in rows:
            row.flags.writeable = False
        assert self.last_update is not None
        return Window(
            symbol=symbol,
            timestamp=rows[0],
            high=rows[1],
            low=rows[2],
            close=rows[3],
            volume=rows[4],
            session_high=self.session_high,
            session_low=self.session_low,
            last_update=self.last_update,
        )


def _utc_day(time: datetime) -> Hashable:
    return time.date()


class RollingWindows:
    """
    Windows of many symbols, each of the same length.

    Args:
        length: Bars that a window holds at most.
        session_of: Tells sessions apart by the time of a bar; days of UTC when not given.
    """

    def __init__(
        self, length: int, *, session_of: Callable[[datetime], Hashable] = _utc_day
    ) -> None:
        if length < 1:
            raise MarketDataError(f"a window holds one bar or more, not {length}")
        self._length = length
        self._session_of = session_of
        self._rows: dict[str, _Rows] = {}
        self.rejected = 0
        """Bars that did not enter: a price that is none, or a time before the newest."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._rows

    def __getitem__(self, symbol: str) -> Window:
        """
        Return the window of a symbol, without a copy.

        Raises:
            NoDataError: No valid bar of it has come yet.
        """
        rows = self._rows.get(symbol)
        if rows is None:
            raise NoDataError(f"no valid bar of {symbol} has come yet")
        return rows.view(symbol)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols with a bar or more."""
        return tuple(self._rows)

    def take(self, symbol: str, bar: Bar, *, now: datetime | None = None) -> bool:
        """
        Put a bar behind the others, or in the place of the newest, whose time it has.

        Args:
            symbol: Whose it is.
            bar: The bar.
            now: When it came; its own time when not given.

        Returns:
            Whether it entered.
        """
        high, low, close = float(bar.high), float(bar.low), float(bar.close)
        volume = math.nan if bar.volume is None else float(bar.volume)
        if not all(math.isfinite(price) and price > 0 for price in (high, low, close)):
            self.rejected += 1
            return False
        rows = self._rows.get(symbol) or _Rows(self._length)
        if not rows.put(micros(bar.timestamp), (high, low, close, volume)):
            self.rejected += 1
            return False
        self._rows[symbol] = rows
        session = self._session_of(bar.timestamp)
        if session != rows.session:
            rows.session, rows.session_high, rows.session_low = session, high, low
        rows.session_high = max(rows.session_high, high)
        rows.session_low = min(rows.session_low, low)
        rows.last_update = now or bar.timestamp
        return True

    def fill(self, symbol: str, bars: Iterable[Bar]) -> int:
        """Put many bars in, as those of a download; return how many entered."""
        return sum(self.take(symbol, bar) for bar in bars)

    def together(
        self, symbols: Iterable[str] | None = None, *, column: str = "close"
    ) -> tuple[NDArray[np.datetime64], Mapping[str, NDArray[np.float64]]]:
        """
        Return one column of several symbols at the times that all of them have; these are copies.

        Raises:
            NoDataError: A symbol has no bar yet.
        """
        if column not in _COLUMNS:
            raise MarketDataError(f"{column!r} is no column; there are {', '.join(_COLUMNS)}")
        windows = [self[symbol] for symbol in (self.symbols if symbols is None else symbols)]
        if not windows:
            raise NoDataError("no symbol has a bar yet")
        times = windows[0].timestamp
        for window in windows[1:]:
            times = np.intersect1d(times, window.timestamp, assume_unique=True)
        return times, {
            window.symbol: getattr(window, column)[np.searchsorted(window.timestamp, times)]
            for window in windows
        }
