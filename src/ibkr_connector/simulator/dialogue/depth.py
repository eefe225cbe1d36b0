"""Market depth: the order book of one exchange, or of all that SMART sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    MarketDepth,
    MarketDepthL2,
    Reply,
    RerouteMarketDepth,
)

from .contracts import find_for_data
from .draws import seeded
from .exchanges import DEPTH
from .feed import feed_of
from .rights import is_live

if TYPE_CHECKING:
    from .gateway import Gateway
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "DepthStream", "Row", "changes", "halt", "max_streams", "reset"]

_INSERT, _UPDATE, _DELETE = 0, 1, 2
_ASKS, _BIDS = 0, 1
_LEAST, _MOST, _LINES_EACH = 3, 60, 100
_MOST_ROWS: Final = 50
_DEFAULT_ROWS: Final = 5
_MARKET_MAKERS: Final = ("NSDQ", "ARCA", "BATS", "EDGX", "IEXG", "GSCO", "MSCO", "JPMS", "UBSS")
_WITH_MAKERS: Final = frozenset({"ISLAND", "BEX", "NASDAQ"})


class Row(NamedTuple):
    """One row of a book."""

    price: Decimal
    size: Decimal
    maker: str = ""


@dataclass(slots=True)
class DepthStream:
    """One request for depth; both sides as the client knows them, best first."""

    request_id: int
    instrument: Instrument
    exchange: str
    rows: int
    is_smart: bool
    bids: Sequence[Row] = ()
    asks: Sequence[Row] = ()
    is_told: bool = False

    @property
    def has_makers(self) -> bool:
        """Whether rows name who stands there: level II."""
        return self.is_smart or self.exchange in _WITH_MAKERS

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say how the book changed."""
        feed = feed_of(session.gateway)
        is_shut = feed.closings.since(session.gateway.venue, self.instrument, now) is not None
        if self.is_told and is_shut:
            # what stood when the market was shut stands until it opens
            return
        self.is_told = True
        bids, asks = self._book(session, now)
        for side, old, new in ((_ASKS, self.asks, asks), (_BIDS, self.bids, bids)):
            if old == new:
                continue
            for operation, position, row in changes(old, new):
                session.say(self._reply(side, operation, position, row=row))
        self.bids, self.asks = bids, asks

    def _book(self, session: ClientSession, now: datetime) -> tuple[Sequence[Row], Sequence[Row]]:
        venue = session.gateway.venue
        quote = feed_of(session.gateway).quote(venue, self.instrument, now)
        bids, asks = venue.tape.ladder(self.instrument, now, self.rows)
        return (
            self._side(_fit(bids, quote.bid, quote.bid_size), is_bid=True),
            self._side(_fit(asks, quote.ask, quote.ask_size), is_bid=False),
        )

    def _side(self, levels: Sequence[tuple[Decimal, Decimal]], *, is_bid: bool) -> Sequence[Row]:
        if not self.has_makers:
            return tuple(Row(price, size) for price, size in levels[: self.rows])
        found: list[Row] = []
        for level, (price, size) in enumerate(levels):
            makers = self._makers(price, is_bid=is_bid)
            share = size // len(makers)
            for number, maker in enumerate(makers):
                whole = size - share * (len(makers) - 1) if number == 0 else share
                if whole > 0:
                    found.append(Row(price, whole, maker))
            if level >= self.rows:
                break
        return tuple(found[: self.rows])

    def _makers(self, price: Decimal, *, is_bid: bool) -> Sequence[str]:
        """Return who stands at a price: exchanges by their names for SMART, else market makers."""
        known = (
            [one for one in self.instrument.exchanges if one != "SMART"]
            if self.is_smart
            else _MARKET_MAKERS
        )
        draw = seeded(self.instrument.con_id, price, is_bid)
        first, count = int(draw * 1_000) % len(known), 1 + int(draw * 7_919) % 2
        return [known[(first + n) % len(known)] for n in range(min(count, len(known)))]

    def _reply(self, side: int, operation: int, position: int, *, row: Row) -> Reply:
        if not self.has_makers:
            return MarketDepth(
                request_id=self.request_id,
                position=position,
                operation=operation,
                side=side,
                price=row.price,
                size=row.size,
            )
        return MarketDepthL2(
            request_id=self.request_id,
            position=position,
            market_maker=row.maker,
            operation=operation,
            side=side,
            price=row.price,
            size=row.size,
            is_smart=self.is_smart,
        )


def changes(old: Sequence[Row], new: Sequence[Row]) -> Iterator[tuple[int, int, Row]]:
    """
    Yield the operations that make one side of a book into another, with their positions.

    Rows are only added and deleted at the end, so that it is the same book for clients that let an
    insert move the rows behind it and for those that let it overwrite (ib_async wrapper.py:1333).
    """
    for position, row in enumerate(new):
        if position >= len(old):
            yield _INSERT, position, row
        elif old[position] != row:
            yield _UPDATE, position, row
    for position in range(len(old) - 1, len(new) - 1, -1):
        yield _DELETE, position, Row(Decimal(0), Decimal(0), old[position].maker)


def _fit(
    levels: Sequence[tuple[Decimal, Decimal]], price: Decimal | None, size: Decimal
) -> Sequence[tuple[Decimal, Decimal]]:
    """Let a ladder begin at the quote that the venue shows, whatever moved it off the tape."""
    if price is None:
        return ()
    if not levels:
        return [(price, size)]
    shift = price - levels[0][0]
    return [(price, size), *((one + shift, there) for one, there in levels[1:] if one + shift > 0)]


def max_streams(lines: int) -> int:
    """Return how many books may be open, by the lines of market data (IB: market depth limits)."""
    return min(max(_LEAST, lines // _LINES_EACH), _MOST)


def market_depth(session: ClientSession, request: ask.ReqMarketDepth, now: datetime) -> None:
    """Begin to show a book."""
    request_id, streams = request.request_id, session.streams
    if request_id in streams.depth:
        session.fail(request_id, 102, "Duplicate ticker ID.")
        return
    if request.contract.sec_type == "BAG":
        session.fail(request_id, *_UNSUPPORTED)
        return
    instrument = find_for_data(session, request.contract, request_id)
    if instrument is None or _is_rerouted(session, request_id, instrument):
        return
    permissions = session.gateway.permissions
    used = sum(len(one.streams.depth) for one in session.gateway.sessions.values())
    if used >= max_streams(permissions.data_lines):
        session.fail(
            request_id,
            309,
            f"Max number ({max_streams(permissions.data_lines)}) of market depth requests has "
            "been reached",
        )
        return
    exchange = request.contract.exchange or instrument.home
    if not _is_deep(instrument, exchange, is_smart=request.is_smart):
        session.fail(request_id, *_UNSUPPORTED)
        return
    if not permissions.depth or not is_live(session, instrument, exchange):
        session.fail(
            request_id,
            354,
            "Requested market data is not subscribed. Check API status by selecting the Account "
            f"menu then under Management choose Market Data Subscription Manager.{exchange}/DEEP",
        )
        return
    stream = DepthStream(
        request_id=request_id,
        instrument=instrument,
        exchange=exchange,
        rows=min(max(request.rows, 1), _MOST_ROWS) if request.rows else _DEFAULT_ROWS,
        is_smart=request.is_smart,
    )
    feed_of(session.gateway).refresh()
    stream.tick(session, now)
    streams.depth[request_id] = stream


_UNSUPPORTED: Final = (
    10092,
    "Deep market data is not supported for this combination of security type/exchange",
)


def _is_deep(instrument: Instrument, exchange: str, *, is_smart: bool) -> bool:
    if is_smart:
        return "SMART" in instrument.exchanges
    shown = {row.exchange for row in DEPTH if row.sec_type == instrument.sec_type}
    if instrument.sec_type == "STK" and instrument.primary_exchange == "NASDAQ":
        shown.add("NASDAQ")
    return exchange in shown and exchange in {*instrument.exchanges, instrument.primary_exchange}


def _is_rerouted(session: ClientSession, request_id: int, instrument: Instrument) -> bool:
    if instrument.sec_type != "CFD":
        return False
    under = session.gateway.venue.catalogue.get(instrument.under_con_id)
    if under is None:
        return False
    session.say(RerouteMarketDepth(request_id=request_id, con_id=under.con_id, exchange=under.home))
    return True


def cancel(session: ClientSession, request: ask.CancelMarketDepth, now: datetime) -> None:
    """End that."""
    if session.streams.depth.pop(request.request_id, None) is None:
        session.fail(
            request.request_id,
            310,
            f"Can't find the subscribed market depth with tickerId:{request.request_id}",
        )


def reset(gateway: Gateway, con_id: int | None = None) -> None:
    """Reset books with 317: clients must empty theirs, and all rows come again."""
    for session, stream in _open(gateway, con_id):
        stream.bids = stream.asks = ()
        stream.is_told = False
        session.fail(
            stream.request_id,
            317,
            "Market depth data has been RESET. Please empty deep book contents before applying "
            "any new entries.",
        )


def halt(gateway: Gateway, con_id: int | None = None) -> None:
    """Halt books with 316: their requests end."""
    for session, stream in list(_open(gateway, con_id)):
        del session.streams.depth[stream.request_id]
        session.fail(
            stream.request_id, 316, "Market depth data has been HALTED. Please re-subscribe."
        )


def _open(gateway: Gateway, con_id: int | None) -> Iterator[tuple[ClientSession, DepthStream]]:
    for session in gateway.sessions.values():
        for stream in session.streams.depth.values():
            if con_id in (None, stream.instrument.con_id):
                yield session, stream


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqMarketDepth: market_depth,
    ask.CancelMarketDepth: cancel,
}
