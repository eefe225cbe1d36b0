"""What happens when something is wrong: an error with facts, never an empty answer."""

import asyncio
import sys

from ibkr_connector import ContractNotFoundError, IBKRConnector, IBKRError, OrderValidationError


async def main(port: int) -> None:
    async with IBKRConnector("errors", port=port, readonly=False) as ib:
        try:
            await ib.get_quote("NOSUCHTHING")
        except ContractNotFoundError as error:
            print(error.code, error.retryable, error.hint)
        try:
            await ib.place_order({"symbol": "AAPL", "action": "BUY", "quantity": -5})
        except OrderValidationError as error:
            print(error)
        try:
            await ib.get_historical_data("AAPL", bar_size="7 mins")
        except IBKRError as error:
            print(type(error).__name__, error.hint)


asyncio.run(main(int(sys.argv[1])))
