"""Orders of others, accounts of others, and the status of it all, through a real socket."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector import (
    ConfigurationError,
    IBKRConnector,
    OrderNotFoundError,
    OrderStateError,
    OrderValidationError,
    TradingHaltedError,
    WrongThreadError,
)
from ibkr_connector.clock import SystemClock
from ibkr_connector.orders.kill_switch import KillSwitch
from ibkr_connector.simulator import HostedSimulator
from ibkr_connector.simulator.scenario.actions import Order
from ibkr_connector.simulator.wire.requests import CancelOrder, GlobalCancel
from kit.rule_socket import at_the_venue, limits, order

Make = Callable[..., IBKRConnector]
MakeGateway = Callable[..., HostedSimulator]


def by_others(gateway: HostedSimulator) -> None:
    """Let another client and a person at TWS place an order each."""
    for client_id, order_id in ((9, 7), (0, 0)):
        gateway.do(
            lambda simulator, client_id=client_id, order_id=order_id: simulator.act(  # type: ignore[misc]  # a lambda's defaults
                Order(
                    client_id=client_id,
                    order_id=order_id,
                    symbol="AAPL",
                    action="BUY",
                    quantity=Decimal(5),
                    limit_price=Decimal(1),
                )
            )
        )


def open_at_the_venue(gateway: HostedSimulator) -> int:
    return gateway.do(lambda simulator: len(tuple(simulator.venue.open_orders())))


def asked(gateway: HostedSimulator, kind: type) -> int:
    """How many requests of a kind the gateway had."""
    return gateway.do(lambda simulator: sum(type(one.request) is kind for one in simulator.log))


async def test_the_switch_cancels_ours_and_counts_those_of_others_that_it_leaves(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(order(limit_price="1.00"))
        report = await ib.kill_switch.engage("enough", cancel=True)
        assert (report.cancelled, report.left, report.problems) == (1, 2, ())
        assert report.is_done
    assert open_at_the_venue(ibkr_gateway) == 2
    assert asked(ibkr_gateway, GlobalCancel) == 0


async def test_the_switch_cancels_everybodys_orders_when_that_is_asked_for(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        mine = await ib.place_order(order(limit_price="1.00"))
        report = await ib.kill_switch.engage("enough", everyone=True)
        assert (report.left, report.problems) == (0, ())
        assert (await ib.get_order_status(mine.order_id)).status == "cancelled"
        state = ib.kill_switch.state
        assert state is not None
        assert state.everyone
        assert state.done_at is not None
    assert open_at_the_venue(ibkr_gateway) == 0
    assert asked(ibkr_gateway, GlobalCancel) == 1


async def test_a_position_that_others_could_open_anew_is_told_with_what_to_do_and_then_closed(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await ib.place_order(
            order(action="SELL", order_type="MKT", limit_price=None), wait="filled"
        )
        report = await ib.kill_switch.engage("enough", flatten=True)
        (problem,) = report.problems
        assert "AAPL is not closed" in problem
        assert "2 open orders of others could come on top" in problem
        assert "--everyone" in problem
        report = await ib.kill_switch.engage("enough", flatten=True, everyone=True)
        assert (report.closed, report.left, report.problems) == (1, 0, ())
    assert open_at_the_venue(ibkr_gateway) == 0


async def test_another_process_asks_for_everybody_and_the_running_one_does_it(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        mine = await ib.place_order(order(limit_price="1.00"))
        switch = KillSwitch(ib.settings.state_dir, clock=SystemClock())
        switch.engage("from outside", everyone=True)
        assert (await ib.wait_for_fill(mine.order_id, timeout_s=60)).status == "cancelled"
    assert open_at_the_venue(ibkr_gateway) == 0


async def test_a_read_only_connector_cancels_nobodys_orders(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port, readonly=True) as ib:
        report = await ib.kill_switch.engage("enough", everyone=True)
        assert "read-only" in report.problems[0]
        assert not report.is_done
    assert open_at_the_venue(ibkr_gateway) == 2
    assert asked(ibkr_gateway, GlobalCancel) == 0


@pytest.fixture
def quiet() -> Iterator[None]:
    """Put the handler of the signal back, and survive one that comes late."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGUSR1, before)


async def test_a_signal_engages_the_switch_and_the_running_connector_does_what_was_asked(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path, quiet: None
) -> None:
    limits(config)
    heard: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    async with make_connector(ibkr_gateway.port) as ib:
        ib.kill_switch.engage_on_signal(signal.SIGUSR1, cancel=True)
        mine = await ib.place_order(order(limit_price="1.00"))
        os.kill(os.getpid(), signal.SIGUSR1)
        assert (await ib.wait_for_fill(mine.order_id, timeout_s=60)).status == "cancelled"
        with pytest.raises(TradingHaltedError, match="signal SIGUSR1"):
            await ib.place_order(order(limit_price="2.00"))
        assert heard == [signal.SIGUSR1]
        for number, said in ((signal.SIGKILL, "SIGKILL"), (4711, "4711")):
            with pytest.raises(ConfigurationError, match=said) as refused:
                ib.kill_switch.engage_on_signal(number)
            assert refused.value.hint
        with pytest.raises(WrongThreadError, match="main thread"):
            await asyncio.to_thread(ib.kill_switch.engage_on_signal, signal.SIGUSR1)
    assert at_the_venue(ibkr_gateway) == 1


async def test_row_25_an_order_of_another_client_is_seen_and_not_cancelled_or_changed_here(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    by_others(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        perm_ids = ibkr_gateway.do(
            lambda simulator: [one.perm_id for one in simulator.venue.open_orders()]
        )
        for perm_id in perm_ids:
            report = await ib.get_order_status(perm_id)
            assert report.client_id in (9, 0)
            assert report.status == "submitted"
            with pytest.raises(OrderStateError, match="placed by another client") as foreign:
                await ib.cancel_order(perm_id)
            assert "cancel it in TWS, or connect with client id" in str(foreign.value)
            with pytest.raises(OrderStateError) as fixed:
                await ib.modify_order(perm_id, {"quantity": 1})
            assert fixed.value.hint
        with pytest.raises(OrderNotFoundError) as unknown:
            await ib.cancel_order(99)
        assert "99" in str(unknown.value)
        assert unknown.value.hint
    assert asked(ibkr_gateway, CancelOrder) == 0
    assert open_at_the_venue(ibkr_gateway) == 2


async def test_row_30_of_several_accounts_one_must_be_named(
    make_ibkr_gateway: MakeGateway, make_connector: Make, config: Path
) -> None:
    limits(config)
    gateway = make_ibkr_gateway(accounts={"DU1": Decimal(100_000), "DU2": Decimal(100_000)})
    async with make_connector(gateway.port) as ib:
        with pytest.raises(OrderValidationError, match="the login has 2 accounts") as unnamed:
            await ib.place_order(order())
        assert "IBKR_ACCOUNT_ID" in str(unnamed.value)
        assert at_the_venue(gateway) == 0
        placed = await ib.place_order(order(account="DU2"))
        assert placed.account == "DU2"
    booked = gateway.do(lambda simulator: [one.account for one in simulator.venue.open_orders()])
    assert booked == ["DU2"]


async def test_the_status_tells_rules_switch_and_drift(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    async with make_connector(ibkr_gateway.port) as ib:
        before = ib.get_connection_status()
        assert (before.rules, before.kill_switch, before.halted_by) == ("risk_config.yaml", "", ())
        assert before.drift.checked_at is None
        assert before.drift.sentence == "not compared yet"
        watch = ib._runtime.engine._drift  # type: ignore[union-attr]
        assert watch is not None
        await ib.run(watch.check())
        checked = ib.get_connection_status().drift
        assert checked.checked_at is not None
        assert checked.sentence.startswith("none at ")
        await ib.kill_switch.engage("a drill")
        engaged = ib.get_connection_status()
        assert "a drill" in engaged.kill_switch
        assert engaged.halted_by == (engaged.kill_switch,)
        health = ib.get_connection_health()
        assert health["drift"]["differences"] == []
