"""What follows from an absence."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.orders import SendDisposition
from ibkr_connector.orders.entry import OrderEntry, evolve
from ibkr_connector.orders.ledger import Ledger
from ibkr_connector.orders.notes import Intended
from ibkr_connector.orders.reconcile import (
    Miss,
    Picture,
    Verdict,
    is_judged,
    judge,
    memory_starts,
)
from ibkr_connector.orders.states import State
from kit.order_desk import NOON, ticket

PICTURE = Picture(
    session=3, client_id=ClientId(1), mark=0, at_s=100.0, now=NOON, listed=frozenset()
)
MISSED = Miss(session=3, at_s=95.0)


def entry(**change: Any) -> OrderEntry:
    ledger = Ledger()
    ledger.record(Intended(at=NOON, key="ibc-a", client_id=ClientId(1), ticket=ticket()))
    made = evolve(
        ledger.get("ibc-a"), state=State.UNCERTAIN, disposition=SendDisposition.MAYBE_WRITTEN
    )
    return evolve(made, **change)


def verdict(
    order: OrderEntry, first_miss: Miss | None = MISSED, sent_in: int | None = 2
) -> Verdict:
    return judge(order, picture=PICTURE, first_miss=first_miss, sent_in=sent_in, grace_s=5.0)


def test_missing_twice_in_a_later_session_was_not_placed() -> None:
    assert verdict(entry()) is Verdict.NOT_PLACED
    assert verdict(entry(disposition=SendDisposition.SENT)) is Verdict.NOT_PLACED
    assert verdict(entry(), sent_in=None) is Verdict.NOT_PLACED


@pytest.mark.parametrize("miss", [None, Miss(session=3, at_s=95.1), Miss(session=2, at_s=0.0)])
def test_missing_once_too_soon_or_in_another_session_is_asked_again(miss: Miss | None) -> None:
    assert verdict(entry(), first_miss=miss) is Verdict.ASK_AGAIN


def test_the_session_that_sent_it_proves_nothing() -> None:
    assert verdict(entry(), sent_in=3) is Verdict.UNPROVEN


def test_another_client_id_proves_nothing() -> None:
    assert verdict(entry(client_id=ClientId(2))) is Verdict.UNPROVEN


def test_an_order_of_yesterday_is_never_called_not_placed() -> None:
    assert verdict(entry(created=NOON - timedelta(days=1))) is Verdict.UNPROVEN


def test_an_order_that_the_broker_had_has_vanished() -> None:
    assert verdict(entry(seen=True)) is Verdict.VANISHED
    assert verdict(entry(seen=True), first_miss=None) is Verdict.ASK_AGAIN


def test_an_order_that_was_never_handed_over_needs_no_proof() -> None:
    unsent = entry(disposition=SendDisposition.UNSENT)
    assert verdict(unsent, first_miss=None, sent_in=3) is Verdict.NOT_PLACED


@pytest.mark.parametrize("state", [State.INTENDED, State.SENT, State.FILLED])
def test_orders_in_flight_and_closed_ones_are_not_judged(state: State) -> None:
    assert not is_judged(entry(state=state))


def test_memory_starts_at_the_latest_midnight() -> None:
    now = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)  # 22:00 of the day before in New York
    new_york = ZoneInfo("America/New_York")
    assert memory_starts(now, zones=(new_york,)) == datetime(2026, 3, 3, 5, 0, tzinfo=UTC)
    assert memory_starts(now, zones=(new_york, UTC)) == datetime(2026, 3, 4, tzinfo=UTC)
    assert memory_starts(now) <= now
