"""The stream that users hold: one asynchronous iterator, on whatever loop they read it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Quote
from ibkr_connector.model.research import Bulletin, Headline, ScanUpdate
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, Trade

from .consumers import Letter
from .streaming import Ticket

__all__ = [
    "BarStream",
    "BulletinStream",
    "DepthStream",
    "MarketStream",
    "NewsStream",
    "QuoteStream",
    "ScanStream",
    "TradeStream",
]

T_co = TypeVar("T_co", covariant=True)

TakePlace = Callable[[Callable[[Ticket], None]], Awaitable[Ticket]]
"""Takes a place at the stream; what it is given is told of the ticket before it returns."""


class MarketStream(Generic[T_co]):
    """
    Market data, of one contract mostly, read with `async for`, from any event loop.

    The line to the gateway is opened by `async with` or by the first record asked for, shared with
    every other reader of the same data, and called off when the last one leaves: at the end of
    `async with`, by `aclose`, or when the stream is no longer referred to. It survives lost
    connections: a `Gap` is told when data stop, and again, with its end, when they flow.

    Cancelling a read loses nothing. A stream ends when the connector is closed, and raises what the
    gateway refuses it for.
    """

    def __init__(self, take_place: TakePlace) -> None:
        self._take_place = take_place
        self._ticket: Ticket | None = None
        self._is_over = False
        self._read: deque[Letter] = deque()
        self._finalizer: weakref.finalize[[], MarketStream[T_co]] | None = None

    @property
    def contract(self) -> Contract | None:
        """The qualified contract; `None` before the stream has begun, and where it is of none."""
        return None if self._ticket is None else self._ticket.contract

    @property
    def latest(self) -> T_co | None:
        """
        The newest record that is no gap, read or not; `None` before the first.

        Looking at it takes nothing from the reader, from any thread. It may be older than a gap
        that is open: its own time says how old it is.
        """
        return None if self._ticket is None else cast("T_co | None", self._ticket.newest)

    @property
    def waiting(self) -> int:
        """How many records wait to be read."""
        return len(self._read) + (0 if self._ticket is None else len(self._ticket.box))

    @property
    def conflated(self) -> int:
        """How many records gave way to newer ones before they were read."""
        return 0 if self._ticket is None else self._ticket.box.conflated

    @property
    def dropped(self) -> int:
        """How many records were dropped because the buffer was full; each time a `Gap` says so."""
        return 0 if self._ticket is None else self._ticket.box.dropped

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        if self._is_over:
            raise StopAsyncIteration
        if not self._read:
            ticket = self._ticket or await self._begin()
            try:
                self._read.extend(await ticket.box.get_all())
            except (StopAsyncIteration, IBKRError):
                # its end, or what ended it
                self._leave()
                raise
        return cast("T_co", self._read.popleft())

    async def aclose(self) -> None:
        """Stop reading; idempotent, and harmless from any loop."""
        self._leave()

    def _leave(self) -> None:
        self._is_over = True
        self._read.clear()
        if self._finalizer is not None and self._finalizer.detach() is not None:
            assert self._ticket is not None
            self._ticket.leave()

    async def _begin(self) -> Ticket:
        if self._is_over:
            raise StopAsyncIteration
        if self._ticket is None:
            taken: list[Ticket] = []
            try:
                ticket = await self._take_place(taken.append)
            except BaseException:
                # whoever is cancelled in the very moment in which it comes has it all the same
                for ticket in taken:
                    ticket.leave()
                raise
            return self._settle(ticket)
        return self._ticket

    def _settle(self, ticket: Ticket) -> Ticket:
        if self._is_over or self._ticket is not None:
            # somebody else has begun or ended the stream meanwhile
            ticket.leave()
        if self._is_over:
            raise StopAsyncIteration
        if self._ticket is None:
            self._ticket = ticket
            self._finalizer = weakref.finalize(self, ticket.abandon)
            self._finalizer.atexit = False
        return self._ticket


QuoteStream = MarketStream[Quote | Gap]
"""Quotes, each the newest there is, and gaps."""

TradeStream = MarketStream[Trade | Gap]
"""Trades, every one of them, and gaps."""

BarStream = MarketStream[BarUpdate | Gap]
"""Bars as they grow and end, and gaps."""

DepthStream = MarketStream[DepthBook | Gap]
"""Order books, each the newest there is, and gaps."""

ScanStream = MarketStream[ScanUpdate | Gap]
"""What a scan finds, each time it is something else, and gaps."""

NewsStream = MarketStream[Headline | Gap]
"""Headlines, every one of them, and gaps."""

BulletinStream = MarketStream[Bulletin | Gap]
"""IB's bulletins, each once, and gaps."""
