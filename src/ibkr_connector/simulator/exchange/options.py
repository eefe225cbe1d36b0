"""The option chains that are listed: weekly and monthly, on stocks, indices and futures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .chains import OptionChain, Series
from .contract import Instrument
from .futures import business_day, is_business_day, third_friday

__all__ = ["option_chains"]

_FRIDAY: Final = 4
_WEEKS: Final = 6
_MONTHS: Final = 6
_QUARTERS: Final = 4
_LONG_YEARS: Final = 2

_CHAINS: Final = (
    # number (part of con ids), underlying, step of strikes, lowest, highest, weekly class
    (1, "AAPL", "5", 100, 300, ""),
    (2, "MSFT", "10", 250, 600, ""),
    (3, "NVDA", "2.5", 60, 200, ""),
    (4, "AMZN", "5", 100, 280, ""),
    (5, "TSLA", "5", 120, 400, ""),
    (6, "META", "10", 300, 750, ""),
    (7, "GOOGL", "5", 90, 250, ""),
    (8, "AMD", "5", 75, 250, ""),
    (9, "SPY", "5", 380, 700, ""),
    (10, "QQQ", "5", 320, 620, ""),
    (11, "IWM", "5", 140, 290, ""),
    (12, "SPX", "50", 3800, 7000, "SPXW"),
    (13, "NDX", "250", 13000, 26000, "NDXP"),
    (14, "GLD", "5", 160, 300, ""),
    (15, "TLT", "1", 70, 125, ""),
    (16, "INTC", "1", 10, 40, ""),
    (17, "JPM", "5", 140, 300, ""),
    (18, "XOM", "2.5", 75, 160, ""),
)
_ON_FUTURES: Final = (
    # number, class of the futures, of the options, step, lowest, highest, how many futures, tick
    (40, "ES", "ES", "50", 3800, 7000, 2, "0.05"),
    (41, "NQ", "NQ", "250", 13000, 26000, 2, "0.05"),
    (42, "CL", "LO", "1", 40, 120, 4, "0.01"),
    (43, "GC", "OG", "25", 1600, 3400, 3, "0.10"),
)
_EXCHANGES: Final = {"STK": ("SMART", "CBOE", "ISE"), "IND": ("SMART", "CBOE")}
_TICK: Final = Decimal("0.01")
_INDEX_TICK: Final = Decimal("0.05")


def option_chains(today: date, listed: Iterable[Instrument]) -> Iterator[OptionChain]:
    """Yield the chains of a day; a contract of them is made when it is asked for."""
    by_symbol: dict[str, Instrument] = {}
    by_class: dict[str, list[Instrument]] = {}
    for one in listed:
        if one.sec_type == "FUT":
            by_class.setdefault(one.trading_class, []).append(one)
        elif one.currency == "USD":
            by_symbol.setdefault(one.symbol, one)
    dates = _expiries(today)
    for number, symbol, step, low, high, weekly in _CHAINS:
        under = by_symbol[symbol]
        yield OptionChain(
            number=number,
            pattern=_pattern(under, is_index=bool(weekly)),
            series=tuple(_series(under, dates, today, weekly=weekly)),
            strikes=_strikes(step, low, high),
            step=Decimal(step),
            made={},
        )
    for number, family, name, step, low, high, count, tick in _ON_FUTURES:
        for under in by_class[family][:count]:
            yield OptionChain(
                number=number,
                pattern=_pattern_on_future(under, tick=Decimal(tick)),
                series=(_future_series(under, name),),
                strikes=_strikes(step, low, high),
                step=Decimal(step),
                made={},
            )


def _expiries(today: date) -> Mapping[date, bool]:
    """Return the days on which options end, ascending, and whether each is a monthly one."""
    found: dict[date, bool] = {}
    friday = today + timedelta(days=(_FRIDAY - today.weekday()) % 7)
    for week in range(_WEEKS):
        found[_open(friday + timedelta(weeks=week))] = False
    months = [
        (today.year + (today.month - 1 + n) // 12, (today.month - 1 + n) % 12 + 1)
        for n in range(40)
    ]
    monthly = [third_friday(year, month) for year, month in months]
    alive = [day for day in monthly if _open(day) >= today]
    quarterly = [day for day in alive if day.month in {3, 6, 9, 12}]
    long_dated = [day for day in alive if day.month == 1]
    for day in (*alive[:_MONTHS], *quarterly[:_QUARTERS], *long_dated[:_LONG_YEARS]):
        found[_open(day)] = True
    return dict(sorted(found.items()))


def _series(
    under: Instrument, dates: Mapping[date, bool], today: date, *, weekly: str
) -> Iterator[Series]:
    for day, is_monthly in dates.items():
        if weekly and is_monthly:
            # settled on the morning's opening prices, so that it trades until the day before
            last = business_day(day, -1)
            if last >= today:
                yield Series(expires=day, last_trade=last, trading_class=under.symbol, under=under)
        name = weekly or under.symbol
        yield Series(
            expires=day, last_trade=day, trading_class=name, under=under, is_second=bool(weekly)
        )


def _future_series(under: Instrument, name: str) -> Series:
    ends = date(int(under.last_trade[:4]), int(under.last_trade[4:6]), int(under.last_trade[6:]))
    # options on an index future end with it, those on goods some days before
    last = ends if name in {"ES", "NQ"} else business_day(ends, -4)
    return Series(expires=last, last_trade=last, trading_class=name, under=under)


def _strikes(step: str, low: int, high: int) -> tuple[Decimal, ...]:
    first, width = Decimal(low), Decimal(step)
    return tuple(first + width * n for n in range(int((high - first) / width) + 1))


def _open(day: date) -> date:
    return day if is_business_day(day) else business_day(day, -1)


def _pattern(under: Instrument, *, is_index: bool) -> Instrument:
    tick = _INDEX_TICK if is_index else _TICK
    return Instrument(
        con_id=0,
        symbol=under.symbol,
        sec_type="OPT",
        currency="USD",
        exchanges=_EXCHANGES[under.sec_type],
        multiplier=100,
        long_name=under.long_name,
        market_name=under.symbol,
        industry=under.industry,
        family="us index option" if is_index else "us option",
        min_tick=tick,
        market_rule=109 if is_index else 26,
        under_con_id=under.con_id,
        price=max(under.price / 40 // tick * tick, tick),
        volatility=under.volatility,
        spread=tick * 4,
        lot=Decimal(20),
    )


def _pattern_on_future(under: Instrument, *, tick: Decimal) -> Instrument:
    return Instrument(
        con_id=0,
        symbol=under.symbol,
        sec_type="FOP",
        currency=under.currency,
        exchanges=under.exchanges,
        multiplier=under.multiplier,
        long_name=under.long_name,
        market_name=under.market_name,
        time_zone=under.time_zone,
        min_tick=tick,
        market_rule={Decimal("0.05"): 9010, Decimal("0.10"): 9001}.get(tick, 9004),
        under_con_id=under.con_id,
        price=max(under.price / 40 // tick * tick, tick),
        volatility=under.volatility,
        spread=tick * 4,
        lot=Decimal(10),
    )
