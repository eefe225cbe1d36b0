"""When an order may trade: trading hours, auctions, and when its time is over."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from .instruments import Instrument
from .order_types import Auction
from .pricing import type_of
from .records import Terms

__all__ = ["AlwaysOpen", "Hours", "auction_of"]


class Hours(Protocol):
    """The hours of the exchanges, as far as orders must know them."""

    def is_open(self, instrument: Instrument, at: datetime, *, outside: bool) -> bool:
        """Tell whether orders trade; `outside` those that may outside of regular hours."""
        ...

    def opens(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime:
        """Return when orders trade next, the moment itself when they do."""
        ...

    def auction(self, instrument: Instrument, which: Auction, after: datetime) -> datetime:
        """Return the moment of the next opening or closing auction after a moment."""
        ...

    def day_end(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime | None:
        """Return when an order that is good for the day is no longer; `None` for never."""
        ...


def auction_of(terms: Terms) -> Auction | None:
    """Return the auction that an order is for."""
    if terms.time_in_force == "OPG":
        return Auction.OPEN
    return type_of(terms).auction


class AlwaysOpen:
    """
    Every market is always open, so that a test may run at night.

    Auctions are held at the hours of New York's exchanges, on every day of the year.
    """

    def is_open(self, instrument: Instrument, at: datetime, *, outside: bool) -> bool:
        """Return true."""
        return True

    def opens(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime:
        """Return the moment itself."""
        return at

    def auction(self, instrument: Instrument, which: Auction, after: datetime) -> datetime:
        """Return the next opening or closing of New York."""
        zone = ZoneInfo(instrument.time_zone)
        local = after.astimezone(zone)
        moment = datetime.combine(local.date(), _AUCTIONS[which], tzinfo=zone)
        if moment <= local:
            moment = datetime.combine(
                local.date() + timedelta(days=1), _AUCTIONS[which], tzinfo=zone
            )
        return moment.astimezone(UTC)

    def day_end(self, instrument: Instrument, at: datetime, *, outside: bool) -> datetime | None:
        """Return nothing: the day never ends."""
        return None


_AUCTIONS: Final = {Auction.OPEN: time(9, 30), Auction.CLOSE: time(16)}
