"""Bars from the fields of the wire: all six forms of a time, nothing lost, nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.gateway.bar_columns import BarRows
from ibkr_connector.model.bars import moment

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2020, 1, 1, tzinfo=UTC)

FORMS = {
    "20261118": lambda t: f"{t:%Y%m%d}",
    "epoch": lambda t: str(int(t.timestamp())),
    "utc": lambda t: f"{t.astimezone(UTC):%Y%m%d-%H:%M:%S}",
    "zone": lambda t: f"{t.astimezone(NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern",
    "login": lambda t: f"{t.astimezone(NEW_YORK):%Y%m%d  %H:%M:%S}",
    "dashes": lambda t: f"{t.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}.0",
}


def row(time: str, price: str = "10.10", volume: str = "100", average: str = "10.1") -> list[str]:
    return [time, price, price, price, price, volume, average, "7"]


@pytest.mark.parametrize("form", FORMS)
@given(when=st.integers(0, 10 * 365 * 86_400).map(lambda s: START + timedelta(seconds=s)))
@settings(max_examples=15)
def test_every_form_of_a_time_is_the_same_moment(form: str, when: datetime) -> None:
    if form == "20261118":
        when = when.replace(hour=0, minute=0, second=0)
    text = FORMS[form](when)
    if form not in {"20261118", "epoch", "utc"}:
        # the hour that New York has twice has two times for one text
        local = when.astimezone(NEW_YORK).replace(tzinfo=None)
        when = local.replace(tzinfo=NEW_YORK).astimezone(UTC)
    rows = BarRows(row(text), count=1, login_zone=NEW_YORK)
    assert moment(rows.columns.timestamp[0]) == when
    assert rows.records()[0].timestamp == when


def test_records_are_as_exact_as_the_wire_and_columns_are_doubles() -> None:
    rows = BarRows(row("1795185000", "10.100", "1.50"), count=1, login_zone=UTC)
    (bar,) = rows.records()
    assert (str(bar.open), str(bar.volume), bar.trade_count) == ("10.100", "1.50", 7)
    assert (rows.columns.open[0], rows.columns.volume[0]) == (10.1, 1.5)


@pytest.mark.parametrize(
    ("volume", "average"),
    [("-1", "-1"), ("", ""), ("9223372036854775807", "1.7976931348623157E308")],
)
def test_what_was_not_said_is_missing_in_both(volume: str, average: str) -> None:
    rows = BarRows(row("1795185000", "1", volume, average), count=1, login_zone=UTC)
    (bar,) = rows.records()
    assert (bar.volume, bar.average) == (None, None)
    assert rows.columns.figures_of(0)[4:] == (None, None)


def test_bars_come_in_order_and_one_that_is_said_twice_once() -> None:
    fields = [*row("1795185060", "2"), *row("1795185000", "1"), *row("1795185060", "3")]
    rows = BarRows(fields, count=3, login_zone=UTC)
    assert [bar.close for bar in rows.records()] == [Decimal(1), Decimal(3)]
    assert list(rows.columns.close) == [1.0, 3.0]


def test_legal_prices_below_zero_are_prices() -> None:
    rows = BarRows(row("1795185000", "-37.63", "0", "0"), count=1, login_zone=UTC)
    assert rows.records()[0].close == Decimal("-37.63")
    assert rows.columns.figures_of(0)[3:] == (Decimal("-37.63"), Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "fields",
    [
        row("1795185000", ""),
        row("1795185000", "1.7976931348623157E308"),
        row("1795185000", "nan"),
        row("yesterday"),
        row("1795185000")[:-1],
    ],
)
def test_what_cannot_be_read_is_an_error(fields: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected|convert"):
        BarRows(fields, count=1, login_zone=UTC)
