"""Historical requests: what TWS refuses, and the bars of what it does not."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.history import (
    BAR_SIZES,
    DURATION_UNITS,
    HistoricalBar,
    is_dated,
)
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.replies import Bar, HeadTimestamp, HistoricalData
from ibkr_connector.simulator.wire.requests import ReqHeadTimestamp, ReqHistoricalData

from .times import LOGIN_ZONE, parse_end, write_time

if TYPE_CHECKING:
    from .session import ClientSession
    from .streams import LiveBars

__all__ = ["head_timestamp", "historical_data", "newest_bar"]

_SHOWN: Final = frozenset(
    {"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST", "AGGTRADES"}
)
_TRADED: Final = frozenset({"TRADES", "ADJUSTED_LAST"})
_KEPT: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
_DURATION: Final = re.compile(r"([1-9]\d*) ([SDWMY])")
_NOTHING: Final = Decimal(-1)
_HISTORY_YEARS: Final = 10


def historical_data(
    session: ClientSession, request: ReqHistoricalData, instrument: Instrument, *, now: datetime
) -> bool:
    """Answer a request for bars; tell whether it was accepted."""
    refusal = _refusal(request, instrument, now)
    if refusal is not None:
        session.fail(request.request_id, *refusal)
        return False
    end = parse_end(request.end, now)
    span = _span(request.duration)
    assert end is not None
    assert span is not None
    end = min(end, now)
    start = end - span
    if is_dated(request.bar_size):
        # day bars begin at midnight: the day in which the span begins belongs to it
        start = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = session.gateway.venue.bars(
        instrument,
        start=start,
        end=end,
        bar_size=request.bar_size,
        what_to_show=request.what_to_show,
    )
    if not found:
        session.fail(
            request.request_id,
            162,
            "Historical Market Data Service error message:HMDS query returned no data: "
            f"{instrument.local_symbol}@{request.contract.exchange} {request.what_to_show}",
        )
        return False
    session.say(
        HistoricalData(
            request_id=request.request_id,
            start=write_time(start, session.version),
            end=write_time(end, session.version),
            bars=tuple(
                _bar(
                    bar,
                    request.bar_size,
                    format_date=request.format_date,
                    version=session.version,
                )
                for bar in found
            ),
        )
    )
    return True


def newest_bar(session: ClientSession, live: LiveBars, now: datetime) -> Bar | None:
    """Return the bar that is being made now."""
    size = BAR_SIZES[live.bar_size]
    found = session.gateway.venue.bars(
        live.instrument,
        start=now - 2 * size,
        end=now,
        bar_size=live.bar_size,
        what_to_show=live.what_to_show,
    )
    if not found:
        return None
    return _bar(found[-1], live.bar_size, format_date=live.format_date, version=session.version)


def head_timestamp(session: ClientSession, request: ReqHeadTimestamp, now: datetime) -> None:
    """Answer when history begins."""
    begin = now - timedelta(days=365 * _HISTORY_YEARS)
    text = str(int(begin.timestamp())) if request.format_date == 2 else f"{begin:%Y%m%d-%H:%M:%S}"
    session.say(HeadTimestamp(request_id=request.request_id, time=text))


def _refusal(
    request: ReqHistoricalData, instrument: Instrument, now: datetime
) -> tuple[int, str] | None:
    invalid = "Error validating request.-'bN' : cause - "
    if request.bar_size not in BAR_SIZES:
        return 321, f"{invalid}Historical data bar size setting is invalid. Legal ones are: ..."
    if request.what_to_show not in _SHOWN:
        return 321, f"{invalid}Please enter exchange"
    if _span(request.duration) is None:
        return 321, f"{invalid}Historical data query duration is invalid."
    if parse_end(request.end, now) is None:
        return 10314, "End Date/Time: The date, time, or time-zone entered is invalid."
    if request.keep_up_to_date and (request.end or request.what_to_show not in _KEPT):
        return 321, f"{invalid}End date not supported with keep up to date"
    if instrument.sec_type == "CASH" and request.what_to_show in _TRADED:
        return (
            162,
            "Historical Market Data Service error message:No historical market data for "
            f"{instrument.symbol}/CASH@FXSUBPIP Last",
        )
    if instrument.sec_type == "CRYPTO" and request.what_to_show in _TRADED:
        return 10299, "Expected what to show is AGGTRADES, please use that instead of TRADES."
    return None


def _span(duration: str) -> timedelta | None:
    match = _DURATION.fullmatch(duration.strip())
    return int(match[1]) * DURATION_UNITS[match[2]] if match is not None else None


def _bar(bar: HistoricalBar, bar_size: str, *, format_date: int, version: int) -> Bar:
    if is_dated(bar_size):
        date = f"{bar.start:%Y%m%d}"
    elif format_date == 2:
        date = str(int(bar.start.timestamp()))
    else:
        date = write_time(bar.start, version, LOGIN_ZONE)
    return Bar(
        date=date,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume if bar.volume is not None else _NOTHING,
        wap=bar.average if bar.average is not None else _NOTHING,
        count=bar.count if bar.count is not None else -1,
    )
