"""Sizes: as large as asked for, a multiple of the lot, never beyond a bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import AccountError, OrderValidationError
from ibkr_connector.model.contracts import ContractDetails
from ibkr_connector.model.market import Bar
from ibkr_connector.orders.risk import RiskLimits
from ibkr_connector.orders.sizing import (
    SizingBasis,
    average_true_range,
    basis_of,
    size_by_equity,
    size_by_risk,
    size_by_volatility,
)
from kit.order_desk import AAPL, NOON

BASIS = SizingBasis(equity=Decimal(100_000))


def test_a_fixed_risk_to_the_stop() -> None:
    size = size_by_risk(
        BASIS, entry=Decimal("50.00"), stop=Decimal("48.00"), risk_share=Decimal("0.01")
    )
    assert (size.quantity, size.risk) == (Decimal(500), Decimal(1_000))
    assert size.value == 25_000
    assert size.bound_by == "the share of the equity"


def test_a_short_position_has_its_stop_above() -> None:
    size = size_by_risk(
        BASIS, entry=Decimal("48.00"), stop=Decimal("50.00"), risk_share=Decimal("0.01")
    )
    assert size.quantity == 500


def test_a_share_of_the_equity_with_multiplier_rate_and_lot() -> None:
    basis = replace(BASIS, multiplier=Decimal(50), rate=Decimal("1.1"), lot=Decimal(2))
    size = size_by_equity(basis, price=Decimal(100), share=Decimal("0.5"))
    # 50,000 / (100 * 50 * 1.1) = 9.09, in lots of two
    assert (size.quantity, size.value) == (Decimal(8), Decimal(44_000))
    assert size.risk is None


def test_a_target_of_volatility() -> None:
    size = size_by_volatility(
        BASIS,
        price=Decimal(100),
        average_range=Decimal("2.5"),
        risk_share=Decimal("0.005"),
        multiple=Decimal(2),
    )
    assert (size.quantity, size.risk) == (Decimal(100), Decimal(500))


@pytest.mark.parametrize(
    ("bounds", "quantity", "named"),
    [
        ({"max_quantity": Decimal(70)}, 70, "the largest order size"),
        ({"max_value": Decimal(5_049)}, 100, "the largest order value"),
        ({"max_value": Decimal(49)}, 0, "the largest order value, less than the smallest size"),
        ({"min_size": Decimal(501)}, 0, "the share of the equity, less than the smallest size"),
    ],
)
def test_limits_bound_a_size_and_are_named(
    bounds: dict[str, Any], quantity: int, named: str
) -> None:
    size = size_by_risk(
        replace(BASIS, **bounds),
        entry=Decimal(50),
        stop=Decimal(48),
        risk_share=Decimal("0.01"),
    )
    assert size.quantity == quantity
    assert size.bound_by == named


def test_the_average_range_reaches_to_the_close_before() -> None:
    bars = [
        Bar(
            timestamp=NOON + timedelta(minutes=minute),
            open=Decimal(low),
            high=Decimal(high),
            low=Decimal(low),
            close=Decimal(close),
        )
        for minute, (low, high, close) in enumerate([(1, 99, 10), (12, 14, 13), (5, 9, 9)])
    ]
    # 14 - 10 and 13 - 5; the wide first bar only gives its close
    assert average_true_range(bars, period=2) == 6
    with pytest.raises(OrderValidationError, match="needs 4 bars; got 3"):
        average_true_range(bars, period=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"entry": Decimal(0)},
        {"entry": Decimal("NaN")},
        {"stop": Decimal(-1)},
        {"stop": Decimal(50)},
        {"entry": 50.0},
        {"risk_share": Decimal("1.01")},
        {"risk_share": Decimal(0)},
        {"risk_share": 0.01},
    ],
)
def test_figures_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    given_ = {"entry": Decimal(50), "stop": Decimal(48), "risk_share": Decimal("0.01")}
    with pytest.raises(OrderValidationError):
        size_by_risk(BASIS, **(given_ | wrong))


def test_an_account_worth_nothing_sizes_nothing() -> None:
    with pytest.raises(OrderValidationError, match="equity"):
        size_by_equity(replace(BASIS, equity=Decimal(-5)), price=Decimal(1), share=Decimal(1))


def test_a_basis_is_bounded_by_the_tightest_limit_and_needs_to_know() -> None:
    details = ContractDetails(contract=AAPL, size_increment=Decimal(5))
    limits = RiskLimits(
        max_order_size=Decimal(100),
        max_position_size=Decimal(60),
        max_order_value=Decimal(9_000),
        max_portfolio_risk=Decimal("0.05"),
    )
    basis = basis_of(details, limits, equity=Decimal(100_000), rate=Decimal(1))
    assert (basis.max_quantity, basis.max_value) == (Decimal(60), Decimal(5_000))
    assert basis.lot == 5
    for unknown in ({"equity": None, "rate": Decimal(1)}, {"equity": Decimal(1), "rate": None}):
        with pytest.raises(AccountError, match="not all of them are known"):
            basis_of(details, limits, **unknown)


figures = st.decimals("0.01", "10000", places=2)


@given(
    equity=st.decimals("100", "10000000", places=2),
    entry=figures,
    stop=figures,
    share=st.decimals("0.001", "1", places=3),
    lot=st.sampled_from([Decimal(1), Decimal(100), Decimal("0.01")]),
    max_quantity=st.none() | st.decimals("1", "100000", places=0),
    max_value=st.none() | st.decimals("1", "1000000", places=0),
)
def test_a_size_is_within_every_bound_and_one_lot_more_is_not(
    equity: Decimal,
    entry: Decimal,
    stop: Decimal,
    share: Decimal,
    lot: Decimal,
    max_quantity: Decimal | None,
    max_value: Decimal | None,
) -> None:
    if entry == stop:
        return
    basis = SizingBasis(equity=equity, lot=lot, max_quantity=max_quantity, max_value=max_value)
    size = size_by_risk(basis, entry=entry, stop=stop, risk_share=share)

    def fits(quantity: Decimal) -> bool:
        return (
            quantity * abs(entry - stop) <= equity * share
            and (max_quantity is None or quantity <= max_quantity)
            and (max_value is None or quantity * entry <= max_value)
        )

    assert size.quantity % lot == 0
    assert fits(size.quantity)
    assert not fits(size.quantity + lot)
