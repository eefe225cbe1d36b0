"""
Qualify contracts with the gateway, once each.

Owns the cache of what a description turned out to be. A description that fits several contracts
is never guessed at: `AmbiguousContractError` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import code_of
from ibkr_connector.errors import AmbiguousContractError, ContractNotFoundError
from ibkr_connector.gateway.port import ContractGateway
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .combining import combined
from .text import parse_contract

__all__ = ["Resolver"]

CACHE_TTL_S: Final = 12 * 3600.0
"""Hours and tick rules change from one trading day to the next, so details are kept for less."""


@dataclass(frozen=True, slots=True)
class _Known:
    details: ContractDetails
    until: float


class Resolver:
    """Turn text or a description into the details of one contract."""

    def __init__(
        self,
        *,
        gateway: ContractGateway,
        pipeline: Pipeline,
        clock: Clock,
        ttl_s: float = CACHE_TTL_S,
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._ttl_s = ttl_s
        self._known: dict[Contract, _Known] = {}

    async def resolve(self, description: Contract | str) -> ContractDetails:
        """
        Return the one contract that fits; of a combination, with each leg qualified.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several fit; `candidates` lists them.
            ContractError: The text form cannot be read.

        Source: `reqContractDetails` (9), cached for half a day. Replay: safe. Cost: 0 or 1 message.
        """
        wanted = parse_contract(description) if isinstance(description, str) else description
        known = self._known.get(wanted)
        if known is not None and known.until > self._clock.monotonic():
            return known.details
        if wanted.security_type is SecurityType.COMBO:
            legs = [await self.resolve(leg.contract) for leg in wanted.legs]
            details = combined(wanted, legs)
        else:
            details = await self._looked_up(wanted)
        kept = _Known(details, self._clock.monotonic() + self._ttl_s)
        self._known[wanted] = kept
        self._known[details.contract] = kept
        return details

    async def _looked_up(self, wanted: Contract) -> ContractDetails:
        found = await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["contract_details"],
                call=lambda: self._gateway.contract_details(wanted),
            )
        )
        return _only(wanted, found)


def _only(wanted: Contract, found: tuple[ContractDetails, ...]) -> ContractDetails:
    # smart routing may list one contract once per exchange: the con id tells them apart
    distinct = {details.contract.con_id: details for details in reversed(found)}
    if not distinct:
        code = code_of(ContractNotFoundError)
        raise ContractNotFoundError(f"no contract fits {wanted}", code=code)
    if len(distinct) > 1:
        raise AmbiguousContractError(
            f"{wanted} fits {len(distinct)} contracts",
            candidates=[details.contract for details in reversed(distinct.values())],
        )
    return next(iter(distinct.values()))
