"""
One I/O thread and the engine that lives in it.

Owns their beginning and their end: several callers may open and end one runtime, each at any time
and from any thread, and it happens once. It knows nothing of the calls that go through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .gateway.collector import importing
from .gateway.lean import import_ib_async
from .loops import loop_factory
from .portal import Portal

if TYPE_CHECKING:
    from .engine import Engine
    from .metering import Metering
    from .orders.confirming import Confirmer
    from .settings import Settings

__all__ = ["Runtime", "load_engine"]

CLOSE_S: Final = 5.0
"""How long a caller who is cancelled while he closes still waits for the end of it."""


def load_engine() -> type[Engine]:
    """Import what a connection needs: paid by the first one, once, off the caller's loop."""
    with importing():
        import_ib_async()
        from .engine import Engine  # noqa: PLC0415

        return Engine


class Runtime:
    """One I/O thread and the engine that lives in it: made by `connect`, ended by `disconnect`."""

    def __init__(
        self,
        settings: Settings,
        *,
        metering: Metering,
        confirmer: Callable[[], Confirmer | None] = lambda: None,
    ) -> None:
        self.portal = Portal.start(
            f"ibkr-{settings.profile}", new_loop=loop_factory(settings.event_loop)
        )
        self.engine: Engine | None = None
        self.connecting = 0
        self._settings = settings
        self._confirmer = confirmer
        self._metering = metering
        self._opening: asyncio.Task[Engine] | None = None

    async def connect(self) -> None:
        """Open the engine, once for all callers, and connect it."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="ibkr-open")
        self.engine = await asyncio.shield(self._opening)
        await self.engine.connect()

    async def aclose(self) -> None:
        """Close the engine, also one that is still being opened; runs on the thread's loop."""
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        if self.engine is not None:
            try:
                await self.engine.aclose()
            finally:
                await self._unwatch()

    async def _unwatch(self) -> None:
        self._metering.leave()
        await asyncio.to_thread(self._metering.close)

    async def _open(self) -> Engine:
        engine = await load_engine().open(self._settings)
        engine.orders.confirmations.confirmer = self._confirmer
        try:
            self._metering.follow(engine)
        except BaseException:
            await self._unwatch()
            await engine.aclose()
            raise
        self.engine = engine
        return engine

    async def end(self) -> None:
        """Close the engine and end the thread; bounded, also when the caller is cancelled."""
        closing = asyncio.ensure_future(self.portal.call(self.aclose))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # half a close would leave the journal locked and the client id taken
            await asyncio.wait([closing], timeout=CLOSE_S)
            raise
        finally:
            # joins a thread that has nothing left to do
            self.portal.stop()
