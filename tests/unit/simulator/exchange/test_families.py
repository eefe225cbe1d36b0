"""Brackets, one-cancels-all groups, and orders that wait to be transmitted."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_connector.simulator.exchange.commands import OrderStaged
from ibkr_connector.simulator.exchange.records import Group, Hold, VenueOrder
from kit.floor import Floor, terms


def bracket(floor: Floor, quantity: int = 10) -> tuple[VenueOrder, VenueOrder, VenueOrder]:
    """Place a buy at 99, a target at 105 and a stop at 95, as clients do."""
    floor.place(terms("BUY", "LMT", quantity, limit_price="99.00"), transmit=False)
    parent = floor.order()
    target = terms("SELL", "LMT", quantity, limit_price="105.00")
    floor.place(target, parent=parent, transmit=False)
    stop = terms("SELL", "STP", quantity, stop_price="95.00")
    floor.place(stop, parent=parent, transmit=True)
    return floor.order(-3), floor.order(-2), floor.order(-1)


def test_a_bracket_appears_when_its_last_order_is_transmitted() -> None:
    floor = Floor()
    assert [type(e) for e in floor.place(terms("BUY", "MKT"), transmit=False)] == [OrderStaged]
    assert floor.order().hold is Hold.UNTRANSMITTED
    assert floor.trades(floor.wait()) == []
    parent = floor.order()
    child = terms("SELL", "LMT", limit_price="105.00")
    events = floor.place(child, parent=parent)
    assert floor.statuses(events) == ["PreSubmitted", "Filled", "PreSubmitted", "Submitted"]


def test_children_wait_for_their_parent_and_then_one_ends_the_other() -> None:
    floor = Floor()
    _, target, stop = bracket(floor)
    assert (target.hold, stop.hold) == (Hold.PARENT, Hold.PARENT)
    floor.quote("104.90", "105.10")
    floor.quote("94.90", "95.10")
    parent, target, stop = (floor.order(n) for n in (-3, -2, -1))
    assert parent.status == "Filled"
    assert floor.held() == 0
    assert (target.status, stop.status) == ("Cancelled", "Filled")


def test_a_cancelled_parent_takes_its_children_with_it() -> None:
    floor = Floor()
    parent, _, _ = bracket(floor)
    assert floor.statuses(floor.cancel(parent)) == ["Cancelled"] * 3
    assert floor.venue.open_orders() == ()


def test_a_parent_cancelled_in_part_leaves_children_for_that_part() -> None:
    floor = Floor()
    bracket(floor)
    floor.quote("98.80", "98.90", size=4)
    floor.cancel(floor.order(-3))
    target, stop = floor.order(-2), floor.order(-1)
    assert [target.terms.quantity, stop.terms.quantity] == [4, 4]
    floor.quote("106.00", "106.10", size=100)
    assert floor.held() == 0
    assert floor.order(-1).status == "Cancelled"


def test_a_child_that_is_filled_in_part_leaves_the_other_for_the_rest() -> None:
    floor = Floor()
    bracket(floor)
    floor.quote("98.80", "98.90")
    floor.quote("105.00", "105.10", size=4)
    assert floor.order(-1).terms.quantity == 6
    floor.quote("94.00", "94.10", "94.00")
    assert floor.held() == 0
    assert floor.order(-2).status == "Cancelled"


def test_a_child_without_a_parent_is_refused() -> None:
    floor = Floor()
    parent, _, _ = bracket(floor)
    floor.cancel(parent)
    late = floor.place(terms("SELL", "LMT", limit_price="105.00"), parent=parent)
    assert floor.codes(late) == [135]


def test_a_parent_that_cannot_be_paid_ends_its_children() -> None:
    floor = Floor(cash=100)
    bracket(floor)
    assert [floor.order(n).status for n in (-3, -2, -1)] == ["Inactive", "Cancelled", "Cancelled"]


def test_a_staged_order_is_changed_and_released_by_its_own_id() -> None:
    floor = Floor()
    floor.place(terms("BUY", "LMT", limit_price="99.00"), transmit=False)
    assert floor.statuses(
        floor.modify(floor.order(), terms("BUY", "LMT", limit_price="100.10"))
    ) == [
        "PreSubmitted",
        "Submitted",
        "Filled",
    ]


@pytest.mark.parametrize(("kind", "left"), [(1, None), (2, "6"), (3, "6")])
def test_a_part_of_one_cancels_or_reduces_the_rest_of_its_group(
    kind: int, left: str | None
) -> None:
    floor = Floor()
    group = Group(name="either", kind=kind)
    floor.place(terms("BUY", "LMT", limit_price="99.00"), group=group)
    floor.place(terms("BUY", "STP", stop_price="103.00"), group=group)
    floor.quote("98.00", "98.50", size=4)
    other = floor.order()
    if left is None:
        assert other.status == "Cancelled"
    else:
        assert other.remaining == Decimal(left)


def test_a_group_is_one_account_s_own() -> None:
    floor = Floor()
    group = Group(name="either", kind=1)
    floor.place(terms("BUY", "LMT", limit_price="99.00"), group=group)
    floor.place(terms("BUY", "LMT", limit_price="98.00"), group=group, account="DU2")
    floor.quote("98.50", "98.60")
    assert floor.order().status == "Submitted"


def test_with_block_one_order_of_a_group_trades_and_without_both_may() -> None:
    """Type 3 may fill more than was meant when two orders meet the market at once."""
    filled = {}
    for kind in (1, 2, 3):
        floor = Floor()
        group = Group(name="either", kind=kind)
        for price in ("99.00", "98.90"):
            floor.place(terms("BUY", "LMT", limit_price=price), group=group)
        floor.quote("98.00", "98.50", size=20)
        filled[kind] = floor.held()
    assert filled == {1: 10, 2: 10, 3: 20}


def test_an_order_meets_the_next_when_a_trade_ended_the_one_that_it_was_to_meet() -> None:
    floor = Floor()
    floor.quote("98.00", "102.00", size=0)
    group = Group(name="either", kind=1)
    for price, oca in (("99.50", None), ("99.51", group), ("99.51", group)):
        floor.place(terms("BUY", "LMT", 1, limit_price=price), group=oca)
    events = floor.place(terms("SELL", "LMT", 2, limit_price="99.50"), account="DU2")
    assert [price for _, price in floor.trades(events)] == ["99.51", "99.51", "99.50", "99.50"]
