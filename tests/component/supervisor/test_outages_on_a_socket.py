"""Planned outages, logins that wait for somebody, ids in use, gateways that hang: on a socket."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibkr_connector.errors import (
    AuthenticationError,
    ClientIdInUseError,
    NotConnectedError,
    ReadOnlyError,
)
from ibkr_connector.gateway import session
from ibkr_connector.gateway.port import GatewayNotice
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import HalfOpen, Quirk, ReadOnlyApi, Refuse, Restart, Silent, Stage
from ibkr_connector.supervisor import SupervisorEvent
from kit.rig import rig

S = ConnectionState
E = SupervisorEvent
NIGHT = datetime(2026, 11, 19, 5, 10, tzinfo=UTC)
"""Ten minutes past midnight in New York, five before the window of the night."""

IB_WINDOWS = "Sun-Fri 00:15-01:45 America/New_York; Fri 23:00-03:00 America/New_York"
REST = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.message
        for record in caplog.records
        if record.name.startswith("ibkr_connector.supervisor") and record.levelno >= logging.WARNING
    ]


# --- planned outages ----------------------------------------------------------------------------


async def test_the_nightly_restart_wakes_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path, start=NIGHT, reset_windows=IB_WINDOWS) as made:
        await made.advance(10 * 60)
        caplog.clear()
        made.simulator.inject(Restart(down_s=600.0))
        await made.until(lambda: made.state is S.MAINTENANCE)
        status = made.engine.status()
        assert status.planned_outage == "Sun-Fri 00:15-01:45 America/New_York"
        assert status.planned_until == datetime(2026, 11, 19, 6, 45, tzinfo=UTC)
        await made.until(lambda: made.state is S.READY, within_s=1200)
        assert loud(caplog) == []
        assert made.logins() == 2
        assert made.engine.status().planned_outage is None


async def test_an_outage_that_outlasts_its_window_escalates_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(
        tmp_path, start=NIGHT, reset_windows=IB_WINDOWS, outage_escalate_s=300.0
    ) as made:
        await made.advance(80 * 60)
        made.simulator.inject(Restart(down_s=3 * 3600.0))
        caplog.clear()
        await made.advance(15 * 60)
        assert loud(caplog) == []
        await made.until(lambda: made.engine.status().is_escalated, within_s=900)
        assert made.clock.utcnow() >= datetime(2026, 11, 19, 6, 50, tzinfo=UTC)
        await made.advance(20 * 60)
        assert len(loud(caplog)) == 1
        assert "lasts longer" in loud(caplog)[0]
        await made.until(lambda: made.state is S.READY, within_s=4 * 3600)
        assert not made.engine.status().is_escalated


async def test_a_loss_that_nobody_planned_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as made:
        caplog.clear()
        made.simulator.inject(Restart(down_s=300.0))
        await made.until(lambda: made.state is S.WAITING)
        await made.ready(within_s=900)
        assert len(loud(caplog)) == 1


async def test_an_order_is_held_through_a_planned_outage_and_sent_once(tmp_path: Path) -> None:
    async with rig(tmp_path, start=NIGHT, reset_windows=IB_WINDOWS, hold_orders_s=900.0) as made:
        await made.advance(10 * 60)
        made.simulator.inject(Restart(down_s=300.0))
        await made.until(lambda: made.state is S.MAINTENANCE)
        held = asyncio.ensure_future(made.place(REST))
        await made.advance(60)
        assert not held.done()
        assert made.asked("PlaceOrder") == 0
        report = await made.run(held, within_s=1200)
        assert report.order_id
        assert made.asked("PlaceOrder") == 1


async def test_an_order_that_was_held_too_long_was_not_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, start=NIGHT, reset_windows=IB_WINDOWS, hold_orders_s=60.0) as made:
        await made.advance(10 * 60)
        made.simulator.inject(Restart(down_s=600.0))
        await made.until(lambda: made.state is S.MAINTENANCE)
        with pytest.raises(NotConnectedError, match=r"held for 60 s.*nothing was sent"):
            await made.run(made.place(REST))
        await made.until(lambda: made.state is S.READY, within_s=1200)
        assert made.asked("PlaceOrder") == 0


async def test_without_that_setting_an_order_is_refused_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, start=NIGHT, reset_windows=IB_WINDOWS) as made:
        await made.advance(10 * 60)
        made.simulator.inject(Restart(down_s=300.0))
        await made.until(lambda: made.state is S.MAINTENANCE)
        with pytest.raises(NotConnectedError):
            await made.run(made.place(REST))


# --- logins -------------------------------------------------------------------------------------


async def test_a_gateway_that_waits_for_its_login_is_a_state_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as made:
        caplog.clear()
        made.simulator.inject(Silent(after=Stage.START, lasts_s=600.0))
        made.simulator.cut()
        await made.until(lambda: made.state is S.LOGIN_NEEDED)
        assert made.engine.status().login_obstacle == (
            "it greets, and does not let this program in"
        )
        await made.ready(within_s=900)
        assert made.engine.status().login_obstacle is None
        assert len(loud(caplog)) == 2  # the loss, and that somebody must act


async def test_the_launchers_log_says_what_the_login_waits_for(tmp_path: Path) -> None:
    log = tmp_path / "ibc.txt"
    log.write_text("2026-11-18 15:00:01:001 IBC: Second Factor Authentication initiated\n")
    async with rig(tmp_path, ibc_log=log) as made:
        made.simulator.inject(Refuse(lasts_s=120.0))
        made.simulator.cut()
        await made.until(lambda: made.state is S.LOGIN_NEEDED)
        assert "confirmation on the phone" in (made.engine.status().login_obstacle or "")
        log.write_text("2026-11-18 15:01:01:001 IBC: Login has completed\n")
        await made.ready(within_s=300)


async def test_a_first_attempt_at_a_gateway_that_is_not_logged_in_is_its_own_error(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.inject(Silent(after=Stage.START, times=1))
        with pytest.raises(AuthenticationError, match="named no account"):
            await made.run(made.engine.connect())
        assert made.state is S.IDLE


# --- ids in use ---------------------------------------------------------------------------------


async def test_with_wait_an_id_that_is_in_use_twice_is_had_at_the_third_try(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False, client_id_policy="wait") as made:
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE)
        connecting = asyncio.ensure_future(made.engine.connect())
        await made.until(lambda: made.logins() == 2)
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        await made.run(connecting)
        assert made.logins() == 3
        assert made.engine.status().client_id == 1


async def test_an_id_that_is_in_use_is_known_in_less_than_a_tenth_of_a_second(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE)
        began = made.clock.monotonic()
        with pytest.raises(ClientIdInUseError) as caught:
            await made.run(made.engine.connect(), step_s=0.05)
        assert made.clock.monotonic() - began < 0.1
        assert caught.value.code == 326
        assert caught.value.retry_after_s


async def test_with_wait_it_gives_up_after_the_time_that_was_given(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False, client_id_policy="wait", client_id_wait_s=20.0) as made:
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE)
        with pytest.raises(ClientIdInUseError):
            await made.run(made.engine.connect())
        assert made.state is S.IDLE


async def test_with_a_pool_the_next_id_is_taken_at_once(tmp_path: Path) -> None:
    async with (
        rig(tmp_path / "a") as first,
        rig(
            tmp_path / "b",
            connect=False,
            port=first.simulator.port,
            client_id_policy="pool",
            client_id_pool="11, 12",
        ) as second,
    ):
        await second.run(second.engine.connect())
        assert second.engine.status().client_id == 11
        assert first.state is S.READY


async def test_an_id_whose_orders_are_open_is_waited_for_and_not_changed(tmp_path: Path) -> None:
    async with rig(tmp_path, client_id_policy="pool", client_id_pool="11") as made:
        await made.run(made.place(REST))
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE)
        made.simulator.cut()
        await made.until(lambda: made.logins() == 3)
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        await made.ready()
        assert made.engine.status().client_id == 1
        assert made.engine.orders.open_count == 1


# --- a gateway that hangs -----------------------------------------------------------------------


async def test_a_half_open_gateway_is_found_within_two_heartbeats(tmp_path: Path) -> None:
    async with rig(tmp_path, heartbeat_interval_s=30.0, heartbeat_timeout_s=20.0) as made:
        await made.advance(7)
        made.simulator.inject(HalfOpen(lasts_s=3600.0))
        began = made.clock.monotonic()
        await made.until(lambda: made.state is not S.READY)
        assert made.clock.monotonic() - began <= 60.0
        assert SupervisorEvent.LOST in {change.event for change in made.changes}


async def test_an_order_to_a_gateway_that_hangs_is_refused_and_never_queued(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, heartbeat_interval_s=60.0) as made:
        await made.run(made.engine.instruments.resolve("AAPL"))
        made.simulator.inject(HalfOpen(lasts_s=300.0))
        await made.advance(6)
        with pytest.raises(NotConnectedError, match="does not answer"):
            await made.run(made.place(REST))
        await made.until(lambda: made.state is not S.READY, within_s=60.0)
        await made.ready(within_s=900)
        await made.advance(10)
        assert made.asked("PlaceOrder") == 0


async def test_a_quiet_gateway_that_lives_takes_the_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        # nothing else has to be asked about the contract afterwards, which is a sign of life too
        await made.run(made.place(REST | {"quantity": 3}))
        await made.advance(30)
        before = made.asked("ReqCurrentTime")
        await made.run(made.place(REST))
        assert made.asked("ReqCurrentTime") == before + 1
        # it has just spoken: the next order asks nothing
        await made.run(made.place(REST | {"quantity": 2}), step_s=0.05)
        assert made.asked("ReqCurrentTime") == before + 1


# --- a gateway that lets nobody trade -----------------------------------------------------------


async def test_a_read_only_api_serves_whoever_does_not_trade(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False, readonly=True) as made:
        made.simulator.inject(ReadOnlyApi())
        await made.run(made.engine.connect())
        assert made.state is S.READY
        assert not made.engine.capabilities().has("order_lists")
        assert made.engine.capabilities().server_version == 178


async def test_a_read_only_api_refuses_whoever_wants_to_trade_and_says_why(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.inject(ReadOnlyApi())
        with pytest.raises(ReadOnlyError) as caught:
            await made.run(made.engine.connect())
        assert "read-only" in str(caught.value).lower()
        assert made.state is S.IDLE


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.WAITING, S.CONNECTING, S.SYNCING])
async def test_stopping_at_any_point_ends_within_a_second(
    tmp_path: Path, state: ConnectionState, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever waits for this, or for the clock, which stands still, waits for longer than a test may
    monkeypatch.setattr(session, "_CLOSE_WITHIN_S", 3600.0)
    async with rig(tmp_path, connect=False) as made:
        if state is S.WAITING:
            await made.run(made.engine.connect())
            made.simulator.inject(Refuse())
            made.simulator.cut()
        elif state is S.CONNECTING:
            made.simulator.inject(Silent(after=Stage.HELLO))
            asyncio.ensure_future(made.engine.connect()).add_done_callback(
                lambda done: done.exception()
            )
        else:
            await made.run(made.engine.connect())
            made.simulator.inject(HalfOpen(lasts_s=5.0))
            made.simulator.notice(1102, "restored")
            restored = GatewayNotice(code=1102, text="restored - data maintained")
            made.engine._supervisor.note(restored)
        await made.until(lambda: made.state is state, step_s=0.05)
        async with asyncio.timeout(60):
            await made.engine.aclose()
        await made.settle()
