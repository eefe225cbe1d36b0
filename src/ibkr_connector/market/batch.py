"""
Downloads of many contracts: a table of jobs, some of them at a time, and when all will be done.

One that fails is noted with its reason and ends no other. What is interrupted goes on where it was
when it is asked for again, because each job reads the store first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import (
    Download,
    DownloadBatch,
    DownloadJob,
    DownloadProgress,
    JobState,
)

from .download import Progress

__all__ = ["BatchProgress", "download_batch", "remaining_s"]

_log = logging.getLogger(__name__)

BatchProgress = Callable[[DownloadBatch], object]
"""Is told of the whole table, whenever a job has gone on."""

One = Callable[[Contract | str, Progress], Awaitable[Download]]
"""Downloads one contract."""


async def download_batch(
    contracts: Iterable[Contract | str],
    one: One,
    *,
    at_once: int,
    clock: Clock,
    tell: BatchProgress = lambda _: None,
) -> DownloadBatch:
    """
    Download each contract once, so many at a time, and return what came of each.

    Args:
        contracts: In the order in which they are begun.
        one: Downloads one, and tells how far it is.
        at_once: Contracts that are downloaded at a time.
        clock: Measures how long it takes.
        tell: Told of the table.
    """
    jobs = {what: DownloadJob(contract=what) for what in dict.fromkeys(contracts)}
    began = clock.monotonic()
    gate = asyncio.Semaphore(at_once)

    def table() -> DownloadBatch:
        elapsed_s = clock.monotonic() - began
        found = tuple(jobs.values())
        return DownloadBatch(
            jobs=found, elapsed_s=elapsed_s, eta_s=remaining_s(found, elapsed_s=elapsed_s)
        )

    def note(job: DownloadJob) -> None:
        jobs[job.contract] = job
        try:
            tell(table())
        except Exception:  # noqa: BLE001  # whoever looks on must not end what he looks at
            _log.exception("the progress of a download could not be told")

    async def run(what: Contract | str) -> None:
        def progress(told: DownloadProgress) -> None:
            note(
                replace(
                    jobs[what],
                    done=told.done,
                    total=told.total,
                    bars=told.bars,
                    stored_bars=told.stored_bars,
                    waits=told.waits,
                )
            )

        async with gate:
            note(replace(jobs[what], state=JobState.RUNNING))
            try:
                found = await one(what, progress)
            except IBKRError as error:
                note(replace(jobs[what], state=JobState.FAILED, error=error, waits=""))
                return
            note(
                replace(
                    jobs[what],
                    state=JobState.DONE,
                    done=found.requests,
                    total=found.requests,
                    bars=len(found.series.columns),
                    stored_bars=found.stored_bars,
                    gaps=found.gaps,
                    waits="",
                )
            )

    async with asyncio.TaskGroup() as group:
        for what in jobs:
            group.create_task(run(what))
    return table()


def remaining_s(jobs: Iterable[DownloadJob], *, elapsed_s: float) -> float | None:
    """
    Estimate how long the rest takes, at the pace so far; `None` while nobody can tell.

    Those that have not begun are taken to need as many requests as the others do.
    """
    table = tuple(jobs)
    known = [job for job in table if job.state is not JobState.WAITING]
    waiting = len(table) - len(known)
    running = [job for job in known if job.state is JobState.RUNNING]
    if not waiting and not running:
        return 0.0
    done = sum(job.done for job in known)
    # what has failed says nothing about the others
    sizes = [max(job.done, job.total) for job in known if job.state is not JobState.FAILED]
    if not done or not sizes:
        return None
    left = sum(max(0, job.total - job.done) for job in running)
    left += round(waiting * sum(sizes) / len(sizes))
    return elapsed_s / done * left
