"""
A plain mapping read into an `OrderRequest`, with strict keys and forgiving values.

Owns: what keys and words are understood, and that all faults of a mapping are reported together.
Refuses to know: whether the order makes sense (`validation.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final, cast

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.orders import (
    Action,
    AdaptivePriority,
    AnyOrder,
    OcaType,
    OrderRequest,
    OrderType,
    TimeInForce,
    TriggerMethod,
)

from .division import read_allocation, read_tier
from .exercise_rules import read_exercise
from .parts import read_algo, read_conditions, read_legs
from .values import (
    Reader,
    read_contract,
    read_flag,
    read_number,
    read_numbered,
    read_prices,
    read_spelt,
    read_text,
    read_time,
    read_values,
    read_word,
    unknown_key,
)

__all__ = ["NAMES", "READERS", "WHAT", "as_request"]

NAMES: Final = tuple(
    "symbol" if field.name == "contract" else field.name for field in fields(OrderRequest)
)
"""Keys of the plain mapping, in the order of `OrderRequest`."""

WHAT: Final = ("symbol", "contract", "legs")
"""The keys that say what is traded."""

_TYPE_NAMES: Final[Mapping[str, OrderType]] = MappingProxyType(
    {
        "MARKET": OrderType.MARKET,
        "LIMIT": OrderType.LIMIT,
        "STOP": OrderType.STOP,
        "STOP LIMIT": OrderType.STOP_LIMIT,
        "STPLMT": OrderType.STOP_LIMIT,
        "TRAILING STOP": OrderType.TRAILING_STOP,
        "TRAILING STOP LIMIT": OrderType.TRAILING_STOP_LIMIT,
        "TRAIL LMT": OrderType.TRAILING_STOP_LIMIT,
        "TRAILLMT": OrderType.TRAILING_STOP_LIMIT,
        "MARKET ON CLOSE": OrderType.MARKET_ON_CLOSE,
        "LIMIT ON CLOSE": OrderType.LIMIT_ON_CLOSE,
        "MARKET IF TOUCHED": OrderType.MARKET_IF_TOUCHED,
        "LIMIT IF TOUCHED": OrderType.LIMIT_IF_TOUCHED,
        "RELATIVE": OrderType.RELATIVE,
        "MIDPX": OrderType.MIDPRICE,
        "PEGGED TO MARKET": OrderType.PEGGED_TO_MARKET,
        "PEGMKT": OrderType.PEGGED_TO_MARKET,
        "PEGGED TO MIDPOINT": OrderType.PEGGED_TO_MIDPOINT,
        "PEGMID": OrderType.PEGGED_TO_MIDPOINT,
    }
)
"""Spellings of the types that are understood besides their own."""

_NOT_OFFERED: Final[Mapping[str, str]] = MappingProxyType(
    # limit: IB documents their fields for some destinations and minimum sizes only, none of which
    # the contract's details tell; an order that the broker alone can judge is not sent on a guess
    {
        "PEG BEST": "use PEG MID at the destination, or REL, which follows the best price too",
        "PEGBEST": "use PEG MID at the destination, or REL, which follows the best price too",
        "PEG BENCH": "use a PriceCondition on the benchmark",
        "PASSV REL": "use REL with an offset",
        "SNAP MKT": "use LMT at a price of the quote",
        "SNAP MID": "use MIDPRICE",
        "SNAP PRIM": "use LMT at a price of the quote",
        "VWAP": "use a MKT or LMT order with algo vwap",
        "MKT PRT": "use LMT",
        "STP PRT": "use STP LMT",
    }
)
"""Types of IB that are known and cannot be placed here, and what does."""


def as_request(order: AnyOrder) -> OrderRequest:
    """
    Read a plain mapping into a request; a request is returned as it is, a draft as its request.

    Keys are those of `OrderRequest`, with `symbol` (text form), `contract` or `legs` (a list of
    `ComboLeg` or mappings of its fields) for what is traded.
    Numbers may be `Decimal`, `int`, `float` or text; words may be in any case; times are aware
    datetimes or their ISO text; conditions are records or mappings with their `kind`.

    Raises:
        OrderValidationError: A key or a value is not usable; all of them are named together.
    """
    if isinstance(order, OrderRequest):
        return order
    described = getattr(order, "request", None)
    if isinstance(described, OrderRequest):
        return described
    if isinstance(order, BracketRequest):
        raise OrderValidationError("a bracket is three orders; use place_bracket")
    if not hasattr(order, "keys"):
        raise OrderValidationError(
            f"an order is an OrderRequest, a draft or a mapping; got {type(order).__name__}"
        )
    mapping = cast("Mapping[str, Any]", order)
    faults = [unknown_key(key, NAMES) for key in mapping if key not in NAMES and key not in WHAT]
    given = [key for key in WHAT if mapping.get(key) is not None]
    if len(given) > 1:
        faults.append(f"{' and '.join(given)} name the same thing; give one of them")
    what = given[-1] if given else "symbol"
    contract = None
    try:
        read = read_legs if what == "legs" else read_contract
        contract = read(what if what == "legs" else "symbol", mapping.get(what))
    except ValueError as error:
        faults.append(str(error))
    values = read_values(mapping, READERS, faults)
    elsewhere = ("cash_quantity", "allocation")
    is_said = any(mapping.get(key) is not None for key in elsewhere)
    needed = ("action",) if is_said else ("action", "quantity")
    faults += [f"{key} is missing" for key in needed if key not in mapping]
    if faults:
        raise OrderValidationError("; ".join(faults))
    return OrderRequest(contract=cast("Contract | str", contract), **values)


def _order_type(key: str, value: object) -> OrderType:
    if isinstance(value, str):
        word = value.strip().upper().replace("_", " ")
        if word in _TYPE_NAMES:
            return _TYPE_NAMES[word]
        if word in _NOT_OFFERED:
            raise ValueError(f"{key} {word} is not offered; {_NOT_OFFERED[word]}")
        value = word
    return read_word(OrderType)(key, value)


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "action": read_word(Action),
        "quantity": read_number,
        "order_type": _order_type,
        "limit_price": read_number,
        "stop_price": read_number,
        "time_in_force": read_word(TimeInForce),
        "outside_regular_hours": read_flag,
        "account": read_text,
        "client_order_id": read_text,
        "trail_amount": read_number,
        "trail_percent": read_number,
        "limit_offset": read_number,
        "offset": read_number,
        "good_till": read_time,
        "good_after": read_time,
        "all_or_none": read_flag,
        "minimum_quantity": read_number,
        "display_size": read_number,
        "hidden": read_flag,
        "oca_group": read_text,
        "oca_type": read_numbered(OcaType),
        "trigger_method": read_numbered(TriggerMethod),
        "adaptive": read_spelt(AdaptivePriority, str.capitalize),
        "conditions": read_conditions,
        "conditions_cancel": read_flag,
        "conditions_outside_regular_hours": read_flag,
        "non_guaranteed": read_flag,
        "leg_prices": read_prices,
        "algo": read_algo,
        "cash_quantity": read_number,
        "exercise": read_exercise,
        "allocation": read_allocation,
        "model": read_text,
        "soft_dollar_tier": read_tier,
    }
)
"""How each value of the mapping is read; a key that is left out keeps the request's default."""
