"""
History: long downloads, the store, and what the calendar says about both.

The desk behind `IBKRConnector.history` and behind `get_historical_data` where one request is not
enough. Owns what a wish means: which span, whether it is stored, whose calendar it is compared
with. How it is cut and fetched is `download.py`'s, what is on the disk `bar_store.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import HistoricalDataError, NoDataError
from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.history import BarGap, Download, DownloadBatch, TimeSpan
from ibkr_connector.model.market import BarSeries
from ibkr_connector.resilience.operation import Carrier

from .bar_store import BarStore, SeriesKey
from .batch import BatchProgress, download_batch
from .chunks import BAR_S, fits_one_request, on_the_grid, start_of_duration
from .download import BarsSource, Downloader, Progress
from .emptiness import Emptiness
from .expected import Expected, expected
from .gaps import find_gaps, find_jumps
from .intervals import Span, time_spans, without
from .past import Past
from .questions import aware, show_of
from .renewing import Renewing
from .spans import (
    check_bar_size,
    check_long_duration,
)

__all__ = ["HistoryDesk", "HistoryWish"]

_WITHOUT_END: Final = frozenset({"ADJUSTED_LAST"})
"""What comes up to now and no other way (IB campus; TWS 321)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWish:
    """What is wanted; see `IBKRConnector.get_historical_data` and `History.download`."""

    contract: Contract | str
    duration: str = "1 D"
    bar_size: str = "1 min"
    what_to_show: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    regular_hours_only: bool = True
    stored: bool = False
    check: bool = True
    progress: Progress | None = None
    at_once: int = 3

    def __post_init__(self) -> None:
        for time in (self.start, self.end):
            if time is not None:
                aware(time)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A wish made out: whose bars, which span, and from when on if days are counted."""

    details: ContractDetails
    key: SeriesKey
    start: datetime
    end: datetime
    days: int = 0

    @property
    def contract(self) -> Contract:
        """Whose bars."""
        return self.details.contract


class HistoryDesk:
    """
    Answer questions about the past.

    Args:
        gateway: Asks one request.
        past: Knows the calendar.
        pipeline: Carries requests out.
        clock: The one time base.
        resolve: Turns text or a description into the details of one contract.
        ready: Waits for a connection, that many seconds at most.
        store: Where downloads are kept.
    """

    def __init__(
        self,
        *,
        gateway: BarsSource,
        past: Past,
        pipeline: Carrier,
        clock: Clock,
        resolve: Callable[[Contract | str], Awaitable[ContractDetails]],
        ready: Callable[[float], Awaitable[None]],
        store: BarStore,
    ) -> None:
        self._clock = clock
        self._resolve = resolve
        self.past = past
        self.store = store
        self._downloader = Downloader(source=gateway, pipeline=pipeline, clock=clock, ready=ready)

    # --- bars -----------------------------------------------------------------------------------

    def is_long(self, wish: HistoryWish) -> bool:
        """Tell whether a wish takes more than one plain request."""
        size, duration = check_bar_size(wish.bar_size), check_long_duration(wish.duration)
        return (
            wish.stored or wish.start is not None or not fits_one_request(duration, bar_size=size)
        )

    async def download_many(
        self,
        wishes: Mapping[Contract | str, HistoryWish],
        *,
        at_once: int,
        tell: BatchProgress,
    ) -> DownloadBatch:
        """Download each, so many at a time."""
        return await download_batch(
            wishes,
            lambda what, progress: self.download(replace(wishes[what], progress=progress)),
            at_once=at_once,
            clock=self._clock,
            tell=tell,
        )

    async def download(self, wish: HistoryWish) -> Download:
        """
        Fetch what is missing of a span, and return all of it.

        Raises:
            HistoricalDataError: Illegal arguments, refused (TWS 162, 321), or a torn file.
            NoDataError: There is not one bar.
            IBKRError: What ended it; a note says how far it has come.
        """
        plan = await self._plan(wish)
        span = (micros(plan.start), micros(plan.end))
        store = self.store if wish.stored else None
        if _comes_up_to_now(plan.contract, plan.key.what_to_show):
            renewing = Renewing(
                downloader=self._downloader,
                clock=self._clock,
                contract=plan.contract,
                key=plan.key,
            )
            found = await renewing.run(span, store=store)
        else:
            emptiness = Emptiness(past=self.past, details=plan.details, key=plan.key, span=span)
            found = await self._downloader.run(
                plan.contract,
                plan.key,
                span=span,
                store=store,
                empty=emptiness.beforehand,
                believed=emptiness.believed,
                progress=wish.progress,
                at_once=wish.at_once,
            )
        columns = BarColumns.merged(found.parts)
        if not columns:
            raise _nothing_in(plan, plan.start)
        start, told = plan.start, Expected(sessions=None, calendar="not asked for")
        if wish.check or plan.days:
            told = await expected(
                self.past,
                plan.details,
                start=plan.start,
                end=plan.end,
                regular=plan.key.regular_hours_only,
            )
        sessions = told.sessions
        if plan.days and sessions is not None:
            # a day with a break has two stretches
            begun = list(
                {one.day: one.start for one in reversed(sessions) if one.start < plan.end}.values()
            )
            start = max(start, begun[plan.days - 1]) if len(begun) >= plan.days else start
            columns = columns.between(on_the_grid(start, bar_size=plan.key.bar_size), plan.end)
            if not columns:
                raise _nothing_in(plan, start)
        gaps = None
        if wish.check and sessions is not None:
            until = min(plan.end, moment(columns.timestamp[-1]) + _size(plan.key.bar_size))
            within = [TimeSpan(start=start, end=until)]
            gaps = find_gaps(columns, sessions, bar_size=plan.key.bar_size, within=within)
        jumps = find_jumps(columns, bar_size=plan.key.bar_size)
        return Download(
            series=BarSeries.of_columns(
                columns,
                contract=plan.contract,
                bar_size=plan.key.bar_size,
                what_to_show=plan.key.what_to_show,
            ),
            requests=found.requests,
            stored_bars=found.stored_bars,
            gaps=gaps,
            calendar=told.calendar,
            splits=(*found.splits, *jumps),
            notes=told.notes,
        )

    # --- the store ------------------------------------------------------------------------------

    async def key_of(self, wish: HistoryWish) -> SeriesKey:
        """Return the series that a wish is about."""
        contract = (await self._resolve(wish.contract)).contract
        return SeriesKey.of(
            contract,
            bar_size=check_bar_size(wish.bar_size),
            what_to_show=show_of(wish.what_to_show, contract),
            regular_hours_only=wish.regular_hours_only,
        )

    async def coverage(self, wish: HistoryWish) -> tuple[TimeSpan, ...]:
        """Return the spans that are known, also where they hold no bar."""
        key = await self.key_of(wish)
        return time_spans(await asyncio.to_thread(self.store.coverage, key))

    async def read(self, wish: HistoryWish) -> BarSeries:
        """Return what is stored of a series, without asking anybody."""
        contract = (await self._resolve(wish.contract)).contract
        key = await self.key_of(wish)
        span = None
        if wish.start is not None or wish.end is not None:
            last = micros(wish.end) if wish.end is not None else micros(self._clock.utcnow())
            span = (micros(wish.start) if wish.start is not None else 0, last)
        columns = await asyncio.to_thread(self.store.read, key, span)
        if not columns:
            raise NoDataError(f"nothing is stored of {contract} in bars of {key.bar_size}")
        return BarSeries.of_columns(
            columns, contract=contract, bar_size=key.bar_size, what_to_show=key.what_to_show
        )

    async def gaps(self, wish: HistoryWish) -> tuple[BarGap, ...]:
        """
        Return what the calendar expects in the known spans of a stored series and is not there.

        Raises:
            NoDataError: Nothing is stored.
            HistoricalDataError: Nobody tells a calendar.
        """
        details = await self._resolve(wish.contract)
        contract = details.contract
        key = await self.key_of(wish)
        known = await asyncio.to_thread(self.store.coverage, key)
        if not known:
            raise NoDataError(f"nothing is stored of {contract} in bars of {key.bar_size}")
        if wish.start is not None:
            known = without(known, [(0, micros(wish.start))])
        columns = await asyncio.to_thread(self.store.read, key)
        within = time_spans(known)
        told = await expected(
            self.past,
            details,
            start=within[0].start,
            end=within[-1].end,
            regular=key.regular_hours_only,
        )
        if told.sessions is None:
            raise HistoricalDataError(f"nobody knows when {contract} trades: {told.calendar}")
        return find_gaps(columns, told.sessions, bar_size=key.bar_size, within=within)

    async def forget(self, wish: HistoryWish) -> None:
        """Remove a stored series, or a span of it."""
        key = await self.key_of(wish)
        spans: list[Span] | None = None
        if wish.start is not None or wish.end is not None:
            last = micros(wish.end) if wish.end is not None else micros(self._clock.utcnow())
            spans = [(micros(wish.start) if wish.start is not None else 0, last)]
        async with self._downloader.held(self.store, key):
            await asyncio.to_thread(self.store.forget, key, spans)

    # --- parts ----------------------------------------------------------------------------------

    async def _plan(self, wish: HistoryWish) -> _Plan:
        details = await self._resolve(wish.contract)
        contract = details.contract
        now = self._clock.utcnow()
        end = now if wish.end is None else min(aware(wish.end), now)
        duration = check_long_duration(wish.duration)
        start = aware(wish.start) if wish.start else start_of_duration(duration, end)
        if start >= end:
            raise HistoricalDataError(
                f"a span from {start.isoformat()} to {end.isoformat()} holds nothing",
                hint="`start` is before `end`, and neither is in the future",
            )
        count, unit = duration.split()
        size = check_bar_size(wish.bar_size)
        # a bar that begins within the span belongs to it: it begins with one, and with the hour or
        # the day where bars are longer
        start = on_the_grid(start, bar_size=size)
        return _Plan(
            details=details,
            key=SeriesKey.of(
                contract,
                bar_size=size,
                what_to_show=show_of(wish.what_to_show, contract),
                regular_hours_only=wish.regular_hours_only,
            ),
            start=start,
            end=end,
            days=int(count) if wish.start is None and unit == "D" else 0,
        )


def _comes_up_to_now(contract: Contract, show: str) -> bool:
    # TWS 10339 for continuous futures
    return show in _WITHOUT_END or contract.security_type is SecurityType.CONTINUOUS_FUTURE


def _nothing_in(plan: _Plan, start: datetime) -> NoDataError:
    return NoDataError(
        f"no bars of {plan.key.bar_size} of {plan.contract} between "
        f"{start:%Y-%m-%d %H:%M} and {plan.end:%Y-%m-%d %H:%M} UTC"
    )


def _size(bar_size: str) -> timedelta:
    return timedelta(seconds=BAR_S[bar_size])
