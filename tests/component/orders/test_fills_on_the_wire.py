"""Executions through a real session and a real socket: corrected, busted, charged, foreign."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.clock import ScaledClock
from ibkr_connector.model.contracts import SecurityType, stock
from ibkr_connector.model.ids import PermId
from ibkr_connector.model.orders import OrderReport, OrderStatus, market_order
from ibkr_connector.orders.events import FillBusted, FillCharged, FillCorrected, FillReceived
from ibkr_connector.orders.feed import EventReader
from ibkr_connector.orders.fills import analyse_fills, arrival_prices
from ibkr_connector.orders.history import read_orders
from ibkr_connector.simulator import GatewaySimulator, Quirk
from ibkr_connector.simulator.exchange.commands import BustExecution, CorrectExecution, PlaceOrder
from ibkr_connector.simulator.exchange.records import Leg, Owner, Terms
from kit.order_socket import Wire, wire

AAPL = stock("AAPL")
AAPL_ID, MSFT_ID = 265598, 272093
MANUAL = Owner(client_id=0, order_id=0)


async def until(reader: EventReader, wanted: type, *, limit_s: float = 60.0) -> object:
    """Read on until an event of that kind comes."""
    done = 0
    async with asyncio.timeout(limit_s):
        while True:
            done, events = await reader.batch(done)
            for event in events:
                if isinstance(event, wanted):
                    return event


async def filled(desk: Wire, quantity: int = 10) -> OrderReport:
    """Buy at the market and wait until it is filled."""
    report = await desk.desk.place(market_order(AAPL, "BUY", quantity))
    return await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)


async def met(desk: Wire, what: Callable[[OrderReport], bool]) -> OrderReport:
    """Ask the broker and return the order that is meant."""
    await desk.desk.reconcile()
    return next(report for report in desk.desk.orders() if what(report))


async def test_a_correction_replaces_the_execution_and_is_told(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reader = desk.desk._book.feed.subscribe()
        report = await filled(desk)
        [fill] = report.fills
        price = fill.price + 1
        gw.gateway.execute(CorrectExecution(exec_id=fill.exec_id, price=price), gw.clock.utcnow())
        gw.flush()
        event = await until(reader, FillCorrected)
        assert isinstance(event, FillCorrected)
        assert (event.before.exec_id, event.fill.price, event.recovered) == (
            fill.exec_id,
            price,
            False,
        )
        report = desk.desk.report(report.order_id)
        assert (report.filled_quantity, report.avg_fill_price) == (Decimal(10), price)
        assert (len(report.fills), report.status) == (1, OrderStatus.FILLED)


async def test_a_bust_takes_the_fill_back_and_is_told(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        reader = desk.desk._book.feed.subscribe()
        report = await filled(desk)
        [fill] = report.fills
        gw.gateway.execute(BustExecution(exec_id=fill.exec_id), gw.clock.utcnow())
        gw.flush()
        event = await until(reader, FillBusted)
        assert isinstance(event, FillBusted)
        assert event.before is not None
        assert (event.before.exec_id, event.before.quantity) == (fill.exec_id, Decimal(10))
        now = event.report
        assert (now.filled_quantity, now.fills, now.status is OrderStatus.FILLED) == (
            Decimal(0),
            (),
            False,
        )


async def test_a_correction_while_nobody_listened_is_recovered_once(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        report = await filled(desk)
        [fill] = report.fills
        assert desk.session is not None
        await desk.session.aclose()
        gw.gateway.execute(
            CorrectExecution(exec_id=fill.exec_id, quantity=Decimal(9)), gw.clock.utcnow()
        )
        await desk.connect()
        reader = desk.desk._book.feed.subscribe()
        await desk.desk.reconcile()
        event = await until(reader, FillCorrected)
        assert isinstance(event, FillCorrected)
        assert (event.recovered, event.fill.quantity) == (True, Decimal(9))
        await desk.desk.reconcile()
        assert desk.desk.report(report.order_id).filled_quantity == 9


@pytest.mark.parametrize("when", [Quirk.COMMISSION_FIRST, Quirk.COMMISSION_LATE])
async def test_a_commission_is_counted_whenever_it_comes(tmp_path: Path, when: Quirk) -> None:
    async with GatewaySimulator(quirks=[when]) as gw, wire(gw, tmp_path / "j") as desk:
        reader = desk.desk._book.feed.subscribe()
        report = await filled(desk)
        if when is Quirk.COMMISSION_LATE:
            assert report.commission is None
            await until(reader, FillCharged)
        else:
            received = await until(reader, FillReceived)
            assert isinstance(received, FillReceived)
            assert received.fill.commission is not None
        commission = desk.desk.report(report.order_id).commission
        assert commission is not None
        assert commission > 0


async def test_a_commission_that_never_comes_is_not_known(tmp_path: Path) -> None:
    async with (
        GatewaySimulator(quirks=[Quirk.COMMISSION_NEVER]) as gw,
        wire(gw, tmp_path / "j") as desk,
    ):
        report = await filled(desk)
        await desk.desk.reconcile()
        report = desk.desk.report(report.order_id)
        assert (report.status, report.commission) == (OrderStatus.FILLED, None)


@pytest.mark.parametrize("owner", [MANUAL, Owner(client_id=9, order_id=4)], ids=["manual", "other"])
async def test_orders_of_others_are_told_apart_by_their_permanent_id(
    tmp_path: Path, owner: Owner
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        own = await filled(desk, 1)
        terms = Terms(action="BUY", quantity=Decimal(3), order_type="MKT")
        now = gw.clock.utcnow()
        gw.gateway.place_for(owner, con_id=AAPL_ID, terms=terms, now=now)
        if owner == MANUAL:  # the number 0 is shared by all that were typed by hand
            gw.gateway.place_for(owner, con_id=MSFT_ID, terms=terms, now=now)
        await desk.desk.reconcile()
        others = [one for one in desk.desk.orders() if one.perm_id != own.perm_id]
        assert {one.symbol for one in others} == ({"AAPL", "MSFT"} if owner == MANUAL else {"AAPL"})
        assert {one.order_id for one in others} == {owner.order_id}
        assert {one.client_id for one in others} == {owner.client_id}
        assert {one.filled_quantity for one in others} == {3}
        assert all(one.perm_id and desk.desk.report(one.perm_id) == one for one in others)
        assert desk.desk.report(own.order_id).filled_quantity == 1
        assert desk.desk.anomalies == 0


async def test_an_order_bound_by_client_0_has_a_negative_number_and_counts_once(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        terms = Terms(action="BUY", quantity=Decimal(3), order_type="LMT", limit_price=Decimal(1))
        gw.gateway.place_for(MANUAL, con_id=AAPL_ID, terms=terms, now=gw.clock.utcnow())
        before = await met(desk, lambda one: one.order_id == 0)
        gw.gateway.bind_manual_orders()
        await desk.desk.reconcile()
        [after] = desk.desk.orders()
        assert (after.perm_id, after.status) == (before.perm_id, OrderStatus.SUBMITTED)


async def test_the_legs_of_a_combination_are_not_counted_as_its_fills(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        venue = gw.venue
        legs = tuple(
            Leg(instrument=venue.instrument(con_id), ratio=1, is_buy=is_buy)
            for con_id, is_buy in ((AAPL_ID, True), (MSFT_ID, False))
        )
        combo = venue.combo("AAPL,MSFT", legs)
        command = PlaceOrder(
            owner=Owner(client_id=9, order_id=4),
            account=gw.gateway.accounts[0],
            instrument=combo,
            exchange=combo.home,
            terms=Terms(action="BUY", quantity=Decimal(3), order_type="MKT", legs=legs),
        )
        gw.gateway.execute(command, gw.clock.utcnow())
        report = await met(desk, lambda one: one.order_id == 4)
        assert report.contract.security_type is SecurityType.COMBO
        kinds = sorted(fill.contract.security_type.value for fill in report.fills)
        assert kinds == ["BAG", "STK", "STK"]
        assert (report.filled_quantity, report.status) == (Decimal(3), OrderStatus.FILLED)
        assert report.commission == sum(fill.commission or 0 for fill in report.fills)
        assert report.perm_id is not None
        assert desk.desk.report(PermId(report.perm_id)).remaining_quantity == 0


async def test_fills_are_analysed_against_the_price_at_arrival(tmp_path: Path) -> None:
    clock = ScaledClock(datetime(2026, 3, 4, 17, 0, tzinfo=UTC))
    async with GatewaySimulator(clock=clock) as gw, wire(gw, tmp_path / "j") as desk:
        report = await filled(desk)
        await desk.desk.wait_for(
            report.order_id, lambda now: now.commission is not None, timeout_s=60
        )
        await desk.journal.append([])  # everything before it is written then
        orders = read_orders(tmp_path / "j")
        contract = (await desk.resolve(AAPL)).contract

        async def bars(_: object, **how: object) -> object:
            return await desk.link.bars(contract, **how)  # type: ignore[arg-type]

        arrival = await arrival_prices(orders, bars=bars)  # type: ignore[arg-type]
        [row] = analyse_fills(orders, arrival=arrival)
        assert row.arrival_price is not None
        assert row.slippage_bps is not None
        assert abs(row.slippage_bps) < 100
        assert (row.filled, row.average_price) == (Decimal(10), report.avg_fill_price)
        assert row.commission is not None
        assert row.fully_filled_s is not None
        assert 0 <= row.first_fill_s <= row.fully_filled_s < 60
