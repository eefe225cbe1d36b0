"""The table of connection states."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_connector.model.status import ConnectionState
from ibkr_connector.supervisor.states import (
    TABLE,
    UP,
    InvalidTransition,
    SupervisorEvent,
    advance,
    as_mermaid,
)

PAGE = Path(__file__).parents[3] / "docs" / "connection-life.md"


def test_every_state_has_its_exits_and_is_reached() -> None:
    assert set(TABLE) == set(ConnectionState)
    reached = {target for exits in TABLE.values() for target in exits.values()}
    assert reached == set(ConnectionState)


def test_stopping_is_possible_everywhere() -> None:
    for state in ConnectionState:
        assert advance(state, SupervisorEvent.STOP) is ConnectionState.STOPPED


def test_a_lost_session_always_leads_to_a_wait() -> None:
    states = {*UP, ConnectionState.CONNECTING, ConnectionState.SYNCING}
    for state in states:
        assert advance(state, SupervisorEvent.LOST) is ConnectionState.WAITING


@pytest.mark.parametrize("state", list(ConnectionState))
@pytest.mark.parametrize("event", list(SupervisorEvent))
def test_every_pair_is_a_row_or_an_error(state: ConnectionState, event: SupervisorEvent) -> None:
    if event in TABLE[state]:
        assert advance(state, event) is TABLE[state][event]
    else:
        with pytest.raises(InvalidTransition, match=event.value):
            advance(state, event)


def test_ready_is_reached_only_by_reading_the_brokers_state() -> None:
    ways = {
        (state, event)
        for state, exits in TABLE.items()
        for event, target in exits.items()
        if target is ConnectionState.READY
    }
    assert ways == {
        (ConnectionState.SYNCING, SupervisorEvent.SYNCED),
        (ConnectionState.DEGRADED, SupervisorEvent.SYNCED),
    }


def test_the_page_shows_the_table() -> None:
    assert f"```mermaid\n{as_mermaid()}\n```" in PAGE.read_text(encoding="utf-8")
