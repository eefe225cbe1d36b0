"""What `ibkr status` says to people when something is amiss, and that it says nothing more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ibkr_connector.cli.render import Renderer
from ibkr_connector.model.status import (
    BreakerState,
    CircuitStatus,
    ConnectionState,
    ConnectionStatus,
    TradingMode,
    UnreadableMessage,
)


def told(capsys: pytest.CaptureFixture[str], **fields: Any) -> str:
    status = ConnectionStatus(
        state=ConnectionState.READY,
        profile="",
        host="127.0.0.1",
        port=4002,
        client_id=1,
        mode=TradingMode.PAPER,
        readonly=False,
        **fields,
    )
    renderer = Renderer()
    renderer.console.width = 300
    renderer.show(status)
    return capsys.readouterr().out


def test_what_is_well_takes_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    closed = CircuitStatus(state=BreakerState.CLOSED, failures=1)
    text = told(capsys, breakers={"history": BreakerState.CLOSED}, circuits={"history": closed})
    assert "circuits" in text
    assert "closed" in text
    for word in ("history", "streams", "unreadable"):
        assert word not in text


def test_a_circuit_that_is_open_or_was_is_told_with_its_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(
        capsys,
        breakers={
            "data": BreakerState.CLOSED,
            "history": BreakerState.OPEN,
            "orders": BreakerState.CLOSED,
        },
        circuits={
            "data": CircuitStatus(state=BreakerState.CLOSED),
            "history": CircuitStatus(
                state=BreakerState.OPEN, opened=3, refused=7, retry_after_s=19.6
            ),
            "orders": CircuitStatus(state=BreakerState.CLOSED, opened=1, refused=2),
        },
    )
    assert "history open, opened 3 times, 7 calls refused, tried again in 20 s;" in text
    assert "orders closed, opened 1 times, 2 calls refused" in text
    assert "data" not in text


def test_lost_streams_and_the_newest_unreadable_message_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = datetime(2026, 11, 18, 15, tzinfo=UTC)
    rows = [
        UnreadableMessage(at=at, fields=("4",), field_count=1, reason=reason)
        for reason in ("too short", "no number")
    ]
    text = told(capsys, streams_lost=3, unreadable_count=12, unreadable=tuple(rows))
    assert "3 bring nothing until they have been asked for again" in text
    assert "12 messages of the gateway, the newest: no number" in text
