"""Whether an order makes sense as written."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType, stock
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce
from ibkr_connector.orders.validation import (
    as_request,
    check_against,
    check_request,
    same_order,
)
from kit.order_desk import AAPL, buy, ticket

PLAIN: dict[str, Any] = {"symbol": "AAPL", "action": "buy", "quantity": 10}


def details(**more: Any) -> ContractDetails:
    fields: dict[str, Any] = {"contract": AAPL, "min_tick": Decimal("0.01")}
    return ContractDetails(**(fields | more))


def test_a_plain_mapping_becomes_a_request() -> None:
    request = as_request(
        PLAIN
        | {"order_type": "stop limit", "limit_price": 10.1, "stop_price": "10", "account": None}
    )
    assert request == OrderRequest(
        contract="AAPL",
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=OrderType.STOP_LIMIT,
        limit_price=Decimal("10.1"),
        stop_price=Decimal(10),
    )


def test_a_request_is_returned_as_it_is() -> None:
    request = buy()
    assert as_request(request) is request


def test_a_contract_may_be_given_instead_of_a_symbol() -> None:
    given_contract = {"contract": AAPL, "action": "SELL", "quantity": "1"}
    assert as_request(given_contract).contract is AAPL


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("quantiy", "quantity"),
        ("limit_prise", "limit_price"),
        ("lmtPrice", "limit_price"),
        ("tif", "time_in_force"),
        ("side", "action"),
        ("orderType", "order_type"),
        ("client_orderid", "client_order_id"),
    ],
)
def test_a_misspelt_key_is_named_with_the_right_one(key: str, meant: str) -> None:
    with pytest.raises(OrderValidationError, match=f"unknown key '{key}'; did you mean '{meant}'"):
        as_request(PLAIN | {key: 1})


def test_a_key_like_no_other_is_answered_with_all_of_them() -> None:
    with pytest.raises(OrderValidationError, match="known keys are symbol, action, quantity"):
        as_request(PLAIN | {"zzz": 1})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"action": "HOLD"}, "action must be one of BUY, SELL; got 'HOLD'"),
        ({"action": 3}, "action must be one of"),
        ({"order_type": "TRAIL"}, "order_type must be one of MKT, LMT, STP, STP LMT"),
        ({"order_type": 7}, "order_type must be one of"),
        ({"time_in_force": "GTX"}, "time_in_force must be one of"),
        ({"quantity": "ten"}, "quantity must be a number; got 'ten'"),
        ({"quantity": True}, "quantity must be a number; got True"),
        ({"quantity": float("nan")}, "quantity must be a finite number"),
        ({"limit_price": "inf"}, "limit_price must be a finite number"),
        ({"outside_regular_hours": "yes"}, "outside_regular_hours must be True or False"),
        ({"account": 7}, "account must be text"),
        ({"symbol": ""}, "symbol must be text or a Contract"),
        ({"contract": AAPL}, "symbol and contract name the same thing"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(OrderValidationError) as caught:
        as_request(PLAIN | change)
    assert fault in caught.value.message


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(OrderValidationError) as caught:
        as_request({"quantity": "many", "colour": "red"})
    for fault in (
        "unknown key 'colour'",
        "symbol must be",
        "action is missing",
        "quantity must be",
    ):
        assert fault in caught.value.message


def test_something_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(OrderValidationError, match="got list"):
        as_request([("symbol", "AAPL")])  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"quantity": Decimal(0)}, "quantity must be above 0"),
        ({"quantity": Decimal(-5)}, "quantity must be above 0"),
        ({"quantity": Decimal("NaN")}, "quantity must be a finite Decimal"),
        ({"quantity": 5.0}, "quantity must be a finite Decimal; got 5.0"),
        ({"limit_price": None}, "limit_price is missing; an order of type LMT needs it"),
        ({"limit_price": Decimal("sNaN")}, "limit_price must be a finite Decimal"),
        ({"stop_price": Decimal(1)}, "stop_price does not belong to an order of type LMT"),
        ({"order_type": "LMT "}, "order_type must be one of"),
        ({"action": "BUY!"}, "action must be one of"),
        ({"time_in_force": "ever"}, "time_in_force must be one of"),
        ({"account": "DU\x001"}, "account must be printable ASCII"),
        ({"client_order_id": ""}, "client_order_id must be printable ASCII text and not empty"),
        ({"client_order_id": "x" * 129}, "at most 128 characters; got 129"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(OrderValidationError) as caught:
        check_request(replace(buy(), **change))
    assert fault in caught.value.message


def test_a_sound_request_passes() -> None:
    check_request(buy(account="DU1", client_order_id="mine-1"))


@pytest.mark.parametrize(
    ("request_", "facts", "fault"),
    [
        (
            replace(buy(), limit_price=Decimal("100.005")),
            {},
            "limit_price must be a multiple of 0.01; got 100.005, between 100.00 and 100.01",
        ),
        (replace(buy(), limit_price=Decimal(0)), {}, "limit_price must be above 0"),
        (buy(3), {"size_increment": Decimal(10)}, "quantity must be a multiple of 10; got 3"),
        (buy(3), {"min_size": Decimal(5)}, "quantity must be at least 5; got 3"),
        (buy(), {"order_types": ("MKT", "STP")}, "takes no order of type LMT"),
        (buy(), {"contract": stock("AAPL")}, "is not qualified"),
        (
            buy(),
            {"contract": replace(AAPL, security_type=SecurityType.INDEX)},
            "has prices but cannot be ordered",
        ),
    ],
)
def test_what_the_contract_does_not_take_is_refused(
    request_: OrderRequest, facts: dict[str, Any], fault: str
) -> None:
    with pytest.raises(OrderValidationError) as caught:
        check_against(request_, details(**facts))
    assert fault in caught.value.message


def test_details_that_were_not_told_refuse_nothing() -> None:
    check_against(buy(), details(min_tick=None))


def test_a_spread_may_have_a_negative_price() -> None:
    combo = Contract(symbol="SPY", security_type=SecurityType.COMBO, con_id=ConId(1))
    check_against(replace(buy(), limit_price=Decimal("-0.50")), details(contract=combo))


@given(
    ticks=st.integers(min_value=1, max_value=10**7),
    step=st.sampled_from(["0.01", "0.0001", "0.25", "0.05", "1"]),
)
def test_every_price_on_the_grid_passes(ticks: int, step: str) -> None:
    price = ticks * Decimal(step)
    check_against(replace(buy(), limit_price=price), details(min_tick=Decimal(step)))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"account": "DU1"}, True),
        ({"quantity": Decimal(101)}, False),
        ({"limit_price": Decimal(99)}, False),
        ({"action": Action.SELL}, False),
        ({"time_in_force": TimeInForce.GTC}, False),
        ({"account": "DU2"}, False),
    ],
)
def test_a_request_is_compared_with_what_was_sent(change: dict[str, Any], same: bool) -> None:
    assert same_order(replace(buy(), **change), AAPL, ticket()) is same
