"""Follow quotes, an order book and bars for a moment, and take quotes of many symbols."""

import asyncio
import sys

from ibkr_connector import IBKRConnector
from ibkr_connector.model.streams import Gap


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        async with ib.stream_quotes("EUR.USD") as quotes:
            async for quote in quotes:
                if isinstance(quote, Gap):
                    print("nothing since", quote.start, quote.reason)
                elif quote.midpoint is not None:
                    print("quote", quote.symbol, quote.midpoint, quote.data_type.name)
                    break

        async with ib.stream_depth("AAPL", rows=3) as books:
            book = await anext(books)
            print("book", len(book.bids), "bids", len(book.asks), "asks")

        async with ib.stream_bars("AAPL", bar_size="1 min", duration="600 S") as bars:
            update = await anext(bars)
            print("bar", update.bar_size, "final" if update.is_final else "grows")

        quotes = await ib.get_quotes(["AAPL", "MSFT", "NOSUCHTHING"])
        print("quotes of", [quote.symbol for quote in quotes])
        for symbol, error in quotes.failures.items():
            print("none of", symbol, type(error).__name__)


asyncio.run(main(int(sys.argv[1])))
