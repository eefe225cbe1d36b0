"""Ticks of a stream, as text, into quotes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.quote_line import QuoteTicks
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import DataType, Quote

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
FIGURES = (
    *("bid", "ask", "last", "bid_size", "ask_size", "last_size"),
    *("volume", "open", "high", "low", "close"),
)
NO_PRICES = (
    *("", "1.7976931348623157E308", "1.7976931348623157e+308", "-1.7976931348623157E308"),
    *("nan", "inf", "-Infinity"),
)
NO_SIZES = (*NO_PRICES, "2147483647", "9223372036854775807")


def ticks() -> QuoteTicks:
    return QuoteTicks(stock("AAPL"))


def quote(of: QuoteTicks) -> Quote:
    return of.quote(NOW)


def test_prices_keep_their_digits() -> None:
    seen = ticks()
    assert seen.price("1", "189.980", "700")
    assert str(quote(seen).bid) == "189.980"
    assert quote(seen).bid_size == 700


@pytest.mark.parametrize("price", ["-1", "-1.0", "0", "0.0"])
def test_minus_one_and_zero_without_a_size_are_no_price(price: str) -> None:
    seen = ticks()
    seen.price("1", "10", "5")
    seen.price("1", price, "0")
    assert (quote(seen).bid, quote(seen).bid_size) == (None, None)


@pytest.mark.parametrize("price", ["-1", "0", "-3.25"])
def test_the_same_with_a_size_are_prices(price: str) -> None:
    seen = ticks()
    seen.price("2", price, "5")
    assert quote(seen).ask == Decimal(price)


def test_delayed_ticks_land_in_the_same_fields_and_mark_the_quote() -> None:
    seen = ticks()
    for kind, price in (("66", "1.5"), ("67", "1.6"), ("68", "1.55"), ("75", "1.4")):
        seen.price(kind, price, "1")
    seen.size("74", "1000")
    told = quote(seen)
    assert (told.bid, told.ask, told.last) == (Decimal("1.5"), Decimal("1.6"), Decimal("1.55"))
    assert (told.close, told.volume) == (Decimal("1.4"), Decimal(1000))
    assert told.data_type is DataType.DELAYED


@pytest.mark.parametrize("kind", list(DataType))
def test_what_the_gateway_says_of_the_source_counts(kind: DataType) -> None:
    seen = ticks()
    seen.data_type(str(int(kind)))
    seen.price("1", "1", "1")
    assert quote(seen).data_type is kind


def test_delayed_ticks_after_the_word_live_are_delayed_all_the_same() -> None:
    seen = ticks()
    seen.data_type("1")
    seen.price("66", "1", "1")
    assert quote(seen).data_type is DataType.DELAYED


@pytest.mark.parametrize(
    ("value", "halted"), [("-1", None), ("0", False), ("1", True), ("2", True)]
)
def test_halted_is_known_or_not(value: str, halted: bool | None) -> None:
    seen = ticks()
    assert seen.generic("49", value)
    assert quote(seen).halted is halted


def test_ticks_that_are_no_part_of_a_quote_change_nothing() -> None:
    seen = ticks()
    assert not seen.price("52", "1", "1")
    assert not seen.size("48", "1")
    assert not seen.generic("47", "3")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "4", "6", "7", "9", "14", "66", "67", "68"]),
            st.sampled_from(NO_PRICES) | st.decimals(-1000, 1000, places=2).map(str),
            st.sampled_from((*NO_SIZES, "0", "100")),
        ),
        max_size=30,
    )
)
def test_no_sentinel_of_the_wire_is_ever_a_figure_of_a_quote(
    said: list[tuple[str, str, str]],
) -> None:
    seen = ticks()
    for kind, price, size in said:
        seen.price(kind, price, size)
    told = quote(seen)
    for name in FIGURES:
        figure = getattr(told, name)
        assert figure is None or (figure.is_finite() and abs(figure) < 2_000_000_000)
