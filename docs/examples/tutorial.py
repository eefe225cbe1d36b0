"""The tutorial's program: look, ask, be refused, buy, read what happened, and get out."""

import asyncio
import sys
from decimal import Decimal

from ibkr_connector import IBKRConnector, RiskLimitError
from ibkr_connector.build import buy


async def main(port: int) -> None:
    # --8<-- [start:look]
    async with IBKRConnector("tutorial", port=port, readonly=False) as ib:
        quote = await ib.get_quote("AAPL")
        print("bid", quote.bid, "ask", quote.ask, "delayed:", quote.is_delayed)

        bars = await ib.get_historical_data("AAPL", duration="1 M", bar_size="1 day")
        mean = sum((bar.close for bar in bars), Decimal(0)) / len(bars)
        print("days:", len(bars), "above their mean:", quote.midpoint > mean)
        # --8<-- [end:look]

        # --8<-- [start:ask]
        order = buy("AAPL", 10).limit(quote.ask)
        preview = await ib.preview_order(order)
        print("allowed:", preview.is_allowed, "margin", preview.initial_margin.change)
        for rule in preview.rules:
            if rule.limit:
                print(" ", rule.rule, rule.verdict, rule.value, "of", rule.limit)
        # --8<-- [end:ask]

        # --8<-- [start:refused]
        try:
            await ib.place_order(buy("AAPL", 1_000_000))
        except RiskLimitError as error:
            print("refused:", error.violations[0].rule, "limit", error.violations[0].limit)
        # --8<-- [end:refused]

        # --8<-- [start:buy]
        report = await ib.place_order(buy("AAPL", 10).keyed("tutorial-1"))
        done = await ib.wait_for_fill(report.order_id, timeout_s=30)
        print(done.status, done.filled_quantity, "at", done.avg_fill_price)

        again = await ib.place_order(buy("AAPL", 10).keyed("tutorial-1"))
        print("the same order:", again.order_id == report.order_id)
        # --8<-- [end:buy]

        # --8<-- [start:history]
        for step in (await ib.order_history(report.order_id)).steps:
            print(" ", step.what)
        # --8<-- [end:history]

        # --8<-- [start:out]
        await ib.flatten()
        print("left:", len(await ib.get_positions()))
        # --8<-- [end:out]


asyncio.run(main(int(sys.argv[1])))
