from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.valuation import black_scholes, greeks, implied_volatility

spots = st.floats(50, 200)
strikes = st.floats(50, 200)
years = st.floats(0.01, 3)
volatilities = st.floats(0.05, 1.5)


@pytest.mark.parametrize(
    ("is_call", "expected"),
    [
        # Hull, Options, Futures and Other Derivatives, example 15.6
        (True, 4.76),
        (False, 0.81),
    ],
)
def test_the_value_is_that_of_the_textbook(is_call: bool, expected: float) -> None:
    value = black_scholes(is_call, 42, 40, years=0.5, volatility=0.2, rate=0.1)
    assert round(value, 2) == expected


@given(spots, strikes, years, volatilities)
def test_call_and_put_keep_their_parity(
    spot: float, strike: float, years: float, volatility: float
) -> None:
    call, put = (
        black_scholes(is_call, spot, strike, years=years, volatility=volatility)
        for is_call in (True, False)
    )
    assert math.isclose(call - put, spot - strike * math.exp(-0.04 * years), abs_tol=1e-8)


@given(st.booleans(), spots, strikes, years, volatilities)
def test_the_greeks_are_the_slopes_of_the_value(
    is_call: bool, spot: float, strike: float, years: float, volatility: float
) -> None:
    def worth(moved: float = 0, livelier: float = 0, later: float = 0) -> float:
        return black_scholes(
            is_call,
            spot + moved,
            strike,
            years=years - later,
            volatility=volatility + livelier,
            dividend=0.01,
        )

    found = greeks(is_call, spot, strike, years=years, volatility=volatility, dividend=0.01)
    step = 1e-3
    assert found.price == worth()
    assert math.isclose(found.delta, (worth(step) - worth(-step)) / (2 * step), abs_tol=1e-3)
    curve = (worth(step) - 2 * worth() + worth(-step)) / step**2
    assert math.isclose(found.gamma, curve, abs_tol=5e-2)
    lift = (worth(livelier=1e-5) - worth(livelier=-1e-5)) / 2e-5 / 100
    assert math.isclose(found.vega, lift, abs_tol=1e-3)
    fade = (worth(later=1e-6) - worth(later=-1e-6)) / 2e-6 / 365
    assert math.isclose(found.theta, fade, abs_tol=1e-3)


@given(st.booleans(), spots, strikes, years, st.floats(0.1, 1.2))
def test_a_value_tells_its_volatility(
    is_call: bool, spot: float, strike: float, years: float, volatility: float
) -> None:
    value = black_scholes(is_call, spot, strike, years=years, volatility=volatility)
    found = implied_volatility(is_call, value, spot, strike=strike, years=years)
    assert found is not None
    again = black_scholes(is_call, spot, strike, years=years, volatility=found)
    assert math.isclose(again, value, abs_tol=1e-6)


def test_no_volatility_makes_an_impossible_price() -> None:
    assert implied_volatility(True, 500, 100, strike=100, years=1) is None
    assert implied_volatility(True, -1, 100, strike=100, years=1) is None
    assert implied_volatility(True, 5, 100, strike=100, years=0) is None


@pytest.mark.parametrize(
    ("is_call", "spot", "value", "delta"),
    [(True, 110, 10, 1), (True, 90, 0, 0), (False, 90, 10, -1), (False, 110, 0, 0)],
)
def test_at_expiry_an_option_is_worth_what_exercising_it_brings(
    is_call: bool, spot: float, value: float, delta: float
) -> None:
    found = greeks(is_call, spot, 100, years=0, volatility=0.3)
    assert (found.price, found.delta, found.gamma, found.vega) == (value, delta, 0, 0)
