"""The hours of real exchanges, as orders need them: in force when sessions are switched on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .contract import Instrument
from .order_types import Auction
from .sessions import FAMILIES, Phase, Session, Span, family_of, phase, session_of

__all__ = ["ExchangeHours"]

_ALL_HOURS: Final = frozenset({"FUT", "FOP", "CASH", "CRYPTO", "CMDTY", "CONTFUT"})
"""Types whose orders trade in all hours of their exchange, asked for or not (assumed)."""

_FAR: Final = 12


class ExchangeHours:
    """Markets open and close as their exchanges do (`exchange.hours.Hours`)."""

    def is_open(self, instrument: Instrument, at: datetime, *, outside: bool) -> bool:
        """Tell whether orders trade; `outside` those that may outside of regular hours."""
        now = phase(instrument, at)
        if now is Phase.CLOSED:
            return False
        return now is Phase.REGULAR or outside or instrument.sec_type in _ALL_HOURS

    def opens(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime:
        """Return when orders trade next, the moment itself when they do."""
        for start, end in _spans(instrument, at, outside=outside):
            if end > at:
                return max(start, at)
        return at  # pragma: no cover - no market is shut for so long

    def auction(self, instrument: Instrument, which: Auction, after: datetime) -> datetime:
        """Return the moment of the next opening or closing auction after a moment."""
        for session in _days(instrument, after):
            if not session.liquid:
                continue
            moment = session.liquid[0][0] if which is Auction.OPEN else session.liquid[-1][1]
            if moment > after:
                return moment
        return after  # pragma: no cover - as above

    def day_end(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime | None:
        """Return when the trading day of a moment ends, the next one's when it is over."""
        for session in _days(instrument, at):
            spans = _of(session, instrument, outside=outside)
            if spans and spans[-1][1] > at:
                return spans[-1][1]
        return None  # pragma: no cover - as above


def _spans(instrument: Instrument, at: datetime, *, outside: bool) -> Iterator[Span]:
    for session in _days(instrument, at):
        yield from _of(session, instrument, outside=outside)


def _of(session: Session, instrument: Instrument, *, outside: bool) -> tuple[Span, ...]:
    in_all = outside or instrument.sec_type in _ALL_HOURS
    return session.trading if in_all else session.liquid


def _days(instrument: Instrument, at: datetime) -> Iterator[Session]:
    family = family_of(instrument)
    today = at.astimezone(UTC).astimezone(ZoneInfo(FAMILIES[family].zone)).date()
    for number in range(-1, _FAR):
        yield session_of(family, today + timedelta(days=number))
