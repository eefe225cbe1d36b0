"""The short look at a plain order says yes where the rules say nothing, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.instruments.ticks import TickRule
from ibkr_connector.model.contracts import Contract, ContractDetails, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.instruments import PriceBand
from ibkr_connector.model.orders import Action, OrderRequest, OrderType, TimeInForce, TriggerMethod
from ibkr_connector.orders import validation
from ibkr_connector.orders.plain import fits, is_plain, is_sound
from kit.order_desk import AAPL, buy

NUMBERS: Any = st.one_of(
    st.none(),
    st.sampled_from(
        [
            *(
                Decimal(text)
                for text in ("0", "-1", "1", "0.01", "0.03", "0.005", "100.50", "1E+30")
            ),
            *(Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "1E-30")),
            *(1, 1.5, True, "1"),
        ]
    ),
)
TEXTS: Any = st.sampled_from([None, "DU1", "", "a\0b", "ä", "x" * 200, 7])
SIDES: Any = st.sampled_from([*Action, "BUY", "buy", None])
TYPES: Any = st.sampled_from([*OrderType, "LMT", "XYZ", None])
TIMES: Any = st.sampled_from([*TimeInForce, "DAY", None])

MORE: Any = st.fixed_dictionaries(
    {},
    optional={
        "outside_regular_hours": st.sampled_from([True, False, 0, 1, None]),
        "account": TEXTS,
        "client_order_id": TEXTS,
        "all_or_none": st.sampled_from([True, False, 0]),
        "hidden": st.sampled_from([False, 0]),
        "good_till": st.just(datetime(2026, 3, 5, tzinfo=UTC)),
        "trigger_method": st.sampled_from([TriggerMethod.DEFAULT, TriggerMethod.LAST, 0]),
        "conditions": st.sampled_from([(), []]),
        "trail_amount": st.sampled_from([None, Decimal(1)]),
        "cash_quantity": st.sampled_from([None, Decimal(100)]),
        "oca_group": TEXTS,
        "model": TEXTS,
    },
)

REQUESTS: Any = st.builds(
    lambda more, **said: OrderRequest(contract=AAPL, **said, **more),
    more=st.one_of(st.just({}), MORE),
    action=SIDES,
    quantity=NUMBERS,
    order_type=TYPES,
    limit_price=NUMBERS,
    stop_price=NUMBERS,
    time_in_force=TIMES,
)

LIKELY: Any = st.builds(
    lambda **said: replace(buy(), **said),
    quantity=st.sampled_from([Decimal(100), Decimal("0.5"), Decimal(7), Decimal("1E+40")]),
    order_type=st.sampled_from([OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LIMIT]),
    limit_price=NUMBERS,
    stop_price=st.one_of(st.none(), NUMBERS),
    time_in_force=st.sampled_from(TimeInForce),
)


def said_of(request: OrderRequest, *, at_length: bool = True) -> str:
    """Return what the rules find in an order, asked at length or in short; empty is nothing."""
    with pytest.MonkeyPatch.context() as patch:
        if at_length:
            patch.setattr(validation, "is_sound", lambda _: False)
        try:
            validation.check_request(request)
        except OrderValidationError as error:
            return error.message
    return ""


@given(request=st.one_of(REQUESTS, LIKELY))
def test_a_request_is_judged_in_short_as_it_is_at_length(request: OrderRequest) -> None:
    try:
        at_length = said_of(request)
    except Exception as error:  # noqa: BLE001  # what breaks the rules themselves breaks both ways
        at_length = repr(error)
    if is_sound(request):
        assert at_length == ""
    else:
        with_short = ""
        try:
            with_short = said_of(request, at_length=False)
        except Exception as error:  # noqa: BLE001  # as above
            with_short = repr(error)
        assert with_short == at_length


def test_the_commonest_orders_are_looked_at_in_short() -> None:
    market = replace(buy(), order_type=OrderType.MARKET, limit_price=None)
    stop = replace(buy(), order_type=OrderType.STOP, limit_price=None, stop_price=Decimal(90))
    both = replace(stop, order_type=OrderType.STOP_LIMIT, limit_price=Decimal(91))
    named = replace(buy(account="DU1", client_order_id="a"), outside_regular_hours=True)
    for order in (buy(), market, stop, both, named, replace(buy(), action=Action.SELL)):
        assert is_sound(order)
        assert fits(order, ContractDetails(contract=AAPL, min_tick=Decimal("0.01")), None)


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden", 0), ("conditions", []), ("good_till", datetime(2026, 3, 5, tzinfo=UTC))],
)
def test_what_only_equals_nothing_said_is_not_plain(key: str, value: Any) -> None:
    said: dict[str, Any] = {key: value}
    assert is_plain(buy())
    assert not is_plain(replace(buy(), **said))


CONTRACTS = st.sampled_from(
    [
        AAPL,
        replace(AAPL, con_id=None),
        Contract(symbol="SPX", security_type=SecurityType.INDEX, con_id=ConId(1), exchange="CBOE"),
        Contract(symbol="CL", security_type=SecurityType.FUTURE, con_id=ConId(2), exchange="NYMEX"),
    ]
)
DETAILS: Any = st.builds(
    ContractDetails,
    contract=CONTRACTS,
    min_tick=st.sampled_from([None, Decimal("0.01"), Decimal("0.03"), Decimal("0.5")]),
    min_size=st.sampled_from([None, Decimal(1), Decimal(10)]),
    size_increment=st.sampled_from([None, Decimal(1), Decimal("0.5")]),
    order_types=st.sampled_from([(), ("LMT",), ("MKT", "STP"), ("LMT", "MKT", "STPLMT")]),
)
STEPS = st.sampled_from(
    [
        None,
        TickRule.of_one_step(Decimal("0.01")),
        TickRule.of_one_step(Decimal("0.03")),
        TickRule(
            bands=(
                PriceBand(low=Decimal(0), increment=Decimal("0.01")),
                PriceBand(low=Decimal("0.02"), increment=Decimal("0.05")),
                PriceBand(low=Decimal(3), increment=Decimal("0.25")),
            )
        ),
    ]
)


def found(
    request: OrderRequest, details: ContractDetails, steps: TickRule | None, *, at_length: bool
) -> str:
    """Return what the contract's rules find; the error's kind where they themselves break."""
    with pytest.MonkeyPatch.context() as patch:
        if at_length:
            patch.setattr(validation, "fits", lambda *_: False)
        try:
            validation.check_against(request, details, steps)
        except OrderValidationError as error:
            return error.message
        except ArithmeticError as error:
            return repr(error)
    return ""


@given(request=LIKELY, pairs=st.lists(st.tuples(DETAILS, STEPS), min_size=1, max_size=4))
def test_a_contract_is_asked_in_short_as_it_is_at_length(
    request: OrderRequest, pairs: list[tuple[ContractDetails, TickRule | None]]
) -> None:
    if not is_sound(request):
        return
    # each description of the contract takes the place of the one before, as in a session
    for details, steps in pairs:
        for _ in range(2):
            at_length = found(request, details, steps, at_length=True)
            assert found(request, details, steps, at_length=False) == at_length
            assert not (fits(request, details, steps) and at_length)


@given(
    price=st.decimals(-10, 10, places=3) | st.sampled_from([Decimal("2.99"), Decimal(3)]),
    steps=STEPS.filter(bool),
)
def test_a_price_is_legal_where_it_is_its_own_lower_neighbour(
    price: Decimal, steps: TickRule
) -> None:
    assert steps.is_legal(price) is (steps.round(price, "down") == price)


def test_details_that_come_anew_are_asked_anew() -> None:
    order = buy()
    assert fits(order, ContractDetails(contract=AAPL, order_types=("LMT",)), None)
    for _ in range(3):  # an id may be given again as soon as nobody holds what had it
        assert not fits(order, ContractDetails(contract=AAPL, order_types=("MKT",)), None)
        assert fits(order, ContractDetails(contract=AAPL, order_types=("LMT",)), None)


def test_a_time_in_the_past_is_found_in_a_plain_order_with_an_end() -> None:
    order = replace(
        buy(), time_in_force=TimeInForce.GTD, good_till=datetime(2026, 3, 5, tzinfo=UTC)
    )
    assert not is_sound(order)
    with pytest.raises(OrderValidationError, match="good_till must be in the future"):
        validation.check_times(order, datetime(2026, 3, 5, tzinfo=UTC) + timedelta(days=1))
