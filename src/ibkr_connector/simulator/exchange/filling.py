"""
What a trade does: the order is the fuller, the accounts are others, and executions tell of it.

Knows no prices of its own but those that the legs of a combo trade at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from .clearing import Clearing, legs_of
from .commands import AccountChanged, Event, Executed, OrderChanged, PositionChanged
from .instruments import Instrument
from .market import Market
from .matching import Trade
from .models import SlippageModel
from .records import Status, VenueOrder, change_order
from .register import Register

__all__ = ["Filling"]


class Filling:
    """
    Books trades.

    Args:
        register: All orders.
        market: Prices of legs.
        clearing: Accounts.
        slippage: How much worse than shown orders at the market trade.
    """

    def __init__(
        self, *, register: Register, market: Market, clearing: Clearing, slippage: SlippageModel
    ) -> None:
        self._register = register
        self._market = market
        self._clearing = clearing
        self._slippage = slippage

    def slipped(self, order: VenueOrder, trade: Trade) -> Trade:
        """Return a trade at the market's price as the slippage model has it."""
        price = self._slippage.slipped(
            order.instrument,
            trade.price,
            is_buy=order.terms.is_buy,
            quantity=trade.quantity,
            displayed=trade.quantity,
        )
        return replace(trade, price=price)

    def fill(self, order: VenueOrder, trade: Trade, now: datetime) -> Iterator[Event]:
        """Book a trade, and say what it made of the order, the positions and the accounts."""
        filled = order.filled + trade.quantity
        paid = order.average_price * order.filled + trade.price * trade.quantity
        is_complete = filled == order.terms.quantity
        order = change_order(
            order,
            filled=filled,
            average_price=paid / filled,
            last_price=trade.price,
            status=Status.FILLED if is_complete else Status.SUBMITTED,
            closed_at=now if is_complete else None,
        )
        self._register.keep(order)
        executed = list(self._executed(order, trade, now))
        self._clearing.part_filled(order, trade.quantity)
        yield from executed
        yield OrderChanged(order=order)
        yield from _moved(executed)
        if is_complete:
            self._clearing.unbind(order.perm_id)

    def _executed(self, order: VenueOrder, trade: Trade, now: datetime) -> Iterator[Executed]:
        yield from self._booked(
            order,
            order.instrument,
            is_buy=order.terms.is_buy,
            quantity=trade.quantity,
            price=trade.price,
            liquidity=trade.liquidity,
            now=now,
        )
        if not order.terms.legs:
            return
        # the legs trade at their own markets; what is left of the combo's price is the first's
        legs = list(legs_of(order, trade.quantity))
        prices = [
            self._leg_price(instrument, quantity, is_buy=is_buy, now=now)
            for instrument, is_buy, quantity in legs
        ]
        signs = [leg.ratio * leg.sign for leg in order.terms.legs]
        rest = sum((s * p for s, p in zip(signs[1:], prices[1:], strict=True)), Decimal(0))
        prices[0] = (trade.price - rest) / signs[0]
        for (instrument, is_buy, quantity), price in zip(legs, prices, strict=True):
            yield from self._booked(
                order,
                instrument,
                is_buy=is_buy,
                quantity=quantity,
                price=price,
                liquidity=trade.liquidity,
                now=now,
            )

    def _booked(
        self,
        order: VenueOrder,
        instrument: Instrument,
        *,
        is_buy: bool,
        quantity: Decimal,
        price: Decimal,
        liquidity: int,
        now: datetime,
    ) -> Iterator[Executed]:
        for execution, commission in self._clearing.book(
            order,
            instrument=instrument,
            is_buy=is_buy,
            quantity=quantity,
            price=price,
            liquidity=liquidity,
            now=now,
        ):
            yield Executed(execution=execution, commission=commission)

    def _leg_price(
        self, instrument: Instrument, quantity: Decimal, *, is_buy: bool, now: datetime
    ) -> Decimal:
        quote = self._market.touch(instrument, now)
        price = quote.ask if is_buy else quote.bid
        if price is None:
            return self._market.mark(instrument, now)
        self._market.take(instrument, (price, quantity), is_ask=is_buy, now=now)
        return price


def _moved(executed: Iterable[Executed]) -> Iterator[Event]:
    """Say which positions and which accounts are others after executions."""
    accounts: dict[str, None] = {}
    for event in executed:
        execution = event.execution
        if execution.is_block:
            continue
        accounts[execution.account] = None
        if execution.instrument.sec_type != "BAG":
            yield PositionChanged(account=execution.account, instrument=execution.instrument)
    for account in accounts:
        yield AccountChanged(account=account)
