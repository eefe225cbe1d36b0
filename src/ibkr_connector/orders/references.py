"""The reference that an order carries at the broker, by which it is known again for ever."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.model.ids import ClientId
from ibkr_connector.observe.random_ids import RandomIds

__all__ = ["PREFIX", "Tokens", "order_ref"]

PREFIX: Final = "ibc-"
"""Marks our references among others in TWS."""

_random: Final = RandomIds(7)


class Tokens:
    """
    Makes the part of a reference that no other order has: 26 hexadecimal digits.

    The milliseconds of the time of day come first, then what is random, so that references sort by
    the time at which they were made. The journal has an index of them: what is written together
    lies together in it, and a commit touches a few of its pages and not one for each order.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> str:
        """Return one that was never given out before."""
        milliseconds = int(self._clock.utcnow().timestamp() * 1000)
        return f"{milliseconds:012x}{_random()}"


def order_ref(
    client_order_id: str | None,
    *,
    client_id: ClientId,
    attempt: int = 1,
    token: Callable[[], str],
) -> str:
    """
    Return the reference of a new order: at most 40 ASCII characters.

    With a `client_order_id` it is derived from that, so that the order is known again even when
    the journal was lost; the client id is part of it, because two connectors may use the same
    keys. `attempt` counts placements under one key, of which all earlier ones were provably
    unsent. Without, it is made of `token()`.
    """
    if client_order_id is None:
        return PREFIX + token()
    digest = hashlib.sha256(f"{client_id}:{client_order_id}".encode()).digest()
    text = PREFIX + b32encode(digest).decode().lower()[:26]
    return text if attempt == 1 else f"{text}-{attempt}"
