"""Requests for single ticks of the past, and for how much was traded at which price."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.history import DURATION_UNITS, begin_of
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.past import histogram as traded_at
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import HistogramData, HistogramRow

from .contracts import find_for_data
from .history_rules import closes
from .past_ticks import past_ticks
from .rights import is_live
from .times import BAD_END, parse_end

if TYPE_CHECKING:
    from .session import ClientSession, Handler

__all__ = ["HANDLERS"]

_FAILED: Final = "Failed to request historical ticks:"
_INVALID: Final = "Error validating request.-'ct' : cause - "
_KINDS: Final = frozenset({"TRADES", "BID_ASK", "MIDPOINT"})
_MOST: Final = 1_000
_UNTRADED: Final = frozenset({"CASH", "IND"})
_PERIOD: Final = re.compile(r"([1-9]\d{0,4}) (second|day|week|month|year)s?", re.ASCII)
_LONGEST: Final = timedelta(days=3_660)
_UNITS: Final = {"second": "S", "day": "D", "week": "W", "month": "M", "year": "Y"}


def historical_ticks(
    session: ClientSession, request: ask.ReqHistoricalTicks, now: datetime
) -> None:
    """Send up to a thousand ticks after one time or before another (IB campus)."""
    request_id, what = request.request_id, request.what_to_show.upper()
    refused = _refusal(request, what, now)
    if refused is not None:
        session.fail(request_id, *refused)
        return
    instrument = find_for_data(
        session, request.contract, request_id, include_expired=request.include_expired
    )
    if instrument is None:
        return
    if not is_live(session, instrument, request.contract.exchange):
        session.fail(
            request_id, 10187, f"{_FAILED}No market data permissions for {_place(instrument)}"
        )
        return
    if instrument.sec_type == "BAG" or (what == "TRADES" and instrument.sec_type in _UNTRADED):
        session.fail(
            request_id,
            10187,
            f"{_FAILED}No historical market data for {instrument.symbol}/{instrument.sec_type}@"
            f"{instrument.home} Last",
        )
        return
    start = parse_end(request.start, now) if request.start.strip() else None
    end = parse_end(request.end, now)
    assert end is not None
    session.say(
        past_ticks(
            session.gateway.venue.tape,
            instrument,
            what,
            request_id=request_id,
            count=request.count,
            now=now,
            start=start,
            end=None if start is not None else end,
            regular=request.regular_hours and closes(session),
            ignores_size=request.ignore_size,
        )
    )


def _refusal(request: ask.ReqHistoricalTicks, what: str, now: datetime) -> tuple[int, str] | None:
    if bool(request.start.strip()) == bool(request.end.strip()):
        return 321, f"{_INVALID}Please specify either start time or end time, and not both."
    if parse_end(request.start, now) is None or parse_end(request.end, now) is None:
        return 10314, BAD_END
    if what not in _KINDS:
        return 321, f"{_INVALID}What to show value of {request.what_to_show} rejected."
    if not 1 <= request.count <= _MOST:
        return 321, f"{_INVALID}Number of ticks must be between 1 and {_MOST}."
    return None


def _place(instrument: Instrument) -> str:
    return f"{instrument.primary_exchange or instrument.home} {instrument.sec_type}"


def histogram(session: ClientSession, request: ask.ReqHistogramData, now: datetime) -> None:
    """Send how much was traded at each price of a period."""
    request_id = request.request_id
    match = _PERIOD.fullmatch(request.period.strip())
    if match is None or int(match[1]) * DURATION_UNITS[_UNITS[match[2]]] > _LONGEST:
        session.fail(
            request_id,
            321,
            "Error validating request.-'cr' : cause - Histogram data time period is invalid.",
        )
        return
    instrument = find_for_data(
        session, request.contract, request_id, include_expired=request.include_expired
    )
    if instrument is None:
        return
    if not is_live(session, instrument, request.contract.exchange) or (
        instrument.sec_type in _UNTRADED
    ):
        session.fail(
            request_id,
            10188,
            f"Failed to request histogram data:No market data permissions for {_place(instrument)}",
        )
        return
    start = begin_of(instrument, now, int(match[1]), _UNITS[match[2]])
    found = traded_at(session.gateway.venue.tape, instrument, start=start, end=now)
    rows = tuple(HistogramRow(price=price, size=size) for price, size in found)
    session.say(HistogramData(request_id=request_id, rows=rows))


def cancel_histogram(
    session: ClientSession, request: ask.CancelHistogramData, now: datetime
) -> None:
    """End that; it was answered at once."""


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqHistoricalTicks: historical_ticks,
    ask.ReqHistogramData: histogram,
    ask.CancelHistogramData: cancel_histogram,
}
