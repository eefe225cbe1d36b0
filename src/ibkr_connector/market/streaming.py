"""
From what a user wants to follow to a line and a letter box.

Owns which line a wish means, and what is legal to wish. The registry keeps the lines, the stream
that the user holds reads the box.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ibkr_connector.errors import HistoricalDataError, MarketDataError
from ibkr_connector.gateway.extra_ticks import generic_list
from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.extras import QuoteExtra
from ibkr_connector.model.market import DataType
from ibkr_connector.model.research import ScanQuery
from ibkr_connector.model.streams import WhenFull

from .consumers import Consumer, buffer_of, manner_of
from .content import Streamed
from .spans import (
    check_bar_size,
    check_duration,
    check_what_to_show,
    default_what_to_show,
)
from .subscriptions import Subscriptions

__all__ = ["StreamWish", "Streaming", "Ticket"]

_FIVE_SECONDS: Final = "5 secs"

_LIVE_BARS: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
"""Kinds of bars that can be followed (IB campus: real-time bars, keepUpToDate)."""

_NO_TICKS: Final = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.COMBO})
"""What has no tick-by-tick data (IB campus: tick-by-tick data)."""

_NO_QUOTES: Final = "mdoff"
_NEWS: Final = 292
"""The generic tick of headlines, and the word that leaves quotes out (IB campus: live news)."""

_NOTHING: Final = ContractDetails(contract=Contract(symbol=""))
"""Stands where a stream is of no contract."""

_MOST_ROWS: Final = 50
_SMART: Final = "SMART"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWish:
    """What a user wants to follow; see `IBKRConnector.stream_quotes` and its siblings."""

    kind: StreamKind
    contract: Contract | str | None = None
    buffer: int | None = None
    data_type: DataType | None = None
    require_live: bool = False
    when_full: WhenFull | str | None = None
    stale_after_s: float | None = None
    all_trades: bool = True
    bar_size: str = _FIVE_SECONDS
    duration: str = "3600 S"
    what_to_show: str | None = None
    regular_hours_only: bool = False
    rows: int = 5
    smart_depth: bool | None = None
    extras: tuple[QuoteExtra | str, ...] = ()
    scan: ScanQuery | None = None
    providers: tuple[str, ...] = ()


class Ticket:
    """A place at a stream: the box to read, and the way to give the place up."""

    __slots__ = ("_consumer", "_loop", "_request", "_streams", "box")

    def __init__(self, streams: Subscriptions, request: StreamRequest, consumer: Consumer) -> None:
        self.box = consumer.box
        self._streams = streams
        self._request = request
        self._consumer = consumer
        self._loop = asyncio.get_running_loop()

    @property
    def contract(self) -> Contract | None:
        """What is read, if it is of a contract."""
        return self._request.subject

    @property
    def newest(self) -> Streamed | None:
        """The newest record that is no gap, read or not."""
        return self._consumer.latest

    def leave(self) -> None:
        """Give the place up, from any thread; idempotent."""
        self.box.close()
        self.abandon()

    def abandon(self) -> None:
        """
        As `leave`, and takes no lock, as only this may be called by the collector of cycles.

        The collector comes round in the middle of anything: also while its own thread is putting
        something into this very box.
        """
        # A loop that is closed has no streams.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._streams.leave, self._request, self._consumer)


class Streaming:
    """
    Opens streams.

    Args:
        streams: The registry.
        resolve: Turns text or a description into the details of one contract.
        data_type: What quotes are asked for.
        delayed_fallback: Whether delayed quotes come where live ones are refused.
    """

    def __init__(
        self,
        streams: Subscriptions,
        *,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        data_type: DataType,
        delayed_fallback: bool,
    ) -> None:
        self._streams = streams
        self._resolve = resolve
        self._data_type = data_type
        self._delayed_fallback = delayed_fallback

    async def open(
        self, wish: StreamWish, taken: Callable[[Ticket], None] = lambda _: None
    ) -> Ticket:
        """
        Take a place at a stream, and tell `taken` of it as well.

        Raises:
            ContractNotFoundError, AmbiguousContractError: The contract is not known.
            MarketDataError: What is wished for does not exist.
            MarketDataPermissionError: No line is free.
            NotConnectedError: There is no session.
        """
        details = await self._details(wish.contract)
        request = self._request(wish, details.contract)
        manner = manner_of(request.kind, wish.when_full)
        if wish.stale_after_s is not None and not 0 < wish.stale_after_s < math.inf:
            raise MarketDataError(
                f"stale_after_s is {wish.stale_after_s}", hint="it takes seconds above 0"
            )
        consumer = Consumer(
            request.subject,
            capacity=buffer_of(request.kind, manner, wish.buffer),
            require_live=wish.require_live,
            takes_delayed=self._delayed_fallback,
            kind=request.kind,
            manner=manner,
            stale_after_s=wish.stale_after_s,
        )
        await self._streams.join(request, details, consumer)
        ticket = Ticket(self._streams, request, consumer)
        taken(ticket)
        return ticket

    async def _details(self, wanted: Contract | str | None) -> ContractDetails:
        if wanted is None:
            return _NOTHING
        if isinstance(wanted, Contract) and wanted.security_type is SecurityType.NEWS:
            # what a provider tells has neither details nor an id (IB's samples ask for it so)
            return ContractDetails(contract=wanted)
        return await self._resolve(wanted)

    def _request(self, wish: StreamWish, contract: Contract) -> StreamRequest:
        match wish.kind:
            case StreamKind.QUOTES:
                return StreamRequest(
                    kind=wish.kind,
                    contract=contract,
                    data_type=wish.data_type or self._data_type,
                    generic_ticks=generic_list(wish.extras),
                )
            case StreamKind.TRADES:
                if contract.security_type in _NO_TICKS:
                    raise MarketDataError(
                        f"IB has no tick-by-tick data of {contract}", hint="follow its quotes"
                    )
                return StreamRequest(kind=wish.kind, contract=contract, all_trades=wish.all_trades)
            case StreamKind.DEPTH:
                if not 1 <= wish.rows <= _MOST_ROWS:
                    raise MarketDataError(f"a book has 1 to {_MOST_ROWS} rows, not {wish.rows}")
                return StreamRequest(
                    kind=wish.kind,
                    contract=contract,
                    rows=wish.rows,
                    smart_depth=(
                        contract.exchange == _SMART
                        if wish.smart_depth is None
                        else wish.smart_depth
                    ),
                )
            case StreamKind.SCAN | StreamKind.BULLETINS:
                return StreamRequest(kind=wish.kind, contract=contract, scan=wish.scan)
            case StreamKind.NEWS:
                wanted = f"{_NEWS}:{'+'.join(wish.providers)}" if wish.providers else str(_NEWS)
                return StreamRequest(
                    kind=wish.kind, contract=contract, generic_ticks=f"{_NO_QUOTES},{wanted}"
                )
            case _:
                return _bars(wish, contract)


def _bars(wish: StreamWish, contract: Contract) -> StreamRequest:
    size = check_bar_size(wish.bar_size)
    show = (
        check_what_to_show(wish.what_to_show)
        if wish.what_to_show is not None
        else _default_show(contract)
    )
    if show not in _LIVE_BARS:
        raise HistoricalDataError(
            f"bars of {show} cannot be followed", hint=f"valid are {', '.join(sorted(_LIVE_BARS))}"
        )
    five = size == _FIVE_SECONDS
    return StreamRequest(
        kind=StreamKind.FIVE_SECONDS if five else StreamKind.BARS,
        contract=contract,
        what_to_show=show,
        bar_size=size,
        duration="" if five else check_duration(wish.duration),
        regular_hours_only=wish.regular_hours_only,
    )


def _default_show(contract: Contract) -> str:
    show = default_what_to_show(contract.security_type)
    # AGGTRADES, the default for crypto currencies, is history only
    return show if show in _LIVE_BARS else "TRADES"
