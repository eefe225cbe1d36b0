"""What an order would cost and bind, and whether its account can carry it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from .advisor import allocate
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
        """
        Return the figures of an account that cannot carry an order; bind what it can.

        *limit*: what an advisor divides among accounts binds none of them until it is filled.
        """
        rest = new.quantity - order.filled
        if not rest:
            return None
        terms = replace(new, quantity=rest) if order.filled else new
        if order.allocation is None:
            needed, short = self._looked_at(order, order.account, terms, now=now)
            if short is None:
                self._clearing.bind(order, needed)
            return short
        allocation = order.allocation
        parts = allocate(rest, allocation.shares, allocation.method, step=order.instrument.min_size)
        for account, part in parts.items():
            _, short = self._looked_at(order, account, replace(terms, quantity=part), now=now)
            if short is not None:
                return short
        return None

    def _looked_at(
        self, order: VenueOrder, account: str, terms: Terms, *, now: datetime
    ) -> tuple[Decimal, Figures | None]:
        """Return what an order needs of an account, and its figures when it cannot carry that."""
        price = bounding_price(terms, self._market.touch(order.instrument, now))
        trades = list(self._as_trades(order.instrument, terms, price=price, now=now))
        needed = self._clearing.needs(account, trades, now)
        if not needed or self._clearing.can_carry(account, needed, now, but=order.perm_id):
            return needed, None
        return needed, self._clearing.margin_after(account, trades, now)[1]

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
