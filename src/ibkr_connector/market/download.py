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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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

from .asking import bars_key
from .bar_store import BarStore, SeriesKey
from .chunks import BAR_S, Chunk, chunks
from .gaps import restated
from .intervals import Span, common, joined, without

__all__ = ["BarsSource", "Downloaded", "Downloader", "Progress"]

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
            progress: Told after each answer.
            at_once: Requests that are open at a time.

        Raises:
            IBKRError: What ended it; a note says how far it has come.
        """
        job = _Job(
            contract=contract,
            key=key,
            store=store,
            progress=progress,
            began=self._clock.monotonic(),
        )
        lock = None if store is None else store.lock(key)
        if lock is not None:
            while not lock.acquire():
                self._tell(job, waits="another download of the same bars")
                await self._clock.sleep(_POLL_S)
        try:
            await self._prepare(job, span, empty)
            self._tell(job)
            await self._work(job, at_once)
            if store is not None:
                whole = await asyncio.to_thread(store.read, key, span)
                job.found.parts.insert(0, whole)
            return job.found
        except IBKRError as error:
            kept = "are stored: asking again goes on from there" if store else "are lost"
            error.add_note(f"{job.found.requests} of {job.total} answers {kept}")
            raise
        finally:
            if lock is not None:
                lock.release()

    async def _prepare(
        self,
        job: _Job,
        span: Span,
        empty: Callable[[list[Chunk]], Awaitable[Sequence[Span]]] | None,
    ) -> None:
        missing = [span]
        store, key = job.store, job.key
        if store is not None:
            await _on_disk(lambda: store.tidy(key))
            known = await asyncio.to_thread(store.coverage, key)
            missing = without([span], known)
            job.found.stored_bars = len(await asyncio.to_thread(store.read, key, span))
        plan = chunks(missing, bar_size=key.bar_size)
        if empty is not None and plan:
            nothing = common(missing, joined(await empty(plan)))
            if nothing:
                plan = chunks(without(missing, nothing), bar_size=key.bar_size)
                if store is not None:
                    nothing = common(nothing, [(0, self._settled(key))])
                    await _on_disk(lambda: store.add(key, BarColumns(), known=nothing))
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
        is_newest = chunk.window[1] >= now
        end = None if is_newest else moment(chunk.window[1])
        try:
            columns = (await self.ask(job.contract, key, duration=chunk.duration, end=end)).columns
        except NoDataError:
            columns = BarColumns()
        found.requests += 1
        final, known = self._final(key, columns, chunk)
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

    def _final(self, key: SeriesKey, columns: BarColumns, chunk: Chunk) -> tuple[int, list[Span]]:
        """Return up to when bars will not change any more, and what of a chunk is known now."""
        size = BAR_S[key.bar_size] * _SECOND
        now = micros(self._clock.utcnow())
        settled = self._settled(key)
        for time in reversed(columns.timestamp):
            if time + size <= now:
                settled = max(settled, time + size)
                break
        return settled, common(chunk.wanted, [(0, settled)])

    def _settled(self, key: SeriesKey) -> int:
        young = _RECENT_DAYS if BAR_S[key.bar_size] >= _DAY else _RECENT_S
        # the bar that was going on then is known when it has ended
        return micros(self._clock.utcnow()) - (young + BAR_S[key.bar_size]) * _SECOND

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
    if chunk.wanted != (chunk.window,):
        # part of it is stored: what is told twice must agree
        note = restated(job.store.read(job.key, chunk.window), columns)
        if note is not None:
            job.found.splits.append(note)
    job.store.add(job.key, columns, known=known)


async def _file(job: _Job, chunk: Chunk, *, columns: BarColumns, known: list[Span]) -> None:
    async with job.writing:
        await asyncio.to_thread(_keep, job, chunk, columns=columns, known=known)


async def _on_disk(write: Callable[[], None]) -> None:
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
