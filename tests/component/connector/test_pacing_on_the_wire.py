"""The pacing through a real socket, before a gateway that punishes whoever asks too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
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
from ibkr_connector.simulator import HostedSimulator, IgnoreRequest, MessageRate

Make = Callable[..., IBKRConnector]


def asked(gateway: HostedSimulator) -> list[str]:
    """Return the kinds of all messages that have reached the gateway, in order."""
    return gateway.do(lambda gw: [type(exchange.request).__name__ for exchange in gw.log])


async def details(ib: IBKRConnector, symbol: str = "AAPL") -> Sequence[Any]:
    contract = Stock(symbol, "SMART", "USD")
    return await ib.request("details", lambda ib_: ib_.reqContractDetailsAsync(contract))


async def test_a_flood_of_every_kind_is_never_told_that_it_comes_too_fast(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ibkr_gateway.do(lambda gw: gw.inject(MessageRate(per_s=50, breaches=1)))
    # a machine that stalls may put a second's messages into half of one: leave it the room
    async with make_connector(ibkr_gateway.port, messages_per_second=30) as ib:
        quotes = [ib.get_quote("AAPL") for _ in range(15)]
        calls = [details(ib) for _ in range(60)]
        await asyncio.gather(*quotes, *calls)
        status = await ib.pacing_status()
        # each quote also called its line off, in its own turn
        while (await ib.pacing_status()).queued:
            await details(ib)
        assert ib.get_connection_status().reconnect_count == 0
    assert (status.budget, status.budget_now, status.complaints, status.net_alarms) == (
        30,
        30,
        0,
        0,
    )
    assert status.lanes["data"].passed >= 75
    assert status.lanes["data"].longest_wait_s > 0.5
    assert asked(ibkr_gateway).count("CancelMarketData") == 15


async def test_a_cancel_overtakes_what_waits_in_front_of_the_wire(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
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
        behind = (await ib.pacing_status()).lanes["data"].queued
        await ib.cancel_order(report.order_id)
        order = asked(ibkr_gateway)[before:]
        for one in flood:
            one.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
    overtaken = 500 - order.index("CancelOrder")
    assert behind >= 400
    assert overtaken >= 400


async def test_history_keeps_the_rules_that_the_gateway_enforces(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    moments: list[float] = []
    loop = asyncio.get_running_loop()
    async with make_connector(ibkr_gateway.port) as ib:

        async def ask(minutes: int) -> None:
            await ib.get_historical_data(
                "AAPL",
                bar_size="30 secs",
                duration=f"{600 + 60 * minutes} S",
                regular_hours_only=False,
            )
            moments.append(loop.time())

        await asyncio.gather(*(ask(minutes) for minutes in range(12)))
        history = (await ib.pacing_status()).history
        assert (await ib.pacing_status()).complaints == 0
    # five in any two seconds: the last of twelve comes after two such waits
    assert moments[-1] - moments[0] >= 3.5
    assert all(later - earlier >= 1.5 for earlier, later in pairwise(moments[4::5]))
    assert (history.used, history.open, history.limit_now) == (12, 0, 60)


async def test_a_gateway_that_complains_is_asked_more_slowly(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        told: list[PipelineEvent] = []
        ib.on_pipeline_event(told.append)
        ibkr_gateway.do(
            lambda gw: gw.notice(100, "Max rate of messages per second has been exceeded")
        )
        ibkr_gateway.do(
            lambda gw: gw.notice(100, "Max rate of messages per second has been exceeded")
        )
        await details(ib)
        status = await ib.pacing_status()
        assert (status.budget, status.budget_now, status.complaints) == (45, 22, 1)
        assert [event.kind for event in told if event.kind is EventKind.SLOWED] == [
            EventKind.SLOWED
        ]


async def test_a_circuit_that_opened_is_closed_by_hand_and_every_change_is_told(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    ibkr_gateway.do(lambda gw: gw.inject(IgnoreRequest(on="ReqContractDetails", times=2)))
    # what is asked while connecting has to be answered in time on a busy machine too
    settings = {"request_timeout_s": 3.0, "sync_timeout_s": 60.0, "breaker_fail_max": 2}
    async with make_connector(ibkr_gateway.port, **settings) as ib:
        told: list[PipelineEvent] = []
        end = ib.on_pipeline_event(told.append)
        asking = (details(ib, "AAPL"), details(ib, "MSFT"))
        for late in await asyncio.gather(*asking, return_exceptions=True):
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
