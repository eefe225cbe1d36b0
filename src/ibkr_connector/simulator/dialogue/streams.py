"""
One client's subscriptions to data, and their common heartbeat.

A client that does not read is told less, not later: while the server says that its socket is full
(`is_paused`), quotes, depth and bars wait, and what they say afterwards is the newest state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from ibkr_connector.simulator.wire.replies import TickSnapshotEnd

from .bars import LiveBars
from .depth import DepthStream
from .feed import feed_of
from .market import MarketStream
from .news import NewsStreams
from .scanner import Scan
from .ticks import TickByTick

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["Streams"]


@dataclass(slots=True)
class Streams:
    """One client's subscriptions to data."""

    data_type: int = 1
    is_paused: bool = False
    market: dict[int, MarketStream] = field(default_factory=dict)
    snapshots: dict[int, MarketStream] = field(default_factory=dict)
    bars: dict[int, LiveBars] = field(default_factory=dict)
    real_time: dict[int, LiveBars] = field(default_factory=dict)
    ticks: dict[int, TickByTick] = field(default_factory=dict)
    tick_requests: dict[tuple[int, str], datetime] = field(default_factory=dict)
    depth: dict[int, DepthStream] = field(default_factory=dict)
    scans: dict[int, Scan] = field(default_factory=dict)
    heads: set[int] = field(default_factory=set)
    groups: dict[int, int] = field(default_factory=dict)
    news: NewsStreams = field(default_factory=NewsStreams)
    has_calendar: bool = False
    searched_at: datetime | None = None
    snapshot_at: datetime | None = None

    @property
    def lines(self) -> int:
        """How many lines of market data are in use; live bars need one too (IB campus)."""
        return len(self.market) + len(self.real_time) + len(self.news.tapes)

    @property
    def open_history(self) -> int:
        """How many historical requests are open."""
        return len(self.bars) + len(self.heads)

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say what changed since the last time."""
        feed = feed_of(session.gateway)
        feed.begin(id(session), now)
        if not self.is_paused and not feed.is_competing:
            for stream in self.market.values():
                stream.tick(session, feed, now)
            for stream in self.snapshots.values():
                stream.tick(session, feed, now)
            for tick in self.ticks.values():
                tick.tick(session, feed, now)
            for one in self.depth.values():
                one.tick(session, now)
        if self.snapshots:
            self._end_snapshots(session, now)
        if not self.is_paused:
            for live in (*self.real_time.values(), *self.bars.values()):
                live.tick(session, now)
            for scan in self.scans.values():
                scan.tick(session, now)
            self.news.tick(session, now)

    def _end_snapshots(self, session: ClientSession, now: datetime) -> None:
        for stream in list(self.snapshots.values()):
            if stream.ends_at is not None and now >= stream.ends_at:
                del self.snapshots[stream.request_id]
                session.say(TickSnapshotEnd(request_id=stream.request_id))
