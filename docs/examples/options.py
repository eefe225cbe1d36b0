"""Choose options of a chain, and ask what they are worth."""

import asyncio
import sys

from ibkr_connector import IBKRConnector


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        quote = await ib.get_quote("AAPL")
        chain = await ib.options.chain("AAPL")
        near = chain.at(exchange="SMART").expiring(nearest=1).near(quote.last, count=3)
        print(near.expiries[0], [str(strike) for strike in near.strikes])

        for option in await ib.options.greeks_of(near.only("C")):
            model = option.model
            print(option.contract.text, f"delta {model.delta:.2f} iv {model.volatility:.1%}")

        first = next(near.only("C").contracts())
        what_if = await ib.options.price(first, volatility=0.3, under_price=quote.last)
        print("at 30 %", round(what_if.price, 2))


asyncio.run(main(int(sys.argv[1])))
