"""
IB's limits on historical requests, counted exactly.

A limit is "so many in any window of so many seconds", so the moments of the last so many requests
are all that has to be kept. No clock and no waiting here: the moment is an argument.

Source of the rules: IB campus, historical data limitations. They are hard for bars of 30 seconds
and less; for larger ones IB throttles softly by itself, and we do not.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from .operation import HistoryKey

__all__ = ["HistoryGovernor", "Window"]

SLACK_S: Final = 0.05
"""Our moment of sending and the gateway's moment of counting differ; without slack 60 become 61."""

ALL: Final = (60, 600.0)
"""At most sixty in ten minutes, BID_ASK counting twice."""

SAME_CONTRACT: Final = (5, 2.0)
"""Fewer than six for one contract, exchange and tick type in two seconds."""

IDENTICAL: Final = (1, 15.0)
"""No identical request within fifteen seconds."""

KEYS_KEPT: Final = 1024
"""Keys after which those that no longer limit anything are dropped."""


class Window:
    """At most `limit` in any `span_s` seconds."""

    __slots__ = ("_limit", "_span_s", "_taken")

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._taken: deque[float] = deque()

    def wait_s(self, now: float, weight: int) -> float:
        """
        Return the seconds until `weight` more fit, 0 when they fit now.

        For more than fits at all, the answer is when the last of them would, one window after the
        other: that is how long the end of a queue waits.
        """
        self._forget(now)
        taken = self._taken
        excess = len(taken) + weight - self._limit
        if excess <= 0:
            return 0.0
        rounds, place = divmod(excess - 1, self._limit)
        leaves = taken[min(place, len(taken) - 1)] if taken else now
        return leaves + self._span_s * (rounds + 1) - now

    def take(self, now: float, weight: int) -> None:
        """Count `weight` requests at this moment."""
        self._taken.extend([now] * weight)

    def is_idle(self, now: float) -> bool:
        """Tell whether nothing in the window counts any more."""
        self._forget(now)
        return not self._taken

    def _forget(self, now: float) -> None:
        while self._taken and now - self._taken[0] >= self._span_s:
            self._taken.popleft()


class HistoryGovernor:
    """All hard rules of historical requests together; a request passes all of them or none."""

    def __init__(self, *, slack_s: float = SLACK_S) -> None:
        self._slack_s = slack_s
        self._all = self._window(ALL)
        self._by_contract: dict[str, Window] = {}
        self._by_identity: dict[str, Window] = {}

    def wait_s(self, key: HistoryKey, now: float, *, ahead: int = 0) -> float:
        """
        Return the seconds until this request may go, 0 when it may go now.

        Args:
            key: What it counts under.
            now: This moment.
            ahead: Weight of the small-bar requests that wait before it.
        """
        if not key.small_bars:
            return 0.0
        waits = [self._all.wait_s(now, key.weight + ahead)]
        if (contract := self._by_contract.get(key.contract_key)) is not None:
            waits.append(contract.wait_s(now, key.weight))
        if (identical := self._by_identity.get(key.identical_key)) is not None:
            waits.append(identical.wait_s(now, 1))
        return max(waits)

    def take(self, key: HistoryKey, now: float) -> None:
        """Count this request under all its rules; ask `wait_s` first."""
        if not key.small_bars:
            return
        self._all.take(now, key.weight)
        self._make_room(now)
        contract = self._by_contract.setdefault(key.contract_key, self._window(SAME_CONTRACT))
        contract.take(now, key.weight)
        identical = self._by_identity.setdefault(key.identical_key, self._window(IDENTICAL))
        identical.take(now, 1)

    @property
    def keys(self) -> int:
        """How many keys are remembered."""
        return len(self._by_contract) + len(self._by_identity)

    def _make_room(self, now: float) -> None:
        for table in (self._by_contract, self._by_identity):
            if len(table) >= KEYS_KEPT:
                for idle in [name for name, window in table.items() if window.is_idle(now)]:
                    del table[idle]

    def _window(self, rule: tuple[int, float]) -> Window:
        limit, span_s = rule
        return Window(limit, span_s + self._slack_s)
