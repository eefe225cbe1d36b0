"""Bars of the past, cut out of a tape: the same prices that the quotes of that time had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from .instruments import Instrument
from .tape import Tape

__all__ = ["BAR_SIZES", "DURATION_UNITS", "HistoricalBar", "bars", "is_dated"]

BAR_SIZES: Final[Mapping[str, timedelta]] = MappingProxyType(
    # IB campus: valid bar sizes; a month is four weeks here (*limit*)
    {
        "1 secs": timedelta(seconds=1),
        "5 secs": timedelta(seconds=5),
        "10 secs": timedelta(seconds=10),
        "15 secs": timedelta(seconds=15),
        "30 secs": timedelta(seconds=30),
        "1 min": timedelta(minutes=1),
        "2 mins": timedelta(minutes=2),
        "3 mins": timedelta(minutes=3),
        "5 mins": timedelta(minutes=5),
        "10 mins": timedelta(minutes=10),
        "15 mins": timedelta(minutes=15),
        "20 mins": timedelta(minutes=20),
        "30 mins": timedelta(minutes=30),
        "1 hour": timedelta(hours=1),
        "2 hours": timedelta(hours=2),
        "3 hours": timedelta(hours=3),
        "4 hours": timedelta(hours=4),
        "8 hours": timedelta(hours=8),
        "1 day": timedelta(days=1),
        "1 week": timedelta(days=7),
        "1 month": timedelta(days=28),
    }
)

DURATION_UNITS: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "S": timedelta(seconds=1),
        "D": timedelta(days=1),
        "W": timedelta(days=7),
        "M": timedelta(days=30),
        "Y": timedelta(days=365),
    }
)

_DAY: Final = timedelta(days=1)
_FIRST_MONDAY: Final = date(1970, 1, 5)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalBar:
    """One bar; `volume`, `average` and `count` are `None` for what has no trades."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    average: Decimal | None
    count: int | None


def is_dated(bar_size: str) -> bool:
    """Tell whether bars of this size carry a date instead of a time."""
    return BAR_SIZES[bar_size] >= _DAY


def bars(
    tape: Tape,
    instrument: Instrument,
    *,
    start: datetime,
    end: datetime,
    bar_size: str,
    what_to_show: str,
) -> Iterator[HistoricalBar]:
    """Yield the bars that begin within the interval, oldest first, the unfinished one last."""
    size = BAR_SIZES[bar_size]
    begin = _grid(start, size)
    while begin < end:
        if not (size == _DAY and begin.weekday() >= _SATURDAY):
            path = tape.path(instrument, begin, min(begin + size, end))
            if path:
                yield _bar(
                    instrument,
                    begin,
                    [_shown(instrument, price, what_to_show) for price in path],
                    what_to_show=what_to_show,
                )
        begin += size


def _grid(moment: datetime, size: timedelta) -> datetime:
    """Return the first bar boundary at or after a moment."""
    midnight = datetime.combine(moment.date(), time(), tzinfo=moment.tzinfo)
    if size > _DAY:
        # counted from one Monday for everybody, so that two requests cut time alike
        midnight = datetime.combine(_FIRST_MONDAY, time(), tzinfo=moment.tzinfo)
    steps = -((midnight - moment) // size)
    return midnight + steps * size


def _shown(instrument: Instrument, middle: Decimal, what_to_show: str) -> Decimal:
    """Return what a quote around this middle price says: history and stream are the same."""
    bid, ask = instrument.sides(middle)
    match what_to_show:
        case "BID":
            return bid
        case "ASK":
            return ask
        case "MIDPOINT" | "BID_ASK":
            return middle
        case _:
            return instrument.last(bid, ask)


def _bar(
    instrument: Instrument, start: datetime, path: list[Decimal], *, what_to_show: str
) -> HistoricalBar:
    traded = what_to_show in {"TRADES", "ADJUSTED_LAST", "AGGTRADES"} and (
        instrument.sec_type not in {"CASH", "IND"}
    )
    count = 40 + (start.minute * 7 + start.hour) % 60 if traded else None
    return HistoricalBar(
        start=start,
        open=path[0],
        high=max(path),
        low=min(path),
        close=path[-1],
        volume=instrument.lot * count if count is not None else None,
        average=_on_tick(sum(path, Decimal(0)) / len(path), instrument.min_tick / 10)
        if traded
        else None,
        count=count,
    )


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value() * tick
