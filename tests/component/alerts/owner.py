"""A program with a route that fails: raises alerts until it is killed. Argument: the port."""

from __future__ import annotations

import asyncio
import sys

from ibkr_connector import IBKRConnector, Settings


async def main(port: int) -> None:
    ib = IBKRConnector.create(Settings.load(port=port, state_dir="state"))
    await ib.connect()
    await ib.kill_switch.engage("a test")
    while not await ib.alerts.receipts():
        await asyncio.sleep(0.01)
    print("written", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1])))
