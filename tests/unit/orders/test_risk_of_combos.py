"""Combinations before the rules: each leg counts, and nothing that is not known passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.instruments.combining import combined
from ibkr_connector.model.contracts import (
    Action,
    ComboLeg,
    Contract,
    ContractDetails,
    SecurityType,
    combo,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import OrderRequest, OrderType
from ibkr_connector.orders.risk import (
    Book,
    Case,
    Held,
    RiskFacts,
    RiskLimits,
    Working,
    check_risk,
    likeness,
    needs_of,
    with_filled,
)
from ibkr_connector.orders.risk.valuation import closes, exposures, order_value, position_after
from kit.order_desk import NOON


def call(con_id: int, symbol: str = "SPY") -> ContractDetails:
    return ContractDetails(
        contract=Contract(
            symbol=symbol,
            security_type=SecurityType.OPTION,
            con_id=ConId(con_id),
            multiplier=Decimal(100),
        )
    )


SPREAD = combined(
    combo("A", ComboLeg(contract="B", action=Action.SELL, ratio=2)), [call(1), call(2)]
).contract
BUY = OrderRequest(
    contract=SPREAD,
    action=Action.BUY,
    quantity=Decimal(3),
    order_type=OrderType.LIMIT,
    limit_price=Decimal("-0.10"),
)
ONE = Decimal(1)
FACTS = RiskFacts(
    exchange_rate=ONE,
    net_liquidation=Decimal(100_000),
    legs=tuple(
        RiskFacts(price=Decimal(price), exchange_rate=ONE, shortable=True) for price in ("5", "2")
    ),
)
BOOK = Book(now=NOON, held=(), net_liquidation=Decimal(100_000), buying_power=Decimal(10_000))
LIMITS = RiskLimits(max_order_size=Decimal(100))


def held(con_id: int, quantity: int) -> Held:
    return Held(
        con_id=ConId(con_id), symbol="SPY", quantity=Decimal(quantity), unit_value=Decimal(500)
    )


def case(**more: Any) -> Case:
    fields: dict[str, Any] = {
        "request": BUY,
        "contract": SPREAD,
        "account": "DU1",
        "limits": LIMITS,
        "facts": FACTS,
        "book": BOOK,
    }
    return Case(**(fields | more))


def broken(limits: RiskLimits, *, book: Book = BOOK, facts: RiskFacts = FACTS) -> list[str]:
    found = check_risk(BUY, SPREAD, account="DU1", limits=limits, facts=facts, book=book)
    return [one.rule for one in found]


def test_it_is_worth_what_its_legs_are_worth_whatever_its_own_price() -> None:
    # 3 of the first at 500 each, and 6 of the second at 200
    assert order_value(case()) == 2700
    assert order_value(case(request=replace(BUY, action=Action.SELL))) == 2700
    assert broken(replace(LIMITS, max_order_value=Decimal(2700))) == []
    assert broken(replace(LIMITS, max_order_value=Decimal(2699))) == ["max_order_value"]


def test_an_unknown_leg_makes_it_unknown_and_is_named() -> None:
    facts = replace(FACTS, legs=(FACTS.legs[0], RiskFacts(exchange_rate=ONE)))
    (found,) = check_risk(
        BUY,
        SPREAD,
        account="DU1",
        limits=replace(LIMITS, max_order_value=Decimal(10**9)),
        facts=facts,
        book=BOOK,
    )
    assert "a current price of SPY" in f"{found}"
    assert broken(replace(LIMITS, max_exposure=Decimal(10**9)), facts=RiskFacts())


def test_positions_are_those_of_the_legs() -> None:
    assert position_after(case()) == 6
    limits = replace(LIMITS, max_position_size=Decimal(5))
    assert broken(limits) == ["max_position_size"]
    assert broken(limits, book=replace(BOOK, held=(held(2, 1),))) == []
    assert broken(replace(LIMITS, max_position_value=Decimal(1499))) == ["max_position_value"]


def test_a_leg_that_sells_what_is_not_held_is_a_short_sale() -> None:
    limits = replace(LIMITS, allow_short=False)
    assert broken(limits) == ["allow_short"]
    assert broken(limits, book=replace(BOOK, held=(held(2, 6),))) == []
    limits = replace(LIMITS, require_shortable=True)
    assert needs_of(BUY, limits).shortable
    legs = (FACTS.legs[0], replace(FACTS.legs[1], shortable=False))
    assert broken(limits, facts=replace(FACTS, legs=legs)) == ["require_shortable"]


def test_open_orders_on_a_leg_count_with_it() -> None:
    order = Working(
        con_id=ConId(2), symbol="SPY", action=Action.SELL, quantity=Decimal(4), unit_value=None
    )
    book = replace(BOOK, working=(order, replace(order, con_id=ConId(1), is_more=True)))
    assert position_after(case(book=book)) == 10
    limits = replace(LIMITS, max_open_orders=2)
    assert broken(limits, book=book) == []  # two legs of one order are one order


def test_the_whole_book_holds_every_leg() -> None:
    gross, of_symbol, _ = exposures(case(book=replace(BOOK, held=(held(1, 2), held(2, 1)))))
    # 5 of the first and 5 short of the second, each at the dearer of what is known
    assert gross == of_symbol == 5 * 500 + 5 * 500


def test_concentration_is_that_of_the_worst_symbol() -> None:
    pair = combined(combo("A", "B"), [call(1, "SPY"), call(2, "QQQ")]).contract
    _, of_symbol, _ = exposures(case(contract=pair, request=replace(BUY, contract=pair)))
    assert of_symbol == 3 * 500


def test_buying_power_pays_for_the_legs_that_open_something() -> None:
    limits = replace(LIMITS, check_buying_power=True)
    book = replace(BOOK, buying_power=Decimal(1200))
    # what options bind that are sold to open, only the broker knows
    assert broken(limits, book=replace(book, buying_power=Decimal(10**9))) == ["buying power"]
    covered = (held(2, 6),)
    assert broken(limits, book=replace(book, held=covered)) == ["buying power"]
    assert broken(limits, book=replace(book, held=covered, buying_power=Decimal(1500))) == []


def test_it_only_closes_when_every_leg_does() -> None:
    both = replace(BOOK, held=(held(1, -3), held(2, 6)))
    assert closes(case(book=both))
    assert not closes(case(book=replace(BOOK, held=(held(1, -3), held(2, 5)))))
    assert not closes(case(book=replace(BOOK, held=None)))


def test_an_exit_is_judged_as_if_the_entrys_legs_were_filled() -> None:
    leave = replace(BUY, action=Action.SELL)
    after = with_filled(case(request=leave), Action.BUY, Decimal(3))
    assert closes(after)


@pytest.mark.parametrize(
    ("limits", "rules"),
    [
        ({"denied_symbols": frozenset({"SPY"})}, ["denied symbol", "denied symbol"]),
        ({"symbols": frozenset({"SPY"})}, []),
        ({"symbols": frozenset({"QQQ"})}, ["allowed symbol", "allowed symbol"]),
        ({"denied_security_types": frozenset({"BAG"})}, ["denied security type"]),
        ({"security_types": frozenset({"OPT"})}, ["allowed security type"]),
        ({"security_types": frozenset({"OPT", "BAG"})}, []),
        ({"order_types": frozenset({"LMT"})}, []),
    ],
)
def test_what_may_be_traded_is_asked_of_the_whole_and_of_its_legs(
    limits: dict[str, Any], rules: list[str]
) -> None:
    assert broken(replace(LIMITS, **limits)) == rules


def test_two_combinations_are_alike_only_when_their_legs_are() -> None:
    other = combined(combo("A", "B"), [call(1), call(2)]).contract
    assert likeness(BUY, SPREAD, "DU1") != likeness(BUY, other, "DU1")
    assert likeness(BUY, SPREAD, "DU1") == likeness(BUY, replace(SPREAD), "DU1")
