"""
Long downloads: what is missing is cut into legal requests, asked for, and kept as it comes.

Owns the way from a span of time to its bars. What is stored is never asked for again; what was
answered is on the disk before the next thing happens, so that a download that is killed goes on
where it was. A connection that is lost is waited for. Everything else that goes wrong ends it, and
says how far it has come: a failure is never a shorter series.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.errors import (
    CircuitOpenError,
    ConnectionLostError,
    IBKRError,
    NoDataError,
    NotConnectedError,
    RequestTimeoutError,
)
from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import DownloadProgress, SplitNote
from ibkr_connector.model.market import BarSeries
from ibkr_connector.resilience.operation import ENDPOINTS, Carrier, Operation

from .bar_store import BarStore, SeriesKey
from .chunks import BAR_S, Chunk, chunks
from .gaps import restated
from .intervals import Span, common, joined, without
from .questions import bars_key

__all__ = ["BarsSource", "Downloaded", "Downloader", "Progress", "on_disk"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

Progress = Callable[[DownloadProgress], object]
"""Told how far a download is; runs on the I/O thread, so it must be quick."""

_SECOND: Final = 1_000_000
_DAY: Final = 86_400

_DEADLINE_S: Final = 4 * 3_600.0
"""Of one request, its wait for the limits of history included."""

_ATTEMPTS: Final = 6
"""How often in a row a request may end with the connection."""

_READY_S: Final = 900.0
_POLL_S: Final = 0.25
_RECENT_S: Final = 3_600
_RECENT_DAYS: Final = 2 * _DAY
"""How long a time is too young to be known for good: delayed data lag, day bars are corrected."""


class BarsSource(Protocol):
    """Asks one request."""

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
        """Fetch the bars of one request."""
        ...


@dataclass(slots=True, kw_only=True)
class Downloaded:
    """What one download has brought so far."""

    parts: list[BarColumns] = field(default_factory=list)
    splits: list[SplitNote] = field(default_factory=list)
    requests: int = 0
    bars: int = 0
    stored_bars: int = 0


@dataclass(slots=True, kw_only=True)
class _Job:
    """One download under way."""

    contract: Contract
    key: SeriesKey
    store: BarStore | None
    progress: Progress | None
    began: float
    queue: list[Chunk] = field(default_factory=list)
    total: int = 0
    believed: Callable[[list[Span]], Awaitable[list[Span]]] | None = None
    silent: list[Span] = field(default_factory=list)
    found: Downloaded = field(default_factory=Downloaded)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Downloader:
    """
    Downloads bars.

    Args:
        source: Asks one request.
        pipeline: Carries requests out, within the limits of history.
        clock: The one time base.
        ready: Waits for a connection, that many seconds at most.
    """

    def __init__(
        self,
        *,
        source: BarsSource,
        pipeline: Carrier,
        clock: Clock,
        ready: Callable[[float], Awaitable[None]],
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._clock = clock
        self._ready = ready

    async def run(
        self,
        contract: Contract,
        key: SeriesKey,
        *,
        span: Span,
        store: BarStore | None = None,
        empty: Callable[[list[Chunk]], Awaitable[Sequence[Span]]] | None = None,
        believed: Callable[[list[Span]], Awaitable[list[Span]]] | None = None,
        progress: Progress | None = None,
        at_once: int = 3,
    ) -> Downloaded:
        """
        Fetch what is missing of a span.

        Args:
            contract: Qualified.
            key: The series.
            span: What is wanted.
            store: Read first, and filled; without one everything is asked for.
            empty: Told what would be asked for; returns times of which there is nothing, and which
                are not asked for.
            believed: Told of which times the answer was that there is nothing; returns those of
                which that is believed. The others are not known, and are asked for another time.
            progress: Told after each answer.
            at_once: Requests that are open at a time.

        Raises:
            IBKRError: What ended it; a note says how far it has come.
        """
        job = _Job(
            believed=believed,
            contract=contract,
            key=key,
            store=store,
            progress=progress,
            began=self._clock.monotonic(),
        )
        try:
            async with self.held(store, key, wait=lambda why: self._tell(job, waits=why)):
                await self._prepare(job, span, empty)
                self._tell(job)
                await self._work(job, at_once)
                if store is not None:
                    await self._settle_silence(job)
                    whole = await asyncio.to_thread(store.read, key, span)
                    job.found.parts.insert(0, whole)
            return job.found
        except IBKRError as error:
            kept = "are stored: asking again goes on from there" if store else "are lost"
            error.add_note(f"{job.found.requests} of {job.total} answers {kept}")
            raise

    @asynccontextmanager
    async def held(
        self,
        store: BarStore | None,
        key: SeriesKey,
        *,
        wait: Callable[[str], None] = lambda _: None,
    ) -> AsyncIterator[None]:
        """Hold a series of the store, after whoever holds it now."""
        if store is None:
            yield
            return
        while (lock := store.take(key)) is None:
            wait("another download of the same bars")
            await self._clock.sleep(_POLL_S)
        try:
            yield
        finally:
            lock.release()

    async def _settle_silence(self, job: _Job) -> None:
        """Store that there is nothing where the gateway said so, and where that is believed."""
        store, silent = job.store, joined(job.silent)
        if store is None or not silent or job.believed is None:
            return
        known = common(await job.believed(silent), silent)
        if known:
            await on_disk(lambda: store.add(job.key, BarColumns(), known=known))

    async def _prepare(
        self,
        job: _Job,
        span: Span,
        empty: Callable[[list[Chunk]], Awaitable[Sequence[Span]]] | None,
    ) -> None:
        missing = [span]
        store, key = job.store, job.key
        if store is not None:
            await on_disk(lambda: store.tidy(key))
            known = await asyncio.to_thread(store.coverage, key)
            missing = without([span], known)
            job.found.stored_bars = len(await asyncio.to_thread(store.read, key, span))
        plan = chunks(missing, bar_size=key.bar_size)
        if empty is not None and plan:
            nothing = common(missing, joined(await empty(plan)))
            if nothing:
                plan = chunks(without(missing, nothing), bar_size=key.bar_size)
                if store is not None:
                    nothing = common(nothing, [(0, self.final(key, BarColumns()))])
                    await on_disk(lambda: store.add(key, BarColumns(), known=nothing))
        job.queue, job.total = plan, len(plan)

    async def _work(self, job: _Job, at_once: int) -> None:
        async def worker() -> None:
            while job.queue:
                await self._one(job, job.queue.pop(0))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, job.total)):
                    group.create_task(worker())
        except* IBKRError as failed:
            first = failed.exceptions[0]
            while isinstance(first, ExceptionGroup):
                first = first.exceptions[0]
            raise first from first.__cause__

    async def _one(self, job: _Job, chunk: Chunk) -> None:
        key, found = job.key, job.found
        now = micros(self._clock.utcnow())
        end = None if chunk.end >= now else moment(chunk.end)
        try:
            columns = (await self.ask(job.contract, key, duration=chunk.duration, end=end)).columns
        except NoDataError:
            columns = BarColumns()
        found.requests += 1
        final = self.final(key, columns)
        known = common(chunk.wanted, [(0, final)])
        if not columns:
            # a sick data farm says the same of a week that was traded
            job.silent += known
            known = []
        wanted = [columns.between(moment(a), moment(b)) for a, b in chunk.wanted]
        found.bars += sum(map(len, wanted))
        if job.store is None:
            found.parts.extend(wanted)
        else:
            # an answer that has come is kept, also when another question fails meanwhile
            await _see_through(_file(job, chunk, columns=columns, known=known))
            # what is not final is told, and asked for again another time
            found.parts.extend(
                part.between(moment(final), moment(part.timestamp[-1] + 1))
                for part in wanted
                if part and part.timestamp[-1] >= final
            )
        self._tell(job)

    def final(self, key: SeriesKey, columns: BarColumns) -> int:
        """Return up to when what an answer tells will not change any more by trading."""
        young = _RECENT_DAYS if BAR_S[key.bar_size] >= _DAY else _RECENT_S
        now = micros(self._clock.utcnow())
        # the bar that was going on then is known when it has ended
        settled = now - (young + BAR_S[key.bar_size]) * _SECOND
        if columns and BAR_S[key.bar_size] < _DAY:
            # what another bar follows is over; of the newest nobody knows how old the data are
            # (delayed ones lag), and day bars are corrected
            settled = max(settled, min(columns.timestamp[-1], now))
        return settled

    async def ask(
        self, contract: Contract, key: SeriesKey, *, duration: str, end: datetime | None
    ) -> BarSeries:
        """Ask one request of a series, and once more whenever the connection was lost under it."""
        wish: dict[str, Any] = {
            "duration": duration,
            "bar_size": key.bar_size,
            "what_to_show": key.what_to_show,
            "end": end,
            "regular_hours_only": key.regular_hours_only,
        }
        return await self._carry_out(
            Operation(
                policy=ENDPOINTS["bars"],
                call=lambda: self._source.bars(contract, **wish),
                deadline_s=_DEADLINE_S,
                history=bars_key(contract, **wish),
            )
        )

    async def _carry_out(self, operation: Operation[T]) -> T:
        left = _ATTEMPTS
        while True:
            try:
                return await self._pipeline.run(operation)
            except (
                NotConnectedError,
                ConnectionLostError,
                CircuitOpenError,
                RequestTimeoutError,
            ) as error:
                left -= 1
                if not left:
                    raise
                _log.info("the download goes on when there is a connection: %s", error)
                await self._clock.sleep(max(1.0, error.retry_after_s or 0.0))
                await self._ready(_READY_S)

    def _tell(self, job: _Job, *, waits: str = "") -> None:
        if job.progress is None:
            return
        found, elapsed_s = job.found, self._clock.monotonic() - job.began
        told = DownloadProgress(
            contract=job.contract,
            bar_size=job.key.bar_size,
            done=found.requests,
            total=job.total,
            bars=found.bars,
            stored_bars=found.stored_bars,
            elapsed_s=elapsed_s,
            eta_s=(
                elapsed_s / found.requests * (job.total - found.requests)
                if found.requests
                else None
            ),
            waits=waits,
        )
        try:
            job.progress(told)
        except Exception:  # noqa: BLE001  # whoever looks on must not end what he looks at
            _log.exception("the progress of a download could not be told")


def _keep(job: _Job, chunk: Chunk, *, columns: BarColumns, known: list[Span]) -> None:
    assert job.store is not None
    if columns and (chunk.wanted != (chunk.window,) or chunk.end != chunk.window[1]):
        # part of it is stored: what is told twice must agree
        whole = (columns.timestamp[0], columns.timestamp[-1] + 1)
        note = restated(job.store.read(job.key, whole), columns)
        if note is not None:
            job.found.splits.append(note)
    if known:
        job.store.add(job.key, columns, known=known)


async def _file(job: _Job, chunk: Chunk, *, columns: BarColumns, known: list[Span]) -> None:
    async with job.writing:
        await asyncio.to_thread(_keep, job, chunk, columns=columns, known=known)


async def on_disk(write: Callable[[], None]) -> None:
    """Write on another thread, and see it through: the lock is held until it is done."""
    await _see_through(asyncio.to_thread(write))


async def _see_through(work: Coroutine[Any, Any, None]) -> None:
    """Finish what has begun, also when the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
