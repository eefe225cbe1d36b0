"""Records as tables, as a notebook shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ibkr_connector import Bar, BarSeries, ConfigurationError, DataType, NoDataError, Quote, stock
from ibkr_connector.model.html import rows_table
from ibkr_connector.model.streams import Gap, GapReason
from ibkr_connector.notebook import plot_live, table

AT = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


def quote(bid: str | None = "1234.5", ask: str | None = "1235.5") -> Quote:
    return Quote(
        contract=stock("A<B"),
        timestamp=AT,
        data_type=DataType.LIVE,
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
    )


def test_a_record_tells_what_it_has_and_nothing_else() -> None:
    shown = quote()._repr_html_()
    assert "<caption>Quote</caption>" in shown
    assert "1,234.5" in shown
    assert "2026-11-18 15:30:00 UTC" in shown
    assert ">live<" in shown
    assert "halted" not in shown


def test_what_others_have_named_cannot_become_a_part_of_the_page() -> None:
    shown = quote()._repr_html_()
    assert "A&lt;B" in shown
    assert "A<B" not in shown


def test_a_series_shows_its_last_bars_and_how_many_there_are() -> None:
    price = Decimal(1)
    bars = tuple(
        Bar(timestamp=AT + timedelta(hours=n), open=price, high=price, low=price, close=price)
        for n in range(12)
    )
    series = BarSeries(contract=stock("A"), bar_size="1 hour", what_to_show="TRADES", bars=bars)
    shown = series._repr_html_()
    assert "the last 10 of 12" in shown
    assert shown.count("UTC") == 10


def test_rows_have_the_columns_that_anyone_fills() -> None:
    shown = rows_table([quote(bid=None), quote(ask=None)])
    assert "<th>bid</th>" in shown
    assert "<th>halted</th>" not in shown
    assert rows_table([]) == "<i>none</i>"


def test_columns_are_chosen_and_may_be_properties() -> None:
    shown = table([quote()], "symbol", "midpoint")
    assert shown._repr_html_().count("<th>") == 2
    assert "1,235" in shown._repr_html_()
    assert "1234.5" in repr(shown)
    assert repr(table([])) == "none"
    with pytest.raises(ConfigurationError, match="no column 'price'"):
        table([quote()], "price")


async def told(*records: object) -> AsyncIterator[object]:
    for record in records:
        yield record


async def test_points_are_counted_and_a_gap_is_none() -> None:
    gap = Gap(contract=stock("A"), reason=GapReason.LINK_DOWN, start=AT)
    assert await plot_live(told(quote(), gap, quote()), seconds=9) == 2
    assert await plot_live(told(quote(), gap), "bid", seconds=9) == 1
    assert await plot_live(told(quote()), lambda one: one.ask, seconds=9) == 1


async def test_what_cannot_be_drawn_is_an_error() -> None:
    with pytest.raises(NoDataError):
        await plot_live(told(), seconds=9)
    with pytest.raises(NoDataError):
        await plot_live(told(quote(bid=None)), seconds=9)
    with pytest.raises(ConfigurationError, match="no field 'colour'"):
        await plot_live(told(quote()), "colour", seconds=9)
