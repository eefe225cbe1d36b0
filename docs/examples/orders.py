"""Place orders of several kinds, and cancel them."""

import asyncio
import sys
from datetime import UTC, datetime
from decimal import Decimal

from ibkr_connector import IBKRConnector, OrderRequest, OrderType, TimeInForce
from ibkr_connector.model.orders import Action, PriceCondition


async def main(port: int) -> None:
    async with IBKRConnector("example", port=port, readonly=False) as ib:
        trailing = await ib.place_order(
            {
                "symbol": "AAPL",
                "action": "BUY",
                "quantity": 10,
                "order_type": "TRAIL",
                "trail_percent": 5,
                "time_in_force": "GTC",
            }
        )
        print("trailing:", trailing.status)

        exit_at_a_profit = await ib.place_order(
            {
                "symbol": "AAPL",
                "action": "BUY",
                "quantity": 10,
                "order_type": "LMT",
                "limit_price": "1.05",
                "oca_group": "my exits",
                "time_in_force": "GTD",
                "good_till": datetime(2036, 12, 18, 21, 0, tzinfo=UTC),
            }
        )
        print("exit:", exit_at_a_profit.status)

        when = await ib.place_order(
            OrderRequest(
                contract="AAPL",
                action=Action.BUY,
                quantity=Decimal(10),
                order_type=OrderType.MARKET,
                time_in_force=TimeInForce.DAY,
                conditions=(PriceCondition(contract="MSFT", below=Decimal("1.00")),),
            )
        )
        print("when:", when.status)

        for report in (trailing, exit_at_a_profit, when):
            await ib.cancel_order(report.order_id)
        print("none left")


asyncio.run(main(int(sys.argv[1])))
