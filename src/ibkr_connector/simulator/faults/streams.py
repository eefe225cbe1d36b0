"""
What a client has open, seen from its requests: what an outage ends and a data farm resets.

The session keeps its own list; this one is for faults, which know messages only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import ErrorMessage, Reply
from ibkr_connector.simulator.wire.requests import Request

__all__ = ["DATA_REPLIES", "STREAMS", "STREAM_NAMES", "Streams"]

_CANCELS: Final = {
    "ReqMarketData": "CancelMarketData",
    "ReqTickByTick": "CancelTickByTick",
    "ReqRealTimeBars": "CancelRealTimeBars",
    "ReqHistoricalData": "CancelHistoricalData",
    "ReqMarketDepth": "CancelMarketDepth",
}

STREAMS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        opening: getattr(ask, closing)
        for opening, closing in _CANCELS.items()
        if hasattr(ask, opening) and hasattr(ask, closing)
    }
)
"""Requests that open a stream of market data, each with what closes it."""

STREAM_NAMES: Final = frozenset(_CANCELS)

DATA_REPLIES: Final = frozenset(
    {
        "TickPrice",
        "TickSize",
        "TickGeneric",
        "TickString",
        "TickOptionComputation",
        "TickEfp",
        "TickByTickLast",
        "TickByTickBidAsk",
        "TickByTickMidpoint",
        "RealTimeBar",
        "HistoricalDataUpdate",
        "MarketDepth",
        "MarketDepthL2",
    }
)
"""Replies that come from a data farm, again and again."""


@dataclass(slots=True)
class Streams:
    """The streams that one client has open."""

    open: dict[tuple[str, int], Request] = field(default_factory=dict)

    def note(self, request: Request, replies: Sequence[Reply] = ()) -> None:
        """Remember what a request opens or closes; one that is answered by errors opens nothing."""
        name = type(request).__name__
        number = getattr(request, "request_id", None)
        if number is None:
            return
        is_refused = bool(replies) and all(isinstance(one, ErrorMessage) for one in replies)
        if name in STREAMS and _goes_on(request) and not is_refused:
            self.open[name, number] = request
        for opening, closing in STREAMS.items():
            if isinstance(request, closing):
                self.open.pop((opening, number), None)

    def of(self, kinds: Iterable[str]) -> Iterator[tuple[int, Request, Request]]:
        """Yield id, request and what closes it, of every open stream of some kinds."""
        wanted = frozenset(kinds)
        for (name, number), request in tuple(self.open.items()):
            if name in wanted:
                yield number, request, _closing(request)


def _goes_on(request: Request) -> bool:
    if isinstance(request, ask.ReqHistoricalData):
        return request.keep_up_to_date
    return not getattr(request, "snapshot", False)


def _closing(request: Any) -> Request:
    kind = STREAMS[type(request).__name__]
    values = {"request_id": request.request_id}
    # depth is closed as what it was opened, at least since there is smart depth
    if "is_smart" in kind.__dataclass_fields__:
        values["is_smart"] = request.is_smart
    closing: Request = kind(**values)
    return closing
