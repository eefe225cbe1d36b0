"""A stream that is followed for the sake of one answer, and left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import DataType, Quote

from .requests import Pending, Requests
from .stream_port import StreamFault, StreamItem, StreamKind, StreamRequest
from .streams import Streams

__all__ = ["followed_greeks"]


class _Awaited:
    """Hears the line until IB's model has said the option's delta."""

    def __init__(self, requests: Requests, pending: Pending, *, takes_delayed: bool) -> None:
        self._requests = requests
        self._pending = pending
        self._takes_delayed = takes_delayed
        self.quote: Quote | None = None

    def item(self, item: StreamItem) -> None:
        """Take the newest quote."""
        assert isinstance(item, Quote)
        self.quote = item

    def flush(self) -> None:
        """End the waiting when it is the quote that was waited for."""
        greeks = None if self.quote is None else self.quote.greeks
        if greeks is not None and greeks.model is not None and greeks.model.delta is not None:
            self._requests.end(self._pending.request_id)

    def fault(self, fault: StreamFault) -> None:
        """End the waiting, unless the message is no end."""
        # "delayed data is available" is no end for whoever asked for delayed data (code 10089)
        if fault.error is not None and not (fault.depends and self._takes_delayed):
            self._requests.fail(self._pending.request_id, fault.error)


async def followed_greeks(
    contract: Contract,
    *,
    streams: Streams,
    requests: Requests,
    data_type: DataType,
    patience_s: float,
) -> Quote:
    """
    Follow an option until IB's model has spoken, or for `patience_s`; return the newest quote.

    Raises:
        MarketDataPermissionError: No subscription (TWS 354, 10089, 10168).
        NoDataError: Nothing at all came.
    """
    # entered among the questions, so that it ends with the session
    pending = requests.open("greeks", collector=None)
    listener = _Awaited(requests, pending, takes_delayed=data_type >= DataType.DELAYED)
    try:
        asked = StreamRequest(kind=StreamKind.QUOTES, contract=contract, data_type=data_type)
        line = streams.open(asked, listener)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await pending.future
        finally:
            line.close()
    finally:
        requests.forget(pending)
    if listener.quote is None:
        raise NoDataError(f"nothing of {contract} came within {patience_s:g} s")
    return listener.quote
