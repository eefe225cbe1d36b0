"""The terms of an order to ib_async's fields and back."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ib_async
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway.fields import encode
from ibkr_connector.gateway.order_terms import read_terms, stop_price, write_terms
from ibkr_connector.model.advisor import Allocation, AllocationMethod, SoftDollarTier
from ibkr_connector.model.algos import Twap, TwapStyle
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import (
    AdaptivePriority,
    Condition,
    ExecutionCondition,
    Joined,
    MarginCondition,
    OcaType,
    OrderTerms,
    OrderType,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    TriggerMethod,
    VolumeCondition,
)
from ibkr_connector.model.terms import NO_TERMS
from kit.any_order import algos

pytestmark = pytest.mark.counted

AT_ID = Contract(symbol="", con_id=ConId(265598))
PRICES = st.decimals(min_value="0.0001", max_value="99999", places=4)
WHOLE = st.integers(min_value=1, max_value=10**6).map(Decimal)
MOMENTS = st.integers(1_767_225_600, 2_208_988_800).map(lambda at: datetime.fromtimestamp(at, UTC))
JOINED = st.sampled_from(Joined)
METHODS = st.sampled_from(TriggerMethod)


def bounded(kind: Any, numbers: st.SearchStrategy[Decimal], **more: Any) -> Any:
    return st.one_of(
        st.builds(kind, above=numbers, joined=JOINED, **more),
        st.builds(kind, below=numbers, joined=JOINED, **more),
    )


CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    bounded(PriceCondition, PRICES, contract=st.just(AT_ID), trigger_method=METHODS),
    bounded(VolumeCondition, WHOLE, contract=st.just(AT_ID)),
    bounded(PercentChangeCondition, PRICES, contract=st.just(AT_ID)),
    bounded(MarginCondition, st.integers(0, 100).map(Decimal)),
    st.builds(TimeCondition, after=MOMENTS, joined=JOINED),
    st.builds(TimeCondition, before=MOMENTS, joined=JOINED),
    st.builds(ExecutionCondition, symbol=st.sampled_from(["A", "BRK B"]), joined=JOINED),
)


ALLOCATIONS = st.one_of(
    st.none(),
    st.builds(Allocation, group=st.just("G"), method=st.none() | st.sampled_from(AllocationMethod)),
    st.builds(Allocation, group=st.just("G"), percentage=PRICES),
    st.just(Allocation(group="P", is_profile=True)),
)


@st.composite
def placed(draw: st.DrawFn) -> tuple[str, OrderTerms]:
    """Make an order type, and terms that fit it."""
    terms: dict[str, Any] = {
        "good_till": draw(st.none() | MOMENTS),
        "good_after": draw(st.none() | MOMENTS),
        "all_or_none": draw(st.booleans()),
        "hidden": draw(st.booleans()),
        "minimum_quantity": draw(st.none() | WHOLE),
        "display_size": draw(st.none() | WHOLE),
        "trigger_method": draw(METHODS),
        "adaptive": draw(st.none() | st.sampled_from(AdaptivePriority)),
        "conditions": tuple(draw(st.lists(CONDITIONS, max_size=4))),
        "algo": draw(st.none() | algos()),
        "conditions_cancel": draw(st.booleans()),
        "conditions_outside_regular_hours": draw(st.booleans()),
    }
    if terms["algo"] is not None:
        terms["adaptive"] = None
    if draw(st.booleans()):
        terms |= {"oca_group": "g", "oca_type": draw(st.sampled_from(OcaType))}
    terms["allocation"] = draw(ALLOCATIONS)
    if terms["allocation"] is None:
        terms["model"] = draw(st.none() | st.just("Growth"))
    terms["soft_dollar_tier"] = draw(st.none() | st.just(SoftDollarTier(name="A", value="1")))
    kind = draw(st.sampled_from(OrderType))
    if "TRAIL" in kind:
        terms[draw(st.sampled_from(["trail_amount", "trail_percent"]))] = draw(PRICES)
    if kind is OrderType.TRAILING_STOP_LIMIT:
        terms["limit_offset"] = draw(PRICES)
    if kind in ("REL", "PEG MKT", "PEG MID"):
        terms["offset"] = draw(st.none() | PRICES)
    return kind.value, OrderTerms(**terms)


@given(case=placed())
def test_what_is_written_is_read_back(case: tuple[str, OrderTerms]) -> None:
    kind, terms = case
    order = ib_async.Order(orderType=kind)
    write_terms(order, terms, stop=None)
    assert read_terms(order, login_zone=UTC) == terms


def test_an_order_without_terms_is_read_as_one() -> None:
    assert read_terms(ib_async.Order(orderType="LMT"), login_zone=UTC) == OrderTerms()


def test_the_gateways_own_type_of_a_missing_group_is_left_out() -> None:
    order = ib_async.Order(orderType="LMT", ocaType=3)
    assert read_terms(order, login_zone=UTC).oca_type is None


@pytest.mark.parametrize(
    ("kind", "field"),
    [("STP", "auxPrice"), ("LIT", "auxPrice"), ("TRAIL", "trailStopPrice")],
)
def test_a_stop_stands_in_the_field_of_its_type(kind: str, field: str) -> None:
    order = ib_async.Order(orderType=kind)
    write_terms(order, OrderTerms(), stop=Decimal("10.10"))
    assert getattr(order, field) == stop_price(order) == Decimal("10.10")


def test_an_amount_is_no_stop() -> None:
    assert stop_price(ib_async.Order(orderType="REL", auxPrice=0.02)) is None


def test_a_change_of_positions_in_percent_has_no_size_of_its_own() -> None:
    order: Any = ib_async.Order(orderType="MKT", totalQuantity=5)
    change = Allocation(
        group="G", method=AllocationMethod.PERCENT_CHANGE, percentage=Decimal("-2.50")
    )
    write_terms(order, OrderTerms(allocation=change), stop=None)
    said = (order.faGroup, order.faMethod, order.faPercentage, order.totalQuantity)
    assert said == ("G", "PctChange", "-2.50", 0)


def test_a_method_that_nobody_knows_is_left_out() -> None:
    order = ib_async.Order(orderType="MKT", faGroup="G", faMethod="Best")
    assert read_terms(order, login_zone=UTC).allocation == Allocation(group="G")


def test_decimals_are_written_digit_by_digit() -> None:
    order = ib_async.Order(orderType="TRAIL")
    write_terms(order, OrderTerms(trail_amount=Decimal("0.10")), stop=Decimal("1E+2"))
    assert encode([order.auxPrice, order.trailStopPrice]) == b"0.10\x00100\x00"


@pytest.mark.parametrize(
    "terms",
    [
        OrderTerms(oca_group="a\0b"),
        OrderTerms(conditions=(ExecutionCondition(symbol="A\0"),)),
        OrderTerms(trail_amount=Decimal("NaN")),
    ],
)
def test_what_would_say_something_else_on_the_wire_is_refused(terms: OrderTerms) -> None:
    order: Any = ib_async.Order(orderType="TRAIL")
    write_terms(order, terms, stop=None)
    symbols = [condition.symbol for condition in order.conditions]
    with pytest.raises(OrderValidationError):
        encode([3, order.ocaGroup, order.auxPrice, *symbols])


def test_a_condition_on_a_contract_that_was_not_qualified_is_refused() -> None:
    terms = OrderTerms(conditions=(PriceCondition(contract="SPY", above=Decimal(1)),))
    with pytest.raises(OrderValidationError, match="'SPY' has no contract yet"):
        write_terms(ib_async.Order(), terms, stop=None)


def test_an_algorithm_and_a_time_that_nobody_knows_are_left_out() -> None:
    order = ib_async.Order(orderType="LMT", algoStrategy="Vwap", goodTillDate="soon")
    assert read_terms(order, login_zone=UTC) == OrderTerms()
    order = ib_async.Order(orderType="LMT", algoStrategy="Adaptive", algoParams=[])
    assert replace(read_terms(order, login_zone=UTC), adaptive=None) == OrderTerms()


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("Vwap", {}),
        ("Vwap", {"maxPctVol": "much"}),
        ("Twap", {"strategyType": "Somehow"}),
        ("Twap", {"strategyType": "Marketable", "startTime": "soon"}),
        ("AD", {"componentSize": "5", "timeBetweenOrders": "often"}),
        ("Guess", {"maxPctVol": "0.1"}),
    ],
)
def test_an_algorithm_said_in_another_way_is_left_out(
    strategy: str, params: dict[str, str]
) -> None:
    tags = [ib_async.TagValue(*pair) for pair in params.items()]
    order = ib_async.Order(orderType="LMT", algoStrategy=strategy, algoParams=tags)
    assert read_terms(order, login_zone=UTC).algo is None


def test_the_times_of_an_algorithm_are_read_in_the_forms_of_ib() -> None:
    tags = [
        ib_async.TagValue("strategyType", "Matching Last"),
        ib_async.TagValue("startTime", "20260601 10:00:00 US/Eastern"),
        ib_async.TagValue("endTime", "20260601-15:30:00"),
    ]
    order = ib_async.Order(orderType="LMT", algoStrategy="Twap", algoParams=tags)
    assert read_terms(order, login_zone=UTC).algo == Twap(
        style=TwapStyle.LAST,
        start=datetime(2026, 6, 1, 14, tzinfo=UTC),
        end=datetime(2026, 6, 1, 15, 30, tzinfo=UTC),
    )


def test_an_order_says_its_terms_whichever_one_of_them_it_has() -> None:
    """The short way for orders without terms must know every term that there is."""
    said: dict[str, Any] = {
        "goodTillDate": "20261218-14:30:00",
        "goodAfterTime": "20261218-14:30:00",
        "allOrNone": True,
        "minQty": 5,
        "displaySize": 5,
        "hidden": True,
        "ocaGroup": "pair",
        "triggerMethod": 2,
        "algoStrategy": "Adaptive",
        "conditions": [ib_async.order.TimeCondition(time="20261218-14:30:00")],
        "conditionsCancelOrder": True,
        "conditionsIgnoreRth": True,
        "smartComboRoutingParams": [ib_async.contract.TagValue("NonGuaranteed", "1")],
        "orderComboLegs": [ib_async.order.OrderComboLeg(1.5)],
        "cashQty": 100.0,
    }
    for name, value in said.items():
        order = ib_async.order.Order(orderType="LMT", **{name: value})
        if name == "algoStrategy":
            order.algoParams = [ib_async.contract.TagValue("adaptivePriority", "Normal")]
        told = read_terms(order, login_zone=UTC)
        assert told != NO_TERMS, name
    assert read_terms(ib_async.order.Order(orderType="LMT"), login_zone=UTC) is NO_TERMS


@pytest.mark.parametrize(
    ("name", "kind"), [("BILL", SecurityType.BOND), ("IOPT", SecurityType.WARRANT)]
)
def test_a_condition_on_trades_in_a_related_kind_of_security_is_read(
    name: str, kind: SecurityType
) -> None:
    condition: Any = ib_async.order.ExecutionCondition(secType=name, exch="SMART", symbol="A")
    order = ib_async.Order(orderType="LMT", conditions=[condition])
    (read,) = read_terms(order, login_zone=UTC).conditions
    assert read == ExecutionCondition(symbol="A", security_type=kind, exchange="SMART")
