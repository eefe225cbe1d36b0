"""
What belongs together in an order: the prices of each type, times, sizes, groups, conditions.

Pure rules over one request; each fault names the field, what it is, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.orders import (
    AdaptivePriority,
    Condition,
    ExecutionCondition,
    Joined,
    MarginCondition,
    OcaType,
    OrderRequest,
    OrderType,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TimeInForce,
    TriggerMethod,
    VolumeCondition,
)

from .algo_rules import algo_faults
from .values import is_finite, not_one_of

__all__ = ["TYPE_RULES", "TypeRule", "price_faults", "term_faults", "text_faults"]

PRICES: Final = (
    "limit_price",
    "stop_price",
    "trail_amount",
    "trail_percent",
    "limit_offset",
    "offset",
)
"""The fields that say where an order trades; which of them an order has depends on its type."""

_LONGEST_TEXT: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """
    What an order type is made of.

    Args:
        needs: The prices that it must have.
        may: Those that it may have; it must have no others.
        one_of: Groups of prices of which it has exactly one each.
        names: How contract details write the type.
        times: The times in force that it has; none means all but `OPG`.
    """

    names: frozenset[str]
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    one_of: tuple[tuple[str, str], ...] = ()
    times: frozenset[TimeInForce] = frozenset(TimeInForce) - {TimeInForce.OPG}

    @property
    def takes(self) -> frozenset[str]:
        """Every price that it can have."""
        return self.needs | self.may | {name for pair in self.one_of for name in pair}


_ANY_TIME: Final = frozenset(TimeInForce)
_TODAY: Final = frozenset({TimeInForce.DAY})
_LIMIT, _STOP = frozenset({"limit_price"}), frozenset({"stop_price"})
_TRAIL: Final = (("trail_amount", "trail_percent"),)

# IB campus: order types; the names of the details are those of a paper account's contracts
TYPE_RULES: Final[Mapping[OrderType, TypeRule]] = MappingProxyType(
    {
        OrderType.MARKET: TypeRule(names=frozenset({"MKT"}), times=_ANY_TIME),
        OrderType.LIMIT: TypeRule(names=frozenset({"LMT"}), needs=_LIMIT, times=_ANY_TIME),
        OrderType.STOP: TypeRule(names=frozenset({"STP"}), needs=_STOP),
        OrderType.STOP_LIMIT: TypeRule(
            names=frozenset({"STPLMT", "STP LMT"}), needs=_LIMIT | _STOP
        ),
        OrderType.TRAILING_STOP: TypeRule(names=frozenset({"TRAIL"}), one_of=_TRAIL, may=_STOP),
        OrderType.TRAILING_STOP_LIMIT: TypeRule(
            names=frozenset({"TRAILLMT", "TRAIL LIMIT", "TRAIL LMT"}),
            one_of=(*_TRAIL, ("limit_offset", "limit_price")),
            may=_STOP,
        ),
        OrderType.MARKET_ON_CLOSE: TypeRule(names=frozenset({"MOC"}), times=_TODAY),
        OrderType.LIMIT_ON_CLOSE: TypeRule(names=frozenset({"LOC"}), needs=_LIMIT, times=_TODAY),
        OrderType.MARKET_IF_TOUCHED: TypeRule(names=frozenset({"MIT"}), needs=_STOP),
        OrderType.LIMIT_IF_TOUCHED: TypeRule(names=frozenset({"LIT"}), needs=_LIMIT | _STOP),
        OrderType.RELATIVE: TypeRule(
            names=frozenset({"REL"}), may=frozenset({"limit_price", "offset"})
        ),
        OrderType.MIDPRICE: TypeRule(names=frozenset({"MIDPX", "MIDPRICE"}), may=_LIMIT),
        OrderType.PEGGED_TO_MARKET: TypeRule(
            names=frozenset({"PEGMKT", "PEG MKT"}), may=frozenset({"limit_price", "offset"})
        ),
        OrderType.PEGGED_TO_MIDPOINT: TypeRule(
            names=frozenset({"PEGMID", "PEG MID"}), may=frozenset({"limit_price", "offset"})
        ),
    }
)
"""Every order type that can be placed."""

_TAKES: Final = MappingProxyType({kind: rule.takes for kind, rule in TYPE_RULES.items()})


def price_faults(request: OrderRequest) -> Iterator[str]:
    """Compare the prices with those of the order's type; the type itself is known to be one."""
    kind, rule = request.order_type, TYPE_RULES[request.order_type]
    for key in PRICES:
        price = getattr(request, key)
        if price is None:
            if key in rule.needs and not (key == "limit_price" and request.leg_prices):
                yield f"{key} is missing; an order of type {kind} needs it"
        elif key not in _TAKES[kind]:
            yield f"{key} does not belong to an order of type {kind}; got {price}, leave it out"
        elif not is_finite(price):
            yield f"{key} must be a finite Decimal; got {price!r}"
        elif key not in ("limit_price", "stop_price") and price < 0:
            yield f"{key} must not be negative; got {price}, and the action says the direction"
        elif key in ("trail_amount", "trail_percent") and price == 0:
            yield f"{key} must be above 0; got {price}"
        elif key == "trail_percent" and price >= 100:
            yield f"trail_percent must be below 100; got {price}"
    follows = kind is OrderType.TRAILING_STOP_LIMIT
    if follows and request.limit_price is not None and request.stop_price is None:
        yield (
            "stop_price is missing; a trail with a limit_price keeps the distance between both, "
            "give it, or a limit_offset instead of the limit_price"
        )
    for pair in rule.one_of:
        given = [key for key in pair if getattr(request, key) is not None]
        if len(given) != 1:
            what = "both were given" if given else "none was given"
            yield f"an order of type {kind} needs one of {' and '.join(pair)}; {what}"
    if request.time_in_force not in rule.times and isinstance(request.time_in_force, TimeInForce):
        yield (
            f"time_in_force {request.time_in_force} does not go with an order of type {kind}; "
            f"use one of {', '.join(time for time in TimeInForce if time in rule.times)}"
        )


def term_faults(request: OrderRequest) -> Iterator[str]:
    """Check everything beyond side, size, prices and type."""
    if _is_plain(request):
        return
    yield from _time_faults(request)
    yield from _size_faults(request)
    yield from _group_faults(request)
    flags = ("outside_regular_hours", "all_or_none", "hidden")
    for key in (*flags, "conditions_cancel", "conditions_outside_regular_hours"):
        if not isinstance(getattr(request, key), bool):
            yield f"{key} must be True or False; got {getattr(request, key)!r}"
    if not isinstance(request.trigger_method, TriggerMethod):
        yield not_one_of("trigger_method", request.trigger_method, TriggerMethod.__members__)
    if request.adaptive is not None:
        if not isinstance(request.adaptive, AdaptivePriority):
            yield not_one_of("adaptive", request.adaptive, AdaptivePriority)
        elif request.order_type not in (OrderType.MARKET, OrderType.LIMIT):
            yield (
                f"adaptive goes with orders of type MKT and LMT; got {request.order_type}, "
                "leave it out or change the type"
            )
    if request.algo is not None:
        yield from algo_faults(request)
    yield from _condition_faults(request)
    if request.leg_prices or request.non_guaranteed:
        yield from _leg_faults(request)


def _time_faults(request: OrderRequest) -> Iterator[str]:
    for key in ("good_till", "good_after"):
        moment = getattr(request, key)
        if moment is not None:
            yield from _moment_faults(key, moment)
    is_gtd = request.time_in_force is TimeInForce.GTD
    if is_gtd and request.good_till is None:
        yield "good_till is missing; an order that is good till a date (GTD) needs it"
    if request.good_till is not None and not is_gtd:
        yield (
            f"good_till goes with time_in_force GTD; got {request.time_in_force}, "
            "leave it out or use GTD"
        )
    if _are_aware(request.good_after, request.good_till) and (
        request.good_after >= request.good_till  # type: ignore[operator]  # both are aware times
    ):
        yield f"good_after must be before good_till; got {request.good_after}"


def _moment_faults(key: str, moment: Any) -> Iterator[str]:
    if not isinstance(moment, datetime):
        yield f"{key} must be an aware datetime; got {moment!r}"
    elif moment.tzinfo is None or moment.utcoffset() is None:
        yield f"{key} must say its time zone, as in tzinfo=UTC; got the naive {moment!r}"


def _are_aware(*moments: datetime | None) -> bool:
    return all(isinstance(moment, datetime) and moment.tzinfo is not None for moment in moments)


def _size_faults(request: OrderRequest) -> Iterator[str]:
    for key in ("minimum_quantity", "display_size"):
        size = getattr(request, key)
        if size is None:
            continue
        if not is_finite(size) or size <= 0 or size % 1:
            yield f"{key} must be a whole Decimal above 0; got {size!r}"
        elif is_finite(request.quantity) and size > request.quantity:
            yield f"{key} must not be more than the quantity {request.quantity}; got {size}"
    if request.hidden is True and request.display_size is not None:
        yield f"display_size {request.display_size} contradicts hidden; give one of them"
    if request.all_or_none is True and request.minimum_quantity is not None:
        yield f"minimum_quantity {request.minimum_quantity} contradicts all_or_none; give one"


def _group_faults(request: OrderRequest) -> Iterator[str]:
    yield from text_faults("oca_group", request.oca_group)
    if request.oca_type is None:
        return
    if not isinstance(request.oca_type, OcaType):
        yield not_one_of("oca_type", request.oca_type, OcaType.__members__)
    if request.oca_group is None:
        yield "oca_group is missing; oca_type says what its orders do to each other"


def _is_plain(request: OrderRequest) -> bool:
    """Whether it has none of the terms checked here; most orders, so they are spared the checks."""
    return (
        request.conditions == ()
        and request.good_till is None
        and request.good_after is None
        and request.oca_group is None
        and request.oca_type is None
        and request.minimum_quantity is None
        and request.display_size is None
        and request.adaptive is None
        and request.algo is None
        and request.leg_prices == ()
        and request.trigger_method is TriggerMethod.DEFAULT
        and request.time_in_force is not TimeInForce.GTD
        and request.all_or_none is request.hidden is request.non_guaranteed is False
        and request.conditions_cancel is request.conditions_outside_regular_hours is False
        and isinstance(request.outside_regular_hours, bool)
    )


def _leg_faults(request: OrderRequest) -> Iterator[str]:
    if not isinstance(request.non_guaranteed, bool):
        yield f"non_guaranteed must be True or False; got {request.non_guaranteed!r}"
    prices: Any = request.leg_prices
    if not prices:
        return
    if not isinstance(prices, tuple) or not all(map(is_finite, prices)):
        yield f"leg_prices must be a tuple of finite Decimals; got {prices!r}"
    if request.order_type is not OrderType.LIMIT:
        yield (
            f"leg_prices go with an order of type LMT; got {request.order_type}, "
            "leave them out or change the type"
        )
    if request.limit_price is not None:
        yield f"limit_price {request.limit_price} contradicts leg_prices; give one of them"
    if request.non_guaranteed is not True:
        yield "leg_prices need non_guaranteed=True; with them the legs may fill apart"


# --- conditions ---------------------------------------------------------------------------------

_KINDS: Final = (
    PriceCondition,
    TimeCondition,
    MarginCondition,
    ExecutionCondition,
    VolumeCondition,
    PercentChangeCondition,
)


def _condition_faults(request: OrderRequest) -> Iterator[str]:
    if not isinstance(request.conditions, tuple):
        yield f"conditions must be a tuple of conditions; got {request.conditions!r}"
        return
    for number, condition in enumerate(request.conditions):
        key = f"conditions[{number}]"
        if not isinstance(condition, _KINDS):
            yield f"{key} must be a condition; got {condition!r}"
            continue
        if not isinstance(condition.joined, Joined):
            yield not_one_of(f"{key}.joined", condition.joined, Joined)
        yield from _faults_of(key, condition)
    if not request.conditions:
        for key in ("conditions_cancel", "conditions_outside_regular_hours"):
            if getattr(request, key) is True:
                yield f"{key} needs conditions; got none, name them or leave it out"


def _faults_of(key: str, condition: Condition) -> Iterator[str]:
    if isinstance(condition, ExecutionCondition):
        yield from text_faults(f"{key}.symbol", condition.symbol)
        yield from text_faults(f"{key}.exchange", condition.exchange)
        if not isinstance(condition.security_type, SecurityType):
            yield not_one_of(f"{key}.security_type", condition.security_type, SecurityType)
        return
    sides = ("after", "before") if isinstance(condition, TimeCondition) else ("above", "below")
    given = [side for side in sides if getattr(condition, side) is not None]
    if len(given) != 1:
        what = "both were given" if given else "none was given"
        yield f"{key} needs one of {' and '.join(sides)}; {what}"
    for side in given:
        bound = getattr(condition, side)
        if isinstance(condition, TimeCondition):
            yield from _moment_faults(f"{key}.{side}", bound)
        else:
            yield from _bound_faults(f"{key}.{side}", condition, bound)
    if isinstance(condition, PriceCondition | VolumeCondition | PercentChangeCondition):
        contract: Any = condition.contract
        if not isinstance(contract, Contract | str) or contract == "":
            yield f"{key}.contract must be text or a Contract; got {contract!r}"
    if isinstance(condition, PriceCondition) and not isinstance(
        condition.trigger_method, TriggerMethod
    ):
        yield not_one_of(
            f"{key}.trigger_method", condition.trigger_method, TriggerMethod.__members__
        )


def _bound_faults(key: str, condition: Condition, bound: Any) -> Iterator[str]:
    if not is_finite(bound):
        yield f"{key} must be a finite Decimal; got {bound!r}"
    elif isinstance(condition, MarginCondition) and (bound % 1 or not 0 <= bound <= 100):
        yield f"{key} must be whole percents from 0 to 100; got {bound}"
    elif isinstance(condition, VolumeCondition) and (bound % 1 or bound < 0):
        yield f"{key} must be a whole number of at least 0; got {bound}"


# --- pieces -------------------------------------------------------------------------------------


def text_faults(key: str, text: object) -> Iterator[str]:
    """Check a text that goes on the wire; `None` is none."""
    if text is None:
        return
    # a NUL in a text would end the field on the wire and begin another
    if not (isinstance(text, str) and text.isascii() and text.isprintable() and text):
        yield f"{key} must be printable ASCII text and not empty"
    elif len(text) > _LONGEST_TEXT:
        yield f"{key} must have at most {_LONGEST_TEXT} characters; got {len(text)}"
