"""The gateways that must behave alike, each with what it has said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from ibkr_connector.clock import SystemClock
from ibkr_connector.engine import Engine
from ibkr_connector.gateway.port import GatewayEvent
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.ids import ClientId
from ibkr_connector.settings import Settings
from ibkr_connector.simulator import GatewaySimulator
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
    heard = Heard()
    async with GatewaySimulator() as simulator:
        session = await Session.open(
            host="127.0.0.1",
            port=simulator.port,
            client_id=ClientId(1),
            clock=SystemClock(),
            sink=heard.take,
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
        )
        try:
            yield Subject(gateway=session, events=heard, close=session.aclose)
        finally:
            await session.aclose()


SUBJECTS: Final = {"fake": fake, "simulator": simulated}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what trades on the simulator, and where `--gateway` is given on that paper account."""
    if "trading" in metafunc.fixturenames:
        named = metafunc.config.getoption("--gateway")
        metafunc.parametrize("trading", ["simulator", *([named] if named else [])], indirect=True)


@pytest.fixture
async def trading(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """A connected engine on a gateway; what it has placed is cancelled at the end."""
    if request.param == "simulator":
        async with (
            GatewaySimulator() as simulator,
            engine(tmp_path, "127.0.0.1", simulator.port) as made,
        ):
            yield made
    else:
        host, _, port = request.param.rpartition(":")
        async with engine(tmp_path, host, int(port)) as made:
            yield made


@asynccontextmanager
async def engine(directory: Path, host: str, port: int) -> AsyncIterator[Engine]:
    # the mode is paper: a login with a live account is refused before anything is sent
    settings = Settings.load(
        host=host,
        port=port,
        client_id=97,
        paper_trading=True,
        readonly=False,
        state_dir=directory / "state",
        max_order_size=10,
        # at night, New York's, a reconnect would wait for the end of a planned outage
        reset_windows="none",
        connect_timeout_s=60,
        sync_timeout_s=60,
        order_ack_timeout_s=60,
    )
    made = await Engine.open(settings)
    try:
        await made.connect()
        await made.wait_ready(60)
        yield made
        await made.closing.cancel_all()
    finally:
        await made.aclose()


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param]() as subject:
        yield subject
