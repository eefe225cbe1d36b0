"""What our decoder makes of a message is what ib_async's makes of it, value by value."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from datetime import UTC
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.contract import ComboLeg, Contract, ContractDetails
from ib_async.decoder import Decoder
from ib_async.objects import Execution
from ib_async.order import Order, OrderComboLeg, OrderState, PriceCondition

from ibkr_connector.gateway.decoder import UNREADABLE, HonestDecoder

pytestmark = pytest.mark.counted

CLASSES = st.sampled_from(
    [
        ComboLeg,
        Contract,
        ContractDetails,
        Execution,
        Order,
        OrderComboLeg,
        OrderState,
        PriceCondition,
    ]
)
TEXTS = st.sampled_from(
    ["", "0", "1", "-1", "7", "2.5", "1E3", "1.7976931348623157E308", "nan", "true", "x", "0.0"]
)
TYPES = st.lists(st.sampled_from([str, int, float, bool]), max_size=8)


class Calls:
    """Stands where the wrapper stands, and keeps the calls."""

    defaultTimezone = UTC
    ib = SimpleNamespace(TimezoneTWS=None)

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.made.append((name, *args))


def outcome(work: Any) -> Any:
    """Return what came out, numbers as they are written (nan is not equal to itself)."""
    try:
        return repr(work())
    except UNREADABLE as error:
        return type(error)


@given(data=st.data(), owner=CLASSES)
def test_an_object_has_the_values_that_ib_async_reads(data: st.DataObject, owner: Any) -> None:
    source = owner()
    names = [field.name for field in dataclasses.fields(owner)]
    for name in data.draw(st.lists(st.sampled_from(names), max_size=6)):
        # a coupon is read as the figure that it is
        if name != "coupon" and isinstance(getattr(source, name), str | int | float):
            setattr(source, name, data.draw(TEXTS))
    stock: Any = Decoder(Calls(), 178)  # type: ignore[arg-type]
    ours = HonestDecoder(Calls(), 178)

    def parsed(decoder: Any) -> Any:
        copied = deepcopy(source)
        decoder.parse(copied)
        return vars(copied)

    assert outcome(lambda: parsed(ours)) == outcome(lambda: parsed(stock))


@given(types=TYPES, texts=st.lists(TEXTS, max_size=8), skip=st.integers(1, 2))
def test_a_flat_message_is_the_call_that_ib_async_makes(
    types: list[type], texts: list[str], skip: int
) -> None:
    fields = ["0", "1", *texts]

    def called(kind: type[Any]) -> Any:
        calls = Calls()
        kind(calls, 178).wrap("told", types, skip)(fields)
        return calls.made

    ours = outcome(lambda: called(HonestDecoder))
    # where ib_async logs an error of its own and makes no call, ours reaches the caller
    if not isinstance(ours, type):
        assert ours == outcome(lambda: called(Decoder))
