"""Ticks of the past, the sizes traded at each price, and when history begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from .contract import Instrument
from .prices import QuoteTick, Tape, TradeTick
from .replay import ReplayTape
from .sessions import Phase, phase

__all__ = [
    "MAX_TICKS",
    "MiddleTick",
    "head_moment",
    "histogram",
    "historical_middles",
    "historical_quotes",
    "historical_trades",
]

MAX_TICKS: Final = 1_000
"""Ticks of one request (IB campus: historical time and sales)."""

_SECOND: Final = timedelta(seconds=1)
_FIRST_WINDOW: Final = timedelta(seconds=64)
_FARTHEST: Final = timedelta(days=10)
_CELLS: Final = 400
_LEVELS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddleTick:
    """A middle price from a moment on."""

    at: datetime
    price: Decimal


Tick = TypeVar("Tick", TradeTick, QuoteTick, MiddleTick)
Within = Callable[[datetime, datetime], Iterable[Tick]]


def historical_trades(
    tape: Tape,
    instrument: Instrument,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    count: int = MAX_TICKS,
    regular: bool = False,
) -> tuple[TradeTick, ...]:
    """
    Return trades from `start` on, or those up to `end`, oldest first.

    The second of the last one (of the first, when they are counted back from `end`) is completed,
    so that there may be more than were asked for (IB campus).

    Args:
        tape: Where they come from.
        instrument: Of what.
        now: Nothing from then on has happened yet.
        start: From when on; or else:
        end: Until when, excluded.
        count: How many, at most 1,000.
        regular: Only those of regular trading hours.
    """

    def within(first: datetime, last: datetime) -> Iterable[TradeTick]:
        return tape.trades(instrument, first, last)

    return _ticks(instrument, within, now, span=(start, end), count=count, regular=regular)


def historical_quotes(
    tape: Tape,
    instrument: Instrument,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    count: int = MAX_TICKS,
    regular: bool = False,
) -> tuple[QuoteTick, ...]:
    """Return changes of the best bid and ask, counted as `historical_trades` does."""

    def within(first: datetime, last: datetime) -> Iterable[QuoteTick]:
        return tape.quotes(instrument, first, last)

    return _ticks(instrument, within, now, span=(start, end), count=count, regular=regular)


def historical_middles(
    tape: Tape,
    instrument: Instrument,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    count: int = MAX_TICKS,
    regular: bool = False,
) -> tuple[MiddleTick, ...]:
    """Return changes of the middle price, counted as `historical_trades` does."""

    def within(first: datetime, last: datetime) -> Iterator[MiddleTick]:
        before: Decimal | None = None
        for quote in tape.quotes(instrument, first, last):
            price = tape.price(instrument, quote.at)
            if price is not None and price != before:
                before = price
                yield MiddleTick(at=quote.at, price=price)

    return _ticks(instrument, within, now, span=(start, end), count=count, regular=regular)


def histogram(
    tape: Tape, instrument: Instrument, *, start: datetime, end: datetime
) -> tuple[tuple[Decimal, Decimal], ...]:
    """
    Return how much was traded at each price of an interval, by price ascending.

    *limit*: within each of 400 parts of the interval, the volume is spread evenly from low to high.
    """
    sizes: dict[Decimal, Decimal] = {}
    step = (end - start) / _CELLS
    swings = [
        tape.swing(instrument, start + step * n, start + step * (n + 1)) for n in range(_CELLS)
    ]
    known = [swing for swing in swings if swing is not None]
    if not known:
        return ()
    tick = instrument.min_tick
    spread = max(swing.high for swing in known) - min(swing.low for swing in known)
    width = tick * max(math.ceil(spread / (tick * _LEVELS)), 1)
    for swing in known:
        first, last = int(swing.low / width), int(swing.high / width)
        levels = last - first + 1
        unit = instrument.size_increment
        each = swing.volume / levels // unit * unit
        for level in range(first, last + 1):
            price = level * width
            share = each if level > first else swing.volume - each * (levels - 1)
            sizes[price] = sizes.get(price, Decimal(0)) + share
    return tuple(sorted((price, size) for price, size in sizes.items() if size))


def head_moment(tape: Tape, instrument: Instrument, what_to_show: str) -> datetime | None:
    """
    Return when history begins; `None` when there is none.

    A recording begins with its first price. Elsewhere it depends on the sort of contract: options
    have none (IB campus), a future has two years, others begin on a fixed day (assumed).
    """
    if isinstance(tape, ReplayTape):
        return tape.first(instrument)
    if instrument.sec_type in {"OPT", "FOP", "WAR"}:
        return None
    if instrument.sec_type == "FUT":
        ends = datetime.strptime(instrument.last_trade, "%Y%m%d").replace(tzinfo=UTC)
        return ends - timedelta(days=730)
    years = _BEGINNINGS.get(instrument.sec_type, 2004)
    first = datetime(years, 1, 5, 14, 30, tzinfo=UTC)
    return first if what_to_show in {"TRADES", "ADJUSTED_LAST"} else first + timedelta(days=366)


_BEGINNINGS: Final = {"STK": 1990, "IND": 1990, "CASH": 2005, "CRYPTO": 2021, "BOND": 2016}


def _ticks(
    instrument: Instrument,
    within: Within[Tick],
    now: datetime,
    *,
    span: tuple[datetime | None, datetime | None],
    count: int,
    regular: bool,
) -> tuple[Tick, ...]:
    count = max(min(count, MAX_TICKS), 0)
    start, end = span

    def counted(first: datetime, last: datetime) -> list[Tick]:
        found = within(first, last)
        if not regular:
            return list(found)
        return [tick for tick in found if phase(instrument, tick.at) is Phase.REGULAR]

    if start is not None:
        return _forward(counted, start, now, count=count)
    return _backward(counted, min(end or now, now), count=count)


def _forward(
    counted: Callable[[datetime, datetime], list[Tick]],
    start: datetime,
    now: datetime,
    *,
    count: int,
) -> tuple[Tick, ...]:
    found: list[Tick] = []
    window, begin = _FIRST_WINDOW, start
    while begin < now and len(found) < count and begin - start < _FARTHEST:
        until = min(begin + window, now)
        found.extend(counted(begin, until))
        begin, window = until, window * 2
    if len(found) > count:
        last = found[count - 1].at.replace(microsecond=0) + _SECOND if count else start
        found = [tick for tick in found if tick.at < last]
    return tuple(found)


def _backward(
    counted: Callable[[datetime, datetime], list[Tick]], end: datetime, *, count: int
) -> tuple[Tick, ...]:
    found: list[Tick] = []
    window, until = _FIRST_WINDOW, end
    while len(found) < count and end - until < _FARTHEST:
        begin = until - window
        found = counted(begin, until) + found
        until, window = begin, window * 2
    if len(found) > count:
        first = found[-count].at.replace(microsecond=0) if count else end
        found = [tick for tick in found if tick.at >= first]
    return tuple(found)
