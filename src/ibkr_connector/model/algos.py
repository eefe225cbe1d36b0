"""
IB's own algorithms that work an order over time, with their parameters.

Names, values and meaning: IB's API guide, "IB algorithms", and the TWS users' guide, "algos". Times
are aware datetimes; without them an algorithm works from now until the close. Shares of the volume
are fractions: `Decimal("0.1")` is ten percent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from .record import Record

__all__ = [
    "AccumulateDistribute",
    "Algo",
    "ArrivalPrice",
    "ClosePrice",
    "DarkIce",
    "PercentOfVolume",
    "RiskAversion",
    "Twap",
    "TwapStyle",
    "Vwap",
]


class TwapStyle(StrEnum):
    """At which price the parts of a `Twap` stand."""

    MARKETABLE = "Marketable"
    MIDPOINT = "Matching Midpoint"
    SAME_SIDE = "Matching Same Side"
    LAST = "Matching Last"


class RiskAversion(StrEnum):
    """How much an algorithm pays to be done sooner."""

    GET_DONE = "Get Done"
    AGGRESSIVE = "Aggressive"
    NEUTRAL = "Neutral"
    PASSIVE = "Passive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twap(Record):
    """
    Aim at the time-weighted average price.

    Args:
        style: At which price its parts stand.
        start: When it begins.
        end: When it stops, filled or not; it goes before the time in force.
        past_end: Go on after `end` with what is left.
    """

    style: TwapStyle = TwapStyle.MARKETABLE
    start: datetime | None = None
    end: datetime | None = None
    past_end: bool = False
    kind: Literal["twap"] = "twap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vwap(Record):
    """
    Aim at the volume-weighted average price.

    Args:
        max_volume: Largest share of the average daily volume, from 0.01 to 0.5.
        start: When it begins.
        end: When it stops, filled or not; it goes before the time in force.
        past_end: Go on after `end` with what is left.
        passive: Try never to take liquidity.
        speed_up: Trade faster when the market comes near to the limit.
    """

    max_volume: Decimal
    start: datetime | None = None
    end: datetime | None = None
    past_end: bool = False
    passive: bool = False
    speed_up: bool = False
    kind: Literal["vwap"] = "vwap"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalPrice(Record):
    """
    Aim at the price in the middle of the market when the order arrives.

    Args:
        max_volume: Largest share of the average daily volume, from 0.01 to 0.5.
        urgency: How much it pays to be done sooner.
        start: When it begins.
        end: When it stops, filled or not; it goes before the time in force.
        past_end: Go on after `end` with what is left.
        force_completion: Try to fill all of it by the end of the day.
    """

    max_volume: Decimal
    urgency: RiskAversion = RiskAversion.NEUTRAL
    start: datetime | None = None
    end: datetime | None = None
    past_end: bool = False
    force_completion: bool = False
    kind: Literal["arrival_price"] = "arrival_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentOfVolume(Record):
    """
    Be a steady share of what the market trades.

    Args:
        volume: That share, from 0.01 to 0.5.
        start: When it begins.
        end: When it stops.
        passive: Try never to take liquidity.
    """

    volume: Decimal
    start: datetime | None = None
    end: datetime | None = None
    passive: bool = False
    kind: Literal["percent_of_volume"] = "percent_of_volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePrice(Record):
    """
    Aim at the price of the close.

    Args:
        max_volume: Largest share of the average daily volume, from 0.01 to 0.5.
        urgency: How much it pays to be done sooner.
        start: When it begins.
        force_completion: Try to fill all of it by the end of the day.
    """

    max_volume: Decimal
    urgency: RiskAversion = RiskAversion.NEUTRAL
    start: datetime | None = None
    force_completion: bool = False
    kind: Literal["close_price"] = "close_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkIce(Record):
    """
    Show a part of a limit order whose size varies, at its limit or a tick better.

    Args:
        display_size: How much of it is shown, about; a whole number.
        start: When it begins.
        end: When it stops, filled or not; it goes before the time in force.
        past_end: Go on after `end` with what is left.
    """

    display_size: Decimal
    start: datetime | None = None
    end: datetime | None = None
    past_end: bool = False
    kind: Literal["dark_ice"] = "dark_ice"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccumulateDistribute(Record):
    """
    Trade in parts of a size, one after another.

    *limit*: IB's `giveUp`, a number of the clearing, is not sent.

    Args:
        component_size: Size of a part; a whole number.
        interval_s: Seconds from one part to the next.
        randomize_time: Vary that by up to 20 percent.
        randomize_size: Vary the size by up to 55 percent.
        catch_up: After a pause, trade at once what should have been traded.
        wait_for_fill: Send a part only when the one before it is filled.
        start: When it begins.
        end: When it stops.
    """

    component_size: Decimal
    interval_s: int
    randomize_time: bool = False
    randomize_size: bool = False
    catch_up: bool = False
    wait_for_fill: bool = False
    start: datetime | None = None
    end: datetime | None = None
    kind: Literal["accumulate_distribute"] = "accumulate_distribute"


Algo = Twap | Vwap | ArrivalPrice | PercentOfVolume | ClosePrice | DarkIce | AccumulateDistribute
"""Every algorithm that an order can be given to, beside the adaptive one."""
