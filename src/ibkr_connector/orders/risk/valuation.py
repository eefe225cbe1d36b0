"""
What an order can cost and what an account can come to hold: arithmetic on facts.

Owns: the bounding price, the value in the base currency, and the worst case of open orders. An
unknown factor makes an unknown product; nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_UP, Context, Decimal
from typing import Final

from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest

from .facts import Case, Held, RiskFacts, Working

__all__ = [
    "closes",
    "exposures",
    "multiplier_of",
    "needs_price",
    "order_unit_value",
    "order_value",
    "position_after",
    "reckoned_units",
    "sized",
    "unit_value",
    "unknown_of",
    "with_filled",
    "worst_price",
]

ZERO: Final = Decimal(0)
_TWELVE_DIGITS: Final = Context(prec=12, rounding=ROUND_UP)

Exposures = tuple[Decimal | None, Decimal | None, Decimal | None]
"""Worst-case value of the book, of the order's symbol, of its contract."""

_WITHOUT_MULTIPLIER: Final = frozenset(
    {
        SecurityType.STOCK,
        SecurityType.FOREX,
        SecurityType.CRYPTO,
        SecurityType.CFD,
        SecurityType.FUND,
    }
)


def worst_price(request: OrderRequest, current: Decimal | None) -> Decimal | None:
    """
    Return the highest price at which the order could trade, as far as it can be told.

    A limit binds a buyer from above, so it alone is enough; anybody else may trade at the market
    too, so without a current price the answer is not known.
    """
    if request.action is Action.BUY and request.limit_price is not None:
        return abs(request.limit_price)
    if current is None:
        return None
    stated = (request.limit_price, request.stop_price, _trailed(request, abs(current)))
    return max([abs(current), *(abs(price) for price in stated if price is not None)])


def _trailed(request: OrderRequest, current: Decimal) -> Decimal | None:
    """Return how far up a buyer's trail starts; from there it only follows the market down."""
    terms = request.terms
    if request.action is not Action.BUY:
        return None
    width = terms.trail_amount
    if terms.trail_percent is not None:
        width = current * terms.trail_percent / 100
    return None if width is None else current + width + max(terms.limit_offset or ZERO, ZERO)


def needs_price(request: OrderRequest) -> bool:
    """Whether the market's price is needed to say what an order can cost."""
    return worst_price(request, None) is None


def multiplier_of(contract: Contract) -> Decimal | None:
    """Return the units of one contract; a derivative that does not say has no known value."""
    if contract.multiplier is not None:
        return contract.multiplier
    return Decimal(1) if contract.security_type in _WITHOUT_MULTIPLIER else None


def reckoned_units(request: OrderRequest, facts: RiskFacts) -> Decimal | None:
    """
    Return about how many units an order for an amount of cash comes to, at the least price in
    sight; `None` without a price, and for an order that is for a quantity.

    *limit*: in a market that falls meanwhile it comes to more.
    """
    if request.cash_quantity is None:
        return None
    seen = (request.limit_price, facts.price, facts.bid, facts.ask, facts.last)
    prices = [abs(price) for price in seen if price]
    return _TWELVE_DIGITS.divide(request.cash_quantity, min(prices)) if prices else None


def sized(request: OrderRequest, facts: RiskFacts) -> OrderRequest:
    """Return the request with a quantity to be judged by: an order by cash with a reckoned one."""
    units = reckoned_units(request, facts)
    return request if units is None else replace(request, quantity=units)


def unit_value(price: Decimal | None, contract: Contract, rate: Decimal | None) -> Decimal | None:
    """
    Return what one unit is worth in the base currency, without its sign.

    *limit*: a price in hundredths of the currency (pence in London) counts as one in the currency,
    so values come out too high there, and limits refuse too early.
    """
    multiplier = multiplier_of(contract)
    if price is None or multiplier is None or rate is None:
        return None
    return abs(price) * multiplier * rate


def order_unit_value(case: Case) -> Decimal | None:
    """
    Return the most that one unit of the order can be worth in the base currency.

    Of a combination it is what its legs are worth together, bought ones and sold ones alike.
    """
    known: dict[str, Decimal | None] = case.worked_out
    if "unit value" not in known:
        known["unit value"] = _order_unit_value(case)
    return known["unit value"]


def _order_unit_value(case: Case) -> Decimal | None:
    if case.contract.legs:
        worth = _sum(order_value(leg) for leg in case.legs)
        return None if worth is None else worth / case.request.quantity
    if case.request.cash_quantity is not None:
        worth = order_value(case)
        return None if worth is None or not case.request.quantity else worth / case.request.quantity
    return unit_value(_bounding_price(case), case.contract, case.facts.exchange_rate)


def _bounding_price(case: Case) -> Decimal | None:
    exercise = case.request.exercise
    if exercise is None:
        return worst_price(case.request, case.facts.price)
    # what is taken or delivered is worth the strike; what lapses, nothing
    return ZERO if exercise.lapse else case.contract.strike


def order_value(case: Case) -> Decimal | None:
    """
    Return the most that the order can be worth in the base currency.

    An order by cash is worth its money, however many units that comes to.
    """
    known: dict[str, Decimal | None] = case.worked_out
    if "value" not in known:
        known["value"] = _order_value(case)
    return known["value"]


def _order_value(case: Case) -> Decimal | None:
    cash, rate = case.request.cash_quantity, case.facts.exchange_rate
    if cash is not None:
        return None if rate is None else cash * rate
    each = order_unit_value(case)
    return None if each is None else each * case.request.quantity


def unknown_of(case: Case) -> tuple[str, ...]:
    """Name what is missing to value the order."""
    if case.contract.legs:
        return tuple(
            f"{what} of {leg.contract.text}" for leg in case.legs for what in unknown_of(leg)
        )
    missing = []
    if _bounding_price(case) is None:
        missing.append("a current price")
    if multiplier_of(case.contract) is None:
        missing.append("the contract's multiplier")
    if case.facts.exchange_rate is None:
        missing.append(f"the exchange rate of {case.contract.currency}")
    return tuple(missing)


def total(orders: Iterable[Working], action: Action) -> Decimal:
    """Return how much orders of one side can fill; of a group only its largest."""
    # with hundreds of orders open this is most of what the rules cost: lists, not generators
    side = [order for order in orders if order.action is action]
    alone = [order.quantity for order in side if not order.group]
    grouped: dict[str, Decimal] = {}
    if len(alone) < len(side):
        for order in side:
            if order.group:
                grouped[order.group] = max(grouped.get(order.group, ZERO), order.quantity)
    return sum(alone, ZERO) + sum(grouped.values(), ZERO)


def _held_of(case: Case) -> Decimal | None:
    """Return the position in the order's contract, `None` when positions are not known."""
    if case.book.held is None:
        return None
    con_id, held = case.contract.con_id, ZERO
    for row in case.book.held:
        if row.con_id == con_id:
            held += row.quantity
    return held


def position_after(case: Case) -> Decimal | None:
    """
    Return how far the position can go in the order's direction, as a positive number.

    Everything that is open on the same side is taken to fill, and nothing on the other.
    """
    known: dict[str, Decimal | None] = case.worked_out
    if "position" not in known:
        known["position"] = _position_after(case)
    return known["position"]


def _position_after(case: Case) -> Decimal | None:
    held = _held_of(case)
    if held is None:
        return None
    if case.contract.legs:
        # of a combination, the leg that goes furthest
        return max(after for leg in case.legs if (after := position_after(leg)) is not None)
    action = case.request.action
    con_id = case.contract.con_id
    open_ = [order for order in case.book.working if order.con_id == con_id]
    reached = held if action is Action.BUY else -held
    return reached + total((*open_, _as_working(case, None)), action)


def _as_working(case: Case, value: Decimal | None) -> Working:
    return Working(
        con_id=case.contract.con_id,
        symbol=case.contract.symbol,
        action=case.request.action,
        quantity=case.remaining,
        unit_value=value,
        group=case.group,
    )


def closes(case: Case) -> bool:
    """
    Whether the order can do nothing but make the position smaller, whatever else fills.

    Of an order by cash that is never certain: its units are known when it is filled. The exercise
    of an option opens what it is an option on.
    """
    request = case.request
    if request.cash_quantity is not None or request.exercise is not None:
        return False
    if not case.contract.legs and request.quantity > case.filled:
        held = _held_of(case)
        if held is None or (held >= 0 if case.request.action is Action.BUY else held <= 0):
            return False  # there is nothing on the other side; no need to add up what is open
    after = position_after(case)
    return after is not None and after <= 0


def with_filled(case: Case, action: Action, quantity: Decimal) -> Case:
    """Return the case as it would be with an order in the same contract filled."""
    if case.book.held is None:
        return case
    rows = []
    parts = case.contract.parts(action)
    for one, (contract, side, ratio) in zip(case.legs or (case,), parts, strict=True):
        row = Held(
            con_id=contract.con_id,
            symbol=contract.symbol,
            quantity=quantity * ratio if side is Action.BUY else -quantity * ratio,
            unit_value=order_unit_value(one),
        )
        rows.append(row)
    return replace(case, book=replace(case.book, held=(*case.book.held, *rows)))


def exposures(case: Case) -> Exposures:
    """
    Return the worst-case gross value of the whole book, of the order's symbol, and of its contract.

    For each contract the larger of both sides: all open buys filled, or all open sells.
    """
    known: Exposures | None = case.worked_out.get("exposures")
    if known is None:
        known = case.worked_out["exposures"] = _exposures(case)
    return known


def _exposures(case: Case) -> Exposures:
    if case.book.held is None:
        return None, None, None
    mine = [_as_working(one, order_unit_value(one)) for one in case.legs or (case,)]
    of: dict[ConId | None, tuple[list[Held], list[Working]]] = defaultdict(lambda: ([], []))
    for position in case.book.held:
        of[position.con_id][0].append(position)
    for order in (*case.book.working, *mine):
        of[order.con_id][1].append(order)
    gross: Decimal | None = ZERO
    by_symbol: dict[str, Decimal | None] = {one.symbol: ZERO for one in mine}
    of_contract: Decimal | None = None
    for con_id, (held, open_) in of.items():
        quantity = sum((row.quantity for row in held), ZERO)
        long = max(quantity + total(open_, Action.BUY), ZERO)
        short = max(total(open_, Action.SELL) - quantity, ZERO)
        units = max(long, short)
        values = [row.unit_value for row in held] + [row.unit_value for row in open_]
        known = [value for value in values if value is not None]
        # one unknown price among several rows of a contract is no reason to trust the others
        value = max(known) * units if len(known) == len(values) else None
        if units == 0:
            value = ZERO
        symbol = held[0].symbol if held else open_[0].symbol
        gross = _plus(gross, value)
        if symbol in by_symbol:
            by_symbol[symbol] = _plus(by_symbol[symbol], value)
        if con_id == case.contract.con_id:
            of_contract = value
    known = [worth for worth in by_symbol.values() if worth is not None]
    return gross, max(known) if len(known) == len(by_symbol) else None, of_contract


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total_value: Decimal | None = ZERO
    for value in values:
        total_value = _plus(total_value, value)
    return total_value


def _plus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left + right
