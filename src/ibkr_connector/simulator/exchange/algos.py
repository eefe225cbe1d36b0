"""
How IB's algorithms work an order: which there are, and how much of it may have traded by a moment.

Names and values: IB's API guide, "IB algorithms". Pure: an order and a moment in, a size out.
*limit*: nobody outside of IB knows how they decide. Here `Twap` and `Vwap` release equal parts over
their window, `AD` a component in each interval, and an adaptive order waits before it takes what
there is; the others trade as the order without them would, within their window. Shares of the
volume, urgency, display sizes, catching up and random parts change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from .records import Terms, VenueOrder, change_order

__all__ = ["algo_end", "algo_start", "is_worked", "released", "wrong_algo"]

_ADAPTIVE_S: Final = {"Urgent": 5.0, "Normal": 30.0, "Patient": 120.0}
"""How long an adaptive order tries for a better price before it takes what there is (assumed)."""

_PARTS: Final = 20
_DAY: Final = timedelta(hours=6, minutes=30)
"""The window of what has no end, in a market that never closes (assumed)."""

_SHARE: Final = (Decimal("0.01"), Decimal("0.5"))
_AVERSION: Final = frozenset({"Get Done", "Aggressive", "Neutral", "Passive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What an algorithm must be told, and what else is checked of it."""

    share: str = ""
    size: str = ""
    words: tuple[str, frozenset[str]] = ("", frozenset())
    types: frozenset[str] = frozenset({"MKT", "LMT"})


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "Adaptive": _Rule(words=("adaptivePriority", frozenset(_ADAPTIVE_S))),
        "Twap": _Rule(
            words=(
                "strategyType",
                frozenset(
                    {
                        "Marketable",
                        "Matching Midpoint",
                        "Matching Same Side",
                        "Matching Last",
                    }
                ),
            )
        ),
        "Vwap": _Rule(share="maxPctVol"),
        "ArrivalPx": _Rule(share="maxPctVol", words=("riskAversion", _AVERSION)),
        "ClosePx": _Rule(share="maxPctVol", words=("riskAversion", _AVERSION)),
        "PctVol": _Rule(share="pctVol"),
        "DarkIce": _Rule(size="displaySize", types=frozenset({"LMT"})),
        "AD": _Rule(size="componentSize"),
    }
)


def wrong_algo(terms: Terms) -> tuple[int, str] | None:
    """Return why an algorithm does not take an order, by code and text; `None` when it does."""
    algo = terms.algo
    if algo is None:
        return None
    rule = _RULES.get(algo.strategy)
    if rule is None:
        return 439, "The order cannot be submitted. Algorithm definition not found."
    said, failed = algo.parameters, "Algo attributes validation failed: "
    word, words = rule.words
    if word and said.get(word) not in words:
        return 441, failed + word
    share = _number(said.get(rule.share, ""))
    if rule.share and (share is None or not _SHARE[0] <= share <= _SHARE[1]):
        return 441, failed + rule.share
    size = _number(said.get(rule.size, ""))
    if rule.size and (size is None or not 0 < size <= terms.quantity):
        return 441, failed + rule.size
    if algo.strategy == "AD" and not (_number(said.get("timeBetweenOrders", "")) or 0) > 0:
        return 441, failed + "timeBetweenOrders"
    if algo.start is not None and algo.end is not None and algo.start >= algo.end:
        return 441, failed + "endTime"
    if terms.order_type not in rule.types:
        return 442, "Specified algorithm is not allowed for this order."
    return None


def algo_start(terms: Terms) -> datetime | None:
    """Return the moment before which an algorithm holds the order."""
    return None if terms.algo is None else terms.algo.start


def algo_end(terms: Terms) -> datetime | None:
    """Return the moment at which an algorithm ends the order, filled or not."""
    algo = terms.algo
    if algo is None or algo.parameters.get("allowPastEndTime") == "1":
        return None
    return algo.end


def is_worked(terms: Terms) -> bool:
    """Whether an algorithm decides how much of an order stands at the market."""
    return terms.algo is not None and terms.algo.strategy in {"Twap", "Vwap", "AD"}


def released(order: VenueOrder, now: datetime, day_end: datetime | None) -> VenueOrder:
    """Return the order with no more quantity than may have been traded by now."""
    algo, terms = order.terms.algo, order.terms
    if algo is None:
        return order
    start = max(order.placed_at, algo.start or order.placed_at)
    if algo.strategy == "Adaptive":
        patience = _ADAPTIVE_S[algo.parameters["adaptivePriority"]]
        waits = (now - order.placed_at).total_seconds() < patience
        part = order.filled if waits else terms.quantity
    elif algo.strategy == "AD":
        part = _components(order, (now - start).total_seconds())
    elif is_worked(terms):
        window = (algo.end or day_end or start + _DAY) - start
        done = _PARTS if window <= timedelta() else (now - start) * _PARTS // window + 1
        step = order.instrument.min_size
        part = terms.quantity * done / _PARTS // step * step if done < _PARTS else terms.quantity
    else:
        return order
    part = max(order.filled, min(part, terms.quantity))
    if part == terms.quantity:
        return order
    return change_order(order, terms=replace(terms, quantity=part))


def _components(order: VenueOrder, seconds: float) -> Decimal:
    assert order.terms.algo is not None
    said = order.terms.algo.parameters
    size = Decimal(said["componentSize"])
    by_time = size * (int(seconds // float(said["timeBetweenOrders"])) + 1)
    if said.get("waitForFill") == "1":
        return min(by_time, (order.filled // size + 1) * size)
    return by_time


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
