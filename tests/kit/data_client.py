"""A client of a gateway whose clock stands still: what it asks, and all that it hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator, Permissions
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import CurrentTime, ErrorMessage, Reply
from ibkr_connector.simulator.wire.requests import ReqCurrentTime, Request
from kit.raw_client import RawClient, frame

__all__ = ["APPLE", "EURO", "DataClient", "contract", "data_client", "errors", "of_type"]

T = TypeVar("T")

APPLE = WireContract(con_id=265598, exchange="SMART")
EURO = WireContract(symbol="EUR", sec_type="CASH", currency="USD", exchange="IDEALPRO")


class DataClient:
    """One client; each answer ends where the gateway has no more to say at this moment."""

    def __init__(self, gateway: GatewaySimulator, client: RawClient) -> None:
        self.gateway = gateway
        self._client = client

    async def ask(self, *requests: Request) -> list[Reply]:
        """Send requests and return what is answered at once."""
        for request in requests:
            self._client.write(frame(request))
        self._client.write(frame(ReqCurrentTime()))
        heard: list[Reply] = []
        while not isinstance(reply := await self._client.reply(), CurrentTime):
            heard.append(reply)
        return heard

    async def after(self, seconds: float) -> list[Reply]:
        """Let time pass and return what was said meanwhile."""
        await self.gateway.advance(seconds)
        return await self.ask()

    async def aclose(self) -> None:
        """Leave."""
        await self._client.aclose()


@asynccontextmanager
async def data_client(
    permissions: Permissions | None = None, **options: Any
) -> AsyncIterator[DataClient]:
    """Run a gateway with one client; what it asks must all be simulated."""
    options.setdefault("clock", ManualClock(DEFAULT_START))
    async with GatewaySimulator(permissions=permissions, **options) as gateway:
        client = DataClient(gateway, await RawClient.start(gateway.host, gateway.port))
        try:
            yield client
        finally:
            await client.aclose()
        gateway.check()


def contract(instrument: Instrument) -> WireContract:
    """Return how a client names an instrument after a look-up."""
    return WireContract(con_id=instrument.con_id, exchange=instrument.home)


def of_type(replies: Iterable[Reply], kind: type[T]) -> list[T]:
    """Return the replies of one kind."""
    return [reply for reply in replies if isinstance(reply, kind)]


def errors(replies: Iterable[Reply]) -> list[tuple[int, int]]:
    """Return request id and code of each error."""
    return [(one.request_id, one.code) for one in of_type(replies, ErrorMessage)]
