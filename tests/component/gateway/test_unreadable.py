"""What cannot be read is counted, and can be looked at afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.port import MessageUnreadable
from ibkr_connector.gateway.unreadable import KEPT, Unreadables
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import Garble
from kit.rig import rig

NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
_POSITION_SIZE = 14


@pytest.fixture
def kept() -> Unreadables:
    return Unreadables(now=lambda: NOW, accounts=lambda: ("Partner-7",))


async def test_a_message_that_cannot_be_read_is_counted_and_kept_without_what_names_the_user(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        assert made.engine.status().unreadable_count == 0
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 3, "order_type": "MKT"}
        report = await made.run(made.engine.orders.place(order, wait="filled"))
        assert report.filled_quantity == Decimal(3)
        garble = Garble(reply="Position", number=_POSITION_SIZE, text="n/a", times=1)
        made.simulator.inject(garble)
        with pytest.raises(IBKRError, match="cannot be read"):
            await made.run(made.engine.account.ask_positions())
        status = made.engine.status()
        assert status.unreadable_count == len(status.unreadable) == 1
        (found,) = status.unreadable
        assert found.fields[0] == "61"
        assert "n/a" in found.fields
        assert "AAPL" in found.fields
        assert "InvalidOperation" in found.reason or "ValueError" in found.reason
        assert "DU1234567" not in str(status.unreadable)
        assert found.field_count == len(found.fields)
        assert status.as_dict()["unreadable"][0]["field_count"] == found.field_count


async def test_what_is_held_is_asked_again_when_news_of_it_cannot_be_read(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        asked = made.asked("ReqPositions")
        garble = Garble(reply="Position", number=_POSITION_SIZE, text="n/a", times=1)
        made.simulator.inject(garble)
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 3, "order_type": "MKT"}
        await made.run(made.engine.orders.place(order, wait="filled"))
        await made.until(lambda: made.engine.status().unreadable_count == 1, within_s=60.0)
        await made.until(
            lambda: [one.quantity for one in made.engine.positions(None)] == [Decimal(3)],
            within_s=5.0,
            step_s=0.1,
        )
        assert made.asked("ReqPositions") == asked + 1
        assert made.logins() == 1
        assert made.engine.status().degraded_by == ()


async def test_a_gateway_that_garbles_every_position_is_asked_again_in_its_time_only(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        asked = made.asked("ReqPositions")
        made.simulator.inject(Garble(reply="Position", number=_POSITION_SIZE, text="n/a"))
        order = {"symbol": "AAPL", "action": "BUY", "quantity": 3, "order_type": "MKT"}
        await made.run(made.engine.orders.place(order, wait="filled"))
        await made.until(lambda: made.state is ConnectionState.DEGRADED, within_s=60.0)
        assert made.engine.status().degraded_by == ("positions",)
        await made.advance(300)
        assert 8 <= made.asked("ReqPositions") - asked <= 14
        made.simulator.clear_faults()
        await made.ready(within_s=40.0)
        assert [one.quantity for one in made.engine.positions(None)] == [Decimal(3)]
        assert made.logins() == 1


def test_the_newest_are_kept_and_all_are_counted(kept: Unreadables) -> None:
    for number in range(KEPT + 5):
        kept.note(MessageUnreadable(fields=("61", str(number)), reason="ValueError"))
    assert kept.count == KEPT + 5
    assert [one.fields[1] for one in kept.newest] == [str(5 + number) for number in range(KEPT)]


def test_accounts_of_a_form_that_nobody_knows_are_masked_too(kept: Unreadables) -> None:
    kept.note(MessageUnreadable(fields=("61", "Partner-7", "x"), reason="of Partner-7"))
    assert "Partner-7" not in str(kept.newest)


def test_of_a_long_message_the_beginning_is_kept(kept: Unreadables) -> None:
    fields = ("17", *["1.25"] * 50_000)
    kept.note(MessageUnreadable(fields=fields, reason="x" * 10_000))
    (one,) = kept.newest
    assert one.field_count == 50_001
    assert sum(map(len, one.fields)) <= 4096
    assert len(one.reason) <= 4096


def test_a_message_without_any_field_is_kept_too(kept: Unreadables) -> None:
    kept.note(MessageUnreadable(fields=(), reason="LookupError"))
    assert kept.newest[0].fields == ()
