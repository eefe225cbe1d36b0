"""What the registry of streams needs of whoever counts market data lines, and a plain count."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from ibkr_connector.errors import MarketDataPermissionError
from ibkr_connector.gateway.stream_port import StreamKind

__all__ = ["POOLS", "LineCount", "Lines"]

POOLS: Final[Mapping[StreamKind, str]] = MappingProxyType(
    {
        StreamKind.QUOTES: "lines",
        StreamKind.FIVE_SECONDS: "lines",
        StreamKind.BARS: "lines",
        StreamKind.TRADES: "ticks",
        StreamKind.DEPTH: "depth",
    }
)
"""What a stream is counted among; IB limits each by itself."""


class Lines(Protocol):
    """Counts upstream lines against what the login may have; never waits."""

    def take(self, key: Hashable, *, pool: str) -> object:
        """
        Count a line.

        Raises:
            MarketDataPermissionError: None is free.
        """
        ...

    def give_back(self, key: Hashable, *, pool: str) -> object:
        """Count it no longer; idempotent."""
        ...

    def refused(self, *, pool: str) -> object:
        """The gateway says that it has no more lines than are counted now."""
        ...


class LineCount:
    """A plain count with one limit for each pool, which a refusal lowers."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)
        self._taken: dict[str, set[Hashable]] = {pool: set() for pool in limits}

    def take(self, key: Hashable, *, pool: str) -> None:
        """
        Count a line.

        Raises:
            MarketDataPermissionError: None is free.
        """
        taken, limit = self._taken[pool], self._limits[pool]
        if key not in taken and len(taken) >= limit:
            raise MarketDataPermissionError(
                f"all {limit} market data {pool} of this login are in use",
                hint="close streams that you do not need",
            )
        taken.add(key)

    def give_back(self, key: Hashable, *, pool: str) -> None:
        """Count it no longer; idempotent."""
        self._taken[pool].discard(key)

    def refused(self, *, pool: str) -> None:
        """The gateway says that it has no more lines than are counted now."""
        self._limits[pool] = max(1, len(self._taken[pool]))
