"""What streams of market data carry: trades, bars as they grow, order books, and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .contracts import Contract
from .market import Bar
from .record import Record

__all__ = [
    "BarUpdate",
    "DepthBook",
    "DepthLevel",
    "Gap",
    "GapReason",
    "StreamState",
    "Trade",
    "WhenFull",
]


class WhenFull(StrEnum):
    """What becomes of records for a reader who is slower than they come."""

    CONFLATE = "conflate"
    """He gets the newest; older ones are counted."""

    DROP = "drop"
    """All of them wait for him, up to the buffer; then the oldest go, and a gap counts them."""

    CLOSE = "close"
    """The first that does not fit into the buffer ends his stream, behind those that wait."""


class GapReason(StrEnum):
    """Why a stream may have missed something."""

    CONNECTION_LOST = "connection lost"
    """The socket to the gateway ended; the stream is asked for again after the next login."""

    LINK_DOWN = "link down"
    """The gateway lost its link to IB (TWS 1100)."""

    COMPETING_SESSION = "competing session"
    """The same user is logged in elsewhere, and has the data (TWS 10197)."""

    DEACTIVATED = "deactivated"
    """The gateway ended the stream itself, and it is asked for again (TWS 316, 10182, 10225)."""

    RESET = "reset"
    """The gateway emptied the order book and sends it anew (TWS 317)."""

    BROKEN_BOOK = "broken book"
    """A change did not fit the order book, or it stayed crossed, so it was asked for again."""

    STALE = "stale"
    """Nothing came for long although the market is open, so it was asked for again."""

    SILENT = "silent"
    """Nothing came for as long as this reader said, although the market is open."""

    NOT_FILLED = "not filled"
    """Bars are missing: the history that fills gaps in did not reach back to the last bar told."""

    OVERFLOW = "overflow"
    """The reader was slower than the data by more than its buffer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Record):
    """
    A time in which a stream may have missed something.

    `start` is the last moment at which the stream was known to be whole. A gap without an `end` has
    just begun: nothing will come until the same gap is told again with its `end`. `missed` is how
    many records were dropped, where that is known. A stream that is of no contract, as a scan, has
    no `contract`.
    """

    contract: Contract | None
    reason: GapReason
    start: datetime
    end: datetime | None = None
    missed: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether data flow again."""
        return self.end is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade(Record):
    """
    One trade, as the exchange reported it.

    `timestamp` is the exchange's, in whole seconds of UTC (TWS sends no fractions), `received` when
    it came here. `past_limit` and `unreported` are the exchange's marks. A halt comes as a trade
    without price and size, which `is_halt` tells.
    """

    contract: Contract
    timestamp: datetime
    received: datetime
    price: Decimal | None
    size: Decimal | None
    exchange: str = ""
    conditions: str = ""
    past_limit: bool = False
    unreported: bool = False

    @property
    def is_halt(self) -> bool:
        """Whether trading was halted or resumed here (IB campus: price and size are zero)."""
        return not self.price and not self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class BarUpdate(Record):
    """
    A bar as it stands.

    `is_final` tells that the bar is over and will not change. Five-second bars come once each, and
    are always final; of longer ones the newest comes again whenever it changes.
    """

    contract: Contract
    bar_size: str
    bar: Bar
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthLevel(Record):
    """One row of an order book; `maker` is the exchange or market maker where the feed says it."""

    price: Decimal
    size: Decimal
    maker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthBook(Record):
    """An order book at one moment, best price first on both sides."""

    contract: Contract
    timestamp: datetime
    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is above the best ask, as it may be for moments across exchanges."""
        return bool(self.bids and self.asks and self.bids[0].price > self.asks[0].price)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState(Record):
    """
    How one line to the gateway stands, and how its readers keep up.

    `phase` is `opening`, `live` or `lost`; `silent_s` how long nothing came; `renewals` how often
    it was asked for again; `waiting` how many records wait to be read, `conflated` how many gave
    way to newer ones and `dropped` how many were lost, over all readers of now. `about` says what
    is followed, also where that is no contract.
    """

    contract: Contract | None
    kind: str
    about: str
    phase: str
    readers: int
    silent_s: float
    renewals: int
    waiting: int
    conflated: int
    dropped: int
    gap: GapReason | None = None
