"""The gateways that must behave alike, each with what it has said."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from ibkr_connector.clock import SystemClock
from ibkr_connector.gateway.port import GatewayEvent
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.ids import ClientId
from kit.fake_gateway import FakeGateway


class Heard(list[GatewayEvent]):
    """Events in their order; `until` waits for one that fits."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def take(self, event: GatewayEvent) -> None:
        self.append(event)
        self._changed.set()

    async def until(self, fits: Callable[[GatewayEvent], bool]) -> GatewayEvent:
        while True:
            for event in self:
                if fits(event):
                    return event
            self._changed.clear()
            await self._changed.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One gateway under test; `gateway` has all ports."""

    gateway: Any
    events: Heard
    close: Callable[[], Any]


@asynccontextmanager
async def fake() -> AsyncIterator[Subject]:
    heard = Heard()
    gateway = FakeGateway(sink=heard.take)

    async def close() -> None:
        gateway.close()

    yield Subject(gateway=gateway, events=heard, close=close)


@asynccontextmanager
async def simulated() -> AsyncIterator[Subject]:
    from ibkr_connector.simulator import GatewaySimulator

    heard = Heard()
    async with GatewaySimulator() as simulator:
        session = await Session.open(
            host="127.0.0.1",
            port=simulator.port,
            client_id=ClientId(1),
            clock=SystemClock(),
            sink=heard.take,
            connect_timeout_s=5,
            request_timeout_s=5,
        )
        try:
            yield Subject(gateway=session, events=heard, close=session.aclose)
        finally:
            await session.aclose()


SUBJECTS: Final = {"fake": fake}
if importlib.util.find_spec("ibkr_connector.simulator.server") is not None:
    SUBJECTS["simulator"] = simulated


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param]() as subject:
        yield subject
