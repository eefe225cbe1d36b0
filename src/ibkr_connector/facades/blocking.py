"""A connector for threads that wait: scripts, notebooks, frameworks without a loop."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ibkr_connector.connector import IBKRConnector
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.portal import Portal

__all__ = ["Blocking"]

T = TypeVar("T")

_OVER: Final[Any] = object()


class Blocking:
    """
    Any call of a connector, awaited on a thread beside, while the caller's own thread waits.

    Also where a loop runs in the caller's thread already, as in a notebook: that loop stands still
    meanwhile, and loses nothing, since the connection lives elsewhere.

    Example:
        ```python
        with Blocking(IBKRConnector()) as ib:
            quote = ib.call(lambda ib: ib.get_quote("AAPL"))
            for quote in ib.iterate(ib.connector.stream_quotes("AAPL")):
                ...
        ```
    """

    def __init__(self, connector: IBKRConnector) -> None:
        self.connector: Final = connector
        self._portal: Portal | None = None
        # what the collector of cycles closes in the middle of anything comes in a second time
        self._lock = threading.RLock()
        self._waiting = 0

    def connect(self) -> None:
        """
        Connect, and wait until the connection is ready.

        Raises:
            IBKRConnectionError, ConfigurationError, RequestTimeoutError: As `connect` of the
                connector.
        """
        self.call(lambda ib: ib.connect())

    def disconnect(self) -> None:
        """Close the connection, and the thread that waited for it; harmless when there is none."""
        self.call(lambda ib: ib.disconnect())

    def call(
        self, do: Callable[[IBKRConnector], Awaitable[T]], *, timeout_s: float | None = None
    ) -> T:
        """
        Wait for one coroutine of the connector.

        Args:
            do: Makes it, as in `lambda ib: ib.get_positions()`.
            timeout_s: Give up then; for ever when not given, and each call has its own deadline.

        Raises:
            RequestTimeoutError: No result in time. The work is cancelled, and may have been done.
            IBKRError: What the coroutine raises.
        """
        with self._thread() as portal:
            return portal.run(lambda: do(self.connector), timeout_s=timeout_s, beside_a_loop=True)

    def iterate(self, stream: AsyncIterator[T], *, timeout_s: float | None = None) -> Iterator[T]:
        """
        Go over a stream of the connector; what is left behind is closed.

        Raises:
            RequestTimeoutError: Nothing came for `timeout_s`.
        """

        async def following(_: IBKRConnector) -> T:
            return await anext(stream, _OVER)

        async def closing(_: IBKRConnector) -> None:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

        try:
            while (item := self.call(following, timeout_s=timeout_s)) is not _OVER:
                yield item
        finally:
            self.call(closing)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    @contextmanager
    def _thread(self) -> Iterator[Portal]:
        """Lend the thread, which is there while the connection is, or somebody waits."""
        with self._lock:
            if self._portal is None or not self._portal.is_running:
                self._portal = Portal.start(f"ibkr-{self.connector.settings.profile}-blocking")
                self._waiting = 0
            portal = self._portal
            self._waiting += 1
        try:
            yield portal
        finally:
            with self._lock:
                self._waiting -= 1
                is_over = self._waiting == 0 and self._is_idle()
                if is_over:
                    self._portal = None
            if is_over:
                portal.stop()

    def _is_idle(self) -> bool:
        return self.connector.get_connection_status().state is ConnectionState.IDLE
