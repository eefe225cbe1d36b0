"""
What is needed soon after a start and not for it: imported, and made, when the connector is ready.

In a thread, once the first calls are over: a program that asks one thing and ends never pays for
it. Nothing depends on it: whoever comes first imports, or makes, what he needs by himself, and
waits for it as long as that takes.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Final

from .clock import Clock
from .orders.note_forms import prepare

__all__ = ["warm_up"]

_FIRST_CALLS_S: Final = 1.0
_SOON: Final = ("ibkr_connector.gateway.wide_reads", "ibkr_connector.gateway.wire_numbers")
"""What reads bars and many ticks at once, by numpy."""


async def warm_up(clock: Clock, *, readonly: bool) -> None:
    """Import and make it, so that neither an order nor the first bars have to wait for it."""
    await clock.sleep(_FIRST_CALLS_S)
    await asyncio.to_thread(_warm_up, readonly=readonly)


def _warm_up(*, readonly: bool) -> None:
    if not readonly:
        prepare()
    for name in _SOON:
        import_module(name)
