"""
How far bytes got, said by every error of a call that is about an order.

Who has handed something to the socket says so in the error. What nobody has said anything about by
the time it reaches the user never came to a socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.orders import SendDisposition

__all__ = ["how_far", "nothing_sent"]


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Have an error that says nothing of bytes say that none were sent."""
    try:
        yield
    except IBKRError as error:
        error.disposition = error.disposition or SendDisposition.UNSENT
        raise


def how_far(*, is_handed: bool) -> SendDisposition:
    """Return how far bytes got whose sending ended without a word about it."""
    return SendDisposition.MAYBE_WRITTEN if is_handed else SendDisposition.UNSENT
