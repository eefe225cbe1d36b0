"""Requests for bars of the past: what TWS refuses, and the bars of what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ibkr_connector.simulator.exchange.history import BAR_SIZES, is_dated
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.past import head_moment
from ibkr_connector.simulator.exchange.sessions import schedule
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import (
    HeadTimestamp,
    HistoricalData,
    HistoricalDataEnd,
    HistoricalSchedule,
    ScheduleSession,
)
from ibkr_connector.simulator.wire.versions import Version

from .bar_rows import wire_bar
from .bars import LiveBars, next_beat
from .combos import combo_of
from .contracts import find_for_data
from .feed import DELAY, Entitlement, Leg, feed_of
from .history_rules import (
    FAILED,
    Asked,
    bar_size_of,
    refusal,
    schedule_start,
    span_of,
    start_of,
    unavailable,
)
from .pacing import MAX_OPEN
from .rights import entitlement
from .times import parse_end, write_time, zone_of

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

_MOST_BARS: Final = 50_000
"""More bars than this are too long a time; the bound keeps an answer in memory (*limit*)."""

_FINE: Final = timedelta(seconds=30)
_FINE_FOR: Final = timedelta(days=183)
"""Bars of 30 seconds and less are kept for half a year (IB campus)."""

_TOO_LONG: Final = f"{FAILED}Time length exceed max."
_API_NEEDED: Final = (
    " Requested market data requires additional subscription for API. See link in 'Market Data "
    "Connections' dialog for more details."
)


def historical_data(session: ClientSession, request: ask.ReqHistoricalData, now: datetime) -> None:
    """Send bars, and keep the newest up to date when asked to."""
    request_id = request.request_id
    if request_id in session.streams.bars:
        session.fail(request_id, 386, "Duplicate ticker ID for API historical data query")
        return
    refused = refusal(request, now)
    if refused is not None:
        session.fail(request_id, *refused)
        return
    legs: tuple[Leg, ...] = ()
    if request.contract.sec_type == "BAG":
        combo = combo_of(session, request.contract, request.legs, request_id=request_id)
        if combo is None:
            return
        instrument, legs = combo
    else:
        found = find_for_data(
            session, request.contract, request_id, include_expired=request.include_expired
        )
        if found is None:
            return
        instrument = found
    if not _is_admitted(session, request, instrument, now=now):
        return
    asked = Asked(
        instrument=instrument,
        legs=legs,
        bar_size=bar_size_of(request.bar_size) or request.bar_size,
        what_to_show=request.what_to_show.upper(),
        format_date=request.format_date,
        regular_hours=request.regular_hours,
    )
    if asked.what_to_show == "SCHEDULE":
        _schedule(session, request, instrument, now=now)
        return
    _send(session, request, asked, now=now)


def _is_admitted(
    session: ClientSession,
    request: ask.ReqHistoricalData,
    instrument: Instrument,
    *,
    now: datetime,
) -> bool:
    request_id, what = request.request_id, request.what_to_show.upper()
    bar_size = bar_size_of(request.bar_size) or request.bar_size
    refused = unavailable(instrument, what, request.end, bar_size=bar_size)
    if refused is not None:
        session.fail(request_id, *refused)
        return False
    if not _has_right(session, instrument, request.contract.exchange, request_id=request_id):
        return False
    if session.streams.open_history >= MAX_OPEN:
        session.fail(
            request_id,
            322,
            "Error processing request.-'bM' : cause - Only 50 simultaneous API historical data "
            "requests allowed.",
        )
        return False
    size = BAR_SIZES[bar_size]
    if size > timedelta(seconds=30) or not session.gateway.permissions.historical_pacing:
        return True
    kind = (instrument.con_id, request.contract.exchange, what)
    same = (kind, request.end, request.duration, request.bar_size, request.regular_hours)
    if feed_of(session.gateway).pacing.admits(same, kind, now, cost=2 if what == "BID_ASK" else 1):
        return True
    session.fail(request_id, 162, f"{FAILED}Historical data request pacing violation")
    return False


def _has_right(
    session: ClientSession, instrument: Instrument, exchange: str, *, request_id: int
) -> bool:
    right = entitlement(session, instrument, exchange)
    if right not in {Entitlement.NONE, Entitlement.API}:
        return True
    place = f"{instrument.primary_exchange or instrument.home} {instrument.sec_type}"
    more = f".{_API_NEEDED}" if right is Entitlement.API else ""
    session.fail(request_id, 162, f"{FAILED}No market data permissions for {place}{more}")
    return False


def _send(
    session: ClientSession, request: ask.ReqHistoricalData, asked: Asked, *, now: datetime
) -> None:
    request_id, instrument = request.request_id, asked.instrument
    end, span = parse_end(request.end, now), span_of(request.duration)
    assert end is not None
    assert span is not None
    is_delayed = entitlement(session, instrument, request.contract.exchange) in {
        Entitlement.DELAYED
    }
    end = min(end, now - DELAY if is_delayed else now)
    start = start_of(session, asked, request.duration, end=end)
    size = BAR_SIZES[asked.bar_size]
    if span / size > _MOST_BARS:
        session.fail(request_id, 162, _TOO_LONG)
        return
    if is_dated(asked.bar_size):
        # day bars begin at midnight: the day in which the span begins belongs to it
        start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    is_too_old = size <= _FINE and end < now - _FINE_FOR
    found = [] if is_too_old else asked.bars(session, start, end)
    if not found:
        name = instrument.local_symbol or instrument.symbol
        text = f"HMDS query returned no data: {name}@{request.contract.exchange} "
        session.fail(request_id, 162, f"{FAILED}{text}{asked.shown_name}")
        return
    zone = zone_of(session, instrument)
    limits = (write_time(start, session.version, zone), write_time(end, session.version, zone))
    session.say(
        HistoricalData(
            request_id=request_id,
            start=limits[0],
            end=limits[1],
            bars=tuple(wire_bar(session, bar, asked) for bar in found),
        )
    )
    if session.version >= Version.HISTORICAL_DATA_END:
        session.say(HistoricalDataEnd(request_id=request_id, start=limits[0], end=limits[1]))
    if request.keep_up_to_date:
        session.streams.bars[request_id] = LiveBars(
            request_id=request_id,
            asked=asked,
            since=found[-1].start,
            told=found[-1],
            due=next_beat(now),
            is_kept=True,
        )


def _schedule(
    session: ClientSession,
    request: ask.ReqHistoricalData,
    instrument: Instrument,
    *,
    now: datetime,
) -> None:
    """Send the sessions of the days asked for, in the time of the exchange."""
    end = parse_end(request.end, now)
    assert end is not None
    found: list[ScheduleSession] = []
    zone = instrument.time_zone
    start = schedule_start(instrument, request.duration, end=end)
    for day in schedule(instrument, start, end, regular=request.regular_hours):
        zone = day.zone
        spans = day.liquid if request.regular_hours else day.trading
        found.append(
            ScheduleSession(
                start=_local(spans[0][0], zone),
                end=_local(spans[-1][1], zone),
                date=f"{day.day:%Y%m%d}",
            )
        )
    session.say(
        HistoricalSchedule(
            request_id=request.request_id,
            start=found[0].start if found else _local(start, zone),
            end=found[-1].end if found else _local(end, zone),
            time_zone=zone,
            sessions=tuple(found),
        )
    )


def _local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y%m%d-%H:%M:%S}"


def cancel(session: ClientSession, request: ask.CancelHistoricalData, now: datetime) -> None:
    """End a request for bars; what was answered already is unknown by then."""
    request_id = request.request_id
    if session.streams.bars.pop(request_id, None) is None:
        session.fail(request_id, 366, f"No historical data query found for ticker id:{request_id}")
        return
    # the echo of the client's own wish (ib_insync, notebook of bars)
    session.fail(request_id, 162, f"{FAILED}API historical data query cancelled: {request_id}")


def head_timestamp(session: ClientSession, request: ask.ReqHeadTimestamp, now: datetime) -> None:
    """Answer when history begins; the request stays open until it is cancelled (IB campus)."""
    request_id, what = request.request_id, request.what_to_show.upper()
    instrument = find_for_data(
        session, request.contract, request_id, include_expired=request.include_expired
    )
    if instrument is None:
        return
    refused = unavailable(instrument, what, "")
    if refused is not None:
        session.fail(request_id, *refused)
        return
    if not _has_right(session, instrument, request.contract.exchange, request_id=request_id):
        return
    if request_id in session.streams.heads:
        session.fail(request_id, 386, "Duplicate ticker ID for API historical data query")
        return
    kind = (instrument.con_id, request.contract.exchange, what)
    pacing = feed_of(session.gateway).pacing
    if session.gateway.permissions.historical_pacing and not pacing.admits(
        (kind, "head", request.regular_hours), kind, now
    ):
        session.fail(request_id, 162, f"{FAILED}Historical data request pacing violation")
        return
    begin = head_moment(session.gateway.venue.tape, instrument, what)
    if begin is None:
        session.fail(request_id, 162, f"{FAILED}No head time stamp")
        return
    session.streams.heads.add(request_id)
    text = str(int(begin.timestamp())) if request.format_date == 2 else f"{begin:%Y%m%d-%H:%M:%S}"
    session.say(HeadTimestamp(request_id=request_id, time=text))


def cancel_head(session: ClientSession, request: ask.CancelHeadTimestamp, now: datetime) -> None:
    """End that."""
    request_id = request.request_id
    if request_id not in session.streams.heads:
        session.fail(request_id, 366, f"No historical data query found for ticker id:{request_id}")
    session.streams.heads.discard(request_id)


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqHistoricalData: historical_data,
    ask.CancelHistoricalData: cancel,
    ask.ReqHeadTimestamp: head_timestamp,
    ask.CancelHeadTimestamp: cancel_head,
}
