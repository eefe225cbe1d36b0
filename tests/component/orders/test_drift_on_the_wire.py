"""Ledger and broker compared through a real socket, and order ids that roll back."""

from decimal import Decimal
from pathlib import Path

from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import OrderStatus, limit_order, market_order
from ibkr_connector.orders.drift import DriftKind
from ibkr_connector.orders.drift_watch import DriftWatch
from ibkr_connector.simulator import Drop, GatewaySimulator, Quirk
from ibkr_connector.simulator.exchange.records import Owner, Terms
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.order_socket import Wire, wire

AAPL = stock("AAPL")
AAPL_ID = 265598


def watch(desk: Wire) -> DriftWatch:
    return DriftWatch(
        book=desk.desk._book,
        gateway=desk.link,
        positions=desk.link.positions,
        pipeline=desk.pipeline,
        adopt=desk.desk.reconcile,
        grace_s=0.02,
    )


async def bought(desk: Wire, quantity: int) -> None:
    report = await desk.desk.place(market_order(AAPL, "BUY", quantity))
    await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)


async def test_own_and_foreign_trades_explain_what_is_held(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        checks = watch(desk)
        await bought(desk, 1)
        await checks.check()
        await bought(desk, 10)
        terms = Terms(action="SELL", quantity=Decimal(3), order_type="MKT")
        owner = Owner(client_id=9, order_id=4)
        gw.gateway.place_for(owner, con_id=AAPL_ID, terms=terms, now=gw.clock.utcnow())
        report = await checks.check()
        assert report.is_clean, report.differences
        assert (report.fills, report.positions) == (3, 1)


async def test_what_is_held_without_a_trade_is_told(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        checks = watch(desk)
        await bought(desk, 1)
        await checks.check()
        account = gw.gateway.accounts[0]
        gw.venue.ledgers[account].book(
            gw.venue.instrument(AAPL_ID), Decimal(5), price=Decimal(1), commission=Decimal(0)
        )
        [drift] = (await checks.check()).differences
        assert drift.kind is DriftKind.POSITION_UNEXPLAINED
        assert (Decimal(drift.ours), Decimal(drift.brokers)) == (Decimal(1), Decimal(6))
        assert account in drift.subject
        assert "AAPL" in drift.subject


async def test_a_fill_whose_messages_were_lost_is_told_and_then_counted(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        checks = watch(desk)
        order = limit_order(AAPL, "BUY", 2, limit_price=Decimal("1.00"))
        report = await desk.desk.place(order)
        for reply in ("ExecDetails", "OrderStatus", "OpenOrder", "CommissionReport"):
            gw.inject(Drop(reply=reply, times=10))
        gw.fill_order(1, report.order_id)
        gw.flush()
        gw.clear_faults()
        found = {drift.kind for drift in (await checks.check()).differences}
        assert found == {DriftKind.ORDER_MISSING, DriftKind.FILL_UNHEARD}
        now = desk.desk.report(report.order_id)
        assert (now.status, int(now.filled_quantity)) == (OrderStatus.FILLED, 2)
        assert (await checks.check()).is_clean


async def test_an_id_that_the_gateway_offers_again_is_never_used_again(tmp_path: Path) -> None:
    """After a reset of TWS `nextValidId` is 1 again: the journal knows better."""
    used = []
    async with GatewaySimulator(next_order_id=500) as gw:
        async with wire(gw, tmp_path / "j") as desk:
            order = limit_order(AAPL, "BUY", 1, limit_price=Decimal("1.00"))
            used.append((await desk.desk.place(order)).order_id)
        gw.quirk(Quirk.NEXT_ID_ROLLBACK)
        # as a new process with the same journal, twice
        for _ in range(2):
            async with wire(gw, tmp_path / "j") as desk:
                used.append((await desk.desk.place(order)).order_id)
                assert desk.desk.anomalies == 0
        sent = [one.request.order_id for one in gw.log if isinstance(one.request, PlaceOrder)]
    assert used == [500, 501, 502] == sent


async def test_a_lost_journal_learns_the_ids_in_use_from_the_broker(tmp_path: Path) -> None:
    async with GatewaySimulator(next_order_id=500) as gw:
        order = limit_order(AAPL, "BUY", 1, limit_price=Decimal("1.00"))
        async with wire(gw, tmp_path / "lost") as desk:
            first = await desk.desk.place(order)
        gw.quirk(Quirk.NEXT_ID_ROLLBACK)
        async with wire(gw, tmp_path / "new") as desk:
            await desk.desk.reconcile()
            assert (await desk.desk.place(order)).order_id > first.order_id
