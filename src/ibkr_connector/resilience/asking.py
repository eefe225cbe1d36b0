"""
Questions about data: to whom, under which policy, and what errors say was asked.

Whoever asks hands in what he wants to know; which connection answers, how often it is tried and how
it is paced are decided here, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import Contract, ContractDetails

from .operation import ENDPOINTS, Carrier, HistoryKey, Operation

__all__ = ["Asking", "AskingGateway", "Resolve"]

T = TypeVar("T")

Resolve = Callable[[Contract | str], Awaitable[ContractDetails]]
"""Turns text or a description into the details of one contract."""


class AskingGateway(Protocol):
    """What every question needs of a gateway."""

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Run a question of ib_async's about data."""
        ...


G_co = TypeVar("G_co", bound=AskingGateway, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Generic[G_co]):
    """
    What every question needs.

    Args:
        gateway: Asks it.
        pipeline: Carries it out, over a connection for data where there is one.
        clock: The one time base.
        resolve: Turns text or a description into the details of one contract.
    """

    gateway: G_co
    pipeline: Carrier
    clock: Clock
    resolve: Resolve

    async def contract(self, description: Contract | str) -> Contract:
        """Return the qualified contract."""
        return (await self.resolve(description)).contract

    async def ask(
        self,
        endpoint: str,
        question: Callable[[], Awaitable[T]],
        *,
        history: HistoryKey | None = None,
    ) -> T:
        """Carry a question out, under the policy of an endpoint."""
        return await self.pipeline.run(
            Operation(policy=ENDPOINTS[endpoint], call=question, history=history)
        )

    async def request(self, name: str, call: Callable[[Any], Awaitable[T]], *, endpoint: str) -> T:
        """Carry a question of ib_async's out; `name` is what errors call it."""
        try:
            return await self.ask(endpoint, lambda: self.gateway.request(call))
        except IBKRError as error:
            error.add_note(f"in request {name!r}")
            raise
