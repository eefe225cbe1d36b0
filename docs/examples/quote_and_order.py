"""Take a quote, and let an order rest below the market."""

import asyncio
import sys

from ibkr_connector import IBKRConnector


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port, readonly=False) as ib:
        quote = await ib.get_quote("EUR.USD")
        print(quote.bid, quote.ask, "delayed" if quote.is_delayed else "live")
        report = await ib.place_order(
            {
                "symbol": "EUR.USD",
                "action": "BUY",
                "quantity": 20_000,
                "order_type": "LMT",
                "limit_price": round(quote.bid * 98 / 100, 4),
            }
        )
        print(report.order_id, report.status, report.order_ref)
        gone = await ib.cancel_order(report.order_id)
        print(gone.status)


asyncio.run(main(int(sys.argv[1])))
