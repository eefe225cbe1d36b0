"""
What streams need from a gateway: one request opens a line, and a listener hears all that comes.

A line belongs to one session and ends with it without a word; whoever opened it asks again. No
answer says that a stream has been opened: it is known by its data, or by a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Protocol

from ibkr_connector.codes import StreamEffect
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Bar, DataType, Quote
from ibkr_connector.model.research import Bulletin, Headline, ScanQuery, ScanRow
from ibkr_connector.model.streams import Trade

__all__ = [
    "BarBacklog",
    "BarChange",
    "DepthChange",
    "DepthOperation",
    "NoStreams",
    "ScanFound",
    "StreamFault",
    "StreamGateway",
    "StreamItem",
    "StreamKind",
    "StreamLine",
    "StreamListener",
    "StreamRequest",
    "StreamTable",
]


class StreamKind(StrEnum):
    """What is streamed."""

    QUOTES = "quotes"
    TRADES = "trades"
    FIVE_SECONDS = "five-second bars"
    BARS = "bars"
    DEPTH = "depth"
    SCAN = "scan"
    NEWS = "news"
    BULLETINS = "bulletins"

    @property
    def is_of_contract(self) -> bool:
        """Whether it is the data of one contract."""
        return self not in (StreamKind.SCAN, StreamKind.BULLETINS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """
    One line to the gateway; equal requests may share one.

    Args:
        kind: What is streamed.
        contract: Qualified; of no meaning where the kind is of no contract.
        data_type: What is asked for, for quotes; the gateway may give better.
        generic_ticks: IB's list of further ticks, for quotes and news.
        all_trades: Whether trades that do not count for the last price are wanted, for trades.
        what_to_show: Kind of bars.
        bar_size: Size of bars in IB's spelling.
        duration: How much history comes first, for bars.
        regular_hours_only: Whether bars leave out the other hours.
        rows: Depth of the book on each side.
        smart_depth: Whether the book is gathered over all exchanges.
        scan: What is looked for, for a scan.
    """

    kind: StreamKind
    contract: Contract
    data_type: DataType = DataType.LIVE
    generic_ticks: str = ""
    all_trades: bool = True
    what_to_show: str = "TRADES"
    bar_size: str = "5 secs"
    duration: str = ""
    regular_hours_only: bool = False
    rows: int = 5
    smart_depth: bool = False
    scan: ScanQuery | None = None

    @property
    def subject(self) -> Contract | None:
        """The contract that it is of, if it is of one."""
        return self.contract if self.kind.is_of_contract else None

    @property
    def about(self) -> str:
        """What is followed, in words."""
        if self.kind.is_of_contract:
            return self.contract.text
        return self.kind.value if self.scan is None else self.scan.code


class DepthOperation(IntEnum):
    """What happens to a row of a book, by IB's numbers."""

    INSERT = 0
    UPDATE = 1
    DELETE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthChange:
    """One change of an order book; `price` and `size` mean nothing for a deletion."""

    position: int
    operation: DepthOperation
    is_bid: bool
    price: Decimal | None
    size: Decimal | None
    maker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarBacklog:
    """The history that a stream of bars begins with, oldest first; the newest bar still grows."""

    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChange:
    """One bar as it stands now."""

    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFound:
    """All that a scan finds now, best first."""

    rows: tuple[ScanRow, ...]


StreamItem = Quote | Trade | BarBacklog | BarChange | DepthChange | ScanFound | Headline | Bulletin
"""What comes over a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFault:
    """
    A message about a line.

    `effect` is what it does to a stream, where `codes` knows that; `error` is what it says, and
    `None` where the line simply goes on. `depends` tells that the error may be no end.
    """

    code: int
    text: str
    effect: StreamEffect | None
    error: IBKRError | None
    depends: bool = False


class StreamListener(Protocol):
    """Hears one line, on the session's loop, in the order of the wire; must be quick."""

    def item(self, item: StreamItem) -> None:
        """Take what came."""
        ...

    def flush(self) -> None:
        """All that arrived together has been told; called only after an `item`."""
        ...

    def fault(self, fault: StreamFault) -> None:
        """Take a message about the line."""
        ...


class StreamLine(Protocol):
    """An open line; it lasts until it is closed, or until its session ends."""

    @property
    def is_open(self) -> bool:
        """Whether the gateway may still send something."""
        ...

    def close(self) -> None:
        """Call the stream off; harmless when it is over already."""
        ...


class StreamTable(Protocol):
    """What a session's receiver of messages needs of its streams."""

    def error(self, request_id: int, code: int, text: str) -> bool:
        """Take a message about a line; tell whether it was about one."""
        ...

    def flush(self) -> None:
        """Everything that one read has brought has been taken."""
        ...

    def end_all(self) -> None:
        """Every line is over."""
        ...


class NoStreams:
    """The table of a session that has no streams."""

    def error(self, request_id: int, code: int, text: str) -> bool:
        """Say that it is about something else."""
        return False

    def flush(self) -> None:
        """Do nothing."""

    def end_all(self) -> None:
        """Do nothing."""


class StreamGateway(Protocol):
    """Opens lines."""

    def needs_data_type(self, request: StreamRequest) -> bool:
        """Whether opening this line takes a second message, that which chooses the data type."""
        ...

    def open_stream(self, request: StreamRequest, listener: StreamListener) -> StreamLine:
        """
        Ask for a stream.

        Raises:
            NotConnectedError: There is no session.
            ContractError: The contract cannot be written.
        """
        ...
