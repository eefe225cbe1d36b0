"""Fetch bars, and look at them as records and as frames."""

import asyncio
import sys

import polars

from ibkr_connector import IBKRConnector


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        series = await ib.get_historical_data("AAPL", duration="2 D", bar_size="1 hour")
        print("newest", series.bars[-1].timestamp, series.bars[-1].close)

        done = await ib.history.download("AAPL", duration="3 M", bar_size="1 hour")
        print("downloaded", done.requests > 0, "gaps", len(done.gaps or ()))
        again = await ib.history.read("AAPL", bar_size="1 hour")
        print("stored", again.bars[0] == done.series.bars[0])
        top = await ib.history.query("SELECT max(high) AS top FROM bars")
        print("top", top.to_pylist()[0]["top"] > 0)

        frame = series.to_pandas()
        print("pandas", list(frame.columns))

        by_day = series.to_polars().group_by_dynamic("timestamp", every="1d")
        print("polars", by_day.agg(polars.col("volume").sum()).columns)


asyncio.run(main(int(sys.argv[1])))
