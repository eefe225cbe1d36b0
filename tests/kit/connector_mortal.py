"""A whole connector in a process of its own that places one order and is killed while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerProcess
from typing import Any

from ibkr_connector import IBKRConnector
from ibkr_connector.settings import Settings
from kit.order_mortal import loaded

__all__ = ["placing_process"]


@asynccontextmanager
async def placing_process(
    settings: Settings, order: Mapping[str, Any]
) -> AsyncIterator[ForkServerProcess]:
    """Have a process place an order and wait; it ends by `kill -9`, at the latest here."""
    process = loaded().Process(target=_live, args=(settings, dict(order)), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def _live(settings: Settings, order: Mapping[str, Any]) -> None:
    asyncio.run(_place(settings, order))


async def _place(settings: Settings, order: Mapping[str, Any]) -> None:
    async with IBKRConnector.create(settings) as ib:
        await ib.place_order(order)
        await asyncio.Event().wait()
