"""The pacing through a real socket, before a gateway that punishes whoever asks too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ib_async.contract import Stock

from ibkr_connector import (
    CircuitOpenError,
    ConfigurationError,
    IBKRConnector,
    NotConnectedError,
    RequestTimeoutError,
)
from ibkr_connector.model.status import BreakerState
from ibkr_connector.resilience.events import EventKind, PipelineEvent
from ibkr_connector.simulator import (
    GatewaySimulator,
    HostedSimulator,
    IgnoreRequest,
    MessageRate,
)
from kit.far_clock import FarClock, far_clock
from kit.market import has_asked
from kit.rig import rig

__all__ = ["far_clock"]

Make = Callable[..., IBKRConnector]


def asked(gateway: HostedSimulator) -> list[str]:
    """Return the kinds of all messages that have reached the gateway, in order."""
    return gateway.do(lambda gw: [type(exchange.request).__name__ for exchange in gw.log])


async def details(ib: IBKRConnector, symbol: str = "AAPL") -> Sequence[Any]:
    contract = Stock(symbol, "SMART", "USD")
    return await ib.request("details", lambda ib_: ib_.reqContractDetailsAsync(contract))


async def test_a_flood_of_every_kind_is_never_told_that_it_comes_too_fast(
    tmp_path: Path,
) -> None:
    # on one clock for both, because a machine that stalls puts a second's messages into half of one
    async with rig(tmp_path, messages_per_second=30) as made:
        engine = made.engine
        made.simulator.inject(MessageRate(per_s=31, breaches=1))
        apple = Stock("AAPL", "SMART", "USD")
        quotes = [engine.market.quote("AAPL") for _ in range(15)]
        calls = [
            engine.request("details", lambda client: client.reqContractDetailsAsync(apple))
            for _ in range(60)
        ]
        await made.run(asyncio.gather(*quotes, *calls), step_s=0.05)
        # each quote also called its line off, in its own turn
        await made.until(lambda: not engine.pipeline.pacing_status().queued, step_s=0.05)
        status = engine.pipeline.pacing_status()
        assert made.logins() == 1
        assert made.asked("CancelMarketData") == 15
    assert (status.budget, status.budget_now, status.complaints, status.net_alarms) == (
        30,
        30,
        0,
        0,
    )
    assert status.lanes["data"].passed >= 75
    assert status.lanes["data"].longest_wait_s > 0.5


async def test_a_cancel_overtakes_what_waits_in_front_of_the_wire(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    # so slowly that what waits still waits when a slow machine gets to the cancellation
    async with make_connector(ibkr_gateway.port, messages_per_second=10) as ib:
        report = await ib.place_order(
            {
                "symbol": "AAPL",
                "action": "BUY",
                "quantity": 1,
                "order_type": "LMT",
                "limit_price": "1.00",
            }
        )
        before = len(asked(ibkr_gateway))
        flood = [asyncio.ensure_future(details(ib)) for _ in range(500)]
        while (await ib.pacing_status()).lanes["data"].queued < 400:
            await asyncio.sleep(0)
        await ib.cancel_order(report.order_id)
        behind = (await ib.pacing_status()).lanes["data"].queued
        order = asked(ibkr_gateway)[before:]
        for one in flood:
            one.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
    # it has been answered, and they have not even been asked
    assert "CancelOrder" in order
    assert behind >= 100


async def test_history_keeps_the_rules_that_the_gateway_enforces(tmp_path: Path) -> None:
    moments: list[float] = []
    async with rig(tmp_path) as made:

        async def ask(minutes: int) -> None:
            await made.engine.market.bars(
                "AAPL",
                bar_size="30 secs",
                duration=f"{600 + 60 * minutes} S",
                regular_hours_only=False,
            )
            moments.append(made.clock.monotonic())

        await made.run(asyncio.gather(*(ask(minutes) for minutes in range(12))), step_s=0.05)
        status = made.engine.pipeline.pacing_status()
        history = status.history
        assert status.complaints == 0
    # five in any two seconds: the last of twelve comes after two such waits
    assert moments[-1] - moments[0] >= 4.0
    assert all(later - earlier >= 2.0 for earlier, later in pairwise(moments[4::5]))
    assert (history.used, history.open, history.limit_now) == (12, 0, 60)


async def test_a_gateway_that_complains_is_asked_more_slowly(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        told: list[PipelineEvent] = []
        ib.on_pipeline_event(told.append)

        def complain_twice(simulator: GatewaySimulator) -> None:
            for _ in range(2):
                simulator.notice(100, "Max rate of messages per second has been exceeded")

        # at one time, as a gateway does that is flooded
        ibkr_gateway.do(complain_twice)
        await details(ib)
        status = await ib.pacing_status()
        assert (status.budget, status.budget_now, status.complaints) == (45, 22, 1)
        assert [event.kind for event in told if event.kind is EventKind.SLOWED] == [
            EventKind.SLOWED
        ]


async def test_a_circuit_that_opened_is_closed_by_hand_and_every_change_is_told(
    ibkr_gateway: HostedSimulator, make_connector: Make, far_clock: FarClock
) -> None:
    ibkr_gateway.do(lambda gw: gw.inject(IgnoreRequest(on="ReqContractDetails", times=2)))
    async with far_clock.running(), make_connector(ibkr_gateway.port, breaker_fail_max=2) as ib:
        told: list[PipelineEvent] = []
        end = ib.on_pipeline_event(told.append)
        asking = asyncio.gather(details(ib, "AAPL"), details(ib, "MSFT"), return_exceptions=True)
        await has_asked(ibkr_gateway, "ReqContractDetails", 2)
        await far_clock.until(asking.done)
        for late in await asking:
            assert isinstance(late, RequestTimeoutError)
        status = ib.get_connection_status()
        assert status.breakers["market"] is BreakerState.OPEN
        assert status.circuits["market"].opened == 1
        with pytest.raises(CircuitOpenError):
            await details(ib)
        with pytest.raises(ConfigurationError, match="markt"):
            await ib.reset_breaker("markt")
        await ib.reset_breaker("market")
        assert await details(ib)
        circuits = [event for event in told if event.kind is EventKind.CIRCUIT]
        assert [(event.was, event.circuit) for event in circuits] == [
            (BreakerState.CLOSED, BreakerState.OPEN),
            (BreakerState.OPEN, BreakerState.CLOSED),
        ]
        assert isinstance(circuits[0].error, RequestTimeoutError)
        end()
        heard = len(told)
        await details(ib)
        assert len(told) == heard
        assert ib.get_connection_status().breakers["orders"] is BreakerState.CLOSED


async def test_before_connecting_there_is_nothing_to_pace(make_connector: Make) -> None:
    ib = make_connector(4002)
    with pytest.raises(NotConnectedError):
        await ib.pacing_status()
    with pytest.raises(NotConnectedError):
        ib.on_pipeline_event(print)
