"""What an order would cost and bind, and whether its account can carry it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from .clearing import Clearing, bounding_price
from .commands import PlaceOrder
from .figures import Figures
from .instruments import Instrument
from .market import Market
from .records import Terms, VenueOrder

__all__ = ["Credit"]

_NOTHING: Final = Decimal(0)


class Credit:
    """Looks at orders with the eyes of the accounts; it binds what it lets pass."""

    def __init__(self, *, market: Market, clearing: Clearing) -> None:
        self._market = market
        self._clearing = clearing

    def shortfall(self, order: VenueOrder, new: Terms, now: datetime) -> Figures | None:
        """Return the figures of an account that cannot carry an order; bind what it can."""
        rest = new.quantity - order.filled
        if not rest:
            return None
        trial = PlaceOrder(
            owner=order.owner,
            account=order.account,
            instrument=order.instrument,
            exchange=order.exchange,
            terms=replace(new, quantity=rest),
        )
        price = bounding_price(trial.terms, self._market.touch(order.instrument, now))
        trades = self._as_trades(order.instrument, trial.terms, price=price, now=now)
        needed = self._clearing.needs(order.account, trades, now)
        if needed and not self._clearing.can_carry(order.account, needed, now, but=order.perm_id):
            return self.margin_after(trial, now)[1]
        self._clearing.bind(order, needed)
        return None

    def margin_after(self, command: PlaceOrder, now: datetime) -> tuple[Figures, Figures]:
        """Return the figures of the account before an order and as if it were filled now."""
        terms, instrument = command.terms, command.instrument
        price = bounding_price(terms, self._market.touch(instrument, now), terms.trail_stop_price)
        return self._clearing.margin_after(
            command.account, self._as_trades(instrument, terms, price=price, now=now), now
        )

    def cost_of(self, command: PlaceOrder, now: datetime) -> Decimal:
        """Return the commission of an order if it is filled at once, in its currency."""
        terms, instrument = command.terms, command.instrument
        price = bounding_price(terms, self._market.touch(instrument, now), terms.trail_stop_price)
        return sum(
            (
                self._clearing.cost(traded, abs(signed), at)
                for traded, signed, at in self._as_trades(instrument, terms, price=price, now=now)
            ),
            _NOTHING,
        )

    def _as_trades(
        self, instrument: Instrument, terms: Terms, *, price: Decimal, now: datetime
    ) -> Iterator[tuple[Instrument, Decimal, Decimal]]:
        if not terms.legs:
            yield instrument, terms.quantity if terms.is_buy else -terms.quantity, price
            return
        for leg in terms.legs:
            is_buy = leg.is_buy is terms.is_buy
            signed = terms.quantity * leg.ratio * (1 if is_buy else -1)
            yield leg.instrument, signed, self._market.mark(leg.instrument, now)
