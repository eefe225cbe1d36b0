"""Files of rules, orders as mappings, and what the simulated venue has, for tests on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ibkr_connector import IBKRConnector
from ibkr_connector.clock import Clock
from ibkr_connector.engine import Engine
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.exchange.commands import AccountChanged, Command, SetQuote

__all__ = [
    "AAPL",
    "MARKET",
    "at_the_venue",
    "command",
    "engine_at",
    "limits",
    "order",
    "pay",
    "positions_are",
    "quote",
    "worth",
    "worth_is",
]

AAPL: Final = 265598
MARKET: Final[Mapping[str, Any]] = {"order_type": "MKT"}


def limits(config: Path, text: str = "") -> None:
    """Write rules that let almost everything through, and these."""
    (config / "risk_config.yaml").write_text(f"max_order_size: 1000\n{text}\n")


def command(gateway: HostedSimulator, done: Command) -> None:
    """Do something at the venue, and tell the clients of it."""

    def act(simulator: Any) -> None:
        now = simulator.clock.utcnow()
        simulator.gateway.deliver(simulator.gateway.venue.execute(done, now), now)
        simulator.flush()

    gateway.do(act)


def quote(
    gateway: HostedSimulator, bid: str = "99.90", ask: str = "100.10", *, con_id: int = AAPL
) -> None:
    """Hold a market at a quote, with more on both sides than anybody wants."""
    command(
        gateway,
        SetQuote(
            con_id=con_id,
            bid=Decimal(bid),
            ask=Decimal(ask),
            last=Decimal(ask),
            bid_size=Decimal(1_000_000),
            ask_size=Decimal(1_000_000),
        ),
    )


def pay(gateway: HostedSimulator, amount: int) -> None:
    """Pay money into the first account, or out of it, and tell the clients what it is worth now."""

    def act(simulator: Any) -> None:
        account = next(iter(simulator.gateway.accounts))
        simulator.gateway.venue.ledgers[account].cash["USD"] += Decimal(amount)
        simulator.gateway.deliver([AccountChanged(account=account)], simulator.clock.utcnow())
        simulator.flush()

    gateway.do(act)


def at_the_venue(gateway: HostedSimulator) -> int:
    """How many orders the venue ever had."""

    def count(simulator: Any) -> int:
        venue = simulator.gateway.venue
        return len(tuple(venue.open_orders())) + len(tuple(venue.closed_orders()))

    return gateway.do(count)


def order(action: str = "BUY", quantity: int = 10, **more: Any) -> dict[str, Any]:
    """Describe an order for Apple, a limit order at 100 unless it is told otherwise."""
    given = {"symbol": "AAPL", "action": action, "quantity": quantity, "order_type": "LMT"}
    if "limit_price" not in more and more.get("order_type", "LMT") == "LMT":
        more["limit_price"] = "100.00"
    return {**given, **more}


async def positions_are(ib: IBKRConnector, quantity: int) -> None:
    """Wait until the connector has heard that so much is held."""
    async with asyncio.timeout(60):
        while sum((row.quantity for row in await ib.get_positions()), Decimal(0)) != quantity:
            await asyncio.sleep(0.02)


async def worth(ib: IBKRConnector) -> Decimal:
    """Return what the account is worth, as the connector knows it."""
    value = (await ib.get_account_summary()).total_value
    assert value is not None
    return value


async def worth_is(ib: IBKRConnector, low: Decimal, high: Decimal) -> None:
    """Wait until the connector has heard that the account is worth something in between."""
    async with asyncio.timeout(60):
        while not low <= await worth(ib) <= high:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def engine_at(settings: Settings, clock: Clock) -> AsyncIterator[Engine]:
    """Open a connected engine whose time is the given clock's."""
    engine = await Engine.open(settings, clock=clock)
    try:
        await engine.connect()
        yield engine
    finally:
        await engine.aclose()
