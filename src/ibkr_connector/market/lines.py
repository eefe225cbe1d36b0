"""What a stream is counted under: a pool of lines, messages, and for bars the rules of history."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.resilience.operation import (
    ENDPOINTS,
    LIVE_BARS,
    EndpointPolicy,
    HistoryKey,
)

from .spans import SMALL_BAR_SIZES

__all__ = ["Lines", "history_of", "policy_of", "pool_of"]

_POOLS: Final[Mapping[StreamKind, str]] = MappingProxyType(
    {
        StreamKind.QUOTES: "lines",
        StreamKind.FIVE_SECONDS: "lines",
        StreamKind.BARS: "lines",
        StreamKind.TRADES: "ticks",
        StreamKind.DEPTH: "depth",
        StreamKind.SCAN: "scans",
        # a request for ticks like that of quotes; whether it is counted like one nobody says
        StreamKind.NEWS: "lines",
    }
)
"""What a stream is counted among; IB limits each by itself."""


def pool_of(request: StreamRequest) -> str | None:
    """Return what a stream is counted among; `None` for one that IB does not count."""
    return _POOLS.get(request.kind)


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


def history_of(request: StreamRequest) -> HistoryKey | None:
    """Return what opening a stream counts under among historical requests, if it does."""
    if request.kind is StreamKind.FIVE_SECONDS:
        return LIVE_BARS
    if request.kind is not StreamKind.BARS:
        return None
    contract, show = request.contract, request.what_to_show
    return HistoryKey(
        contract_key=f"{contract.con_id}/{contract.exchange}/{show}",
        # no two of them are identical to IB, because each is asked for at another moment
        identical_key="",
        small_bars=request.bar_size in SMALL_BAR_SIZES,
    )


def policy_of(request: StreamRequest, *, is_new: bool, needs_data_type: bool) -> EndpointPolicy:
    """
    Return how opening a stream is paced.

    Args:
        request: What is opened.
        is_new: Whether it has never been asked for. Of single ticks only those are held apart: a
            new session counts anew, and a silent stream is not renewed sooner anyway.
        needs_data_type: Whether the kind of data must be set by a message of its own.
    """
    if request.kind in (StreamKind.BARS, StreamKind.FIVE_SECONDS):
        return ENDPOINTS["subscribe_bars"]
    if request.kind is StreamKind.TRADES and is_new:
        return ENDPOINTS["subscribe_ticks"]
    return ENDPOINTS["subscribe_typed" if needs_data_type else "subscribe"]
