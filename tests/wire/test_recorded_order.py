"""Frames that a real TWS sent: ours must read them, and write them back the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.simulator.dialogue.translate import open_order
from ibkr_connector.simulator.exchange.instruments import Instrument
from ibkr_connector.simulator.exchange.records import Owner, Status, Terms, VenueOrder
from ibkr_connector.simulator.wire.replies import (
    ExecDetails,
    OpenOrder,
    OrderStatus,
    decode_reply,
    encode_reply,
)

RECORDED = Path(__file__).parent / "order_filled_at_164.txt"
VERSION = 164


def frames() -> list[list[str]]:
    lines = RECORDED.read_text("utf-8").splitlines()
    return [line.split("|")[:-1] for line in lines if not line.startswith("#")]


def same(written: list[str], recorded: list[str]) -> bool:
    # 0.0 and 0 are the same strike: TWS writes one in orders and the other in executions
    return [text.removesuffix(".0") for text in written] == [
        text.removesuffix(".0") for text in recorded
    ]


@pytest.mark.parametrize("frame", frames(), ids=["openOrder", "orderStatus", "execDetails"])
def test_a_recorded_frame_is_read_and_written_back_the_same(frame: list[str]) -> None:
    assert same(encode_reply(decode_reply(frame, VERSION), VERSION), frame)


def test_the_recorded_order_reads_as_what_it_was() -> None:
    order, status, execution = (decode_reply(frame, VERSION) for frame in frames())
    assert isinstance(order, OpenOrder)
    assert (order.order_id, order.contract.symbol) == (13, "TSLA")
    assert (order.texts["orderType"], order.texts["status"]) == ("MKT", "PreSubmitted")
    assert isinstance(status, OrderStatus)
    assert (status.remaining, status.client_id) == (Decimal(100), 100)
    assert isinstance(execution, ExecDetails)
    assert (execution.side, execution.price) == ("BOT", Decimal("196.52"))
    assert execution.time == "20230224  12:04:56"


def test_the_simulator_would_have_sent_the_recorded_open_order(tesla: Instrument) -> None:
    order = VenueOrder(
        perm_id=1376327563,
        owner=Owner(client_id=100, order_id=13),
        account="DU1236109",
        instrument=tesla,
        exchange="SMART",
        terms=Terms(action="BUY", quantity=Decimal(100), order_type="MKT"),
        order_ref="",
        status=Status.PRE_SUBMITTED,
        placed_at=datetime(2023, 2, 24, tzinfo=UTC),
        priority=1,
    )
    assert same(encode_reply(open_order(order), VERSION), frames()[0])


@pytest.fixture
def tesla() -> Instrument:
    return Instrument(
        con_id=76792991,
        symbol="TSLA",
        sec_type="STK",
        currency="USD",
        exchanges=("SMART", "ISLAND"),
        local_symbol="TSLA",
        trading_class="NMS",
        min_tick=Decimal("0.01"),
        market_rule=26,
        price=Decimal(200),
        spread=Decimal("0.02"),
    )
