"""Metrics: served for Prometheus, and read by the program itself."""

import asyncio
import sys
import urllib.request

from ibkr_connector import IBKRConnector, market_order


def read(url: str) -> list[str]:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode()).splitlines()


async def main(port: int) -> None:
    async with IBKRConnector(port=port, readonly=False) as ib:
        with ib.metrics.serve(port=0) as server:  # a port that is free; 9464 when not given
            report = await ib.place_order(market_order("AAPL", "BUY", 3))
            await ib.wait_for_fill(report.order_id)
            for line in await asyncio.to_thread(read, server.url):
                if line.startswith(("ibkr_up", "ibkr_orders_closed_total", "ibkr_fills_total")):
                    print(line)


asyncio.run(main(int(sys.argv[1])))
