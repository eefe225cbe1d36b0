"""Each message about the connection has its effect, through a real socket and real ib_async."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ibkr_connector.errors import TradingHaltedError
from ibkr_connector.model.status import ConnectionState, FarmState
from ibkr_connector.simulator import Link, Outage, PortReset
from ibkr_connector.supervisor import SupervisorEvent
from kit.rig import Rig, rig

S = ConnectionState
E = SupervisorEvent
REST = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}


def events(made: Rig) -> list[SupervisorEvent]:
    return [change.event for change in made.changes]


async def say(made: Rig, code: int, text: str, *, times: int = 1) -> None:
    for _ in range(times):
        made.simulator.notice(code, text)
    await made.settle()


async def test_fifty_1100_are_one_event_and_orders_are_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await say(made, 1100, "Connectivity has been lost", times=50)
        assert made.state is S.DEGRADED
        assert made.engine.status().degraded_by == ("broker link",)
        assert events(made).count(E.LINK_DOWN) == 1
        with pytest.raises(TradingHaltedError, match="lost its link"):
            await made.run(made.place(REST))
        assert made.asked("PlaceOrder") == 0
        await say(made, 1102, "restored - data maintained")
        await made.ready()
        report = await made.run(made.place(REST))
        assert report.order_id
        assert made.asked("PlaceOrder") == 1


@pytest.mark.parametrize(("code", "text"), [(1101, "data lost"), (1102, "data maintained")])
async def test_a_link_that_is_back_is_reconciled_before_ready(
    tmp_path: Path, code: int, text: str
) -> None:
    async with rig(tmp_path) as made:
        before = made.asked("ReqExecutions"), made.asked("ReqPositions")
        await say(made, 1100, "lost", times=3)
        await say(made, code, f"Connectivity has been restored - {text}")
        await made.ready()
        assert (made.asked("ReqExecutions"), made.asked("ReqPositions")) > before
        assert made.logins() == 1
        assert events(made)[-3:] == [E.LINK_DOWN, E.LINK_UP, E.SYNCED]


async def test_ten_times_1100_and_1102_open_no_second_account_summary(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        before = made.asked("ReqAccountSummary")
        for _ in range(10):
            await say(made, 1100, "lost")
            await say(made, 1102, "restored - data maintained")
            await made.ready()
        assert made.asked("ReqAccountSummary") == before


async def test_a_link_that_broke_quietly_is_back_with_the_farms(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.simulator.inject(Outage(link=Link.QUIET, lasts_s=30.0))
        await made.until(lambda: made.state is S.DEGRADED)
        await made.advance(31)
        await made.ready()
        assert events(made).count(E.LINK_UP) == 1
        assert made.logins() == 1


async def test_a_farm_that_is_back_alone_says_nothing_about_a_link_that_was_lost_aloud(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        await say(made, 1100, "lost")
        await say(made, 2104, "Market data farm connection is OK:usfarm")
        assert made.state is S.DEGRADED


FARMS = [
    (2103, "Market data farm connection is broken:usfarm", "usfarm", FarmState.BROKEN),
    (2105, "HMDS data farm connection is broken:ushmds", "ushmds", FarmState.BROKEN),
    (2157, "Sec-def data farm connection is broken:secdefil", "secdefil", FarmState.BROKEN),
    (2104, "Market data farm connection is OK:eufarm", "eufarm", FarmState.OK),
    (2106, "HMDS data farm connection is OK:euhmds", "euhmds", FarmState.OK),
    (2158, "Sec-def data farm connection is OK:secdefeu", "secdefeu", FarmState.OK),
    (2107, "... inactive but should be available upon demand.ushmds", "ushmds", FarmState.INACTIVE),
    (2108, "... inactive but should be available upon demand.usopt", "usopt", FarmState.INACTIVE),
    (2119, "Market data farm is connecting:usfuture", "usfuture", FarmState.CONNECTING),
]


@pytest.mark.parametrize(("code", "text", "farm", "state"), FARMS)
async def test_a_farms_state_shows_and_the_connection_stays_ready(
    tmp_path: Path, code: int, text: str, farm: str, state: FarmState
) -> None:
    async with rig(tmp_path) as made:
        said = len(made.changes)
        await say(made, code, text)
        assert made.engine.status().farms[farm] is state
        assert made.state is S.READY
        assert len(made.changes) == said


async def test_a_port_that_moves_is_followed_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, reconnect_base_s=60.0) as made:
        before = made.simulator.port
        made.simulator.inject(PortReset())
        await made.until(lambda: made.simulator.port != before)
        await made.ready(within_s=5.0)
        assert made.engine.status().port == made.simulator.port != before
        assert made.logins() == 2


async def test_a_port_that_leads_to_real_money_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as made:
        await say(made, 1300, "Please reconnect on the new port - 7496")
        assert made.engine.status().port == made.simulator.port
        assert "not allowed" in caplog.text


async def test_a_bunch_about_a_competing_session_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as made:
        with caplog.at_level(logging.WARNING):
            await say(made, 10197, "No market data during competing live session", times=20)
        assert made.engine.status().competing_session
        assert sum("logged in elsewhere" in record.message for record in caplog.records) == 1
        assert made.state is S.READY
        made.engine._supervisor.note_competing(is_competing=False)
        assert not made.engine.status().competing_session


async def test_a_competing_session_is_forgotten_with_the_session(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await say(made, 10197, "No market data during competing live session")
        made.simulator.cut()
        await made.until(lambda: made.logins() == 2)
        await made.ready()
        assert not made.engine.status().competing_session


async def test_a_port_moves_back_when_nobody_answers_at_the_new_one(
    tmp_path: Path, free_port: int
) -> None:
    async with rig(tmp_path, reconnect_base_s=1.0) as made:
        configured = made.simulator.port
        # it says that it moves, and is restarted where it was configured to be
        await say(made, 1300, f"Please reconnect on the new port - {free_port}")
        made.simulator.cut()
        await made.until(lambda: made.logins() == 2)
        await made.ready()
        assert made.engine.status().port == configured
