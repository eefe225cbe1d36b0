"""
Series that come up to now and no other way: adjusted prices, continuous futures.

TWS refuses an end for both (321, 10339), so one request brings all of a series or nothing. They are
no history that only grows: a split or a dividend changes every adjusted price before it, a roll
every price of a continuous future that IB adjusts. So what is stored is compared with what IB says
now, in its newest bars. When they are the same the new bars are added to it; when they are not,
the past is another one, and all of it is fetched again and put in the place of what was stored.

*Limit*: a correction that IB makes to older bars alone is not seen; `forget` fetches all of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import HistoricalDataError
from ibkr_connector.model.bars import BarColumns, moment
from ibkr_connector.model.contracts import Contract

from .bar_store import BarStore, SeriesKey
from .chunks import fits_one_request
from .download import Downloaded, Downloader, on_disk
from .gaps import revised
from .intervals import Span

__all__ = ["Renewing"]

_MOST_DAYS: Final = 365
"""Of one request; longer ones are asked for in years (IB campus: durations)."""

_COMPARED: Final = 12
"""Stored bars that are asked for again, to see whether they are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """
    Fetches one series.

    Args:
        downloader: Asks requests.
        clock: The one time base.
        contract: Qualified.
        key: The series.
    """

    downloader: Downloader
    clock: Clock
    contract: Contract
    key: SeriesKey

    async def run(self, span: Span, *, store: BarStore | None) -> Downloaded:
        """
        Fetch what is missing of a span, and all of it when the past has changed.

        Raises:
            HistoricalDataError: The span does not fit one request.
        """
        found = Downloaded()
        if store is None:
            columns = await self._since(span[0], found)
            found.parts = [columns.between(moment(span[0]), moment(span[1]))]
            found.bars = len(found.parts[0])
            return found
        async with self.downloader.held(store, self.key):
            await on_disk(lambda: store.tidy(self.key))
            known = await asyncio.to_thread(store.coverage, self.key)
            stored = await asyncio.to_thread(store.read, self.key)
            if len(known) == 1 and known[0][0] <= span[0] and stored:
                newest = await self._added(store, stored, known=known[0], found=found)
            else:
                newest = await self._replaced(
                    store, min([span[0], *(one[0] for one in known)]), found
                )
            whole = await asyncio.to_thread(store.read, self.key)
        found.parts = [part.between(moment(span[0]), moment(span[1])) for part in (newest, whole)]
        return found

    async def _added(
        self, store: BarStore, stored: BarColumns, *, known: Span, found: Downloaded
    ) -> BarColumns:
        since = stored.timestamp[-min(_COMPARED, len(stored))]
        told = await self._since(since, found)
        note = revised(stored, told)
        if note is not None or since not in told.timestamp:
            if note is not None:
                found.splits.append(note)
            return await self._replaced(store, known[0], found)
        final = self.downloader.final(self.key, told)
        if final > known[1]:
            await on_disk(lambda: store.add(self.key, told, known=[(since, final)]))
        found.stored_bars = len(stored)
        found.bars = sum(time > stored.timestamp[-1] for time in told.timestamp)
        return told

    async def _replaced(self, store: BarStore, since: int, found: Downloaded) -> BarColumns:
        told = await self._since(since, found)
        known = [(since, self.downloader.final(self.key, told))]
        await on_disk(lambda: store.replace(self.key, told, known=known))
        found.bars = len(told)
        return told

    async def _since(self, since: int, found: Downloaded) -> BarColumns:
        duration = self._duration(moment(since))
        series = await self.downloader.ask(self.contract, self.key, duration=duration, end=None)
        found.requests += 1
        return series.columns.between(moment(since), self.clock.utcnow() + timedelta(days=1))

    def _duration(self, since: datetime) -> str:
        # days are trading days, of which no span has more than it has days
        days = (self.clock.utcnow() - since).days + 2
        duration = f"{days} D" if days <= _MOST_DAYS else f"{days // 365 + 1} Y"
        if not fits_one_request(duration, bar_size=self.key.bar_size):
            raise HistoricalDataError(
                f"{self.key.what_to_show} of {self.contract} comes up to now and as one request "
                f"only: {duration} is too long with bars of {self.key.bar_size}",
                hint="use larger bars or a shorter time",
            )
        return duration
