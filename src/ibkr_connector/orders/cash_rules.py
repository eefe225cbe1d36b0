"""
What an order for an amount of cash is made of, and which contracts take one; pure rules.

IB's system buys or sells until the amount is spent or received, with an order that it makes larger
than needed and cancels then ("Currency Conversion Order", IB campus). So there is no quantity until
it is over, and nothing that needs one goes with it.
Sources: IB campus, order types (currency pairs, in the second currency); crypto by cash is bought
and never sold (nautilus_trader, pull request 4309, on a paper account), and its market order is
immediate or cancel (ib_insync, thread 407).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ibkr_connector.model.contracts import ContractDetails, SecurityType
from ibkr_connector.model.orders import Action, OrderRequest, OrderType
from ibkr_connector.model.terms import NO_TERMS

from .values import is_finite

__all__ = ["cash_contract_faults", "size_faults"]

_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT)
_BY_CASH: Final = frozenset({SecurityType.FOREX, SecurityType.CRYPTO})
_NEEDS_A_QUANTITY: Final = (
    "all_or_none",
    "minimum_quantity",
    "display_size",
    "hidden",
    "oca_group",
    "adaptive",
    "algo",
    "non_guaranteed",
    "leg_prices",
    "exercise",
)


def size_faults(request: OrderRequest) -> Iterator[str]:
    """Check that an order says how much, in units or in money, and not in both."""
    cash = request.cash_quantity
    if cash is None:
        if not is_finite(request.quantity):
            yield f"quantity must be a finite Decimal; got {request.quantity!r}"
        elif request.quantity < 0 or (not request.quantity and request.allocation is None):
            # a group's method may say how much it is for
            yield (
                "quantity must be above 0 and the direction given by action; "
                f"got {request.quantity}"
            )
        return
    if request.quantity != 0:
        yield (
            f"quantity {request.quantity} contradicts cash_quantity {cash}; give one of them: "
            "an order is for units or for money"
        )
    if not is_finite(cash):
        yield f"cash_quantity must be a finite Decimal; got {cash!r}"
    elif cash <= 0:
        yield f"cash_quantity must be above 0 and the direction given by action; got {cash}"
    if request.order_type not in _TYPES:
        yield (
            f"cash_quantity goes with orders of type {' and '.join(_TYPES)}; "
            f"got {request.order_type}, give a quantity or change the type"
        )
    for key in _NEEDS_A_QUANTITY:
        if getattr(request, key) != getattr(NO_TERMS, key):
            yield f"{key} does not go with a cash_quantity; leave it out, or give a quantity"


def cash_contract_faults(request: OrderRequest, details: ContractDetails) -> Iterator[str]:
    """Check that a contract takes an order for an amount of cash."""
    contract = details.contract
    if contract.security_type not in _BY_CASH:
        yield (
            f"cash_quantity goes with currency pairs and crypto; {contract} is neither, "
            "give a quantity"
        )
    elif contract.security_type is SecurityType.CRYPTO and request.action is Action.SELL:
        yield f"{contract} is bought by cash_quantity and sold by quantity; give a quantity"
