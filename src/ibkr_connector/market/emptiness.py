"""
Times of which there is nothing: told beforehand, and believed afterwards.

Only what the gateway's calendar says of a time may make it known to be empty. "No data" alone may
not: a data farm that is down says so too, of weeks in which there was trading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.bars import micros, moment
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.history import Session

from .bar_store import SeriesKey
from .chunks import Chunk
from .expected import rested
from .intervals import Span, without
from .spans import SMALL_BAR_SIZES

__all__ = ["Emptiness", "Told"]

_LONG_PLAN: Final = 8
"""Requests from which on it is worth asking when history begins."""

_BEFORE: Final = timedelta(days=14)
"""A schedule that reaches back over a time has a session in the fortnight before it."""


class Told(Protocol):
    """Tells sessions, and when history begins."""

    async def head_timestamp(
        self, description: Contract | str, *, what_to_show: str | None, regular_hours_only: bool
    ) -> datetime:
        """Return the earliest moment of which there are data."""
        ...

    async def schedule(
        self,
        description: Contract | str,
        *,
        start: datetime,
        end: datetime | None,
        regular_hours_only: bool,
    ) -> tuple[Session, ...]:
        """Return the trading sessions that a span touches, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptiness:
    """
    What is known of one series without asking for its bars.

    Args:
        past: Tells sessions, and when history begins.
        details: Of the qualified contract; its hours say when trading rests.
        key: The series.
        span: What is wanted.
    """

    past: Told
    details: ContractDetails
    key: SeriesKey
    span: Span

    async def beforehand(self, chunks: list[Chunk]) -> Sequence[Span]:
        """Return times that need not be asked for."""
        nothing: list[Span] = []
        if len(chunks) > _LONG_PLAN:
            nothing.extend(await self._before_history())
        if self.key.bar_size in SMALL_BAR_SIZES and len(chunks) > 1:
            nothing.extend(await self._outside_of_sessions())
        return nothing

    async def believed(self, silent: list[Span]) -> list[Span]:
        """Return those times without an answer in which nothing can have been traded."""
        early = await self._before_history()
        return [
            span for span in silent if not without([span], early) or await self._is_closed(span)
        ]

    async def _before_history(self) -> list[Span]:
        try:
            head = await self.past.head_timestamp(
                self.details.contract,
                what_to_show=self.key.what_to_show,
                regular_hours_only=self.key.regular_hours_only,
            )
        except IBKRError:
            return []  # then each request says so itself
        return [(0, micros(head.replace(hour=0, minute=0, second=0, microsecond=0)))]

    async def _outside_of_sessions(self) -> list[Span]:
        sessions = await self._sessions(self.span)
        if not sessions:
            return []
        open_spans = [(micros(one.start), micros(one.end)) for one in sessions]
        # from the first session that is told up to the last: IB cuts schedules, and what is beyond
        # them is not known
        first, last = open_spans[0][0], open_spans[-1][1]
        told = (max(self.span[0], first), min(self.span[1], last))
        return without([told], open_spans)

    async def _is_closed(self, span: Span) -> bool:
        sessions = await self._sessions((micros(moment(span[0]) - _BEFORE), span[1]))
        reaches_back = any(micros(one.start) < span[0] for one in sessions)
        return reaches_back and not any(
            micros(one.end) > span[0] and micros(one.start) < span[1] for one in sessions
        )

    async def _sessions(self, span: Span) -> tuple[Session, ...]:
        regular = self.key.regular_hours_only
        try:
            told = await self.past.schedule(
                self.details.contract,
                start=moment(max(span[0], 0)),
                end=moment(span[1]),
                regular_hours_only=regular,
            )
        except IBKRError:
            return ()
        return rested(told, self.details, {}, regular=regular)
