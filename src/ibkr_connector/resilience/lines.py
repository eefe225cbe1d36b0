"""
How many market data streams may be open at once.

IB sells lines: every stream of prices takes one, live bars too, and the user's own TWS windows take
from the same stock. Market depth and tick-by-tick streams have stocks of their own, which follow
from the number of lines. When the gateway refuses one although we thought that there was room,
somebody else uses the others: what is used then is what there is, until a while later.

Source: IB campus, market data lines (at least 100, shared with TWS), tick-by-tick (5 % of the
lines), code 101; market depth: 3 at least, 60 at most, IB's older page of that name. That a line
for depth goes with each hundred is assumed. Ten market scans at a time: IB campus, market scanner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import MarketDataPermissionError
from ibkr_connector.model.pacing import LineStatus

__all__ = ["LineBudget", "LinePool"]

LEAST_DEPTH: Final = 3
MOST_DEPTH: Final = 60
MOST_SCANS: Final = 10
TICKS_SHARE: Final = 20
"""One tick-by-tick stream for so many lines."""

RELEARN_S: Final = 600.0
"""A learned limit is tried again, one line more, each time so much has passed."""

NEVER: Final = float("-inf")


class LinePool(StrEnum):
    """What a stream takes its line from."""

    LINES = "lines"
    """Prices of every kind, live bars, history that keeps up to date."""

    DEPTH = "depth"
    TICKS = "ticks"
    SCANS = "scans"


class LineBudget:
    """
    Counts the lines that are taken. Decides at once and never waits.

    Args:
        lines: Market data lines of the account.
        clock: Measures how old what was learned is.
    """

    def __init__(self, lines: int, *, clock: Clock) -> None:
        depth = min(MOST_DEPTH, max(LEAST_DEPTH, lines // 100))
        self._pools: Mapping[LinePool, _Pool] = MappingProxyType(
            {
                LinePool.LINES: _Pool(LinePool.LINES, lines, clock),
                LinePool.DEPTH: _Pool(LinePool.DEPTH, depth, clock),
                LinePool.TICKS: _Pool(LinePool.TICKS, max(1, lines // TICKS_SHARE), clock),
                LinePool.SCANS: _Pool(LinePool.SCANS, MOST_SCANS, clock),
            }
        )

    def take(self, key: Hashable, *, pool: str = LinePool.LINES) -> bool:
        """
        Take a line for a stream, or share the one that the same stream has.

        Returns:
            Whether it is a new line.

        Raises:
            MarketDataPermissionError: None is left; says how many are used.
        """
        return self._pools[LinePool(pool)].take(key)

    def give_back(self, key: Hashable, *, pool: str = LinePool.LINES) -> bool:
        """Give one share of a stream's line back; returns whether the line is free now."""
        return self._pools[LinePool(pool)].give_back(key)

    def refused(self, *, pool: str = LinePool.LINES) -> None:
        """Learn from the gateway's refusal: no more than what is taken without the one refused."""
        self._pools[LinePool(pool)].refused()

    @property
    def limit(self) -> int:
        """How many lines there are, as learned."""
        return self._pools[LinePool.LINES].limit

    @property
    def used(self) -> int:
        """How many of them are taken."""
        return self._pools[LinePool.LINES].used

    @property
    def free(self) -> int:
        """How many are left."""
        return max(0, self.limit - self.used)

    def status(self) -> Mapping[str, LineStatus]:
        """Return how each sort of lines stands."""
        return {pool.value: counted.status() for pool, counted in self._pools.items()}


class _Pool:
    def __init__(self, name: LinePool, limit: int, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._most = limit
        self._learned = limit
        self._learned_at = NEVER
        self._holders: Counter[Hashable] = Counter()

    @property
    def used(self) -> int:
        return len(self._holders)

    @property
    def limit(self) -> int:
        if self._learned < self._most:
            steps = int((self._clock.monotonic() - self._learned_at) // RELEARN_S)
            if steps > 0:
                self._learned_at += steps * RELEARN_S
                self._learned = min(self._most, self._learned + steps)
        return self._learned

    def take(self, key: Hashable) -> bool:
        if key not in self._holders:
            if self.used >= self.limit:
                raise self._none_left()
            self._holders[key] = 1
            return True
        self._holders[key] += 1
        return False

    def give_back(self, key: Hashable) -> bool:
        if key not in self._holders:
            return False
        self._holders[key] -= 1
        if self._holders[key] > 0:
            return False
        del self._holders[key]
        return True

    def refused(self) -> None:
        # one must be left, or nothing would ever be asked again
        self._learned = max(1, min(self.limit, self.used))
        self._learned_at = self._clock.monotonic()

    def status(self) -> LineStatus:
        return LineStatus(limit=self._most, limit_now=self.limit, used=self.used)

    def _none_left(self) -> MarketDataPermissionError:
        learned = "" if self.limit == self._most else f"; the settings say {self._most}"
        return MarketDataPermissionError(
            f"expected a free line for {_WHAT[self._name]}, "
            f"found {self.used} of {self.limit} taken{learned}",
            hint="end streams that you do not need, close market data in TWS, or set "
            "IBKR_MARKET_DATA_LINES to what the account has",
        )


_WHAT: Final[Mapping[LinePool, str]] = MappingProxyType(
    {
        LinePool.LINES: "market data",
        LinePool.DEPTH: "market depth",
        LinePool.TICKS: "tick-by-tick data",
        LinePool.SCANS: "market scans",
    }
)
