"""A real session, real streams and a socket, with a gateway that pours ticks as fast as it can."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from ibkr_connector.clock import SystemClock
from ibkr_connector.gateway.session import Session
from ibkr_connector.gateway.stream_port import StreamKind, StreamRequest
from ibkr_connector.market.consumers import Consumer
from ibkr_connector.market.subscriptions import Subscriptions
from ibkr_connector.model.contracts import Contract, ContractDetails, stock
from ibkr_connector.model.ids import ClientId, ConId
from ibkr_connector.resilience.pipeline import Pipeline
from kit.quiet import settled
from kit.scripted_gateway import ScriptedGateway

__all__ = ["Rig"]


class Rig:
    """
    One stream of quotes for each symbol, with one reader each.

    Args:
        symbols: How many.
    """

    def __init__(self, *, symbols: int) -> None:
        self.gateway = ScriptedGateway()
        self.readers: list[Consumer] = []
        self._symbols = symbols
        self._clock = SystemClock()
        self._ids: list[str] = []
        self._poured = 0

    async def __aenter__(self) -> Self:
        await self.gateway.__aenter__()
        self.gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]
        self.session = await Session.open(
            host="127.0.0.1",
            port=self.gateway.port,
            client_id=ClientId(7),
            clock=self._clock,
            sink=lambda _: None,
            connect_timeout_s=60.0,
            request_timeout_s=60.0,
        )
        self._pipeline = Pipeline(clock=self._clock)

        async def resolve(contract: Contract) -> ContractDetails:
            return ContractDetails(contract=contract)

        self.streams = Subscriptions(
            gateway=_Opener(self.session),
            pipeline=self._pipeline,
            clock=self._clock,
            lines=self._pipeline.lines,
            resolve=resolve,
            is_open=lambda _details, _regular: None,
            stale_after_s=60.0,
        )
        for number in range(self._symbols):
            described = stock(f"S{number}")
            contract = Contract(symbol=described.symbol, con_id=ConId(1 + number))
            reader = Consumer(contract, capacity=64)
            await self.streams.join(
                StreamRequest(kind=StreamKind.QUOTES, contract=contract),
                ContractDetails(contract=contract),
                reader,
            )
            self.readers.append(reader)
        await self.gateway.wait_for(1, count=self._symbols)
        self._ids = [fields[2] for fields in self.gateway.of(1)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.streams.aclose()
        await self._pipeline.aclose()
        await self.session.aclose()
        await self.gateway.__aexit__(kind, error, trace)

    @property
    def waiting(self) -> int:
        """How many quotes wait for their readers."""
        return sum(len(reader.box) for reader in self.readers)

    async def pour(self, ticks: int) -> None:
        """Send ticks, round the symbols, and return when all have been taken."""
        for first in range(0, ticks, 1_000):
            self.gateway.say_all([self._tick(n) for n in range(first, min(ticks, first + 1_000))])
            # or the answer may be read together with them, which is no tick and has all be read
            await settled()
            await self.session.probe()
        self.gateway.received.clear()

    def _tick(self, number: int) -> tuple[Any, ...]:
        self._poured += 1
        kind = 1 + (self._poured // self._symbols) % 2
        price = f"{100 + self._poured % 100}.{self._poured % 10}"
        return (1, 6, self._ids[number % self._symbols], kind, price, 100 + number % 7, 0)


class _Opener:
    def __init__(self, session: Session) -> None:
        self._session = session

    def needs_data_type(self, request: StreamRequest) -> bool:
        return self._session.streams.needs_data_type(request)

    def open_stream(self, request: StreamRequest, listener: Any) -> Any:
        return self._session.streams.open(request, listener)
