"""Nothing of ib_async's or of IB's way to say "none" gets past the translation."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.contract import Contract as IBContract
from ib_async.contract import ContractDetails as IBDetails
from ib_async.objects import Execution as IBExecution
from ib_async.order import Order, OrderState

from ibkr_connector.errors import OrderValidationError
from ibkr_connector.gateway import translate
from ibkr_connector.model.contracts import (
    ComboLeg,
    Contract,
    OpenClose,
    Right,
    SecurityType,
    combo,
    option,
)
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import Action

LEGS = st.builds(
    ComboLeg,
    contract=st.integers(1, 2**31 - 2).map(
        lambda con_id: Contract(symbol="", con_id=ConId(con_id), exchange="CBOE")
    ),
    action=st.sampled_from(Action),
    ratio=st.integers(1, 100),
    exchange=st.just("CBOE"),
    open_close=st.sampled_from(OpenClose),
    short_sale_slot=st.sampled_from([0, 1, 2]),
    designated_location=st.sampled_from(["", "elsewhere"]),
)

UNSET = 1.7976931348623157e308


@given(
    kind=st.sampled_from(SecurityType),
    strike=st.none() | st.decimals(min_value="0.01", max_value=10**6, places=2),
    multiplier=st.none() | st.sampled_from([Decimal(1), Decimal(50), Decimal("0.1")]),
    con_id=st.none() | st.integers(1, 2**31 - 2),
    legs=st.lists(LEGS, max_size=3).map(tuple),
    right=st.none() | st.sampled_from(Right),
    text=st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=8),
)
def test_a_contract_that_goes_out_comes_back(
    kind: SecurityType,
    strike: Decimal | None,
    multiplier: Decimal | None,
    con_id: int | None,
    legs: tuple[ComboLeg, ...],
    right: Right | None,
    text: str,
) -> None:
    ours = Contract(
        symbol=text,
        security_type=kind,
        exchange=text,
        primary_exchange=text,
        con_id=None if con_id is None else ConId(con_id),
        expiry=text,
        strike=strike,
        right=right,
        multiplier=multiplier,
        local_symbol=text,
        trading_class=text,
        legs=legs,
    )
    assert translate.contract(translate.ib_contract(ours)) == ours


def test_a_contract_that_is_named_by_its_id_alone_says_nothing_else() -> None:
    written = translate.ib_contract(Contract(symbol="", con_id=ConId(265598), exchange=""))
    assert (written.conId, written.secType, written.currency) == (265598, "", "")


def test_a_leg_that_was_not_qualified_is_refused() -> None:
    with pytest.raises(OrderValidationError, match="the leg AAPL has no contract yet"):
        translate.ib_contract(combo("AAPL", "MSFT"))


def test_kinds_without_a_name_of_their_own_are_filed_or_refused() -> None:
    assert translate.contract(IBContract(secType="IOPT")).security_type is SecurityType.WARRANT
    with pytest.raises(ValueError, match="expected a security type, found 'XYZ'"):
        translate.contract(IBContract(secType="XYZ"))


def test_an_option_is_written_with_its_side_and_strike() -> None:
    written = translate.ib_contract(option("AAPL", "20261218", "P", strike=Decimal("250.50")))
    assert (written.right, written.strike) == ("P", Decimal("250.50"))


def test_details_without_figures_say_none() -> None:
    details = translate.contract_details(IBDetails(contract=IBContract(secType="STK")))
    assert (details.min_tick, details.min_size, details.under_con_id) == (None, None, None)
    assert details.price_magnifier == 1
    assert details.order_types == ()


@pytest.mark.parametrize(
    ("kind", "limit", "stop", "expected"),
    [
        ("MKT", 0.0, 0.0, (None, None)),
        ("LMT", 0.0, 0.0, (Decimal(0), None)),
        ("LMT", -1.5, UNSET, (Decimal("-1.5"), None)),
        ("STP", 0.0, 99.5, (None, Decimal("99.5"))),
        ("STP LMT", 100.0, 99.5, (Decimal(100), Decimal("99.5"))),
    ],
)
def test_prices_that_an_order_type_does_not_use_are_none(
    kind: str, limit: float, stop: float, expected: tuple[Decimal | None, Decimal | None]
) -> None:
    order = Order(action="SSHORT", orderType=kind, lmtPrice=limit, auxPrice=stop, orderRef="?")
    seen = translate.broker_order(IBContract(secType="STK"), order, OrderState(status="New"))
    assert (seen.limit_price, seen.stop_price) == expected
    assert (seen.action, seen.order_ref, seen.perm_id) == (Action.SELL, "", None)


@pytest.mark.parametrize(
    ("status", "total", "filled", "expected"),
    [
        ("Filled", 0.0, 0.0, (None, None)),
        ("Filled", 10.0, 0.0, (Decimal(10), None)),
        ("Cancelled", 10.0, 0.0, (Decimal(10), Decimal(0))),
        ("Cancelled", 10.0, 4.0, (Decimal(10), Decimal(4))),
        ("Cancelled", 0.0, UNSET, (None, None)),
    ],
)
def test_zeros_of_a_completed_order_are_not_taken_for_quantities(
    status: str, total: float, filled: float, expected: tuple[Decimal | None, Decimal | None]
) -> None:
    order = Order(action="BUY", totalQuantity=total, filledQuantity=filled)
    seen = translate.completed_order(IBContract(secType="STK"), order, OrderState(status=status))
    assert (seen.quantity, seen.filled_quantity) == expected


def test_an_execution_without_a_side_is_an_error() -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    with pytest.raises(ValueError, match="expected a side, found ''"):
        translate.execution(IBContract(secType="STK"), IBExecution(), time=moment, recovered=False)


def status(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "status": "Submitted",
        "filled": 0.0,
        "remaining": 10.0,
        "average_price": 0.0,
        "last_price": 0.0,
        "parent_id": 0,
        "why_held": "",
    }
    return translate.order_status(100, 7, 9001, **(fields | changes))


def test_an_average_price_of_a_fill_at_zero_is_a_price() -> None:
    assert status().average_fill_price is None
    assert status(filled=1.0).average_fill_price == 0
    assert status(filled=1.0, average_price=UNSET).average_fill_price is None
    assert status(filled=1.0, average_price=-2.5).average_fill_price == Decimal("-2.5")


@given(st.floats(), st.floats(), st.floats(), st.floats())
def test_no_sentinel_of_a_portfolio_line_survives(
    price: float, value: float, cost: float, profit: float
) -> None:
    row = translate.portfolio_row(
        "DU1",
        IBContract(secType="STK"),
        1.0,
        price=price,
        value=value,
        cost=cost,
        unrealized=profit,
        realized=UNSET,
    )
    for figure in (row.market_price, row.market_value, row.average_cost, row.unrealized_pnl):
        assert figure is None or (figure.is_finite() and abs(figure) != Decimal(repr(UNSET)))
    assert row.realized_pnl is None


def test_a_bar_at_a_zero_average_is_kept() -> None:
    bar = translate.bar(["20261120", "-1", "0", "-2.50", "-1.5", "0", "0", "0"], login_zone=UTC)
    assert (bar.open, str(bar.low)) == (Decimal(-1), "-2.50")
    assert (bar.volume, bar.average, bar.trade_count) == (Decimal(0), Decimal(0), 0)
