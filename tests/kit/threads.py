"""What the threads of a loop are doing, for those who wait until nothing is under way."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["threads_work"]


def threads_work() -> bool:
    """Whether anything that the running loop gave to its own threads is under way."""
    pool: Any = getattr(asyncio.get_running_loop(), "_default_executor", None)
    return pool is not None and len(pool._threads) > pool._idle_semaphore._value
