"""
What comes over a line into what its readers get, and what a late reader gets first.

One class for each kind of stream, all with the same four verbs. Pure: no clock but the time that
is handed in, no knowledge of readers or of lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol

from ibkr_connector.gateway.stream_port import (
    BarBacklog,
    BarChange,
    DepthChange,
    ScanFound,
    StreamItem,
    StreamKind,
    StreamRequest,
)
from ibkr_connector.model.market import Bar, Quote
from ibkr_connector.model.research import Bulletin, Headline, ScanUpdate
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason, Trade

from .book import Book, BrokenBook

__all__ = ["Content", "Streamed", "content_of"]

Streamed = Quote | Trade | BarUpdate | DepthBook | ScanUpdate | Headline | Bulletin
"""What readers get, gaps aside."""

Tell = Callable[[Streamed | Gap], None]
"""Hands a record to every reader."""

_UNSORTED_FOR: Final = timedelta(seconds=2)
"""How long a book may be out of order before it counts as broken."""

_CROSSED_FOR: Final = timedelta(seconds=10)
"""How long the book of one exchange may be crossed before it is asked for again."""

KEPT_BARS: Final = 5_000
"""Bars of a stream's history that are kept for readers who come later."""

KEPT_BULLETINS: Final = 1_000
"""Bulletins that are kept for readers who come later."""


class Content(Protocol):
    """The content of one stream."""

    def take(self, item: StreamItem, tell: Tell) -> None:
        """Take what came, and tell what is complete."""
        ...

    def flush(self, now: datetime, tell: Tell) -> None:
        """All that came together has been taken: tell what it comes to."""
        ...

    def restart(self) -> None:
        """The line was asked for anew and begins from nothing."""
        ...

    def current(self) -> Iterable[Streamed]:
        """Return what a reader who comes now should get first."""
        ...


def content_of(request: StreamRequest) -> Content:
    """Make the content of a stream."""
    match request.kind:
        case StreamKind.QUOTES:
            return _Quotes()
        case StreamKind.TRADES | StreamKind.NEWS:
            return _Each()
        case StreamKind.FIVE_SECONDS | StreamKind.BARS:
            return _Bars(request)
        case StreamKind.DEPTH:
            return _Depth(request)
        case StreamKind.SCAN:
            return _Scan(request)
        case StreamKind.BULLETINS:
            return _Bulletins()


class _Quotes:
    def __init__(self) -> None:
        self._last: Quote | None = None

    def take(self, item: StreamItem, tell: Tell) -> None:
        assert isinstance(item, Quote)
        self._last = item
        tell(item)

    def flush(self, now: datetime, tell: Tell) -> None:
        pass

    def restart(self) -> None:
        # A late reader must not take the old quote for a new one.
        self._last = None

    def current(self) -> Iterable[Streamed]:
        return () if self._last is None else (self._last,)


_TOLD_EACH: Final = (Trade, Headline)
"""As a tuple: it is looked at for every trade, and a union takes ten times as long."""


class _Each:
    """Trades, and headlines: each is told, and none is kept for who comes later."""

    def take(self, item: StreamItem, tell: Tell) -> None:
        assert isinstance(item, _TOLD_EACH)
        tell(item)

    def flush(self, now: datetime, tell: Tell) -> None:
        pass

    def restart(self) -> None:
        pass

    def current(self) -> Iterable[Streamed]:
        return ()


class _Bars:
    """
    Bars by their start. A bar is final when a later one has come; five-second bars at once.

    What a line begins with anew, after a gap, is told as far as it was not told before. Where that
    does not reach back to the last bar, what is missing is told as a gap, and the bar that grew is
    never told as final, because nobody knows how it ended.
    """

    def __init__(self, request: StreamRequest) -> None:
        self._request = request
        self._finished: deque[Bar] = deque(maxlen=KEPT_BARS)
        self._growing: Bar | None = None
        self._rejoins = False

    def take(self, item: StreamItem, tell: Tell) -> None:
        if isinstance(item, BarBacklog):
            if item.bars:
                self._rejoin(item.bars[0], tell)
            for bar in item.bars:
                self._add(bar, tell)
            if self._growing is not None:
                tell(self._update(self._growing, is_final=False))
            return
        assert isinstance(item, BarChange)
        if self._request.kind is StreamKind.FIVE_SECONDS:
            newest = self._growing
            if newest is None or item.bar.timestamp > newest.timestamp:
                self._growing = item.bar
                tell(self._update(item.bar, is_final=True))
            return
        self._rejoin(item.bar, tell)
        if self._add(item.bar, tell):
            tell(self._update(item.bar, is_final=False))

    def flush(self, now: datetime, tell: Tell) -> None:
        pass

    def restart(self) -> None:
        # five-second bars begin without a history: each of their gaps is told where it was
        self._rejoins = self._request.kind is StreamKind.BARS and self._growing is not None

    def current(self) -> Iterable[Streamed]:
        if self._request.kind is StreamKind.FIVE_SECONDS:
            return ()
        finished = [self._update(bar, is_final=True) for bar in self._finished]
        growing = self._growing
        return finished if growing is None else [*finished, self._update(growing, is_final=False)]

    def _rejoin(self, first: Bar, tell: Tell) -> None:
        last = self._growing
        if self._rejoins and last is not None and first.timestamp > last.timestamp:
            tell(
                Gap(
                    contract=self._request.contract,
                    reason=GapReason.NOT_FILLED,
                    start=last.timestamp,
                    end=first.timestamp,
                )
            )
            # a late reader begins behind the hole
            self._finished.clear()
            self._growing = None
        self._rejoins = False

    def _add(self, bar: Bar, tell: Tell) -> bool:
        """Take a bar in; tell the one that it ends. False for one that was told as final."""
        growing = self._growing
        if growing is not None and bar.timestamp > growing.timestamp:
            self._finished.append(growing)
            tell(self._update(growing, is_final=True))
        elif (growing is not None and bar.timestamp < growing.timestamp) or (
            growing is None and self._finished and bar.timestamp <= self._finished[-1].timestamp
        ):
            return False
        self._growing = bar
        return True

    def _update(self, bar: Bar, *, is_final: bool) -> BarUpdate:
        request = self._request
        return BarUpdate(
            contract=request.contract, bar_size=request.bar_size, bar=bar, is_final=is_final
        )


class _Depth:
    """
    The book, checked at every change.

    One that is out of order for two seconds is broken. So is that of one exchange when its best bid
    stays above its best ask: it is asked for again once, and if it comes crossed again, then that
    is how the market stands, as before an auction. Across exchanges it may always be crossed.
    """

    def __init__(self, request: StreamRequest) -> None:
        self._request = request
        self._crossed_since: datetime | None = None
        self._is_known_crossed = False
        self._book = Book(request.rows)
        self._shown: DepthBook | None = None
        self._unsorted_since: datetime | None = None

    def take(self, item: StreamItem, tell: Tell) -> None:
        assert isinstance(item, DepthChange)
        self._book.apply(item)

    def flush(self, now: datetime, tell: Tell) -> None:
        try:
            self._book.check()
        except BrokenBook:
            # a read of the socket may end in the middle of a change of many rows
            since = self._unsorted_since = self._unsorted_since or now
            if now - since > _UNSORTED_FOR:
                raise
            return
        self._unsorted_since = None
        shown = self._shown = DepthBook(
            contract=self._request.contract,
            timestamp=now,
            bids=self._book.bids,
            asks=self._book.asks,
        )
        tell(shown)
        if not self._request.smart_depth:
            self._check_crossed(shown)

    def _check_crossed(self, book: DepthBook) -> None:
        if not book.is_crossed:
            self._crossed_since = None
            # a book that is being sent anew has one side only
            self._is_known_crossed = self._is_known_crossed and not (book.bids and book.asks)
            return
        since = self._crossed_since = self._crossed_since or book.timestamp
        if not self._is_known_crossed and book.timestamp - since > _CROSSED_FOR:
            self._is_known_crossed = True
            bid, ask = book.bids[0].price, book.asks[0].price
            raise BrokenBook(f"the bid {bid} stays above the ask {ask}")

    def restart(self) -> None:
        self._book.clear()
        self._shown = self._unsorted_since = self._crossed_since = None

    def current(self) -> Iterable[Streamed]:
        return () if self._shown is None else (self._shown,)


class _Scan:
    """What a scan finds, told when it is something else than before; after a gap in any case."""

    def __init__(self, request: StreamRequest) -> None:
        self._code = request.about
        self._found: ScanFound | None = None
        self._shown: ScanUpdate | None = None

    def take(self, item: StreamItem, tell: Tell) -> None:
        assert isinstance(item, ScanFound)
        self._found = item

    def flush(self, now: datetime, tell: Tell) -> None:
        found, shown = self._found, self._shown
        if found is not None and (shown is None or found.rows != shown.rows):
            self._shown = ScanUpdate(timestamp=now, code=self._code, rows=found.rows)
            tell(self._shown)

    def restart(self) -> None:
        # a late reader must not take the old rows for new ones
        self._found = self._shown = None

    def current(self) -> Iterable[Streamed]:
        return () if self._shown is None else (self._shown,)


class _Bulletins:
    """
    The bulletins of the day and those that come, each once.

    The gateway begins with those of the day whenever it is asked, so a gap is filled.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[int, str], Bulletin] = {}

    def take(self, item: StreamItem, tell: Tell) -> None:
        assert isinstance(item, Bulletin)
        key = item.number, item.text
        if key in self._told:
            return
        self._told[key] = item
        if len(self._told) > KEPT_BULLETINS:
            del self._told[next(iter(self._told))]
        tell(item)

    def flush(self, now: datetime, tell: Tell) -> None:
        pass

    def restart(self) -> None:
        pass

    def current(self) -> Iterable[Streamed]:
        return tuple(self._told.values())
