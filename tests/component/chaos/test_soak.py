"""
A hundred streams, orders and restarts for long: memory, descriptors and threads stay as they are.

`make soak` does it for an hour, or for IBKR_SOAK_MINUTES; IBKR_SOAK_WRITES names the JSON file that
figures and a plot are written to. In a plain run it is a moment, and memory is not judged.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ibkr_connector import IBKRConnector, OrderStatus
from kit.soaking import WARM_UP, Soak, gateway_process, growth, write

Make = Callable[..., IBKRConnector]
SOAKS: Final = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
# read before the tests are freed of the settings of whoever runs them
MINUTES: Final = float(os.environ.get("IBKR_SOAK_MINUTES", "60" if SOAKS else "0.15"))
WRITES: Final = os.environ.get("IBKR_SOAK_WRITES")
SAMPLES: Final = max(4, min(120, int(MINUTES * 6)))


@pytest.mark.timeout(MINUTES * 60 + 300)
async def test_memory_descriptors_and_threads_stay_as_they_are(make_connector: Make) -> None:
    # remembering where each callback came from is no part of what a user's process keeps
    asyncio.get_running_loop().set_debug(False)
    async with gateway_process() as gateway:
        connector = make_connector(gateway.port, heartbeat_interval_s=10.0, max_order_size=10)
        async with connector as ib:
            soak = Soak(ib, gateway, break_every_s=150.0 if MINUTES >= 5 else 6.0)
            await soak.run(MINUTES * 60, samples=SAMPLES)
            if WRITES:
                write(soak, Path(WRITES))
            assert soak.samples[-1].reconnects >= 1
            assert soak.records > 100
            settled = soak.samples[max(1, int(SAMPLES * WARM_UP)) :]
            assert max(one.threads for one in settled) <= settled[0].threads + 1
            assert max(one.descriptors for one in settled) <= settled[0].descriptors + 2
            if MINUTES >= 5:
                assert growth([one.memory_mib for one in soak.samples]) < 0.05
                assert soak.placed > 0.9 * (soak.placed + soak.refused.total()), soak.refused
                for end in (OrderStatus.FILLED, OrderStatus.CANCELLED):
                    assert soak.ended[end] > 0.4 * soak.placed, soak.ended
        await gateway.do("assert_no_duplicate_orders")
