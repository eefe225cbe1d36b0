"""A stream that is followed for the sake of one answer, and left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from ibkr_connector.errors import NoDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.extras import QuoteExtra
from ibkr_connector.model.market import DataType, Quote

from .extra_ticks import generic_list
from .requests import Pending, Requests
from .stream_port import StreamFault, StreamItem, StreamKind, StreamRequest
from .streams import Streams

__all__ = ["followed", "followed_extra", "followed_greeks"]


class _Awaited:
    """Hears the line until a quote is enough."""

    def __init__(
        self,
        requests: Requests,
        pending: Pending,
        *,
        is_enough: Callable[[Quote], bool],
        takes_delayed: bool,
    ) -> None:
        self._requests = requests
        self._pending = pending
        self._is_enough = is_enough
        self._takes_delayed = takes_delayed
        self.quote: Quote | None = None

    def item(self, item: StreamItem) -> None:
        """Take the newest quote."""
        assert isinstance(item, Quote)
        self.quote = item

    def flush(self) -> None:
        """End the waiting when it is the quote that was waited for."""
        if self.quote is not None and self._is_enough(self.quote):
            self._requests.end(self._pending.request_id)

    def fault(self, fault: StreamFault) -> None:
        """End the waiting, unless the message is no end."""
        # "delayed data is available" is no end for whoever asked for delayed data (code 10089)
        if fault.error is not None and not (fault.depends and self._takes_delayed):
            self._requests.fail(self._pending.request_id, fault.error)


async def followed(
    request: StreamRequest,
    *,
    streams: Streams,
    requests: Requests,
    is_enough: Callable[[Quote], bool],
    patience_s: float,
) -> Quote | None:
    """
    Follow quotes until one is enough, or for `patience_s`; return the newest, if any came.

    The line is one of its own: nothing that was told before is taken for what is told now.

    Raises:
        MarketDataPermissionError: No subscription (TWS 354, 10089, 10168).
    """
    # entered among the questions, so that it ends with the session
    pending = requests.open("quote", collector=None)
    listener = _Awaited(
        requests,
        pending,
        is_enough=is_enough,
        takes_delayed=request.data_type >= DataType.DELAYED,
    )
    try:
        line = streams.open(request, listener)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await pending.future
        finally:
            line.close()
    finally:
        requests.forget(pending)
    return listener.quote


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
    quote = await followed(
        StreamRequest(kind=StreamKind.QUOTES, contract=contract, data_type=data_type),
        streams=streams,
        requests=requests,
        is_enough=_has_delta,
        patience_s=patience_s,
    )
    if quote is None:
        raise NoDataError(f"nothing of {contract} came within {patience_s:g} s")
    return quote


async def followed_extra(
    ib: Any, contract: Contract, extra: QuoteExtra, *, field: str, patience_s: float
) -> Decimal | None:
    """
    Follow a contract until a figure besides its quote is told; `None` when it is not in time.

    Args:
        ib: The session's, which knows its streams.
        contract: Qualified.
        extra: What is asked for.
        field: The figure, in `QuoteExtras`.
        patience_s: How long it may take.

    Raises:
        MarketDataPermissionError: No subscription (TWS 354, 10089, 10168).
    """

    def told(quote: Quote) -> Any:
        return None if quote.extras is None else quote.extras[field]

    streams: Streams = ib.wrapper.streams
    quote = await followed(
        StreamRequest(
            kind=StreamKind.QUOTES,
            contract=contract,
            data_type=streams.chosen,
            generic_ticks=generic_list([extra]),
        ),
        streams=streams,
        requests=ib.wrapper.requests,
        is_enough=lambda quote: told(quote) is not None,
        patience_s=patience_s,
    )
    return None if quote is None else told(quote)


def _has_delta(quote: Quote) -> bool:
    greeks = quote.greeks
    return greeks is not None and greeks.model is not None and greeks.model.delta is not None
