"""
What the rules need to know of a contract and of accounts, asked for before they judge.

Owns: that the market of a contract is asked about once, however many accounts an order is for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import OrderRequest
from ibkr_connector.model.preview import WhatIf

from .division import Division
from .risk import FactSource, LimitSource, RiskFacts, RiskLimits, needs_facts, needs_of

__all__ = ["Gathering"]

_MARGIN_WITHIN_S: Final = 3.0
"""How long an order waits for the broker's margins, where a rule asks for them."""

_NONE: Final = RiskFacts()


class Gathering:
    """Ask for facts; see `Admission` for the arguments."""

    def __init__(
        self,
        *,
        facts: FactSource,
        limits: LimitSource,
        margins: Callable[..., Awaitable[WhatIf]],
    ) -> None:
        self._facts = facts
        self._limits = limits
        self._margins = margins

    async def of_account(
        self,
        request: OrderRequest,
        details: ContractDetails,
        account: str,
        *,
        limits: RiskLimits,
        price: bool = False,
        again: bool = False,
    ) -> RiskFacts:
        """Ask for what the rules need; with `price` for that too, `again` for the account's."""
        if not needs_facts(limits) and request.cash_quantity is None and not price:
            return _NONE
        needs = needs_of(_in(details.contract, request), limits)
        if price or again:
            needs = replace(needs, price=price and not again, shortable=not again)
        try:
            return await self._facts.facts(
                details,
                account=account,
                needs=needs,
                extended=request.outside_regular_hours,
            )
        except IBKRError as error:
            # not knowing breaks the rules that need to know, and they say so
            return RiskFacts(missing=str(error))

    async def with_margin(
        self, facts: RiskFacts, request: OrderRequest, contract: Contract, *, account: str
    ) -> RiskFacts:
        try:
            margin = await self._margins(request, contract, account, timeout_s=_MARGIN_WITHIN_S)
        except IBKRError as error:
            return replace(facts, missing=facts.missing or str(error))
        return replace(facts, margin=margin)

    async def of_each(
        self,
        request: OrderRequest,
        details: ContractDetails,
        division: Division,
        *,
        price: bool = False,
    ) -> tuple[RiskFacts, ...]:
        """Gather the facts of each account; the market is asked once."""
        gathered: list[RiskFacts] = []
        for account in division.accounts:
            limits = self._limits.limits_for(details.contract, account)
            first = gathered[0] if gathered else None
            known = first is not None and first.price is not None and not details.contract.legs
            facts = await self.of_account(
                request, details, account, limits=limits, price=price, again=known
            )
            if first is not None and known:
                facts = replace(
                    first,
                    net_liquidation=facts.net_liquidation,
                    exchange_rate=facts.exchange_rate,
                    missing=facts.missing,
                )
            gathered.append(facts)
        return tuple(gathered)


def _in(contract: Contract, request: OrderRequest) -> OrderRequest:
    """Return the request with its legs known, if it has any."""
    return replace(request, contract=contract) if contract.legs else request
