"""What the tests of accounts share: a portfolio on a rig's own loop, prices, trades."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from ibkr_connector.account.facet import Portfolio
from ibkr_connector.account.stream import AccountStream
from ibkr_connector.simulator.exchange.commands import SetQuote
from kit.rig import Rig

__all__ = ["AAPL", "FIRM", "ME", "asked", "opened", "portfolio_of", "quote", "set_price", "trade"]

ME = "DU1234567"
AAPL = 265598
FIRM: dict[str, Any] = {
    "DF1000000": Decimal(0),
    "DU1": {"USD": Decimal(100_000), "EUR": Decimal(5_000), "JPY": Decimal(900_000)},
    "DU2": Decimal(300_000),
}


def portfolio_of(one: Rig) -> Portfolio:
    """What users hold, on the rig's own loop."""

    async def hop(do: Callable[[Any], Awaitable[Any]]) -> Any:
        return await do(one.engine)

    return Portfolio(hop)


def quote(one: Rig, price: str, con_id: int = AAPL) -> None:
    half = Decimal("0.01")
    one.simulator.gateway.execute(
        SetQuote(
            con_id=con_id,
            bid=Decimal(price) - half,
            ask=Decimal(price) + half,
            bid_size=Decimal(1_000_000),
            ask_size=Decimal(1_000_000),
        ),
        one.clock.utcnow(),
    )
    one.simulator.flush()


async def trade(one: Rig, quantity: int, symbol: str = "AAPL", **more: Any) -> None:
    order = {
        "symbol": symbol,
        "action": "BUY" if quantity > 0 else "SELL",
        "quantity": abs(quantity),
        "order_type": "MKT",
        **more,
    }
    report = await one.run(one.engine.orders.place(order))
    await one.run(
        one.engine.orders.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
    )
    await one.settle()


@asynccontextmanager
async def opened(one: Rig, stream: AccountStream[Any]) -> AsyncIterator[AccountStream[Any]]:
    """A stream, begun and ended while time passes."""
    await one.run(stream.__aenter__())
    yield stream
    await stream.aclose()
    await one.settle()


def asked(one: Rig, name: str) -> list[Any]:
    log = one.simulator.log
    return [row.request for row in log if type(row.request).__name__ == name]


def set_price(one: Rig, con_id: int, price: Decimal, *, half: Decimal) -> None:
    """Hold the market of an instrument around a price, with room for every order."""
    one.simulator.gateway.execute(
        SetQuote(
            con_id=con_id,
            bid=price - half,
            ask=price + half,
            bid_size=Decimal(1_000_000),
            ask_size=Decimal(1_000_000),
        ),
        one.clock.utcnow(),
    )
    one.simulator.flush()
