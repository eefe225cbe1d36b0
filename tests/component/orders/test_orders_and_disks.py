"""A disk that is full or read-only: a typed error, nothing sent, and nothing lost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from ibkr_connector.errors import OrderError, TradingHaltedError
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.orders import Action, SendDisposition, limit_order
from ibkr_connector.orders.history import read_orders
from ibkr_connector.orders.journal import verify
from ibkr_connector.simulator import GatewaySimulator, HostedSimulator
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.order_cramped import trade_cramped
from kit.order_socket import wire

REST: Final = limit_order(stock("AAPL"), Action.BUY, 5, limit_price=Decimal(50))


def sent(gateway: HostedSimulator) -> list[str]:
    """Return the references of the orders that reached the gateway."""
    requests = gateway.do(lambda gw: [one.request for one in gw.log])
    return [one.order.text("orderRef") for one in requests if isinstance(one, PlaceOrder)]


def test_a_disk_that_fills_up_stops_trading_and_keeps_every_order_that_was_sent() -> None:
    with (
        TemporaryDirectory() as folder,
        GatewaySimulator.in_thread(GatewaySimulator) as gateway,
    ):
        path = Path(folder) / "orders.sqlite3"
        told = trade_cramped("full", path, gateway)
        assert told["placed"] >= 1
        # the second when it was the answer to the order before that found no room
        assert told["error"] in ("OrderError", "TradingHaltedError")
        assert told["disposition"] == "unsent"
        assert "journal" in told["message"]
        # from then on nothing is taken, though the disk may have room again
        assert told["then"] == "TradingHaltedError"
        assert len(sent(gateway)) == told["placed"]
        assert verify(path) > 0
        kept = {order.report.order_ref for order in read_orders(path)}
        assert set(sent(gateway)) <= kept


def test_a_read_only_journal_is_refused_at_the_start_and_nothing_is_sent() -> None:
    with (
        TemporaryDirectory() as folder,
        GatewaySimulator.in_thread(GatewaySimulator) as gateway,
    ):
        Path(folder).chmod(0o755)
        path = Path(folder) / "orders.sqlite3"
        assert trade_cramped("whole", path, gateway)["placed"] == 1
        before = [order.report.order_ref for order in read_orders(path)]
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        Path(folder).chmod(0o555)
        told = trade_cramped("read-only", path, gateway)
        assert (told["error"], told["placed"]) == ("ConfigurationError", 0)
        assert len(sent(gateway)) == 1
        # and it can be looked at as it is, as on a medium that cannot be written
        audit = trade_cramped("audit", path, gateway)
        assert audit["orders"] == before
        assert audit["entries"] > len(before)
        Path(folder).chmod(0o755)
        assert [order.report.order_ref for order in read_orders(path)] == before


@pytest.mark.parametrize("gone", ["", "-wal"])
async def test_no_order_goes_while_its_intent_would_be_in_a_file_that_nobody_finds(
    tmp_path: Path, gone: str
) -> None:
    path = tmp_path / "orders.sqlite3"
    async with GatewaySimulator() as gateway, wire(gateway, path) as desk:
        await desk.desk.place(REST)
        path.with_name(f"{path.name}{gone}").unlink()
        # by this order's intent, or by what was still to be noted of the one before
        with pytest.raises(OrderError, match="the journal cannot be written") as refused:
            await desk.desk.place(REST)
        assert refused.value.disposition is SendDisposition.UNSENT
        with pytest.raises(TradingHaltedError):
            await desk.desk.place(REST)
        assert len(tuple(gateway.venue.open_orders())) == 1
