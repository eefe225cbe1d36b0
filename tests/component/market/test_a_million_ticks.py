"""A million ticks through a real socket leave memory as it was; in a plain run a tenth of them."""

from __future__ import annotations

import asyncio
import gc
import os
import sys

import pytest

from kit.stream_rig import Rig

TICKS = 1_000_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 100_000


@pytest.mark.timeout(600)
async def test_row_28_a_million_ticks_leave_memory_flat() -> None:
    # asyncio's debug mode keeps a trace of every callback
    asyncio.get_running_loop().set_debug(False)
    async with Rig(symbols=10) as rig:
        await rig.pour(5_000)
        gc.collect()
        before = sys.getallocatedblocks()
        await rig.pour(TICKS)
        gc.collect()
        after = sys.getallocatedblocks()
        # nobody reads, and nothing grows
        assert after - before < 1_000
        assert rig.waiting <= 10
