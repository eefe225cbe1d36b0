"""
Bars made here out of trades: of a time, of a number of trades, of a volume.

    async for made in aggregated(ib.stream_trades("AAPL"), VolumeBars(10_000)):
        print(made.bar.close, made.is_whole)

What a stream has missed is in no bar, and the bar in which it is missing says so. Trades that do
not count for the last price (late reports, odd lots) and halts are left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from ibkr_connector.errors import MarketDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import Bar
from ibkr_connector.model.record import Record
from ibkr_connector.model.streams import Gap, Trade

__all__ = ["Aggregator", "MadeBar", "TickBars", "TimeBars", "VolumeBars", "aggregated"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBar(Record):
    """
    A bar made of trades.

    `bar.timestamp` is where its interval begins, or when its first trade was; `end` the end of the
    interval, or its last trade. `gaps` are the times in it of which trades are missing.
    """

    contract: Contract
    bar: Bar
    end: datetime
    gaps: tuple[Gap, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether no trade is known to be missing."""
        return not self.gaps


class Aggregator(Protocol):
    """Makes bars; a record in, the bars that are over out."""

    def take(self, record: Trade | Gap) -> list[MadeBar]:
        """Take what a stream of trades brings; return the bars that it completes."""
        ...

    def rest(self) -> MadeBar | None:
        """Return the bar that is not over yet, and begin afresh; `None` when there is none."""
        ...


@dataclass(slots=True)
class _Growing:
    """The bar that is being made."""

    contract: Contract
    start: datetime
    end: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = _ZERO
    worth: Decimal = _ZERO
    count: int = 0

    def add(self, price: Decimal, size: Decimal) -> None:
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.close = price
        self.volume += size
        self.worth += price * size
        self.count += 1

    def made(self, gaps: Iterable[Gap]) -> MadeBar:
        return MadeBar(
            contract=self.contract,
            end=self.end,
            gaps=tuple(gaps),
            bar=Bar(
                timestamp=self.start,
                open=self.open,
                high=self.high,
                low=self.low,
                close=self.close,
                volume=self.volume,
                average=self.worth / self.volume if self.volume else None,
                trade_count=self.count,
            ),
        )


class _Gaps:
    """What is known to be missing; a gap that is over takes the place of its beginning."""

    def __init__(self) -> None:
        self._known: list[Gap] = []

    def note(self, gap: Gap) -> None:
        if gap.is_over:
            self._known = [one for one in self._known if one.is_over or one.reason != gap.reason]
        self._known.append(gap)

    def within(self, start: datetime, end: datetime) -> list[Gap]:
        """Return those that touch a time."""
        return [
            gap for gap in self._known if gap.start < end and (gap.end is None or gap.end > start)
        ]

    def all(self) -> list[Gap]:
        return list(self._known)

    def forget_until(self, time: datetime) -> None:
        self._known = [gap for gap in self._known if gap.end is None or gap.end > time]

    def forget_what_is_over(self) -> None:
        self._known = [gap for gap in self._known if not gap.is_over]


class TimeBars:
    """
    Bars of so many seconds, on the clock of UTC.

    A bar is over with the first trade after its interval, or with `until`; an interval without
    trades has no bar, and none has two: a trade that comes after its bar was given belongs to the
    next one.
    """

    def __init__(self, seconds: int) -> None:
        if not 1 <= seconds <= 86_400:
            raise MarketDataError(f"bars have 1 to 86,400 seconds, not {seconds}")
        self._size = timedelta(seconds=seconds)
        self._bar: _Growing | None = None
        self._given_until: datetime | None = None
        self._gaps = _Gaps()

    def take(self, record: Trade | Gap) -> list[MadeBar]:
        """Take a trade or a gap."""
        if isinstance(record, Gap):
            self._gaps.note(record)
            return []
        if not (told := _counts(record)):
            return []
        start = record.timestamp - (record.timestamp - _EPOCH) % self._size
        if self._given_until is not None:
            start = max(start, self._given_until)
        # trades come in order; one that is late belongs to the bar that is being made
        done = self.until(start)
        if self._bar is None:
            self._bar = _begun(record, told[0], start=start, end=start + self._size)
        self._bar.add(*told)
        return done

    def until(self, now: datetime) -> list[MadeBar]:
        """Return the bar, if its interval is over: for markets in which nobody trades."""
        if self._bar is None or now < self._bar.end:
            return []
        done = self.rest()
        return [] if done is None else [done]

    def rest(self) -> MadeBar | None:
        """Return the bar that is not over yet, and begin afresh."""
        bar, self._bar = self._bar, None
        if bar is None:
            return None
        made = bar.made(self._gaps.within(bar.start, bar.end))
        self._gaps.forget_until(bar.end)
        self._given_until = bar.end
        return made


class _Counted:
    """The bar of a count that grows: what is missing since the last one is missing in it."""

    def __init__(self) -> None:
        self.bar: _Growing | None = None
        self.gaps = _Gaps()

    def done(self) -> list[MadeBar]:
        bar, self.bar = self.bar, None
        if bar is None:
            return []
        made = bar.made(self.gaps.all())
        self.gaps.forget_what_is_over()
        return [made]

    def add(self, trade: Trade, price: Decimal, size: Decimal) -> _Growing:
        if self.bar is None:
            self.bar = _begun(trade, price, start=trade.timestamp, end=trade.timestamp)
        self.bar.add(price, size)
        self.bar.end = max(self.bar.end, trade.timestamp)
        return self.bar


class TickBars:
    """Bars of so many trades."""

    def __init__(self, trades: int) -> None:
        if trades < 1:
            raise MarketDataError(f"bars have one trade or more, not {trades}")
        self._trades = trades
        self._counted = _Counted()

    def take(self, record: Trade | Gap) -> list[MadeBar]:
        """Take a trade or a gap."""
        if isinstance(record, Gap):
            self._counted.gaps.note(record)
            return []
        told = _counts(record)
        if told is None or self._counted.add(record, *told).count < self._trades:
            return []
        return self._counted.done()

    def rest(self) -> MadeBar | None:
        """Return the bar that is not over yet, and begin afresh."""
        return next(iter(self._counted.done()), None)


class VolumeBars:
    """Bars of exactly so much volume; a trade that is too large for one goes on in the next."""

    def __init__(self, volume: Decimal | int) -> None:
        if volume <= 0:
            raise MarketDataError(f"bars have a volume above 0, not {volume}")
        self._volume = Decimal(volume)
        self._counted = _Counted()

    def take(self, record: Trade | Gap) -> list[MadeBar]:
        """Take a trade or a gap."""
        if isinstance(record, Gap):
            self._counted.gaps.note(record)
            return []
        price, left = _counts(record) or (_ZERO, _ZERO)
        done: list[MadeBar] = []
        while left > 0:
            bar = self._counted.bar
            part = min(left, self._volume - (bar.volume if bar else _ZERO))
            left -= part
            if self._counted.add(record, price, part).volume == self._volume:
                done.extend(self._counted.done())
        return done

    def rest(self) -> MadeBar | None:
        """Return the bar that is not over yet, and begin afresh."""
        return next(iter(self._counted.done()), None)


async def aggregated(
    stream: AsyncIterator[Trade | Gap], aggregator: Aggregator
) -> AsyncIterator[MadeBar]:
    """Yield the bars of a stream of trades; the last one, when it ends, may not be full."""
    async for record in stream:
        for made in aggregator.take(record):
            yield made
    if (last := aggregator.rest()) is not None:
        yield last


def _counts(trade: Trade) -> tuple[Decimal, Decimal] | None:
    if trade.unreported or trade.price is None or not trade.size:
        return None
    return trade.price, trade.size


def _begun(trade: Trade, price: Decimal, *, start: datetime, end: datetime) -> _Growing:
    return _Growing(
        contract=trade.contract,
        start=start,
        end=end,
        open=price,
        high=price,
        low=price,
        close=price,
    )
