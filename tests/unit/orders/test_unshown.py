"""Executions go on counting until a position shows them."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.model.ids import ExecId
from ibkr_connector.model.orders import Action
from ibkr_connector.orders.risk.unshown import SHOWN_AFTER_S, Unshown, UnshownFill
from kit.order_desk import AAPL, NOON


def fill(number: int, quantity: int, *, at_s: float = 0.0, price: int = 100) -> UnshownFill:
    return UnshownFill(
        contract=AAPL,
        action=Action.BUY if quantity > 0 else Action.SELL,
        quantity=Decimal(abs(quantity)),
        price=Decimal(price),
        exec_id=ExecId(f"0001.{number:04}.01"),
        at=NOON + timedelta(seconds=at_s),
    )


def left(unshown: Unshown, *, at_s: float = 0.0, account: str = "DU1") -> list[Decimal]:
    rows = unshown.units(account, NOON + timedelta(seconds=at_s))
    return [row.quantity if row.action is Action.BUY else -row.quantity for row in rows]


def told(unshown: Unshown, quantity: int) -> None:
    unshown.told("DU1", AAPL.con_id, Decimal(quantity))


def test_a_position_that_is_told_after_the_first_of_three_fills_includes_only_that() -> None:
    unshown = Unshown()
    told(unshown, 5)
    for number in (1, 2, 3):
        unshown.executed("DU1", fill(number, 10))
    told(unshown, 15)
    assert left(unshown) == [20]
    told(unshown, 15)
    assert left(unshown) == [20]
    told(unshown, 35)
    assert left(unshown) == []


def test_what_fits_no_position_counts_for_some_seconds_and_then_no_more() -> None:
    unshown = Unshown()
    unshown.executed("DU1", fill(1, 10))
    unshown.executed("DU1", fill(2, -4, at_s=1))
    told(unshown, 999)
    assert left(unshown, at_s=SHOWN_AFTER_S - 0.1) == [10, -4]
    assert left(unshown, at_s=SHOWN_AFTER_S) == [-4]
    assert left(unshown, at_s=SHOWN_AFTER_S + 1) == []
    assert not unshown._behind


def test_a_fill_that_is_told_twice_counts_once_and_in_its_account_only() -> None:
    unshown = Unshown()
    for _ in range(2):
        unshown.executed("DU1", fill(1, 10))
    assert left(unshown) == [10]
    assert left(unshown, account="DU2") == []


def test_a_new_session_begins_with_its_own_list_of_positions() -> None:
    unshown = Unshown()
    told(unshown, 100)
    unshown.executed("DU1", fill(1, 10))
    unshown.session_ended()
    assert left(unshown) == []
    # the position was closed meanwhile: the list does not name it
    unshown.executed("DU1", fill(2, 7))
    told(unshown, 7)
    assert left(unshown) == []


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    shown=st.lists(st.integers(0, 8), max_size=8),
)
def test_position_and_what_it_does_not_show_come_to_everything_that_was_bought(
    sizes: list[int], shown: list[int]
) -> None:
    unshown = Unshown()
    for number, size in enumerate(sizes):
        unshown.executed("DU1", fill(number, size))
    position = 0
    for count in sorted(shown):
        position = sum(sizes[:count])
        told(unshown, position)
    assert position + sum(left(unshown)) == sum(sizes)


def test_positions_told_at_once_are_those_told_one_by_one() -> None:
    unshown = Unshown()
    unshown.told_all({("DU1", AAPL.con_id): Decimal(5)})
    unshown.executed("DU1", fill(1, 10))
    unshown.told_all({("DU1", AAPL.con_id): Decimal(15), ("DU2", AAPL.con_id): Decimal(1)})
    assert left(unshown) == []
    unshown.executed("DU2", fill(2, 3))
    unshown.told_all({("DU2", AAPL.con_id): Decimal(1)})
    assert left(unshown, account="DU2") == [3]


@given(
    told_of=st.lists(
        st.tuples(st.integers(-9, 9).filter(bool), st.integers(-5, 5), st.integers(0, 3)),
        max_size=12,
    ),
    position=st.integers(-20, 20),
    later_s=st.sampled_from([0.0, SHOWN_AFTER_S, SHOWN_AFTER_S + 2]),
)
def test_what_counts_is_what_is_left_comes_to_at_its_dearest_price(
    told_of: list[tuple[int, int, int]], position: int, later_s: float
) -> None:
    unshown = Unshown()
    fills = [
        fill(number, quantity, at_s=at_s, price=price)
        for number, (quantity, price, at_s) in enumerate(sorted(told_of, key=lambda row: row[2]))
    ]
    for one in fills:
        unshown.executed("DU1", one)
    told(unshown, position)
    signed = [one.quantity if one.action is Action.BUY else -one.quantity for one in fills]
    shown = next((n for n in range(1, len(fills) + 1) if sum(signed[:n]) == position), 0)
    start = NOON + timedelta(seconds=later_s - SHOWN_AFTER_S)
    remain = [one for one in fills[shown:] if one.at > start]
    found = {
        row.action: (row.quantity, row.price)
        for row in unshown.units("DU1", NOON + timedelta(seconds=later_s))
    }
    assert found == {
        side: (
            sum(one.quantity for one in remain if one.action is side),
            max(abs(one.price) for one in remain if one.action is side),
        )
        for side in {one.action for one in remain}
    }


def test_a_thousand_executions_are_no_more_to_look_at_than_one() -> None:
    unshown = Unshown()
    for number in range(1000):
        unshown.executed("DU1", fill(number, 1))
    (row,) = unshown.units("DU1", NOON)
    assert row.quantity == 1000
