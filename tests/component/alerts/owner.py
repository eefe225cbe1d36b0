"""A program with a route that fails: raises alerts until it is killed. Arguments: port, service."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ibkr_connector import IBKRConnector, Settings


async def main(port: int, url: str) -> None:
    Path("config").mkdir()  # noqa: ASYNC240  # before anything runs
    Path("config/alerts.yaml").write_text(  # noqa: ASYNC240
        f"routes: {{ops: {{url: '{url}', timeout_s: 1}}}}\n", "utf-8"
    )
    ib = IBKRConnector.create(Settings.load(port=port, state_dir="state"))
    await ib.connect()
    await ib.kill_switch.engage("a test")
    while not await ib.alerts.receipts():
        await asyncio.sleep(0.01)
    print("written", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
