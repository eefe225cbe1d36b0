"""
Qualify contracts with the gateway, once each.

Owns the cache of what a description turned out to be: in memory for half a day, and beyond a run in
the registry. A description that fits several contracts is never guessed at:
`AmbiguousContractError` lists them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.codes import code_of
from ibkr_connector.errors import (
    AmbiguousContractError,
    ContractError,
    ContractNotFoundError,
    IBKRError,
)
from ibkr_connector.gateway.port import ContractGateway
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.registry import Resolution
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline

from .combining import combined
from .store import Forgetful, Memory
from .text import parse_contract

__all__ = ["Resolver"]

CACHE_TTL_S: Final = 12 * 3600.0
"""Hours and tick rules change from one trading day to the next, so details are kept for less."""

_AT_ONCE: Final = 50
"""Look-ups under way together; the pacing decides how fast they go."""


_TIDIED_FROM: Final = 10_000
"""Entries from which on those that are stale are let go; chains of options come and go daily."""


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
        memory: Memory | None = None,
    ) -> None:
        self._gateway = gateway
        self._pipeline = pipeline
        self._clock = clock
        self._ttl_s = ttl_s
        self._memory: Memory = memory or Forgetful()
        self._known: dict[Contract, _Known] = {}
        self._texts: dict[str, Contract] = {}
        self._tidy_at = _TIDIED_FROM

    async def resolve(self, description: Contract | str) -> ContractDetails:
        """
        Return the one contract that fits; of a combination, with each leg qualified.

        A text is an id of the registry first, and the short text form of a contract otherwise.

        Raises:
            ContractNotFoundError: Nothing fits (TWS 200).
            AmbiguousContractError: Several fit; `candidates` lists them.
            ContractError: The text form cannot be read.

        Source: the registry, or `reqContractDetails` (9), cached for half a day. Replay: safe.
        Cost: 0 or 1 message.
        """
        wanted = await self.meant(description)
        if (known := self._remembered(wanted)) is not None:
            return known
        if wanted.security_type is SecurityType.COMBO:
            legs = [await self.resolve(leg.contract) for leg in wanted.legs]
            return self._keep(wanted, combined(wanted, legs))
        (recalled,) = await self._memory.recall([wanted])
        if recalled is not None:
            return self._keep(wanted, recalled)
        return await self._looked_up(wanted)

    async def resolve_many(self, descriptions: Iterable[Contract | str]) -> Resolution:
        """
        Resolve many descriptions together; what cannot be is told with its reason.

        Those that the registry knows are read in one question, the others are asked for within the
        pacing, many at a time.
        """
        asked = tuple(dict.fromkeys(descriptions))
        found: dict[Contract | str, ContractDetails] = {}
        failures: dict[Contract | str, IBKRError] = {}
        meant: dict[Contract | str, Contract] = {}
        for one in asked:
            try:
                meant[one] = await self.meant(one)
            except ContractError as error:
                failures[one] = error
        missing: list[Contract | str] = []
        for one, wanted in meant.items():
            if (known := self._remembered(wanted)) is not None:
                found[one] = known
            else:
                missing.append(one)
        recalled = await self._memory.recall([meant[one] for one in missing])
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look_up(one: Contract | str) -> None:
            async with gate:
                try:
                    found[one] = await self.resolve(meant[one])
                except IBKRError as error:
                    failures[one] = error

        async with asyncio.TaskGroup() as group:
            for one, details in zip(missing, recalled, strict=True):
                if details is not None:
                    found[one] = self._keep(meant[one], details)
                else:
                    group.create_task(look_up(one))
        return Resolution(
            found={one: found[one] for one in asked if one in found},
            failures={one: failures[one] for one in asked if one in failures},
        )

    async def refresh(self, description: Contract | str) -> ContractDetails:
        """Ask the gateway again, whatever is known."""
        wanted = await self.meant(description)
        self._known.pop(wanted, None)
        if wanted.security_type is SecurityType.COMBO:
            return await self.resolve(wanted)
        return await self._looked_up(wanted)

    async def meant(self, description: Contract | str) -> Contract:
        """
        Return what a text means; a contract means itself.

        Raises:
            ContractError: The text is no id and has no form that can be read.
        """
        if not isinstance(description, str):
            return description
        if (named := await self._memory.named(description)) is not None:
            return named
        if (known := self._texts.get(description)) is not None:
            return known
        try:
            read = parse_contract(description)
        except ContractError:
            anew = await self._memory.named_anew(description)
            if anew is None:
                raise
            return anew
        if len(self._texts) >= _TIDIED_FROM:
            # reading them again costs microseconds
            self._texts.clear()
        self._texts[description] = read
        return read

    # --- inside ---------------------------------------------------------------------------------

    def _remembered(self, wanted: Contract) -> ContractDetails | None:
        known = self._known.get(wanted)
        if known is None or known.until <= self._clock.monotonic():
            return None
        return known.details

    def _keep(self, wanted: Contract, details: ContractDetails) -> ContractDetails:
        kept = _Known(details, self._clock.monotonic() + self._ttl_s)
        self._known[wanted] = kept
        self._known[details.contract] = kept
        if len(self._known) >= self._tidy_at:
            self._tidy()
        return details

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        self._known = {one: kept for one, kept in self._known.items() if kept.until > now}
        # not again before it has doubled, or each new one would look at all of them
        self._tidy_at = max(_TIDIED_FROM, 2 * len(self._known))

    async def _looked_up(self, wanted: Contract) -> ContractDetails:
        found = await self._pipeline.run(
            Operation(
                policy=ENDPOINTS["contract_details"],
                call=lambda: self._gateway.contract_details(wanted),
            )
        )
        details = self._keep(wanted, _only(wanted, found))
        self._memory.note(wanted, details)
        return details


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
