"""What an advisor's order becomes in the accounts of a group."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.exchange.advisor import (
    Advisor,
    Group,
    Method,
    Share,
    allocate,
    master_of,
    order_quantity,
    weights,
)


def share(account: str, amount: int | None = None, **worth: int) -> Share:
    facts = {name: Decimal(value) for name, value in worth.items()}
    return Share(account=account, amount=None if amount is None else Decimal(amount), **facts)


def divided(quantity: int, shares: list[Share], method: Method) -> dict[str, int]:
    return {
        account: int(part) for account, part in allocate(Decimal(quantity), shares, method).items()
    }


def test_a_login_is_an_advisors_when_its_first_account_is_a_master() -> None:
    assert master_of(["DF1234567", "DU1", "DU2"]) == "DF1234567"
    assert master_of(["F1234567", "U1"]) == "F1234567"
    assert master_of(["DU1", "DU2"]) is None
    assert master_of(["F1234567"]) is None
    assert master_of([]) is None


def test_each_method_divides_by_its_own_measure() -> None:
    both = [
        share("A", 1, net_liquidation=300, available_equity=100, position=-10),
        share("B", 3, net_liquidation=100, available_equity=100, position=30),
    ]
    assert divided(100, both, Method.EQUAL) == {"A": 50, "B": 50}
    assert divided(100, both, Method.NET_LIQ) == {"A": 75, "B": 25}
    assert divided(100, both, Method.AVAILABLE_EQUITY) == {"A": 50, "B": 50}
    assert divided(100, both, Method.PCT_CHANGE) == {"A": 25, "B": 75}
    for method in (Method.RATIO, Method.PERCENT, Method.CONTRACTS_OR_SHARES):
        assert divided(100, both, method) == {"A": 25, "B": 75}
    assert divided(100, both, Method.MONETARY_AMOUNT) == {"A": 25, "B": 75}


def test_what_does_not_divide_goes_where_most_is_missing() -> None:
    three = [share("A"), share("B"), share("C")]
    assert divided(10, three, Method.EQUAL) == {"A": 4, "B": 3, "C": 3}
    unequal = [share("A", 1), share("B", 1), share("C", 2)]
    assert divided(3, unequal, Method.RATIO) == {"A": 1, "B": 1, "C": 1}


def test_an_account_without_a_share_gets_nothing() -> None:
    some = [share("A", 1), share("B", 0), share("C", net_liquidation=-5)]
    assert divided(7, some, Method.RATIO) == {"A": 7}
    assert weights(some, Method.NET_LIQ) == {}
    assert allocate(Decimal(7), some, Method.NET_LIQ) == {}


def test_some_methods_say_how_much_an_order_is_for() -> None:
    both = [share("A", 70, position=10), share("B", 30, position=-35)]

    def quantity(method: Method) -> Decimal:
        return order_quantity(
            both, method, said=Decimal(9), price=Decimal(20), percentage=Decimal(50)
        )

    assert quantity(Method.EQUAL) == quantity(Method.RATIO) == Decimal(9)
    assert quantity(Method.CONTRACTS_OR_SHARES) == Decimal(100)
    # 70 buys 3 at 20, 30 buys 1
    assert quantity(Method.MONETARY_AMOUNT) == Decimal(4)
    # half of 10, and half of 35 in whole contracts
    assert quantity(Method.PCT_CHANGE) == Decimal(22)


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("NetLiq", Method.NET_LIQ),
        ("EqualQuantity", Method.EQUAL),
        ("Equal", Method.EQUAL),
        ("Unequal", None),
        ("", None),
    ],
)
def test_methods_are_known_by_their_names(text: str, method: Method | None) -> None:
    assert Method.named(text) is method


def test_the_new_list_of_groups_is_all_there_is() -> None:
    advisor = Advisor()
    one, two = (Group(name=name, method=Method.EQUAL, members={"A": None}) for name in "12")
    advisor.replace_groups([one])
    advisor.replace_groups([two])
    assert advisor.groups == {"2": two}


SHARES = st.lists(st.integers(0, 1_000), min_size=1, max_size=8).map(
    lambda amounts: [share(f"A{number}", amount) for number, amount in enumerate(amounts)]
)


@given(shares=SHARES, fills=st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_every_fill_is_given_away_whole_and_everybody_keeps_to_a_step_of_his_share(
    shares: list[Share], fills: list[int]
) -> None:
    had: dict[str, Decimal] = {}
    total = sum(one.amount or 0 for one in shares)
    for fill in fills:
        parts = allocate(Decimal(fill), shares, Method.RATIO, before=had)
        if not total:
            assert parts == {}
            return
        assert sum(parts.values()) == fill
        assert all(part > 0 and part == int(part) for part in parts.values())
        for account, part in parts.items():
            had[account] = had.get(account, Decimal(0)) + part
    filled = sum(fills)
    for one in shares:
        exact = filled * (one.amount or Decimal(0)) / total
        assert abs(had.get(one.account, Decimal(0)) - exact) < len(shares)


@given(shares=SHARES, quantity=st.integers(1, 10_000))
def test_in_one_fill_nobody_is_off_his_share_by_a_step(shares: list[Share], quantity: int) -> None:
    total = sum(one.amount or 0 for one in shares)
    parts = allocate(Decimal(quantity), shares, Method.RATIO)
    for one in shares:
        if total:
            exact = quantity * (one.amount or Decimal(0)) / total
            assert abs(parts.get(one.account, Decimal(0)) - exact) < 1


@given(quantity=st.decimals("0.0001", "5", places=4))
def test_fractions_are_given_away_whole_too(quantity: Decimal) -> None:
    shares = [share("A", 1), share("B", 2)]
    parts = allocate(quantity, shares, Method.RATIO, step=Decimal("0.0001"))
    assert sum(parts.values()) == quantity
    uneven = allocate(quantity, shares, Method.RATIO)
    assert sum(uneven.values()) == quantity
