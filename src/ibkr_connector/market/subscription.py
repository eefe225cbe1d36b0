"""
One upstream line and its readers.

Owns: what has been heard of the line, whether it is whole, and that every reader is told of each
gap, once when it begins and once when it is over. Refuses to know: pacing, budgets, and when to ask
again; the registry does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ibkr_connector.clock import Clock
from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.stream_port import (
    StreamFault,
    StreamItem,
    StreamKind,
    StreamLine,
    StreamRequest,
)
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.market import Quote
from ibkr_connector.model.streams import Gap, GapReason, StreamState

from .book import BrokenBook
from .consumers import Consumer, Letter
from .content import Streamed, content_of
from .staleness import next_factor
from .totals import KindTotals

__all__ = ["Phase", "Subscription"]

_COMPARED: Final = ("bid", "ask", "last", "volume")

_PAUSES: Final[Mapping[StreamKind, float]] = MappingProxyType(
    {
        StreamKind.FIVE_SECONDS: 7.5,
        StreamKind.BARS: 7.5,
        StreamKind.TRADES: 1.0,
        StreamKind.DEPTH: 1.0,
    }
)
"""Seconds without data in which some may have been missed; of quotes the newest counts."""

_BUSY: Final = 20
"""So many batches on one line, and the contract is not quiet any more."""


class Phase(StrEnum):
    """Where a subscription is."""

    OPENING = "opening"
    """It has not been asked for yet."""

    LIVE = "live"
    """It was asked for on the session at hand."""

    LOST = "lost"
    """It must be asked for again."""


class Subscription:
    """
    The listener of one line, and the source of its readers.

    Args:
        request: What readers share.
        details: The contract's, for its trading hours.
        clock: Time of what is heard, and of gaps.
        on_fault: Told every message about the line.
        on_broken: Told that the content fits no longer.
        on_heard: Told when data come after the gateway had said that none would.
        is_linked: Whether the gateway has its link to IB, as far as is known.
        is_competing: Whether another login of the same user has the data.
        totals: What all streams of this kind have brought.
    """

    __slots__ = (
        "_batch",
        "_batches",
        "_before",
        "_clock",
        "_content",
        "_gap",
        "_is_competing",
        "_is_linked",
        "_is_silent",
        "_is_suspected",
        "_on_broken",
        "_on_fault",
        "_on_heard",
        "_pause_s",
        "_totals",
        "_whole_until",
        "asked",
        "asked_at",
        "consumers",
        "details",
        "has_data",
        "heard_at",
        "holds_line",
        "is_contested",
        "is_quiet_since_asked",
        "line",
        "patience_factor",
        "phase",
        "refusal",
        "renewals",
        "request",
        "retry_at",
    )

    def __init__(
        self,
        request: StreamRequest,
        details: ContractDetails,
        *,
        clock: Clock,
        on_fault: Callable[[Subscription, StreamFault], None],
        on_broken: Callable[[Subscription, BrokenBook], None],
        on_heard: Callable[[], None],
        is_linked: Callable[[], bool],
        is_competing: Callable[[], bool],
        totals: KindTotals | None = None,
    ) -> None:
        self.request = self.asked = request
        self.details = details
        self.phase = Phase.OPENING
        self.line: StreamLine | None = None
        self.consumers: list[Consumer] = []
        self.has_data = False
        self.is_quiet_since_asked = True
        self.asked_at = clock.monotonic()
        self.heard_at = self.asked_at
        self.patience_factor = 1
        self.renewals = 0
        self.retry_at: float | None = None
        self.holds_line = False
        self.refusal: IBKRError | None = None
        self._clock = clock
        self._totals = totals or KindTotals()
        self._pause_s = _PAUSES.get(request.kind)
        self._on_fault = on_fault
        self._on_broken = on_broken
        self._on_heard = on_heard
        self._is_linked = is_linked
        self._is_competing = is_competing
        self._whole_until = clock.utcnow()
        self._gap: Gap | None = None
        self._batch: list[Letter] = []
        self._is_silent = False
        self._is_suspected = False
        self.is_contested = False
        self._before: Streamed | None = None
        self._batches = 0
        self._content = content_of(request)

    @property
    def gap(self) -> Gap | None:
        """The gap that is open now."""
        return self._gap

    @property
    def is_silent(self) -> bool:
        """Whether it brings nothing although it should: suspected, or lost."""
        return self._is_suspected or self.phase is Phase.LOST

    @property
    def named(self) -> tuple[StreamKind, str]:
        """What is streamed, and of what, for the log."""
        return self.request.kind, self.request.about

    @property
    def deadline_s(self) -> float | None:
        """How long the most impatient of the readers who say so lets nothing come."""
        own = [one.stale_after_s for one in self.consumers if one.stale_after_s is not None]
        return min(own, default=None)

    def is_gap_of(self, reason: GapReason) -> bool:
        """Whether the gap that is open now has this reason."""
        return self._gap is not None and self._gap.reason is reason

    def state(self) -> StreamState:
        """Return how the line stands, and how its readers keep up."""
        boxes = [consumer.box for consumer in self.consumers]
        return StreamState(
            contract=self.request.subject,
            about=self.request.about,
            kind=self.request.kind.value,
            phase=self.phase.value,
            readers=len(boxes),
            silent_s=self.silent_s,
            renewals=self.renewals,
            waiting=sum(map(len, boxes)),
            conflated=sum(box.conflated for box in boxes),
            dropped=sum(box.dropped for box in boxes),
            gap=None if self._gap is None else self._gap.reason,
        )

    @property
    def silent_s(self) -> float:
        """How long nothing came."""
        return self._clock.monotonic() - self.heard_at

    @property
    def newest_quote(self) -> Quote | None:
        """The last quote, if it is one with a price on both sides or a last price."""
        quote = next(iter(self._content.current()), None)
        if isinstance(quote, Quote) and (quote.midpoint is not None or quote.last is not None):
            return quote
        return None

    # --- readers --------------------------------------------------------------------------------

    def add(self, consumer: Consumer) -> None:
        """Give a reader what there is, and all that comes."""
        for record in self._content.current():
            consumer.put(record)
        if self._gap is not None:
            consumer.put(self._gap)
        self.consumers.append(consumer)

    def remove(self, consumer: Consumer) -> None:
        """Give a reader nothing more; idempotent."""
        if consumer in self.consumers:
            self.consumers.remove(consumer)
            self._totals.left(consumer)

    def fail(self, error: IBKRError) -> None:
        """End every reader's stream with an error."""
        self._hand_out()
        consumers, self.consumers = self.consumers, []
        for consumer in consumers:
            consumer.box.close(error)
            self._totals.left(consumer)

    def _hand_out(self) -> None:
        """Give the readers what came together, in one step each."""
        if self._batch:
            for consumer in self.consumers:
                consumer.put(*self._batch)
            self._batch.clear()

    # --- the line -------------------------------------------------------------------------------

    def opened(self, line: StreamLine) -> None:
        """The line was asked for."""
        self.line = line
        self.phase = Phase.LIVE if line.is_open else Phase.LOST
        self.asked_at = self.heard_at = self._clock.monotonic()
        self.is_quiet_since_asked = True
        self._batches = 0
        self._totals.renewals += bool(self.renewals)
        self.retry_at = None

    def close_line(self) -> None:
        """Call off the line there is, if any."""
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def item(self, item: StreamItem) -> None:
        """Take what came over the line."""
        self._totals.records += 1
        if self._is_silent:
            self._end_silence()
        if self._gap is not None or self.is_contested or not self.has_data:
            self._hear_again()
        elif self._pause_s is not None and self._has_paused(self._pause_s):
            self.suspect()
            self.heard_at = self._clock.monotonic()
        if self._is_suspected:
            self._settle(item)
        try:
            self._content.take(item, self._batch.append)
        except BrokenBook as broken:
            self._on_broken(self, broken)

    def flush(self) -> None:
        """All that came together has been taken."""
        self.heard_at = self._clock.monotonic()
        now = self._whole_until = self._clock.utcnow()
        self.is_quiet_since_asked = False
        if self.patience_factor > 1:
            self._batches += 1
            if self._batches >= _BUSY:
                self.patience_factor = 1
        try:
            self._content.flush(now, self._batch.append)
        except BrokenBook as broken:
            self._on_broken(self, broken)
        self._hand_out()

    def fault(self, fault: StreamFault) -> None:
        """Take a message about the line."""
        self._on_fault(self, fault)

    def _has_paused(self, pause_s: float) -> bool:
        """Whether it was silent while another login had data; TWS tells of quotes alone."""
        return self._is_competing() and self._clock.monotonic() - self.heard_at > pause_s

    def _hear_again(self) -> None:
        self.has_data = True
        self.refusal = None
        # before the link is back, what comes may have been under way already; a gap of that reason
        # may outlast it, when the session was lost meanwhile
        is_settled = self._is_linked() or not self.is_gap_of(GapReason.LINK_DOWN)
        is_told = self.phase is Phase.LIVE and is_settled and self._gap is not None
        if is_told:
            self.end_gap()
        if self.is_contested:
            self.is_contested = False
            self._on_heard()
        if is_told:
            # the same silence is no second gap
            self._is_suspected = False

    # --- gaps -----------------------------------------------------------------------------------

    def begin_gap(self, reason: GapReason) -> None:
        """Tell that nothing comes; a gap that is open already goes on under its first reason."""
        if self._gap is not None:
            return
        self._end_silence()
        self._gap = Gap(contract=self.request.subject, reason=reason, start=self._whole_until)
        self._totals.gaps[reason] += 1
        self._tell_gap(self._gap)

    def end_gap(self) -> None:
        """Tell that data flow again; a no-op without a gap."""
        gap, self._gap = self._gap, None
        if gap is not None:
            now = self._whole_until = self._clock.utcnow()
            self._tell_gap(Gap(contract=gap.contract, reason=gap.reason, start=gap.start, end=now))

    def tell_whole_gap(self, reason: GapReason) -> None:
        """Tell a gap that is over as soon as it is known of."""
        self.begin_gap(reason)
        self.end_gap()

    def tell_silence(self, silent_s: float) -> None:
        """Tell those readers for whom nothing has come for too long; each once."""
        if self._gap is not None:
            return
        for one in self.consumers:
            patience_s = one.stale_after_s
            if patience_s is not None and patience_s <= silent_s and one.silence is None:
                one.silence = Gap(
                    contract=self.request.subject,
                    reason=GapReason.SILENT,
                    start=self._whole_until,
                )
                one.put(one.silence)
                self._is_silent = True

    def _end_silence(self) -> None:
        self._is_silent = False
        for one in self.consumers:
            gap, one.silence = one.silence, None
            if gap is not None:
                one.put(replace(gap, end=self._clock.utcnow()))

    def restart(self) -> None:
        """What comes next begins from nothing."""
        self._content.restart()

    def suspect(self) -> None:
        """Nothing came for long: what comes next will show whether anything was missed."""
        self._before = next(iter(self._content.current()), None)
        self._is_suspected = True

    def _settle(self, item: StreamItem) -> None:
        # TWS begins a stream of quotes with the quote as it stands: the same one means that
        # nothing has happened, and that this contract is quiet. Of other streams nobody can know.
        if isinstance(item, Quote) and isinstance(self._before, Quote):
            pairs = [(getattr(self._before, name), getattr(item, name)) for name in _COMPARED]
            if not any(new is not None and new != old for old, new in pairs):
                if not any(new is None and old is not None for old, new in pairs):
                    self._is_suspected = False
                    self.patience_factor = next_factor(self.patience_factor)
                return
        self._is_suspected = False
        self.patience_factor = 1
        self.tell_whole_gap(GapReason.STALE)

    def _tell_gap(self, gap: Gap) -> None:
        self._hand_out()
        for consumer in self.consumers:
            consumer.put(gap)
