"""Scan the market, read the news about what it finds, and look at single trades."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from ibkr_connector import IBKRConnector

MORNING = datetime(2026, 10, 14, 13, 30, tzinfo=UTC)


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        rows = await ib.research.scan("TOP_PERC_GAIN", rows=3, filters={"priceAbove": 5})
        print("found", len(rows), "the first is qualified:", rows[0].contract.is_qualified)

        async with ib.research.stream_scan("MOST_ACTIVE", rows=3) as scan:
            found = await anext(scan)
            print("most active:", len(found), "and more when that changes")

        news = await ib.research.headlines("AAPL", start=MORNING - timedelta(days=60), most=5)
        article = await ib.research.article(news.headlines[0])
        print("headlines", len(news), "text:", len(article.text) > 0)

        found = await ib.history.ticks(
            "AAPL", start=MORNING, end=MORNING + timedelta(minutes=1), regular_hours_only=False
        )
        print("trades:", len(found) > 0, "whole:", found.is_whole)


asyncio.run(main(int(sys.argv[1])))
