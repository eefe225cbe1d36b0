"""One request for ticks: what its client knows, and what it is told next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.wire.replies import (
    MarketDataType,
    Reply,
    TickPrice,
    TickSize,
    TickString,
)

from .feed import DELAY, Feed, Leg, changes
from .generic_ticks import MarketView, generic_ticks
from .option_ticks import OPTIONS, computations

if TYPE_CHECKING:
    from .session import ClientSession

__all__ = ["SNAPSHOT_S", "MarketStream"]

SNAPSHOT_S: Final = 11.0
"""After this a snapshot ends (IB campus)."""

_GENERICS_EVERY: Final = timedelta(seconds=5)
"""How often ticks other than quotes and trades are looked at (assumed)."""

_COMPUTE_EVERY: Final = timedelta(seconds=1)
"""How often volatility and greeks are computed (assumed)."""

_SIZE_OF: Final[Mapping[int, int]] = MappingProxyType({1: 0, 2: 3, 4: 5, 8: 8})
_DELAYED: Final[Mapping[int, int]] = MappingProxyType(
    # ibapi ticktype.py
    {
        0: 69,
        1: 66,
        2: 67,
        3: 70,
        4: 68,
        5: 71,
        6: 72,
        7: 73,
        8: 74,
        9: 75,
        14: 76,
        45: 88,
        49: 90,
        50: 103,
        51: 104,
    }
)
_LIVE: Final[Mapping[int, int]] = MappingProxyType({tick: tick for tick in _DELAYED})
_ZERO: Final = Decimal(0)
_EXCHANGE_TICKS: Final[Mapping[int, int]] = MappingProxyType({1: 32, 2: 33, 4: 84})
_YIELDS: Final[Mapping[int, int]] = MappingProxyType({1: 50, 2: 51, 4: 52})
_CAN_AUTO_EXECUTE: Final = 1


@dataclass(slots=True)
class MarketStream:
    """
    One request for ticks.

    `quote` is what the client was told last; `legs` are there for a combo; `generics` are the
    request codes of further ticks, with their parameters.
    """

    request_id: int
    instrument: Instrument
    exchange: str = "SMART"
    is_delayed: bool = False
    wants_frozen: bool = False
    has_defaults: bool = True
    generics: Mapping[int, str] = field(default_factory=dict)
    legs: tuple[Leg, ...] = ()
    began: datetime | None = None
    ends_at: datetime | None = None
    quote: Quote | None = None
    told: dict[int, object] = field(default_factory=dict)
    told_type: int = 0
    generics_due: datetime | None = None
    computed_at: datetime | None = None

    def tick(self, session: ClientSession, feed: Feed, now: datetime) -> None:
        """Say what changed since the last time."""
        venue = session.gateway.venue
        closed = None if self.legs else self.announce(session, feed, now)
        if closed is not None:
            new = feed.closings.quote(venue, self.instrument, closed, is_frozen=self.wants_frozen)
        elif self.legs:
            new = feed.combo(venue, self.legs, now)
            if self.quote == new:
                new = self.quote
        else:
            new = feed.quote(venue, self.instrument, now, is_delayed=self.is_delayed)
        old = self.quote
        if new is not old:
            self.quote = new
            if self.has_defaults:
                self._tell(session, feed, old, new=new, now=now)
        if (
            self.generics_due is None
            or now >= self.generics_due
            or (new is not old and self.generics)
        ):
            self._tell_generics(session, feed, old, new=new, now=now)
        if self.instrument.sec_type in OPTIONS and (
            self.computed_at is None or now >= self.computed_at + _COMPUTE_EVERY
        ):
            self._compute(session, feed, new, now=now)

    def announce(self, session: ClientSession, feed: Feed, now: datetime) -> datetime | None:
        """Say which type of data comes when that is another; return since when it is shut."""
        at = now - DELAY if self.is_delayed else now
        closed = feed.closings.since(session.gateway.venue, self.instrument, at)
        is_frozen = self.wants_frozen and closed is not None
        data_type = (3 if self.is_delayed else 1) + is_frozen
        if data_type != self.told_type:
            self.told_type = data_type
            session.say(MarketDataType(request_id=self.request_id, data_type=data_type))
        return closed

    def _compute(self, session: ClientSession, feed: Feed, quote: Quote, *, now: datetime) -> None:
        self.computed_at = now
        for reply in computations(
            self.request_id,
            self.instrument,
            quote,
            venue=session.gateway.venue,
            feed=feed,
            now=now,
            is_delayed=self.is_delayed,
        ):
            self._say_changed(session, reply)

    def _tell(
        self, session: ClientSession, feed: Feed, old: Quote | None, *, new: Quote, now: datetime
    ) -> None:
        found = (
            changes(old, new, self.instrument)
            if self.legs
            else feed.moves(self.instrument, old, new, is_delayed=self.is_delayed)
        )
        request_id, say = self.request_id, session.say
        shown = _DELAYED if self.is_delayed else _LIVE
        bond = self.instrument.bond
        has_letters = not self.is_delayed and self.exchange == "SMART"
        has_traded = False
        for tick, price, size, letters in found:
            if price is None:
                say(
                    TickSize(
                        request_id=request_id, tick_type=shown[_SIZE_OF[tick]], size=size or _ZERO
                    )
                )
                continue
            say(
                TickPrice(
                    request_id=request_id,
                    tick_type=shown[tick],
                    price=price,
                    size=size,
                    mask=_CAN_AUTO_EXECUTE if tick < 3 else 0,
                )
            )
            has_traded = has_traded or tick == 4
            if bond is not None and tick in _YIELDS and price > 0:
                say(
                    TickPrice(
                        request_id=request_id,
                        tick_type=shown.get(_YIELDS[tick], _YIELDS[tick]),
                        price=bond.yield_at(price, now.date()),
                    )
                )
            if letters and has_letters and self.told.get(_EXCHANGE_TICKS[tick]) != letters:
                # where the best price stands, of what is routed by SMART
                self.told[_EXCHANGE_TICKS[tick]] = letters
                say(
                    TickString(
                        request_id=request_id, tick_type=_EXCHANGE_TICKS[tick], value=letters
                    )
                )
        if has_traded:
            traded = now - DELAY if self.is_delayed else now
            say(
                TickString(
                    request_id=request_id, tick_type=shown[45], value=str(int(traded.timestamp()))
                )
            )

    def _tell_generics(
        self, session: ClientSession, feed: Feed, old: Quote | None, *, new: Quote, now: datetime
    ) -> None:
        is_due = self.generics_due is None or now >= self.generics_due
        if is_due:
            self.generics_due = now + _GENERICS_EVERY
        view = MarketView(
            gateway=session.gateway,
            feed=feed,
            instrument=self.instrument,
            quote=new,
            now=now,
            is_delayed=self.is_delayed,
            is_due=is_due,
            has_traded=old is None or (old.last, old.volume) != (new.last, new.volume),
        )
        for reply in generic_ticks(
            self.request_id, view, self.generics, has_defaults=self.has_defaults
        ):
            self._say_changed(session, reply)

    def _say_changed(self, session: ClientSession, reply: Reply) -> None:
        tick: int = reply.tick_type  # type: ignore[union-attr]  # every tick has one
        if self.told.get(tick) != reply:
            self.told[tick] = reply
            session.say(reply)
