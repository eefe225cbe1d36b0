"""
Tick-by-tick data: every trade and every change of the quote, with the last ones of before first.

Where a script holds the quote of an instrument the tape does not say what happened, so that changes
of that quote are what is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.exchange.tape import QuoteTick, TradeTick
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    Reply,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidpoint,
)

from .contracts import find_for_data
from .feed import Feed
from .past_ticks import UNREPORTED, past_ticks
from .rights import is_live

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "MAX_HISTORY", "TickByTick"]

MAX_HISTORY: Final = 1_000
"""Ticks of the past that a stream may begin with (IB campus)."""

_SHOWN: Final = {"Last": "TRADES", "AllLast": "TRADES", "BidAsk": "BID_ASK", "MidPoint": "MIDPOINT"}
_TRADES: Final = frozenset({"Last", "AllLast"})
_AGAIN_AFTER: Final = timedelta(seconds=15)
_LEAST_STREAMS: Final = 3
_LINES_PER_STREAM: Final = 20
_MOST_AT_ONCE: Final = 5_000
"""Ticks of one stream at one moment; a clock that leaps does not fill the memory (*limit*)."""

_FAILED: Final = "Failed to request tick-by-tick data."
_NEVER: Final = frozenset({"OPT", "FOP", "BAG", "WAR", "CMDTY", "BOND", "FUND"})


@dataclass(slots=True)
class TickByTick:
    """One request for every change; `until` is the moment up to which everything was said."""

    request_id: int
    instrument: Instrument
    kind: str
    until: datetime
    ignores_size: bool = False
    quote: Quote | None = None
    told: Quote | QuoteTick | None = None

    def tick(self, session: ClientSession, feed: Feed, now: datetime) -> None:
        """Say everything that happened since."""
        if now < self.until:
            return
        venue = session.gateway.venue
        if feed.closings.since(venue, self.instrument, now) is not None:
            self.until = now
            return
        quote = feed.quote(venue, self.instrument, now)
        if self._is_scripted(session, quote, now):
            if quote is not self.quote:
                for reply in self._changed(quote, now):
                    session.say(reply)
        elif now > self.until:
            for reply in islice(self._happened(session, now), _MOST_AT_ONCE):
                session.say(reply)
        self.quote, self.until = quote, now

    def _is_scripted(self, session: ClientSession, quote: Quote, now: datetime) -> bool:
        middle = session.gateway.venue.tape.price(self.instrument, now)
        return middle is None or self.instrument.sides(middle) != (quote.bid, quote.ask)

    def _happened(self, session: ClientSession, now: datetime) -> Iterator[Reply]:
        tape = session.gateway.venue.tape
        if self.kind in _TRADES:
            for trade in tape.trades(self.instrument, self.until, now):
                if self.kind == "AllLast" or not trade.is_odd:
                    yield self._traded(trade)
            return
        for row in tape.quotes(self.instrument, self.until, now):
            yield from self._quoted(row, row.at)

    def _traded(self, trade: TradeTick) -> Reply:
        return TickByTickLast(
            request_id=self.request_id,
            tick_type=1 if self.kind == "Last" else 2,
            time=int(trade.at.timestamp()),
            price=trade.price,
            size=trade.size,
            mask=UNREPORTED if trade.is_odd else 0,
            exchange=trade.exchange,
            conditions="I" if trade.is_odd else "",
        )

    def _changed(self, quote: Quote, now: datetime) -> Iterator[Reply]:
        old = self.quote
        if self.kind not in _TRADES:
            yield from self._quoted(quote, now)
        elif quote.last is not None and (
            old is None or (old.last, old.last_size) != (quote.last, quote.last_size)
        ):
            yield self._traded(
                TradeTick(
                    at=now,
                    price=quote.last,
                    size=quote.last_size,
                    exchange=self.instrument.venue,
                )
            )

    def _quoted(self, row: Quote | QuoteTick, at: datetime) -> Iterator[Reply]:
        if row.bid is None or row.ask is None:
            return
        old = self.told
        prices = old is not None and (old.bid, old.ask) == (row.bid, row.ask)
        if self.kind == "MidPoint":
            if (
                old is None
                or old.bid is None
                or old.ask is None
                or (old.bid + old.ask != row.bid + row.ask)
            ):
                self.told = row
                yield TickByTickMidpoint(
                    request_id=self.request_id,
                    time=int(at.timestamp()),
                    midpoint=(row.bid + row.ask) / 2,
                )
            return
        sizes = old is not None and (old.bid_size, old.ask_size) == (row.bid_size, row.ask_size)
        if prices and (sizes or self.ignores_size):
            return
        self.told = row
        yield TickByTickBidAsk(
            request_id=self.request_id,
            time=int(at.timestamp()),
            bid=row.bid,
            ask=row.ask,
            bid_size=row.bid_size,
            ask_size=row.ask_size,
        )


def tick_by_tick(session: ClientSession, request: ask.ReqTickByTick, now: datetime) -> None:
    """Begin a stream of every change; delayed data has none."""
    if request.request_id in session.streams.ticks:
        session.fail(request.request_id, 102, "Duplicate ticker ID.")
        return
    if request.tick_type not in _SHOWN:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'cw' : cause - Please enter a valid tick type",
        )
        return
    if not 0 <= request.number_of_ticks <= MAX_HISTORY:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'cw' : cause - Number of ticks must be between 0 and "
            f"{MAX_HISTORY}",
        )
        return
    instrument = find_for_data(session, request.contract, request.request_id)
    if instrument is None or not _is_admitted(session, request, instrument, now=now):
        return
    if request.number_of_ticks:
        session.say(
            past_ticks(
                session.gateway.venue.tape,
                instrument,
                _SHOWN[request.tick_type],
                request_id=request.request_id,
                count=request.number_of_ticks,
                now=now,
                end=now,
                ignores_size=request.ignore_size,
            )
        )
    session.streams.tick_requests[instrument.con_id, request.tick_type] = now
    session.streams.ticks[request.request_id] = TickByTick(
        request_id=request.request_id,
        instrument=instrument,
        kind=request.tick_type,
        until=now,
        ignores_size=request.ignore_size,
    )


def _is_admitted(
    session: ClientSession, request: ask.ReqTickByTick, instrument: Instrument, *, now: datetime
) -> bool:
    request_id, kind = request.request_id, request.tick_type
    if not _has_ticks(instrument, kind):
        # the text is TWS's (nautilus_trader, tests of its client)
        name = instrument.local_symbol or instrument.symbol
        text = f"{_FAILED}{kind} tick-by-tick requests are not supported for {name}."
        session.fail(request_id, 10189, text)
        return False
    if not is_live(session, instrument, request.contract.exchange):
        place = f"{instrument.primary_exchange or instrument.home} {instrument.sec_type}"
        session.fail(request_id, 10189, f"{_FAILED}No market data permissions for {place}.")
        return False
    permissions = session.gateway.permissions
    streams = sum(len(one.streams.ticks) for one in session.gateway.sessions.values())
    if streams >= max(_LEAST_STREAMS, permissions.data_lines // _LINES_PER_STREAM):
        session.fail(request_id, 10190, "Max number of tick-by-tick requests has been reached.")
        return False
    asked = session.streams.tick_requests
    for key in [key for key, at in asked.items() if now - at >= _AGAIN_AFTER]:
        del asked[key]
    # other kinds of the same instrument are let through: clients subscribe to trades and quotes
    # together, and TWS serves them (nautilus_trader does it always)
    if (instrument.con_id, kind) in asked and permissions.tick_by_tick_pacing:
        session.fail(
            request_id,
            10189,
            f"{_FAILED}No more than 1 tick-by-tick request can be made for the same instrument "
            "within 15 seconds.",
        )
        return False
    return True


def _has_ticks(instrument: Instrument, kind: str) -> bool:
    """Tell whether there is such a stream (IB campus: tick-by-tick limitations)."""
    if instrument.sec_type in _NEVER:
        return False
    if instrument.sec_type == "IND":
        return instrument.home == "CME"
    return not (instrument.sec_type == "CASH" and kind in _TRADES)


def cancel_tick_by_tick(
    session: ClientSession, request: ask.CancelTickByTick, now: datetime
) -> None:
    """End that."""
    if session.streams.ticks.pop(request.request_id, None) is None:
        session.fail(request.request_id, 300, f"Can't find EId with tickerId:{request.request_id}")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqTickByTick: tick_by_tick,
    ask.CancelTickByTick: cancel_tick_by_tick,
}
