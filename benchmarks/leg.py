"""
The gateway's leg of an order: from the order to the bytes, and from the bytes to what they say.

Measured in place, with a stopwatch at the doors that counts the processor time of its thread: other
programs, other threads and the gateway itself are not in it. For ib_async the leg is `placeOrder`
and the reading of the answers with its own bookkeeping and events; for the connector it is the
writing of the ticket and the reading of the answers up to the records that the desk is handed. What
the desk makes of them is not in it. Orders must be placed one at a time.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from ib_async.client import Client
from ib_async.ib import IB

from ibkr_connector.gateway.client import GatewayClient
from ibkr_connector.gateway.session import Session
from ibkr_connector.gateway.wrapper import GatewayWrapper

from .sides import BARE, OURS

__all__ = ["Leg"]

_DOORS: Final[tuple[tuple[type[Any], str, str, int], ...]] = (
    (IB, "placeOrder", BARE, 1),
    (Client, "_onSocketHasData", BARE, 1),
    (Session, "send_orders", OURS, 1),
    (GatewayClient, "_on_bytes", OURS, 1),
    (GatewayWrapper, "deliver", OURS, -1),
)
"""What belongs to whose leg; the last one is a part of the one before that is not the gateway's."""


class Leg:
    """The stopwatch; `running` puts it at the doors."""

    def __init__(self) -> None:
        self._spent = {BARE: 0.0, OURS: 0.0}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Stand at the doors."""
        originals = [(owner, name, getattr(owner, name)) for owner, name, _, _ in _DOORS]
        for (owner, name, side, sign), (_, _, original) in zip(_DOORS, originals, strict=True):
            setattr(owner, name, self._timed(original, side, sign))
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def take(self, side: str) -> float:
        """Return the seconds of one side since the last time, and begin anew."""
        spent, self._spent[side] = self._spent[side], 0.0
        return spent

    def _timed(self, original: Callable[..., Any], side: str, sign: int) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                start = time.thread_time()
                try:
                    return await original(*args, **kwargs)
                finally:
                    self._spent[side] += sign * (time.thread_time() - start)

            return awaited

        @functools.wraps(original)
        def called(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return original(*args, **kwargs)
            finally:
                self._spent[side] += sign * (time.thread_time() - start)

        return called
