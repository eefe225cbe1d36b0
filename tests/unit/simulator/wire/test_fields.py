from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.wire.contracts import STRIKE
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.fields import (
    FLAG,
    INTEGER,
    NUMBER,
    OPTIONAL_INTEGER,
    OPTIONAL_NUMBER,
    TEXT,
    UNSET_DOUBLE,
    UNSET_INTEGER,
    UNSET_NUMBER,
    Kind,
)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_number_survives_the_wire(number: Decimal) -> None:
    assert NUMBER.read(NUMBER.write(number)) == number


@given(st.integers())
def test_a_whole_number_survives_the_wire(number: int) -> None:
    assert INTEGER.read(INTEGER.write(number)) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [("190.50", "190.5"), ("100", "100"), ("1E+2", "100"), ("0.00001", "0.00001"), ("0.0", "0")],
)
def test_numbers_are_written_without_exponent_and_trailing_zeros(number: str, text: str) -> None:
    assert NUMBER.write(Decimal(number)) == text


@pytest.mark.parametrize(
    "text", ["", UNSET_DOUBLE, "1.7976931348623157e+308", UNSET_INTEGER, "9223372036854775807"]
)
def test_every_way_to_say_nothing_is_none(text: str) -> None:
    assert OPTIONAL_NUMBER.read(text) is None
    assert OPTIONAL_INTEGER.read(text) is None


def test_none_is_written_as_its_kind_has_it() -> None:
    assert OPTIONAL_NUMBER.write(None) == ""
    assert OPTIONAL_INTEGER.write(None) == ""
    assert UNSET_NUMBER.write(None) == UNSET_DOUBLE
    assert STRIKE.write(None) == "0"


@pytest.mark.parametrize("text", ["0", "0.0", ""])
def test_a_strike_of_zero_is_no_strike(text: str) -> None:
    assert STRIKE.read(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("0", False), ("", False), ("false", False)]
)
def test_flags_are_read_in_all_spellings_of_clients(text: str, value: bool) -> None:
    assert FLAG.read(text) is value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(NUMBER, "nan"), (NUMBER, "1,5"), (NUMBER, ""), (INTEGER, "1.5"), (FLAG, "2"), (INTEGER, "")],
)
def test_what_does_not_read_as_what_it_must_be_is_the_clients_mistake(
    kind: Kind, text: str
) -> None:
    with pytest.raises(RemoteProtocolError, match="expected"):
        kind.read(text)


def test_a_nul_can_not_be_smuggled_into_a_field() -> None:
    with pytest.raises(LocalProtocolError, match="NUL"):
        TEXT.write("AAPL\0STK")
