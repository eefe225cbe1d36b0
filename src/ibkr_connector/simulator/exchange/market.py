"""
The market of each instrument at a moment: what the tape says, what is held for tests, what of it
was taken already, and what is halted.

Owns nothing of orders and accounts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

from .commands import SetQuote
from .history import HistoricalBar, bars
from .instruments import Catalogue, Instrument, Query
from .matching import Level
from .prices import Swing, Tape
from .records import Leg, Quote

__all__ = ["Market"]

_NOTHING: Final = Decimal(0)
_DEPTH: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A day of an instrument until a moment: the price before it, and where it went."""

    start: datetime
    until: datetime
    close: Decimal | None
    swing: Swing | None = None


class Market:
    """
    Prices, sizes and halts of everything that is listed.

    Args:
        catalogue: What is listed.
        tape: Where prices come from.
    """

    def __init__(self, *, catalogue: Catalogue, tape: Tape) -> None:
        self.catalogue = catalogue
        self.tape = tape
        self.legs: dict[int, tuple[Leg, ...]] = {}
        self._combos: dict[int, Instrument] = {}
        self._touches: dict[int, tuple[Hashable, Quote]] = {}
        self._bests: dict[int, tuple[Hashable, tuple[tuple[Level, ...], tuple[Level, ...]]]] = {}
        self._days: dict[int, _Day] = {}
        self._middles: dict[int, tuple[Hashable, Decimal | None]] = {}
        self._held: dict[int, SetQuote] = {}
        self._halted: set[int] = set()
        self._taken: dict[tuple[int, bool], tuple[int, dict[Decimal, Decimal]]] = {}

    # --- being told -----------------------------------------------------------------------------

    def hold(self, command: SetQuote) -> None:
        """Hold a market at given prices."""
        self._held[command.con_id] = command
        self._touches.pop(command.con_id, None)
        for is_ask in (False, True):
            self._taken.pop((command.con_id, is_ask), None)

    def release(self, con_id: int) -> None:
        """Let a market follow the tape again."""
        self._held.pop(con_id, None)
        self._touches.pop(con_id, None)

    def halt(self, con_id: int, *, halted: bool) -> None:
        """Halt trading in an instrument, or resume it."""
        (self._halted.add if halted else self._halted.discard)(con_id)

    def list_combo(self, instrument: Instrument, legs: tuple[Leg, ...]) -> None:
        """Let a combo have a market, made of its legs'."""
        self._combos[instrument.con_id] = instrument
        self.legs[instrument.con_id] = legs

    def is_halted(self, con_id: int) -> bool:
        """Tell whether trading in an instrument is halted."""
        legs = self.legs.get(con_id, ())
        return con_id in self._halted or any(leg.instrument.con_id in self._halted for leg in legs)

    def take(self, instrument: Instrument, level: Level, *, is_ask: bool, now: datetime) -> None:
        """Use up a part of a level; it stands again in the next second."""
        if instrument.con_id in self.legs:
            return  # its legs are taken, each from its own market
        second, price = int(now.timestamp()), level[0]
        known, taken = self._taken.get((instrument.con_id, is_ask), (second, {}))
        if known != second:
            taken = {}
        taken[price] = taken.get(price, _NOTHING) + level[1]
        self._taken[instrument.con_id, is_ask] = (second, taken)
        self._touches.pop(instrument.con_id, None)

    def instrument(self, con_id: int) -> Instrument:
        """Return something that is listed, or a combo that has been traded."""
        found = self.catalogue.get(con_id) or self._combos.get(con_id)
        if found is None:
            raise KeyError(f"con id {con_id} is not listed")
        return found

    # --- being asked ----------------------------------------------------------------------------

    def touch(self, instrument: Instrument, now: datetime) -> Quote:
        """Return the best prices of a moment alone: all that matching needs."""
        stretch = self.tape.stretch(now)
        known = self._touches.get(instrument.con_id)
        if known is not None and known[0] == stretch:
            return known[1]
        quote = self._touched(instrument, now)
        if instrument.con_id not in self.legs:
            self._touches[instrument.con_id] = (stretch, quote)
        return quote

    def _touched(self, instrument: Instrument, now: datetime) -> Quote:
        legs = self.legs.get(instrument.con_id)
        if legs is not None:
            return self._of_legs(instrument, legs, now)
        bid, bid_size = self._best(instrument, now, is_ask=False)
        ask, ask_size = self._best(instrument, now, is_ask=True)
        return Quote(
            bid=bid,
            ask=ask,
            last=self._last(instrument, now),
            bid_size=bid_size,
            ask_size=ask_size,
            last_size=instrument.lot,
            volume=_NOTHING,
            open=None,
            high=None,
            low=None,
            close=None,
        )

    def quote(self, instrument: Instrument, now: datetime) -> Quote:
        """Return the best prices of a moment, and the day's figures."""
        touch = self.touch(instrument, now)
        if instrument.con_id in self.legs:
            return touch
        day = self._day(instrument, now)
        today, close = day.swing, day.close
        if today is None:
            return replace(touch, close=close)
        last = touch.last
        return Quote(
            bid=touch.bid,
            ask=touch.ask,
            last=last,
            bid_size=touch.bid_size,
            ask_size=touch.ask_size,
            last_size=touch.last_size,
            volume=today.volume,
            open=instrument.floor(today.open),
            high=instrument.floor(today.high if last is None else max(today.high, last)),
            low=instrument.floor(today.low if last is None else min(today.low, last)),
            close=close,
        )

    def _day(self, instrument: Instrument, now: datetime) -> _Day:
        """Return the day's range, made longer by what has passed since it was asked for last."""
        known = self._days.get(instrument.con_id)
        if known is not None and known.until == now:
            return known
        start = datetime.combine(now.date(), time(), tzinfo=UTC)
        if known is None or known.start != start or known.until > now:
            before = self.tape.price(instrument, start)
            close = instrument.floor(before) if before is not None else None
            known = _Day(start=start, until=start, close=close)
        grown = self.tape.swing(instrument, known.until, now) if now > known.until else None
        whole = known.swing if grown is None else grown.after(known.swing)
        known = replace(known, until=now, swing=whole)
        self._days[instrument.con_id] = known
        return known

    def extremes(
        self, instrument: Instrument, since: datetime, now: datetime
    ) -> tuple[Quote, Quote, Decimal] | None:
        """
        Return the lowest and the highest quote of an interval, and what was traded in it.

        `None` when the market is held, is a combo's, or had no price then.
        """
        if instrument.con_id in self._held or instrument.con_id in self.legs:
            return None
        swing = self.tape.swing(instrument, since, now)
        if swing is None:
            return None
        touch = self.touch(instrument, now)
        low, high = (
            replace(touch, bid=bid, ask=ask, last=instrument.last(bid, ask))
            for bid, ask in (instrument.sides(swing.low), instrument.sides(swing.high))
        )
        return low, high, swing.volume

    def traded(
        self,
        instrument: Instrument,
        price: Decimal,
        *,
        is_buy: bool,
        since: datetime,
        now: datetime,
    ) -> Decimal:
        """Return how much the tape traded at a price or worse; nothing of a held market."""
        if instrument.con_id in self._held or instrument.con_id in self.legs or since >= now:
            return _NOTHING
        found = self.tape.trades(instrument, since, now)
        # whoever sold for less than a bid that stood there would have met that bid first
        return sum(
            (t.size for t in found if (t.price <= price if is_buy else t.price >= price)),
            _NOTHING,
        )

    def levels(self, instrument: Instrument, now: datetime, *, is_ask: bool) -> Iterator[Level]:
        """Yield what is left of one side of the market, best price first."""
        if instrument.con_id in self.legs:
            touch = self.touch(instrument, now)
            price, size = (touch.ask, touch.ask_size) if is_ask else (touch.bid, touch.bid_size)
            if price is not None:
                yield price, size
            return
        second, taken = self._taken.get((instrument.con_id, is_ask), (0, {}))
        is_now = second == int(now.timestamp())
        for price, size in self._offered(instrument, now, is_ask=is_ask):
            left = size - taken.get(price, _NOTHING) if is_now else size
            if left > 0:
                yield price, left

    def _best(
        self, instrument: Instrument, now: datetime, *, is_ask: bool
    ) -> tuple[Decimal | None, Decimal]:
        return next(self.levels(instrument, now, is_ask=is_ask), (None, _NOTHING))

    def _offered(self, instrument: Instrument, now: datetime, *, is_ask: bool) -> Iterator[Level]:
        held = self._held.get(instrument.con_id)
        if held is not None:
            price = held.ask if is_ask else held.bid
            if price is not None:
                yield price, held.ask_size if is_ask else held.bid_size
            return
        # the best level is all that most orders need, and all that a quote shows
        yield from self._best_levels(instrument, now)[is_ask]
        yield from self.tape.ladder(instrument, now, _DEPTH)[is_ask][1:]

    def _best_levels(
        self, instrument: Instrument, now: datetime
    ) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        stretch = self.tape.stretch(now)
        known = self._bests.get(instrument.con_id)
        if known is None or known[0] != stretch:
            known = (stretch, self.tape.ladder(instrument, now, 1))
            self._bests[instrument.con_id] = known
        return known[1]

    def _middle(self, instrument: Instrument, now: datetime) -> Decimal | None:
        """Return the tape's price, which is asked for many times in one moment."""
        stretch = self.tape.stretch(now)
        known = self._middles.get(instrument.con_id)
        if known is not None and known[0] == stretch:
            return known[1]
        price = self.tape.price(instrument, now)
        self._middles[instrument.con_id] = (stretch, price)
        return price

    def _last(self, instrument: Instrument, now: datetime) -> Decimal | None:
        held = self._held.get(instrument.con_id)
        if held is not None:
            if held.last is not None or held.bid is None or held.ask is None:
                return held.last
            return instrument.floor((held.bid + held.ask) / 2)
        return self.tape.last(instrument, now)

    def _of_legs(self, instrument: Instrument, legs: tuple[Leg, ...], now: datetime) -> Quote:
        """Return what a combo costs and brings: its legs at their own best prices."""
        bid: Decimal | None = _NOTHING
        ask: Decimal | None = _NOTHING
        sizes = []
        for leg in legs:
            quote = self.touch(leg.instrument, now)
            low, high = (quote.bid, quote.ask) if leg.is_buy else (quote.ask, quote.bid)
            sign = leg.ratio if leg.is_buy else -leg.ratio
            bid = bid + sign * low if bid is not None and low is not None else None
            ask = ask + sign * high if ask is not None and high is not None else None
            sizes.append(min(quote.bid_size, quote.ask_size) // leg.ratio)
        size = min(sizes)
        return Quote(
            bid=bid,
            ask=ask,
            last=None if bid is None or ask is None else instrument.floor((bid + ask) / 2),
            bid_size=size,
            ask_size=size,
            last_size=Decimal(1),
            volume=_NOTHING,
            open=None,
            high=None,
            low=None,
            close=None,
        )

    def mark(self, instrument: Instrument, now: datetime) -> Decimal:
        """Return the price at which a holding is valued: the middle of the market."""
        legs = self.legs.get(instrument.con_id)
        if legs is not None:
            marks = (self.mark(leg.instrument, now) * leg.ratio * leg.sign for leg in legs)
            return sum(marks, _NOTHING)
        held = self._held.get(instrument.con_id)
        if held is not None and held.bid is not None and held.ask is not None:
            return (held.bid + held.ask) / 2
        return self._middle(instrument, now) or instrument.price

    def rate(self, currency: str, now: datetime) -> Decimal:
        """Return how many US dollars one unit of a currency is."""
        if currency == "USD":
            return Decimal(1)
        direct = self.catalogue.find(Query(symbol=currency, sec_type="CASH", currency="USD"))
        if direct:
            return self.mark(direct[0], now)
        inverse = self.catalogue.find(Query(symbol="USD", sec_type="CASH", currency=currency))
        if inverse:
            return 1 / self.mark(inverse[0], now)
        raise KeyError(f"no rate of {currency} is listed")

    def bars(
        self,
        instrument: Instrument,
        *,
        start: datetime,
        end: datetime,
        bar_size: str,
        what_to_show: str,
    ) -> Sequence[HistoricalBar]:
        """Return bars of the past, oldest first."""
        return list(
            bars(
                self.tape,
                instrument,
                start=start,
                end=end,
                bar_size=bar_size,
                what_to_show=what_to_show,
            )
        )
