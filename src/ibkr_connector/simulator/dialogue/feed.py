"""
What all clients share of market data: quotes of the moment, who may see what, and scripted facts.

A quote is computed once for an instrument and a moment, however many streams show it, and an
unchanged quote stays the same object: a stream knows by identity that it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.wire.replies import NewsBulletin, TickOptionComputation

from .closed import Closings
from .exchanges import letters
from .headlines import Headline
from .pacing import Pacing

if TYPE_CHECKING:
    from ibkr_connector.simulator.exchange.venue import Venue

    from .gateway import Gateway

__all__ = [
    "DELAY",
    "Change",
    "Entitlement",
    "Feed",
    "Leg",
    "changes",
    "feed_of",
]

DELAY: Final = timedelta(minutes=15)
"""How old delayed data is (IB campus: 15 to 20 minutes)."""

Change = tuple[int, Decimal | None, Decimal | None, str]
"""A tick type with its price, size and letters; without a price the size alone changed."""

Computed = tuple[tuple[Quote, Decimal, date], tuple[TickOptionComputation, ...]]
"""What was computed of an option, and for which quote, price of its underlying, and day."""

Leg = tuple[Instrument, int]
"""A leg of a combo, with its signed ratio."""

_NO_PRICE: Final = Decimal(-1)
_ZERO: Final = Decimal(0)

_SIDES: Final = ((1, "bid", "bid_size"), (2, "ask", "ask_size"), (4, "last", "last_size"))
_DAY: Final = ((6, "high"), (7, "low"), (9, "close"), (14, "open"))
_NO_TRADES: Final = frozenset({4, 8, 14})
_NO_QUOTES: Final = frozenset({1, 2, 8})
_HIDDEN: Final = {
    # currencies have no trades and no volume, an index is not quoted (IB campus: available ticks)
    "CASH": _NO_TRADES,
    "CMDTY": _NO_TRADES,
    "CFD": _NO_TRADES,
    "IND": _NO_QUOTES,
    "BAG": frozenset({8}),
}


class Entitlement(StrEnum):
    """What a login may see of an instrument."""

    LIVE = "live"
    PARTIAL = "partial"
    """Some of it: error 10090, and ticks go on."""
    API = "api"
    """Live in TWS, not for the API: error 10089, delayed data on request."""
    DELAYED = "delayed"
    """Delayed data on request only: 354 or 10167."""
    NONE = "none"
    """Nothing: 354, 10168 or 10186."""


@dataclass(slots=True)
class Feed:
    """
    Market data of one gateway.

    Args:
        entitlements: Exceptions from the permissions, by con id, security type or exchange.
        facts: Values of ticks that a script sets, by con id and tick type; they win over what is
            made up: `(265598, 46): Decimal("0.5")` makes a share hard to borrow.
        is_competing: Another session of the same user has the data: 10197, and nothing comes.
        zone: In which zone bars are written: `login`, `instrument` or `utc` (a setting of TWS).
        computed: Volatility and greeks of options, as they were computed last.
        closings: When markets were shut, and what they showed.
        pacing: What was asked of the historical data service lately.
        log_levels: What clients chose for the gateway's log, by client id.
        headlines: News that a script published.
        bulletins: Bulletins of IB, likewise.
        groups: The contract that each display group shows, as `con_id@exchange`.
    """

    entitlements: dict[int | str, Entitlement] = field(default_factory=dict)
    facts: dict[tuple[int, int], Decimal | str] = field(default_factory=dict)
    is_competing: bool = False
    zone: str = "login"
    pacing: Pacing = field(default_factory=Pacing)
    groups: dict[int, str] = field(default_factory=dict)
    log_levels: dict[int, int] = field(default_factory=dict)
    headlines: list[Headline] = field(default_factory=list)
    bulletins: list[NewsBulletin] = field(default_factory=list)
    computed: dict[tuple[int, bool], Computed] = field(default_factory=dict)
    closings: Closings = field(default_factory=Closings)
    _moment: datetime | None = None
    _served: set[int] = field(default_factory=set)
    _quotes: dict[tuple[int, bool], Quote] = field(default_factory=dict)
    _fresh: set[tuple[int, bool]] = field(default_factory=set)
    _moves: dict[tuple[int, bool], tuple[Quote, Quote, list[Change]]] = field(default_factory=dict)

    def begin(self, who: int, now: datetime) -> None:
        """
        Begin one session's round.

        A new moment, or a session that comes back within one moment, makes all quotes stale: orders
        and scripts move the market without moving the clock.
        """
        if now != self._moment or who in self._served:
            self._moment = now
            self._served.clear()
            self._fresh.clear()
            self._moves.clear()
        self._served.add(who)

    def refresh(self) -> None:
        """Make all quotes stale: what is asked for now gets the market of now."""
        self._fresh.clear()

    def quote(
        self, venue: Venue, instrument: Instrument, now: datetime, *, is_delayed: bool = False
    ) -> Quote:
        """Return the quote of this round."""
        key = (instrument.con_id, is_delayed)
        if key in self._fresh and now == self._moment:
            return self._quotes[key]
        return self.look(venue, instrument, now, is_delayed=is_delayed)

    def look(
        self, venue: Venue, instrument: Instrument, now: datetime, *, is_delayed: bool = False
    ) -> Quote:
        """Return the quote as it is, round or not."""
        key = (instrument.con_id, is_delayed)
        new = venue.quote(instrument, now - DELAY if is_delayed else now)
        old = self._quotes.get(key)
        if old is not None and old == new:
            new = old
        self._quotes[key] = new
        if now != self._moment:
            self._moment = now
            self._served.clear()
            self._fresh.clear()
            self._moves.clear()
        self._fresh.add(key)
        return new

    def combo(self, venue: Venue, legs: Iterable[Leg], now: datetime) -> Quote:
        """Return the quote that the legs of a combo imply together."""
        bid: Decimal | None = _ZERO
        ask: Decimal | None = _ZERO
        last: Decimal | None = _ZERO
        close: Decimal | None = _ZERO
        size = Decimal(1_000_000_000)
        for instrument, ratio in legs:
            one = self.quote(venue, instrument, now)
            near, far = (one.bid, one.ask) if ratio > 0 else (one.ask, one.bid)
            bid = _plus(bid, near, ratio)
            ask = _plus(ask, far, ratio)
            last = _plus(last, one.last, ratio)
            close = _plus(close, one.close, ratio)
            size = min(size, one.bid_size // abs(ratio), one.ask_size // abs(ratio))
        return Quote(
            bid=bid,
            ask=ask,
            last=last,
            bid_size=size,
            ask_size=size,
            last_size=_ZERO,
            volume=_ZERO,
            open=None,
            high=None,
            low=None,
            close=close,
        )

    def moves(
        self, instrument: Instrument, old: Quote | None, new: Quote, *, is_delayed: bool
    ) -> list[Change]:
        """Return what changed between two quotes; shared by the streams that have both."""
        if old is None:
            return changes(None, new, instrument)
        key = (instrument.con_id, is_delayed)
        known = self._moves.get(key)
        if known is not None and known[0] is old and known[1] is new:
            return known[2]
        found = changes(old, new, instrument)
        self._moves[key] = (old, new, found)
        return found

    def entitlement(
        self, instrument: Instrument, exchange: str, default: Entitlement
    ) -> Entitlement:
        """Return what may be seen of an instrument at an exchange."""
        for key in (instrument.con_id, exchange, instrument.sec_type):
            if key in self.entitlements:
                return self.entitlements[key]
        return default


def feed_of(gateway: Gateway) -> Feed:
    """Return the feed of a gateway."""
    return gateway.feed


def changes(old: Quote | None, new: Quote, instrument: Instrument) -> list[Change]:
    """
    Return the ticks that tell what changed.

    A price that is gone is told as -1 with size 0; the same price with another size is a size tick
    alone (IB campus). Nothing is said of what was never there.
    """
    hidden = _HIDDEN.get(instrument.sec_type, frozenset())
    is_smart = "SMART" in instrument.exchanges
    found: list[Change] = []
    for tick, name, size_name in _SIDES:
        if tick in hidden:
            continue
        price, size = getattr(new, name), getattr(new, size_name)
        before = getattr(old, name) if old is not None else None
        if price is None:
            if before is not None:
                found.append((tick, _NO_PRICE, _ZERO, ""))
        elif price != before:
            text = letters(instrument, None if tick == 4 else price) if is_smart else ""
            found.append((tick, price, size, text))
        elif old is not None and size != getattr(old, size_name):
            found.append((tick, None, size, ""))
    for tick, name in _DAY:
        price = getattr(new, name)
        if (
            tick not in hidden
            and price is not None
            and (old is None or price != getattr(old, name))
        ):
            found.append((tick, price, None, ""))
    if 8 not in hidden and (old is None or new.volume != old.volume):
        found.append((8, None, new.volume, ""))
    return found


def _plus(total: Decimal | None, price: Decimal | None, ratio: int) -> Decimal | None:
    return None if total is None or price is None else total + price * ratio
