"""
The terms of an order, to and from ib_async's `Order`; pure functions.

Source of the fields: ib_async order.py and client.py `placeOrder`; their meaning: IB campus, order
types, time in force, one-cancels-all, conditional orders, IB algos.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

import ib_async.contract
import ib_async.objects
import ib_async.order

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.advisor import Allocation, AllocationMethod, SoftDollarTier
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import (
    AdaptivePriority,
    Condition,
    ExecutionCondition,
    Joined,
    MarginCondition,
    OcaType,
    OrderTerms,
    OrderType,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TriggerMethod,
    VolumeCondition,
)
from ibkr_connector.model.terms import NO_TERMS

from .algo_terms import read_algo, write_algo
from .figures import decimal_or_none, figure, integer, positive
from .security_types import security_type
from .times import BadTimeError, date_text, parse_time

__all__ = ["read_terms", "stop_price", "write_terms"]

# Called with decimals where ib_async declares floats; `fields` writes them digit by digit.
IBOrder: Any = ib_async.order
TagValue: Any = ib_async.contract.TagValue
IBLegPrice: Any = ib_async.order.OrderComboLeg

_ADAPTIVE: Final = "Adaptive"
_PRIORITY: Final = "adaptivePriority"
_NON_GUARANTEED: Final = "NonGuaranteed"
_PEGGED: Final = frozenset(
    kind.value
    for kind in (
        OrderType.RELATIVE,
        OrderType.PEGGED_TO_MARKET,
        OrderType.PEGGED_TO_MIDPOINT,
    )
)
"""The types whose auxiliary price is an offset from a price of the market."""

_TRAILS: Final = frozenset({OrderType.TRAILING_STOP.value, OrderType.TRAILING_STOP_LIMIT.value})
_STOPS: Final = frozenset(
    kind.value
    for kind in (
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.MARKET_IF_TOUCHED,
        OrderType.LIMIT_IF_TOUCHED,
    )
)
"""The types whose auxiliary price is a trigger; of others it is an amount or an offset."""


_EXTRAS: Final = attrgetter(
    "goodTillDate", "goodAfterTime", "allOrNone", "displaySize", "hidden", "ocaGroup",
    "triggerMethod", "algoStrategy", "conditions", "conditionsCancelOrder", "conditionsIgnoreRth",
    "smartComboRoutingParams", "orderComboLegs", "faGroup", "faProfile", "modelCode",
    "softDollarTier.name",
)  # fmt: skip
"""What an order of side, quantity, type, price and time alone leaves empty."""


def write_terms(order: Any, terms: OrderTerms, *, stop: Decimal | None) -> None:
    """Set the fields of an ib_async order; `stop` is the ticket's stop price."""
    if order.orderType in _TRAILS:
        _set(order, "trailStopPrice", stop)
        _set(order, "auxPrice", terms.trail_amount)
        _set(order, "trailingPercent", terms.trail_percent)
        _set(order, "lmtPriceOffset", terms.limit_offset)
    elif order.orderType in _PEGGED:
        order.auxPrice = terms.offset or Decimal(0)
    else:
        _set(order, "auxPrice", stop)
    if terms.good_till is not None:
        order.goodTillDate = date_text(terms.good_till)
    if terms.good_after is not None:
        order.goodAfterTime = date_text(terms.good_after)
    order.allOrNone = terms.all_or_none
    order.hidden = terms.hidden
    if terms.minimum_quantity is not None:
        order.minQty = int(terms.minimum_quantity)
    if terms.display_size is not None:
        order.displaySize = int(terms.display_size)
    if terms.oca_group is not None:
        order.ocaGroup = terms.oca_group
        order.ocaType = int(terms.oca_type or OcaType.CANCEL_WITH_BLOCK)
    order.triggerMethod = int(terms.trigger_method)
    if terms.adaptive is not None:
        order.algoStrategy = _ADAPTIVE
        order.algoParams = [TagValue(_PRIORITY, terms.adaptive.value)]
    elif terms.algo is not None:
        write_algo(order, terms.algo)
    order.conditions = [_written(condition) for condition in terms.conditions]
    order.conditionsCancelOrder = terms.conditions_cancel
    order.conditionsIgnoreRth = terms.conditions_outside_regular_hours
    if terms.non_guaranteed:
        order.smartComboRoutingParams = [TagValue(_NON_GUARANTEED, "1")]
    _set(order, "cashQty", terms.cash_quantity)
    if terms.leg_prices:
        order.orderComboLegs = [IBLegPrice(price) for price in terms.leg_prices]
    if terms.allocation is not None:
        _write_allocation(order, terms.allocation)
    order.modelCode = terms.model or ""
    if (tier := terms.soft_dollar_tier) is not None:
        order.softDollarTier = ib_async.objects.SoftDollarTier(tier.name, tier.value)


def stop_price(order: Any) -> Any:
    """Return the field that holds an order's stop price, `None` for types that have none."""
    if order.orderType in _TRAILS:
        return order.trailStopPrice
    return order.auxPrice if order.orderType in _STOPS else None


def read_terms(order: Any, *, login_zone: tzinfo) -> OrderTerms:
    """
    Read the fields of an ib_async order.

    What IB writes for "nothing" (zero, the largest numbers, empty text) is left out, and so is
    what has no name here: an unknown algorithm, a time that is none.
    """
    is_plain = order.orderType not in _PEGGED and order.orderType not in _TRAILS
    is_plain = is_plain and integer(order.minQty) is None and positive(order.cashQty) is None
    if is_plain and not any(_EXTRAS(order)):
        return NO_TERMS  # most orders, and each of their messages says so again
    is_trail = order.orderType in _TRAILS
    percent = positive(order.trailingPercent) if is_trail else None
    group = order.ocaGroup or None
    return OrderTerms(
        trail_amount=positive(order.auxPrice) if is_trail and percent is None else None,
        trail_percent=percent,
        limit_offset=positive(order.lmtPriceOffset) if is_trail else None,
        offset=positive(order.auxPrice) if order.orderType in _PEGGED else None,
        good_till=_time(order.goodTillDate, login_zone),
        good_after=_time(order.goodAfterTime, login_zone),
        all_or_none=bool(order.allOrNone),
        minimum_quantity=_count(order.minQty),
        display_size=_count(order.displaySize),
        hidden=bool(order.hidden),
        oca_group=group,
        # TWS names a type for orders without a group too
        oca_type=_member(OcaType, order.ocaType) if group else None,
        trigger_method=_member(TriggerMethod, order.triggerMethod) or TriggerMethod.DEFAULT,
        adaptive=_priority(order),
        algo=read_algo(order, login_zone=login_zone),
        conditions=tuple(_read(one, login_zone) for one in order.conditions or ()),
        conditions_cancel=bool(order.conditionsCancelOrder),
        conditions_outside_regular_hours=bool(order.conditionsIgnoreRth),
        non_guaranteed=any(
            (tag.tag, tag.value) == (_NON_GUARANTEED, "1")
            for tag in order.smartComboRoutingParams or ()
        ),
        leg_prices=_leg_prices(order.orderComboLegs),
        cash_quantity=positive(order.cashQty),
        allocation=_allocation(order),
        model=order.modelCode or None,
        soft_dollar_tier=_tier(order.softDollarTier),
    )


# --- advisors -----------------------------------------------------------------------------------


def _write_allocation(order: Any, allocation: Allocation) -> None:
    if allocation.is_profile:
        order.faProfile = allocation.group
        return
    order.faGroup = allocation.group
    order.faMethod = "" if allocation.method is None else allocation.method.value
    if allocation.percentage is not None:
        order.faPercentage = f"{allocation.percentage:f}"
        # by how much positions change says how many units that are; a size of its own is none
        order.totalQuantity = Decimal(0)


def _allocation(order: Any) -> Allocation | None:
    if not (order.faGroup or order.faProfile):
        return None
    try:
        method = AllocationMethod(order.faMethod) if order.faMethod else None
    except ValueError:
        method = None
    return Allocation(
        group=order.faGroup or order.faProfile,
        method=method,
        percentage=decimal_or_none(order.faPercentage) if order.faPercentage else None,
        is_profile=not order.faGroup,
    )


def _tier(tier: Any) -> SoftDollarTier | None:
    if not tier.name:
        return None
    return SoftDollarTier(name=tier.name, value=tier.val, display_name=tier.displayName)


# --- conditions ---------------------------------------------------------------------------------


def _written(condition: Condition) -> Any:
    joined = "a" if condition.joined is Joined.AND else "o"
    match condition:
        case TimeCondition(after=after, before=before):
            moment = before if after is None else after
            return IBOrder.TimeCondition(
                conjunction=joined,
                isMore=after is not None,
                time="" if moment is None else date_text(moment),
            )
        case ExecutionCondition():
            return IBOrder.ExecutionCondition(
                conjunction=joined,
                secType=condition.security_type.value,
                exch=condition.exchange,
                symbol=condition.symbol,
            )
    is_more = condition.above is not None
    bound = condition.above if condition.above is not None else condition.below
    both = {"conjunction": joined, "isMore": is_more}
    if isinstance(condition, MarginCondition):
        return IBOrder.MarginCondition(**both, percent=int(bound or 0))
    if not isinstance(condition.contract, Contract):
        raise OrderValidationError(f"the condition on {condition.contract!r} has no contract yet")
    both |= {"conId": condition.contract.con_id or 0, "exch": condition.contract.exchange}
    if isinstance(condition, VolumeCondition):
        return IBOrder.VolumeCondition(**both, volume=int(bound or 0))
    if isinstance(condition, PercentChangeCondition):
        return IBOrder.PercentChangeCondition(**both, changePercent=bound)
    return IBOrder.PriceCondition(**both, price=bound, triggerMethod=int(condition.trigger_method))


def _read(source: Any, login_zone: tzinfo) -> Condition:
    joined = Joined.OR if source.conjunction == "o" else Joined.AND
    is_more = bool(source.isMore) if hasattr(source, "isMore") else True
    match source:
        case ib_async.order.TimeCondition():
            moment = _time(source.time, login_zone)
            return TimeCondition(
                after=moment if is_more else None, before=None if is_more else moment, joined=joined
            )
        case ib_async.order.ExecutionCondition():
            return ExecutionCondition(
                symbol=source.symbol,
                security_type=security_type(source.secType),
                exchange=source.exch,
                joined=joined,
            )
        case ib_async.order.MarginCondition():
            percent = Decimal(source.percent)
            return MarginCondition(**_sides(percent, is_more), joined=joined)
    # the wire names the contract by its id alone
    contract = Contract(symbol="", con_id=ConId(int(source.conId)), exchange=source.exch)
    if isinstance(source, ib_async.order.VolumeCondition):
        volume = Decimal(source.volume)
        return VolumeCondition(contract=contract, **_sides(volume, is_more), joined=joined)
    if isinstance(source, ib_async.order.PercentChangeCondition):
        change = figure(source.changePercent)
        return PercentChangeCondition(contract=contract, **_sides(change, is_more), joined=joined)
    return PriceCondition(
        contract=contract,
        **_sides(figure(source.price), is_more),
        trigger_method=_member(TriggerMethod, source.triggerMethod) or TriggerMethod.DEFAULT,
        joined=joined,
    )


def _sides(bound: Decimal | None, is_more: bool) -> dict[str, Any]:  # noqa: FBT001  # read off the wire
    return {"above": bound if is_more else None, "below": None if is_more else bound}


# --- pieces -------------------------------------------------------------------------------------


def _set(order: Any, name: str, value: Decimal | None) -> None:
    if value is not None:
        setattr(order, name, value)


def _time(text: str, login_zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(text, login_zone=login_zone)
    except BadTimeError:
        return None


def _count(number: int) -> Decimal | None:
    value = integer(number)
    return Decimal(value) if value else None


def _member(enum: Any, number: int) -> Any:
    try:
        return enum(int(number))
    except ValueError:
        return None


def _leg_prices(legs: Any) -> tuple[Decimal, ...]:
    """Read the prices of legs; TWS lists the legs without prices when the order has its own."""
    prices = [decimal_or_none(leg.price) for leg in legs or ()]
    known = tuple(price for price in prices if price is not None)
    return known if len(known) == len(prices) else ()


def _priority(order: Any) -> AdaptivePriority | None:
    if order.algoStrategy != _ADAPTIVE:
        return None
    told = {tag.tag: tag.value for tag in order.algoParams or ()}
    try:
        return AdaptivePriority(told.get(_PRIORITY, ""))
    except ValueError:
        return None
