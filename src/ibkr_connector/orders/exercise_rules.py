"""
What the exercise of an option is made of; pure rules.

It goes through the desk as an order that gives away what is held, because it must happen as seldom:
on disk before the wire, never repeated, settled by what the broker says. Only the message is
another one, and that carries no reference.
Sources: IB campus, "exercise options"; whole numbers only (ib_insync, thread 152).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ibkr_connector.model.contracts import ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce
from ibkr_connector.model.terms import NO_TERMS, Exercise

from .values import Reader, is_finite, read_flag, read_values, unknown_key

__all__ = ["exercise_contract_faults", "exercise_faults", "read_exercise"]

_OPTIONS: Final = frozenset({SecurityType.OPTION, SecurityType.FUTURE_OPTION, SecurityType.WARRANT})
_FLAGS: Final[Mapping[str, Reader]] = {"lapse": read_flag, "override": read_flag}


def read_exercise(key: str, value: object) -> Exercise:
    """Read an `Exercise`, or a mapping of its fields."""
    if isinstance(value, Exercise):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(
            f"{key} must be an Exercise or a mapping with lapse and override; got {value!r}"
        )
    faults = [unknown_key(name, tuple(_FLAGS)) for name in value if name not in _FLAGS]
    flags = read_values(value, _FLAGS, faults)
    if faults:
        raise ValueError("; ".join(f"{key}: {fault}" for fault in faults))
    return Exercise(**flags)


def exercise_faults(request: OrderRequest) -> Iterator[str]:
    """Check that nothing but options and their number is said."""
    what: Any = request.exercise
    if not isinstance(what, Exercise):
        yield f"exercise must be an Exercise; got {what!r}"
        return
    for key in _FLAGS:
        if not isinstance(getattr(what, key), bool):
            yield f"exercise.{key} must be True or False; got {getattr(what, key)!r}"
    if request.action is not Action.SELL:
        yield (
            f"action must be SELL for an exercise, which gives the options away; "
            f"got {request.action}"
        )
    if is_finite(request.quantity) and request.quantity % 1:
        yield f"quantity must be a whole number of options; got {request.quantity}"
    plain = (
        request.order_type is OrderType.MARKET
        and request.time_in_force is TimeInForce.DAY
        and request.outside_regular_hours is False
        and replace(request.terms, exercise=None) == NO_TERMS
    )
    if not plain or (request.limit_price, request.stop_price) != (None, None):
        yield "an exercise has no type, price, time or other terms; leave them out"


def exercise_contract_faults(details: ContractDetails) -> Iterator[str]:
    """Check that the contract is an option."""
    contract = details.contract
    if contract.security_type not in _OPTIONS:
        yield f"only options can be exercised; {contract} is none, sell it instead"
    elif contract.strike is None:
        yield f"{contract} has no strike, so nobody can tell what its exercise costs"
