"""Which future is in front, when it changes, and how prices go on over the change; pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from ibkr_connector.errors import ContractError, NoDataError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.futures import Adjustment, Roll
from ibkr_connector.model.market import Bar

__all__ = [
    "TradingDays",
    "adjusted",
    "chosen",
    "days_until",
    "expiry_of",
    "front_by_expiry",
    "last_common",
    "one_family",
    "over",
    "roll_calendar",
    "roll_day",
    "volume_roll",
    "weekdays",
]

TradingDays = Callable[[date], bool]
"""Tells whether an exchange trades on a day."""

_DAY = timedelta(days=1)
_SATURDAY = 5
_LAG = timedelta(hours=1)
_UNITS = {
    "sec": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 31 * _DAY,
}


def expiry_of(details: ContractDetails) -> date:
    """
    Return the last trading day of a future.

    Raises:
        ContractError: IB does not tell it.
    """
    text = details.last_trade_date or details.contract.expiry
    if len(text) < 8 or not text[:8].isdigit():
        raise ContractError(f"IB tells no last trading day of {details.contract}")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def one_family(symbol: str, found: Sequence[ContractDetails]) -> tuple[ContractDetails, ...]:
    """
    Return the futures of a symbol by expiry, if they are of one family.

    Raises:
        ContractError: They differ in exchange, class or multiplier, and nothing was guessed.
    """
    families: dict[tuple[str, str, Decimal | None], list[ContractDetails]] = {}
    for one in found:
        key = one.contract.exchange, one.contract.trading_class, one.contract.multiplier
        families.setdefault(key, []).append(one)
    if len(families) > 1:
        named = "; ".join(f"{place} {name} x{size}" for place, name, size in sorted(families))
        raise ContractError(
            f"{symbol} is several kinds of futures: {named}",
            hint="choose by `exchanges`, `trading_classes` or `multipliers` of the configuration",
        )
    return tuple(sorted(found, key=expiry_of))


def chosen(
    found: Sequence[ContractDetails], *, trading_class: str = "", multiplier: Decimal | None = None
) -> tuple[ContractDetails, ...]:
    """Return those of a class and of a multiplier; what is not said is not looked at."""
    return tuple(
        one
        for one in found
        if trading_class in {"", one.contract.trading_class}
        and multiplier in {None, one.contract.multiplier}
    )


def weekdays(day: date) -> bool:
    """Stand in for an exchange whose holidays nobody knows."""
    return day.weekday() < _SATURDAY


def roll_day(details: ContractDetails, roll_days: int, trades: TradingDays = weekdays) -> date:
    """Return the first day on which the next contract is in front: trading days before the last."""
    day = expiry_of(details)
    left = roll_days
    while left:
        day -= _DAY
        if trades(day):
            left -= 1
    # with none before, the contract is in front up to its last day
    return day if roll_days else day + _DAY


def days_until(today: date, day: date, trades: TradingDays) -> int:
    """Count the trading days from today, which counts, to a day, which does not."""
    return sum(trades(today + number * _DAY) for number in range((day - today).days))


def front_by_expiry(
    family: Sequence[ContractDetails],
    today: date,
    *,
    roll_days: int,
    trades: TradingDays = weekdays,
) -> ContractDetails:
    """
    Return the contract that is in front on a day.

    Raises:
        NoDataError: All have been rolled by then.
    """
    for one in family:
        if today < roll_day(one, roll_days, trades):
            return one
    raise NoDataError(f"no future is in front on {today}; {len(family)} are known")


def roll_calendar(
    family: Sequence[ContractDetails], *, roll_days: int, trades: TradingDays = weekdays
) -> tuple[Roll, ...]:
    """Return when each contract gives way to the next, by expiry."""
    return tuple(
        Roll(day=roll_day(old, roll_days, trades), old=old.contract, new=new.contract)
        for old, new in itertools.pairwise(family)
    )


def volume_roll(old: Sequence[Bar], new: Sequence[Bar], latest: date) -> date:
    """Return the day after that on which the new contract traded more first, or the latest."""
    before: Mapping[datetime, Decimal | None] = {bar.timestamp: bar.volume for bar in old}
    for bar in new:
        other = before.get(bar.timestamp)
        if other is not None and bar.volume is not None and bar.volume > other:
            return min(latest, bar.timestamp.date() + _DAY)
    return latest


def last_common(
    old: Sequence[Bar], new: Sequence[Bar], before: date
) -> tuple[Decimal, Decimal] | None:
    """Return both closes of the last bar that both have before a day."""
    closes = {bar.timestamp: bar.close for bar in new if bar.timestamp.date() < before}
    for bar in reversed(old):
        if bar.timestamp in closes:
            return bar.close, closes[bar.timestamp]
    return None


def adjusted(
    segments: Sequence[Sequence[Bar]], rolls: Sequence[Roll], how: Adjustment
) -> tuple[Bar, ...]:
    """
    Join the bars of contracts that follow each other; the newest keep their own prices.

    Raises:
        NoDataError: A roll lacks the prices that tell its gap.
    """
    made: list[Sequence[Bar]] = [segments[-1]] if segments else []
    shift, factor = Decimal(0), Decimal(1)
    for segment, roll in zip(reversed(segments[:-1]), reversed(rolls), strict=True):
        if how is not Adjustment.NONE:
            if roll.old_close is None or roll.new_close is None:
                raise NoDataError(f"no bar before {roll.day} is of both {roll.old} and {roll.new}")
            if how is Adjustment.DIFFERENCE:
                shift += roll.new_close - roll.old_close
            elif roll.old_close <= 0 or roll.new_close <= 0:
                raise NoDataError(
                    f"prices of {roll.old} and {roll.new} have no ratio: "
                    f"{roll.old_close}, {roll.new_close}",
                    hint="adjust by difference",
                )
            else:
                factor *= roll.new_close / roll.old_close
        made.append([_moved(bar, shift, factor) for bar in segment])
    return tuple(bar for segment in reversed(made) for bar in segment)


def over(bars: Sequence[Bar], *, bar_size: str, now: datetime) -> tuple[Bar, ...]:
    """
    Return the bars that are over: all but the newest, and that one when it ended an hour ago.

    It may be growing, and of data that lag nobody knows how much of it was told.
    """
    count, unit = bar_size.split()
    length = int(count) * _UNITS[unit.rstrip("s")]
    if bars and bars[-1].timestamp + length + _LAG > now:
        return tuple(bars[:-1])
    return tuple(bars)


def _moved(bar: Bar, shift: Decimal, factor: Decimal) -> Bar:
    if not shift and factor == 1:
        return bar
    return replace(
        bar,
        open=bar.open * factor + shift,
        high=bar.high * factor + shift,
        low=bar.low * factor + shift,
        close=bar.close * factor + shift,
        average=None if bar.average is None else bar.average * factor + shift,
    )
