"""
The price steps that an order's prices must keep, by the price bands of its contract.

Owns: how long an order waits to be told of them, and for how long they are believed. The same rule
is that of thousands of contracts, so hardly an order waits. Where nobody tells, the smallest step
of the contract's details is what is checked, and the exchange has the last word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.instruments.ticks import TickRule, market_rule_id, tick_rule_of
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.orders import OrderRequest

__all__ = ["PriceSteps", "StepSource", "no_steps"]

StepSource = Callable[[OrderRequest, ContractDetails], Awaitable[TickRule | None]]
"""Tells the price steps for an order; `None` where they are not known."""

_PATIENCE_S: Final = 0.5
"""How long an order waits to be told them; without an answer it goes on."""

_GOOD_FOR_S: Final = 12 * 3600.0
_AGAIN_AFTER_S: Final = 60.0
_MOST_CONTRACTS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Known:
    steps: TickRule | None
    until: float


async def no_steps(request: OrderRequest, details: ContractDetails) -> TickRule | None:
    """Know none."""
    return None


class PriceSteps:
    """
    Know them, one market rule after the other.

    Args:
        ask: Asks for the bands of a market rule.
        clock: Tells how old they are.
    """

    def __init__(self, ask: Callable[[int], Awaitable[Sequence[PriceBand]]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[int, _Known] = {}
        # held with the details, so that an id is nobody else's
        self._rules: dict[int, tuple[ContractDetails, int | None]] = {}

    async def of(self, request: OrderRequest, details: ContractDetails) -> TickRule | None:
        """Return the steps for an order with prices; it asks nobody for one without."""
        if request.limit_price is None and request.stop_price is None:
            return None
        rule_id = self._rule_of(details)
        if rule_id is None:
            return None
        known, now = self._known.get(rule_id), self._clock.monotonic()
        if known is None or known.until <= now:
            known = await self._asked(details, rule_id=rule_id, before=known)
            self._known[rule_id] = known
        return known.steps

    def _rule_of(self, details: ContractDetails) -> int | None:
        known = self._rules.get(id(details))
        if known is None or known[0] is not details:
            if len(self._rules) >= _MOST_CONTRACTS:
                self._rules.clear()
            known = details, market_rule_id(details, details.contract.exchange)
            self._rules[id(details)] = known
        return known[1]

    async def _asked(
        self, details: ContractDetails, *, rule_id: int, before: _Known | None
    ) -> _Known:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                bands = await self._ask(rule_id)
            told = tick_rule_of(details, bands, rule_id=rule_id) if bands else None
        except (IBKRError, TimeoutError):
            # as told before, if it was: rules change once in years
            told = None if before is None else before.steps
            return _Known(told, self._clock.monotonic() + _AGAIN_AFTER_S)
        return _Known(told, self._clock.monotonic() + _GOOD_FOR_S)
