"""
A strategy in four parts: data, strategy, risk, execution.

It goes with the trend of one stock: in when a quick average of prices rises above a slow one, out
when it falls below. A sketch of how a real one is put together, and no advice.

    python strategy.py PORT [SYMBOL]
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from ibkr_connector import (
    IBKRConnector,
    OrderRejectedError,
    OrderUncertainError,
    Quote,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.build import buy
from ibkr_connector.orders.sizing import average_true_range, size_by_volatility


class Signal(Enum):
    """What the strategy wants to be."""

    LONG = "long"
    FLAT = "flat"


# --8<-- [start:trend]
@dataclass
class Trend:
    """The strategy: prices in, a wish out. It knows no broker, so it is tested with a list."""

    quick: Decimal = Decimal("0.5")
    slow: Decimal = Decimal("0.1")
    warm_up: int = 5
    _seen: int = 0
    _averages: list[Decimal] = field(default_factory=list)

    def take(self, price: Decimal) -> Signal | None:
        """Take one price, and return a wish once enough have been seen."""
        if not self._averages:
            self._averages = [price, price]
        for place, weight in enumerate((self.quick, self.slow)):
            self._averages[place] += weight * (price - self._averages[place])
        self._seen += 1
        if self._seen <= self.warm_up:
            return None
        return Signal.LONG if self._averages[0] > self._averages[1] else Signal.FLAT


# --8<-- [end:trend]


async def prices(ib: IBKRConnector, symbol: str) -> AsyncIterator[Decimal]:
    """The data: the middle of the market, where both sides of it are known and live."""
    async with ib.stream_quotes(symbol, require_live=True) as quotes:
        async for record in quotes:
            # between them come gaps: then nothing is known, and nothing is concluded
            if isinstance(record, Quote) and record.midpoint is not None:
                yield record.midpoint


class Desk:
    """Risk and execution: a wish in, orders out, and never twice."""

    def __init__(self, ib: IBKRConnector, symbol: str, *, risk_share: Decimal) -> None:
        self.ib = ib
        self.symbol = symbol
        self.risk_share = risk_share
        self.done: list[str] = []

    async def held(self) -> Decimal:
        """Return what the broker says is held; a restart begins with the same answer."""
        rows = await self.ib.get_positions()
        return sum((row.quantity for row in rows if row.symbol == self.symbol), Decimal(0))

    # --8<-- [start:desk]
    async def follow(self, wish: Signal, price: Decimal) -> None:
        """Bring what is held to what is wished."""
        held = await self.held()
        try:
            if wish is Signal.LONG and not held:
                await self._enter(price)
            elif wish is Signal.FLAT and held:
                report = await self.ib.close_position(self.symbol)
                self.done.append("out" if report.is_done else "; ".join(report.problems))
        except (RiskLimitError, TradingHaltedError, OrderRejectedError) as refused:
            # the rules or the broker say no, and why: that is an answer, and not a reason to retry
            self.done.append(f"refused: {refused}")
        except OrderUncertainError as unknown:
            # it may be there: the desk goes on asking, and so nothing else is placed meanwhile
            await self.ib.wait_for_fill(unknown.order_id, timeout_s=60)

    # --8<-- [end:desk]

    async def _enter(self, price: Decimal) -> None:
        bars = await self.ib.get_historical_data(self.symbol, duration="2 M", bar_size="1 day")
        day = average_true_range(bars.bars)
        rule = await self.ib.instruments.tick_rule(self.symbol)
        profit = rule.round(price + 4 * day, "up")
        # sized by the highest price of the three orders, so that the limits let each go
        size = size_by_volatility(
            await self.ib.sizing_basis(self.symbol),
            price=profit,
            average_range=day,
            risk_share=self.risk_share,
        )
        if not size.quantity:
            self.done.append(f"too small: {size.bound_by}")
            return
        entry = buy(self.symbol, size.quantity).limit(rule.round(price * Decimal("1.002"), "up"))
        bracket = entry.bracket(take_profit=profit, stop_loss=rule.round(price - 2 * day, "down"))
        placed = await self.ib.place_bracket(bracket)
        bought = await self.ib.wait_for_fill(placed.entry.order_id, timeout_s=60)
        self.done.append(f"in {bought.filled_quantity} at {bought.avg_fill_price}")


async def run(ib: IBKRConnector, symbol: str, *, deals: int) -> list[str]:
    """Trade until so many things were done; what is held then stays, with its exits."""
    strategy, desk = Trend(), Desk(ib, symbol, risk_share=Decimal("0.0005"))
    async for price in prices(ib, symbol):
        wish = strategy.take(price)
        if wish is not None:
            await desk.follow(wish, price)
        if len(desk.done) >= deals:
            break
    return desk.done


async def main(port: int, symbol: str) -> None:
    """Connect, trade, and get out at the end."""
    async with IBKRConnector("strategy", port=port, readonly=False) as ib:
        for line in await run(ib, symbol, deals=2):
            print(line)
        await ib.flatten()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "AAPL"))
