"""Exercising options: how it is written and judged, and what is never concluded of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.build import buy, exercise, lapse
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.exercise import exercise_fields
from ibkr_connector.gateway.port import OpenOrderSeen
from ibkr_connector.model.contracts import ContractDetails, option
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import (
    Action,
    OrderRequest,
    OrderStatus,
    OrderType,
    SendDisposition,
)
from ibkr_connector.model.terms import Exercise, OrderTerms
from ibkr_connector.orders.entry import evolve
from ibkr_connector.orders.evidence import move, see
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.notes import Intended
from ibkr_connector.orders.reading import as_request
from ibkr_connector.orders.reconcile import Miss, Picture, Verdict, judge
from ibkr_connector.orders.risk import Book, Held, RiskFacts, RiskLimits, Working, check_risk
from ibkr_connector.orders.states import Event
from ibkr_connector.orders.validation import check_against, check_request, same_order
from kit.order_desk import AAPL, NOON, ticket
from kit.order_told import ME, row, status

CALL = replace(
    option("AAPL", expiry="20261218", strike=Decimal(200), right="C"),
    con_id=ConId(77),
    multiplier=Decimal(100),
)
MAPPING: dict[str, Any] = {"contract": CALL, "action": "SELL", "quantity": 2, "exercise": {}}
ASKED = as_request(MAPPING)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"action": "BUY"}, "action must be SELL for an exercise"),
        ({"quantity": "1.5"}, "quantity must be a whole number of options"),
        ({"order_type": "LMT", "limit_price": 1}, "no type, price, time or other terms"),
        ({"time_in_force": "GTC"}, "no type, price, time or other terms"),
        ({"hidden": True}, "no type, price, time or other terms"),
        ({"exercise": "yes"}, "must be an Exercise or a mapping with lapse and override"),
        ({"exercise": {"lapsed": True}}, "did you mean 'lapse'"),
        ({"exercise": {"override": "no"}}, "override must be True or False"),
        ({"exercise": {}, "quantity": 0, "cash_quantity": 5}, "exercise does not go with a cash"),
    ],
)
def test_each_mistake_is_named_with_its_remedy(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OrderValidationError, match=said):
        check_request(as_request(MAPPING | wrong))


def test_only_options_with_a_strike_are_exercised() -> None:
    check_against(ASKED, ContractDetails(contract=CALL))
    for contract, said in ((AAPL, "only options"), (replace(CALL, strike=None), "has no strike")):
        with pytest.raises(OrderValidationError, match=said):
            check_against(ASKED, ContractDetails(contract=contract))


def test_it_is_said_in_words_and_read_back() -> None:
    assert exercise(CALL, 2).request == ASKED
    assert lapse(CALL, 2, override=True).request.exercise == Exercise(lapse=True, override=True)
    assert "lapse (override)" in repr(lapse(CALL, 2, override=True))
    with pytest.raises(OrderValidationError, match="action must be SELL"):
        buy(CALL, 2).exercising(Exercise())


# --- risk ---------------------------------------------------------------------------------------

FACTS = RiskFacts(price=Decimal(5), exchange_rate=Decimal(1), net_liquidation=Decimal(100_000))


def broken(
    request: OrderRequest = ASKED, *, held: int = 2, selling: int = 0, **limits: Any
) -> dict[str, str]:
    one: dict[str, Any] = {"con_id": CALL.con_id, "symbol": "AAPL", "unit_value": Decimal(500)}
    sells = Working(action=Action.SELL, quantity=Decimal(selling), **one)
    book = Book(
        now=NOON,
        held=(Held(quantity=Decimal(held), **one),) if held else (),
        working=(sells,) if selling else (),
        buying_power=Decimal(39_999),
    )
    found = check_risk(
        request,
        CALL,
        account="DU1",
        limits=RiskLimits(**{"max_order_size": Decimal(10), **limits}),
        facts=FACTS,
        book=book,
    )
    return {one.rule: one.limit for one in found}


def test_no_more_is_exercised_than_is_held_and_not_for_sale() -> None:
    assert broken() == {}
    assert broken(held=1) == {"exercise": "1 held and not for sale"}
    assert broken(held=3, selling=2) == {"exercise": "1 held and not for sale"}
    assert broken(held=-2) == {"exercise": "0 held and not for sale"}


def test_it_is_worth_what_the_strike_takes_and_what_lapses_is_worth_nothing() -> None:
    assert set(broken(max_order_value=Decimal(39_999))) == {"max_order_value"}
    assert broken(max_order_value=Decimal(40_000)) == {}
    assert set(broken(check_buying_power=True)) == {"buying power"}
    assert broken(lapse(CALL, 2).request, max_order_value=Decimal(0)) == {}


# --- what the broker says -----------------------------------------------------------------------


def a_ledger() -> Ledger:
    ledger, terms = Ledger(), OrderTerms(exercise=Exercise())
    sent = replace(
        ticket(quantity=2),
        contract=CALL,
        action=Action.SELL,
        order_type=OrderType.MARKET,
        limit_price=None,
        terms=terms,
    )
    ledger.record(Intended(at=NOON, key="ibc-a", client_id=ME, ticket=sent))
    move(ledger, "ibc-a", Event.SEND, at=NOON, cause="send", disposition=SendDisposition.SENT)
    return ledger


def test_it_is_found_by_its_number_and_stays_what_it_is() -> None:
    ledger = a_ledger()
    shown = row(
        "PreSubmitted", quantity=Decimal(2), order_type="MKT", limit_price=None, order_ref=""
    )
    see(ledger, OpenOrderSeen(order=shown), at=NOON)
    see(ledger, status("Filled", 2), at=NOON)
    report = ledger.get("ibc-a").report()
    assert (report.status, report.filled_quantity) == (OrderStatus.FILLED, Decimal(2))
    assert report.terms.exercise == Exercise()
    assert not report.fills


def test_that_it_is_in_no_list_proves_nothing() -> None:
    ledger = a_ledger()
    move(ledger, "ibc-a", Event.LOSE, at=NOON, cause="session ended")
    entry = ledger.get("ibc-a")
    picture = Picture(session=2, client_id=ME, mark=0, at_s=100.0, now=NOON, listed=frozenset())
    first = Miss(session=2, at_s=0.0)
    facts: dict[str, Any] = {"picture": picture, "sent_in": 1, "grace_s": 5.0}
    assert judge(entry, first_miss=first, **facts) is Verdict.UNPROVEN
    plain = evolve(entry, terms=OrderTerms())
    assert judge(plain, first_miss=first, **facts) is Verdict.NOT_PLACED


def test_a_key_of_a_sale_is_none_of_an_exercise() -> None:
    sent = a_ledger().get("ibc-a").ticket
    assert sent is not None
    assert same_order(ASKED, CALL, sent)
    assert not same_order(replace(ASKED, exercise=None), CALL, sent)


def test_the_wire_has_whole_numbers() -> None:
    sent = a_ledger().get("ibc-a").ticket
    assert sent is not None
    number, contract, *rest = exercise_fields(sent)
    assert (number, contract.conId, rest) == (1, 77, [1, 2, "DU1", 0])
    anyway = replace(sent, terms=OrderTerms(exercise=Exercise(lapse=True, override=True)))
    assert exercise_fields(anyway)[2:] == (2, 2, "DU1", 1)
