"""Logs in JSON, with an id of our own that follows an order, and levels of single parts."""

import asyncio
import json
import sys
from pathlib import Path

from ibkr_connector import IBKRConnector, market_order
from ibkr_connector.observe.correlation import correlation
from ibkr_connector.observe.logs import configure_logging, flush_logs


async def main(port: int) -> None:
    configure_logging("INFO", form="json", file="ibkr.log", levels={"supervisor": "WARNING"})
    async with IBKRConnector(port=port, readonly=False) as ib:
        with correlation("rebalance-7"):
            report = await ib.place_order(market_order("AAPL", "BUY", 3))
        await ib.wait_for_fill(report.order_id)
    flush_logs()


asyncio.run(main(int(sys.argv[1])))
for line in Path("ibkr.log").read_text("utf-8").splitlines():
    event = json.loads(line)
    if "order_id" in event:
        print(event["correlation_id"], event["event"])
