"""Ask what an instrument is, when it trades, and which prices are legal."""

import asyncio
import sys

from ibkr_connector import AmbiguousContractError, IBKRConnector, SecurityType
from ibkr_connector.model.contracts import Contract


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port) as ib:
        details = await ib.instruments.details("ES 202703")
        print(details.long_name, details.contract.multiplier, details.last_trade_date)

        hours = await ib.instruments.hours("ES 202703", regular=False)
        for session in hours.sessions_on(hours.days()[0]):
            print("day", session.day, "opens", session.start, "closes", session.end)

        ticks = await ib.instruments.tick_rule("ES 202703")
        print(ticks.round("6000.13"), ticks.round("6000.13", "down"), ticks.next_above(6000))

        try:
            every = Contract(symbol="ES", security_type=SecurityType.FUTURE, exchange="CME")
            await ib.instruments.details(every)
        except AmbiguousContractError as several:
            print("one of", [contract.local_symbol for contract in several.candidates])


asyncio.run(main(int(sys.argv[1])))
