"""A session on a gateway that follows a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ibkr_connector.clock import SystemClock
from ibkr_connector.gateway.port import GatewayEvent
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.ids import ClientId
from kit.scripted_gateway import ScriptedGateway


@pytest.fixture
async def events() -> list[GatewayEvent]:
    return []


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with ScriptedGateway() as gateway:
        yield gateway


Connect = Callable[[], Awaitable[Session]]


@pytest.fixture
async def connect(gateway: ScriptedGateway, events: list[GatewayEvent]) -> AsyncIterator[Connect]:
    sessions: list[Session] = []

    async def connect() -> Session:
        session = await Session.open(
            host="127.0.0.1",
            port=gateway.port,
            client_id=ClientId(7),
            clock=SystemClock(),
            sink=events.append,
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
        )
        sessions.append(session)
        return session

    yield connect
    for session in sessions:
        await session.aclose()


@pytest.fixture
async def session(connect: Connect) -> Session:
    return await connect()
