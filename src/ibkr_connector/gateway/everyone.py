"""Asking TWS to cancel every order there is."""

from __future__ import annotations

from typing import Any

__all__ = ["cancel_everyone"]


async def cancel_everyone(ib: Any) -> None:
    """
    Cancel the open orders of every API client, and those that people entered in TWS.

    Nothing answers: each order tells its own end, to whoever may hear of it.

    Source: `reqGlobalCancel` (58), ibapi `client.py`. Replay: safe. Cost: 1 message.
    """
    ib.reqGlobalCancel()
