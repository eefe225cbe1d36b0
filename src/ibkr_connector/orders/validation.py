"""
Whether an order makes sense as written, before anything is asked of anybody.

Owns: every check that needs nothing but the request, the contract's details and the time. All
faults of an order are reported together.
Refuses to know: limits (`risk.py`), the account's money, the broker, how a mapping is read
(`reading.py`), what each order type is made of (`term_rules.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.instruments.ticks import Rounding, TickRule
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce

from .algo_rules import algo_contract_faults
from .cash_rules import cash_contract_faults, size_faults
from .division import advice_faults
from .exercise_rules import exercise_contract_faults, exercise_faults
from .plain import MAY_BE_NEGATIVE, NOT_TRADABLE, fits, is_sound
from .reading import as_request
from .term_rules import TYPE_RULES, price_faults, term_faults, text_faults
from .values import not_one_of, too_large

__all__ = ["as_request", "check_against", "check_request", "check_times", "same_order"]


_MOST_APART: Final = 3
"""Of four legs IB's support says that they are taken together only (Lean issue 9287)."""


def check_request(request: OrderRequest) -> None:
    """
    Check what needs no contract details.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    if is_sound(request):
        return
    # the checks that follow divide, which a number out of all proportion does not bear
    faults = list(too_large("", request))
    if faults:
        raise OrderValidationError("; ".join(faults))
    if not isinstance(request.action, Action):
        faults.append(not_one_of("action", request.action, Action))
    if not isinstance(request.time_in_force, TimeInForce):
        faults.append(not_one_of("time_in_force", request.time_in_force, TimeInForce))
    faults += size_faults(request)
    if request.exercise is not None:
        faults += exercise_faults(request)
    if not isinstance(request.order_type, OrderType):
        faults.append(not_one_of("order_type", request.order_type, OrderType))
    else:
        faults += price_faults(request)
    faults += term_faults(request)
    if request.is_advised:
        faults += advice_faults(request)
    for key in ("account", "client_order_id", "model"):
        faults += text_faults(key, getattr(request, key))
    if faults:
        raise OrderValidationError("; ".join(faults))


def check_times(request: OrderRequest, now: datetime) -> None:
    """
    Refuse an order whose time is over.

    Raises:
        OrderValidationError: It is good till a moment, or worked until one, that has passed.
    """
    end = getattr(request.algo, "end", None)
    if end is not None and end <= now:
        raise OrderValidationError(
            f"algo.end must be in the future; got {end.isoformat()}, and it is {now.isoformat()}"
        )
    if request.good_till is not None and request.good_till <= now:
        raise OrderValidationError(
            f"good_till must be in the future; got {request.good_till.isoformat()}, "
            f"and it is {now.isoformat()}"
        )


def check_against(
    request: OrderRequest, details: ContractDetails, steps: TickRule | None = None
) -> None:
    """
    Check what the contract's own rules say: its kind, its price steps and its sizes.

    A detail that the gateway left open checks nothing here; the exchange has the last word.
    Without `steps` the step is `min_tick`, the smallest of all price bands, so that no legal price
    is refused.

    Raises:
        OrderValidationError: With every fault in one message.
    """
    if fits(request, details, steps):
        return
    contract = details.contract
    faults: list[str] = []
    if not contract.is_qualified:
        faults.append(f"{contract} is not qualified")
    if contract.security_type is SecurityType.COMBO and not contract.legs:
        faults.append(f"{contract} is a combination without legs; name them")
    if contract.security_type in NOT_TRADABLE:
        faults.append(f"{contract} has prices but cannot be ordered")
    for key in ("limit_price", "stop_price"):
        price: Decimal | None = getattr(request, key)
        if price is None:
            continue
        if price <= 0 and contract.security_type not in MAY_BE_NEGATIVE:
            faults.append(f"{key} must be above 0; got {price}")
        elif steps is not None and not steps.is_legal(price):
            faults.append(_off_step(key, price, steps))
        elif steps is None and details.min_tick and price % details.min_tick:
            faults.append(_off_step(key, price, TickRule.of_one_step(details.min_tick)))
    if request.cash_quantity is not None:
        faults += cash_contract_faults(request, details)
    elif details.min_size and request.quantity < details.min_size:
        faults.append(f"quantity must be at least {details.min_size}; got {request.quantity}")
    elif details.size_increment and request.quantity % details.size_increment:
        faults.append(
            f"quantity must be a multiple of {details.size_increment}; got {request.quantity}"
        )
    if contract.legs or request.non_guaranteed or request.leg_prices:
        faults += _combo_faults(request, contract)
    faults += algo_contract_faults(request, details)
    if request.exercise is not None:
        faults += exercise_contract_faults(details)
    names = TYPE_RULES[request.order_type].names
    if details.order_types and not names & set(details.order_types):
        faults.append(f"{contract} takes no order of type {request.order_type}")
    if faults:
        raise OrderValidationError("; ".join(faults))


def same_order(request: OrderRequest, contract: Contract, ticket: OrderTicket) -> bool:
    """Whether a request says what was sent; a request without an account means the same one."""
    quantity = request.quantity
    if not quantity and request.allocation is not None:
        quantity = ticket.quantity  # which followed from the method
    asked = (
        contract.identity,
        request.action,
        quantity,
        request.order_type,
        request.limit_price,
        request.stop_price,
        request.time_in_force,
        request.outside_regular_hours,
        request.account or ticket.account,
        request.terms,
    )
    sent = (
        ticket.contract.identity,
        ticket.action,
        ticket.quantity,
        ticket.order_type,
        ticket.limit_price,
        ticket.stop_price,
        ticket.time_in_force,
        ticket.outside_regular_hours,
        ticket.account,
        ticket.terms,
    )
    return asked == sent


def _combo_faults(request: OrderRequest, contract: Contract) -> Iterator[str]:
    legs = len(contract.legs)
    if contract.security_type is not SecurityType.COMBO:
        for key in ("non_guaranteed", "leg_prices"):
            if getattr(request, key):
                yield f"{key} goes with a combination; {contract} is none, leave it out"
        return
    if request.leg_prices and (legs != 2 or len(request.leg_prices) != 2):
        yield (
            f"leg_prices are for two legs, one each; got {len(request.leg_prices)} for {legs} "
            "legs, use a limit_price for the whole"
        )
    if request.non_guaranteed and contract.exchange != "SMART":
        yield (
            f"non_guaranteed goes with smart routing; {contract} trades at "
            f"{contract.exchange}, leave it out or use SMART"
        )
    elif request.non_guaranteed and legs > _MOST_APART:
        yield f"non_guaranteed goes with at most {_MOST_APART} legs; got {legs}, leave it out"


def _off_step(key: str, price: Decimal, steps: TickRule) -> str:
    return (
        f"{key} must be a multiple of {steps.tick_at(price)}; got {price}, "
        f"between {steps.round(price, Rounding.DOWN)} and {steps.round(price, Rounding.UP)}"
    )
