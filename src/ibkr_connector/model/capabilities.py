"""What a connection can do, what it cannot, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from .record import Record

__all__ = ["Capabilities", "Capability"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability(Record):
    """
    One thing that depends on gateway, client or settings.

    Args:
        name: Short, as it is asked for.
        meaning: What it is good for.
        is_available: Whether this connection can do it.
        reason: Why not; empty when it can.
        since: Server version that brought it; `None` when it depends on something else.
    """

    name: str
    meaning: str
    is_available: bool
    reason: str = ""
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities(Record):
    """
    What one connection can do.

    `server_version` is the one that was agreed on: a newer gateway says no more than what this
    client speaks, so that it is never above `client_version`.
    """

    server_version: int
    client_version: int
    features: tuple[Capability, ...]

    @property
    def missing(self) -> tuple[Capability, ...]:
        """What cannot be done, each with its reason."""
        return tuple(one for one in self.features if not one.is_available)

    def has(self, name: str) -> bool:
        """
        Tell whether something can be done.

        Raises:
            KeyError: There is no such name; the message lists those there are.
        """
        for one in self.features:
            if one.name == name:
                return one.is_available
        known = ", ".join(one.name for one in self.features)
        raise KeyError(f"nothing is called {name!r}; known are {known}")
