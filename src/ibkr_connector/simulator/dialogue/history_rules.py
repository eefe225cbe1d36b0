"""
What a request for bars may say, with the texts of TWS for what it may not.

The order of the checks and their texts follow what a gateway was measured to answer; codes are
those of IB's table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.history import (
    BAR_SIZES,
    DURATION_UNITS,
    HistoricalBar,
    bars,
    begin_of,
)
from ibkr_connector.simulator.exchange.hours import AlwaysOpen
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.wire.requests import ReqHistoricalData

from .feed import Leg
from .times import BAD_END, parse_end

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = [
    "FAILED",
    "INVALID",
    "Asked",
    "bar_size_of",
    "closes",
    "refusal",
    "schedule_start",
    "span_of",
    "start_of",
    "unavailable",
]

FAILED: Final = "Historical Market Data Service error message:"
INVALID: Final = "Error validating request.-'bM' : cause - "

_NAMES: Final = {
    "TRADES": "Trades",
    "MIDPOINT": "Midpoint",
    "BID": "Bid",
    "ASK": "Ask",
    "BID_ASK": "Bid_Ask",
    "ADJUSTED_LAST": "AdjustedLast",
    "HISTORICAL_VOLATILITY": "HistoricalVolatility",
    "OPTION_IMPLIED_VOLATILITY": "OptionImpliedVolatility",
    "FEE_RATE": "FeeRate",
    "YIELD_BID": "YieldBid",
    "YIELD_ASK": "YieldAsk",
    "YIELD_BID_ASK": "YieldBidAsk",
    "YIELD_LAST": "YieldLast",
    "SCHEDULE": "Schedule",
    "AGGTRADES": "AggTrades",
}
_TRADED: Final = frozenset({"TRADES", "ADJUSTED_LAST"})
_YIELDS: Final = frozenset({"YIELD_BID", "YIELD_ASK", "YIELD_BID_ASK", "YIELD_LAST"})
_KEPT: Final = frozenset({"TRADES", "MIDPOINT", "BID", "ASK"})
_FORMATS: Final = frozenset({1, 2, 3})
_ALIASES: Final = {"1w": "1 week", "1 w": "1 week", "1m": "1 month", "1 m": "1 month"}
_DURATION: Final = re.compile(r"(\d{1,9}) ([SDWMYsdwmy])", re.ASCII)
_LEAST_SECONDS: Final = 30
_MOST: Final = {
    # what is longer must be asked for in another unit
    "S": (86_400, "Historical data request for greater than 86400 seconds rejected."),
    "D": (
        365,
        "Historical data requests for durations longer than 365 days must be made in years.",
    ),
    "W": (
        52,
        "Historical data request for durations longer than 52 weeks must be made in years.",
    ),
    "M": (
        12,
        "Historical data request for durations longer than 12 months must be made in years.",
    ),
    "Y": (68, "Historical data requested duration is invalid."),
}
_FINEST: Final = {
    # IB campus: bar sizes by unit of duration; coarser bars than its table are let through, as the
    # older step table has them
    "S": timedelta(seconds=1),
    "D": timedelta(seconds=5),
    "W": timedelta(seconds=10),
    "M": timedelta(seconds=30),
    "Y": timedelta(minutes=1),
}
_SECOND_BARS: Final = timedelta(seconds=2_000)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which bars a request wants, whenever they are."""

    instrument: Instrument
    legs: tuple[Leg, ...] = ()
    bar_size: str
    what_to_show: str
    format_date: int = 1
    regular_hours: bool = True

    @property
    def shown_name(self) -> str:
        """How TWS writes what is shown, in texts."""
        return _NAMES[self.what_to_show]

    def bars(
        self, session: ClientSession, start: datetime, end: datetime
    ) -> Sequence[HistoricalBar]:
        """Return the bars of an interval; of a combo, what its legs say together."""
        if not self.legs:
            return self._bars_of(session, self.instrument, start, end=end)
        together: dict[datetime, HistoricalBar] = {}
        for number, (instrument, ratio) in enumerate(self.legs):
            found = {bar.start: bar for bar in self._bars_of(session, instrument, start, end=end)}
            if number == 0:
                together = {at: _times(bar, ratio) for at, bar in found.items()}
            else:
                together = {
                    at: _plus(bar, _times(found[at], ratio))
                    for at, bar in together.items()
                    if at in found
                }
        return list(together.values())

    def _bars_of(
        self, session: ClientSession, instrument: Instrument, start: datetime, *, end: datetime
    ) -> Sequence[HistoricalBar]:
        has_sessions = closes(session)
        return list(
            bars(
                session.gateway.venue.tape,
                instrument,
                start=start,
                end=end,
                bar_size=self.bar_size,
                what_to_show=self.what_to_show,
                regular=self.regular_hours and has_sessions,
                sessions=has_sessions,
            )
        )


def closes(session: ClientSession) -> bool:
    """Tell whether markets close; where they never do, all hours are regular hours."""
    return not isinstance(session.gateway.venue.hours, AlwaysOpen)


def bar_size_of(text: str) -> str | None:
    """Read a bar size; `1W` and `1M` are what TWS itself lists for weeks and months."""
    size = _ALIASES.get(text.lower(), text.lower())
    return size if size in BAR_SIZES else None


def span_of(duration: str) -> timedelta | None:
    """Read a duration; a number alone is seconds."""
    text = f"{duration} S" if duration.isdecimal() else duration
    match = _DURATION.fullmatch(text)
    return int(match[1]) * DURATION_UNITS[match[2].upper()] if match is not None else None


def start_of(session: ClientSession, asked: Asked, duration: str, *, end: datetime) -> datetime:
    """Return when a duration before a moment begins."""
    number, unit = _parts(duration)
    has_sessions = closes(session)
    return begin_of(
        asked.instrument,
        end,
        number,
        unit,
        regular=asked.regular_hours and has_sessions,
        sessions=has_sessions,
    )


def schedule_start(instrument: Instrument, duration: str, *, end: datetime) -> datetime:
    """Return when a duration begins whose days are trading days, as those of a schedule are."""
    number, unit = _parts(duration)
    return begin_of(instrument, end, number, unit, regular=True)


def _parts(duration: str) -> tuple[int, str]:
    match = _DURATION.fullmatch(f"{duration} S" if duration.isdecimal() else duration)
    assert match is not None
    return int(match[1]), match[2].upper()


def refusal(request: ReqHistoricalData, now: datetime) -> tuple[int, str] | None:
    """Return why a request is not even looked at; `None` when it is."""
    what = request.what_to_show.upper()
    if parse_end(request.end, now) is None:
        return 10314, BAD_END
    bad = _bad_duration(request.duration)
    if bad is not None:
        return 321, INVALID + bad
    if what == "ADJUSTED_LAST" and request.end.strip():
        return 321, f"{INVALID}End date not supported with adjusted last"
    size = bar_size_of(request.bar_size)
    if size is None:
        legal = ", ".join(BAR_SIZES).replace("1 week", "1W").replace("1 month", "1M")
        return (
            321,
            f"{INVALID}Historical data bar size setting is invalid. Legal ones are: {legal}",
        )
    if what == "ADJUSTED_LAST" and BAR_SIZES[size] > _DAY:
        return 321, f"{INVALID}Multi day bar size not supported with adjusted last"
    if what not in _NAMES:
        return 321, f"{INVALID}What to show value of {request.what_to_show} rejected."
    if request.format_date not in _FORMATS:
        return 321, f"{INVALID}Date formatting selection of {request.format_date} rejected."
    if what == "SCHEDULE" and size != "1 day":
        return 10295, "Only daily resolution supported for Schedule requests"
    return _bad_stream(request, what, size) or _too_fine(request.duration, size)


def _bad_duration(text: str) -> str | None:
    if not text:
        return "Historical data request duration not specified."
    match = _DURATION.fullmatch(f"{text} S" if text.isdecimal() else text)
    if match is None:
        return (
            "When specifying a unit, historical data request duration format is "
            "integer{SPACE}unit (S|D|W|M|Y)."
        )
    number, unit = int(match[1]), match[2].upper()
    if number < 1 or (unit == "S" and number < _LEAST_SECONDS):
        return "Historical data requested duration is invalid."
    most, text = _MOST[unit]
    return text if number > most else None


def _bad_stream(request: ReqHistoricalData, what: str, size: str) -> tuple[int, str] | None:
    if not request.keep_up_to_date:
        return None
    if request.end.strip():
        return 321, f"{INVALID}End date not supported with keep up to date"
    if what not in _KEPT:
        return 321, f"{INVALID}Keep up to date is not supported with {what}"
    if BAR_SIZES[size] < timedelta(seconds=5):
        return 321, f"{INVALID}Keep up to date is not supported with bars of {size}"
    return None


def _too_fine(duration: str, size: str) -> tuple[int, str] | None:
    span = span_of(duration)
    assert span is not None
    unit = "S" if duration.isdecimal() else duration[-1].upper()
    length = BAR_SIZES[size]
    if length < _FINEST[unit] or (length == timedelta(seconds=1) and span > _SECOND_BARS):
        return 162, f"{FAILED}Time length exceed max."
    return None


def unavailable(
    instrument: Instrument, what: str, end: str, *, bar_size: str = ""
) -> tuple[int, str] | None:
    """Return why there is no such history of an instrument; `None` when there is."""
    kind, symbol = instrument.sec_type, instrument.symbol
    if what not in _NAMES:
        return 321, f"{INVALID}What to show value of {what} rejected."
    if kind == "CONTFUT" and end.strip():
        return (
            10339,
            "Setting end date/time for continuous future security type is not allowed.",
        )
    if kind == "CASH" and what in _TRADED:
        return 162, f"{FAILED}No historical market data for {symbol}/CASH@FXSUBPIP Last"
    if kind == "CRYPTO" and what in _TRADED:
        return (
            10299,
            "Expected what to show is AGGTRADES, please use that instead of TRADES.",
        )
    if kind != "CRYPTO" and what == "AGGTRADES":
        return 10299, "Expected what to show is TRADES, please use that instead of AGGTRADES."
    if kind != "BOND" and what in _YIELDS:
        return 162, f"{FAILED}No historical market data for {symbol}/{kind}@{instrument.home} Yield"
    if kind == "IND" and what in {"BID", "ASK", "BID_ASK", "MIDPOINT"}:
        return 162, f"{FAILED}No historical market data for {symbol}/IND@{instrument.home} {what}"
    if kind in {"OPT", "FOP", "WAR"} and BAR_SIZES.get(bar_size, _DAY) >= _DAY and bar_size:
        # no end-of-day data of options (IB campus)
        name = f"{instrument.local_symbol}@{instrument.home}"
        return 162, f"{FAILED}HMDS query returned no data: {name}"
    return None


def _times(bar: HistoricalBar, ratio: int) -> HistoricalBar:
    high, low = (bar.high, bar.low) if ratio > 0 else (bar.low, bar.high)
    return replace(
        bar,
        open=bar.open * ratio,
        high=high * ratio,
        low=low * ratio,
        close=bar.close * ratio,
        average=bar.average * ratio if bar.average is not None else None,
    )


def _plus(one: HistoricalBar, other: HistoricalBar) -> HistoricalBar:
    return HistoricalBar(
        start=one.start,
        open=one.open + other.open,
        high=one.high + other.high,
        low=one.low + other.low,
        close=one.close + other.close,
        volume=_least(one.volume, other.volume),
        average=(
            one.average + other.average
            if one.average is not None and other.average is not None
            else None
        ),
        count=min(one.count, other.count) if one.count and other.count else None,
    )


def _least(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return min(one, other) if one is not None and other is not None else None
