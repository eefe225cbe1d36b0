"""The contracts that conditions look at, qualified before an order is examined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import (
    Condition,
    OrderRequest,
    PercentChangeCondition,
    PriceCondition,
    VolumeCondition,
)

__all__ = ["qualify_conditions"]

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]


async def qualify_conditions(request: OrderRequest, resolve: Resolve) -> OrderRequest:
    """
    Return the request with every condition's contract as the gateway knows it.

    Raises:
        ContractError: There is no such contract, or there are several.
    """
    conditions = [await _qualified(one, resolve) for one in request.conditions]
    return replace(request, conditions=tuple(conditions)) if conditions else request


async def _qualified(condition: Condition, resolve: Resolve) -> Condition:
    if not isinstance(condition, PriceCondition | VolumeCondition | PercentChangeCondition):
        return condition
    contract = condition.contract
    if isinstance(contract, Contract) and contract.is_qualified:
        return condition
    return replace(condition, contract=(await resolve(contract)).contract)
