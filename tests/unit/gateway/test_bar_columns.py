"""Bars from the fields of the wire: all six forms of a time, nothing lost, nothing guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.gateway.bar_columns import BarRows
from ibkr_connector.gateway.decoder import UNREADABLE
from ibkr_connector.gateway.wire_numbers import Table, decimals, wholes
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


# --- the same from bytes --------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.decimals(-99999, 99999, places=4).map(str),
    st.integers(-1, 10**16).map(str),
    st.from_regex(r"-?[0-9]{0,9}\.?[0-9]{0,9}", fullmatch=True),
    st.sampled_from(
        ["", "-1", "0", "-0", "1.", ".5", ".", "-", "1..2", "1E5", "+1", " 1", "1_0", "nan", "x",
         "007.50", "9007199254740993", "2147483647", "9223372036854775807", "0.1", "-.5",
         "1.7976931348623157E308", "123456789012345.67", "\u0663"]
    ),
)  # fmt: skip
TIMES = st.integers(10**8, 2**33).map(str) | st.sampled_from(
    [
        "20261118",
        "20261119",
        "20260230",
        "20261118 09:31:00 US/Eastern",
        "",
        "soon",
        "0000000001",
        "-1795185000",
        "1.5",
    ]
)


def outcome(make: Callable[[], BarRows]) -> object:
    """What was read, with every bit of it, or that it was refused."""
    try:
        rows = make()
        return repr(rows.columns), repr(rows.records())
    except UNREADABLE:
        return None


@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_bytes_and_texts_make_the_same_bars(data: st.DataObject) -> None:
    # a column is mostly of one kind; one odd field is enough to have it read text by text
    count = data.draw(st.integers(0, 4))
    plain = ["1795185000", "10.10", "10.2", "9", "10", "100", "10.1", "7"]
    are_days = data.draw(st.booleans())
    table = [list(plain) for _ in range(count)]
    for at in range(count):
        table[at][0] = f"2026022{5 + at}" if are_days else str(1795185000 + 60 * at)
        for number in data.draw(st.lists(st.integers(0, 7), max_size=3)):
            table[at][number] = data.draw(NUMBERS if number else TIMES)
    fields = [field for bar in table for field in bar][: data.draw(st.sampled_from([99, 99, 7]))]
    head = b"17\x001\0\0\x003\0"
    payload = head + "".join(f"{field}\0" for field in fields).encode()

    def of_texts() -> BarRows:
        return BarRows(fields, count=count, login_zone=UTC)

    def of_bytes() -> BarRows:
        return BarRows.of_payload(payload, start=len(head), count=count, login_zone=UTC)

    assert outcome(of_bytes) == outcome(of_texts)


@given(text=NUMBERS)
def test_a_number_that_is_read_at_once_is_the_one_that_python_reads(text: str) -> None:
    table = Table(f"{text}\0".encode(), start=0, width=1, count=1)
    read, whole = decimals(table, 0), wholes(table, 0)
    if read is not None:
        assert repr(read.tolist()) == repr([float(text)])
    if whole is not None:
        assert whole.tolist() == [int(text)]


def test_plain_columns_are_read_without_a_text_for_each_field() -> None:
    texts = ["1.5", "-20.25", "300", "0.0001"]
    table = Table("".join(f"{text}\0" for text in texts).encode(), start=0, width=1, count=4)
    read = decimals(table, 0)
    assert read is not None
    assert read.tolist() == [1.5, -20.25, 300.0, 0.0001]
    assert wholes(table, 0) is None


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_time_is_the_same_moment_read_from_bytes(form: str) -> None:
    moments = [START + timedelta(days=day, hours=15) for day in range(3)]
    fields = [field for when in moments for field in row(FORMS[form](when))]
    head = b"17\x001\0\0\x003\0"
    payload = head + "".join(f"{field}\0" for field in fields).encode()
    read = BarRows.of_payload(payload, start=len(head), count=3, login_zone=NEW_YORK)
    wanted = BarRows(fields, count=3, login_zone=NEW_YORK)
    assert read.columns.timestamp == wanted.columns.timestamp
    assert read.records() == wanted.records()
