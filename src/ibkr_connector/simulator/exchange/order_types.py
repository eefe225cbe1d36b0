"""
What each order type is made of: a trigger, a limit, a peg, an auction.

Source: IB campus, "Order Types"; the names are those that the wire carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ORDER_TYPES", "TIMES_IN_FORCE", "Auction", "OrderType", "Peg", "Trigger"]


class Trigger(StrEnum):
    """What makes an order one that may trade."""

    STOP = "stop"
    """The market moved against it, to its trigger."""

    TOUCH = "touch"
    """The market moved in its favour, to its trigger."""

    TRAIL = "trail"
    """A stop that follows the market as long as that moves in its favour."""


class Peg(StrEnum):
    """What the price of an order follows."""

    PRIMARY = "primary"
    """The best price of its own side, plus its offset."""

    MIDPOINT = "midpoint"
    """The middle between bid and ask, less its offset."""

    MARKET = "market"
    """The best price of the other side, less its offset."""


class Auction(StrEnum):
    """The only moment at which an order trades."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderType:
    """One order type; `has_limit` also for those whose limit is a cap that may be missing."""

    trigger: Trigger | None = None
    has_limit: bool = False
    needs_limit: bool = False
    needs_auxiliary: bool = False
    peg: Peg | None = None
    auction: Auction | None = None
    rests_as_limit: bool = False


_LIMIT: Final = OrderType(has_limit=True, needs_limit=True)

ORDER_TYPES: Final[Mapping[str, OrderType]] = MappingProxyType(
    {
        "MKT": OrderType(),
        "LMT": _LIMIT,
        "STP": OrderType(trigger=Trigger.STOP, needs_auxiliary=True),
        "STP LMT": OrderType(
            trigger=Trigger.STOP, needs_auxiliary=True, has_limit=True, needs_limit=True
        ),
        "MIT": OrderType(trigger=Trigger.TOUCH, needs_auxiliary=True),
        "LIT": OrderType(
            trigger=Trigger.TOUCH, needs_auxiliary=True, has_limit=True, needs_limit=True
        ),
        "TRAIL": OrderType(trigger=Trigger.TRAIL),
        # its limit is an offset from the stop at the moment of the election
        "TRAIL LIMIT": OrderType(trigger=Trigger.TRAIL, has_limit=True),
        "MOC": OrderType(auction=Auction.CLOSE),
        "LOC": OrderType(auction=Auction.CLOSE, has_limit=True, needs_limit=True),
        "REL": OrderType(has_limit=True, peg=Peg.PRIMARY),
        "MIDPRICE": OrderType(has_limit=True, peg=Peg.MIDPOINT),
        "PEG MID": OrderType(has_limit=True, peg=Peg.MIDPOINT),
        "PEG MKT": OrderType(has_limit=True, peg=Peg.MARKET),
        # what a market order leaves over stays at the price that it was filled at
        "MTL": OrderType(rests_as_limit=True),
    }
)
"""Every order type that is simulated."""

TIMES_IN_FORCE: Final = frozenset({"DAY", "GTC", "IOC", "FOK", "OPG", "GTD"})
"""How long an order works."""
