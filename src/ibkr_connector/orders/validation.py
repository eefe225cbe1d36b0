"""
Whether an order makes sense as written, before anything is asked of anybody.

Owns: reading a plain mapping into an `OrderRequest`, and every check that needs nothing but the
request and the contract's details. All faults of an order are reported together.
Refuses to know: limits (`risk.py`), the account's money, the broker.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce

__all__ = ["as_request", "check_against", "check_request", "same_order"]

E = TypeVar("E", bound=StrEnum)

_KEYS: Final = tuple(
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
        "tif": "time_in_force",
        "outsiderth": "outside_regular_hours",
        "ticker": "symbol",
        "orderref": "client_order_id",
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
    }
)

_NEEDS: Final[Mapping[OrderType, frozenset[str]]] = MappingProxyType(
    {
        OrderType.MARKET: frozenset(),
        OrderType.LIMIT: frozenset({"limit_price"}),
        OrderType.STOP: frozenset({"stop_price"}),
        OrderType.STOP_LIMIT: frozenset({"limit_price", "stop_price"}),
    }
)
"""The prices that a type must have; it must have no others."""

_DETAILS_NAMES: Final[Mapping[OrderType, frozenset[str]]] = MappingProxyType(
    {
        OrderType.MARKET: frozenset({"MKT"}),
        OrderType.LIMIT: frozenset({"LMT"}),
        OrderType.STOP: frozenset({"STP"}),
        OrderType.STOP_LIMIT: frozenset({"STPLMT", "STP LMT"}),
    }
)
"""How contract details write the types."""

_NOT_TRADABLE: Final = frozenset(
    {SecurityType.INDEX, SecurityType.NEWS, SecurityType.CONTINUOUS_FUTURE}
)

_MAY_BE_NEGATIVE: Final = frozenset(
    {SecurityType.COMBO, SecurityType.FUTURE, SecurityType.FUTURE_OPTION}
)
"""What has been traded at zero and below: spreads, and oil futures in April 2020."""

_LONGEST_KEY: Final = 128


def as_request(order: OrderRequest | Mapping[str, Any]) -> OrderRequest:
    """
    Read a plain mapping into a request; a request is returned as it is.

    Keys are those of `OrderRequest`, with `symbol` (text form) or `contract` for what is traded.
    Numbers may be `Decimal`, `int`, `float` or text; words may be in any case.

    Raises:
        OrderValidationError: A key or a value is not usable; all of them are named together.
    """
    if isinstance(order, OrderRequest):
        return order
    if not hasattr(order, "keys"):
        raise OrderValidationError(
            f"an order is an OrderRequest or a mapping; got {type(order).__name__}"
        )
    faults = [_unknown_key(key) for key in order if key not in _KEYS and key != "contract"]
    contract = order.get("contract", order.get("symbol"))
    if not isinstance(contract, Contract | str) or contract == "":
        faults.append(f"symbol must be text or a Contract; got {contract!r}")
    if "contract" in order and "symbol" in order:
        faults.append("symbol and contract name the same thing; give one of them")
    values: dict[str, Any] = {}
    readers: tuple[tuple[str, Callable[[str, Any], Any], Any], ...] = (
        ("action", _reader(Action), None),
        ("quantity", _number, None),
        ("order_type", _order_type, OrderType.MARKET),
        ("limit_price", _optional_number, None),
        ("stop_price", _optional_number, None),
        ("time_in_force", _reader(TimeInForce), TimeInForce.DAY),
        ("outside_regular_hours", _flag, False),
        ("account", _optional_text, None),
        ("client_order_id", _optional_text, None),
    )
    for key, read, default in readers:
        try:
            values[key] = read(key, order[key]) if key in order else default
        except ValueError as error:
            faults.append(str(error))
        else:
            if key in ("action", "quantity") and key not in order:
                faults.append(f"{key} is missing")
    if faults:
        raise OrderValidationError("; ".join(faults))
    return OrderRequest(contract=contract, **values)


def check_request(request: OrderRequest) -> None:
    """
    Check what needs no contract details.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    faults: list[str] = []
    if not isinstance(request.action, Action):
        faults.append(_not_one_of("action", request.action, Action))
    if not isinstance(request.time_in_force, TimeInForce):
        faults.append(_not_one_of("time_in_force", request.time_in_force, TimeInForce))
    if not _is_finite(request.quantity):
        faults.append(f"quantity must be a finite Decimal; got {request.quantity!r}")
    elif request.quantity <= 0:
        faults.append(
            f"quantity must be above 0 and the direction given by action; got {request.quantity}"
        )
    if not isinstance(request.order_type, OrderType):
        faults.append(_not_one_of("order_type", request.order_type, OrderType))
    else:
        faults += _price_faults(request, _NEEDS[request.order_type])
    for key in ("account", "client_order_id"):
        faults += _text_faults(key, getattr(request, key))
    if faults:
        raise OrderValidationError("; ".join(faults))


def check_against(request: OrderRequest, details: ContractDetails) -> None:
    """
    Check what the contract's own rules say: its kind, its price steps and its sizes.

    A detail that the gateway left open checks nothing here; the exchange has the last word.
    The step is `min_tick`, the smallest of all price bands, so that no legal price is refused.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    contract = details.contract
    faults: list[str] = []
    if not contract.is_qualified:
        faults.append(f"{contract} is not qualified")
    if contract.security_type in _NOT_TRADABLE:
        faults.append(f"{contract} has prices but cannot be ordered")
    for key in ("limit_price", "stop_price"):
        price: Decimal | None = getattr(request, key)
        if price is None:
            continue
        if price <= 0 and contract.security_type not in _MAY_BE_NEGATIVE:
            faults.append(f"{key} must be above 0; got {price}")
        elif details.min_tick and price % details.min_tick:
            faults.append(
                f"{key} must be a multiple of {details.min_tick}; got {price}, "
                f"between {_floor(price, details.min_tick)} and "
                f"{_floor(price, details.min_tick) + details.min_tick}"
            )
    if details.min_size and request.quantity < details.min_size:
        faults.append(f"quantity must be at least {details.min_size}; got {request.quantity}")
    elif details.size_increment and request.quantity % details.size_increment:
        faults.append(
            f"quantity must be a multiple of {details.size_increment}; got {request.quantity}"
        )
    if details.order_types and not _DETAILS_NAMES[request.order_type] & set(details.order_types):
        faults.append(f"{contract} takes no order of type {request.order_type}")
    if faults:
        raise OrderValidationError("; ".join(faults))


def same_order(request: OrderRequest, contract: Contract, ticket: OrderTicket) -> bool:
    """Whether a request says what was sent; a request without an account means the same one."""
    asked = (
        contract.con_id,
        request.action,
        request.quantity,
        request.order_type,
        request.limit_price,
        request.stop_price,
        request.time_in_force,
        request.outside_regular_hours,
        request.account or ticket.account,
    )
    sent = (
        ticket.contract.con_id,
        ticket.action,
        ticket.quantity,
        ticket.order_type,
        ticket.limit_price,
        ticket.stop_price,
        ticket.time_in_force,
        ticket.outside_regular_hours,
        ticket.account,
    )
    return asked == sent


def _price_faults(request: OrderRequest, needed: frozenset[str]) -> Sequence[str]:
    faults = []
    for key in ("limit_price", "stop_price"):
        price = getattr(request, key)
        if key in needed and price is None:
            faults.append(f"{key} is missing; an order of type {request.order_type} needs it")
        elif key not in needed and price is not None:
            faults.append(f"{key} does not belong to an order of type {request.order_type}")
        elif price is not None and not _is_finite(price):
            faults.append(f"{key} must be a finite Decimal; got {price!r}")
    return faults


def _is_finite(number: object) -> bool:
    return isinstance(number, Decimal) and number.is_finite()


def _text_faults(key: str, text: object) -> Sequence[str]:
    if text is None:
        return ()
    # a NUL in a text would end the field on the wire and begin another
    if not (isinstance(text, str) and text.isascii() and text.isprintable() and text):
        return (f"{key} must be printable ASCII text and not empty",)
    if len(text) > _LONGEST_KEY:
        return (f"{key} must have at most {_LONGEST_KEY} characters; got {len(text)}",)
    return ()


def _unknown_key(key: object) -> str:
    text = str(key)
    plain = text.replace("_", "").replace(" ", "").lower()
    close = _OTHER_NAMES.get(plain) or next(
        iter(difflib.get_close_matches(text.lower(), _KEYS, n=1, cutoff=0.5)), None
    )
    if close is not None:
        return f"unknown key {text!r}; did you mean {close!r}?"
    return f"unknown key {text!r}; known keys are {', '.join(_KEYS)}"


def _number(key: str, value: object) -> Decimal:
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


def _optional_number(key: str, value: object) -> Decimal | None:
    return None if value is None else _number(key, value)


def _optional_text(key: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{key} must be text; got {value!r}")


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{key} must be True or False; got {value!r}")


def _order_type(key: str, value: object) -> OrderType:
    if isinstance(value, str):
        word = value.strip().upper().replace("_", " ")
        if word in _TYPE_NAMES:
            return _TYPE_NAMES[word]
        value = word
    return _reader(OrderType)(key, value)


def _reader(enum: type[E]) -> Callable[[str, object], E]:
    def read(key: str, value: object) -> E:
        try:
            return enum(value.strip().upper() if isinstance(value, str) else str(value))
        except ValueError:
            raise ValueError(_not_one_of(key, value, enum)) from None

    return read


def _not_one_of(key: str, value: object, enum: type[StrEnum]) -> str:
    return f"{key} must be one of {', '.join(enum)}; got {value!r}"


def _floor(price: Decimal, step: Decimal) -> Decimal:
    return (price / step).to_integral_value(rounding="ROUND_FLOOR") * step
