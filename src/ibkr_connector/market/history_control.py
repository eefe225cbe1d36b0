"""`ib.history`: downloads, what is stored, and what is missing, as users hold them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import (
    BarGap,
    Download,
    DownloadBatch,
    Session,
    StoredSeries,
    TimeSpan,
)
from ibkr_connector.model.market import BarSeries
from ibkr_connector.model.research import PastTicks, VolumeAtPrice

from .bar_store import BarStore
from .batch import BatchProgress
from .download import Progress
from .history import HistoryDesk, HistoryWish
from .past_ticks import PastTickDesk
from .store_query import query, scan

__all__ = ["History"]

T = TypeVar("T")


class History:
    """
    The past: downloads that are kept, and questions to what is kept.

    `stored`, `query` and `store` work without a connection; the others need one.

    Args:
        call: Runs something on the desk, over the connection.
        folder: Where downloads are kept (`history_dir`).
        ticks: Runs something on the desk of ticks.
    """

    def __init__(
        self,
        call: Callable[[Callable[[HistoryDesk], Awaitable[Any]]], Awaitable[Any]],
        folder: Path,
        *,
        ticks: Callable[[Callable[[PastTickDesk], Awaitable[Any]]], Awaitable[Any]],
    ) -> None:
        self._call = call
        self._ticks = ticks
        self.store = BarStore(folder)

    # --- fetching -------------------------------------------------------------------------------

    async def download(
        self,
        contract: Contract | str,
        *,
        duration: str = "1 Y",
        bar_size: str = "1 min",
        what_to_show: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        regular_hours_only: bool = True,
        progress: Progress | None = None,
        at_once: int = 3,
    ) -> Download:
        """
        Have a span of bars on the disk: what is stored is read, the rest asked for and kept.

        What was interrupted, by whatever, goes on where it was when it is called again. A second
        download of the same bars, in this process or another, waits for the first.

        Args, Raises: As of `IBKRConnector.get_historical_data`, and a torn file of the store is a
            `HistoricalDataError` that names it. TWS 162 may also mean `MarketDataPermissionError`
            or `AuthenticationError`. What ended a download carries a note that says how
            far it has come. `at_once` is how many requests are open at a time.

        Source: `reqHistoricalData` (20). Replay: safe. Cost: 1 message for each request.
        """
        wish = HistoryWish(
            contract=contract,
            duration=duration,
            bar_size=bar_size,
            what_to_show=what_to_show,
            start=start,
            end=end,
            regular_hours_only=regular_hours_only,
            stored=True,
            progress=progress,
            at_once=at_once,
        )
        return await self._do(lambda desk: desk.download(wish))

    async def download_many(
        self,
        contracts: Iterable[Contract | str],
        *,
        progress: BatchProgress | None = None,
        contracts_at_once: int = 3,
        **wish: Any,
    ) -> DownloadBatch:
        """
        Have the same span of many contracts on the disk; each as `download`, arguments too.

        Returns:
            A table of what came of each, failures with their reason. The bars are in the store:
            `read` has them, so that a thousand contracts need no memory.

        Args:
            contracts: Contracts or their short text forms.
            progress: Called with the table whenever a contract has gone on: `finished`, `eta_s`.
            contracts_at_once: Contracts that are downloaded at a time; the pacing is for all.
            wish: `duration`, `bar_size`, `what_to_show`, `start`, `end`, `regular_hours_only`.

        What is interrupted goes on where it was when it is called again: what is stored is not
        asked for. One contract that fails ends no other.
        """
        wanted = {one: replace(_wish(one, wish), stored=True) for one in contracts}
        if contracts_at_once < 1:
            raise HistoricalDataError(f"contracts_at_once is {contracts_at_once}, and at least 1")
        return await self._do(
            lambda desk: desk.download_many(
                wanted, at_once=contracts_at_once, tell=progress or (lambda _: None)
            )
        )

    async def head_timestamp(
        self,
        contract: Contract | str,
        *,
        what_to_show: str | None = None,
        regular_hours_only: bool = True,
    ) -> datetime:
        """
        Return the earliest moment of which IB has data.

        Raises:
            HistoricalDataError: There is none (TWS 162).

        Source: `reqHeadTimestamp` (87). Replay: safe. Cost: 2 messages, and one of the sixty
        requests in ten minutes.
        """
        return await self._do(
            lambda desk: desk.past.head_timestamp(
                contract, what_to_show=what_to_show, regular_hours_only=regular_hours_only
            )
        )

    async def schedule(
        self,
        contract: Contract | str,
        *,
        start: datetime,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> tuple[Session, ...]:
        """
        Return the trading sessions that a span of the past touches, oldest first.

        Source: `reqHistoricalData` (20), `SCHEDULE`. Replay: safe. Cost: 1 message.
        """
        return await self._do(
            lambda desk: desk.past.schedule(
                contract, start=start, end=end, regular_hours_only=regular_hours_only
            )
        )

    async def ticks(
        self,
        contract: Contract | str,
        *,
        start: datetime,
        end: datetime | None = None,
        what_to_show: str = "TRADES",
        regular_hours_only: bool = True,
        limit: int = 100_000,
    ) -> PastTicks:
        """
        Return every tick of a span, oldest first, page after page.

        Args:
            contract: A contract or its short text form.
            start: Aware datetime.
            end: Aware datetime; now when not given.
            what_to_show: `TRADES` gives `Trade`s, `BID_ASK` quotes, `MIDPOINT` midpoints.
            regular_hours_only: Leave out what is outside the regular session.
            limit: Ticks at most; `is_whole` of the answer tells whether that was enough.

        Raises:
            MarketDataPermissionError: No permission (TWS 10187).
            HistoricalDataError: Illegal arguments, or refused (TWS 321).

        Source: `reqHistoricalTicks` (96). Replay: safe. Cost: 1 message for a thousand ticks, each
        one of the sixty requests in ten minutes.
        """
        found: PastTicks = await self._ticks(
            lambda desk: desk.ticks(
                contract,
                start=start,
                end=end,
                what_to_show=what_to_show,
                regular_hours_only=regular_hours_only,
                limit=limit,
            )
        )
        return found

    async def histogram(
        self, contract: Contract | str, *, period: str = "1 day", regular_hours_only: bool = True
    ) -> tuple[VolumeAtPrice, ...]:
        """
        Return how much was traded at each price, from the lowest price up.

        Args:
            contract: A contract or its short text form.
            period: As in `3 days`, `1 week`.
            regular_hours_only: Leave out what is outside the regular session.

        Source: `reqHistogramData` (88). Replay: safe. Cost: 1 message.
        """
        found: tuple[VolumeAtPrice, ...] = await self._ticks(
            lambda desk: desk.histogram(
                contract, period=period, regular_hours_only=regular_hours_only
            )
        )
        return found

    # --- what is stored -------------------------------------------------------------------------

    async def stored(self) -> tuple[StoredSeries, ...]:
        """
        Return what the store holds, without asking anybody.

        Raises:
            HistoricalDataError: A file is torn, or none of ours; `store.repair()` moves such away.
        """
        return await asyncio.to_thread(self.store.series)

    async def read(self, contract: Contract | str, **wish: Any) -> BarSeries:
        """
        Return what is stored of a series, and nothing else; arguments as of `download`.

        Raises:
            NoDataError: Nothing is.
        """
        return await self._do(lambda desk: desk.read(_wish(contract, wish)))

    async def coverage(self, contract: Contract | str, **wish: Any) -> tuple[TimeSpan, ...]:
        """Return the spans of time that are known of a series, also where they hold no bar."""
        return await self._do(lambda desk: desk.coverage(_wish(contract, wish)))

    async def gaps(self, contract: Contract | str, **wish: Any) -> tuple[BarGap, ...]:
        """
        Return what IB's schedule expects in what is stored, and is not there.

        Raises:
            NoDataError: Nothing is stored.

        Source: `reqHistoricalData` (20), `SCHEDULE`. Cost: 1 message.
        """
        return await self._do(lambda desk: desk.gaps(_wish(contract, wish)))

    async def forget(self, contract: Contract | str, **wish: Any) -> None:
        """Remove a stored series, or with `start` and `end` a span of it."""
        await self._do(lambda desk: desk.forget(_wish(contract, wish)))

    async def query(self, sql: str) -> Any:
        """
        Run SQL over everything stored, and return a `pyarrow.Table`.

        Tables: `bars` (the columns of a frame, `con_id`, `bar_size`, `show`, `hours`) and `series`
        (`con_id`, `symbol`, `contract`, ...).

        Raises:
            NoDataError: Nothing is stored.
        """
        return await asyncio.to_thread(query, self.store, sql)

    async def scan(self, contract: Contract | str, **wish: Any) -> Any:
        """Return a `polars.LazyFrame` over one stored series."""
        key = await self._do(lambda desk: desk.key_of(_wish(contract, wish)))
        return await asyncio.to_thread(scan, self.store, key)

    async def _do(self, ask: Callable[[HistoryDesk], Awaitable[T]]) -> T:
        found: T = await self._call(ask)
        return found


_NAMES: Final = (
    "duration",
    "bar_size",
    "what_to_show",
    "start",
    "end",
    "regular_hours_only",
)
"""What tells which series is meant, and which part of it."""


def _wish(contract: Contract | str, wish: dict[str, Any]) -> HistoryWish:
    if unknown := sorted(set(wish) - set(_NAMES)):
        raise HistoricalDataError(
            f"no argument is called {', '.join(unknown)}", hint=f"there are {', '.join(_NAMES)}"
        )
    return HistoryWish(contract=contract, **wish)
