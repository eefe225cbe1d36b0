"""Store the front months of some futures, and follow one over its rolls."""

import asyncio
import sys
from datetime import timedelta

from ibkr_connector import IBKRConnector


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        found = await ib.fetch_futures_market_data(["ES", "NQ", "NOSUCH"])
        print(found.contracts_processed, "contracts,", found.bars_stored > 0)
        for symbol, error in found.failures.items():
            print("none of", symbol, type(error).__name__)

        front = await ib.futures.front("ES")
        end = found.results[0].bars[-1].timestamp.date()
        series = await ib.futures.continuous("ES", start=end - timedelta(days=100), end=end)
        print(front.contract.local_symbol, len(series.rolls), "roll,", len(series.bars) > 50)


asyncio.run(main(int(sys.argv[1])))
