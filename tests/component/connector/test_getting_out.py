"""Cancelling everything, closing one position, closing all: through the connector and a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector import (
    IBKRConnector,
    NotConnectedError,
    OrderStateError,
    OrderStatus,
    OrderValidationError,
    ReadOnlyError,
    limit_order,
    market_order,
)
from ibkr_connector.simulator import Answer, Cut, HostedSimulator
from kit.far_clock import FarClock, far_clock

__all__ = ["far_clock"]

Make = Callable[..., IBKRConnector]
REST: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 5,
    "order_type": "LMT",
    "limit_price": "1.05",
}


async def hold(ib: IBKRConnector, symbol: str, action: str, quantity: int) -> None:
    """Trade, and wait until it is filled."""
    report = await ib.place_order(market_order(symbol, action, quantity))
    report = await ib.wait_for_fill(report.order_id, timeout_s=60)
    assert report.status is OrderStatus.FILLED


async def held(ib: IBKRConnector) -> dict[str, Decimal]:
    """Return what the broker says is held, when asked anew."""
    rows = await ib.request("positions", lambda raw: raw.reqPositionsAsync())
    return {row.contract.symbol: Decimal(str(row.position)) for row in rows if row.position}


async def test_cancel_all_cancels_every_order_of_ours_and_reports_each(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        placed = [await ib.place_order(REST | {"quantity": n}) for n in (1, 2, 3)]
        done = await ib.cancel_all()
        assert done.is_done
        assert [one.order_id for one in done.cancelled] == [one.order_id for one in placed]
        assert {one.status for one in done.cancelled} == {OrderStatus.CANCELLED}
        assert (await ib.cancel_all()).cancelled == ()


async def test_orders_of_other_clients_are_left_alone(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Any
) -> None:
    async with (
        make_connector(ibkr_gateway.port) as ib,
        make_connector(ibkr_gateway.port, client_id=7, state_dir=tmp_path / "other") as other,
    ):
        theirs = await other.place_order(REST)
        await ib.place_order(REST)
        assert len((await ib.cancel_all()).cancelled) == 1
        assert (await other.get_order_status(theirs.order_id)).status is OrderStatus.SUBMITTED


@pytest.mark.parametrize(("action", "back"), [("BUY", "SELL"), ("SELL", "BUY")])
async def test_a_position_is_closed_whichever_way_it_is(
    ibkr_gateway: HostedSimulator, make_connector: Make, action: str, back: str
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", action, 10)
        await hold(ib, "MSFT", "BUY", 3)
        done = await ib.close_position("AAPL")
        assert done.is_done
        (order,) = done.closed
        assert (order.action, order.filled_quantity) == (back, Decimal(10))
        assert await held(ib) == {"MSFT": Decimal(3)}


async def test_closing_cancels_our_orders_on_the_contract_first_and_no_others(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
        on_it = await ib.place_order(REST)
        elsewhere = await ib.place_order(REST | {"symbol": "MSFT"})
        done = await ib.close_position("AAPL")
        assert [one.order_id for one in done.cancelled] == [on_it.order_id]
        assert (await ib.get_order_status(elsewhere.order_id)).status is OrderStatus.SUBMITTED


async def test_closing_twice_at_once_does_not_turn_the_position_over(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
        reports = await asyncio.gather(*(ib.close_position("AAPL") for _ in range(4)))
        assert sum(len(report.closed) for report in reports) == 1
        assert await held(ib) == {}


async def test_a_closing_that_still_waits_is_replaced_by_the_next(
    ibkr_gateway: HostedSimulator, make_connector: Make, far_clock: FarClock
) -> None:
    async with far_clock.running(), make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
        closing = asyncio.ensure_future(
            ib.close_position(
                "AAPL", order={"conditions": [{"kind": "price", "symbol": "MSFT", "below": 1}]}
            )
        )
        async with asyncio.timeout(60):
            while not any(
                one.status is OrderStatus.SUBMITTED for one in ib._engine().orders.ours()
            ):
                await asyncio.sleep(0.001)
        await far_clock.until(closing.done)
        waits = await closing
        assert not waits.is_done
        assert [one.status for one in waits.closed] == [OrderStatus.SUBMITTED]
        done = await ib.close_position("AAPL")
        assert [one.order_id for one in done.cancelled] == [waits.closed[0].order_id]
        assert await held(ib) == {}


async def test_an_order_of_which_nobody_knows_is_named_by_its_id(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        placed = await ib.place_order(REST)
        ibkr_gateway.do(lambda gw: gw.inject(Cut(on="CancelOrder", handled=False, times=1)))
        told = await ib.cancel_all()
        assert not told.is_done
        assert (len(told.problems), told.uncertain) == (1, (placed.order_id,))


async def test_flatten_leaves_neither_order_nor_position(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
        await hold(ib, "MSFT", "SELL", 4)
        await ib.place_order(limit_order("TSLA", "BUY", 1, limit_price=Decimal("1.00")))
        done = await ib.flatten()
        assert done.is_done
        assert (len(done.cancelled), len(done.closed)) == (1, 2)
        assert await held(ib) == {}
        again = await ib.flatten()
        assert (again.cancelled, again.closed, again.problems) == ((), (), ())


async def test_an_order_that_cannot_be_cancelled_stops_the_closing(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
        await ib.place_order(REST)
        refusal = Answer(to="CancelOrder", code=161, text="not now")
        ibkr_gateway.do(lambda simulator: simulator.inject(refusal))
        with pytest.raises(OrderStateError, match="nothing was closed"):
            await ib.close_position("AAPL")
        assert await held(ib) == {"AAPL": Decimal(10)}


async def test_nothing_held_is_nothing_done(
    ibkr_gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        done = await ib.close_position("AAPL")
        assert (done.is_done, done.closed) == (True, ())
        with pytest.raises(OrderValidationError, match="action follows from the position"):
            await ib.close_position("AAPL", order={"action": "BUY"})


async def test_who_may_not_trade_closes_nothing(
    ibkr_gateway: HostedSimulator, make_connector: Make, tmp_path: Any
) -> None:
    async with make_connector(ibkr_gateway.port) as ib:
        await hold(ib, "AAPL", "BUY", 10)
    reader = make_connector(ibkr_gateway.port, readonly=True, state_dir=tmp_path / "reader")
    async with reader:
        with pytest.raises(ReadOnlyError):
            await reader.flatten()
    with pytest.raises(NotConnectedError):
        await reader.flatten()
