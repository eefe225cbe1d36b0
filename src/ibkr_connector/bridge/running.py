"""
The bridge while it runs: its connector, its quotes, its hub, and whether it is ready.

Owns: that the connector is connected at the start and the attempts go on until somebody says
otherwise, and that everything is closed in the order in which it was opened, backwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any, Final

import ibkr_connector
from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import ConfigurationError, IBKRError
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings.bridge import BridgeSettings

from .hub import Hub
from .jobs import Downloads
from .older_form import Health
from .problems import kind_of
from .quotes import QuoteCache
from .tokens import TokenBook

__all__ = ["Bridge"]

_log = logging.getLogger("ibkr_connector.bridge")

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0


class Bridge:
    """
    Everything that the endpoints share; lives on the loop of the server.

    Args:
        connector: What is served.
        settings: How it is served.
        tokens: Who may enter.
        clock: Source of time.
    """

    def __init__(
        self,
        connector: IBKRConnector,
        settings: BridgeSettings,
        *,
        tokens: TokenBook,
        clock: Clock,
    ) -> None:
        self.ib = connector
        self.settings = settings
        self.tokens = tokens
        self.clock = clock
        self.readers = 0
        self.is_closing = False
        self.closing = asyncio.Event()
        self._trouble: IBKRError | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._hub: Hub | None = None
        self._quotes: QuoteCache | None = None
        self._downloads: Downloads | None = None

    @property
    def hub(self) -> Hub:
        """The topics that are followed."""
        assert self._hub is not None, "the lifespan has not begun"
        return self._hub

    @property
    def quotes(self) -> QuoteCache:
        """Quotes that several callers share."""
        assert self._quotes is not None, "the lifespan has not begun"
        return self._quotes

    @property
    def downloads(self) -> Downloads:
        """Downloads that go on by themselves."""
        assert self._downloads is not None, "the lifespan has not begun"
        return self._downloads

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run until the server ends."""
        self.closing = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._hub = Hub(
                self.ib, clock=self.clock, keep=self.settings.replay_events, tasks=tasks
            )
            self._quotes = QuoteCache(self.ib, hub=self._hub, clock=self.clock, tasks=tasks)
            self._downloads = Downloads(self.ib, clock=self.clock, tasks=tasks)
            if self.settings.auto_connect:
                self._begin_connecting()
            try:
                yield
            finally:
                self.say_goodbye()
                await self._stop_connecting()
                self._hub.close()
                await self._quotes.aclose()
                await self._downloads.aclose()
                await self.ib.disconnect()

    def say_goodbye(self) -> None:
        """Tell every WebSocket that the end has come; harmless when told twice."""
        self.is_closing = True
        self.closing.set()

    # --- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect now; from then on the connector comes back by itself."""
        await self._stop_connecting()
        try:
            await self.ib.connect()
        except IBKRError as error:
            self._trouble = error
            raise
        self._trouble = None

    async def disconnect(self) -> None:
        """Disconnect, and stay so until somebody connects."""
        await self._stop_connecting()
        self._trouble = None
        await self.ib.disconnect()

    def _begin_connecting(self) -> None:
        assert self._tasks is not None
        self._connecting = self._tasks.create_task(self._keep_connecting(), context=Context())

    async def _stop_connecting(self) -> None:
        task, self._connecting = self._connecting, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})

    async def _keep_connecting(self) -> None:
        """Connect, and try again while it makes sense; the connector itself sees to the rest."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await self.ib.connect()
            except ConfigurationError as error:
                # neither time nor the gateway mends it
                self._trouble = error
                _log.error("not connected, and not tried again: %s", error)
                return
            except IBKRError as error:
                self._trouble = error
                _log.warning("not connected yet: %s", error)
            else:
                self._trouble = None
                return
            await self.clock.sleep(wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)

    # --- health ---------------------------------------------------------------------------------

    def health(self) -> Health:
        """Say whether there is a connection."""
        status = self.ib.get_connection_status()
        return Health(
            status=status.state.value,
            connected=status.is_connected,
            version=ibkr_connector.__version__,
        )

    def readiness(self) -> tuple[bool, Mapping[str, Any]]:
        """Say whether the bridge can do its work, and each reason, by a code, why it cannot."""
        status = self.ib.get_connection_status()
        reasons: list[str] = []
        if self.is_closing:
            reasons.append("shutting_down")
        if not status.is_connected:
            reasons.append(
                "not_connected" if status.state is ConnectionState.IDLE else status.state.value
            )
        if self._trouble is not None and not status.is_connected:
            reasons.append(_code_of(self._trouble))
        notes = [f"degraded:{part}" for part in status.degraded_by]
        if status.halted_by and not status.readonly:
            notes.append("trading_halted")
        if self.tokens.problem:
            notes.append("token_file_broken")
        told = {
            "ready": not reasons,
            "state": status.state.value,
            "reasons": list(dict.fromkeys(reasons)),
            "notes": notes,
        }
        return not reasons, told


def _code_of(error: IBKRError) -> str:
    return kind_of(error).slug.replace("-", "_")
