"""
Futures by their symbols: which contract is in front, and bars that go on over the rolls.

Bars are asked for through the same pacing as all others. What is stored is each contract's own
prices; adjusted ones are made when they are asked for, since they change with every roll.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.errors import ContractError, ContractNotFoundError, IBKRError, NoDataError
from ibkr_connector.gateway import reference
from ibkr_connector.instruments.calendars import trading_days
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.futures import (
    Adjustment,
    ContinuousSeries,
    FetchedFuture,
    FuturesFetch,
    Roll,
    RollNotice,
    RollRule,
)
from ibkr_connector.model.market import Bar, BarSeries
from ibkr_connector.resilience.asking import Asking, AskingGateway

from .config import IBKRFuturesServiceConfig
from .rolls import (
    TradingDays,
    adjusted,
    chosen,
    days_until,
    expiry_of,
    front_by_expiry,
    last_common,
    one_family,
    over,
    roll_calendar,
    roll_day,
    volume_roll,
    weekdays,
)

__all__ = ["FuturesDesk"]

T = TypeVar("T")

Store = Callable[[Sequence[FetchedFuture]], Awaitable[Sequence[int]]]
"""Stores fetched bars, and returns how many of each were not there before."""

_CANDIDATES: Final = 3
"""Contracts that are compared by what trades; the front month is one of the next few."""

_OVERLAP: Final = timedelta(days=10)
_DAY: Final = timedelta(days=1)
_BEFORE: Final = timedelta(days=150)
"""Within so many days there are as many trading days as a configuration may count."""


class _Bars(Protocol):
    def __call__(
        self,
        description: Contract | str,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str | None = None,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> Awaitable[BarSeries]: ...


class FuturesDesk:
    """Answer which future is meant by a symbol, and fetch bars of many."""

    def __init__(self, *, asking: Asking[AskingGateway], bars: _Bars) -> None:
        self._asking = asking
        self._bars = bars
        self._clock = asking.clock

    async def contracts(
        self, symbol: str, *, config: IBKRFuturesServiceConfig, include_expired: bool = False
    ) -> tuple[ContractDetails, ...]:
        """
        Return the futures of a symbol, the next to expire first.

        Raises:
            ContractNotFoundError: There are none.
            ContractError: They are of several kinds.
        """
        name = symbol.strip().upper()
        found = await self._asking.request(
            "futures",
            partial(
                reference.futures_of,
                symbol=name,
                exchange=config.exchanges.get(name, ""),
                include_expired=include_expired,
            ),
            endpoint="contract_details",
        )
        wanted = chosen(
            found,
            trading_class=config.trading_classes.get(name, ""),
            multiplier=config.multipliers.get(name),
        )
        if found and not wanted:
            raise ContractNotFoundError(
                f"no future of {name} has the class or the multiplier of the configuration",
                hint="`trading_classes` and `multipliers` are IB's own, as in 'ES' and 50",
            )
        return one_family(symbol, wanted)

    async def front(self, symbol: str, *, config: IBKRFuturesServiceConfig) -> ContractDetails:
        """Return the contract in front, by the rule of the configuration."""
        family = await self.contracts(symbol, config=config)
        today = self._clock.utcnow().date()
        trades = await self._trading_days(family)
        first = front_by_expiry(family, today, roll_days=config.roll_days, trades=trades)
        rivals = family[family.index(first) :][:_CANDIDATES]
        if config.roll is RollRule.EXPIRY or len(rivals) == 1:
            return first
        if config.roll is RollRule.VOLUME:
            weights = [await self._volume(one.contract) for one in rivals]
        else:
            weights = [
                await self._asking.request(
                    "open_interest",
                    partial(reference.open_interest, contract=one.contract),
                    endpoint="quote",
                )
                for one in rivals
            ]
        if not any(weights):
            raise NoDataError(f"IB tells no {config.roll} of {symbol}", hint="roll by expiry")
        # of two alike the earlier
        return rivals[weights.index(max(weights))]

    async def calendar(self, symbol: str, *, config: IBKRFuturesServiceConfig) -> tuple[Roll, ...]:
        """Return the rolls to come, by expiry, and those of the contracts that IB still knows."""
        family = await self.contracts(symbol, config=config, include_expired=True)
        trades = await self._trading_days(family)
        return roll_calendar(family, roll_days=config.roll_days, trades=trades)

    async def next_roll(self, symbol: str, *, config: IBKRFuturesServiceConfig) -> RollNotice:
        """
        Return which contract follows the one in front, and when.

        Raises:
            NoDataError: IB lists none behind it.
        """
        front = (await self.front(symbol, config=config)).contract
        family = await self.contracts(symbol, config=config)
        place = [one.contract.con_id for one in family].index(front.con_id)
        if place + 1 == len(family):
            raise NoDataError(f"IB lists no future of {symbol} behind {front}")
        trades = await self._trading_days(family)
        day = roll_day(family[place], config.roll_days, trades)
        today = self._clock.utcnow().date()
        return RollNotice(
            symbol=symbol,
            day=day,
            days_left=days_until(today, day, trades),
            old=front,
            new=family[place + 1].contract,
        )

    async def pause(self, seconds: float) -> None:
        """Wait on the one time base."""
        await self._clock.sleep(seconds)

    def today(self) -> date:
        """Return the day by UTC."""
        return self._clock.utcnow().date()

    async def continuous(
        self,
        symbol: str,
        *,
        start: date,
        end: date | None,
        adjustment: Adjustment,
        config: IBKRFuturesServiceConfig,
    ) -> ContinuousSeries:
        """Return daily bars that go on from one contract to the next."""
        if config.roll is RollRule.OPEN_INTEREST:
            raise ContractError(
                "IB tells no open interest of the past", hint="roll by expiry or by volume"
            )
        start = _day(start)
        until = self._clock.utcnow().date() if end is None else _day(end)
        if until < start:
            raise NoDataError(f"there is nothing from {start} to {until}", hint="`start` is first")
        family = await self.contracts(symbol, config=config, include_expired=True)
        day_of = partial(
            roll_day, roll_days=config.roll_days, trades=await self._trading_days(family)
        )
        needed = [one for one in family if day_of(one) > start]
        last = next((n for n, one in enumerate(needed) if day_of(one) > until), len(needed) - 1)
        # by volume the next one may have taken over already
        needed = needed[: last + (2 if config.roll is RollRule.VOLUME else 1)]
        if not needed:
            raise NoDataError(f"IB knows no future of {symbol} that was in front since {start}")
        begins = [start, *(day_of(one) for one in needed[:-1])]
        bars = await _together(
            self._daily(one, begin - _OVERLAP, until)
            for one, begin in zip(needed, begins, strict=True)
        )
        rolls: list[Roll] = []
        for (old, new), (old_bars, new_bars) in zip(
            itertools.pairwise(needed), itertools.pairwise(bars), strict=True
        ):
            day = day_of(old)
            if config.roll is RollRule.VOLUME:
                day = volume_roll(old_bars, new_bars, day)
            closes = last_common(old_bars, new_bars, day)
            rolls.append(
                Roll(
                    day=day,
                    old=old.contract,
                    new=new.contract,
                    old_close=None if closes is None else closes[0],
                    new_close=None if closes is None else closes[1],
                )
            )
        # by volume the next one may have taken over before the first day
        early = sum(roll.day <= start for roll in rolls)
        needed, bars = needed[early:], bars[early:]
        rolls = [roll for roll in rolls[early:] if roll.day <= until]
        edges = [start, *(roll.day for roll in rolls), until + _DAY]
        segments = [
            [bar for bar in one if low <= bar.timestamp.date() < high]
            for one, low, high in zip(bars, edges, edges[1:], strict=False)
        ]
        return ContinuousSeries(
            symbol=symbol,
            bar_size="1 day",
            rule=config.roll,
            adjustment=adjustment,
            contracts=tuple(one.contract for one in needed[: len(segments)]),
            rolls=tuple(rolls),
            bars=adjusted(segments, rolls, adjustment),
        )

    async def fetch(
        self, symbols: Iterable[str], *, config: IBKRFuturesServiceConfig, store: Store
    ) -> FuturesFetch:
        """Fetch the front contracts together and store their bars; each failure is named."""
        wanted = tuple(dict.fromkeys(symbols))

        async def one(symbol: str) -> FetchedFuture | IBKRError:
            try:
                contract = (await self.front(symbol, config=config)).contract
                series = await self._bars(
                    contract,
                    duration=config.duration,
                    bar_size=config.bar_size,
                    what_to_show=config.what_to_show,
                    regular_hours_only=config.regular_hours_only,
                )
            except IBKRError as error:
                return error
            return FetchedFuture(
                symbol=symbol,
                contract=contract,
                bars=over(series.bars, bar_size=series.bar_size, now=self._clock.utcnow()),
                stored=0,
            )

        results = await _together(one(symbol) for symbol in wanted)
        fetched = [result for result in results if isinstance(result, FetchedFuture)]
        counts = await store(fetched) if fetched else ()
        return FuturesFetch(
            results=tuple(
                replace(one, stored=count) for one, count in zip(fetched, counts, strict=True)
            ),
            failures={
                symbol: result
                for symbol, result in zip(wanted, results, strict=True)
                if isinstance(result, IBKRError)
            },
        )

    async def _trading_days(self, family: Sequence[ContractDetails]) -> TradingDays:
        """Return the trading days of the exchange; weekdays where nobody knows them."""
        if not family:
            return weekdays
        today = self._clock.utcnow().date()
        first = min(expiry_of(family[0]), today) - _BEFORE
        last = max(expiry_of(family[-1]), today)
        known = await asyncio.to_thread(trading_days, family[0].contract, first, last)
        return weekdays if known is None else known.__contains__

    async def _volume(self, contract: Contract) -> Any:
        """Return what was traded on the last whole day; 0 where IB has no bars of it."""
        today = self._clock.utcnow().date()
        try:
            series = await self._bars(
                contract, duration="5 D", bar_size="1 day", what_to_show="TRADES"
            )
        except NoDataError:
            return 0
        whole = [bar.volume or 0 for bar in series.bars if bar.timestamp.date() < today]
        return whole[-1] if whole else 0

    async def _daily(self, details: ContractDetails, start: date, until: date) -> Sequence[Bar]:
        last = min(until, expiry_of(details))
        end = datetime.combine(last + _DAY, time(), tzinfo=UTC)
        days = max(2, (last - start).days + 2)
        now = self._clock.utcnow()
        series = await self._bars(
            details.contract,
            duration=f"{days} D" if days <= 365 else f"{-(-days // 365)} Y",
            bar_size="1 day",
            what_to_show="TRADES",
            end=None if end > now else end,
            regular_hours_only=False,
        )
        return tuple(series.bars)


async def _together(asking: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Ask at once, and raise what one of them raises as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in asking]
    except* IBKRError as failed:
        raise failed.exceptions[0] from failed.exceptions[0].__cause__
    return [task.result() for task in tasks]


def _day(said: date) -> date:
    given: Any = said
    if not isinstance(given, date):
        raise ContractError(f"{given!r} is no day", hint="use a date, as in date(2026, 6, 1)")
    return given.astimezone(UTC).date() if isinstance(given, datetime) else given
