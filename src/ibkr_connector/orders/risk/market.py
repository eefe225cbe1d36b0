"""Rules about the market: a price that is far off, a quote that is old, a market that is shut."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ibkr_connector.model.orders import Action, OrderType, Violation

from .facts import Case
from .sizes import unknown

__all__ = ["halted", "open_market", "price_collar", "quote_age"]


def price_collar(case: Case) -> Iterator[Violation]:
    """A limit or stop may not be further on the costly side of the market than so much."""
    collar = case.limits.price_collar
    request = case.request
    if collar is None:
        return
    buying = request.action is Action.BUY
    # a limit on the cheap side only waits; a stop is wrong when it would go off at once
    touched = request.order_type in (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)
    stated = [
        ("limit_price", request.limit_price, buying),
        ("stop_price", request.stop_price, buying is touched),
    ]
    if all(price is None for _, price, _ in stated):
        return
    market = case.facts.reference
    if market is None:
        said = f"{collar} of the market's price"
        yield unknown("price_collar", said, case=case, names=["bid and ask, or the last trade"])
        return
    width = abs(market) * collar
    for key, price, from_above in stated:
        if price is None:
            continue
        bound = market + width if from_above else market - width
        if price > bound if from_above else price < bound:
            side = "at most" if from_above else "at least"
            yield Violation(
                rule="price_collar",
                value=f"{key} {price}",
                limit=f"{side} {bound.normalize():f}, {collar} from the market at {market}",
                remedy="name a price nearer to the market, or raise price_collar",
            )


def quote_age(case: Case) -> Iterator[Violation]:
    """
    The prices that an order is judged by are neither old, nor delayed, nor frozen.

    The age is that of the gateway's answer. Bids and asks are of that moment; a last trade may be
    of any, so a quote without both sides has no known age.
    """
    limit = case.limits.max_quote_age_s
    if limit is None:
        return
    facts, now = case.facts, case.book.now
    said = f"{limit} s"
    if facts.quoted_at is None or now is None or facts.is_live is None:
        yield unknown("max_quote_age_s", said, case=case, names=["a quote and its age"])
        return
    if facts.bid is None and facts.ask is None:
        yield unknown("max_quote_age_s", said, case=case, names=["a bid or an ask"])
        return
    age = Decimal(str((now - facts.quoted_at).total_seconds()))
    if not facts.is_live or age > limit:
        yield Violation(
            rule="max_quote_age_s",
            value=f"a quote {age:.1f} s old" if facts.is_live else "a delayed or frozen quote",
            limit=said,
            remedy="wait for a fresh quote, subscribe to live data, or raise max_quote_age_s",
        )


def open_market(case: Case) -> Iterator[Violation]:
    """The market is open, in the hours in which the order would work."""
    if not case.limits.require_open_market:
        return
    if case.facts.is_open is None:
        names = ["the contract's trading hours"]
        yield unknown("require_open_market", "an open market", case=case, names=names)
    elif not case.facts.is_open:
        yield Violation(
            rule="require_open_market",
            value="a closed market",
            limit="an open market",
            remedy="wait for the session, or set outside_regular_hours where it trades",
        )


def halted(case: Case) -> Iterator[Violation]:
    """
    Trading in the contract is not halted, as far as the quote says.

    *limit*: TWS says "not halted" of contracts in a watch list only (IB campus, tick 49), so a
    quote that is silent about it counts as not halted.
    """
    if not case.limits.refuse_halted:
        return
    if case.facts.quoted_at is None:
        names = ["a quote, which says whether it is halted"]
        yield unknown("refuse_halted", "a contract that trades", case=case, names=names)
    elif case.facts.halted:
        yield Violation(
            rule="refuse_halted",
            value="a halted contract",
            limit="a contract that trades",
            remedy="wait until trading resumes",
        )
