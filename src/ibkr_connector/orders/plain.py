"""
A short look at a plain order, which finds that nothing is wrong with it.

Most orders are plain: side, quantity, type, one or two prices, time in force, and nothing else.
What makes such an order sound takes a dozen comparisons, and of its contract the answers to most
questions are those of the last order. Whatever is not plainly sound is left to the rules in
`validation.py`, which say what is wrong with it: yes is said here, and never no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from operator import attrgetter, is_
from typing import Any, Final

from ibkr_connector.instruments.ticks import TickRule
from ibkr_connector.model.contracts import ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce

from .term_rules import TYPE_RULES, text_faults
from .values import LARGEST

__all__ = ["MAY_BE_NEGATIVE", "NOT_TRADABLE", "fits", "is_plain", "is_sound"]

NOT_TRADABLE: Final = frozenset(
    {SecurityType.INDEX, SecurityType.NEWS, SecurityType.CONTINUOUS_FUTURE}
)

MAY_BE_NEGATIVE: Final = frozenset(
    {SecurityType.COMBO, SecurityType.FUTURE, SecurityType.FUTURE_OPTION}
)
"""What has been traded at zero and below: spreads, and oil futures in April 2020."""

_SAID: Final = (
    *("contract", "action", "quantity", "order_type", "limit_price", "stop_price"),
    *("time_in_force", "outside_regular_hours", "account", "client_order_id"),
)
"""What a plain order may say."""

_UNSAID: Final = {one.name: one.default for one in fields(OrderRequest) if one.name not in _SAID}
_others: Final[Callable[[OrderRequest], tuple[Any, ...]]] = attrgetter(*_UNSAID)
_NOTHING: Final = tuple(_UNSAID.values())

_PRICES: Final = frozenset({"limit_price", "stop_price"})
_TYPES: Final = {
    kind: ("limit_price" in rule.needs, "stop_price" in rule.needs, rule.times - {TimeInForce.GTD})
    for kind, rule in TYPE_RULES.items()
    if rule.takes <= _PRICES and rule.needs == rule.takes
}
"""Types that have just the prices that they need: whether a limit and a stop, and which times."""

_KINDS: Final = (Action, OrderType, TimeInForce, Decimal)
_MOST_CONTRACTS: Final = 1024


def is_plain(request: OrderRequest) -> bool:
    """Whether it says nothing beyond side, size, type, prices, time, account and key."""
    # the very defaults, and nothing that is equal to one: 0 is no False here
    return all(map(is_, _others(request), _NOTHING))


def is_sound(request: OrderRequest) -> bool:
    """Whether it is a plain order in which `check_request` would find no fault."""
    if not is_plain(request):
        return False
    said = (request.action, request.order_type, request.time_in_force, request.quantity)
    if tuple(map(type, said)) != _KINDS or request.order_type not in _TYPES:
        return False
    has_limit, has_stop, times = _TYPES[request.order_type]
    return (
        request.time_in_force in times
        and request.quantity.is_finite()
        and 0 < request.quantity <= LARGEST
        and _is_as_needed(request.limit_price, has_limit)
        and _is_as_needed(request.stop_price, has_stop)
        and (request.account is None or not any(text_faults("", request.account)))
        and (request.client_order_id is None or not any(text_faults("", request.client_order_id)))
        and isinstance(request.outside_regular_hours, bool)
    )


def _is_as_needed(price: Decimal | None, needed: bool) -> bool:  # noqa: FBT001  # one question
    if not needed:
        return price is None
    return type(price) is Decimal and price.is_finite() and abs(price) <= LARGEST


@dataclass(frozen=True, slots=True)
class _Trades:
    """What the details of a contract say of plain orders; held with them, so an id is theirs."""

    details: ContractDetails
    types: frozenset[OrderType]
    below_zero: bool


_KNOWN: Final[dict[int, _Trades]] = {}


def fits(request: OrderRequest, details: ContractDetails, steps: TickRule | None) -> bool:
    """Whether it is a plain order in which `check_against` would find no fault."""
    known = _KNOWN.get(id(details))
    if known is None or known.details is not details:
        known = _learn(details)
    if request.order_type not in known.types or not is_plain(request):
        return False
    try:
        for price in (request.limit_price, request.stop_price):
            if price is None:
                continue
            if price <= 0 and not known.below_zero:
                return False
            if steps is not None:
                if not steps.is_legal(price):
                    return False
            elif details.min_tick and price % details.min_tick:
                return False
        if details.min_size and request.quantity < details.min_size:
            return False
        return not (details.size_increment and request.quantity % details.size_increment)
    except InvalidOperation:
        return False  # too large to be divided by a step


def _learn(details: ContractDetails) -> _Trades:
    contract, told = details.contract, set(details.order_types)
    is_tradable = (
        contract.is_qualified
        and not contract.legs
        and contract.security_type not in NOT_TRADABLE | {SecurityType.COMBO}
    )
    if len(_KNOWN) >= _MOST_CONTRACTS:
        _KNOWN.clear()
    known = _KNOWN[id(details)] = _Trades(
        details=details,
        types=frozenset(
            kind for kind in _TYPES if is_tradable and (not told or TYPE_RULES[kind].names & told)
        ),
        below_zero=contract.security_type in MAY_BE_NEGATIVE,
    )
    return known
