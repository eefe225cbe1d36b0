"""Questions about options and futures: over a connection for data where there is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from ibkr_connector.errors import IBKRError
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, Operation

__all__ = ["AskingGateway", "Inquirer"]

T = TypeVar("T")


class AskingGateway(Protocol):
    """What questions need of a gateway."""

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Run a question of ib_async's about data."""
        ...


class Inquirer:
    """
    Asks under a policy, and says in the error what was asked.

    Args:
        gateway: Asks one question.
        pipeline: Carries it out.
    """

    def __init__(self, *, gateway: AskingGateway, pipeline: Carrier) -> None:
        self._gateway = gateway
        self._pipeline = pipeline

    async def __call__(self, name: str, call: Callable[[Any], Awaitable[T]], *, policy: str) -> T:
        """Ask once, or again as the policy allows."""
        try:
            return await self._pipeline.run(
                Operation(policy=ENDPOINTS[policy], call=lambda: self._gateway.request(call))
            )
        except IBKRError as error:
            error.add_note(f"in request {name!r}")
            raise
