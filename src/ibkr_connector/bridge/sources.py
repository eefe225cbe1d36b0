"""
Where the messages of topics come from: a stream of the connector, or looks that are compared.

Owns: what each topic tells, and that a picture which cannot be had for a while is told as such and
comes again. Knows no readers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRConnectionError, IBKRError, MarketDataError
from ibkr_connector.model.alerts import AlertChange
from ibkr_connector.model.market import Quote
from ibkr_connector.model.streams import Gap

from .older_form import OlderQuote
from .plain import as_json
from .problems import of_error
from .topic_names import OLDER, TopicName

__all__ = ["Sources", "Told", "told"]

_LOOK_S: Final = 0.5
"""How often a picture is compared with what was told last; all of them are caches of ours."""

_AGAIN_S: Final = 1.0
_WORDS: Final = {
    "quotes": "quote",
    OLDER: "quote",
    "trades": "trade",
    "depth": "depth",
    "bars": "bar",
}

Told = tuple[str, bytes, object]
"""What to call it, what is told, and the record it was made of."""

_Look = tuple[str, bytes, bytes]
"""What to call it, what is told, and what is compared."""


class Sources:
    """
    What topics tell, from one connector.

    Args:
        connector: Where everything comes from.
        clock: Source of time.
    """

    def __init__(self, connector: IBKRConnector, *, clock: Clock) -> None:
        self._ib = connector
        self._clock = clock

    async def records(self, name: TopicName) -> AsyncGenerator[Told]:
        """
        Bring what a topic tells, until it ends.

        Raises:
            IBKRError: It cannot be followed.
        """
        async with aclosing(self._of(name)) as records:
            async for one in records:
                yield one

    def _of(self, name: TopicName) -> AsyncGenerator[Told]:
        match name.kind:
            case "account":
                return self._changes(lambda: self._account(name.account))
            case "status":
                return self._changes(self._status)
            case "pacing":
                return self._changes(self._pacing)
            case "alerts":
                return self._again(self._alerts)
            case "pnl":
                return self._again(lambda: self._pnl(name.account))
            case "orders":
                return self._again(lambda: self._followed(name))
            case _:
                return self._followed(name)

    # --- streams --------------------------------------------------------------------------------

    def _stream(self, name: TopicName) -> Any:
        match name.kind:
            case "quotes" | "older":
                return self._ib.stream_quotes(name.symbol)
            case "trades":
                return self._ib.stream_trades(name.symbol)
            case "depth":
                return self._ib.stream_depth(name.symbol)
            case "bars":
                return self._ib.stream_bars(name.symbol, bar_size=name.detail or "5 secs")
            case "orders":
                return self._ib.stream_order_events()
            case _:
                raise MarketDataError(f"there is no stream for {name.kind}")

    async def _followed(self, name: TopicName) -> AsyncGenerator[Told]:
        async with aclosing(_read(self._stream(name))) as records:
            async for record in records:
                written = record
                if name.kind == OLDER and isinstance(record, Quote):
                    written = OlderQuote.of(record, name.symbol)
                yield _word(name, record), as_json(written), record

    async def _again(self, bring: Callable[[], AsyncGenerator[Told]]) -> AsyncGenerator[Told]:
        """Bring what a stream tells; without a connection say so, once, and try again."""
        is_told = False
        while True:
            try:
                async with aclosing(bring()) as records:
                    async for one in records:
                        is_told = False
                        yield one
            except IBKRConnectionError as error:
                if not is_told:
                    is_told = True
                    yield "unavailable", told(error), None
                await self._clock.sleep(_AGAIN_S)
            else:
                return

    async def _pnl(self, account: str | None) -> AsyncGenerator[Told]:
        async with aclosing(_read(self._ib.portfolio.stream_pnl(account))) as records:
            async for record in records:
                yield "pnl", as_json(record), record

    async def _alerts(self) -> AsyncGenerator[Told]:
        """Bring all that is wrong now, and again at each change, with the change beside it."""
        async with self._ib.alerts.stream() as stream:
            # begun before the look, so that no change falls between the two
            yield "alerts", await self._all_alerts(None), None
            async for change in stream:
                yield "alerts", await self._all_alerts(change), change

    async def _all_alerts(self, change: object) -> bytes:
        rows = b",".join(as_json(one) for one in await self._ib.alerts.active())
        last = as_json(change) if isinstance(change, AlertChange) else b"null"
        return b'{"active":[%s],"change":%s}' % (rows, last)

    # --- pictures -------------------------------------------------------------------------------

    async def _changes(self, look: Callable[[], Awaitable[_Look]]) -> AsyncGenerator[Told]:
        """
        Bring what a look finds whenever that differs from the last.

        *limit*: of changes within half a second only the last one is told.
        """
        last: bytes | None = None
        while True:
            try:
                kind, data, mark = await look()
            except IBKRError as error:
                # it comes back with the connection
                kind, data, mark = "unavailable", told(error), type(error).__name__.encode()
            if mark != last:
                last = mark
                yield kind, data, None
            await self._clock.sleep(_LOOK_S)

    async def _account(self, account: str | None) -> _Look:
        summary = await self._ib.get_account_summary(account)
        positions = await self._ib.get_positions(account)
        rows = b",".join(as_json(one) for one in positions)
        data = b'{"summary":%s,"positions":[%s]}' % (as_json(summary), rows)
        return "account", data, data

    async def _status(self) -> _Look:
        data = as_json(self._ib.get_connection_status())
        # what only says how long it has been so is no change
        marks = {k: v for k, v in json.loads(data).items() if k not in _RUNNING}
        return "status", data, json.dumps(marks).encode()

    async def _pacing(self) -> _Look:
        data = as_json(await self._ib.pacing_status())
        return "pacing", data, data


_RUNNING: Final = frozenset({"uptime_s", "heartbeat_rtt_ms", "last_heartbeat", "next_attempt_in_s"})


def told(error: IBKRError) -> bytes:
    """Return an error as a topic tells it: the problem that a request would be answered with."""
    return bytes(of_error(error, correlation_id="").body)


async def _read(stream: Any) -> AsyncGenerator[Any]:
    try:
        async for record in stream:
            yield record
    finally:
        with suppress(IBKRError):
            await stream.aclose()


def _word(name: TopicName, record: object) -> str:
    if isinstance(record, Gap):
        return "gap"
    return _WORDS.get(name.kind, type(record).__name__)
