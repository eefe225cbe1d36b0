"""What a client's order asks for, read from the wire; what cannot be read or done is an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import (
    Algo,
    Condition,
    ConditionKind,
    Group,
    Leg,
    Terms,
)
from ibkr_connector.simulator.wire.errors import RemoteProtocolError
from ibkr_connector.simulator.wire.fields import UNSET_DOUBLE, UNSET_INTEGER
from ibkr_connector.simulator.wire.orders import WireOrder

from .times import parse_end

__all__ = ["BadOrderError", "group_of", "legs_of", "missing_parts", "terms_of"]

_TYPE_NAMES: Final[Mapping[str, str]] = {
    # spellings that TWS takes as well
    "STPLMT": "STP LMT",
    "TRAILLIMIT": "TRAIL LIMIT",
    "TRAILLMT": "TRAIL LIMIT",
    "TRAIL LMT": "TRAIL LIMIT",
    "MIDPX": "MIDPRICE",
    "PEGMID": "PEG MID",
    "PEGMKT": "PEG MKT",
}

_CAPPED: Final = frozenset({"REL", "MIDPRICE", "PEG MID", "PEG MKT"})

_NOT_SIMULATED: Final = {
    "hedgeType": "hedging orders",
    "scalePriceIncrement": "scale orders",
    "adjustedOrderType": "adjustable stops",
    "volatility": "volatility orders",
    "deltaNeutralOrderType": "delta neutral orders",
    "referenceContractId": "pegged to benchmark",
    "percentOffset": "percent offsets",
}
_UNSAID: Final = frozenset({"", "0", "0.0", "None", UNSET_DOUBLE, UNSET_INTEGER})


@dataclass(frozen=True, slots=True)
class BadOrderError(Exception):
    """An order that is answered with a code instead of being placed."""

    code: int
    text: str


def missing_parts(order: WireOrder) -> tuple[str, ...]:
    """Return the names of what an order asks for that is not simulated."""
    found = [what for name, what in _NOT_SIMULATED.items() if order.text(name) not in _UNSAID]
    return tuple(found)


def terms_of(order: WireOrder, legs: tuple[Leg, ...], now: datetime) -> Terms:
    """
    Read the terms of an order.

    Raises:
        BadOrderError: A field does not read as what it must be.
    """
    try:
        return _terms(order, legs, now)
    except RemoteProtocolError as error:
        raise BadOrderError(320, f"Error reading request. {error}") from error


def _terms(order: WireOrder, legs: tuple[Leg, ...], now: datetime) -> Terms:
    kind = order.text("orderType").upper()
    kind = _TYPE_NAMES.get(kind, kind)
    limit = order.number("lmtPrice")
    if limit is None and legs:
        limit = _limit_of_legs(order, legs)
    percent = order.number("trailingPercent")
    return Terms(
        action=order.text("action"),
        quantity=order.number("totalQuantity") or Decimal(0),
        order_type=kind,
        # the cap of a pegged order may be left out, which clients write as 0
        limit_price=(limit or None) if kind in _CAPPED else limit,
        stop_price=order.number("auxPrice"),
        time_in_force=order.text("tif") or "DAY",
        trailing_percent=percent or None,
        trail_stop_price=order.number("trailStopPrice") or None,
        limit_offset=order.number("lmtPriceOffset"),
        trigger_method=order.integer("triggerMethod"),
        outside_hours=order.flag("outsideRth"),
        good_after=_moment(order, "goodAfterTime", code=336, now=now),
        good_till=_moment(order, "goodTillDate", code=337, now=now),
        is_hidden=order.flag("hidden"),
        display_size=order.number("displaySize") or None,
        is_all_or_none=order.flag("allOrNone"),
        minimum_quantity=order.number("minQty") or None,
        conditions=tuple(_condition(row, now) for row in order.groups.get("conditions", ())),
        conditions_cancel=order.flag("conditionsCancelOrder"),
        conditions_ignore_hours=order.flag("conditionsIgnoreRth"),
        algo=_algo(order, now),
        legs=legs,
        open_close=order.text("openClose"),
    )


def _moment(order: WireOrder, name: str, *, code: int, now: datetime) -> datetime | None:
    text = order.text(name)
    if not text:
        return None
    moment = parse_end(text if len(text) > 8 else f"{text} 23:59:59", now)
    if moment is None:
        what = "Good after time" if code == 336 else "Good till date"
        raise BadOrderError(code, f"{what}: the date, time, or time-zone entered is invalid.")
    return moment


def _algo(order: WireOrder, now: datetime) -> Algo | None:
    strategy = order.text("algoStrategy")
    if not strategy:
        return None
    rows = order.groups.get("algoParams", ())
    said = {row[0]: row[1] for row in rows}
    start = _algo_time(said, ("startTime", "activeTimeStart"), now)
    end = _algo_time(said, ("endTime", "activeTimeEnd"), now)
    return Algo(strategy=strategy, parameters=said, start=start, end=end)


def _algo_time(said: Mapping[str, str], tags: tuple[str, str], now: datetime) -> datetime | None:
    """Read a time of an algorithm, by the older or the newer name of its tag."""
    found = next(((tag, said[tag]) for tag in tags if said.get(tag)), None)
    if found is None:
        return None
    tag, text = found
    moment = parse_end(text, now)
    if moment is None:
        raise BadOrderError(441, f"Algo attributes validation failed: {tag}")
    return moment


# --- conditions ---------------------------------------------------------------------------------


def _condition(row: tuple[str, ...], now: datetime) -> Condition:
    """Read a condition: its type, how it is joined, and what its type has (ib_async order.py)."""
    kind = ConditionKind(int(row[0]))
    return replace(_CONDITIONS[kind](row, now), kind=kind, is_joined_by_and=row[1] == "a")


def _of_market(row: tuple[str, ...], now: datetime) -> Condition:
    return Condition(
        kind=ConditionKind.PRICE,
        is_more=_is_more(row),
        value=_number(row[3]),
        con_id=_integer(row[4]),
        trigger_method=_integer(row[6]) if len(row) > 6 else 0,
    )


def _of_time(row: tuple[str, ...], now: datetime) -> Condition:
    moment = parse_end(row[3], now)
    if not row[3] or moment is None:
        raise BadOrderError(147, f"Invalid condition: {row[3]!r} is not a time")
    return Condition(kind=ConditionKind.TIME, is_more=_is_more(row), moment=moment)


def _of_margin(row: tuple[str, ...], now: datetime) -> Condition:
    return Condition(kind=ConditionKind.MARGIN, is_more=_is_more(row), value=_number(row[3]))


def _of_execution(row: tuple[str, ...], now: datetime) -> Condition:
    return Condition(kind=ConditionKind.EXECUTION, sec_type=row[2], symbol=row[4])


_CONDITIONS: Final[Mapping[ConditionKind, Callable[[tuple[str, ...], datetime], Condition]]] = {
    ConditionKind.PRICE: _of_market,
    ConditionKind.VOLUME: _of_market,
    ConditionKind.PERCENT_CHANGE: _of_market,
    ConditionKind.TIME: _of_time,
    ConditionKind.MARGIN: _of_margin,
    ConditionKind.EXECUTION: _of_execution,
}


def _is_more(row: tuple[str, ...]) -> bool:
    return row[2] in {"1", "true", "True"}


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise BadOrderError(147, f"Invalid condition: {text!r} is not a number") from error


def _integer(text: str) -> int:
    return int(_number(text or "0"))


def _limit_of_legs(order: WireOrder, legs: tuple[Leg, ...]) -> Decimal | None:
    """
    Return what a combo may cost by the limits of its legs.

    Two legs, not guaranteed, may have a price each and the order none (IB's API support, quoted in
    Lean issue 9287). *limit*: here they trade together all the same.
    """
    prices = [row[0] for row in order.groups.get("orderComboLegs", ()) if row[0] not in _UNSAID]
    if len(prices) != len(legs) or len(legs) != 2:
        return None
    if ("NonGuaranteed", "1") not in order.groups.get("smartComboRoutingParams", ()):
        return None
    paid = (leg.ratio * leg.sign * _number(text) for leg, text in zip(legs, prices, strict=True))
    return sum(paid, Decimal(0))


# --- families and legs --------------------------------------------------------------------------


def group_of(order: WireOrder) -> Group | None:
    """Return the one-cancels-all group that an order names."""
    name = order.text("ocaGroup")
    if not name:
        return None
    kind = order.integer("ocaType") or 3
    if kind not in (1, 2, 3):
        raise BadOrderError(10324, f"Invalid OCA type {kind}")
    return Group(name=name, kind=kind)


def legs_of(
    rows: tuple[tuple[str, ...], ...], instrument: Callable[[int], Instrument | None]
) -> tuple[Leg, ...]:
    """
    Read the legs of a combo: con id, ratio, action, exchange, and what is not looked at.

    Raises:
        BadOrderError: A leg is not listed, or its action or ratio are not one.
    """
    if not rows:
        raise BadOrderError(312, "The combo details are not specified.")
    return tuple(_leg(row, instrument) for row in rows)


def _leg(row: tuple[str, ...], instrument: Callable[[int], Instrument | None]) -> Leg:
    con_id, ratio = _integer(row[0]), _integer(row[1])
    found = instrument(con_id)
    if found is None:
        raise BadOrderError(313, f"The combo details for '{con_id}' are invalid.")
    if row[2] not in {"BUY", "SELL"} or ratio <= 0:
        raise BadOrderError(314, f"The combo leg details for '{con_id}' are invalid.")
    return Leg(instrument=found, ratio=ratio, is_buy=row[2] == "BUY", exchange=row[3])
