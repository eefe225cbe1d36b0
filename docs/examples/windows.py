"""Make bars out of trades, and keep the newest bars of two symbols as arrays."""

import asyncio
import sys

from ibkr_connector import IBKRConnector
from ibkr_connector.market.aggregate import TickBars, aggregated
from ibkr_connector.market.rolling import RollingWindows


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        async with ib.stream_trades("AAPL") as trades:
            async for made in aggregated(trades, TickBars(2)):
                print("bar of", made.bar.trade_count, "trades, whole:", made.is_whole)
                break

        windows = RollingWindows(50)
        for symbol in ("AAPL", "MSFT"):
            series = await ib.get_historical_data(symbol, duration="1 D", bar_size="5 mins")
            windows.fill(symbol, series)
        times, closes = windows.together()
        print(len(times), "times,", closes["AAPL"].mean() > 0)
        print("high of the session", windows["AAPL"].session_high > 0)


asyncio.run(main(int(sys.argv[1])))
