from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.wire.contracts import STRIKE
from ibkr_connector.simulator.wire.errors import LocalProtocolError, RemoteProtocolError
from ibkr_connector.simulator.wire.fields import (
    ESCAPED,
    FLAG,
    INTEGER,
    NOT_COMPUTED_1,
    NOT_COMPUTED_2,
    NUMBER,
    OPTIONAL_INTEGER,
    OPTIONAL_NUMBER,
    TEXT,
    UNSET_DOUBLE,
    UNSET_INTEGER,
    UNSET_NUMBER,
    Kind,
)

TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_number_survives_the_wire(number: Decimal) -> None:
    assert NUMBER.read(NUMBER.write(number)) == number


@given(st.integers(-(2**63), 2**63 - 1))
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
    [
        (NUMBER, "nan"),
        (NUMBER, "1,5"),
        (NUMBER, ""),
        (INTEGER, "1.5"),
        (FLAG, "2"),
        (INTEGER, ""),
        (INTEGER, "9223372036854775808"),
    ],
)
def test_what_does_not_read_as_what_it_must_be_is_the_clients_mistake(
    kind: Kind, text: str
) -> None:
    with pytest.raises(RemoteProtocolError, match="expected"):
        kind.read(text)


def test_a_long_text_is_not_said_back_whole() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        INTEGER.read("x" * 100_000)
    assert len(str(caught.value)) < 200


@given(TEXTS)
def test_a_text_in_ascii_comes_back_as_it_was(text: str) -> None:
    written = ESCAPED.write(text)
    assert written.isascii()
    assert ESCAPED.read(written) == text


@given(st.text(st.characters(exclude_characters="\0\\", max_codepoint=0xD7FF), max_size=20))
def test_a_text_in_ascii_reads_as_in_the_official_client(text: str) -> None:
    # utils.py of ibapi decodes these texts by Python's unicode-escape
    assert ESCAPED.write(text).encode().decode("unicode-escape") == text


@pytest.mark.parametrize(("kind", "nothing"), [(NOT_COMPUTED_1, "-1"), (NOT_COMPUTED_2, "-2")])
def test_what_is_not_computed_has_a_number_of_its_own(kind: Kind, nothing: str) -> None:
    assert kind.read(nothing) is None
    assert kind.write(None) == nothing
    assert kind.read("0.5") == Decimal("0.5")
    assert kind.read("1.7976931348623157E308") is None


def test_a_nul_can_not_be_smuggled_into_a_field() -> None:
    with pytest.raises(LocalProtocolError, match="NUL"):
        TEXT.write("AAPL\0STK")
