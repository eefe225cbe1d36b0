"""A column read in one go is what Python reads value by value, or it is left to Python."""

from __future__ import annotations

import struct
from datetime import date, timedelta

import pytest

from ibkr_connector.gateway.wire_numbers import Table, days, decimals, wholes

READ = [
    "0", "-0", "-0.0", "7", "-7", "1.5", "-1.5", "5.", ".5", "-.5", "0.1", "0.30", "187.50",
    "123456.789", "2147483647", "0.000000000000001", "9007199254740992", "900719925474099.2",
]  # fmt: skip
"""What is plainly a number, of as many digits as a double holds."""

LEFT = [
    "", "-", ".", "-.", "--1", "1-", "1.2.3", "1..2", "+1", "1e5", "1E2", " 1", "1 ", "1_0", "x",
    "nan", "inf", "1,5", "1/2", "1:2", "\u0663", "9007199254740993", "90071992547409.93",
    "123456789012345678", "9223372036854775807", "18446744073709551617", "0.00000000000000000001",
    "1.7976931348623157E308",
]  # fmt: skip
"""What is no number, or one that one division would not round as it has to be rounded."""


def table(*texts: str) -> Table:
    payload = b"17\x007\x00" + "".join(f"{text}\0" for text in texts).encode()
    return Table(payload, start=5, width=1, count=len(texts))


def bits(number: float) -> bytes:
    return struct.pack(">d", number)


def test_numbers_are_the_same_doubles_that_python_reads_alone_and_side_by_side() -> None:
    together = decimals(table(*READ), 0)
    assert together is not None
    for text, beside in zip(READ, together, strict=True):
        alone = decimals(table(text), 0)
        assert alone is not None, text
        assert bits(beside) == bits(alone[0]) == bits(float(text)), text


@pytest.mark.parametrize("text", LEFT)
def test_a_column_with_anything_else_in_it_is_left_to_python(text: str) -> None:
    for column in ([text], ["1.5", text], [text, "-20.25", "3"]):
        assert decimals(table(*column), 0) is None


def test_whole_numbers_are_read_and_a_dot_leaves_the_column() -> None:
    assert wholes(table("12", "-3", "0", "9007199254740993"), 0).tolist() == [  # type: ignore[union-attr]
        12, -3, 0, 9007199254740993,
    ]  # fmt: skip
    assert wholes(table("12", "3.0"), 0) is None


def test_too_few_fields_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected 3 rows of 1 fields, found 2 fields"):
        Table(b"1\x002\x00", start=0, width=1, count=3)


def test_days_are_those_of_the_calendar_from_the_first_to_the_last_that_python_has() -> None:
    known = [date.min, date.max, date(2024, 2, 29), date(1900, 2, 28)]
    known += [date(1969, 12, 20) + timedelta(days=number) for number in range(800)]
    texts = [f"{day.year:04}{day:%m%d}" for day in known]
    read = days(table(*texts), 0)
    assert read is not None
    assert read.tolist() == [(day - date(1970, 1, 1)).days for day in known]


@pytest.mark.parametrize(
    "text",
    ["20230229", "19000229", "20261301", "20260001", "20261100", "20261131", "00001118", "2026111",
     "-2026111", "020261118", "1795185000", "2026111.", "20261118 09:31:00", "2026-118", ""],
)  # fmt: skip
def test_a_column_with_what_is_no_day_is_left_to_python(text: str) -> None:
    assert days(table(text), 0) is None
    assert days(table("20261118", text), 0) is None


def test_no_rows_have_no_days() -> None:
    assert days(table(), 0) is None
