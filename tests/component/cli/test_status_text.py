"""What `ibkr status` says to people when something is amiss, and that it says nothing more."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from ibkr_connector.cli.render import Renderer
from ibkr_connector.cli.watch import Seen, picture
from ibkr_connector.errors import IBKRError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.ids import ClientId, OrderId
from ibkr_connector.model.orders import (
    Action,
    OrderReport,
    OrderStatus,
    OrderType,
    SendDisposition,
    TimeInForce,
)
from ibkr_connector.model.status import (
    BreakerState,
    CircuitStatus,
    ConnectionState,
    ConnectionStatus,
    FarmState,
    TradingMode,
    UnreadableMessage,
)


def status_of(**fields: Any) -> ConnectionStatus:
    return ConnectionStatus(
        state=ConnectionState.READY,
        profile="",
        host="127.0.0.1",
        port=4002,
        client_id=1,
        mode=TradingMode.PAPER,
        readonly=False,
        **fields,
    )


def told(capsys: pytest.CaptureFixture[str], **fields: Any) -> str:
    renderer = Renderer()
    renderer.console.width = 300
    renderer.show(status_of(**fields))
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


HOSTILE = "stopped [/b] as [red]prices[/red] look wrong"


def test_brackets_of_others_are_shown_and_colour_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert HOSTILE in told(capsys, kill_switch=HOSTILE)
    rejected = OrderReport(
        order_id=OrderId(4),
        status=OrderStatus.REJECTED,
        timestamp=datetime(2026, 11, 20, 15, tzinfo=UTC),
        contract=stock("AAPL"),
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=None,
        stop_price=None,
        filled_quantity=Decimal(0),
        remaining_quantity=Decimal(10),
        avg_fill_price=None,
        commission=None,
        account="DU1234567",
        order_ref="ibc-a",
        client_order_id=None,
        client_id=ClientId(1),
        perm_id=None,
        disposition=SendDisposition.SENT,
        reason=HOSTILE,
    )
    renderer = Renderer()
    renderer.console.width = 300
    for thing in (HOSTILE, IBKRError(HOSTILE), rejected):
        renderer.show(thing)
        assert HOSTILE in capsys.readouterr().out


def test_the_screen_of_watch_shows_the_reason_of_a_halt_and_farms_that_are_down() -> None:
    status = status_of(
        kill_switch=HOSTILE, farms={"usfarm": FarmState.OK, "hfarm": FarmState.BROKEN}
    )
    console = Console(width=60, file=io.StringIO())
    with console.capture() as drawn:
        console.print(picture(Seen(status=status, quotes={"X": None})))
    text = " ".join(drawn.get().split())
    assert HOSTILE in text
    assert "farms hfarm broken" in text
    assert "127.0.0.1:4002" in text
