from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.bonds import BondTerms

NOTE = BondTerms(
    cusip="SIM0000A5",
    coupon=Decimal("4.25"),
    issued=date(2024, 11, 15),
    matures=date(2034, 11, 15),
)
BILL = BondTerms(
    cusip="SIM0000C1", coupon=Decimal(0), issued=date(2026, 2, 12), matures=date(2027, 2, 11)
)


@pytest.mark.parametrize(
    ("day", "accrued"),
    [
        (date(2026, 11, 15), "0"),
        (date(2026, 11, 16), "0.011740"),  # one of 181 days of half a coupon
        (date(2026, 5, 14), "2.113260"),
        (date(2024, 11, 15), "0"),
        (date(2034, 11, 15), "0"),
    ],
)
def test_interest_accrues_day_by_day_until_it_is_paid(day: date, accrued: str) -> None:
    assert NOTE.accrued(day) == Decimal(accrued)


@given(st.integers(1, 3_650))
def test_interest_never_exceeds_one_payment(days: int) -> None:
    day = NOTE.issued + timedelta(days=days)
    assert 0 <= NOTE.accrued(day) < Decimal("4.25") / 2


def test_a_bond_that_matures_on_a_last_day_pays_on_last_days() -> None:
    bond = BondTerms(
        cusip="X", coupon=Decimal(6), issued=date(2021, 5, 31), matures=date(2041, 5, 31)
    )
    assert bond.accrued(date(2026, 11, 30)) == 0
    assert bond.accrued(date(2026, 12, 1)) > 0


def test_at_par_the_yield_is_the_coupon_and_it_falls_as_the_price_rises() -> None:
    day = date(2026, 11, 15)
    assert abs(NOTE.yield_at(Decimal(100), day) - Decimal("4.25")) < Decimal("0.01")
    assert NOTE.yield_at(Decimal(101), day) < NOTE.yield_at(Decimal(99), day)
    assert BILL.accrued(day) == 0
    assert Decimal(3) < BILL.yield_at(Decimal(99), date(2026, 11, 11)) < Decimal(5)
