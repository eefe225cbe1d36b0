"""Brackets through a real socket: three orders or none, whatever happens to the wire between."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.errors import (
    OrderError,
    OrderRejectedError,
    OrderUncertainError,
    OrderValidationError,
    TradingHaltedError,
)
from ibkr_connector.model.brackets import BracketReport, BracketRequest
from ibkr_connector.model.orders import Action, OrderStatus, OrderType, TimeInForce, limit_order
from ibkr_connector.orders.events import BracketBroken
from ibkr_connector.orders.journal import read
from ibkr_connector.simulator import Answer, Cut, CutAfter, GatewaySimulator, Hold
from ibkr_connector.simulator.exchange.commands import CancelOrder
from kit.order_socket import NOON, Wire, wire

BRACKET: dict[str, Any] = {
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": "1.05",
    "take_profit": "9000",
    "stop_loss": "1.00",
}
FILLED = BRACKET | {"order_type": "MKT", "limit_price": None}


def there(gw: GatewaySimulator) -> list[Any]:
    """Return every order that the venue ever took, staged ones too."""
    return [*gw.venue.open_orders(), *gw.venue.closed_orders()]


async def settle(desk: Wire) -> None:
    """Wait until nothing of ours is uncertain."""
    for report in desk.desk.orders():
        await desk.desk.wait_for(
            report.order_id, lambda now: now.status is not OrderStatus.UNCERTAIN, timeout_s=60
        )


async def test_a_bracket_is_three_orders_of_which_two_wait(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placed = await desk.desk.place_bracket(BRACKET)
        assert [report.status for report in placed.orders] == [OrderStatus.SUBMITTED] * 3
        entry, profit, stop = sorted(gw.venue.open_orders(), key=lambda one: one.owner.order_id)
        assert profit.parent == stop.parent == entry.perm_id
        assert [one.terms.action for one in (entry, profit, stop)] == ["BUY", "SELL", "SELL"]
        assert (profit.terms.order_type, profit.terms.limit_price) == ("LMT", Decimal(9000))
        assert (stop.terms.order_type, stop.terms.stop_price) == ("STP", Decimal(1))
        assert {profit.terms.time_in_force, stop.terms.time_in_force} == {"GTC"}
        assert entry.terms.time_in_force == "DAY"
        assert desk.desk.anomalies == 0


async def test_the_exits_work_when_the_entry_is_filled_and_end_each_other(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        sells_at_once = FILLED | {"take_profit": "1.00", "stop_loss": "0.50"}
        placed = await desk.desk.place_bracket(sells_at_once)
        closed = [
            await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
            for report in placed.orders
        ]
        assert [report.status for report in closed] == ["filled", "filled", "cancelled"]


async def test_a_stop_limit_and_a_day_may_be_asked_for(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placed = await desk.desk.place_bracket(
            BracketRequest(
                entry=limit_order("AAPL", "SELL", 5, limit_price=Decimal(9000)),
                take_profit=Decimal(1),
                stop_loss=Decimal(9100),
                stop_limit=Decimal(9101),
                exit_time_in_force=TimeInForce.DAY,
            )
        )
        stop = placed.stop_loss
        assert stop.order_type is OrderType.STOP_LIMIT
        assert (stop.stop_price, stop.limit_price) == (Decimal(9100), Decimal(9101))
        assert stop.action is Action.BUY
        assert stop.time_in_force is TimeInForce.DAY


async def test_the_three_intents_are_on_disk_together_before_the_first_byte(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j"
    async with GatewaySimulator() as gw, wire(gw, path) as desk:
        await desk.desk.place_bracket(BRACKET)
    kinds = [entry.kind for entry in read(path) if entry.kind in ("intent", "step")]
    assert kinds[:3] == ["intent"] * 3


async def test_the_same_key_is_the_same_bracket(tmp_path: Path) -> None:
    keyed = BRACKET | {"client_order_id": "b1"}
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            first = await desk.desk.place_bracket(keyed)
        async with wire(gw, tmp_path / "j") as desk:
            await desk.desk.reconcile()
            again = await desk.desk.place_bracket(keyed)
            assert [r.order_id for r in again.orders] == [r.order_id for r in first.orders]
            assert len(there(gw)) == 3
            with pytest.raises(OrderValidationError, match="already names another order"):
                await desk.desk.place_bracket(keyed | {"stop_loss": "0.99"})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"take_profit": None}, "take_profit must be a number"),
        ({"stop_loss": "1.06"}, "limit_price must be between stop_loss 1.06 and take_profit 9000"),
        ({"take_profit": "0.5"}, "take_profit must be above stop_loss when the entry is to BUY"),
        ({"action": "SELL"}, "stop_loss must be above take_profit when the entry is to SELL"),
        ({"take_profits": 1}, "unknown key 'take_profits'; did you mean 'take_profit'?"),
        ({"exit_time_in_force": "IOC"}, "exit_time_in_force must be DAY or GTC"),
        ({"time_in_force": "IOC"}, "does not go with a bracket"),
        ({"quantity": -1}, "quantity must be above 0"),
        ({"stop_loss": "1.001"}, "stop_price must be a multiple of 0.01"),
    ],
)
async def test_a_bracket_that_makes_no_sense_is_refused_and_nothing_is_sent(
    tmp_path: Path, change: dict[str, Any], fault: str
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        with pytest.raises(OrderValidationError) as caught:
            await desk.desk.place_bracket(BRACKET | change)
        assert fault in caught.value.message
        assert there(gw) == []


@pytest.mark.parametrize("nth", [0, 1, 2])
async def test_a_part_that_is_refused_ends_the_whole_bracket(tmp_path: Path, nth: int) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Answer(to="PlaceOrder", code=201, text="no", skip=nth))
        with pytest.raises(OrderRejectedError) as caught:
            # of children whose parent never was the broker says nothing until it is asked
            await desk.desk.place_bracket(BRACKET, timeout_s=3600)
        assert caught.value.code is not None
        assert gw.venue.open_orders() == ()
        assert not desk.desk.orders(open_only=True)


async def test_a_cut_between_two_frames_leaves_no_part_of_the_bracket(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Cut(on="PlaceOrder", handled=True, children=True))
        with pytest.raises(OrderUncertainError):
            await desk.desk.place_bracket(BRACKET)
        await desk.ended.wait()
        assert len(gw.venue.open_orders()) == 2  # staged: entry and profit, no stop
        await desk.connect()
        await desk.desk.reconcile()
        with pytest.raises(TradingHaltedError, match="a bracket that arrived in part"):
            await desk.desk.place(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
        await settle(desk)
        assert gw.venue.open_orders() == ()
        statuses = [report.status for report in desk.desk.orders()]
        assert statuses == [OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.REJECTED]
        await trading_again(desk)


async def trading_again(desk: Wire) -> None:
    """Wait until the repair is over."""
    async with asyncio.timeout(60):
        while True:
            try:
                await desk.desk.place(limit_order("AAPL", "BUY", 1, limit_price=Decimal("1.00")))
            except TradingHaltedError:
                await desk.clock.sleep(0.01)
            else:
                return


async def placed_after_all(desk: Wire, bracket: dict[str, Any]) -> BracketReport | None:
    """Place it; when that ends uncertain, connect again and wait for the verdict."""
    try:
        return await desk.desk.place_bracket(bracket)
    except TradingHaltedError:  # the one before is being repaired
        await desk.clock.sleep(0.01)
        return await placed_after_all(desk, bracket)
    except OrderError:
        await desk.ended.wait()
        await desk.connect()
        await desk.desk.reconcile()
        await settle(desk)
        return None


FRAMES = 3 * 330


@pytest.mark.parametrize("start", range(0, FRAMES, 66))
async def test_a_cut_at_any_byte_of_the_three_frames_ends_in_all_of_them_or_none(
    tmp_path: Path, start: int
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        details = await desk.resolve("AAPL")

        async def at_hand(contract: object) -> object:
            return details  # so that the order's frame is the first on the wire

        desk.desk._admission.resolve = at_hand  # type: ignore[assignment]  # no lookup between
        for byte in range(start + 1, start + 66, 13):
            before = len(there(gw))
            gw.inject(CutAfter(received=byte))
            await placed_after_all(desk, BRACKET | {"client_order_id": f"k{byte}"})
            refs = [one.order_ref for one in there(gw)]
            assert len(set(refs)) == len(refs)
            working = gw.venue.open_orders()
            assert len(working) in (0, 3)
            assert len(refs) - before in (0, 1, 2, 3)
            if gw.faults.armed or working:
                break
        for report in desk.desk.orders():
            alive = report.order_ref in {one.order_ref for one in gw.venue.open_orders()}
            assert alive is not report.is_closed


async def test_a_bracket_of_a_process_that_died_between_is_repaired_by_the_next(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            gw.inject(Cut(on="PlaceOrder", handled=True, children=True))
            with pytest.raises(OrderUncertainError):
                await desk.desk.place_bracket(BRACKET)
        assert len(gw.venue.open_orders()) == 2
        async with wire(gw, tmp_path / "j") as desk:
            await desk.desk.reconcile()
            await settle(desk)
            assert gw.venue.open_orders() == ()


def lose_the_stop(gw: GatewaySimulator, placed: BracketReport) -> None:
    """Let the broker refuse the stop long after the bracket was placed."""
    owner = (1, placed.stop_loss.order_id)
    now = gw.clock.utcnow()
    perm_id = gw.gateway.perm_ids[owner]
    gw.gateway.execute(CancelOrder(perm_id=perm_id), now)
    gw.flush()


async def told(desk: Wire) -> str:
    """Wait until something needs attention."""
    async with asyncio.timeout(60):
        while not desk.desk.lost_exits.sentences:
            await asyncio.sleep(0.01)
    (sentence,) = desk.desk.lost_exits.sentences
    return sentence


async def test_a_bracket_that_loses_its_stop_after_it_has_traded_is_told_until_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with GatewaySimulator() as gw:
        async with wire(gw, tmp_path / "j") as desk:
            reader = desk.desk.feed.subscribe()
            placed = await desk.desk.place_bracket(FILLED | {"stop_loss": "1.00"}, wait="filled")
            assert desk.desk.lost_exits.sentences == ()
            lose_the_stop(gw, placed)
            sentence = await told(desk)
            assert f"bracket of order {placed.entry.order_id} holds 10 AAPL" in sentence
            assert f"order {placed.stop_loss.order_id} cancelled" in sentence
            assert [one.message for one in caplog.records if one.levelname == "CRITICAL"] == [
                sentence
            ]
            _, events = await reader.batch(0)
            (broken,) = [one for one in events if isinstance(one, BracketBroken)]
            assert (broken.report.order_id, broken.left) == (placed.entry.order_id, Decimal(10))
            assert [one.order_id for one in broken.lost] == [placed.stop_loss.order_id]
            # nothing was sent: the other exit works, and the position is its owner's business
            assert (await desk.desk.look_up(placed.take_profit.order_id)).status == "submitted"
            assert len(there(gw)) == 3
        # another process tells it again, and its clock was set back meanwhile
        async with wire(gw, tmp_path / "j", start=NOON - timedelta(hours=1)) as desk:
            await desk.desk.reconcile()
            await told(desk)
            await desk.desk.cancel(placed.take_profit.order_id)
            assert desk.desk.lost_exits.sentences == ()


@pytest.mark.parametrize("first", ["profit", "stop"])
async def test_an_exit_that_ends_because_the_other_has_filled_is_not_lost(
    tmp_path: Path, first: str
) -> None:
    prices = {"take_profit": "1.00", "stop_loss": "0.50"}
    if first == "stop":
        prices = {"take_profit": "9000", "stop_loss": "8000"}
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        gw.inject(Hold(reply="ExecDetails", where={"request_id": "-1"}, seconds=0.02, times=4))
        gw.inject(Hold(reply="OrderStatus", seconds=0.02, times=4))
        placed = await desk.desk.place_bracket(FILLED | prices)
        for report in placed.orders:
            await desk.desk.wait_for(report.order_id, lambda now: now.is_closed, timeout_s=60)
        await desk.clock.sleep(0.2)
        assert desk.desk.lost_exits.sentences == ()


async def test_a_child_that_is_refused_when_the_entry_has_filled_is_told(tmp_path: Path) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placed = await desk.desk.place_bracket(FILLED | {"stop_loss": "1.00"}, wait="filled")
        gw.gateway.sessions[1].fail(placed.stop_loss.order_id, 201, "Order rejected - reason: x")
        lose_the_stop(gw, placed)
        assert "Order rejected" in await told(desk)


async def test_losing_the_last_exit_is_told_though_you_cancelled_the_other_before(
    tmp_path: Path,
) -> None:
    async with GatewaySimulator() as gw, wire(gw, tmp_path / "j") as desk:
        placed = await desk.desk.place_bracket(FILLED | {"stop_loss": "1.00"}, wait="filled")
        await desk.desk.cancel(placed.take_profit.order_id)
        lose_the_stop(gw, placed)
        assert f"order {placed.stop_loss.order_id} cancelled" in await told(desk)
