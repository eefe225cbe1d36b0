"""
What a connector does, counted, logged and traced: the one listener of calls and orders.

Owns: what is listened to, and when that begins and ends; and what a scrape is answered with. It
hears through the hooks that are there for everybody, on the I/O loop, and does there no more than
count; where lines or spans are wanted it puts what it heard into a queue. What becomes of it is for
`chronicle.py` to say; what is so at the moment of a scrape is for `gauges.py` to read.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .chronicle import (
    CALLS_LOG,
    ORDERS_LOG,
    CallNews,
    Chronicle,
    OrderNews,
    count_call,
    count_note,
)
from .clock import Clock, SystemClock
from .gauges import Observed, build, connection, picture, unconnected
from .observe.counts import Counts
from .observe.metrics import Family, Metrics, MetricsServer, told
from .observe.scribe import Scribe
from .observe.spans import Spans
from .orders.ledger import Ledger
from .orders.notes import Denied, Moved, Note, Refused
from .orders.states import Event, State
from .resilience.events import EventKind, PipelineEvent
from .settings import Settings

__all__ = ["Metering"]

SAMPLE_S: Final = 1.0
"""How often the loop's lag and the age of ticks are looked at."""

SCRAPE_S: Final = 2.0
"""How long a scrape waits for the I/O loop; then it says that it does not answer."""

_OF_THE_CALLER: Final = frozenset({Event.SEND, Event.NOT_SENT})
"""Steps that are taken in the context of whoever placed the order."""

_LOUD: Final = frozenset({State.UNCERTAIN, State.REJECTED})

_NOES: Final = (Denied, Refused)


class Metering:
    """
    The counts of one connector, its metrics for Prometheus, its log lines and its spans.

    It lives as long as the connector object: counts go on over `disconnect` and `connect`.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._counts = Counts() if settings.metrics else None
        self._scribe: Scribe[CallNews | Sequence[OrderNews]] | None = None
        self._engine: Observed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None
        self._leaving: list[Callable[[], object]] = []
        self._spans: Spans | None = None
        self._server: MetricsServer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.metrics: Final = Metrics(
            self._families,
            labels={"profile": settings.profile},
            is_io_thread=lambda: threading.get_ident() == self._thread,
        )

    # --- beginning and end ----------------------------------------------------------------------

    def follow(self, engine: Observed) -> None:
        """
        Listen to an engine, on its loop, until `leave`.

        Raises:
            ConfigurationError: The port of the metrics is taken, or spans are wanted and the extra
                `otel` is not installed.
        """
        settings = self._settings
        if settings.spans:
            self._spans = Spans({"ibkr.profile": settings.profile})
        if settings.metrics_port is not None:
            self._server = self.metrics.serve(
                host=settings.metrics_host, port=settings.metrics_port
            )
        self._engine, self._loop = engine, asyncio.get_running_loop()
        self._scribe = Scribe(
            "ibkr-scribe",
            Chronicle(self._spans).take,
            later=self._loop.call_later,
        )
        self._thread = threading.get_ident()
        self._leaving.append(engine.orders.feed.tap(self.noted))
        if self._counts or self._spans or CALLS_LOG.isEnabledFor(logging.DEBUG):
            self._leaving.append(engine.pipeline.hooks.add(self.heard))
        if self._counts:
            self._leaving.append(engine.journal.time_commits(self._committing))
            self._sample(self._clock.monotonic())

    def leave(self) -> None:
        """Listen no more; idempotent, on the loop."""
        while self._leaving:
            self._leaving.pop()()
        if self._timer is not None:
            self._timer.cancel()
        self._engine = self._loop = self._thread = None

    def close(self) -> None:
        """Wait until all that was heard is counted, logged and traced; idempotent, and blocks."""
        scribe, self._scribe = self._scribe, None
        if scribe is not None:
            scribe.close()
        spans, self._spans = self._spans, None
        if spans is not None:
            spans.close()
        server, self._server = self._server, None
        if server is not None:
            server.close()

    # --- what is heard --------------------------------------------------------------------------

    def heard(self, event: PipelineEvent) -> None:
        """Take what the pipeline tells."""
        if event.kind is EventKind.CIRCUIT or event.kind is EventKind.SLOWED:
            return
        if self._counts is not None:
            count_call(self._counts, event)
        spans = self._spans
        if spans is not None or CALLS_LOG.isEnabledFor(logging.DEBUG):
            task = 0 if spans is None else id(asyncio.current_task())
            context = None if spans is None else spans.context()
            self._put(CallNews(event, self._clock.utcnow(), task, context))

    def noted(self, notes: Sequence[Note], ledger: Ledger) -> None:
        """Take what was written down of one message; it is in the ledger already."""
        counts, spans = self._counts, self._spans
        tells_all = spans is not None or ORDERS_LOG.isEnabledFor(logging.INFO)
        news = []
        for note in notes:
            if counts is not None:
                count_note(counts, note, ledger)
            if tells_all or _is_loud(note):
                context = None
                if spans is not None and isinstance(note, Moved) and note.event in _OF_THE_CALLER:
                    context = spans.context()
                news.append(OrderNews(note, ledger.entry(note.key), context))
        if news:
            self._put(news)

    def _put(self, news: CallNews | Sequence[OrderNews]) -> None:
        if self._scribe is not None:
            self._scribe.put(news)

    # --- disk and loop --------------------------------------------------------------------------

    def _committing(self) -> Callable[[], None]:
        began = self._clock.monotonic()

        def committed() -> None:
            if self._counts is not None:
                self._counts.committed.observe(self._clock.monotonic() - began)

        return committed

    def _sample(self, due: float) -> None:
        if self._loop is None or self._engine is None or self._counts is None:
            return
        now = self._clock.monotonic()
        self._counts.lag.observe(max(now - due, 0.0))
        for kind, age_s in self._engine.streams.totals.ages():
            self._counts.tick_age.observe(age_s, kind)
        self._timer = self._loop.call_later(SAMPLE_S, self._sample, now + SAMPLE_S)

    # --- scrapes --------------------------------------------------------------------------------

    def _families(self) -> Iterator[Family]:
        yield from build()
        if self._counts:
            yield from self._counts.families()
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            yield from unconnected()
            return
        # only reads, so any thread may: what is so of the connection is told of a loop that hangs
        yield from connection(engine.status())
        taken: concurrent.futures.Future[list[Family]] = concurrent.futures.Future()

        def take() -> None:
            try:
                taken.set_result(picture(engine, show_accounts=self._settings.show_accounts))
            except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
                taken.set_exception(error)

        try:
            loop.call_soon_threadsafe(take)
            rows = taken.result(SCRAPE_S)
        except (TimeoutError, RuntimeError):
            rows = []  # it hangs, or is closed: the metric below says so
        yield told(
            "ibkr_event_loop_responsive", "Whether the I/O loop answered the scrape.", bool(rows)
        )
        yield from rows


def _is_loud(note: Note) -> bool:
    """Whether a note is worth a warning, which is told also when nobody asked for more."""
    if isinstance(note, Moved):
        return note.target in _LOUD and note.source is not note.target
    return isinstance(note, _NOES)
