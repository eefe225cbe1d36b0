"""
`IBKRConnector`: the object that users hold.

Owns the shared instances (one per profile in a process), the I/O thread of each, and the hop from
the caller's loop or thread into it. It decides nothing about markets or orders: every method below
is one sentence to the engine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from .errors import ConfigurationError, NotConnectedError, WrongThreadError
from .model.contracts import Contract
from .model.orders import OrderReport, OrderRequest
from .model.status import ConnectionStatus
from .observe.correlation import correlation
from .portal import Portal
from .settings import Settings

if TYPE_CHECKING:
    from .engine import Engine
    from .model.account import AccountSummary, Position
    from .model.market import BarSeries, MarketData, Quote

__all__ = ["IBKRConnector"]

T = TypeVar("T")

DEFAULT_PROFILE: Final = "default"


class _Runtime:
    """One I/O thread and the engine that lives in it; made by `connect`, ended by `disconnect`."""

    def __init__(self, settings: Settings) -> None:
        self.portal = Portal.start(f"ibkr-{settings.profile}")
        self._settings = settings
        self._engine: Engine | None = None

    async def engine(self) -> Engine:
        # ib_async costs a third of a second to import: paid here, once, off the caller's loop
        from .engine import Engine  # noqa: PLC0415

        if self._engine is None:
            self._engine = Engine(self._settings)
        return self._engine

    @property
    def engine_nowait(self) -> Engine | None:
        return self._engine

    async def connect(self) -> None:
        engine = await self.engine()
        await engine.connect()

    async def aclose(self) -> None:
        if self._engine is not None:
            await self._engine.aclose()


class IBKRConnector:
    """
    A supervised connection to one TWS or IB Gateway, shared by the whole process.

    `IBKRConnector()` is the same object wherever it is called, one per profile. Every coroutine may
    be awaited from any event loop and any thread; the work happens on the connector's own I/O
    thread, so a blocked caller costs no heartbeat and no fill.

    Settings come from keyword arguments, then the environment, then files (see `Settings`). Paper
    and read-only are the defaults: trading needs `readonly=False`.

    Example:
        ```python
        async with IBKRConnector(readonly=False) as ib:
            quote = await ib.get_quote("AAPL")
            report = await ib.place_order(
                {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "MKT"}
            )
        ```
    """

    _shared: ClassVar[dict[str, IBKRConnector]] = {}
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    _settings: Settings
    _lock: threading.Lock
    _runtime: _Runtime | None
    _pid: int

    def __new__(cls, profile: str | None = None, **overrides: Any) -> Self:
        """
        Return the shared connector of a profile, making it at the first call.

        Args:
            profile: Name of a profile of the settings; the default one when not given.
            overrides: Any setting by its field name, such as `port=7497` or `readonly=False`.

        Raises:
            ConfigurationError: A setting is misspelt, wrong or contradictory, or the profile is
                in use already with other settings.
        """
        name = profile or DEFAULT_PROFILE
        with cls._shared_lock:
            existing = cls._shared.get(name)
            if existing is not None and existing._pid != os.getpid():
                # a forked child has no I/O thread: what it inherited is not a connector
                existing = None
            if existing is None:
                existing = cls._make(Settings.load(profile, **overrides))
                cls._shared[name] = existing
            elif overrides:
                existing._check_same(Settings.load(profile, **overrides))
        assert isinstance(existing, cls)
        return existing

    @classmethod
    def create(cls, settings: Settings) -> Self:
        """Make a connector of its own, which nobody shares; for tests and for several logins."""
        return cls._make(settings)

    @classmethod
    def _make(cls, settings: Settings) -> Self:
        self = object.__new__(cls)
        self._settings = settings
        self._lock = threading.Lock()
        self._runtime = None
        self._pid = os.getpid()
        return self

    def _check_same(self, wanted: Settings) -> None:
        mine = self._settings
        differing = sorted(
            name for name in type(mine).model_fields if getattr(mine, name) != getattr(wanted, name)
        )
        if differing:
            raise ConfigurationError(
                f"profile {mine.profile!r} is in use with other settings: {', '.join(differing)}",
                hint="use another profile name, or IBKRConnector.create(settings)",
            )

    @property
    def settings(self) -> Settings:
        """The frozen settings this connector was made with."""
        return self._settings

    # --- connection -----------------------------------------------------------------------------

    async def connect(self) -> None:
        """
        Connect, verify the account against the mode, synchronise, and return when ready.

        Calling it again is harmless; concurrent callers share one attempt. After this, lost
        connections come back by themselves until `disconnect`.

        Raises:
            GatewayUnavailableError: Nothing usable answers at the host and port.
            AuthenticationError: The gateway answers but does not let the program in.
            ClientIdInUseError: Another program uses the client id (TWS 326).
            ConfigurationError: Port or accounts contradict the paper/live mode.
            RequestTimeoutError: An essential part of the start-up did not answer.
        """
        runtime = self._start()
        try:
            await self._call(runtime, runtime.connect)
        except BaseException:
            if not self._is_supervised(runtime):
                await self._end(runtime)
            raise

    async def disconnect(self) -> None:
        """Close the connection and the I/O thread; harmless when there is none."""
        with self._lock:
            runtime = self._runtime
        if runtime is not None:
            await self._end(runtime)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.disconnect()

    def get_connection_status(self) -> ConnectionStatus:
        """Return a picture of the connection; never waits and never asks the gateway."""
        ...

    def get_connection_health(self) -> dict[str, Any]:
        """Return the same as `get_connection_status` as a plain dict, ready for JSON."""
        ...
