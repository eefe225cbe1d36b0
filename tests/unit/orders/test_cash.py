"""Orders for an amount of cash: how they are written, judged, told by the broker and replayed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.build import buy, sell
from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.port import BrokerOrder, OpenOrderSeen
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType, crypto, forex
from ibkr_connector.model.ids import ClientId, ConId
from ibkr_connector.model.orders import Action, OrderRequest, OrderStatus, OrderType
from ibkr_connector.model.terms import OrderTerms
from ibkr_connector.orders.bracket_rules import as_bracket, check_bracket
from ibkr_connector.orders.drift import compare
from ibkr_connector.orders.evidence import move, see, see_completed, see_listed
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.notes import Intended, Note
from ibkr_connector.orders.reading import as_request
from ibkr_connector.orders.risk import Book, RiskFacts, RiskLimits, check_risk, reckoned_units
from ibkr_connector.orders.states import Event, State
from ibkr_connector.orders.tickets import ticket_of
from ibkr_connector.orders.validation import check_against, check_request
from kit.order_desk import NOON, ticket
from kit.order_told import ME, completed, execution, row, status

EURO = replace(forex("EUR.USD"), con_id=ConId(12087792))
MAPPING: dict[str, Any] = {"symbol": "EUR.USD", "action": "BUY", "cash_quantity": 1000}
ASKED = OrderRequest(contract=EURO, action=Action.BUY, cash_quantity=Decimal(1000))
TERMS = OrderTerms(cash_quantity=Decimal(1000))


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.record(
        Intended(
            at=NOON,
            key="ibc-a",
            client_id=ME,
            ticket=replace(
                ticket(),
                contract=EURO,
                quantity=Decimal(0),
                order_type=OrderType.MARKET,
                limit_price=None,
                terms=TERMS,
                reckoned=Decimal(10),
            ),
        )
    )
    move(made, "ibc-a", Event.SEND, at=NOON, cause="send")
    return made


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": 5}, "contradicts cash_quantity 1000; give one of them"),
        ({"cash_quantity": 0}, "cash_quantity must be above 0"),
        ({"cash_quantity": -5}, "the direction given by action"),
        ({"cash_quantity": "nan"}, "cash_quantity must be a finite number"),
        ({"cash_quantity": "much"}, "cash_quantity must be a number"),
        ({"cash_quantity": None}, "quantity is missing"),
        ({"order_type": "STP", "stop_price": 1}, "cash_quantity goes with orders of type MKT and"),
        ({"all_or_none": True}, "all_or_none does not go with a cash_quantity"),
        ({"minimum_quantity": 1}, "minimum_quantity does not go with"),
        ({"display_size": 1}, "display_size does not go with"),
        ({"oca_group": "g"}, "oca_group does not go with"),
        ({"adaptive": "urgent"}, "adaptive does not go with"),
        ({"algo": {"kind": "twap"}}, "algo does not go with"),
        ({"cashQty": 5}, "did you mean 'cash_quantity'"),
    ],
)
def test_each_mistake_is_named_with_its_remedy(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OrderValidationError, match=said):
        check_request(as_request(MAPPING | wrong))


def test_a_typed_request_that_names_no_size_is_refused() -> None:
    with pytest.raises(OrderValidationError, match="quantity must be above 0"):
        check_request(OrderRequest(contract=EURO, action=Action.BUY))
    with pytest.raises(OrderValidationError, match="cash_quantity must be a finite Decimal"):
        check_request(replace(ASKED, cash_quantity=1.5))  # type: ignore[arg-type]  # a mistake


@pytest.mark.parametrize(
    ("contract", "action", "said"),
    [
        (EURO, Action.BUY, ""),
        (EURO, Action.SELL, ""),
        (crypto("BTC"), Action.BUY, ""),
        (crypto("BTC"), Action.SELL, "is bought by cash_quantity and sold by quantity"),
        (Contract(symbol="AAPL"), Action.BUY, "goes with currency pairs and crypto"),
    ],
)
def test_the_contract_says_whether_cash_will_do(
    contract: Contract, action: Action, said: str
) -> None:
    known = replace(contract, con_id=contract.con_id or ConId(1))
    details = ContractDetails(contract=known, min_size=Decimal(5), size_increment=Decimal(3))
    if not said:
        check_against(replace(ASKED, action=action), details)
        return
    with pytest.raises(OrderValidationError, match=said):
        check_against(replace(ASKED, action=action), details)


def test_a_bracket_has_no_amount_of_cash() -> None:
    with pytest.raises(OrderValidationError, match="does not go with a bracket"):
        check_bracket(as_bracket(MAPPING | {"take_profit": 2, "stop_loss": 1}))


def test_a_draft_says_it_as_a_mapping_does() -> None:
    assert buy("EUR.USD", cash=1000).request == as_request(MAPPING)
    assert "1000 (cash)" in repr(sell("EUR.USD", cash=1000).limit("1.1"))
    with pytest.raises(OrderValidationError, match="contradicts"):
        buy("EUR.USD", 5, cash=1000)
    with pytest.raises(OrderValidationError, match="quantity is missing"):
        buy("EUR.USD")


# --- risk ---------------------------------------------------------------------------------------

PRICED = RiskFacts(
    price=Decimal(2), bid=Decimal("1.6"), ask=Decimal(2), exchange_rate=Decimal("0.5")
)


def broken(request: OrderRequest, facts: RiskFacts = PRICED, **limits: Any) -> dict[str, str]:
    found = check_risk(
        request,
        EURO,
        account="DU1",
        limits=RiskLimits(**{"max_order_size": Decimal(10_000), **limits}),
        facts=facts,
        book=Book(now=NOON, held=(), net_liquidation=Decimal(10_000)),
    )
    return {one.rule: one.value for one in found}


def test_it_is_worth_its_money_and_reckoned_at_the_least_price_in_sight() -> None:
    assert reckoned_units(ASKED, PRICED) == Decimal(625)
    assert reckoned_units(replace(ASKED, cash_quantity=None, quantity=Decimal(1)), PRICED) is None
    limited = replace(ASKED, order_type=OrderType.LIMIT, limit_price=Decimal("1.25"))
    assert reckoned_units(limited, PRICED) == Decimal(800)
    for by_value in ("max_order_value", "max_position_value", "max_exposure"):
        enough: dict[str, Any] = {by_value: Decimal(500)}
        less: dict[str, Any] = {by_value: Decimal(499)}
        assert broken(ASKED, **enough) == {}
        assert set(broken(ASKED, **less)) == {by_value}
        assert set(broken(limited, **less)) == {by_value}
    assert broken(ASKED, max_order_size=Decimal(624)) == {"MAX_ORDER_SIZE": "625"}
    assert set(broken(ASKED, max_position_size=Decimal(624))) == {"max_position_size"}


def test_without_a_price_nobody_knows_how_many_units_it_is() -> None:
    unknown = RiskFacts(exchange_rate=Decimal(1), missing="no quote came")
    assert broken(ASKED, unknown) == {"MAX_ORDER_SIZE": "an unknown value"}


# --- what the broker says -----------------------------------------------------------------------


def told(ledger: Ledger, *events: Any) -> tuple[Any, ...]:
    for event in events:
        see(ledger, event, at=NOON)
    report = ledger.get("ibc-a").report()
    return report.status, report.quantity, report.filled_quantity


def shown(word: str, quantity: int) -> BrokerOrder:
    return row(word, quantity=Decimal(quantity), order_type="MKT", limit_price=None, contract=EURO)


@pytest.mark.parametrize("estimate", [0, 9, 12])
def test_what_the_broker_calls_its_quantity_is_no_measure_of_it(
    ledger: Ledger, estimate: int
) -> None:
    now = told(ledger, OpenOrderSeen(order=shown("Submitted", estimate)))
    assert now == (OrderStatus.SUBMITTED, 0, 0)
    assert told(ledger, execution(quantity=9)) == (OrderStatus.PARTIALLY_FILLED, 0, 9)
    assert told(ledger, execution("a.c.01.01", 2)) == (OrderStatus.PARTIALLY_FILLED, 0, 11)
    # the amount is not told again, and stays
    assert ledger.get("ibc-a").cash == Decimal(1000)
    assert told(ledger, status("Filled", 11)) == (OrderStatus.FILLED, 11, 11)
    assert ledger.anomalies == 0


def test_filled_may_be_said_before_its_executions(ledger: Ledger) -> None:
    assert told(ledger, status("Filled", 11)) == (OrderStatus.FILLED, 11, 11)
    late = (execution(quantity=9), execution("a.c.01.01", 2))
    assert told(ledger, *late) == (OrderStatus.FILLED, 11, 11)
    assert ledger.anomalies == 0


def test_filled_without_a_count_is_believed_when_the_executions_are_there(ledger: Ledger) -> None:
    assert told(ledger, OpenOrderSeen(order=shown("Filled", 12)))[0] is OrderStatus.SUBMITTED
    seen = see_completed(ledger, completed("Filled"), at=NOON)
    assert seen.ask == {"ibc-a"}
    told(ledger, execution(quantity=9))
    see_completed(ledger, completed("Filled"), at=NOON)
    assert told(ledger) == (OrderStatus.FILLED, 9, 9)


def test_what_is_left_is_told_in_money_and_ends_with_the_order(ledger: Ledger) -> None:
    told(ledger, status("Submitted"), execution(quantity=4))
    entry = ledger.get("ibc-a")
    assert entry.remaining_cash == Decimal(600)
    report = entry.report()
    assert (report.spent, report.remaining_quantity) == (Decimal(400), Decimal(6))
    see_completed(ledger, completed("Cancelled"), at=NOON)
    report = ledger.get("ibc-a").report()
    assert (report.status, report.remaining_quantity) == (OrderStatus.CANCELLED, Decimal(0))


def test_a_bust_takes_back_what_was_filled(ledger: Ledger) -> None:
    told(ledger, execution(quantity=9), status("Filled", 9))
    told(ledger, execution("a.b.01.02", 0))
    assert ledger.get("ibc-a").state is State.WORKING
    see_completed(ledger, completed("Filled"), at=NOON)
    assert told(ledger) == (OrderStatus.CANCELLED, 9, 0)


def test_the_journal_tells_the_same(ledger: Ledger) -> None:
    notes: list[Note] = [
        Intended(at=NOON, key="ibc-a", client_id=ME, ticket=_ticket_of(ledger)),
    ]
    for event in (OpenOrderSeen(order=shown("Submitted", 12)), execution(quantity=9)):
        notes += see(ledger, event, at=NOON).notes
    notes += see(ledger, status("Filled", 9), at=NOON).notes
    again = Ledger()
    again.replay(notes)
    assert again.get("ibc-a").report().status is OrderStatus.FILLED
    assert again.get("ibc-a").quantity == Decimal(9)


def test_an_estimate_at_the_broker_is_no_drift(ledger: Ledger) -> None:
    told(ledger, status("Submitted"))
    drifts = compare(
        ledger,
        listed=(shown("Submitted", 12),),
        executions=(),
        client_id=ClientId(1),
        mark=ledger.mark(),
        now=NOON,
    )
    assert drifts == ()


def test_somebody_elses_is_met_without_a_quantity(ledger: Ledger) -> None:
    theirs = replace(
        shown("Submitted", 12), client_id=ClientId(9), perm_id=None, order_ref="", terms=TERMS
    )
    see_listed(ledger, theirs, at=NOON, since=ledger.mark())
    entry = ledger.get("client:9/1")
    assert (entry.quantity, entry.remaining) == (Decimal(0), Decimal(1000))


def test_a_ticket_carries_what_was_reckoned_and_no_quantity() -> None:
    one = ticket_of(
        ASKED, EURO, "DU1", order_id=ticket().order_id, order_ref="r", reckoned=Decimal(9)
    )
    told_of: tuple[Any, ...] = (one.quantity, one.reckoned, one.terms.cash_quantity)
    assert told_of == (0, 9, 1000)
    assert one.contract.security_type is SecurityType.FOREX


def _ticket_of(ledger: Ledger) -> Any:
    return ledger.get("ibc-a").ticket
