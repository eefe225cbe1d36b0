"""Prices are rounded to the steps of their band, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.errors import ContractError
from ibkr_connector.instruments.ticks import (
    Rounding,
    SizeRule,
    TickRule,
    market_rule_id,
    round_to_tick,
    size_rule_of,
    tick_rule_of,
)
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.instruments import PriceBand


def rule(*bands: tuple[str, str]) -> TickRule:
    return TickRule(
        bands=tuple(PriceBand(low=Decimal(low), increment=Decimal(step)) for low, step in bands)
    )


OPTIONS = rule(("0", "0.01"), ("3", "0.05"))
TOKYO = rule(("0", "1"), ("3000", "5"), ("5000", "10"), ("30000", "50"))


@pytest.mark.parametrize(
    ("price", "rounding", "expected"),
    [
        ("1.005", "nearest", "1.01"),
        ("1.004", "nearest", "1.00"),
        ("1.005", "down", "1.00"),
        ("1.001", "up", "1.01"),
        ("2.999", "up", "3.00"),
        ("3.01", "down", "3.00"),
        ("3.01", "up", "3.05"),
        ("3.02", "nearest", "3.00"),
        ("3.025", "nearest", "3.05"),
        ("-1.005", "down", "-1.01"),
        ("-3.01", "up", "-3.00"),
        ("0", "up", "0"),
    ],
)
def test_a_price_is_rounded_to_the_step_of_its_band(
    price: str, rounding: str, expected: str
) -> None:
    assert OPTIONS.round(price, rounding) == Decimal(expected)


def test_a_float_stands_for_what_it_prints_as() -> None:
    assert round_to_tick(0.1 + 0.2, "0.01") == Decimal("0.30")
    assert round_to_tick(4520.13, Decimal("0.25"), rounding=Rounding.DOWN) == Decimal("4520.00")
    assert round_to_tick(110, OPTIONS) == Decimal(110)


def test_a_band_that_begins_between_two_of_its_steps_begins_at_the_first_of_them() -> None:
    odd = rule(("0", "0.3"), ("1", "0.7"))
    assert odd.round("1.1", "down") == Decimal("0.9")
    assert odd.round("0.95", "up") == Decimal("1.4")
    assert odd.next_above("0.9") == Decimal("1.4")
    assert odd.next_below("1.4") == Decimal("0.9")
    close = rule(("0", "0.33"), ("1", "0.5"))
    assert close.next_above("0.99") == Decimal("1.0")
    assert close.next_below("1") == Decimal("0.99")
    assert close.next_above("-1") == Decimal("-0.99")


def test_neighbours_at_the_edge_of_a_band_have_each_its_own_distance() -> None:
    assert OPTIONS.next_above("3") == Decimal("3.05")
    assert OPTIONS.next_below("3") == Decimal("2.99")
    assert TOKYO.next_above("29990") == Decimal(30000)
    assert TOKYO.next_below("30000") == Decimal(29990)
    assert OPTIONS.tick_at("-3.5") == Decimal("0.05")


@pytest.mark.parametrize("price", ["nan", "inf", "many", ""])
def test_what_is_no_price_is_named(price: str) -> None:
    with pytest.raises(ContractError, match="found"):
        OPTIONS.round(price)


def test_rules_that_make_no_sense_are_refused() -> None:
    for bands in ((), (("0", "0"),), (("0", "0.01"), ("0", "0.05"))):
        with pytest.raises(ContractError, match="expected"):
            rule(*bands)
    with pytest.raises(ContractError, match="nearest, down, up"):
        OPTIONS.round(1, "sideways")


def test_quantities_are_rounded_down_to_what_is_legal() -> None:
    coins = SizeRule(min_size=Decimal("0.0001"), increment=Decimal("0.00000001"))
    assert coins.round("0.123456789") == Decimal("0.12345678")
    assert coins.round("0.00009") == 0
    assert coins.is_legal("0.0001")
    assert not coins.is_legal(0)
    whole = size_rule_of(ContractDetails(contract=Contract(symbol="X")))
    assert whole.round("7.9") == 7
    assert not whole.is_legal("7.5")


def test_the_details_say_the_step_where_no_rule_does() -> None:
    details = ContractDetails(
        contract=Contract(symbol="X"),
        min_tick=Decimal("0.005"),
        valid_exchanges=("SMART", "LSE"),
        market_rule_ids=(26, 239),
    )
    assert market_rule_id(details, "LSE") == 239
    assert market_rule_id(details, "NYSE") is None
    assert tick_rule_of(details, (), rule_id=None).round("1.0026") == Decimal("1.005")
    with pytest.raises(ContractError, match="price steps"):
        tick_rule_of(ContractDetails(contract=Contract(symbol="X")), (), rule_id=None)


# --- properties ---------------------------------------------------------------------------------

STEPS = st.sampled_from(["0.0001", "0.0005", "0.001", "0.005", "0.01", "0.05", "0.1", "0.25"]).map(
    Decimal
) | st.decimals("0.0001", "7", places=4)
PRICES = st.decimals(-20_000, 20_000, allow_nan=False, allow_infinity=False, places=6)


@st.composite
def rules(draw: st.DrawFn) -> TickRule:
    lows = sorted(draw(st.sets(st.decimals("0.5", "9000", places=2), max_size=4)))
    return TickRule(
        bands=tuple(PriceBand(low=low, increment=draw(STEPS)) for low in (Decimal(0), *lows))
    )


@given(rules(), PRICES)
def test_rounding_ends_on_legal_prices_with_none_between(tick: TickRule, price: Decimal) -> None:
    down, up = tick.round(price, "down"), tick.round(price, "up")
    assert down <= price <= up
    assert tick.is_legal(down)
    assert tick.is_legal(up)
    assert tick.is_legal(price) is (down == price == up)
    if down != up:
        assert tick.next_above(down) == up
        assert tick.next_below(up) == down
    assert tick.round(price) in {down, up}
    assert abs(tick.round(price) - price) == min(price - down, up - price)


@given(rules(), PRICES)
def test_rounding_is_the_same_on_both_sides_of_zero(tick: TickRule, price: Decimal) -> None:
    assert tick.round(price, "down") == -tick.round(-price, "up")


@given(rules(), PRICES)
def test_a_legal_price_stays_as_it_is(tick: TickRule, price: Decimal) -> None:
    legal = tick.round(price)
    assert {tick.round(legal, way) for way in Rounding} == {legal}
    assert tick.next_below(legal) < legal < tick.next_above(legal)
