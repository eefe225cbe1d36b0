"""What the day of a program needs that no client can do: time, prices, and a line that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator
from ibkr_connector.simulator.exchange.commands import SetQuote

__all__ = ["AAPL", "ACTS", "ASK_SIZE", "BID_SIZE", "CLOSING", "Act", "set_quote"]

AAPL: Final = 265598
BID_SIZE, ASK_SIZE = Decimal(300), Decimal(60)
"""The ask is smaller than the orders of the programs, so that they are filled in parts."""

CLOSING: Final = datetime(2026, 11, 18, 21, 1, tzinfo=UTC)
"""A minute past four in New York, on the day that the simulator starts with."""

Act = Callable[[GatewaySimulator, Mapping[str, Any]], Awaitable[None]]
"""Does what a program asks its broker for."""


def set_quote(simulator: GatewaySimulator, *, bid: str, ask: str, last: str) -> None:
    """Let AAPL stand at these prices, and tell whoever must know."""
    now = simulator.clock.utcnow()
    command = SetQuote(
        con_id=AAPL,
        bid=Decimal(bid),
        ask=Decimal(ask),
        last=Decimal(last),
        bid_size=BID_SIZE,
        ask_size=ASK_SIZE,
    )
    simulator.gateway.deliver(simulator.venue.execute(command, now), now)
    simulator.flush()


async def _pass(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    await simulator.advance(asked["seconds"])


async def _quote(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    set_quote(simulator, bid=asked["bid"], ask=asked["ask"], last=asked["last"])


async def _cut(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    simulator.cut()


async def _restart(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    simulator.restart()


async def _notice(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    simulator.notice(asked["code"], asked["text"])


async def _close(simulator: GatewaySimulator, asked: Mapping[str, Any]) -> None:
    # a minute at a time: nobody looks at the seconds of a whole day
    assert isinstance(simulator.clock, ManualClock)
    while simulator.clock.utcnow() < CLOSING:
        simulator.clock.advance(60)
        simulator.tick()
        await asyncio.sleep(0)


ACTS: Final[Mapping[str, Act]] = {
    "pass": _pass,
    "quote": _quote,
    "cut": _cut,
    "restart": _restart,
    "notice": _notice,
    "close": _close,
}
"""Everything that a program may ask for, by its word."""
