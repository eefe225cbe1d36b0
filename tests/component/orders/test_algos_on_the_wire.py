"""IB's algorithms through a real socket: they are told, worked, read back, changed and refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.build import buy
from ibkr_connector.clock import ManualClock
from ibkr_connector.errors import OrderRejectedError, OrderValidationError
from ibkr_connector.model.algos import AccumulateDistribute, Algo, Twap, TwapStyle, Vwap
from ibkr_connector.model.contracts import Contract, ContractDetails
from ibkr_connector.model.orders import OrderReport, OrderStatus
from ibkr_connector.simulator import Answer, GatewaySimulator
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.wire.requests import PlaceOrder
from kit.order_socket import wire

NOW = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
END = NOW + timedelta(hours=2)
MARKET: dict[str, Any] = {"symbol": "AAPL", "action": "BUY", "quantity": 40}
FAR = MARKET | {"order_type": "LMT", "limit_price": "1.05"}


def hold(gw: GatewaySimulator, bid: str, ask: str) -> None:
    """Hold Apple's market at a quote."""
    now = gw.clock.utcnow()
    command = SetQuote(
        con_id=265598,
        bid=Decimal(bid),
        ask=Decimal(ask),
        bid_size=Decimal(500),
        ask_size=Decimal(500),
    )
    gw.gateway.deliver(gw.venue.execute(command, now), now)
    gw.flush()


def _has(filled: int) -> Callable[[OrderReport], bool]:
    return lambda now: now.filled_quantity == filled


async def test_a_twap_is_filled_part_by_part_over_its_window(tmp_path: Path) -> None:
    async with (
        GatewaySimulator(clock=ManualClock(NOW)) as gw,
        wire(gw, tmp_path / "j") as desk,
    ):
        hold(gw, "99.90", "100.10")
        report = await desk.desk.place(MARKET | {"algo": {"kind": "twap", "end": END}})
        for filled in (2, 4, 6):
            now = await desk.desk.wait_for(report.order_id, _has(filled), timeout_s=60)
            assert now.status is OrderStatus.PARTIALLY_FILLED
            await gw.advance(360)
        await gw.advance(7_200)
        done = await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        assert done.status is OrderStatus.FILLED
        assert [fill.quantity for fill in done.fills] == [Decimal(2)] * 20
        assert desk.desk.anomalies == 0


async def test_what_is_left_at_the_end_is_reported_as_cancelled(tmp_path: Path) -> None:
    async with (
        GatewaySimulator(clock=ManualClock(NOW)) as gw,
        wire(gw, tmp_path / "j") as desk,
    ):
        hold(gw, "99.90", "100.10")
        order = buy("AAPL", 40).limit("100.10").algo("vwap", max_volume="0.1", end=END)
        report = await desk.desk.place(order)
        await desk.desk.wait_for(report.order_id, lambda now: bool(now.fills), timeout_s=60)
        hold(gw, "101.90", "102.10")
        await gw.advance(7_200)
        done = await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        assert (done.status, done.filled_quantity) == (OrderStatus.CANCELLED, Decimal(2))


TOLD: list[Algo] = [
    Twap(style=TwapStyle.SAME_SIDE, start=NOW + timedelta(hours=1), end=END, past_end=True),
    Vwap(max_volume=Decimal("0.05"), speed_up=True),
]


@pytest.mark.parametrize("algo", TOLD)
async def test_an_algorithm_outlives_a_change_and_a_restart(tmp_path: Path, algo: Algo) -> None:
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            report = await desk.desk.place(FAR | {"algo": algo, "client_order_id": "a"})
            assert report.terms.algo == algo
            (row,) = await desk.link.open_orders()
            assert row.terms.algo == algo
            changed = await desk.desk.modify(report.order_id, {"limit_price": "1.06"})
            assert changed.terms.algo == algo
            with pytest.raises(OrderValidationError, match="algo of an order cannot be changed"):
                await desk.desk.modify(report.order_id, {"algo": {"kind": "twap"}})
        async with wire(gw, tmp_path / "j") as desk:
            again = await desk.desk.place(FAR | {"algo": algo, "client_order_id": "a"})
            assert again.order_id == report.order_id
            assert again.terms.algo == algo
            (order,) = gw.venue.open_orders()
            assert order.terms.algo is not None


async def test_the_contracts_own_list_decides_before_anything_is_sent(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:

        async def listed(contract: Contract | str) -> ContractDetails:
            # as of bonds, whose details list AD alone
            return replace(await desk.resolve(contract), order_types=("LMT", "AD"))

        desk.desk._admission.resolve = listed
        with pytest.raises(OrderValidationError, match="its order types have no ALGO"):
            await desk.desk.place(FAR | {"algo": {"kind": "vwap", "max_volume": "0.1"}})
        assert not [one for one in gw.log if isinstance(one.request, PlaceOrder)]
        parts = {"kind": "accumulate_distribute", "component_size": 5, "interval_s": 60}
        report = await desk.desk.place(FAR | {"algo": parts})
        assert report.terms.algo == AccumulateDistribute(component_size=Decimal(5), interval_s=60)


@pytest.mark.parametrize("code", [439, 441, 442, 443])
async def test_an_algorithm_that_the_broker_does_not_take_is_rejected_at_once(
    tmp_path: Path, code: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Answer(to="PlaceOrder", code=code, text="Algorithm definition not found."))
        with pytest.raises(OrderRejectedError, match="definition not found") as refused:
            await desk.desk.place(FAR | {"algo": {"kind": "twap"}})
        assert refused.value.code == code
        (order,) = desk.desk.orders()
        # by its own word, and not because a question found nothing
        assert [one.cause for one in order.transitions] == ["send", f"code {code}"]
        # an order that lives is not ended by it
        await desk.desk.place(FAR)
        (working,) = gw.venue.open_orders()
        gw.gateway.sessions[1].fail(working.owner.order_id, code, "said late")
        gw.flush()
        await desk.desk.reconcile()
        assert desk.desk.report(working.owner.order_id).status is OrderStatus.SUBMITTED
