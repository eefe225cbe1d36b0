"""Quotes that several callers share: one question to the gateway for all who ask at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextvars import Context
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError, NotConnectedError
from ibkr_connector.model.market import Quote

from .hub import Hub

__all__ = ["QuoteCache"]

_SYMBOLS: Final = 1024

_AHEAD: Final = 0.5
"""From which part of its age on a quote that is asked for again is renewed ahead."""


class QuoteCache:
    """
    Answer from what is known: a stream that somebody follows, or a snapshot that is young enough.

    Args:
        connector: Where quotes come from.
        hub: Knows the newest quote of what is followed.
        clock: Tells how old an answer is.
        tasks: Where the questions run, so that a caller who goes away ends nobody else's.
    """

    def __init__(
        self, connector: IBKRConnector, *, hub: Hub, clock: Clock, tasks: asyncio.TaskGroup
    ) -> None:
        self._ib = connector
        self._hub = hub
        self._clock = clock
        self._tasks = tasks
        self._known: OrderedDict[str, tuple[float, Quote]] = OrderedDict()
        self._asked: dict[str, asyncio.Future[Quote]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def get(self, symbol: str, *, max_age_s: float) -> tuple[Quote, float]:
        """
        Return a quote and how many seconds ago it was got.

        Raises:
            IBKRError: There is none; everybody who waits for it is told the same.
        """
        if not self._ib.is_connected:
            # what was known before is no quote
            raise NotConnectedError("there is no connection to take quotes from")
        streamed = self._hub.newest_quote(symbol)
        if streamed is not None:
            return streamed, 0.0
        known = self._known.get(symbol)
        if known is not None:
            age_s = self._clock.monotonic() - known[0]
            if age_s <= max_age_s:
                if age_s >= max_age_s * _AHEAD:
                    # the next one is asked for in time, so that nobody waits while it is asked
                    self._asked_for(symbol)
                return known[1], age_s
        return await asyncio.shield(self._asked_for(symbol)), 0.0

    def _asked_for(self, symbol: str) -> asyncio.Future[Quote]:
        """Return the question of now, which is put if it is not."""
        asked = self._asked.get(symbol)
        if asked is None:
            asked = self._asked[symbol] = asyncio.get_running_loop().create_future()
            # in a context of its own: it is everybody's question, not the first caller's
            task = self._tasks.create_task(self._ask(symbol, asked), context=Context())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return asked

    async def aclose(self) -> None:
        """Ask no more; who still waits is told that the bridge ends."""
        for task in tuple(self._asking):
            task.cancel()
        if self._asking:
            await asyncio.wait(self._asking)

    async def _ask(self, symbol: str, asked: asyncio.Future[Quote]) -> None:
        try:
            quote = await self._ib.get_quote(symbol)
        except IBKRError as error:
            _settle(asked, error)
        except asyncio.CancelledError:
            _settle(asked, NotConnectedError("the bridge is being shut down"))
            raise
        except Exception as error:  # noqa: BLE001  # handed to whoever waits for it
            _settle(asked, error)
        else:
            self._known[symbol] = (self._clock.monotonic(), quote)
            self._known.move_to_end(symbol)
            while len(self._known) > _SYMBOLS:
                self._known.popitem(last=False)
            asked.set_result(quote)
        finally:
            self._asked.pop(symbol, None)


def _settle(asked: asyncio.Future[Quote], error: Exception) -> None:
    if not asked.done():
        asked.set_exception(error)
        # when every caller has gone away, nobody is left to look at it
        asked.exception()
