"""The bench of the orders desk lets no time pass while anything is still under way."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from kit.order_desk import bench


async def test_no_time_passes_while_a_thread_is_at_work(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        began, late = b.clock.monotonic(), threading.Event()
        # longer than a clock that ran meanwhile would take for all the time that a call may have
        timer = threading.Timer(1.0, late.set)
        timer.start()
        assert await b.run(lambda: asyncio.to_thread(late.wait, 60.0), step=0.5)
        assert b.clock.monotonic() - began <= 0.5
        timer.join()
