"""What goes out is what was meant, or nothing goes out."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.client import Client
from ib_async.contract import Stock, TagValue
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from ibkr_connector.errors import ContractError, IBKRError, OrderValidationError
from ibkr_connector.gateway.fields import encode

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.just(UNSET_DOUBLE),
    st.just(UNSET_INTEGER),
    st.just(Stock("AAPL", "SMART", "USD", conId=265598)),
    st.just([TagValue("a", "1"), TagValue("b", "2")]),
)


class Stock_Client(Client):
    """ib_async's client that keeps what it would send."""

    def __init__(self) -> None:
        super().__init__(object())
        self.connState = Client.CONNECTED
        self.sent = ""

    def sendMsg(self, msg: str) -> None:
        self.sent = msg


@given(st.lists(VALUES, min_size=1, max_size=8), st.booleans())
def test_what_ib_async_would_write_is_what_we_write(fields: list[Any], make_empty: bool) -> None:
    client = Stock_Client()
    client.send(*fields, makeEmpty=make_empty)
    assert encode(fields, make_empty=make_empty).decode() == client.sent


def test_a_decimal_keeps_its_digits_and_has_no_exponent() -> None:
    assert (
        encode([Decimal("1.10"), Decimal("1E+2"), Decimal("1E-7")]) == b"1.10\x00100\x000.0000001\0"
    )


@pytest.mark.parametrize("value", ["a\0b", math.nan, math.inf, Decimal("sNaN"), "\ud800"])
@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ([3, 100], OrderValidationError),
        ([4, 1], OrderValidationError),
        ([9, 8, Stock("AAPL", "SMART", "USD")], ContractError),
        ([62, 1], IBKRError),
    ],
)
def test_what_would_say_something_else_is_refused(
    value: Any, head: list[Any], expected: type[IBKRError]
) -> None:
    with pytest.raises(expected, match="nothing was sent") as caught:
        encode([*head, value])
    assert type(caught.value) is expected
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "value", [Stock("A\0", "SMART", "USD"), [TagValue("a", "b\0")], Stock(strike=math.nan)]
)
def test_what_hides_inside_a_contract_or_a_tag_is_refused_too(value: Any) -> None:
    with pytest.raises(IBKRError):
        encode([9, value])
