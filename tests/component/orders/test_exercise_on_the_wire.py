"""Options are exercised, or lapse, through a real socket: once, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import IBKRConnector
from ibkr_connector.build import exercise
from ibkr_connector.clock import SystemClock
from ibkr_connector.engine import Engine
from ibkr_connector.errors import (
    IBKRError,
    NotConnectedError,
    OrderRejectedError,
    OrderStateError,
    OrderUncertainError,
    ReadOnlyError,
    RiskLimitError,
    TradingHaltedError,
)
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.orders import OrderStatus, SendDisposition
from ibkr_connector.orders.desk import OrdersDesk
from ibkr_connector.simulator import Cut, HostedSimulator, IgnoreRequest
from ibkr_connector.simulator.wire.requests import ExerciseOptions
from kit.jumpy_clock import LeapingClock
from kit.rule_socket import AAPL, engine_at, limits, quote

Make = Callable[..., IBKRConnector]


def a_call(gateway: HostedSimulator) -> Contract:
    """Return a call with a strike of 180, quoted at 10, and hold its stock at 190."""

    def find(simulator: Any) -> int:
        options = simulator.gateway.venue.catalogue.options_of(AAPL)
        return int(next(one.con_id for one in options if one.right == "C" and one.strike == 180))

    con_id = gateway.do(find)
    quote(gateway, "189.90", "190.10")
    quote(gateway, "9.90", "10.10", con_id=con_id)
    return Contract(symbol="AAPL", security_type=SecurityType.OPTION, con_id=ConId(con_id))


def asked(gateway: HostedSimulator) -> list[ExerciseOptions]:
    """Return every message that asked for an exercise."""

    def look(simulator: Any) -> list[ExerciseOptions]:
        requests = [one.request for one in simulator.log]
        return [one for one in requests if isinstance(one, ExerciseOptions)]

    return gateway.do(look)


async def held(ib: IBKRConnector, contract: Contract, quantity: int) -> None:
    """Wait until the connector has heard that so much is held of a contract."""
    async with asyncio.timeout(60):
        while True:
            await ib.connect()
            rows = {row.contract.con_id: row.quantity for row in await ib.get_positions()}
            if rows.get(contract.con_id, Decimal(0)) == quantity:
                return
            await asyncio.sleep(0.02)


async def bought(ib: IBKRConnector, contract: Contract, quantity: int) -> None:
    await ib.place_order(
        {"contract": contract, "action": "BUY", "quantity": quantity}, wait="filled"
    )
    await held(ib, contract, quantity)


async def test_options_become_shares_once_and_under_one_key(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    call = a_call(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await bought(ib, call, 3)
        report = await ib.exercise_option(call, 2, client_order_id="mine", wait="filled")
        assert report.status is OrderStatus.FILLED
        assert (report.filled_quantity, report.fills) == (Decimal(2), ())
        assert report.unbacked_quantity == 0
        assert report.terms.exercise is not None
        await held(ib, call, 1)
        await held(ib, Contract(symbol="AAPL", con_id=ConId(AAPL)), 200)
        again = await ib.exercise_option(call, 2, client_order_id="mine")
        assert again.order_id == report.order_id
        history = await ib.order_history(report.order_id)
        assert "exercise 2" in history.steps[0].what
    # another process knows the key
    async with make_connector(ibkr_gateway.port) as later:
        again = await later.exercise_option(call, 2, client_order_id="mine")
        assert (again.order_id, again.status) == (report.order_id, OrderStatus.FILLED)
    (request,) = asked(ibkr_gateway)
    assert (request.request_id, request.action, request.quantity) == (report.order_id, 1, 2)
    assert request.override == 0


async def test_lapsing_and_overriding_are_told_and_the_brokers_no_is_a_no(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    call = a_call(ibkr_gateway)
    quote(ibkr_gateway, "169.90", "170.10")
    async with make_connector(ibkr_gateway.port) as ib:
        await bought(ib, call, 3)
        with pytest.raises(OrderRejectedError, match="out of the money") as refused:
            await ib.exercise_option(call, 1)
        assert refused.value.code == 201
        lapsed = await ib.exercise_option(call, 1, lapse=True, wait="filled")
        assert lapsed.status is OrderStatus.FILLED
        forced = await ib.exercise_option(call, 1, override=True, wait="filled")
        assert forced.status is OrderStatus.FILLED
        with pytest.raises(OrderStateError, match="filled and cannot be changed"):
            await ib.modify_order(forced.order_id, {"quantity": 2})
    told = [(one.action, one.override) for one in asked(ibkr_gateway)]
    assert told == [(1, 0), (2, 0), (1, 1)]


async def test_our_own_no_comes_before_the_wire(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config, "max_order_value: 20000")
    call = a_call(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await bought(ib, call, 2)
        with pytest.raises(RiskLimitError) as broken:
            await ib.exercise_option(call, 3)
        assert [one.rule for one in broken.value.violations] == ["exercise", "max_order_value"]
        sell = {"contract": call, "action": "SELL", "quantity": 2}
        resting = await ib.place_order(sell | {"order_type": "LMT", "limit_price": "30.00"})
        with pytest.raises(RiskLimitError, match="0 held and not for sale"):
            await ib.exercise_option(call, 1)
        await ib.cancel_order(resting.order_id)
        await ib.kill_switch.engage("for a test")
        with pytest.raises(TradingHaltedError):
            await ib.exercise_option(call, 1)
    async with make_connector(ibkr_gateway.port, readonly=True) as ib:
        with pytest.raises(ReadOnlyError):
            await ib.exercise_option(call, 1)
    assert asked(ibkr_gateway) == []


async def test_a_preview_of_it_asks_the_broker_nothing_and_lets_it_go(
    ibkr_gateway: HostedSimulator, make_connector: Make, config: Path
) -> None:
    limits(config)
    call = a_call(ibkr_gateway)
    async with make_connector(ibkr_gateway.port) as ib:
        await bought(ib, call, 2)
        preview = await ib.preview_order(exercise(call, 2))
        assert preview.is_allowed
        assert (preview.broker.is_answered, preview.asked_about) == (False, "")
        assert ("exercise", "2 held") in {(row.rule, row.limit) for row in preview.rules}
        assert asked(ibkr_gateway) == []
        report = await ib.place_order(preview.order, token=preview.token, wait="filled")
        assert report.status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("fault", "happened"),
    [
        (Cut(on="ExerciseOptions", handled=True, answered=False), True),
        (Cut(on="ExerciseOptions", handled=False, answered=False), False),
        (IgnoreRequest(on="ExerciseOptions", times=1), False),
    ],
)
async def test_what_is_lost_on_the_way_is_uncertain_and_never_asked_for_again(
    ibkr_gateway: HostedSimulator,
    make_connector: Make,
    config: Path,
    fault: Any,
    happened: bool,
) -> None:
    limits(config)
    call = a_call(ibkr_gateway)
    clock = LeapingClock(SystemClock().utcnow())
    async with engine_at(make_connector(ibkr_gateway.port).settings, clock) as engine:
        desk = engine.orders
        await desk.place({"contract": call, "action": "BUY", "quantity": 2}, wait="filled")
        await until(lambda: holds(engine, call) == 2)
        ibkr_gateway.do(lambda simulator: simulator.inject(fault))
        once = exercise(call, 2).keyed("once")
        exercising = asyncio.ensure_future(desk.place(once))
        if isinstance(fault, IgnoreRequest):
            await until(lambda: is_sent(desk))
            clock.leap(600)
        with pytest.raises(OrderUncertainError) as lost:
            await exercising
        # it bears no reference: no list proves that it was never there
        async with asyncio.timeout(60):
            while True:
                try:
                    await desk.place(once)
                except OrderUncertainError:
                    break
                except IBKRError:
                    await asyncio.sleep(0.05)
        await until(lambda: holds(engine, call) == (0 if happened else 2))
        report = await desk.look_up(lost.value.order_id or 0)
        assert report.status is OrderStatus.UNCERTAIN
    assert len(asked(ibkr_gateway)) == 1


def holds(engine: Engine, contract: Contract) -> Decimal | None:
    """Tell how much is held of a contract, as the engine knows it; nothing without a connection."""
    try:
        rows = {row.contract.con_id: row.quantity for row in engine.positions(None)}
    except NotConnectedError:
        return None
    return rows.get(contract.con_id, Decimal(0))


def is_sent(desk: OrdersDesk) -> bool:
    """Whether an exercise has gone to the broker."""
    return any(
        one.disposition is SendDisposition.SENT for one in desk.orders() if one.terms.exercise
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)
