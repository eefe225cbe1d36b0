"""The stream of an account's records: what becomes of its place."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any, cast

from ibkr_connector.account.stream import AccountStream, Seat
from kit.collected import box_that_collects, is_put


async def test_a_stream_may_be_collected_while_its_own_box_is_filled() -> None:
    box, left = box_that_collects(), asyncio.Event()
    seat: Seat[object] = Seat(box, left.set)

    async def take(_taken: Callable[[Seat[object]], None]) -> Seat[object]:
        return seat

    stream = await AccountStream(take).__aenter__()
    # nobody refers to it any more but itself, so that only the collector finds it
    cast("Any", stream).itself = stream
    del stream
    assert is_put(box, 1, 2)
    gc.collect()
    await asyncio.wait_for(left.wait(), 60.0)
    assert box.is_closed
