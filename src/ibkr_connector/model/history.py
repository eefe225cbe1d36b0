"""What users are told about history: how a download goes, what it found, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from .contracts import Contract
from .market import BarSeries
from .record import Record

if TYPE_CHECKING:
    from ibkr_connector.errors import IBKRError

__all__ = [
    "BarGap",
    "Download",
    "DownloadBatch",
    "DownloadJob",
    "DownloadProgress",
    "GapKind",
    "JobState",
    "Session",
    "SplitKind",
    "SplitNote",
    "StoredSeries",
    "TimeSpan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan(Record):
    """From `start` up to, and without, `end`; aware times in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Record):
    """One trading session: `day` is the trading day, whose evening before it may begin in."""

    start: datetime
    end: datetime
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProgress(Record):
    """
    How far a download is.

    Args:
        contract: Of what.
        bar_size: IB's spelling.
        done: Requests that are answered.
        total: Requests that are needed, as far as is known.
        bars: Bars that they have brought.
        stored_bars: Bars that were in the store already, and were not asked for.
        elapsed_s: Since the beginning.
        eta_s: Until the end, at the pace so far; `None` before the first answer.
        waits: What it waits for, as in another process; empty while it goes on.
    """

    contract: Contract
    bar_size: str
    done: int
    total: int
    bars: int = 0
    stored_bars: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None
    waits: str = ""


class GapKind(StrEnum):
    """How much of a session is missing."""

    SESSION = "session"
    """All of it."""

    HOLE = "hole"
    """Some bars; where nobody trades for a while IB sends none, so this may be no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGap(Record):
    """Bars that the calendar expects and that are not there: `missing` of them in the span."""

    start: datetime
    end: datetime
    kind: GapKind
    missing: int


class SplitKind(StrEnum):
    """How a split shows."""

    JUMP = "jump"
    """The price jumps from one session to the next by a ratio that splits have."""

    RESTATED = "restated"
    """What is stored and what IB sends now for the same bars differ by one ratio."""

    ADJUSTED = "adjusted"
    """What was stored of an adjusted series is another one now, and was fetched anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitNote(Record):
    """
    Where prices change their scale: those before `at` are `ratio` times those from then on.

    IB adjusts what it sends for the splits so far. Bars that were stored before a split are in the
    scale of their time: forget them, and they are downloaded again in today's. An `ADJUSTED` note
    needs nothing: it tells that what was stored was `ratio` times what IB sends now (of a dividend
    a little more than 1), and that it was replaced.
    """

    at: datetime
    ratio: Decimal
    kind: SplitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Download(Record):
    """
    What a download came to.

    Args:
        series: All bars of the time asked for, from the store and from the gateway.
        requests: How many requests it took.
        stored_bars: Bars that came from the store.
        gaps: What the calendar expects and is not there; `None` when no calendar is known.
        calendar: Whose calendar that is; why there is none, when there is none.
        splits: Where the scale of the prices seems to change.
        notes: What IB's hours and the calendar of the exchange do not say alike, day by day.
    """

    series: BarSeries
    requests: int
    stored_bars: int
    gaps: tuple[BarGap, ...] | None
    calendar: str
    splits: tuple[SplitNote, ...]
    notes: tuple[str, ...] = ()


class JobState(StrEnum):
    """Where the download of one contract is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadJob(Record):
    """
    One contract of many that are downloaded.

    `contract` is what was asked for; `done` of `total` requests are answered; `bars` are there, of
    which `stored_bars` were before. `gaps` are known when it is done, `error` says why it failed,
    and `waits` what it waits for.
    """

    contract: Contract | str
    state: JobState = JobState.WAITING
    done: int = 0
    total: int = 0
    bars: int = 0
    stored_bars: int = 0
    gaps: tuple[BarGap, ...] | None = None
    error: IBKRError | None = None
    waits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadBatch(Record):
    """
    The table of a download of many contracts, as it stands or stood in the end.

    `eta_s` is how long the rest takes at the pace so far, `None` while nobody can tell. The bars
    are in the store, and not here.
    """

    jobs: tuple[DownloadJob, ...]
    elapsed_s: float
    eta_s: float | None

    @property
    def finished(self) -> int:
        """How many contracts are done, or have failed."""
        return sum(job.state in {JobState.DONE, JobState.FAILED} for job in self.jobs)

    @property
    def failures(self) -> Mapping[Contract | str, IBKRError]:
        """Why some have no bars, or not all."""
        return {job.contract: job.error for job in self.jobs if job.error is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries(Record):
    """
    One series of the store: what it is, how much, and which times are known.

    `con_id` is IB's number; below zero it was made of what has none of its own: a combination, a
    continuous future.
    """

    con_id: int
    symbol: str
    contract: str
    bar_size: str
    what_to_show: str
    regular_hours_only: bool
    bars: int
    bytes: int
    coverage: tuple[TimeSpan, ...]
