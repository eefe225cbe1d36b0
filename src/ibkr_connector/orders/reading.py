"""
A plain mapping read into an `OrderRequest`, with strict keys and forgiving values.

Owns: what keys and words are understood, and that all faults of a mapping are reported together.
Refuses to know: whether the order makes sense (`validation.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.orders import (
    Action,
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

__all__ = [
    "NAMES",
    "READERS",
    "as_request",
    "not_one_of",
    "read_number",
    "read_values",
    "read_word",
    "unknown_key",
]

E = TypeVar("E", bound=StrEnum)
N = TypeVar("N", bound=IntEnum)
Reader = Callable[[str, Any], Any]

NAMES: Final = tuple(
    "symbol" if field.name == "contract" else field.name for field in fields(OrderRequest)
)
"""Keys of the plain mapping, in the order of `OrderRequest`."""

_OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "side": "action",
        "size": "quantity",
        "qty": "quantity",
        "totalquantity": "quantity",
        "type": "order_type",
        "price": "limit_price",
        "lmtprice": "limit_price",
        "auxprice": "stop_price",
        "triggerprice": "stop_price",
        "trailstopprice": "stop_price",
        "tif": "time_in_force",
        "outsiderth": "outside_regular_hours",
        "ticker": "symbol",
        "orderref": "client_order_id",
        "trailingpercent": "trail_percent",
        "trailingamount": "trail_amount",
        "lmtpriceoffset": "limit_offset",
        "goodtilldate": "good_till",
        "goodaftertime": "good_after",
        "minqty": "minimum_quantity",
        "algostrategy": "adaptive",
        "conditionscancelorder": "conditions_cancel",
        "conditionsignorerth": "conditions_outside_regular_hours",
    }
)
"""What other APIs call these keys; only to point at ours."""

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
    }
)
"""Spellings of the types that are understood besides their own."""


def as_request(order: OrderRequest | Mapping[str, Any]) -> OrderRequest:
    """
    Read a plain mapping into a request; a request is returned as it is.

    Keys are those of `OrderRequest`, with `symbol` (text form) or `contract` for what is traded.
    Numbers may be `Decimal`, `int`, `float` or text; words may be in any case; times are aware
    datetimes or their ISO text; conditions are records or mappings with their `kind`.

    Raises:
        OrderValidationError: A key or a value is not usable; all of them are named together.
    """
    if isinstance(order, OrderRequest):
        return order
    if not hasattr(order, "keys"):
        raise OrderValidationError(
            f"an order is an OrderRequest or a mapping; got {type(order).__name__}"
        )
    faults = [unknown_key(key, NAMES) for key in order if key not in NAMES and key != "contract"]
    if "contract" in order and "symbol" in order:
        faults.append("symbol and contract name the same thing; give one of them")
    contract = order.get("contract", order.get("symbol"))
    try:
        contract = _contract("symbol", contract)
    except ValueError as error:
        faults.append(str(error))
    values = read_values(order, READERS, faults)
    faults += [f"{key} is missing" for key in ("action", "quantity") if key not in order]
    if faults:
        raise OrderValidationError("; ".join(faults))
    return OrderRequest(contract=contract, **values)


def read_values(
    source: Mapping[str, Any], readers: Mapping[str, Reader], faults: list[str]
) -> dict[str, Any]:
    """Read the values that a mapping has; what cannot be read is added to the faults."""
    values: dict[str, Any] = {}
    for key, read in readers.items():
        if key not in source:
            continue
        # in a mapping, None says that nothing is said
        if source[key] is None and key in _MAY_BE_UNSAID:
            continue
        try:
            values[key] = read(key, source[key])
        except ValueError as error:
            faults.append(str(error))
    return values


# --- values -------------------------------------------------------------------------------------


def _contract(key: str, value: object) -> Contract | str:
    if isinstance(value, Contract | str) and value != "":
        return value
    raise ValueError(f"{key} must be text or a Contract; got {value!r}")


def read_number(key: str, value: object) -> Decimal:
    """Read a finite number of any kind, exactly as written."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise ValueError(f"{key} must be a number; got {value!r}")
    try:
        # by way of its text, a float means the digits that the user wrote
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{key} must be a number; got {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"{key} must be a finite number; got {value!r}")
    return number


def _text(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{key} must be text; got {value!r}")


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{key} must be True or False; got {value!r}")


def _time(key: str, value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            f"{key} must be an aware datetime or its ISO text, as in "
            f"'2026-12-18T16:00:00-05:00'; got {value!r}"
        ) from None


def _order_type(key: str, value: object) -> OrderType:
    if isinstance(value, str):
        word = value.strip().upper().replace("_", " ")
        if word in _TYPE_NAMES:
            return _TYPE_NAMES[word]
        value = word
    return read_word(OrderType)(key, value)


def read_word(enum: type[E]) -> Callable[[str, object], E]:
    """Make a reader of IB's words, which are in capitals."""
    return _word(enum, str.upper)


def _word(enum: type[E], fold: Callable[[str], str]) -> Callable[[str, object], E]:
    def read(key: str, value: object) -> E:
        try:
            return enum(fold(value.strip()) if isinstance(value, str) else str(value))
        except ValueError:
            raise ValueError(not_one_of(key, value, enum)) from None

    return read


def read_numbered(enum: type[N]) -> Callable[[str, object], N]:
    """Read a member by its name in any case, or by IB's number."""

    def read(key: str, value: object) -> N:
        if isinstance(value, str):
            name = value.strip().upper().replace(" ", "_")
            if name in enum.__members__:
                return enum[name]
        elif isinstance(value, int) and not isinstance(value, bool) and value in list(enum):
            return enum(value)
        raise ValueError(not_one_of(key, value, (name.lower() for name in enum.__members__)))

    return read


def not_one_of(key: str, value: object, words: Iterable[str]) -> str:
    """Say which words there are."""
    return f"{key} must be one of {', '.join(words)}; got {value!r}"


def unknown_key(key: object, known: tuple[str, ...]) -> str:
    """Say that a key is none, and which one was meant."""
    text = str(key)
    plain = text.replace("_", "").replace(" ", "").lower()
    other = _OTHER_NAMES.get(plain)
    close = (other if other in known else None) or next(
        iter(difflib.get_close_matches(text.lower(), known, n=1, cutoff=0.5)), None
    )
    if close is not None:
        return f"unknown key {text!r}; did you mean {close!r}?"
    return f"unknown key {text!r}; known keys are {', '.join(known)}"


# --- conditions ---------------------------------------------------------------------------------

_CONDITION_KINDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "price": PriceCondition,
        "time": TimeCondition,
        "margin": MarginCondition,
        "execution": ExecutionCondition,
        "volume": VolumeCondition,
        "percent_change": PercentChangeCondition,
    }
)

_CONDITION_READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "contract": _contract,
        "above": read_number,
        "below": read_number,
        "after": _time,
        "before": _time,
        "symbol": _text,
        "security_type": read_word(SecurityType),
        "exchange": _text,
        "trigger_method": read_numbered(TriggerMethod),
        "joined": _word(Joined, str.lower),
    }
)


def _conditions(key: str, value: object) -> tuple[Condition, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"{key} must be a list of conditions; got {value!r}")
    read, faults = [], []
    for number, one in enumerate(value):
        try:
            read.append(_condition(f"{key}[{number}]", one))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(read)


def _condition(key: str, value: object) -> Condition:
    if isinstance(value, tuple(_CONDITION_KINDS.values())):
        return cast("Condition", value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be a condition or a mapping; got {value!r}")
    word = str(value.get("kind", "")).strip().lower().replace(" ", "_")
    kind = _CONDITION_KINDS.get(word)
    if kind is None:
        raise ValueError(not_one_of(f"{key}.kind", value.get("kind"), _CONDITION_KINDS))
    given = {name: one for name, one in value.items() if name != "kind"}
    if "contract" in kind.__dataclass_fields__ and "symbol" in given and "contract" not in given:
        given["contract"] = given.pop("symbol")
    known = tuple(field.name for field in fields(kind) if field.name != "kind")
    faults = [f"{key}: {unknown_key(name, known)}" for name in given if name not in known]
    readers = {name: _CONDITION_READERS[name] for name in known}
    found: list[str] = []
    read = read_values(given, readers, found)
    faults += [f"{key}.{fault}" for fault in found]
    faults += [
        f"{key}.{field.name} is missing"
        for field in fields(kind)
        if field.default is MISSING and field.name not in given
    ]
    if faults:
        raise ValueError("; ".join(faults))
    made: Condition = kind(**read)
    return made


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "action": read_word(Action),
        "quantity": read_number,
        "order_type": _order_type,
        "limit_price": read_number,
        "stop_price": read_number,
        "time_in_force": read_word(TimeInForce),
        "outside_regular_hours": _flag,
        "account": _text,
        "client_order_id": _text,
        "trail_amount": read_number,
        "trail_percent": read_number,
        "limit_offset": read_number,
        "offset": read_number,
        "good_till": _time,
        "good_after": _time,
        "all_or_none": _flag,
        "minimum_quantity": read_number,
        "display_size": read_number,
        "hidden": _flag,
        "oca_group": _text,
        "oca_type": read_numbered(OcaType),
        "trigger_method": read_numbered(TriggerMethod),
        "adaptive": _word(AdaptivePriority, str.capitalize),
        "conditions": _conditions,
        "conditions_cancel": _flag,
        "conditions_outside_regular_hours": _flag,
    }
)
"""How each value of the mapping is read; a key that is left out keeps the request's default."""

_MAY_BE_UNSAID: Final = frozenset(
    field.name
    for kind in (cast("Any", OrderRequest), *_CONDITION_KINDS.values())
    for field in fields(kind)
    if field.default is None
)
