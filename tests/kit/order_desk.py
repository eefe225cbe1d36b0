"""A desk on a venue with a clock that stands still, and a way to kill and restart it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import OrderError
from ibkr_connector.gateway.port import OrderTicket
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.ids import ConId, OrderId
from ibkr_connector.model.orders import (
    Action,
    OrderReport,
    OrderRequest,
    OrderType,
    TimeInForce,
    limit_order,
)
from ibkr_connector.orders.desk import OrdersDesk
from ibkr_connector.orders.journal import Journal
from ibkr_connector.orders.risk import AccountFacts, Needs, RiskFacts, RiskLimits
from ibkr_connector.resilience.pipeline import Pipeline
from kit.order_venue import OrderVenue
from kit.threads import threads_work

__all__ = ["AAPL", "NOON", "Bench", "bench", "buy", "ticket"]

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)

AAPL = Contract(symbol="AAPL", con_id=ConId(265598), primary_exchange="NASDAQ")


def buy(quantity: int = 100, **more: Any) -> OrderRequest:
    """Describe a limit order that validates."""
    return limit_order(AAPL, "BUY", quantity, limit_price=Decimal("100.50"), **more)


def ticket(order_id: int = 1, order_ref: str = "ibc-a", quantity: int = 100) -> OrderTicket:
    """Return a ticket as the desk would make it."""
    return OrderTicket(
        order_id=OrderId(order_id),
        order_ref=order_ref,
        contract=AAPL,
        action=Action.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("100.50"),
        stop_price=None,
        time_in_force=TimeInForce.DAY,
        outside_regular_hours=False,
        account="DU1",
    )


class NoFacts:
    """Knows nothing."""

    async def facts(
        self, details: ContractDetails, *, account: str, needs: Needs, extended: bool
    ) -> RiskFacts:
        return RiskFacts()

    def account_facts(self, account: str, limits: RiskLimits) -> AccountFacts:
        return AccountFacts(now=NOON, rate=lambda currency: None)


@dataclass
class Bench:
    """What a test of the desk needs in its hands."""

    path: Path
    clock: ManualClock
    venue: OrderVenue
    settings: dict[str, Any]
    desk: OrdersDesk = field(init=False)
    journal: Journal = field(init=False)
    pipeline: Pipeline = field(init=False)
    reports: list[OrderReport] = field(default_factory=list)
    running: bool = False

    async def start(self) -> None:
        """Open journal and desk, as a new process would."""
        self.journal = await Journal.open(self.path, clock=self.clock)
        self.pipeline = Pipeline(clock=self.clock)
        defaults: dict[str, Any] = {
            "resolve": self.resolve,
            "limits": RiskLimits(max_order_size=Decimal(1000)),
            "facts": NoFacts(),
            "accounts": lambda: ("DU1",),
            "readonly": False,
        }
        self.desk = OrdersDesk(
            gateway=self.venue,
            pipeline=self.pipeline,
            journal=self.journal,
            clock=self.clock,
            on_report=self.reports.append,
            **(defaults | self.settings),
        )
        self.venue.sink = self.desk.apply
        await self.desk.open()
        self.running = True

    async def stop(self) -> None:
        """Close as the engine does."""
        if self.running:
            self.running = False
            await self.desk.aclose()
            await self.pipeline.aclose()
            await self.journal.aclose()

    async def restart(self) -> None:
        """Close and open again; the venue goes on."""
        await self.stop()
        self.venue.reconnect()
        await self.start()

    async def resolve(self, contract: Contract | str) -> ContractDetails:
        """Know one stock."""
        return ContractDetails(contract=AAPL, min_tick=Decimal("0.01"))

    async def settle(self) -> None:
        """Let every task run until nothing moves, the journal's thread and all others included."""
        for _ in range(2):
            for _ in range(12):
                await asyncio.sleep(0)
                while threads_work():
                    await asyncio.sleep(0.0005)
            with suppress(OrderError):
                await self.journal.append([])
        await asyncio.sleep(0)

    async def turn(self, until: Callable[[], bool]) -> None:
        """Let the loop turn, one step at a time, until something is so."""
        async with asyncio.timeout(60):
            while not until():
                await asyncio.sleep(0)

    async def pass_time(self, seconds: float, *, step: float = 0.5) -> None:
        """Move the clock in steps and let everybody work in between."""
        gone = 0.0
        while gone < seconds:
            await self.settle()
            self.clock.advance(min(step, seconds - gone))
            gone += step
        await self.settle()

    async def run(
        self, call: Callable[[], Any], *, limit_s: float = 60.0, step: float = 0.5
    ) -> Any:
        """Move the clock until the call is done; its result or its error."""
        task = asyncio.ensure_future(call())
        for _ in range(int(limit_s / step)):
            await self.settle()
            if task.done():
                break
            self.clock.advance(step)
        else:
            task.cancel()
        return await task


@asynccontextmanager
async def bench(tmp_path: Path, **settings: Any) -> AsyncIterator[Bench]:
    """Make a bench and close it."""
    clock = ManualClock(NOON)
    made = Bench(
        path=tmp_path / "orders.sqlite3",
        clock=clock,
        venue=OrderVenue(clock=clock),
        settings=settings,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
