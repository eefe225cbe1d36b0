"""The seeded market: every price follows from a seed, for any instrument at any moment."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from .activity import Activity
from .cells import QUARTERS_A_DAY, RootPath, Source, Weather
from .contract import Instrument
from .derived import CrossPath, DayFunction, FollowingPath
from .models import DisplayedSize
from .prices import Level, QuoteTick, Swing, TradeTick
from .rhythm import rhythm_of
from .valuation import RATE, black_scholes, smile, years_left, yield_of

__all__ = ["SeededTape", "quote_at", "rungs"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER: Final = timedelta(milliseconds=250)
_MAX_PATHS: Final = 20_000
_OPTIONS: Final = frozenset({"OPT", "FOP", "WAR"})
_DATED: Final = frozenset({"FUT", "CONTFUT"})
_MAX_UNITS: Final = 8


class _Line:
    """An instrument with its path, the worth of a half tick, and its trades."""

    __slots__ = ("activity", "half", "instrument", "source", "unit")

    def __init__(self, instrument: Instrument, source: Source, activity: Activity) -> None:
        self.instrument = instrument
        self.source = source
        self.half = instrument.min_tick / 2
        self.activity = activity
        self.unit = instrument.trade_size

    def aside(self, second: int) -> Decimal:
        """Return by how much the trades of a pair are larger and smaller than the usual one."""
        steps = int(self.unit / self.instrument.size_increment)
        return (second * 2_654_435_761 % 65_521) % steps * self.instrument.size_increment


class SeededTape:
    """
    A market made of a seed.

    Instruments of a group move together, futures and funds as their index does, options by
    Black-Scholes, crossed pairs as the pairs that they are made of. Days have a lively open and
    close, and now and then a jump. The market is always open here; who knows hours cuts it.

    A price is found from seed and moment alone, so it may be asked for in any order. What was
    found is remembered within bounds, which changes nothing but the time it takes.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._weather = Weather(seed)
        self._lines: dict[int, _Line] = {}
        self._sizes = DisplayedSize(seed)

    @property
    def seed(self) -> int:
        """What it is made of."""
        return self._seed

    def forget(self) -> None:
        """Forget everything that was found; it will be found again, the same."""
        self._weather = Weather(self._seed)
        self._lines.clear()

    def stretch(self, at: datetime) -> Hashable:
        """Name the quarter of a second: prices change with it, and sizes with the second."""
        return int(at.timestamp() * 4 // 1)

    def price(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the middle price at a moment, on the grid of half ticks."""
        line = self._line(instrument)
        return line.source.at(int(at.timestamp() * 4 // 1)) * line.half

    def last(self, instrument: Instrument, at: datetime) -> Decimal | None:
        """Return the price of the last trade, which is what the quote of the moment makes it."""
        middle = self.price(instrument, at)
        return None if middle is None else instrument.last(*instrument.sides(middle))

    def swing(self, instrument: Instrument, start: datetime, end: datetime) -> Swing | None:
        """Return where the price went from `start` until before `end`; `None` when that is void."""
        begin, until = start.timestamp(), end.timestamp()
        if until <= begin:
            return None
        line = self._line(instrument)
        half = line.half
        span = line.source.span(int(begin * 4 // 1), -int(-until * 4 // 1))
        count = line.activity.count(begin, until)
        return Swing(
            open=span[0] * half,
            high=span[1] * half,
            low=span[2] * half,
            close=span[3] * half,
            volume=line.unit * count,
            count=count,
        )

    def path(self, instrument: Instrument, start: datetime, end: datetime) -> Sequence[Decimal]:
        """Return open, high, low and close of an interval; empty when it is void."""
        swing = self.swing(instrument, start, end)
        return () if swing is None else (swing.open, swing.high, swing.low, swing.close)

    def ladder(
        self, instrument: Instrument, at: datetime, depth: int
    ) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the bids and asks of a moment, each with the best first."""
        middle = self.price(instrument, at)
        assert middle is not None
        return rungs(instrument, middle, at, depth=depth, sizes=self._sizes)

    def trades(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[TradeTick]:
        """
        Yield the trades of an interval at the prices that the market had.

        Their sizes differ but come in pairs about the usual one, so that any second's volume is
        its number of trades times that.
        """
        line = self._line(instrument)
        places = [name for name in instrument.exchanges if name != "SMART"] or ["SMART"]
        begin, until = start.timestamp(), end.timestamp()
        for moment, number, together in line.activity.moments(begin, until):
            middle = line.source.at(int(moment * 4 // 1)) * line.half
            is_paired = number ^ 1 < together
            aside = line.aside(int(moment)) if is_paired else Decimal(0)
            yield TradeTick(
                at=_EPOCH + timedelta(microseconds=round(moment * 1_000_000)),
                price=instrument.last(*instrument.sides(middle)),
                size=line.unit + (aside if number % 2 else -aside),
                exchange=places[int(moment * 1_000) % len(places)],
            )

    def quotes(self, instrument: Instrument, start: datetime, end: datetime) -> Iterator[QuoteTick]:
        """Yield the best bid and ask at the start, then each time that they change."""
        before: QuoteTick | None = None
        at, first = start, int(start.timestamp() * 4 // 1)
        while at < end:
            middle = self.price(instrument, at)
            assert middle is not None
            tick = quote_at(instrument, middle, at, sizes=self._sizes)
            if before is None or _differs(before, tick):
                before = tick
                yield tick
            first += 1
            at = _EPOCH + first * _QUARTER

    # --- paths ----------------------------------------------------------------------------------

    def _line(self, instrument: Instrument) -> _Line:
        # a continuous future has the con id of its front month
        key = instrument.con_id if instrument.sec_type != "CONTFUT" else -instrument.con_id
        line = self._lines.get(key)
        if line is None or (line.instrument is not instrument and line.instrument != instrument):
            if len(self._lines) >= _MAX_PATHS:
                self._lines.clear()
            line = _Line(
                instrument,
                self._source(instrument),
                Activity(
                    f"{self._seed}/{instrument.con_id}",
                    per_day=instrument.trades_a_day,
                    rhythm=rhythm_of(instrument),
                ),
            )
            self._lines[key] = line
        return line

    def _source(self, instrument: Instrument) -> Source:
        match instrument.follows:
            case (one, two):
                return self._cross(instrument, one, two)
            case (other,):
                return self._following(instrument, other)
        return RootPath(
            self._weather,
            name=str(instrument.con_id),
            middle=float(instrument.price / (instrument.min_tick / 2)),
            volatility=instrument.volatility,
            group=instrument.group,
            loading=instrument.loading,
            rhythm=rhythm_of(instrument),
        )

    def _following(self, instrument: Instrument, other: Instrument) -> Source:
        line = self._line(other)
        ratio = float(line.half / (instrument.min_tick / 2))
        if instrument.sec_type in _OPTIONS:
            worth = self._option(instrument, other, line)
            return FollowingPath(line.source, worth, is_falling=instrument.right == "P")
        if instrument.sec_type in _DATED:
            if other.sec_type == "CASH" and other.symbol == "USD":
                # futures on currencies are all in dollars, the pair may be the other way round
                return FollowingPath(line.source, self._turned(instrument, line), is_falling=True)
            return FollowingPath(line.source, self._future(instrument, other, ratio))
        # a fund, a CFD: as many of the other as their prices say where the market begins
        share = ratio * float(instrument.price / other.price)

        def multiple(day: int, price: int, /) -> int:
            return max(round(price * share), 2)

        return FollowingPath(line.source, multiple)

    def _future(self, instrument: Instrument, other: Instrument, ratio: float) -> DayFunction:
        carry = 0.0 if other.sec_type in {"FUT", "CONTFUT"} else RATE - yield_of(other)
        name = f"basis {instrument.con_id}"

        def worth(day: int, price: int, /) -> int:
            # the basis is drawn once a day: a tick or two about what carrying costs
            basis = self._weather.knot(name, 1, day)
            grown = price * ratio * math.exp(carry * years_left(instrument, day))
            return max(round((grown + basis) / 2) * 2, 2)

        return worth

    def _turned(self, instrument: Instrument, line: _Line) -> DayFunction:
        name = f"basis {instrument.con_id}"
        unit, half = float(line.half), float(instrument.min_tick / 2)

        def worth(day: int, price: int, /) -> int:
            basis = self._weather.knot(name, 1, day)
            return max(round((1 / (price * unit) / half + basis) / 2) * 2, 2)

        return worth

    def _option(self, option: Instrument, other: Instrument, line: _Line) -> DayFunction:
        unit, half = float(line.half), float(option.min_tick / 2)
        strike, is_call = float(option.strike or 0), option.right == "C"
        dividend = yield_of(other)
        known: dict[int, tuple[float, float]] = {}

        def worth(day: int, price: int, /) -> int:
            found = known.get(day)
            if found is None:
                if len(known) > _MAX_UNITS:
                    known.clear()
                opened = line.source.at(day * QUARTERS_A_DAY) * unit
                found = known[day] = (years_left(option, day), smile(option, opened, day))
            years, volatility = found
            value = black_scholes(
                is_call,
                price * unit,
                strike,
                years=years,
                volatility=volatility,
                dividend=dividend,
            )
            return max(round(value / half), 2)

        return worth

    def _cross(self, pair: Instrument, one: Instrument, two: Instrument) -> Source:
        first, second = self._line(one), self._line(two)
        paths = first.source, second.source
        if not (isinstance(paths[0], RootPath) and isinstance(paths[1], RootPath)):
            raise ValueError(f"{pair.local_symbol} must follow two that follow nothing themselves")
        # what a unit of the base is worth in the others' currency, divided by what one of the quote
        over = (one.symbol != pair.symbol, two.symbol == pair.currency)
        scale = 1 / float(pair.min_tick / 2)
        for line, is_over in zip((first, second), over, strict=True):
            scale = scale / float(line.half) if is_over else scale * float(line.half)
        return CrossPath(paths[0], paths[1], scale=scale, over=over)


def rungs(
    instrument: Instrument, middle: Decimal, at: datetime, *, depth: int, sizes: DisplayedSize
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return a ladder about a middle price, one tick after another."""
    quote = quote_at(instrument, middle, at, sizes=sizes)
    bids: list[Level] = []
    asks: list[Level] = []
    bid, ask = quote.bid, quote.ask
    for rung in range(depth):
        if bid is not None and bid > 0:
            side = "bid" if rung == 0 else f"bid{rung}"
            bids.append((bid, sizes.size(instrument, at, side)))
            bid = instrument.step_down(bid)
        if ask is not None:
            side = "ask" if rung == 0 else f"ask{rung}"
            asks.append((ask, sizes.size(instrument, at, side)))
            ask = instrument.step_up(ask)
    return tuple(bids), tuple(asks)


def quote_at(
    instrument: Instrument, middle: Decimal, at: datetime, *, sizes: DisplayedSize
) -> QuoteTick:
    """Return the best bid and ask about a middle price."""
    bid, ask = instrument.sides(middle)
    return QuoteTick(
        at=at,
        bid=bid if bid > 0 else None,
        ask=ask,
        bid_size=sizes.size(instrument, at, "bid") if bid > 0 else Decimal(0),
        ask_size=sizes.size(instrument, at, "ask"),
    )


def _differs(one: QuoteTick, other: QuoteTick) -> bool:
    return (one.bid, one.ask, one.bid_size, one.ask_size) != (
        other.bid,
        other.ask,
        other.bid_size,
        other.ask_size,
    )
