"""What the resolver needs of a memory that outlives it, and one that remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ibkr_connector.model.contracts import Contract, ContractDetails

__all__ = ["Forgetful", "Memory"]


class Memory(Protocol):
    """Remembers what descriptions turned out to be."""

    async def named(self, text: str) -> Contract | None:
        """Return the contract that the user gave this id to."""
        ...

    async def named_anew(self, text: str) -> Contract | None:
        """Look again for an id that was not there, since others register ids too."""
        ...

    async def recall(self, wanted: Sequence[Contract]) -> Sequence[ContractDetails | None]:
        """Return what is known and still good of each description; never raises."""
        ...

    def note(self, wanted: Contract, details: ContractDetails) -> None:
        """Remember what a description turned out to be; never waits and never raises."""
        ...


class Forgetful:
    """Remembers nothing."""

    async def named(self, text: str) -> Contract | None:
        """Know no id."""
        return None

    async def named_anew(self, text: str) -> Contract | None:
        """Know none later either."""
        return None

    async def recall(self, wanted: Sequence[Contract]) -> Sequence[ContractDetails | None]:
        """Know nothing."""
        return [None] * len(wanted)

    def note(self, wanted: Contract, details: ContractDetails) -> None:
        """Forget it."""
