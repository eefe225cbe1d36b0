"""
Connections of their own for data, so that bulk history never stands before an order.

Each has a client id of its own, and a supervisor that keeps it; losing one is nobody's business but
the data's. IB counts messages by connection and lines by user, and history is taken to be counted
by user (nobody says): so the lines and the rules of history are shared with the main connection.
What cannot go through one of these goes through the main one, and is paced there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from .clock import Clock
from .codes import pacing_effect
from .errors import ConnectionLostError, NotConnectedError
from .gateway.capture import Capture
from .gateway.data_calls import DataCalls
from .gateway.link import GatewayLink
from .gateway.port import (
    GatewayEvent,
    GatewayNotice,
    MessageUnreadable,
    SessionEnded,
    SessionInfo,
)
from .gateway.session import Session
from .model.contracts import Contract, ContractDetails
from .model.ids import ClientId
from .model.market import BarSeries, DataType, Quote
from .model.status import ConnectionState
from .resilience.operation import Operation, Replay
from .resilience.pipeline import Pipeline
from .settings import Settings
from .supervisor import IdPolicy, Supervisor, SyncPart
from .tuning import address_of, outages_of, pipeline_tuning, supervisor_timing

__all__ = ["DataPool"]

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class _Line:
    """One connection for data."""

    client_id: ClientId
    link: GatewayLink
    supervisor: Supervisor[Session]

    @property
    def is_ready(self) -> bool:
        """Whether anything can be asked through it now."""
        return self.supervisor.state is ConnectionState.READY


_VIA: Final[ContextVar[GatewayLink | None]] = ContextVar("data_line", default=None)
"""The connection that the operation under way goes through; `None` is the main one."""


class DataPool:
    """
    The connections for data of one engine; none without `data_client_ids`.

    It is what the market desk is given for a gateway and for a pipeline.

    Args:
        settings: Name the client ids.
        clock: The one time base.
        main: The main connection.
        pipeline: Its pipeline, and the one whose lines and rules of history are shared.
        verify: Refuses a session whose accounts contradict the mode, by raising.
        capture: Hears every message, when it is on.
        stream_events: Takes what the connection of the streams says.
        stream_parts: What must be done for the streams after each of its logins.
        unreadable: Takes messages that could not be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        main: GatewayLink,
        pipeline: Pipeline,
        verify: Callable[[SessionInfo], None],
        capture: Capture,
        stream_events: Callable[[GatewayEvent], None],
        stream_parts: Sequence[SyncPart],
        unreadable: Callable[[MessageUnreadable], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._main = main
        self._main_pipeline = pipeline
        self._verify = verify
        self._capture = capture
        self._stream_events = stream_events
        self._unreadable = unreadable
        self._turn = 0
        self._pipeline = Pipeline(
            clock=clock, tuning=pipeline_tuning(settings), shares_with=pipeline
        )
        self._lines = [
            self._line(ClientId(one), parts=stream_parts if number == 0 else ())
            for number, one in enumerate(settings.data_client_ids)
        ]

    def start(self) -> None:
        """Begin to connect each, and go on until `aclose`; nobody waits for them."""
        for line in self._lines:
            line.supervisor.begin()

    async def aclose(self) -> None:
        """Close them all; idempotent."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self._pipeline.aclose)
            for line in self._lines:
                parts.push_async_callback(line.supervisor.stop)

    def states(self) -> Mapping[str, ConnectionState]:
        """Return how each stands, by its client id."""
        return {str(line.client_id): line.supervisor.state for line in self._lines}

    # --- streams: through the first, and only there ---------------------------------------------

    @property
    def carries_streams(self) -> bool:
        """Whether streams have a connection that is not the main one."""
        return bool(self._lines)

    @property
    def stream_link(self) -> GatewayLink:
        """The connection of the streams."""
        return self._lines[0].link if self._lines else self._main

    @property
    def stream_pipeline(self) -> Pipeline:
        """What streams are paced by."""
        return self._pipeline if self._lines else self._main_pipeline

    # --- questions: in turn, through whichever is there -----------------------------------------

    async def run(self, op: Operation[T]) -> T:
        """
        Carry a question out, as `Pipeline.run` does, and once more through the main connection
        when that for data is lost under it and the question may be asked twice.
        """
        line = self._next()
        if line is not None:
            token = _VIA.set(line.link)
            try:
                return await self._pipeline.run(op)
            except (NotConnectedError, ConnectionLostError):
                if op.replay is not Replay.SAFE or line.is_ready:
                    raise
            finally:
                _VIA.reset(token)
        return await self._main_pipeline.run(op)

    async def contract_details(self, contract: Contract) -> tuple[ContractDetails, ...]:
        """Look up everything that fits the description."""
        return await self._through.contract_details(contract)

    async def quote(
        self, contract: Contract, *, data_type: DataType, awaits_greeks: bool = False
    ) -> Quote:
        """Take one snapshot of a qualified contract."""
        return await self._through.quote(contract, data_type=data_type, awaits_greeks=awaits_greeks)

    async def bars(
        self,
        contract: Contract,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> BarSeries:
        """Fetch one historical request's bars, oldest first."""
        return await self._through.bars(
            contract,
            duration=duration,
            bar_size=bar_size,
            what_to_show=what_to_show,
            end=end,
            regular_hours_only=regular_hours_only,
        )

    @property
    def data(self) -> DataCalls:
        """Questions about data that are neither quotes nor bars."""
        return self._through.data

    async def request(self, call: Callable[[Any], Awaitable[T]]) -> T:
        """Run `call(ib)`, which must be about data alone."""
        return await self._through.request(call)

    @property
    def _through(self) -> GatewayLink:
        return _VIA.get() or self._main

    def _next(self) -> _Line | None:
        ready = [line for line in self._lines if line.is_ready]
        self._turn += 1
        return ready[self._turn % len(ready)] if ready else None

    # --- making one -----------------------------------------------------------------------------

    def _line(self, client_id: ClientId, *, parts: Sequence[SyncPart]) -> _Line:
        settings, link = self._settings, GatewayLink()
        address = address_of(settings, may_change_id=lambda: False, client_id=client_id)
        address.policy = IdPolicy.WAIT
        is_of_streams = bool(parts)

        def take(event: GatewayEvent) -> None:
            if is_of_streams:
                self._stream_events(event)
            if isinstance(event, GatewayNotice) and (
                effect := pacing_effect(event.code, event.text)
            ):
                self._pipeline.hear(effect)
            if isinstance(event, MessageUnreadable):
                self._unreadable(event)
            if isinstance(event, GatewayNotice | SessionEnded):
                supervisor.note(event)

        async def open_session() -> Session:
            return await Session.open(
                host=settings.host,
                port=address.port,
                client_id=address.client_id,
                clock=self._clock,
                sink=take,
                connect_timeout_s=settings.connect_timeout_s,
                request_timeout_s=settings.request_timeout_s,
                capture=self._capture,
                outlet=self._pipeline.outlet,
            )

        supervisor: Supervisor[Session] = Supervisor(
            open_session=open_session,
            attach=link.attach,
            detach=link.detach,
            verify=self._verify,
            parts=parts,
            pipeline=self._pipeline,
            clock=self._clock,
            timing=supervisor_timing(settings),
            address=address,
            outages=outages_of(settings),
        )
        return _Line(client_id=client_id, link=link, supervisor=supervisor)
