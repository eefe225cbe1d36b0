"""
Every kind of alert through a socket: each is raised once and cleared once, however often it hits.

One gateway and one engine on a virtual clock take all blows one after another, each of them several
times over; the service that is told fails, hangs and works again meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from ibkr_connector.errors import IBKRError
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.alerts import AlertKind, AlertStep, Severity
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.settings.alerts import AlertRoute, AlertRule, AlertSettings
from ibkr_connector.simulator import (
    Answer,
    CompetingSession,
    Delay,
    Drop,
    ForeignOrder,
    Garble,
    Hold,
    IgnoreRequest,
    Reject,
    Restart,
    Rewrite,
    Silent,
    Stage,
)
from ibkr_connector.simulator.exchange.commands import CancelOrder
from ibkr_connector.simulator.scenario import HoldQuote
from kit.alert_service import AlertService, alert_service
from kit.alerts import Heard, watched
from kit.rig import Rig

K, R, C, S = AlertKind, AlertStep.RAISED, AlertStep.CLEARED, ConnectionState
ACCOUNT = "DU1234567"
AAPL = 265598
ORDER = {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
BARS: dict[str, Any] = {"duration": "1800 S", "bar_size": "5 secs"}
RISK = "max_order_size: 100000\nmax_daily_loss: 450000\nhalt_cooldown_s: 60\n"


@dataclass
class Scene:
    """Where the blows fall."""

    made: Rig
    heard: Heard
    config: Path
    _cents: int = 0

    @property
    def simulator(self) -> Any:
        return self.made.simulator

    async def price(self, at: str) -> None:
        """Hold the market there until the account's figures show it."""
        self.simulator.act(HoldQuote(symbol="AAPL", bid=Decimal(at), ask=Decimal(at)))
        await self.made.advance(185)

    async def nudge(self) -> None:
        """Let the figures change: IB renews them only then."""
        self._cents = (self._cents + 1) % 2
        await self.price(f"190.1{self._cents}")

    async def order(self, **more: Any) -> Any:
        return await self.made.run(self.made.engine.orders.place({**ORDER, **more}), step_s=0.5)

    async def fails(self, doing: Awaitable[Any], step_s: float = 1.0) -> None:
        with pytest.raises(IBKRError):
            await self.made.run(doing, step_s=step_s)

    def bars(self) -> Awaitable[Any]:
        return self.made.engine.market.bars("AAPL", **BARS)


Blow = Callable[[Scene], Awaitable[None]]
BLOWS: dict[Blow, frozenset[AlertKind]] = {}


def alarms(*kinds: AlertKind) -> Callable[[Blow], Blow]:
    """Enter a blow with the kinds that it is to raise once, and clear once; no other."""

    def enter(blow: Blow) -> Blow:
        BLOWS[blow] = frozenset(kinds)
        return blow

    return enter


# --- connection -------------------------------------------------------------------------------


@alarms(K.BROKER_LINK_LOST)
async def the_gateway_loses_ib(scene: Scene) -> None:
    for _ in range(3):
        scene.simulator.notice(1100, "Connectivity between IB and TWS has been lost.")
        await scene.made.advance(20)
    scene.simulator.notice(1102, "Connectivity restored - data maintained.")
    await scene.made.ready()


@alarms(K.CONNECTION_LOST)
async def the_gateway_is_gone_and_flaps(scene: Scene) -> None:
    scene.simulator.restart(down_s=60)
    await scene.made.until(lambda: scene.made.state is not S.READY)
    await scene.made.ready()
    for _ in range(3):
        scene.simulator.cut()
        await scene.made.until(lambda: scene.made.state is not S.READY)
        await scene.made.ready()


@alarms(K.CONNECTION_LOST, K.OUTAGE_OVERDUE)
async def the_gateway_stays_away(scene: Scene) -> None:
    scene.simulator.inject(Restart(down_s=500.0))
    await scene.made.until(lambda: scene.made.state is not S.READY)
    await scene.made.ready(within_s=3600)


@alarms(K.CONNECTION_LOST, K.LOGIN_NEEDED)
async def the_gateway_waits_for_its_login(scene: Scene) -> None:
    scene.simulator.inject(Silent(after=Stage.START, lasts_s=120.0))
    scene.simulator.cut()
    await scene.made.until(lambda: scene.made.state is S.LOGIN_NEEDED)
    await scene.made.ready()


@alarms(K.CONNECTION_LOST, K.OUTAGE_OVERDUE, K.CONNECTION_FAILED)
async def the_connection_is_given_up(scene: Scene) -> None:
    scene.simulator.inject(Restart(down_s=1800.0))
    await scene.made.until(lambda: scene.made.state is S.STOPPED, within_s=3600)
    await scene.made.advance(1800)
    await scene.made.run(scene.made.engine.connect())
    await scene.made.ready()


# --- market data ------------------------------------------------------------------------------


@alarms(K.COMPETING_SESSION)
async def somebody_else_logs_in(scene: Scene) -> None:
    for _ in range(2):
        scene.simulator.inject(CompetingSession(lasts_s=20.0, copies=10))
        await scene.made.advance(20)


@alarms(K.STREAM_STALE)
async def the_ticks_stop(scene: Scene) -> None:
    for reply in ("TickPrice", "TickSize"):
        scene.simulator.inject(Drop(reply=reply))
    await scene.made.advance(300)
    scene.simulator.clear_faults()
    await scene.made.advance(120)


# --- orders -----------------------------------------------------------------------------------


@alarms(K.ORDER_REJECTED)
async def orders_are_rejected(scene: Scene) -> None:
    scene.simulator.inject(Reject(code=201, text="Order rejected - reason: no", times=5))
    for _ in range(5):
        await scene.fails(scene.made.engine.orders.place(ORDER), step_s=0.2)


@alarms(K.ORDER_UNCERTAIN, K.BREAKER_OPEN)
async def orders_are_never_answered(scene: Scene) -> None:
    for on in ("PlaceOrder", "ReqOpenOrders", "ReqAllOpenOrders"):
        scene.simulator.inject(IgnoreRequest(on=on))
    placing = [asyncio.ensure_future(scene.made.engine.orders.place(ORDER)) for _ in range(2)]
    await scene.made.until(lambda: scene.made.engine.status().uncertain_orders == 2, step_s=1.0)
    await scene.made.advance(90)
    scene.simulator.clear_faults()
    scene.simulator.cut()
    await scene.made.until(lambda: scene.made.state is not S.READY)
    await scene.made.ready()
    await scene.made.until(lambda: scene.made.engine.status().uncertain_orders == 0)
    await asyncio.gather(*placing, return_exceptions=True)


@alarms(K.ORDER_ATTENTION)
async def a_bracket_loses_its_stop(scene: Scene) -> None:
    engine = scene.made.engine
    asked = {**ORDER, "quantity": 10, "order_type": "MKT", "limit_price": None}
    asked |= {"take_profit": "9000", "stop_loss": "1.00"}
    placed = await scene.made.run(engine.orders.place_bracket(asked, wait="filled"), step_s=0.5)
    gateway = scene.simulator.gateway
    perm_id = gateway.perm_ids[scene.made.settings.client_id, placed.stop_loss.order_id]
    gateway.execute(CancelOrder(perm_id=perm_id), scene.simulator.clock.utcnow())
    scene.simulator.flush()
    await scene.made.until(lambda: bool(engine.status().attention), step_s=1.0)
    await scene.made.advance(30)
    await scene.made.run(engine.orders.cancel(placed.take_profit.order_id), step_s=0.5)


@alarms(K.DRIFT)
async def the_ledger_and_the_broker_differ(scene: Scene) -> None:
    ledger = scene.simulator.venue.ledgers[ACCOUNT]
    share = scene.simulator.venue.instrument(AAPL)
    drift = scene.made.engine._drift
    assert drift is not None
    await scene.made.run(drift.check())
    for change in (Decimal(5), Decimal(2), Decimal(-7)):
        ledger.book(share, change, price=Decimal(1), commission=Decimal(0))
        await scene.made.run(drift.check())
        await scene.made.advance(10)
    await scene.made.run(drift.check())


@alarms(K.SLOW_ORDERS)
async def the_broker_takes_long_with_orders(scene: Scene) -> None:
    for reply in ("OpenOrder", "OrderStatus"):
        scene.simulator.inject(Hold(reply=reply, seconds=4.0))
    placed = [await scene.order() for _ in range(4)]
    scene.simulator.clear_faults()
    await scene.made.advance(660)
    for one in placed:
        await scene.made.run(scene.made.engine.orders.cancel(one.order_id), step_s=0.5)


# --- the wire and this machine ----------------------------------------------------------------


@alarms(K.BREAKER_OPEN)
async def a_circuit_opens(scene: Scene) -> None:
    scene.simulator.inject(IgnoreRequest(on="ReqHistoricalData"))
    for _ in range(5):
        await scene.fails(scene.bars())
        await scene.made.advance(15)
    scene.simulator.clear_faults()
    await scene.made.advance(25)
    await scene.made.run(scene.bars(), step_s=1.0)


@alarms(K.PACING)
async def the_gateway_is_asked_too_often(scene: Scene) -> None:
    for _ in range(2):
        scene.simulator.inject(Answer(to="ReqHistoricalData", code=162, text=PACING, times=1))
        await scene.made.run(scene.bars(), step_s=1.0)
        await scene.made.advance(30)


@alarms(K.SLOW_HEARTBEAT)
async def the_gateway_answers_late(scene: Scene) -> None:
    scene.simulator.inject(Delay(seconds=2.5))
    await scene.made.until(lambda: bool(scene.heard.of(K.SLOW_HEARTBEAT)), step_s=5.0)
    scene.simulator.clear_faults()


@alarms(K.SLOW_LOOP)
async def the_loop_is_held_up(scene: Scene) -> None:
    for _ in range(3):
        # time passes, and nobody is woken before it has
        scene.made.clock.advance(scene.made.engine.alarms.look_s + 2.0)
        await scene.made.settle()


@alarms(K.UNREADABLE)
async def messages_cannot_be_read(scene: Scene) -> None:
    number = 14  # the size of a position
    for _ in range(3):
        garble = Garble(reply="Position", number=number, text="n/a", times=1)
        scene.simulator.inject(garble)
        await scene.fails(scene.made.engine.account.ask_positions())
        await scene.made.advance(30)


# --- rules and switches -----------------------------------------------------------------------


@alarms(K.RULES_BROKEN)
async def a_file_of_rules_is_broken(scene: Scene) -> None:
    for text in ("max_order_size: lots", "{", RISK):
        (scene.config / "risk_config.yaml").write_text(text, "utf-8")
        scene.made.engine.rules.reload()
        await scene.made.advance(10)


@alarms(K.KILL_SWITCH)
async def the_switch_is_engaged(scene: Scene) -> None:
    for reason in ("lunch", "a longer lunch"):
        scene.made.engine.guard._kill.engage(reason)
        await scene.made.advance(10)
    scene.made.engine.guard._kill.release()


# --- accounts ---------------------------------------------------------------------------------


@alarms(
    K.DAILY_LOSS,
    K.DRAWDOWN,
    K.UNREALIZED_LOSS,
    K.MARGIN_CUSHION,
    K.MARGIN_CALL,
    K.TRADING_HALTED,
)
async def the_price_falls(scene: Scene) -> None:
    for at in ("150", "110", "114", "103", "105", "190"):
        await scene.price(at)


@alarms(K.DAILY_PROFIT)
async def the_price_rises(scene: Scene) -> None:
    for at in ("201", "199.5", "202", "190"):
        await scene.price(at)


@alarms(K.STALE_VALUES)
async def the_figures_stand_still(scene: Scene) -> None:
    for reply in ("AccountValue", "AccountSummary", "PortfolioValue"):
        scene.simulator.inject(Drop(reply=reply))
    await scene.made.advance(1400)
    scene.simulator.clear_faults()
    await scene.price("190.5")
    await scene.price("190")


@alarms(K.LIQUIDATION)
async def the_broker_closes_positions(scene: Scene) -> None:
    scene.simulator.inject(Rewrite(reply="ExecDetails", values={"liquidation": "1"}))
    for _ in range(2):
        scene.simulator.inject(
            ForeignOrder(con_id=AAPL, action="SELL", quantity=Decimal(10), order_id=0)
        )
        await scene.made.advance(10)
    scene.simulator.clear_faults()


@alarms(K.ORDER_REJECTED, K.ACCOUNT_RESTRICTED)
async def the_account_may_do_less(scene: Scene) -> None:
    said = "Order rejected - reason: this account is restricted to closing orders"
    scene.simulator.inject(Reject(code=201, text=said, times=3))
    for _ in range(3):
        await scene.fails(scene.made.engine.orders.place(ORDER), step_s=0.2)


# --- the run ----------------------------------------------------------------------------------


@asynccontextmanager
async def stage(tmp_path: Path, service: AlertService) -> AsyncIterator[Scene]:
    config = tmp_path / "config"
    config.mkdir()
    (config / "risk_config.yaml").write_text(RISK, "utf-8")
    rules = {
        K.UNREALIZED_LOSS: AlertRule(threshold=Decimal("0.3"), clear_at=Decimal("0.2")),
        K.DAILY_PROFIT: AlertRule(threshold=Decimal("0.05"), clear_at=Decimal("0.02")),
        K.STALE_VALUES: AlertRule(threshold=Decimal(1200)),
        # five minutes for an hour, which would take seconds
        K.LIQUIDATION: AlertRule(clear_after_s=300),
        K.ACCOUNT_RESTRICTED: AlertRule(clear_after_s=300),
    }
    url = SecretStr(service.url)
    route = AlertRoute(url=url, severity=Severity.INFO, max_messages=1000, timeout_s=60)
    async with watched(
        tmp_path,
        look_s=10.0,
        # of others' executions IB tells client 0 alone
        client_id=0,
        config_dir=config,
        alerts=AlertSettings(rules=rules, routes={"ops": route}),
        breaker_fail_max=2,
        breaker_reset_s=20.0,
        request_timeout_s=3.0,
        outage_escalate_s=300.0,
        reconnect_max_attempts=30,
        # its look at the loop, once a second, would be most of what happens
        metrics=False,
    ) as (made, heard):
        scene = Scene(made, heard, config)
        await scene.price("190")
        await scene.order(quantity=9000, order_type="MKT", limit_price=None)
        wish = StreamWish(kind=StreamKind.QUOTES, contract="AAPL")
        await made.run(made.engine.streaming.open(wish))
        await made.advance(200)
        yield scene


def test_every_kind_has_its_blow() -> None:
    assert frozenset().union(*BLOWS.values()) == set(K) - {K.TEST}


@pytest.mark.timeout(1200)
async def test_each_kind_is_raised_once_cleared_once_and_told_all_the_same(tmp_path: Path) -> None:
    blows = list(BLOWS)
    Random(7).shuffle(blows)
    wrong: dict[str, Any] = {}
    with alert_service() as service:
        async with stage(tmp_path, service) as scene:
            assert scene.heard.steps() == []
            for number, blow in enumerate(blows):
                service.mode = ("ok", "500", "hang")[min(2, number * 3 // len(blows))]
                await scene.nudge()
                before = len(scene.heard.changes)
                await blow(scene)
                await scene.made.advance(320)
                told = Counter(scene.heard.steps()[before:])
                meant = Counter((kind, step) for kind in BLOWS[blow] for step in (R, C))
                if told != meant or scene.made.engine.alarms.active:
                    wrong[blow.__name__] = (told - meant, meant - told)
            assert wrong == {}
            assert scene.made.engine.alarms.failures == 0
            service.mode = "ok"
            service.release()
            steps = {(one.alert.alert_id, one.step.value) for one in scene.heard.changes}
            alarms = scene.made.engine.alarms
            async with asyncio.timeout(200):
                while set(service.counts()) != steps or alarms.outstanding:
                    await scene.nudge()
                    await asyncio.sleep(0.005)  # a service answers in the machine's own time
