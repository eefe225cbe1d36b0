"""
Long downloads that go on while nobody waits: begun, looked at, ended.

Owns: how many run at a time, how many that are over are remembered, and that each ends with the
bridge. What is downloaded is in the connector's store, and who begins the same again goes on where
it was.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ibkr_connector.clock import Clock
from ibkr_connector.connector import IBKRConnector
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.history import DownloadBatch

from .guard import Refused
from .problems import Kind, told_of

__all__ = ["DownloadTask", "Downloads"]

_log = logging.getLogger("ibkr_connector.bridge")

_AT_ONCE: Final = 4
_REMEMBERED: Final = 100


@dataclass(slots=True, kw_only=True)
class DownloadTask:
    """One download of several contracts; `table` is the newest of it."""

    job_id: str
    symbols: tuple[str, ...]
    began: datetime
    state: str = "running"
    ended: datetime | None = None
    table: DownloadBatch | None = None
    problem: dict[str, Any] | None = None


class Downloads:
    """
    All downloads of this bridge; lives on its loop.

    Args:
        connector: What downloads.
        clock: Source of time.
        tasks: Where they run.
    """

    def __init__(self, connector: IBKRConnector, *, clock: Clock, tasks: asyncio.TaskGroup) -> None:
        self._ib = connector
        self._clock = clock
        self._tasks = tasks
        self._known: OrderedDict[str, DownloadTask] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, symbols: Sequence[str], wish: dict[str, Any]) -> DownloadTask:
        """
        Begin a download.

        Raises:
            Refused: As many run already as may.
        """
        if len(self._running) >= _AT_ONCE:
            raise Refused(
                Kind(429, "too-many-downloads", "Too many downloads run already"),
                f"{_AT_ONCE} downloads run, and no more may",
                hint="wait until one of GET /v1/downloads has ended, or end it",
                retry_after_s=10,
            )
        job = DownloadTask(
            job_id=secrets.token_hex(8), symbols=tuple(symbols), began=self._clock.utcnow()
        )
        self._known[job.job_id] = job
        # in a context of its own: it goes on when the request that began it is over
        task = self._tasks.create_task(self._run(job, wish), context=Context())
        self._running[job.job_id] = task
        for old in [one for one in self._known if one not in self._running][:-_REMEMBERED]:
            del self._known[old]
        return job

    def all(self) -> tuple[DownloadTask, ...]:
        """Return those that run and the last ones that are over, the oldest first."""
        return tuple(self._known.values())

    def get(self, job_id: str) -> DownloadTask:
        """
        Return one of them.

        Raises:
            Refused: There is none, or it was forgotten.
        """
        found = self._known.get(job_id)
        if found is None:
            raise Refused(
                Kind(404, "no-such-download", "No such download"),
                "no download has that id",
                hint="GET /v1/downloads lists them",
            )
        return found

    async def end(self, job_id: str) -> DownloadTask:
        """End one before its time, and return when it has ended; harmless when it is over."""
        job, task = self.get(job_id), self._running.get(job_id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        return job

    async def aclose(self) -> None:
        """End them all."""
        for task in tuple(self._running.values()):
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running.values()))

    async def _run(self, job: DownloadTask, wish: dict[str, Any]) -> None:
        try:
            job.table = await self._ib.history.download_many(
                job.symbols, progress=_keeper(job), **wish
            )
        except asyncio.CancelledError:
            job.state = "cancelled"
            raise
        except IBKRError as error:
            job.state = "failed"
            job.problem = told_of(error)
        except Exception:  # noqa: BLE001  # logged; one download harms nothing else
            _log.exception("the download %s has failed", job.job_id)
            job.state = "failed"
        else:
            job.state = "failed" if job.table.failures else "done"
        finally:
            job.ended = self._clock.utcnow()
            self._running.pop(job.job_id, None)


def _keeper(job: DownloadTask) -> Callable[[DownloadBatch], None]:
    def keep(table: DownloadBatch) -> None:
        job.table = table

    return keep
