"""
Futures: which families there are, when their contracts end, and the contracts of a day.

Con ids are computed from family and month, so that they are the same on every day. Families, names
and months are the exchanges'; last trading days follow their rules, without single exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .contract import Instrument
from .holidays import closed_days, nth_weekday

__all__ = ["FAMILIES", "FutureFamily", "business_day", "expired", "futures", "third_friday"]

_MONTH_LETTERS: Final = "FGHJKMNQUVXZ"
_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4
_WEDNESDAY: Final = 2
_KEPT_YEARS: Final = 2
"""IB keeps expired futures for two years (IB campus)."""

_OLD_IDS: Final = ("ES", "NQ", "YM", "RTY")


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureFamily:
    """What the contracts of a family have in common; `follows` names the index or pair."""

    symbol: str
    trading_class: str
    exchange: str
    multiplier: int
    tick: Decimal
    rule: int
    follows: str
    name: str
    months: str
    ends: str
    count: int
    currency: str = "USD"


def _family(row: str) -> FutureFamily:
    names, size, follows, dates, name = (part.strip() for part in row.split("|"))
    symbol, trading_class, exchange, *currency = names.split()
    multiplier, tick, rule = size.split()
    months, ends, count = dates.split()
    return FutureFamily(
        symbol=symbol,
        trading_class=trading_class,
        exchange=exchange,
        multiplier=int(multiplier),
        tick=Decimal(tick),
        rule=int(rule),
        follows=follows,
        name=name,
        months=_MONTH_LETTERS if months == "all" else months,
        ends=ends,
        count=int(count),
        currency=currency[0] if currency else "USD",
    )


FAMILIES: Final[Mapping[str, FutureFamily]] = {
    family.trading_class: family
    for family in map(
        _family,
        (
            # symbol class exchange | multiplier tick rule | follows | months end count | name
            "ES ES CME | 50 0.25 67 | SPX | HMUZ third-friday 4 | E-mini S&P 500",
            "NQ NQ CME | 20 0.25 67 | NDX | HMUZ third-friday 4 | E-mini NASDAQ 100",
            "YM YM CBOT | 5 1 9002 | INDU | HMUZ third-friday 4 | Mini-Dow ($5)",
            "RTY RTY CME | 50 0.10 9001 | RUT | HMUZ third-friday 4 | Russell 2000",
            "MES MES CME | 5 0.25 67 | SPX | HMUZ third-friday 4 | Micro E-Mini S&P 500",
            "MNQ MNQ CME | 2 0.25 67 | NDX | HMUZ third-friday 4 | Micro E-Mini Nasdaq-100",
            "MYM MYM CBOT | 1 1 9002 | INDU | HMUZ third-friday 4 | Micro E-Mini Dow Jones",
            "M2K M2K CME | 5 0.10 9001 | RUT | HMUZ third-friday 4 | Micro E-Mini Russell 2000",
            "VIX VX CFE | 1000 0.05 9010 | VIX | all vix 8 | CBOE Volatility Index",
            "CL CL NYMEX | 1000 0.01 9004 | CL | all crude 12 | Light Sweet Crude Oil",
            "MCL MCL NYMEX | 100 0.01 9004 | CL | all crude 12 | Micro WTI Crude Oil",
            "NG NG NYMEX | 10000 0.001 9014 | NG | all third-last-before 12 | Natural Gas",
            "GC GC COMEX | 100 0.10 9001 | XAUUSD | GJMQVZ third-last 6 | Gold",
            "MGC MGC COMEX | 10 0.10 9001 | XAUUSD | GJMQVZ third-last 6 | Micro Gold",
            "SI SI COMEX | 5000 0.005 9003 | XAGUSD | HKNUZ third-last 5 | Silver",
            "HG HG COMEX | 25000 0.0005 9013 | HG | HKNUZ third-last 5 | Copper",
            "ZN ZN CBOT | 1000 0.015625 9005 | ZN | HMUZ seventh-last 3 | 10 Year US Treasury Note",
            "ZB ZB CBOT | 1000 0.03125 9006 | ZB | HMUZ seventh-last 3 | 30 Year US Treasury Bond",
            "ZF ZF CBOT | 1000 0.015625 9005 | ZF | HMUZ last 3 | 5 Year US Treasury Note",
            "ZT ZT CBOT | 2000 0.015625 9005 | ZT | HMUZ last 3 | 2 Year US Treasury Note",
            "ZC ZC CBOT | 50 0.25 9015 | ZC | HKNUZ mid-month 5 | Corn Futures",
            "ZS ZS CBOT | 50 0.25 9015 | ZS | FHKNQUX mid-month 7 | Soybean Futures",
            "ZW ZW CBOT | 50 0.25 9015 | ZW | HKNUZ mid-month 5 | Wheat Futures",
            "EUR 6E CME | 125000 0.00005 9008 | EUR.USD | HMUZ currency 4 | Euro",
            "GBP 6B CME | 62500 0.0001 9007 | GBP.USD | HMUZ currency 4 | British pound",
            "AUD 6A CME | 100000 0.00005 9008 | AUD.USD | HMUZ currency 4 | Australian dollar",
            "CAD 6C CME | 100000 0.00005 9008 | USD.CAD | HMUZ currency 4 | Canadian dollar",
            "JPY 6J CME | 12500000 0.0000005 9009 | USD.JPY | HMUZ currency 4 | Japanese yen",
            "CHF 6S CME | 125000 0.00005 9008 | USD.CHF | HMUZ currency 4 | Swiss franc",
            "BRR BTC CME | 5 5 9012 | BTC.USD | all last-friday 6 | CME Bitcoin Reference Rate",
            "DAX FDAX EUREX EUR | 25 1 9002 | DAX | HMUZ third-friday 3 | DAX 40 Index",
            "ESTX50 FESX EUREX EUR | 10 1 9002 | ESTX50 | HMUZ third-friday 3 | Euro Stoxx 50",
        ),
    )
}
"""Families by trading class."""


def futures(today: date, others: Mapping[str, Instrument]) -> Iterator[Instrument]:
    """
    Yield the contracts that are alive on a day, by family and month.

    Args:
        today: The day.
        others: What families follow, by local symbol.
    """
    for number, family in enumerate(FAMILIES.values()):
        found = 0
        for year, month in _months(family, today.year, today.month):
            ends = _last_day(family, year, month)
            if ends >= today:
                yield _contract(family, number, (year, month), ends, others[family.follows])
                found += 1
                if found == family.count:
                    break


def expired(symbol: str, today: date, others: Mapping[str, Instrument]) -> Iterator[Instrument]:
    """Yield the contracts of a symbol that ended within the last two years, oldest first."""
    for number, family in enumerate(FAMILIES.values()):
        if symbol not in {family.symbol, ""}:
            continue
        for year, month in _months(family, today.year - _KEPT_YEARS, today.month):
            ends = _last_day(family, year, month)
            if ends >= today:
                break
            yield _contract(family, number, (year, month), ends, others[family.follows])


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month."""
    return nth_weekday(year, month, _FRIDAY, number=3)


def business_day(day: date, steps: int) -> date:
    """Return the day that is so many business days after a day, or before it."""
    while steps:
        day += _DAY if steps > 0 else -_DAY
        if is_business_day(day):
            steps -= 1 if steps > 0 else -1
    return day


def is_business_day(day: date) -> bool:
    """Tell whether New York works."""
    return day.weekday() <= _FRIDAY and day not in closed_days("new york", day.year)


def _months(family: FutureFamily, year: int, month: int) -> Iterator[tuple[int, int]]:
    while True:
        if _MONTH_LETTERS[month - 1] in family.months:
            yield year, month
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _last_day(family: FutureFamily, year: int, month: int) -> date:
    """Return the last trading day of a month's contract."""
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    match family.ends:
        case "third-friday":
            return _open(third_friday(year, month))
        case "last-friday":
            return _open(nth_weekday(year, month, _FRIDAY, number=-1))
        case "third-last":
            return business_day(after, -3)
        case "third-last-before":
            return business_day(first, -3)
        case "seventh-last":
            return business_day(business_day(after, -1), -7)
        case "last":
            return business_day(after, -1)
        case "mid-month":
            return business_day(date(year, month, 15), -1)
        case "currency":
            return business_day(nth_weekday(year, month, _WEDNESDAY, number=3), -2)
        case "vix":
            nxt = third_friday(after.year, after.month)
            return _open(nxt - timedelta(days=30))
        case _:  # crude oil: three business days before the 25th of the month before
            day = date((first - _DAY).year, (first - _DAY).month, 25)
            return business_day(day if is_business_day(day) else business_day(day, -1), -3)


def _open(day: date) -> date:
    return day if is_business_day(day) else business_day(day, -1)


def _contract(  # noqa: PLR0917
    family: FutureFamily,
    number: int,
    month: tuple[int, int],
    ends: date,
    other: Instrument,
) -> Instrument:
    year, name = month[0], f"{family.trading_class}{_MONTH_LETTERS[month[1] - 1]}{month[0] % 10}"
    if family.trading_class in _OLD_IDS:
        con_id = 9_000_000 + number * 100 + year % 10 * 12 + month[1]
    else:
        con_id = 9_010_000 + number * 2_000 + (year - 2000) * 12 + month[1]
    price = 1 / other.price if other.sec_type == "CASH" and other.symbol == "USD" else other.price
    return Instrument(
        con_id=con_id,
        symbol=family.symbol,
        sec_type="FUT",
        currency=family.currency,
        exchanges=(family.exchange,),
        # the month names it, even where it ends in the month before
        expiry=f"{ends if ends.month == month[1] else date(*month, 1):%Y%m%d}",
        last_trade=f"{ends:%Y%m%d}",
        multiplier=family.multiplier,
        local_symbol=name,
        trading_class=family.trading_class,
        long_name=family.name,
        market_name=family.trading_class,
        time_zone="MET" if family.exchange == "EUREX" else "US/Central",
        hours="1700-1600",
        min_tick=family.tick,
        market_rule=family.rule,
        under_con_id=other.con_id,
        under_symbol=family.symbol,
        under_sec_type=other.sec_type,
        price=(price / family.tick).to_integral_value() * family.tick,
        volatility=other.volatility,
        spread=family.tick,
        lot=Decimal(40),
        follows=(other,),
    )
