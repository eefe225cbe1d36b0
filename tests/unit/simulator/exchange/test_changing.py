"""A record with some of its fields changed, as `dataclasses.replace` makes it."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.changing import changer
from ibkr_connector.simulator.exchange.records import Owner, VenueOrder, change_order

NAMES = [one.name for one in fields(VenueOrder)]


def order() -> VenueOrder:
    values: dict[str, Any] = {name: name for name in NAMES}
    values.update(owner=Owner(client_id=1, order_id=2), perm_id=7, filled=Decimal(1))
    return VenueOrder(**values)


@given(st.dictionaries(st.sampled_from(NAMES), st.integers() | st.none()))
def test_it_is_what_replace_makes(changes: dict[str, Any]) -> None:
    before = order()
    after = change_order(before, **changes)
    assert after == replace(before, **changes)
    assert type(after) is VenueOrder
    assert before == order()


def test_what_is_made_is_as_frozen_as_the_record_itself() -> None:
    after = change_order(order(), closed_at=datetime(2026, 3, 4, tzinfo=UTC))
    with pytest.raises(AttributeError):
        after.filled = Decimal(2)  # type: ignore[misc]


def test_a_field_that_there_is_not_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="colour"):
        change_order(order(), colour="red")


def test_a_record_that_is_more_than_its_fields_cannot_be_changed_so() -> None:
    @dataclass(frozen=True)
    class Loose:
        size: int

    with pytest.raises(TypeError, match="Loose is more than its fields"):
        changer(Loose)
