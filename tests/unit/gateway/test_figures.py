"""Numbers are exact, and IB's ways of saying "none" are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.figures import (
    decimal_or_none,
    figure,
    integer,
    positive,
    quantity,
    tick_price,
)

UNSET = "1.7976931348623157E308"


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_a_price_that_went_through_a_float_is_the_price_that_was_sent(sent: Decimal) -> None:
    assert decimal_or_none(float(sent)) == sent
    assert decimal_or_none(str(sent)) == sent


@given(st.integers(-(10**15), 10**15))
def test_a_whole_number_has_no_decimal_point(sent: int) -> None:
    assert str(decimal_or_none(float(sent))) in (str(sent), f"-{sent}")


@given(st.floats())
def test_no_float_gives_anything_but_a_finite_decimal_or_none(number: float) -> None:
    value = decimal_or_none(number)
    assert value is None or value.is_finite()


def test_text_keeps_its_digits() -> None:
    assert str(decimal_or_none("1.10")) == "1.10"


@pytest.mark.parametrize("unset", [UNSET, float(UNSET), "", " ", "NaN", "Infinity", float("nan")])
def test_unset_is_none(unset: str | float) -> None:
    assert figure(unset) is None
    assert quantity(unset) is None


@pytest.mark.parametrize(
    "unset",
    ["2147483647", "9223372036854775807", 2147483647.0, 9223372036854775807.0, -(2.0**63)],
)
def test_the_largest_whole_numbers_are_no_sizes(unset: str | float) -> None:
    assert quantity(unset) is None


def test_zero_and_negative_prices_are_prices() -> None:
    assert figure(0.0) == 0
    assert figure(-1.5) == Decimal("-1.5")
    assert quantity(0.0) == 0


def test_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a number, found 'ten'"):
        figure("ten")


def test_an_average_of_nothing_is_none() -> None:
    assert positive(0.0) is None
    assert positive(-1.0) is None
    assert positive("0.01") == Decimal("0.01")


@pytest.mark.parametrize(
    ("price", "size", "expected"),
    [
        (-1, 0, None),
        (0, 0, None),
        (0, 3, Decimal(0)),
        (-1, 3, Decimal(-1)),
        (-2.5, 0, Decimal("-2.5")),
        (float("inf"), 1, None),
    ],
)
def test_a_tick_without_size_may_be_no_price(
    price: float, size: float, expected: Decimal | None
) -> None:
    assert tick_price(price, size) == expected


def test_an_id_of_zero_or_unset_is_none() -> None:
    assert [integer(number) for number in (0, 2147483647, "", "17", -3)] == [
        None,
        None,
        None,
        17,
        -3,
    ]
