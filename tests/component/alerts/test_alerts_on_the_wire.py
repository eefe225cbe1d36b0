"""Each thing that goes wrong is told once, and once that it is over: gateway, socket, engine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import IBKRError
from ibkr_connector.model.alerts import AlertKind, AlertStep
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings.alerts import AlertRule, AlertSettings
from ibkr_connector.simulator import Answer, IgnoreRequest, Reject, Restart
from kit.alerts import watched

K, S = AlertKind, ConnectionState
R, C = AlertStep.RAISED, AlertStep.CLEARED
NIGHT = datetime(2026, 11, 19, 5, 10, tzinfo=UTC)
IB_WINDOWS = "Sun-Fri 00:15-01:45 America/New_York; Fri 23:00-03:00 America/New_York"
ORDER = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}


async def test_a_quiet_day_alarms_nobody(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        await made.advance(600)
        assert heard.steps() == []
        assert made.engine.alarms.failures == 0


async def test_a_cut_is_told_when_it_lasts_and_its_end_too(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        made.simulator.cut()
        await made.ready()
        await made.advance(60)
        # back within seconds: nobody was woken
        assert heard.steps() == []
        made.simulator.restart(down_s=120)
        await made.until(lambda: made.state is not S.READY)
        await made.advance(60)
        assert heard.steps() == [(K.CONNECTION_LOST, R)]
        (alert,) = made.engine.alarms.active
        assert alert.key == "gateway"
        await made.ready()
        await made.advance(60)
        assert heard.steps() == [(K.CONNECTION_LOST, R), (K.CONNECTION_LOST, C)]


async def test_the_link_to_ib_is_told_once_however_often_it_is_said(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        for _ in range(5):
            made.simulator.notice(1100, "Connectivity between IB and TWS has been lost.")
            await made.advance(20)
        assert heard.steps() == [(K.BROKER_LINK_LOST, R)]
        made.simulator.notice(1102, "Connectivity has been restored - data maintained.")
        await made.ready()
        await made.advance(60)
        assert heard.steps() == [(K.BROKER_LINK_LOST, R), (K.BROKER_LINK_LOST, C)]


async def test_the_planned_restart_of_the_night_wakes_nobody_until_it_is_overdue(
    tmp_path: Path,
) -> None:
    async with watched(
        tmp_path, start=NIGHT, reset_windows=IB_WINDOWS, outage_escalate_s=300.0
    ) as (made, heard):
        made.engine.alarms.look_s = 30.0
        await made.advance(10 * 60)
        made.simulator.inject(Restart(down_s=600.0))
        await made.advance(20 * 60)
        await made.ready()
        assert heard.steps() == []
        await made.advance(50 * 60)
        made.simulator.inject(Restart(down_s=3600.0))
        await made.advance(40 * 60)
        assert heard.steps() == [(K.OUTAGE_OVERDUE, R)]
        await made.ready(within_s=3600)
        await made.advance(60)
        assert heard.steps() == [(K.OUTAGE_OVERDUE, R), (K.OUTAGE_OVERDUE, C)]


async def test_a_hundred_rejections_are_one_alert(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        made.simulator.inject(Reject(code=201, text="Order rejected - reason: no", times=30))
        for _ in range(30):
            with pytest.raises(IBKRError):
                await made.run(made.engine.orders.place(ORDER), step_s=0.2)
        (alert,) = made.engine.alarms.active
        assert (alert.kind, alert.key, alert.count) == (K.ORDER_REJECTED, "AAPL", 30)
        assert "no" in alert.text
        assert alert.value == "code 201"
        await made.advance(302)
        assert heard.steps() == [(K.ORDER_REJECTED, R), (K.ORDER_REJECTED, C)]


async def test_an_order_of_which_nobody_knows_is_told_after_a_minute(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        made.simulator.inject(IgnoreRequest(on="PlaceOrder"))
        made.simulator.inject(IgnoreRequest(on="ReqOpenOrders"))
        made.simulator.inject(IgnoreRequest(on="ReqAllOpenOrders"))
        placing = asyncio.ensure_future(made.engine.orders.place(ORDER))
        await made.until(lambda: made.engine.status().uncertain_orders == 1, step_s=1.0)
        await made.advance(58)
        assert heard.steps(K.ORDER_UNCERTAIN) == []
        await made.advance(10)
        assert heard.steps(K.ORDER_UNCERTAIN) == [(K.ORDER_UNCERTAIN, R)]
        made.simulator.clear_faults()
        made.simulator.cut()
        await made.advance(120)
        await made.advance(5)
        assert heard.steps(K.ORDER_UNCERTAIN) == [(K.ORDER_UNCERTAIN, R), (K.ORDER_UNCERTAIN, C)]
        await asyncio.gather(placing, return_exceptions=True)


async def test_a_breaker_that_opens_is_told_once_through_all_its_probes(tmp_path: Path) -> None:
    async with watched(
        tmp_path, breaker_fail_max=2, breaker_reset_s=20.0, request_timeout_s=3.0
    ) as (made, heard):
        made.simulator.inject(IgnoreRequest(on="ReqHistoricalData"))
        for _ in range(6):
            wanted = made.engine.market.bars("AAPL", duration="1800 S", bar_size="5 secs")
            with pytest.raises(IBKRError):
                await made.run(wanted, step_s=1.0)
            await made.advance(15)
        assert heard.steps(K.BREAKER_OPEN) == [(K.BREAKER_OPEN, R)]
        made.simulator.clear_faults()
        await made.advance(25)
        wanted = made.engine.market.bars("AAPL", duration="1800 S", bar_size="5 secs")
        await made.run(wanted, step_s=1.0)
        await made.advance(60)
        assert heard.steps(K.BREAKER_OPEN) == [(K.BREAKER_OPEN, R), (K.BREAKER_OPEN, C)]


async def test_complaints_of_the_pace_are_one_alert(tmp_path: Path) -> None:
    text = "Historical Market Data Service error message:Historical data request pacing violation"
    async with watched(tmp_path) as (made, heard):
        made.simulator.inject(Answer(to="ReqHistoricalData", code=162, text=text, times=2))
        wanted = made.engine.market.bars("AAPL", duration="1800 S", bar_size="5 secs")
        await made.run(wanted, step_s=1.0)
        assert heard.steps(K.PACING) == [(K.PACING, R)]
        await made.advance(400)
        assert heard.steps(K.PACING) == [(K.PACING, R), (K.PACING, C)]


async def test_the_kill_switch_is_told_while_it_is_engaged(tmp_path: Path) -> None:
    async with watched(tmp_path) as (made, heard):
        made.engine.guard._kill.engage("lunch")
        await made.advance(5)
        (alert,) = made.engine.alarms.active
        assert "lunch" in alert.text
        made.engine.guard._kill.release()
        await made.advance(5)
        assert heard.steps() == [(K.KILL_SWITCH, R), (K.KILL_SWITCH, C)]


async def test_a_slow_gateway_is_told_by_its_heartbeat(tmp_path: Path) -> None:
    rules = {K.SLOW_HEARTBEAT: AlertRule(threshold=Decimal("0.5"), clear_at=Decimal("0.2"))}
    from ibkr_connector.simulator import Delay

    async with watched(tmp_path, alerts=AlertSettings(rules=rules)) as (made, heard):
        made.simulator.inject(Delay(seconds=1.0))
        await made.until(lambda: bool(heard.steps(K.SLOW_HEARTBEAT)))
        made.simulator.clear_faults()
        await made.advance(200)
        assert heard.steps() == [(K.SLOW_HEARTBEAT, R), (K.SLOW_HEARTBEAT, C)]


async def test_what_is_watched_does_not_suffer_when_watching_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path) as (made, _):

        def broken(*_: Any) -> Any:
            raise RuntimeError("of ours")

        monkeypatch.setattr(made.engine.alarms._book, "only", broken)
        monkeypatch.setattr(made.engine.alarms._book, "pulse", broken)
        made.simulator.inject(Reject(code=201, text="no"))
        with pytest.raises(IBKRError):
            await made.run(made.engine.orders.place(ORDER), step_s=0.2)
        made.simulator.cut()
        await made.ready()
        assert made.engine.alarms.failures > 3
