"""Write orders as they are said, and place them."""

import asyncio
import sys

from ibkr_connector import IBKRConnector
from ibkr_connector.build import after, buy, one_cancels_all, price, sell


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port, readonly=False) as ib:
        patient = buy("AAPL", 10).limit("1.05").gtc().outside_rth().adaptive("patient")
        print(patient)
        await ib.place_order(patient)

        waiting = buy("AAPL", 10).when((price("MSFT") < 1) & after("2036-12-18T15:30-05:00"))
        print("waiting:", (await ib.place_order(waiting)).status)

        spread = buy("2*AAPL - MSFT", 1).limit("-9000")
        print("spread:", (await ib.place_order(spread)).status)

        entry = buy("AAPL", 10).limit("1.05")
        bracket = await ib.place_bracket(entry.bracket(take_profit=2, stop_loss=1))
        print("bracket:", bracket.entry.status)

        exits = one_cancels_all("exits", sell("AAPL", 10).limit(900), sell("AAPL", 10).stop(1))
        for order in exits:
            print("exit:", (await ib.place_order(order)).status)

        await ib.cancel_all()
        print("none left")


asyncio.run(main(int(sys.argv[1])))
