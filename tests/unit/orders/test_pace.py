"""What was let through: a rule gets all that is in its window, and not the hour before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.orders.risk import Past, Placed, RiskLimits
from kit.order_desk import NOON

NONE = RiskLimits(max_order_size=Decimal(1))


def limits(**of: object) -> RiskLimits:
    return RiskLimits(max_order_size=Decimal(1), **of)  # type: ignore[arg-type]  # as named


def at(age_s: float) -> datetime:
    return NOON - timedelta(seconds=age_s)


def row(age_s: float) -> Placed:
    return Placed(at=at(age_s), what=())


WINDOWS = st.sampled_from(
    [
        (limits(max_orders_per_second=1), 60),
        (limits(max_orders_per_minute=1), 60),
        (limits(duplicate_window_s=Decimal(5)), 60),
        (limits(duplicate_window_s=Decimal(600)), 600),
        (limits(duplicate_window_s=Decimal(3600), max_orders_per_minute=1), 3600),
    ]
)
AGES = st.lists(st.integers(-100, 3499), max_size=30)


@given(before=AGES, ages=AGES, window=WINDOWS)
def test_a_rule_gets_what_is_in_its_window_in_whatever_order_the_clock_has_it(
    before: list[int], ages: list[int], window: tuple[RiskLimits, int]
) -> None:
    past = Past(map(row, before))
    for age in ages:
        past.add(row(age))
    asked, width_s = window
    # not the end of the window: what is just as old is out of it
    expected = sorted(at(age) for age in (*before, *ages) if age < width_s)
    assert sorted(one.at for one in past.under(asked, NOON)) == expected


def test_without_a_limit_on_how_often_nothing_is_told() -> None:
    assert Past([row(1)]).under(NONE, NOON) == ()


@pytest.mark.parametrize(("age_s", "kept"), [(3600, 1), (3599, 2)])
def test_what_is_older_than_an_hour_is_forgotten(age_s: int, kept: int) -> None:
    past = Past([row(age_s)])
    past.add(row(0))
    assert len(past.under(limits(duplicate_window_s=Decimal(10_000)), NOON)) == kept
