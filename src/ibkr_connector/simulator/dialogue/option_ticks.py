"""
Option computations: volatility and greeks that come with an option's quotes, and on request.

Volatility is what a price implies by the model that the seeded market prices options with, so that
the model's own tick gives its price back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Quote
from ibkr_connector.simulator.exchange.valuation import (
    Greeks,
    greeks,
    implied_volatility,
    years_left,
    yield_of,
)
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.replies import TickOptionComputation

from .contracts import find_one
from .feed import Feed

if TYPE_CHECKING:
    from ibkr_connector.simulator.exchange.venue import Venue

    from .session import ClientSession, Handler

__all__ = ["HANDLERS", "OPTIONS", "Pricer", "computations"]

OPTIONS: Final = frozenset({"OPT", "FOP", "WAR"})
_CUSTOM: Final = 53
_STEPS, _NEAR, _FLAT = 8, 1e-7, 1e-4
_LEAST, _MOST = 0.001, 8.0
_DAY_S: Final = 86_400
_HIGHEST: Final = 1_000_000_000
_BID, _ASK, _LAST, _MODEL = 10, 11, 12, 13
_DELAYED_BY: Final = 70
"""From a computation's tick to its delayed twin (ibapi ticktype.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricer:
    """The model with all of an option that is not its price."""

    is_call: bool
    spot: float
    strike: float
    years: float
    dividend: float

    def at_price(self, price: float, guess: float = 0.3) -> float | None:
        """Return the volatility that a price implies; near a good guess in two or three steps."""
        volatility = guess
        for _ in range(_STEPS):
            found = self._value(volatility)
            if abs(found.price - price) < _NEAR:
                return volatility
            if found.vega < _FLAT:
                break
            volatility -= (found.price - price) / (found.vega * 100)
            if not _LEAST < volatility < _MOST:
                break
        return implied_volatility(
            self.is_call,
            price,
            self.spot,
            strike=self.strike,
            years=self.years,
            dividend=self.dividend,
        )

    def _value(self, volatility: float) -> Greeks:
        return greeks(
            self.is_call,
            self.spot,
            self.strike,
            years=self.years,
            volatility=volatility,
            dividend=self.dividend,
        )

    def computation(
        self, request_id: int, tick_type: int, *, price: Decimal | None, volatility: float | None
    ) -> TickOptionComputation:
        """Write what follows from a volatility; what does not compute is left out."""
        if volatility is None:
            return TickOptionComputation(
                request_id=request_id,
                tick_type=tick_type,
                option_price=price,
                under_price=_number(self.spot, 4),
            )
        found = self._value(volatility)
        paid = self.spot * self.dividend * self.years
        return TickOptionComputation(
            request_id=request_id,
            tick_type=tick_type,
            implied_volatility=_number(volatility, 8),
            delta=_number(found.delta, 8),
            option_price=price if price is not None else _number(found.price, 8),
            pv_dividend=_number(paid, 8),
            gamma=_number(found.gamma, 8),
            vega=_number(found.vega, 8),
            theta=_number(found.theta, 8),
            under_price=_number(self.spot, 4),
        )


def pricer(option: Instrument, under: Instrument, spot: Decimal, *, now: datetime) -> Pricer:
    """Return the model for an option while its underlying stands at a price."""
    return Pricer(
        is_call=option.right == "C",
        spot=float(spot),
        strike=float(option.strike or 0),
        years=years_left(option, int(now.timestamp() // _DAY_S)),
        dividend=yield_of(under),
    )


def computations(
    request_id: int,
    option: Instrument,
    quote: Quote,
    *,
    venue: Venue,
    feed: Feed,
    now: datetime,
    is_delayed: bool = False,
) -> Iterator[TickOptionComputation]:
    """Yield the computations of bid, ask, last and the model, once for one state of the market."""
    under = venue.catalogue.get(option.under_con_id)
    if under is None:
        return
    spot = _middle(feed.quote(venue, under, now, is_delayed=is_delayed))
    if spot is None:
        return
    key = (option.con_id, is_delayed)
    state = (quote, spot, now.date())
    known = feed.computed.get(key)
    if known is None or known[0] != state:
        model = pricer(option, under, spot, now=now)
        known = (state, tuple(_computed(model, quote)))
        feed.computed[key] = known
    shift = _DELAYED_BY if is_delayed else 0
    for one in known[1]:
        yield replace(one, request_id=request_id, tick_type=one.tick_type + shift)


def _computed(model: Pricer, quote: Quote) -> Iterator[TickOptionComputation]:
    middle = _middle(quote)
    whole = model.at_price(float(middle)) if middle is not None else None
    guess = whole if whole is not None else 0.3
    for tick_type, price in ((_BID, quote.bid), (_ASK, quote.ask), (_LAST, quote.last)):
        if price is not None:
            volatility = model.at_price(float(price), guess)
            yield model.computation(0, tick_type, price=price, volatility=volatility)
    if middle is not None:
        yield model.computation(0, _MODEL, price=None, volatility=whole)


def _middle(quote: Quote) -> Decimal | None:
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return quote.last


def _number(value: float, places: int) -> Decimal:
    return Decimal(repr(round(value, places)))


def calculate_volatility(
    session: ClientSession, request: ask.ReqCalcImpliedVolatility, now: datetime
) -> None:
    """Answer which volatility a price implies."""
    model = _asked(session, request, now)
    if model is None:
        return
    volatility = model.at_price(float(request.option_price))
    if volatility is None:
        session.fail(
            request.request_id,
            322,
            # assumed; IB's table has no code of its own for it
            "Error processing request.-'cc' : cause - No volatility gives this price.",
        )
        return
    session.say(
        model.computation(
            request.request_id, _CUSTOM, price=request.option_price, volatility=volatility
        )
    )


def calculate_price(session: ClientSession, request: ask.ReqCalcOptionPrice, now: datetime) -> None:
    """Answer which price a volatility implies."""
    model = _asked(session, request, now)
    if model is not None:
        session.say(
            model.computation(
                request.request_id, _CUSTOM, price=None, volatility=float(request.volatility)
            )
        )


def _asked(
    session: ClientSession,
    request: ask.ReqCalcImpliedVolatility | ask.ReqCalcOptionPrice,
    now: datetime,
) -> Pricer | None:
    option = find_one(session, request.contract, request.request_id)
    if option is None:
        return None
    under = session.gateway.venue.catalogue.get(option.under_con_id)
    given = (
        request.option_price
        if isinstance(request, ask.ReqCalcImpliedVolatility)
        else request.volatility
    )
    if option.sec_type not in OPTIONS or under is None:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'cc' : cause - Only option contracts can be calculated.",
        )
        return None
    if not 0 < given <= _HIGHEST or not 0 < request.under_price <= _HIGHEST:
        session.fail(
            request.request_id,
            321,
            "Error validating request.-'cc' : cause - Prices and volatility must be positive.",
        )
        return None
    return pricer(option, under, request.under_price, now=now)


def _answered(session: ClientSession, request: object, now: datetime) -> None:
    """Cancel a calculation; it was answered at once."""


HANDLERS: Final[Mapping[type, Handler]] = {
    ask.ReqCalcImpliedVolatility: calculate_volatility,
    ask.ReqCalcOptionPrice: calculate_price,
    ask.CancelCalcImpliedVolatility: _answered,
    ask.CancelCalcOptionPrice: _answered,
}
