"""
One reader of a stream: his letter box, and what he insists on.

Owns what a box does when its reader is slow: quotes and books give way to newer ones, a bar that
still grows to its own newer state, trades and finished bars to nothing; what the box cannot hold is
told as a gap. Scans give way as quotes do, headlines and bulletins as trades. Whoever wants every
quote or book says so, and is then told of those that he has missed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ibkr_connector.errors import MarketDataError, MarketDataPermissionError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.mailbox import Mailbox
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import DataType, Quote
from ibkr_connector.model.research import Headline, ScanUpdate
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason, WhenFull

from .content import Streamed

__all__ = ["Consumer", "Letter", "buffer_of", "manner_of"]

Letter = Streamed | Gap
"""What a reader gets."""

_BUFFERS: Final = {
    # the newest, and the gaps around it
    StreamKind.QUOTES: 64,
    StreamKind.DEPTH: 64,
    StreamKind.TRADES: 10_000,
    StreamKind.FIVE_SECONDS: 10_000,
    StreamKind.BARS: 10_000,
    StreamKind.SCAN: 64,
    StreamKind.NEWS: 10_000,
    StreamKind.BULLETINS: 1_000,
}
"""How many letters may wait for a reader unless he says otherwise."""

_WHOLE_BUFFER: Final = 10_000
"""The same where he wants all of what gives way otherwise."""

_NEWEST: Final = (WhenFull.CONFLATE, WhenFull.DROP, WhenFull.CLOSE)
_EACH: Final = (WhenFull.DROP, WhenFull.CLOSE)

_MANNERS: Final = {
    StreamKind.QUOTES: _NEWEST,
    StreamKind.DEPTH: _NEWEST,
    StreamKind.TRADES: _EACH,
    StreamKind.FIVE_SECONDS: _EACH,
    StreamKind.BARS: _EACH,
    # IB says what it finds now: there is nothing to be missed
    StreamKind.SCAN: (WhenFull.CONFLATE,),
    StreamKind.NEWS: _EACH,
    StreamKind.BULLETINS: _EACH,
}
"""What a reader may have done when he is slow, by kind of stream; the first one otherwise."""

_GIVES_WAY: Final = frozenset({StreamKind.FIVE_SECONDS, StreamKind.BARS})
"""Where some records give way to newer ones whatever the reader says: bars that grow."""


def manner_of(kind: StreamKind, wanted: WhenFull | str | None) -> WhenFull:
    """
    Return what is done when a reader of a stream is slow.

    Raises:
        MarketDataError: There is no such manner, or not for this kind of stream.
    """
    legal = _MANNERS[kind]
    if wanted is None:
        return legal[0]
    if wanted not in legal:
        ways = ", ".join(repr(str(one)) for one in legal)
        raise MarketDataError(f"when_full of {kind} is {str(wanted)!r}", hint=f"{kind} know {ways}")
    return WhenFull(wanted)


def buffer_of(kind: StreamKind, manner: WhenFull, wanted: int | None) -> int:
    """
    Return how many letters may wait for a reader.

    Raises:
        MarketDataError: None may.
    """
    if wanted is None:
        return _BUFFERS[kind] if manner is _MANNERS[kind][0] else max(_BUFFERS[kind], _WHOLE_BUFFER)
    if wanted < 1:
        raise MarketDataError(f"a buffer of {wanted} records holds none")
    return wanted


class Consumer:
    """
    One reader of one stream.

    Args:
        contract: What he reads, if it is of one; gaps name it.
        capacity: How many letters may wait for him.
        require_live: Whether delayed and frozen quotes end his stream with an error.
        takes_delayed: Whether delayed quotes will do where live ones are refused.
        kind: What is streamed.
        manner: What is done when he is slow; what is usual of that kind when not given.
        stale_after_s: How long nothing may come in an open market before he is told.
    """

    __slots__ = (
        "_closes_when_full",
        "_contract",
        "box",
        "latest",
        "require_live",
        "silence",
        "stale_after_s",
        "takes_delayed",
    )

    def __init__(
        self,
        contract: Contract | None,
        *,
        capacity: int,
        require_live: bool = False,
        takes_delayed: bool = False,
        kind: StreamKind = StreamKind.QUOTES,
        manner: WhenFull | None = None,
        stale_after_s: float | None = None,
    ) -> None:
        how = manner or manner_of(kind, None)
        gives_way = how is WhenFull.CONFLATE or kind in _GIVES_WAY
        self._contract = contract
        self._closes_when_full = how is WhenFull.CLOSE
        self.stale_after_s = stale_after_s
        self.silence: Gap | None = None
        self.latest: Streamed | None = None
        self.require_live = require_live
        self.takes_delayed = takes_delayed and not require_live
        self.box: Mailbox[Letter] = Mailbox(
            capacity=capacity, lost=self._overflow, replaces=_replaces if gives_way else None
        )

    def put(self, *letters: Letter) -> None:
        """Hand letters over that came together."""
        if self.require_live:
            for letter in letters:
                if isinstance(letter, Quote) and letter.data_type is not DataType.LIVE:
                    self._refuse(letter)
                    return
        for letter in reversed(letters):
            if not isinstance(letter, Gap):
                self.latest = letter
                break
        self.box.put_all(letters)
        if self._closes_when_full and self.box.dropped:
            self.box.close(
                MarketDataError(
                    f"the reader of {self._contract} was slower than what came, by more than its "
                    "buffer",
                    hint="read on, make `buffer` larger, or follow without `when_full='close'`",
                )
            )

    def _refuse(self, quote: Quote) -> None:
        source = quote.data_type.name.lower().replace("_", "-")
        self.box.close(
            MarketDataPermissionError(
                f"live quotes of {self._contract} were required, and {source} ones came"
            )
        )

    def _overflow(self, count: int, first: Letter, last: Letter) -> Gap:
        return Gap(
            contract=self._contract,
            reason=GapReason.OVERFLOW,
            start=_moment(first),
            end=_moment(last),
            missed=count,
        )


def _replaces(new: Letter, old: Letter) -> bool:
    kind = type(new)
    if kind is not type(old):
        return False
    if kind is Quote or kind is DepthBook or kind is ScanUpdate:
        return True
    return (
        isinstance(new, BarUpdate)
        and isinstance(old, BarUpdate)
        and not old.is_final
        and new.bar.timestamp == old.bar.timestamp
    )


def _moment(letter: Letter) -> datetime:
    match letter:
        case Gap(start=start):
            return start
        case BarUpdate(bar=bar):
            return bar.timestamp
        case Quote() | DepthBook() | ScanUpdate():
            return letter.timestamp
        case Headline(time=time):
            return time
        case _:
            return letter.received
