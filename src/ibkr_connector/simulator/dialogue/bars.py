"""Bars that go on: five-second bars, and history whose newest bar is kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.history import HistoricalBar
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import HistoricalDataUpdate, RealTimeBar

from .bar_rows import NOTHING, wire_bar
from .contracts import find_for_data
from .feed import feed_of
from .history_rules import Asked, unavailable
from .rights import is_live

if TYPE_CHECKING:
    from .gateway import Gateway
    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "LiveBars", "bust", "lose_updates", "next_beat"]

_BEAT: Final = timedelta(seconds=5)
_BEHIND: Final = timedelta(minutes=10)
"""Bars older than this are not made up for when the clock leaps (*limit*)."""

_SHOWN: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
_INVALID: Final = "Invalid Real-time Query:"


def next_beat(now: datetime) -> datetime:
    """Return the next full five seconds after a moment."""
    seconds = int(now.timestamp()) // 5 * 5 + 5
    return datetime.fromtimestamp(seconds, tz=UTC)


@dataclass(slots=True)
class LiveBars:
    """One request for bars as they come; `since` is where the first bar not yet closed begins."""

    request_id: int
    asked: Asked
    since: datetime
    due: datetime
    told: HistoricalBar | None = None
    is_kept: bool = False

    def tick(self, session: ClientSession, now: datetime) -> None:
        """Say the bars that are due."""
        if now < self.due:
            return
        if self.is_kept:
            self._update(session, now)
            self.due = next_beat(now)
            return
        start = max(self.since, next_beat(now - _BEHIND))
        self.since = next_beat(now) - _BEAT
        self.due = next_beat(now)
        for bar in self.asked.bars(session, start, self.since):
            session.say(self._five_seconds(bar))

    def _update(self, session: ClientSession, now: datetime) -> None:
        for bar in self.asked.bars(session, self.since, now):
            if bar != self.told and bar.start >= self.since:
                self.told, self.since = bar, bar.start
                session.say(
                    HistoricalDataUpdate(
                        request_id=self.request_id, bar=wire_bar(session, bar, self.asked)
                    )
                )

    def _five_seconds(self, bar: HistoricalBar) -> RealTimeBar:
        return RealTimeBar(
            request_id=self.request_id,
            time=int(bar.start.timestamp()),
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume if bar.volume is not None else NOTHING,
            wap=bar.average if bar.average is not None else NOTHING,
            count=bar.count if bar.count is not None else -1,
        )


def real_time_bars(session: ClientSession, request: ask.ReqRealTimeBars, now: datetime) -> None:
    """Begin a stream of five-second bars; other sizes are five seconds too (IB campus)."""
    request_id, what = request.request_id, request.what_to_show.upper()
    if request_id in session.streams.real_time:
        session.fail(request_id, 102, "Duplicate ticker ID.")
        return
    if what not in _SHOWN:
        session.fail(
            request_id,
            321,
            "Error validating request.-'bT' : cause - What to show value of "
            f"{request.what_to_show} rejected.",
        )
        return
    instrument = find_for_data(session, request.contract, request_id)
    if instrument is None:
        return
    used = sum(one.streams.lines for one in session.gateway.sessions.values())
    if used >= session.gateway.permissions.data_lines:
        session.fail(request_id, 101, "Max number of tickers has been reached")
        return
    refused = unavailable(instrument, what, "")
    if refused is not None and instrument.sec_type != "CRYPTO":
        session.fail(request_id, 420, f"{_INVALID}{refused[1].partition(':')[2]}")
        return
    if not is_live(session, instrument, request.contract.exchange):
        session.fail(request_id, 420, f"{_INVALID}No market data permissions")
        return
    pacing = feed_of(session.gateway).pacing
    if session.gateway.permissions.historical_pacing and not pacing.has_room(now):
        session.fail(request_id, 420, f"{_INVALID}Historical data request pacing violation")
        return
    if instrument.sec_type == "CRYPTO" and what == "TRADES":
        what = "AGGTRADES"
    session.streams.real_time[request_id] = LiveBars(
        request_id=request_id,
        asked=Asked(
            instrument=instrument,
            bar_size="5 secs",
            what_to_show=what,
            format_date=2,
            regular_hours=request.regular_hours,
        ),
        since=next_beat(now) - _BEAT,
        due=next_beat(now),
    )


def cancel_real_time_bars(
    session: ClientSession, request: ask.CancelRealTimeBars, now: datetime
) -> None:
    """End that."""
    if session.streams.real_time.pop(request.request_id, None) is None:
        session.fail(request.request_id, 300, f"Can't find EId with tickerId:{request.request_id}")


def bust(gateway: Gateway, con_id: int) -> None:
    """Bust trades of an instrument: its streams of five-second bars end with 10225."""
    for session in gateway.sessions.values():
        for request_id, live in list(session.streams.real_time.items()):
            if live.asked.instrument.con_id == con_id:
                del session.streams.real_time[request_id]
                session.fail(
                    request_id,
                    10225,
                    "Bust event occurred, current subscription is deactivated. Please resubscribe "
                    "real-time bars immediately.",
                )


def lose_updates(gateway: Gateway) -> None:
    """Lose the historical data service: bars that are kept up to date end with 10182."""
    for session in gateway.sessions.values():
        for request_id in list(session.streams.bars):
            del session.streams.bars[request_id]
            session.fail(request_id, 10182, "Failed to request live updates (disconnected).")


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqRealTimeBars: real_time_bars,
    ask.CancelRealTimeBars: cancel_real_time_bars,
}
