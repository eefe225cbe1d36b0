"""See what an account is worth, holds and gains, follow it, and read what was kept of it."""

import asyncio
import sys

from ibkr_connector import IBKRConnector
from ibkr_connector.model.account_changes import PositionChanged


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port, readonly=False) as ib:
        summary = await ib.portfolio.summary()
        print("worth", summary.total_value, summary.currency, "by", summary.source)
        for ledger in await ib.portfolio.balances():
            print("ledger", ledger.currency, ledger.cash)

        async with ib.portfolio.stream_changes() as changes:
            order = {"symbol": "AAPL", "action": "BUY", "quantity": 10, "order_type": "MKT"}
            placed = await ib.place_order(order)
            await ib.wait_for_fill(placed.order_id)
            async for change in changes:
                if isinstance(change, PositionChanged) and change.after is not None:
                    print("change", change.contract.symbol, change.kind, change.after.quantity)
                    break

        async with ib.portfolio.stream_pnl() as gains:
            async for gain in gains:
                if gain.unrealized is not None:
                    print("gain known, live", gain.is_live)
                    break
        check = await ib.portfolio.check_pnl()
        print("compared", "realized" in check.compared, "missing", check.missing)

        exposure = await ib.portfolio.exposure()
        spread = await ib.portfolio.concentration()
        print("exposure", [part.name for part in exposure.by_symbol], "hhi", spread.hhi)

        history = await ib.portfolio.equity_history()
        print("kept", (await ib.portfolio.history_state()).is_on, "points", len(history) >= 0)


asyncio.run(main(int(sys.argv[1])))
