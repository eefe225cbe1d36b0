"""A copy that is taken while orders go, and what happens when it is put back."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ibkr_connector import IBKRConnector, OrderStatus, limit_order
from ibkr_connector.simulator import HostedSimulator

BACKUP = Path(__file__).parents[3] / "docs" / "examples" / "backup.py"


async def test_a_copy_taken_while_it_runs_is_sound_and_can_be_put_back(
    ibkr_gateway: HostedSimulator, make_connector: Callable[..., IBKRConnector], tmp_path: Path
) -> None:
    state, copy = tmp_path / "journal", tmp_path / "copy"
    low = limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.05"))
    async with make_connector(ibkr_gateway.port) as ib:
        first = await ib.place_order(low)
        command = [sys.executable, str(BACKUP), str(state), str(copy)]
        done = await asyncio.to_thread(
            lambda: subprocess.run(command, capture_output=True, text=True, check=True)
        )
        assert "entries, sound" in done.stdout
        await ib.cancel_order(first.order_id)
        second = await ib.place_order(low)
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    async with make_connector(ibkr_gateway.port) as ib:
        assert second.perm_id is not None
        # what the copy did not know is learned from the broker, and no number is used twice
        assert (await ib.get_order_status(first.order_id)).status is OrderStatus.CANCELLED
        assert (await ib.get_order_status(second.perm_id)).status is OrderStatus.SUBMITTED
        third = await ib.place_order(low)
        assert third.order_id > second.order_id
    assert len(ibkr_gateway.do(lambda gw: gw.venue.open_orders())) == 2
