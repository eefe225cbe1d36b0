"""Whether an order makes sense as written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.instruments.combining import combined
from ibkr_connector.model.contracts import (
    Contract,
    ContractDetails,
    SecurityType,
    combo,
    stock,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import (
    Action,
    MarginCondition,
    OrderRequest,
    OrderTerms,
    OrderType,
    PriceCondition,
    TimeCondition,
    TimeInForce,
)
from ibkr_connector.orders.validation import (
    as_request,
    check_against,
    check_request,
    check_times,
    same_order,
)
from kit.order_desk import AAPL, buy, ticket

MSFT = Contract(symbol="MSFT", con_id=ConId(272093))
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
        ({"order_type": "PEG"}, "order_type must be one of MKT, LMT, STP, STP LMT, TRAIL"),
        ({"order_type": "peg best"}, "order_type PEG BEST is not offered; use PEG MID at the"),
        ({"order_type": "snap_mid"}, "order_type SNAP MID is not offered; use MIDPRICE"),
        ({"percentOffset": "0.01"}, "an offset in percent is not offered, give an offset in the"),
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
    spread = combined(combo("AAPL", "MSFT"), [details(), details(contract=MSFT)])
    for price in ("-0.50", "0"):
        check_against(replace(buy(), limit_price=Decimal(price)), spread)


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


LIMIT: dict[str, Any] = PLAIN | {"order_type": "LMT", "limit_price": "1"}
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SPY = {"kind": "price", "symbol": "SPY", "above": 500}


def faults_of(mapping: dict[str, Any]) -> str:
    """Return what is said against an order in the form of a mapping."""
    with pytest.raises(OrderValidationError) as caught:
        check_request(as_request(mapping))
    return caught.value.message


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        (PLAIN | {"order_type": "LMT"}, "limit_price is missing; an order of type LMT needs it"),
        (PLAIN | {"order_type": "STP"}, "stop_price is missing"),
        (PLAIN | {"order_type": "MIT"}, "stop_price is missing"),
        (PLAIN | {"order_type": "LIT", "stop_price": 1}, "limit_price is missing"),
        (PLAIN | {"order_type": "LOC"}, "limit_price is missing"),
        (PLAIN | {"order_type": "MOC", "limit_price": 1}, "limit_price does not belong to an"),
        (PLAIN | {"order_type": "MOC", "time_in_force": "GTC"}, "GTC does not go with an order"),
        (PLAIN | {"order_type": "TRAIL"}, "needs one of trail_amount and trail_percent; none"),
        (
            PLAIN | {"order_type": "TRAIL", "trail_amount": 1, "trail_percent": 1},
            "needs one of trail_amount and trail_percent; both were given",
        ),
        (PLAIN | {"order_type": "TRAIL", "trail_amount": 0}, "trail_amount must be above 0"),
        (PLAIN | {"order_type": "TRAIL", "trail_amount": -1}, "trail_amount must not be negative"),
        (PLAIN | {"order_type": "TRAIL", "trail_percent": 100}, "must be below 100; got 100"),
        (
            PLAIN | {"order_type": "TRAIL LIMIT", "trail_amount": 1},
            "needs one of limit_offset and limit_price; none was given",
        ),
        (
            PLAIN | {"order_type": "TRAIL LIMIT", "trail_amount": 1, "limit_price": 9},
            "stop_price is missing; a trail with a limit_price keeps the distance",
        ),
        (LIMIT | {"trail_amount": 1}, "trail_amount does not belong to an order of type LMT"),
        (LIMIT | {"offset": 1}, "offset does not belong to an order of type LMT"),
        (PLAIN | {"order_type": "STP", "stop_price": 1, "time_in_force": "OPG"}, "OPG does not"),
        (LIMIT | {"time_in_force": "GTD"}, "good_till is missing"),
        (LIMIT | {"good_till": NOON}, "good_till goes with time_in_force GTD; got DAY"),
        (
            LIMIT | {"time_in_force": "GTD", "good_till": NOON.replace(tzinfo=None)},
            "good_till must say its time zone",
        ),
        (LIMIT | {"good_after": "2026-03-04T12:00:00"}, "good_after must say its time zone"),
        (LIMIT | {"good_after": "noon"}, "good_after must be an aware datetime"),
        (
            LIMIT | {"time_in_force": "GTD", "good_till": NOON, "good_after": NOON},
            "good_after must be before good_till",
        ),
        (LIMIT | {"minimum_quantity": 11}, "must not be more than the quantity 10; got 11"),
        (LIMIT | {"minimum_quantity": "1.5"}, "minimum_quantity must be a whole Decimal above 0"),
        (LIMIT | {"display_size": 0}, "display_size must be a whole Decimal above 0"),
        (LIMIT | {"display_size": 1, "hidden": True}, "display_size 1 contradicts hidden"),
        (LIMIT | {"all_or_none": True, "minimum_quantity": 5}, "contradicts all_or_none"),
        (LIMIT | {"hidden": 1}, "hidden must be True or False"),
        (LIMIT | {"oca_type": 1}, "oca_group is missing"),
        (LIMIT | {"oca_group": "a", "oca_type": 4}, "oca_type must be one of cancel_with_block"),
        (LIMIT | {"oca_group": "a\0b"}, "oca_group must be printable ASCII"),
        (LIMIT | {"trigger_method": "guess"}, "trigger_method must be one of default"),
        (LIMIT | {"adaptive": "now"}, "adaptive must be one of Urgent, Normal, Patient"),
        (
            PLAIN | {"order_type": "STP", "stop_price": 1, "adaptive": "urgent"},
            "adaptive goes with orders of type MKT and LMT; got STP",
        ),
        (LIMIT | {"conditions_cancel": True}, "conditions_cancel needs conditions"),
        (LIMIT | {"conditions": "SPY > 5"}, "conditions must be a list of conditions"),
        (LIMIT | {"conditions": [5]}, "conditions[0] must be a condition or a mapping; got 5"),
        (LIMIT | {"conditions": [{"kind": "moon"}]}, "conditions[0].kind must be one of price"),
        (
            LIMIT | {"conditions": [SPY, {"kind": "volume", "above": 1}]},
            "conditions[1].contract is missing",
        ),
        (
            LIMIT | {"conditions": [SPY | {"abov_e": 1}]},
            "conditions[0]: unknown key 'abov_e'; did you mean 'above'?",
        ),
        (LIMIT | {"conditions": [SPY | {"below": 1}]}, "needs one of above and below; both"),
        (LIMIT | {"conditions": [SPY | {"above": None}]}, "needs one of above and below; none"),
        (LIMIT | {"conditions": [SPY | {"joined": "xor"}]}, "conditions[0].joined must be one of"),
        (
            LIMIT | {"conditions": [{"kind": "margin", "below": 101}]},
            "conditions[0].below must be whole percents from 0 to 100; got 101",
        ),
        (
            LIMIT | {"conditions": [{"kind": "volume", "symbol": "SPY", "above": "1.5"}]},
            "conditions[0].above must be a whole number",
        ),
        (
            LIMIT | {"conditions": [{"kind": "time", "after": "2026-03-04T12:00:00"}]},
            "conditions[0].after must say its time zone",
        ),
        (
            LIMIT | {"conditions": [{"kind": "execution", "symbol": "A\0"}]},
            "conditions[0].symbol must be printable ASCII",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(order: dict[str, Any], fault: str) -> None:
    assert fault in faults_of(order)


def test_all_faults_of_the_terms_are_said_at_once() -> None:
    said = faults_of(
        PLAIN
        | {
            "order_type": "TRAIL",
            "limit_price": 1,
            "display_size": 50,
            "good_after": NOON.replace(tzinfo=None),
            "conditions": [SPY | {"above": None}, {"kind": "time"}],
        }
    )
    for fault in (
        "limit_price does not belong",
        "needs one of trail_amount and trail_percent",
        "display_size must not be more",
        "good_after must say its time zone",
        "conditions[0] needs one of",
        "conditions[1] needs one of",
    ):
        assert fault in said


@pytest.mark.parametrize(
    "change",
    [
        {"trail_amount": 5.0},
        {"good_till": "2026-12-18"},
        {"adaptive": "Urgent!"},
        {"oca_type": 1, "oca_group": "a"},
        {"trigger_method": 2},
        {"hidden": "yes"},
        {"conditions": [PriceCondition(contract="SPY", above=Decimal(1))]},
        {"conditions": ("SPY above 5",)},
        {"conditions": (PriceCondition(contract="", above=Decimal(1)),)},
        {"conditions": (PriceCondition(contract="SPY", above=Decimal("NaN")),)},
        {"conditions": (MarginCondition(above=Decimal(1), joined="and!"),)},  # type: ignore[arg-type]
        {"conditions": (TimeCondition(after="noon"),)},  # type: ignore[arg-type]  # what is tested
    ],
)
def test_a_typed_request_with_wrong_types_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OrderValidationError):
        check_request(replace(buy(), **change))


@pytest.mark.parametrize("now", [NOON, NOON + timedelta(seconds=1)])
def test_an_order_that_is_good_till_the_past_is_refused(now: datetime) -> None:
    gtd = as_request(LIMIT | {"time_in_force": "GTD", "good_till": NOON})
    check_times(gtd, NOON - timedelta(seconds=1))
    with pytest.raises(OrderValidationError, match="good_till must be in the future"):
        check_times(gtd, now)


def test_the_terms_of_a_request_are_all_its_other_fields() -> None:
    basic = {
        *("contract", "action", "quantity", "order_type", "limit_price", "stop_price"),
        *("time_in_force", "outside_regular_hours", "account", "client_order_id"),
    }
    terms = replace(buy(), hidden=True).terms
    assert basic | set(terms.keys()) == set(buy().keys())
    assert terms == OrderTerms(hidden=True)
    assert buy().terms == OrderTerms()


@pytest.mark.parametrize(
    "change", [{"trail_amount": Decimal(1)}, {"hidden": True}, {"oca_group": "a"}]
)
def test_other_terms_are_another_order(change: dict[str, Any]) -> None:
    assert not same_order(replace(buy(), **change), AAPL, ticket())
