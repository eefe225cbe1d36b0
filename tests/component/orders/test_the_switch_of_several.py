"""What is asked for with the kill switch, where several programs share it, or one is in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ibkr_connector import IBKRConnector
from ibkr_connector.clock import SystemClock
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.orders.kill_switch import KillState, KillSwitch
from ibkr_connector.simulator import Cut, Drop, HostedSimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from kit.rule_socket import (
    AAPL,
    MARKET,
    at_the_venue,
    command,
    limits,
    order,
    positions_are,
    quote,
)

Make = Callable[..., IBKRConnector]


def switch_of(ib: IBKRConnector) -> KillSwitch:
    """The switch as another process has it."""
    return KillSwitch(ib.settings.state_dir, clock=SystemClock())


async def is_done(switch: KillSwitch) -> KillState:
    """Wait until somebody has done what was asked for."""
    async with asyncio.timeout(60):
        while (state := switch.state()) is None or state.done_at is None:
            await asyncio.sleep(0.02)
    return state


async def test_each_program_cancels_its_own_orders_whoever_is_first(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with (
        make_connector(ibkr_gateway.port, client_id=21) as one,
        make_connector(ibkr_gateway.port, client_id=22) as two,
    ):
        resting = [
            (ib, await ib.place_order(order(quantity=nth, limit_price="50.00")))
            for nth, ib in enumerate((one, two), 1)
        ]
        switch_of(one).engage("from outside", cancel=True)
        for ib, report in resting:
            assert (await ib.wait_for_fill(report.order_id, timeout_s=60)).status == "cancelled"


async def test_a_program_that_may_only_look_leaves_it_to_those_that_trade(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port, client_id=21) as trading:
        resting = await trading.place_order(order(limit_price="50.00"))
        async with make_connector(ibkr_gateway.port, client_id=22, readonly=True) as looking:
            # it does so in its own name, so that it is surely the first
            await looking.kill_switch.engage("from outside", cancel=True)
        ended = await trading.wait_for_fill(resting.order_id, timeout_s=60)
        assert ended.status == "cancelled"


async def test_two_programs_close_a_position_once(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(ibkr_gateway)
    async with (
        make_connector(ibkr_gateway.port, client_id=21) as one,
        make_connector(ibkr_gateway.port, client_id=22) as two,
    ):
        await one.place_order(order(**MARKET), wait="filled")
        await positions_are(one, 10)
        await positions_are(two, 10)
        # nobody buys any more, so what closes rests
        command(ibkr_gateway, SetQuote(con_id=AAPL, bid=None, ask=Decimal("100.10")))
        switch_of(one).engage("from outside", flatten=True)
        reports = await asyncio.gather(one.kill_switch.carry_out(), two.kill_switch.carry_out())
        assert all(report.is_done for report in reports)
        # what was bought, and what closes it
        assert at_the_venue(ibkr_gateway) == 2


async def test_what_a_lost_connection_broke_off_is_done_over_the_next(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port) as ib:
        resting = await ib.place_order(order(limit_price="50.00"))
        ibkr_gateway.do(lambda gateway: gateway.inject(Cut(on="CancelOrder", handled=False)))
        await ib.kill_switch.engage("enough", cancel=True)
        ended = await ib.wait_for_fill(resting.order_id, timeout_s=60)
        assert ended.status == "cancelled"
        await is_done(switch_of(ib))


async def test_a_connection_that_lacks_something_else_obeys_too(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    ibkr_gateway.do(lambda gateway: gateway.inject(Drop(reply="AccountDownloadEnd")))
    async with make_connector(ibkr_gateway.port, sync_timeout_s=10.0) as ib:
        async with asyncio.timeout(60):
            while ib.get_connection_status().state is not ConnectionState.DEGRADED:
                await asyncio.sleep(0.02)
        resting = await ib.place_order(order(limit_price="50.00"))
        switch_of(ib).engage("from outside", cancel=True)
        ended = await ib.wait_for_fill(resting.order_id, timeout_s=60)
        assert ended.status == "cancelled"


async def test_positions_are_closed_also_where_nobody_knows_what_the_account_is_worth(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    quote(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(order(**MARKET), wait="filled")
        await positions_are(ib, 10)
    for reply in ("AccountSummary", "AccountSummaryEnd", "AccountValue"):
        ibkr_gateway.do(lambda gateway, reply=reply: gateway.inject(Drop(reply=reply)))  # type: ignore[misc]
    async with make_connector(ibkr_gateway.port, sync_timeout_s=10.0) as ib:
        async with asyncio.timeout(60):
            while ib.get_connection_status().degraded_by != ("account values",):
                await asyncio.sleep(0.02)
        report = await ib.kill_switch.engage("enough", flatten=True)
        assert (report.closed, report.problems) == (1, ())
        await positions_are(ib, 0)
