"""Ask again for many lines at once, without standing in the way of whoever asks for one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Final

from .lines import history_of
from .subscription import Phase, Subscription

__all__ = ["restore_all"]

_log = logging.getLogger(__name__)

_AT_A_TIME: Final = 5
"""So many lines wait for the wire at once: enough to use the whole budget."""


async def restore_all(
    lost: Sequence[Subscription], renew: Callable[[Subscription], Awaitable[None]]
) -> None:
    """
    Ask for lines that were lost, a few at a time: behind them waits whoever needs a price now.

    Args:
        lost: The lines.
        renew: Asks for one.

    Raises:
        Exception: The first error; every other line has been asked for nevertheless.
    """
    turns = asyncio.Semaphore(_AT_A_TIME)

    async def one_of_them(one: Subscription) -> None:
        # what a rule of history holds up must not hold the others up
        is_ruled = history_of(one.request) is not None
        async with nullcontext() if is_ruled else turns:
            # its last reader may have left meanwhile, or somebody else have asked for it
            if one.consumers and one.phase is Phase.LOST:
                await renew(one)

    results = await asyncio.gather(*map(one_of_them, lost), return_exceptions=True)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        errors[0].add_note(f"{len(errors)} of {len(lost)} streams could not be restored")
        raise errors[0]
    if lost:
        _log.info("%d streams were asked for again", len(lost))
