"""The acceptance list of the simulator: orders (5) and accounts (6), over a socket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator, Permissions
from ibkr_connector.simulator.exchange.commands import BustExecution, CorrectExecution
from ibkr_connector.simulator.quirks import Quirk
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    AccountDownloadEnd,
    AccountSummary,
    AccountValue,
    CommissionReport,
    CompletedOrder,
    CompletedOrdersEnd,
    ErrorMessage,
    ExecDetails,
    OpenOrder,
    OrderStatus,
    Pnl,
    PnlSingle,
    PortfolioValue,
    Position,
    PositionEnd,
)
from ibkr_connector.simulator.wire.requests import (
    CancelOrder,
    GlobalCancel,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqCompletedOrders,
    ReqPnl,
    ReqPnlSingle,
    ReqPositions,
)
from kit.broker import AAPL, ASK_SIZE, CLOSING, set_quote
from kit.conversation import Conversation, order, talk

ACCOUNT = "DU1234567"


def stand(gateway: GatewaySimulator, bid: str = "189.98", ask: str = "190.02") -> None:
    """Let AAPL stand at these prices."""
    middle = (Decimal(bid) + Decimal(ask)) / 2
    set_quote(gateway, bid=bid, ask=ask, last=f"{middle:.2f}")


def status(client: Conversation, order_id: int) -> str:
    """Return the last status of an order that a client heard of."""
    return [one.status for one in client.all(OrderStatus) if one.order_id == order_id][-1]


# --- 5: orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "bid", "ask"),
    [
        pytest.param({"orderType": "MKT"}, "189.98", "190.02", id="market"),
        pytest.param({"orderType": "LMT", "lmtPrice": "190.02"}, "189.98", "190.02", id="limit"),
        pytest.param({"orderType": "STP", "auxPrice": "191"}, "191.00", "191.04", id="stop"),
        pytest.param(
            {"orderType": "STP LMT", "auxPrice": "191", "lmtPrice": "191.10"},
            "191.00",
            "191.04",
            id="stop limit",
        ),
        pytest.param({"orderType": "MIT", "auxPrice": "189"}, "188.96", "188.98", id="if touched"),
        pytest.param(
            {"orderType": "LIT", "auxPrice": "189", "lmtPrice": "189.05"},
            "188.96",
            "188.98",
            id="limit if touched",
        ),
        pytest.param(
            {"orderType": "TRAIL", "auxPrice": "1"}, "191.50", "191.54", id="trailing stop"
        ),
        pytest.param({"orderType": "MTL"}, "189.98", "190.02", id="market to limit"),
        pytest.param({"orderType": "REL", "lmtPrice": "195"}, "189.00", "189.01", id="relative"),
    ],
)
async def test_point_05_each_order_type_trades_when_its_time_has_come(
    texts: dict[str, str], bid: str, ask: str
) -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, **texts))
        if (bid, ask) != ("189.98", "190.02"):
            assert client.all(ExecDetails) == []
            await gateway.advance(1)
            stand(gateway, bid, ask)
            await gateway.advance(2)
            await client.hear()
        if texts["orderType"] == "REL":
            # it stands at the best bid, and waits until somebody comes to it
            assert status(client, 1) == "Submitted"
            return
        assert status(client, 1) == "Filled"
        assert sum(one.shares for one in client.all(ExecDetails)) == 5


async def test_point_05_an_order_larger_than_the_market_is_filled_in_parts() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT", totalQuantity="100"))
        assert [one.shares for one in client.all(ExecDetails)] == [ASK_SIZE]
        assert (client.last(OrderStatus).status, client.last(OrderStatus).remaining) == (
            "Submitted",
            Decimal(40),
        )
        await gateway.advance(2)
        await client.hear()
        assert [one.cumulative for one in client.all(ExecDetails)] == [Decimal(60), Decimal(100)]
        told = [one.exec_id for one in client.all(CommissionReport)]
        assert told == [one.exec_id for one in client.all(ExecDetails)]


@pytest.mark.parametrize(("tif", "left"), [("IOC", "Cancelled"), ("FOK", "Cancelled")])
async def test_point_05_what_is_immediate_does_not_rest(tif: str, left: str) -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="LMT", lmtPrice="190.02", totalQuantity="100", tif=tif))
        assert status(client, 1) == left
        filled = sum(one.shares for one in client.all(ExecDetails))
        assert filled == (60 if tif == "IOC" else 0)


async def test_point_05_a_bracket_waits_for_its_last_part_and_ends_as_one() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        parent = order(1, orderType="MKT", transmit="0")
        target = order(2, action="SELL", lmtPrice="191", parentId="1", transmit="0")
        stop = order(3, action="SELL", orderType="STP", auxPrice="180", parentId="1")
        await client.ask(parent, target)
        assert client.all(OrderStatus) == []
        await client.ask(stop)
        assert [status(client, one) for one in (1, 2, 3)] == [
            "Filled",
            "Submitted",
            "PreSubmitted",
        ]
        await gateway.advance(1)
        stand(gateway, "191.10", "191.14")
        await gateway.advance(1)
        await client.hear()
        assert (status(client, 2), status(client, 3)) == ("Filled", "Cancelled")
        assert 202 in client.codes(3)


@pytest.mark.parametrize(
    ("kind", "rest"),
    [("1", Decimal(0)), ("2", Decimal(20)), ("3", Decimal(20))],
    ids=["cancel", "reduce with block", "reduce"],
)
async def test_point_05_one_cancels_all_cancels_or_reduces(kind: str, rest: Decimal) -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        group = {"ocaGroup": "one", "ocaType": kind, "action": "BUY"}
        await client.ask(
            order(1, lmtPrice="189", totalQuantity="100", **group),
            order(2, lmtPrice="150", totalQuantity="50", **group),
        )
        await gateway.advance(1)
        stand(gateway, "188.96", "188.98")
        await client.hear()
        assert sum(one.shares for one in client.all(ExecDetails)) == ASK_SIZE
        left = {one.owner.order_id: one.remaining for one in gateway.venue.open_orders()}
        if kind == "1":
            assert status(client, 2) == "Cancelled"
        else:
            # in proportion: three fifths are done (ibapi order.py)
            assert left == {1: Decimal(40), 2: rest}


@pytest.mark.parametrize("kind", ["MOC", "LOC"])
async def test_point_05_an_order_for_the_close_waits_for_the_closing_auction(kind: str) -> None:
    clock = ManualClock(CLOSING - timedelta(minutes=11))
    async with talk(clock=clock) as (gateway, client):
        price = {"lmtPrice": "400"} if kind == "LOC" else {}
        await client.ask(order(1, orderType=kind, **price))
        await gateway.advance(9 * 60)
        await client.hear()
        assert client.all(ExecDetails) == []
        await gateway.advance(2 * 60)
        await client.hear()
        assert status(client, 1) == "Filled"


async def test_point_05_a_combination_trades_with_its_legs() -> None:
    async with talk() as (gateway, client):
        bag = WireContract(symbol="AAPL", sec_type="BAG", currency="USD", exchange="SMART")
        legs = (
            (str(AAPL), "4", "BUY", "SMART", "0", "0", "", "-1"),
            ("272093", "1", "SELL", "SMART", "0", "0", "", "-1"),
        )
        placed = replace(order(1, bag, orderType="MKT"), groups={"comboLegs": legs})
        await client.ask(placed)
        traded = [
            (one.contract.sec_type, one.side, int(one.shares)) for one in client.all(ExecDetails)
        ]
        assert traded == [("BAG", "BOT", 5), ("STK", "BOT", 20), ("STK", "SLD", 5)]
        assert gateway.venue.ledgers[ACCOUNT].holdings[AAPL].quantity == 20


async def test_point_05_a_commission_may_come_late() -> None:
    async with talk(quirks=[Quirk.COMMISSION_LATE]) as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT"))
        assert client.all(ExecDetails)
        assert client.all(CommissionReport) == []
        await gateway.advance(3)
        await client.hear()
        assert client.last(CommissionReport).exec_id == client.last(ExecDetails).exec_id


@pytest.mark.parametrize(("quirk", "code"), [(Quirk.WARNING_399, 399), (Quirk.PRESET_TIF, 10349)])
async def test_point_05_a_warning_leaves_the_order_alive(quirk: Quirk, code: int) -> None:
    async with talk(quirks=[quirk]) as (gateway, client):
        await client.ask(order(1, tif=""))
        assert client.codes(1) == [code]
        assert len(gateway.venue.open_orders()) == 1


async def test_point_05_an_order_is_changed_and_keeps_its_identity() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, lmtPrice="50"))
        await client.ask(order(1, lmtPrice="51", totalQuantity="7"))
        first, *_, last = client.all(OpenOrder)
        assert first.texts["permId"] == last.texts["permId"]
        assert (Decimal(last.texts["lmtPrice"]), last.texts["totalQuantity"]) == (Decimal(51), "7")
        assert len(gateway.venue.open_orders()) == 1


async def test_point_05_a_fill_wins_over_the_cancellation_that_comes_too_late() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT"))
        await client.ask(CancelOrder(order_id=1))
        assert status(client, 1) == "Filled"
        assert client.codes(1)[-1] in {10148, 161}


async def test_point_05_a_cancellation_of_what_nobody_knows_is_10147() -> None:
    async with talk() as (_, client):
        await client.ask(CancelOrder(order_id=77))
        assert client.codes(77) == [10147]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        pytest.param({"lmtPrice": "50.005"}, 110, id="off the grid"),
        pytest.param({"totalQuantity": "1000000", "lmtPrice": "190"}, 201, id="margin"),
        pytest.param({"orderType": "NONSENSE"}, 387, id="unknown type"),
        pytest.param({"account": "DU999"}, 201, id="unknown account"),
    ],
)
async def test_point_05_what_cannot_be_placed_is_refused_with_its_code(
    texts: dict[str, str], code: int
) -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, **texts))
        assert code in client.codes(1)
        assert gateway.venue.open_orders() == ()


async def test_point_05_a_read_only_gateway_takes_no_orders() -> None:
    async with talk(permissions=Permissions(read_only_api=True)) as (gateway, client):
        await client.ask(order(1))
        assert client.codes(1) == [321]
        assert gateway.venue.open_orders() == ()


async def test_point_05_a_what_if_tells_margins_and_places_nothing() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, lmtPrice="190", totalQuantity="100", whatIf="1"))
        [shown] = client.all(OpenOrder)
        before, change, after = (
            Decimal(shown.texts[f"initMargin{when}"]) for when in ("Before", "Change", "After")
        )
        assert before + change == after > before
        assert client.all(OrderStatus) == []
        assert gateway.venue.open_orders() == gateway.venue.closed_orders() == ()


async def test_point_05_an_execution_is_corrected_and_taken_back() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT"))
        original = client.last(ExecDetails)
        now = gateway.clock.utcnow()
        gateway.gateway.execute(
            CorrectExecution(
                exec_id=original.exec_id, price=Decimal("189.50"), quantity=original.shares
            ),
            now,
        )
        gateway.flush()
        await client.hear()
        corrected = client.last(ExecDetails)
        stem, _, revision = corrected.exec_id.rpartition(".")
        assert stem == original.exec_id.rpartition(".")[0]
        assert (int(revision), corrected.price) == (2, Decimal("189.50"))
        gateway.gateway.execute(BustExecution(exec_id=corrected.exec_id), now)
        gateway.flush()
        await client.ask(ReqPositions())
        assert all(one.position == 0 for one in client.all(Position))
        holding = gateway.venue.ledgers[ACCOUNT].holdings.get(AAPL)
        assert holding is None or holding.quantity == 0


async def test_point_05_completed_orders_and_a_global_cancel() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        other = await Conversation.start(gateway, client_id=2)
        await client.ask(order(1, orderType="MKT"), order(2, lmtPrice="50"))
        await other.ask(order(1, lmtPrice="51"))
        await other.ask(GlobalCancel())
        await client.hear()
        assert status(client, 2) == status(other, 1) == "Cancelled"
        *completed, end = await client.ask(ReqCompletedOrders(api_only=False))
        assert end == CompletedOrdersEnd()
        closed = [one for one in completed if isinstance(one, CompletedOrder)]
        assert closed == completed
        assert sorted(one.texts["status"] for one in closed) == ["Cancelled", "Cancelled", "Filled"]


# --- 6: accounts --------------------------------------------------------------------------------


async def test_point_06_the_account_window_adds_up() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT", totalQuantity="50"))
        await client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))
        assert client.all(AccountDownloadEnd) == [AccountDownloadEnd(account=ACCOUNT)]
        values = {(one.key, one.currency): one.value for one in client.all(AccountValue)}
        [held] = client.all(PortfolioValue)
        cash = Decimal(values["TotalCashValue", "USD"])
        assert cash + held.market_value == Decimal(values["NetLiquidation", "USD"])
        paid = 50 * Decimal("190.02") + client.last(CommissionReport).commission
        assert cash == 1_000_000 - paid
        assert held.position * held.average_cost == pytest.approx(paid)


async def test_point_06_the_window_speaks_again_after_a_trade_and_every_three_minutes() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(ReqAccountUpdates(subscribe=True, account=ACCOUNT))
        await client.ask(order(1, orderType="MKT"))
        assert client.all(PortfolioValue)
        quiet = len(client.all(AccountValue))
        await gateway.advance(100)
        await client.hear()
        assert len(client.all(AccountValue)) == quiet
        stand(gateway, "195.00", "195.02")
        await gateway.advance(100)
        await client.hear()
        assert len(client.all(AccountValue)) > quiet


async def test_point_06_positions_summary_and_profit_tell_one_story() -> None:
    async with talk() as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT", totalQuantity="50"))
        await gateway.advance(1)
        stand(gateway, "191.98", "192.02")
        *positions, end = await client.ask(ReqPositions())
        assert end == PositionEnd()
        [position] = [one for one in positions if isinstance(one, Position)]
        assert (position.account, position.position) == (ACCOUNT, Decimal(50))
        await client.ask(
            ReqAccountSummary(request_id=1, group="All", tags="NetLiquidation,TotalCashValue"),
            ReqPnl(request_id=2, account=ACCOUNT, model=""),
            ReqPnlSingle(request_id=3, account=ACCOUNT, model="", con_id=AAPL),
        )
        await gateway.advance(2)
        await client.hear()
        total, single = client.last(Pnl), client.last(PnlSingle)
        gain = 50 * (Decimal(192) - position.average_cost)
        assert single.position == 50
        assert float(single.unrealized or 0) == pytest.approx(float(gain), abs=0.01)
        assert total.unrealized == single.unrealized
        summary = {one.tag: Decimal(one.value) for one in client.all(AccountSummary)}
        assert summary["NetLiquidation"] - summary["TotalCashValue"] == 50 * 192


async def test_point_06_several_accounts_have_each_their_own() -> None:
    accounts = {"DU1": Decimal(100_000), "DU2": Decimal(50_000)}
    async with talk(accounts=accounts) as (gateway, client):
        stand(gateway)
        await client.ask(order(1, orderType="MKT"))
        assert client.codes(1) == [435]  # whose?
        await client.ask(order(2, orderType="MKT", account="DU2"))
        *positions, _ = await client.ask(ReqPositions())
        assert [one.account for one in positions if isinstance(one, Position)] == ["DU2"]
        await client.ask(ReqAccountSummary(request_id=1, group="All", tags="TotalCashValue"))
        cash = {one.account: Decimal(one.value) for one in client.all(AccountSummary)}
        assert cash["DU1"] == 100_000
        assert cash["DU2"] < 50_000


async def test_point_06_a_third_summary_is_322() -> None:
    async with talk() as (_, client):
        for number in (1, 2, 3):
            await client.ask(
                ReqAccountSummary(request_id=number, group="All", tags="NetLiquidation")
            )
        errors = [one for one in client.all(ErrorMessage) if one.code == 322]
        assert [one.request_id for one in errors] == [3]
