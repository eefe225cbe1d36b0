"""
How lively a market is at which time of the day: much at the open and the close, little at night.

Weights are by half hour of the UTC day, with a mean of one, so that a day's variance and volume
stay what they are and only their place in the day changes. The shapes are made up after what is
commonly seen (assumed); they only have to look like a market.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Final
from zoneinfo import ZoneInfo

from .contract import Instrument

__all__ = ["SLOTS", "SLOT_S", "Hours", "day_weight", "hours_of", "rhythm_of", "roots_of", "weights"]

SLOTS: Final = 48
SLOT_S: Final = 1_800
_DAY_S: Final = 86_400
_THURSDAY: Final = 3
_SATURDAY: Final = 5

_NIGHT: Final = 0.12
_AROUND: Final = 0.35
_AROUND_SLOTS: Final = 10
"""Five hours before and four and a half after, in which trading is thin."""

_FUTURES_NIGHT: Final = 0.45
_FOREX: Final = (
    # by hour in New York: Asia in the evening, London from three, both until noon
    *(0.6, 0.7, 0.9, 1.5, 1.5, 1.3, 1.1, 1.2, 1.9, 1.8, 1.9, 1.6),
    *(1.1, 0.9, 0.9, 0.8, 0.6, 0.3, 0.4, 0.7, 0.8, 0.8, 0.7, 0.6),
)

Rhythm = tuple[str, str, str]
"""Kind, time zone and hours: all that the shape of a day depends on."""


def rhythm_of(instrument: Instrument) -> Rhythm:
    """Return which rhythm an instrument has."""
    match instrument.sec_type:
        case "CRYPTO":
            return ("flat", "UTC", "")
        case "CASH" | "CMDTY":
            return ("forex", "US/Eastern", "")
        case "FUT" | "CONTFUT" | "FOP":
            return ("futures", "US/Central", "0830-1515")
        case _:
            hours = instrument.hours.split(",")[0]
            opens, _, closes = hours.partition("-")
            known = opens.isdigit() and closes.isdigit() and opens < closes
            return ("exchange", instrument.time_zone, hours if known else "0930-1600")


def weights(rhythm: Rhythm, day: int) -> tuple[float, ...]:
    """Return the weight of each half hour of a day, counted in days since 1970 in UTC."""
    kind, zone, hours = rhythm
    if kind == "flat":
        return _FLAT
    return _shape(kind, hours, _offset(zone, day))


@lru_cache(maxsize=256)
def _roots(shape: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.sqrt(weight) for weight in shape)


def roots_of(rhythm: Rhythm, day: int) -> tuple[float, ...]:
    """Return the square roots of the weights: what movement is multiplied by."""
    return _roots(weights(rhythm, day))


Hours = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
"""Each hour's root of its weight, its weight, and the share of the day that is over after it."""


@lru_cache(maxsize=256)
def _hours(shape: tuple[float, ...]) -> Hours:
    hourly = [(shape[2 * n] + shape[2 * n + 1]) / 2 for n in range(SLOTS // 2)]
    total = sum(hourly)
    return (
        tuple(math.sqrt(weight) for weight in hourly),
        tuple(hourly),
        tuple(done / total for done in accumulate(hourly)),
    )


def hours_of(rhythm: Rhythm, day: int) -> Hours:
    """Return the shape of a day by hours."""
    return _hours(weights(rhythm, day))


def day_weight(rhythm: Rhythm, day: int) -> float:
    """Return how much of an ordinary day a day is: weekends are nearly still, but for crypto."""
    return 1.0 if rhythm[0] == "flat" or (day + _THURSDAY) % 7 < _SATURDAY else 0.06


_FLAT: Final = (1.0,) * SLOTS


@lru_cache(maxsize=4_096)
def _offset(zone: str, day: int) -> int:
    """Return by how many half hours local time is ahead of UTC at noon of a day."""
    noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    ahead = noon.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return round(ahead.total_seconds() / SLOT_S)


@lru_cache(maxsize=256)
def _shape(kind: str, hours: str, offset: int) -> tuple[float, ...]:
    local = [_local(kind, hours, slot) for slot in range(SLOTS)]
    mean = sum(local) / SLOTS
    return tuple(local[(slot + offset) % SLOTS] / mean for slot in range(SLOTS))


def _local(kind: str, hours: str, slot: int) -> float:
    if kind == "forex":
        return _FOREX[slot // 2]
    first, last = (_slot(text) for text in hours.split("-"))
    if first <= slot < last:
        # from -1 at the open to 1 at the close: a U with steep ends
        place = 2 * (slot + 0.5 - first) / (last - first) - 1
        return 1.2 + 0.8 * place**2 + 2.4 * place**6
    if kind == "futures":
        return _FUTURES_NIGHT
    return _AROUND if first - _AROUND_SLOTS <= slot < last + _AROUND_SLOTS - 1 else _NIGHT


def _slot(clock: str) -> float:
    return (int(clock[:2]) * 60 + int(clock[2:])) / 30
