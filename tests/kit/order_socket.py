"""The real desk, the real session, a real socket and the simulator, in one hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ibkr_connector.account.advisor import read_groups
from ibkr_connector.gateway.account_port import AdvisorList
from ibkr_connector.gateway.link import GatewayLink
from ibkr_connector.gateway.port import GatewayEvent, SessionEnded
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.advisor import AdvisorGroup, SoftDollarTier
from ibkr_connector.model.contracts import Contract, ContractDetails, stock
from ibkr_connector.model.ids import ClientId
from ibkr_connector.orders.desk import DeskTiming, OrdersDesk
from ibkr_connector.orders.journal import Journal
from ibkr_connector.orders.risk import RiskLimits
from ibkr_connector.resilience.pipeline import Pipeline, PipelineTuning
from ibkr_connector.simulator import GatewaySimulator
from kit.jumpy_clock import LeapingClock
from kit.order_desk import NoFacts

__all__ = ["FAST", "NOON", "Wire", "wire"]

FAST = DeskTiming(verdict_window_s=0.05, grace_s=0.02, lookup_cap_s=0.05, cancel_timeout_s=60.0)
"""Waits for a gateway on this machine."""

NOON: Final = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
"""In New York, on a Wednesday on which everybody trades."""


@dataclass
class Wire:
    """A desk that can be connected, cut and restarted; the simulator goes on."""

    host: str
    port: int
    path: Path
    ack_timeout_s: float = 60.0
    clock: LeapingClock = field(default_factory=lambda: LeapingClock(NOON))
    link: GatewayLink = field(default_factory=GatewayLink)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    session: Session | None = None

    async def start(self) -> None:
        """Open journal and desk."""
        self.journal = await Journal.open(self.path, clock=self.clock)
        self.pipeline = Pipeline(
            clock=self.clock, tuning=PipelineTuning(messages_per_second=100_000)
        )
        self.desk = OrdersDesk(
            gateway=self.link,
            pipeline=self.pipeline,
            journal=self.journal,
            clock=self.clock,
            resolve=self.resolve,
            limits=RiskLimits(max_order_size=Decimal(1000)),
            facts=NoFacts(),
            accounts=lambda: () if self.session is None else self.session.info.accounts,
            readonly=False,
            advisors=self,
            ack_timeout_s=self.ack_timeout_s,
            timing=FAST,
        )
        await self.desk.open()

    async def connect(self) -> None:
        """Log in, as the supervisor would, and compare with the broker."""
        if self.session is not None:
            await self.session.aclose()
            self.link.detach()
        self.ended.clear()
        self.session = await Session.open(
            host=self.host,
            port=self.port,
            client_id=ClientId(1),
            clock=self.clock,
            sink=self.take,
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
        )
        self.link.attach(self.session)

    def take(self, event: GatewayEvent) -> None:
        """Hand an event to the desk."""
        self.desk.apply(event)
        if isinstance(event, SessionEnded):
            self.ended.set()

    async def resolve(self, contract: Contract | str) -> ContractDetails:
        """Look it up at the simulator, as the resolver would."""
        asked = stock(contract) if isinstance(contract, str) else contract
        return (await self.link.contract_details(asked))[0]

    async def groups(self) -> tuple[AdvisorGroup, ...]:
        """Ask for an advisor's groups."""
        return read_groups(await self.link.accounts.advisor_list(AdvisorList.GROUPS))

    profiles = groups

    async def soft_dollar_tiers(self) -> tuple[SoftDollarTier, ...]:
        """Ask for tiers."""
        return await self.link.accounts.soft_dollar_tiers()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0)

    async def expire(self, waiting: asyncio.Future[Any]) -> None:
        """Let pass whatever deadline something still waits for."""
        async with asyncio.timeout(60):
            while not waiting.done():
                self.clock.leap(60)
                await asyncio.wait([waiting], timeout=0.01)

    async def close(self) -> None:
        """Close everything in order."""
        if self.session is not None:
            await self.session.aclose()
        await self.desk.aclose()
        await self.pipeline.aclose()
        await self.journal.aclose()


@asynccontextmanager
async def wire(
    simulator: GatewaySimulator, path: Path, *, start: datetime = NOON
) -> AsyncIterator[Wire]:
    """Make a connected desk on a simulator, by whose clock it is `start`, and close it."""
    made = Wire(host=simulator.host, port=simulator.port, path=path, clock=LeapingClock(start))
    await made.start()
    try:
        await made.connect()
        yield made
    finally:
        await made.close()
