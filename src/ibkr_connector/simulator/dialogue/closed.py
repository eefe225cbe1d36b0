"""When a market is shut, and what it shows then; nothing is ever shut unless sessions are on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.hours import AlwaysOpen
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.exchange.sessions import next_change, schedule

if TYPE_CHECKING:
    from ibkr_connector.simulator.exchange.venue import Venue

__all__ = ["Closings"]

_LONGEST: Final = timedelta(days=12)
_MOMENT: Final = timedelta(seconds=1)


@dataclass(slots=True)
class Closings:
    """What is known of each market until it changes."""

    _known: dict[int, tuple[datetime, datetime, datetime | None]] = field(default_factory=dict)
    _quotes: dict[tuple[int, bool], tuple[datetime, Quote]] = field(default_factory=dict)

    def since(self, venue: Venue, instrument: Instrument, now: datetime) -> datetime | None:
        """Return when trading ended, while it is over; `None` while there is trading."""
        if isinstance(venue.hours, AlwaysOpen):
            return None
        known = self._known.get(instrument.con_id)
        if known is None or not known[0] <= now < known[1]:
            closed = None
            if not venue.hours.is_open(instrument, now, outside=True):
                closed = _last_end(instrument, now)
            known = (now, next_change(instrument, now), closed)
            self._known[instrument.con_id] = known
        return known[2]

    def quote(
        self, venue: Venue, instrument: Instrument, closed: datetime, *, is_frozen: bool
    ) -> Quote:
        """
        Return what a shut market shows.

        Frozen, its last quote; otherwise its last trade and no bid and ask (IB campus: market data
        types).
        """
        key = (instrument.con_id, is_frozen)
        known = self._quotes.get(key)
        if known is None or known[0] != closed:
            last = venue.quote(instrument, closed - _MOMENT)
            if not is_frozen:
                last = replace(last, bid=None, ask=None, bid_size=Decimal(0), ask_size=Decimal(0))
            known = self._quotes[key] = (closed, last)
        return known[1]


def _last_end(instrument: Instrument, now: datetime) -> datetime | None:
    days = schedule(instrument, now - _LONGEST, now, regular=False)
    ends = [end for day in days for _, end in day.trading if end <= now]
    return ends[-1] if ends else None
