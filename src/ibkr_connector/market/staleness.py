"""
When a stream has been silent for too long: plain numbers in, a verdict out.

A stream is judged only while its market is open and the gateway says that it is connected. Each
time that asking again has brought nothing new, the contract is quiet rather than lost, and the
patience doubles.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.gateway.stream_port import StreamKind

__all__ = ["RENEW_EVERY_S", "is_stale", "next_factor"]

RENEW_EVERY_S: Final = 60.0
"""No stream is asked for again more often."""

_SHARE: Final[Mapping[StreamKind, float]] = MappingProxyType(
    {
        StreamKind.QUOTES: 1.0,
        StreamKind.DEPTH: 1.0,
        # One comes every five seconds as long as anything trades (IB campus: real-time bars).
        StreamKind.FIVE_SECONDS: 0.5,
        StreamKind.BARS: 1.0,
        # Minutes may pass between two trades.
        StreamKind.TRADES: 5.0,
    }
)
"""
How many times the configured silence is too long, by kind of stream.

Scans, news and bulletins may be silent for hours, and are never too long.
"""

_MOST: Final = 64


def is_stale(
    kind: StreamKind,
    *,
    silent_s: float,
    since_asked_s: float,
    limit_s: float,
    factor: int,
    own_s: float | None = None,
) -> bool:
    """
    Tell whether a stream of an open market should be asked for again.

    Args:
        kind: Of the stream.
        silent_s: Since something last came.
        since_asked_s: Since it was last asked for.
        limit_s: The configured silence.
        factor: What the contract has taught; see `next_factor`.
        own_s: The silence that a reader of this stream finds too long, whatever its kind.
    """
    if since_asked_s < RENEW_EVERY_S:
        return False
    share = _SHARE.get(kind)
    if share is None:
        return False
    return silent_s >= (limit_s * share if own_s is None else own_s) * factor


def next_factor(factor: int) -> int:
    """Return the patience after asking again has brought nothing."""
    return min(2 * factor, _MOST)
