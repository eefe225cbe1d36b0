"""What a session tells whoever paces it, and what it asks of him."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Outlet"]


class Outlet(Protocol):
    """Counts what a session writes, and finds room for what calls something off."""

    @property
    def net_limit(self) -> int:
        """Messages a second at which ib_async's own throttle steps in."""
        ...

    def sent(self, messages: int = 1) -> None:
        """Count messages that are being written."""
        ...

    def post(self, send: Callable[[], None]) -> None:
        """Call `send`, which writes one message, now or as soon as there is room."""
        ...

    def alarm(self) -> None:
        """Count that ib_async's own throttle was reached, which must never happen."""
        ...
