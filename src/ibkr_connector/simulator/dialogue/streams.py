"""
Market data that a client is told again and again: ticks and bars.

*limit*: a client that does not read fast enough is sent everything all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.wire.replies import (
    Bar,
    HistoricalDataUpdate,
    RealTimeBar,
    Reply,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidpoint,
    TickPrice,
    TickSize,
    TickSnapshotEnd,
)

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["SNAPSHOT_S", "LiveBars", "MarketStream", "Streams", "TickByTick", "market_ticks"]

SNAPSHOT_S: Final = 11.0
"""After this a snapshot ends (IB campus)."""

_REAL_TIME_BAR: Final = timedelta(seconds=5)

_DELAYED: Final = {0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76}
"""Live tick type to its delayed twin (ibapi ticktype.py)."""


@dataclass(slots=True)
class MarketStream:
    """One request for ticks; `sent` remembers what the client knows."""

    request_id: int
    instrument: Instrument
    is_delayed: bool
    ends_at: datetime | None = None
    sent: dict[int, tuple[Decimal, Decimal | None]] = field(default_factory=dict)


@dataclass(slots=True)
class LiveBars:
    """One request whose newest bar is kept up to date, or a stream of five-second bars."""

    request_id: int
    instrument: Instrument
    bar_size: str
    what_to_show: str
    format_date: int
    last: Bar | None = None
    due: datetime | None = None


@dataclass(slots=True)
class TickByTick:
    """One request for every change."""

    request_id: int
    instrument: Instrument
    kind: str
    sent: Quote | None = None


@dataclass(slots=True)
class Streams:
    """One client's subscriptions to market data."""

    data_type: int = 1
    market: dict[int, MarketStream] = field(default_factory=dict)
    snapshots: dict[int, MarketStream] = field(default_factory=dict)
    bars: dict[int, LiveBars] = field(default_factory=dict)
    real_time: dict[int, LiveBars] = field(default_factory=dict)
    ticks: dict[int, TickByTick] = field(default_factory=dict)

    # --- with time ------------------------------------------------------------------------------

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what changed since the last time."""
        for stream in (*self.market.values(), *self.snapshots.values()):
            for reply in market_ticks(session, stream, now):
                session.say(reply)
        for stream in list(self.snapshots.values()):
            if stream.ends_at is not None and now >= stream.ends_at:
                del self.snapshots[stream.request_id]
                session.say(TickSnapshotEnd(request_id=stream.request_id))
        for tick in self.ticks.values():
            self._tick_by_tick(session, tick, now)
        for live in self.bars.values():
            self._update_bar(session, live, now)
        for live in self.real_time.values():
            self._real_time_bar(session, live, now)

    def _tick_by_tick(self, session: ClientSession, tick: TickByTick, now: datetime) -> None:
        quote = session.gateway.venue.quote(tick.instrument, now)
        if tick.sent is not None and _same(tick.sent, quote):
            return
        tick.sent = quote
        if quote.bid is None or quote.ask is None or quote.last is None:
            return
        second = int(now.timestamp())
        if tick.kind == "BidAsk":
            session.say(
                TickByTickBidAsk(
                    request_id=tick.request_id,
                    time=second,
                    bid=quote.bid,
                    ask=quote.ask,
                    bid_size=quote.bid_size,
                    ask_size=quote.ask_size,
                )
            )
        elif tick.kind == "MidPoint":
            session.say(
                TickByTickMidpoint(
                    request_id=tick.request_id,
                    time=second,
                    midpoint=(quote.bid + quote.ask) / 2,
                )
            )
        else:
            session.say(
                TickByTickLast(
                    request_id=tick.request_id,
                    tick_type=1 if tick.kind == "Last" else 2,
                    time=second,
                    price=quote.last,
                    size=quote.last_size,
                    mask=0,
                    exchange=tick.instrument.venue,
                )
            )

    def _update_bar(self, session: ClientSession, live: LiveBars, now: datetime) -> None:
        from .history import newest_bar  # noqa: PLC0415  # it needs the record above

        if live.due is not None and now < live.due:
            return
        live.due = now + _REAL_TIME_BAR
        bar = newest_bar(session, live, now)
        if bar is not None and bar != live.last:
            live.last = bar
            session.say(HistoricalDataUpdate(request_id=live.request_id, bar=bar))

    def _real_time_bar(self, session: ClientSession, live: LiveBars, now: datetime) -> None:
        if live.due is None or now < live.due:
            return
        start = live.due - _REAL_TIME_BAR
        live.due += _REAL_TIME_BAR
        path = session.gateway.venue.tape.path(live.instrument, start, live.due)
        if path:
            session.say(
                RealTimeBar(
                    request_id=live.request_id,
                    time=int(start.timestamp()),
                    open=path[0],
                    high=max(path),
                    low=min(path),
                    close=path[-1],
                    volume=live.instrument.lot,
                    wap=path[-1],
                    count=1,
                )
            )


def market_ticks(session: ClientSession, stream: MarketStream, now: datetime) -> Iterator[Reply]:
    """Yield the ticks of a stream that its client does not know yet."""
    quote = session.gateway.venue.quote(stream.instrument, now)
    for tick_type, price, size in _prices(quote):
        known = (price if price is not None else Decimal(-1), size)
        if stream.sent.get(tick_type) == known or (price is None and tick_type not in stream.sent):
            continue
        before = stream.sent.get(tick_type)
        stream.sent[tick_type] = known
        shown = _DELAYED[tick_type] if stream.is_delayed else tick_type
        size_type = _SIZES.get(tick_type)
        if before is not None and before[0] == known[0] and size_type is not None:
            # the same price with another size is a size tick alone (IB campus)
            yield TickSize(
                request_id=stream.request_id,
                tick_type=_DELAYED[size_type] if stream.is_delayed else size_type,
                size=size or Decimal(0),
            )
            continue
        yield TickPrice(request_id=stream.request_id, tick_type=shown, price=known[0], size=size)
    volume = (quote.volume, None)
    if stream.sent.get(8) != volume:
        stream.sent[8] = volume
        yield TickSize(
            request_id=stream.request_id,
            tick_type=_DELAYED[8] if stream.is_delayed else 8,
            size=quote.volume,
        )


_SIZES: Final = {1: 0, 2: 3, 4: 5}
"""Price tick to the tick of its size."""


def _prices(quote: Quote) -> Iterator[tuple[int, Decimal | None, Decimal | None]]:
    zero = Decimal(0)
    yield 1, quote.bid, quote.bid_size if quote.bid is not None else zero
    yield 2, quote.ask, quote.ask_size if quote.ask is not None else zero
    yield 4, quote.last, quote.last_size if quote.last is not None else zero
    yield 6, quote.high, None
    yield 7, quote.low, None
    yield 9, quote.close, None
    yield 14, quote.open, None


def _same(one: Quote, other: Quote) -> bool:
    return replace(one, volume=Decimal(0)) == replace(other, volume=Decimal(0))
