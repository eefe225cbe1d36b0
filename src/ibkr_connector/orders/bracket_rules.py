"""Whether a bracket makes sense as written, and how a plain mapping becomes one; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.brackets import BracketRequest
from ibkr_connector.model.orders import Action, TimeInForce

from .reading import NAMES, WHAT, as_request
from .validation import check_request
from .values import is_finite, read_number, read_values, read_word, unknown_key

__all__ = ["as_bracket", "check_bracket"]

_READERS: Final = MappingProxyType(
    {
        "take_profit": read_number,
        "stop_loss": read_number,
        "stop_limit": read_number,
        "exit_time_in_force": read_word(TimeInForce),
    }
)


def as_bracket(bracket: BracketRequest | Mapping[str, Any]) -> BracketRequest:
    """
    Read a plain mapping: the keys of the entry, `take_profit`, `stop_loss` and what else there is.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    if isinstance(bracket, BracketRequest):
        return bracket
    if not hasattr(bracket, "keys"):
        raise OrderValidationError(
            f"a bracket is a BracketRequest or a mapping; got {type(bracket).__name__}"
        )
    faults: list[str] = []
    values = read_values(bracket, _READERS, faults)
    faults += [f"{key} is missing" for key in ("take_profit", "stop_loss") if key not in bracket]
    known = (*NAMES, *WHAT, *_READERS)
    for key in bracket:
        if key not in known:
            faults.append(unknown_key(key, known))
    entry = None
    try:
        entry = as_request({key: bracket[key] for key in bracket if key in (*NAMES, *WHAT)})
    except OrderValidationError as error:
        faults.append(error.message)
    if faults or entry is None:
        raise OrderValidationError("; ".join(faults))
    return BracketRequest(entry=entry, **values)


def check_bracket(bracket: BracketRequest) -> None:
    """
    Check the entry, the exits, and that these lie on the two sides of it.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    faults: list[str] = []
    for field in fields(BracketRequest):
        value = getattr(bracket, field.name)
        if field.name in ("take_profit", "stop_loss", "stop_limit") and not (
            is_finite(value) or (value is None and field.default is None)
        ):
            faults.append(f"{field.name} must be a finite Decimal; got {value!r}")
    if bracket.exit_time_in_force not in (TimeInForce.DAY, TimeInForce.GTC):
        faults.append(f"exit_time_in_force must be DAY or GTC; got {bracket.exit_time_in_force!r}")
    try:
        check_request(bracket.entry)
    except OrderValidationError as error:
        faults.append(error.message)
    if bracket.entry.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        faults.append(
            f"time_in_force {bracket.entry.time_in_force} does not go with a bracket: the entry "
            "waits at the broker for its exits; use DAY, GTC or GTD"
        )
    if bracket.entry.cash_quantity is not None:
        faults.append(
            f"cash_quantity {bracket.entry.cash_quantity} does not go with a bracket: its "
            "exits close a number of units; give a quantity"
        )
    if bracket.entry.exercise is not None:
        faults.append("exercise does not go with a bracket: it is no order that a price ends")
    allocation = bracket.entry.allocation
    if allocation is not None and allocation.percentage is not None:
        faults.append(
            "allocation.percentage does not go with a bracket: what its exits would change by it "
            "is another position than the entry's; divide by another method"
        )
    if not faults:
        faults += _order_of_prices(bracket)
    if faults:
        raise OrderValidationError("; ".join(faults))


def _order_of_prices(bracket: BracketRequest) -> Iterator[str]:
    buys = bracket.entry.action is Action.BUY
    above, below = ("take_profit", "stop_loss") if buys else ("stop_loss", "take_profit")
    high, low = getattr(bracket, above), getattr(bracket, below)
    if low >= high:
        yield (
            f"{above} must be above {below} when the entry is to {bracket.entry.action}; "
            f"got {high} and {low}"
        )
        return
    entry = bracket.entry.limit_price
    if entry is not None and not low < entry < high:
        yield f"limit_price must be between {below} {low} and {above} {high}; got {entry}"
