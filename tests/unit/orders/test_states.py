"""The table of order states: its shape, its derived sets, its picture."""

from pathlib import Path

import pytest

from ibkr_connector.model.orders import OrderStatus
from ibkr_connector.orders.states import (
    AWAITING,
    CLOSED,
    LIVE,
    TRANSITIONS,
    Event,
    InvalidTransitionError,
    State,
    advance,
    as_mermaid,
    status_of,
)

LATE = {Event.FILL_PART, Event.FILL_ALL, Event.UNFILL, Event.REVIVE}


def test_every_state_has_a_block_and_belongs_to_one_set() -> None:
    assert set(TRANSITIONS) == set(State)
    assert sorted([*AWAITING, *LIVE, *CLOSED]) == sorted(State)


def test_every_state_can_be_reached() -> None:
    reached, frontier = {State.INTENDED}, [State.INTENDED]
    while frontier:
        for target in TRANSITIONS[frontier.pop()].values():
            if target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(State)


def test_from_a_closed_state_only_fills_corrections_and_revivals_lead_out() -> None:
    leading_out = {
        event
        for state in CLOSED
        for event, target in TRANSITIONS[state].items()
        if target not in CLOSED
    }
    assert leading_out <= LATE


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_pair_is_a_row_or_an_error_that_names_both(state: State, event: Event) -> None:
    if event in TRANSITIONS[state]:
        assert advance(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(InvalidTransitionError) as caught:
            advance(state, event)
        assert (caught.value.state, caught.value.event) == (state, event)


def test_an_order_is_handed_over_at_most_once() -> None:
    assert [s for s in State if TRANSITIONS[s].get(Event.SEND) is State.SENT] == [State.INTENDED]


def test_only_an_uncertain_order_can_be_called_not_placed() -> None:
    assert [s for s in State if Event.NOT_PLACED in TRANSITIONS[s]] == [State.UNCERTAIN]


@pytest.mark.parametrize("state", sorted(LIVE | AWAITING))
def test_a_fill_is_never_refused_while_the_order_is_open(state: State) -> None:
    assert advance(state, Event.FILL_ALL) is State.FILLED
    assert advance(state, Event.FILL_PART) in LIVE


def test_a_live_order_with_a_fill_is_partially_filled_and_a_cancelled_one_is_not() -> None:
    assert status_of(State.CANCELLING, partly_filled=True) is OrderStatus.PARTIALLY_FILLED
    assert status_of(State.WORKING, partly_filled=False) is OrderStatus.SUBMITTED
    assert status_of(State.CANCELLED, partly_filled=True) is OrderStatus.CANCELLED
    assert status_of(State.UNCERTAIN, partly_filled=True) is OrderStatus.UNCERTAIN


def test_the_page_shows_the_table_as_it_is() -> None:
    page = Path(__file__).parents[3] / "docs" / "order-life.md"
    assert as_mermaid() in page.read_text(encoding="utf-8")
