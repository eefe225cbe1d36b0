"""
How far bytes got, said by every error of a call that is about an order.

Who has handed something to the socket says so in the error. What nobody has said anything about by
the time it reaches the user never came to a socket.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.orders import SendDisposition

__all__ = ["NOTHING_SENT", "how_far"]


class _NothingSent:
    """Has an error that says nothing of bytes say that none were sent."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, IBKRError):
            exc.disposition = exc.disposition or SendDisposition.UNSENT


NOTHING_SENT: Final = _NothingSent()
"""Around a call that is about an order; it knows nothing, so that one does for all."""


def how_far(*, is_handed: bool) -> SendDisposition:
    """Return how far bytes got whose sending ended without a word about it."""
    return SendDisposition.MAYBE_WRITTEN if is_handed else SendDisposition.UNSENT
