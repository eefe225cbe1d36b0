"""
One reader of a stream: his letter box, and what he insists on.

Owns what a box does when its reader is slow: quotes and books give way to newer ones, a bar that
still grows to its own newer state, trades and finished bars to nothing; what the box cannot hold is
told as a gap. Scans give way as quotes do, headlines and bulletins as trades.
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
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason

from .content import Streamed

__all__ = ["BUFFERS", "Consumer", "Letter"]

Letter = Streamed | Gap
"""What a reader gets."""

BUFFERS: Final = {
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


class Consumer:
    """
    One reader of one stream.

    Args:
        contract: What he reads, if it is of one; gaps name it.
        capacity: How many letters may wait for him.
        require_live: Whether delayed and frozen quotes end his stream with an error.
        takes_delayed: Whether delayed quotes will do where live ones are refused.
        keeps_all: Whether no record may take the place of an older one.
        closes_when_full: Whether the first record that is dropped ends his stream with an error.
    """

    __slots__ = ("_closes_when_full", "_contract", "box", "require_live", "takes_delayed")

    def __init__(
        self,
        contract: Contract | None,
        *,
        capacity: int,
        require_live: bool = False,
        takes_delayed: bool = False,
        keeps_all: bool = False,
        closes_when_full: bool = False,
    ) -> None:
        self._contract = contract
        self._closes_when_full = closes_when_full
        self.require_live = require_live
        self.takes_delayed = takes_delayed and not require_live
        self.box: Mailbox[Letter] = Mailbox(
            capacity=capacity, lost=self._overflow, replaces=None if keeps_all else _replaces
        )

    def put(self, *letters: Letter) -> None:
        """Hand letters over that came together."""
        if self.require_live:
            for letter in letters:
                if isinstance(letter, Quote) and letter.data_type is not DataType.LIVE:
                    self._refuse(letter)
                    return
        self.box.put_all(letters)
        if self._closes_when_full and self.box.dropped:
            self.box.close(
                MarketDataError(
                    f"the reader of {self._contract} was slower than what came, by more than its "
                    "buffer",
                    hint="read on, make `buffer` larger, or follow without `close_when_full`",
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
