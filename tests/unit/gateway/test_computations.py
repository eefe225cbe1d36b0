"""Option computations, as text, into greeks."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.gateway.computations import computed
from ibkr_connector.gateway.quote_line import QuoteTicks
from ibkr_connector.gateway.snapshot import Snapshot
from ibkr_connector.model.contracts import option, stock
from ibkr_connector.model.greeks import Greeks
from ibkr_connector.model.market import DataType

CALL = option("AAPL", "20261218", strike=Decimal(200), right="C")
FIGURES = ["0.31", "0.42", "4.10", "0.25", "0.013", "0.22", "-0.08", "195.5"]
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
FULL = (1, 2, 4, 6, 7, 9)


def test_figures_are_read_in_the_order_of_the_wire() -> None:
    assert computed("0", FIGURES) == Greeks(
        volatility=0.31,
        delta=0.42,
        price=Decimal("4.10"),
        dividend=Decimal("0.25"),
        gamma=0.013,
        vega=0.22,
        theta=-0.08,
        under_price=Decimal("195.5"),
    )


def test_what_was_not_computed_is_none() -> None:
    assert computed("0", ["-1", "-2", "-1", "-1", "-2", "-2", "-2", "-1"]) == Greeks()
    assert computed("0", ["1.7976931348623157E308"] * 8) == Greeks()
    assert computed("0", [""] * 8) == Greeks()


def test_a_volatility_of_prices_is_marked() -> None:
    assert computed("1", FIGURES).is_price_based
    assert not computed("", FIGURES).is_price_based


def test_too_few_figures_are_no_computation() -> None:
    with pytest.raises(ValueError, match="unpack"):
        computed("0", FIGURES[:7])


def test_a_quote_gathers_the_four_computations_of_an_option() -> None:
    ticks = QuoteTicks(CALL)
    for number, kind in enumerate(("10", "11", "12", "13")):
        assert ticks.computation(kind, "0", [f"0.3{number}", *FIGURES[1:]])
    greeks = ticks.quote(NOW).greeks
    assert greeks is not None
    told = (greeks.bid, greeks.ask, greeks.last, greeks.model)
    assert [one.volatility for one in told if one is not None] == [0.30, 0.31, 0.32, 0.33]
    assert ticks.quote(NOW).data_type is DataType.LIVE


def test_delayed_computations_land_in_the_same_fields_and_mark_the_quote() -> None:
    ticks, snapshot = QuoteTicks(CALL), Snapshot(CALL)
    assert ticks.computation("83", "0", FIGURES)
    snapshot.computation(83, "0", FIGURES)
    for quote in (ticks.quote(NOW), snapshot.quote(NOW)):
        assert quote.greeks is not None
        assert quote.greeks.model == computed("0", FIGURES)
        assert quote.data_type is DataType.DELAYED


def test_a_calculation_that_was_asked_for_is_no_part_of_a_quote() -> None:
    ticks = QuoteTicks(CALL)
    assert not ticks.computation("53", "0", FIGURES)
    assert ticks.quote(NOW).greeks is None


def test_the_snapshot_of_an_option_is_full_when_the_model_has_spoken() -> None:
    snapshot = Snapshot(CALL, awaits_greeks=True)
    for kind in FULL:
        snapshot.price(kind, 4.1, 10.0)
    snapshot.size(8, 100.0)
    assert (snapshot.has_needed, snapshot.has_greeks, snapshot.is_full) == (True, False, False)
    snapshot.computation(10, "0", FIGURES)
    assert not snapshot.has_greeks, "what the bid implies is not the model"
    snapshot.computation(13, "0", FIGURES)
    assert (snapshot.has_greeks, snapshot.is_full) == (True, True)


def test_the_snapshot_of_a_stock_or_for_who_needs_no_greeks_waits_for_no_model() -> None:
    assert Snapshot(stock("AAPL"), awaits_greeks=True).has_greeks
    assert Snapshot(CALL).has_greeks
