"""Orders as a client places and sees them: families, conditions, combos, what-if, owners."""

from __future__ import annotations

import typing
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.clock import ManualClock
from ibkr_connector.simulator import GatewaySimulator, Permissions
from ibkr_connector.simulator.dialogue.gateway import MANUAL
from ibkr_connector.simulator.dialogue.handlers import HANDLERS
from ibkr_connector.simulator.exchange.commands import BustExecution, SetQuote
from ibkr_connector.simulator.exchange.records import Owner, Terms
from ibkr_connector.simulator.exchange.trading_hours import ExchangeHours
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    CommissionReport,
    CompletedOrder,
    ErrorMessage,
    ExecDetails,
    OpenOrder,
    OrderBound,
    OrderStatus,
    Reply,
)
from kit.faults import gateway, heard, kinds, order
from kit.raw_client import RawClient, frame


async def told(client: RawClient, *requests: ask.Request) -> list[Reply]:
    """Ask, and return everything that is answered at once."""
    client.write(b"".join(frame(request) for request in requests))
    return await heard(client)


def statuses(replies: list[Reply]) -> list[tuple[int, str]]:
    return [(one.order_id, one.status) for one in replies if isinstance(one, OrderStatus)]


def hold(simulator: GatewaySimulator, bid: str, ask_: str, *, con_id: int = 265598) -> None:
    """Hold the market at a quote, and let everybody hear of it."""
    command = SetQuote(con_id=con_id, bid=Decimal(bid), ask=Decimal(ask_))
    simulator.gateway.execute(command, simulator.clock.utcnow())
    simulator.flush()


def test_every_request_has_a_handler() -> None:
    unanswered = {ask.BrokenRequest, ask.StartApi, ask.UnsupportedRequest}
    assert set(typing.get_args(ask.Request)) - set(HANDLERS) == unanswered


async def test_a_bracket_appears_with_its_last_order_and_its_children_wait() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "99.90", "100.10")
        parent = order(1, lmtPrice="99", transmit="0")
        target = order(2, action="SELL", lmtPrice="105", parentId="1", transmit="0")
        assert await told(client, parent, target) == []
        stop = order(3, action="SELL", orderType="STP", auxPrice="95", lmtPrice="", parentId="1")
        replies = await told(client, stop)
        assert statuses(replies)[-2:] == [(2, "PreSubmitted"), (3, "PreSubmitted")]
        assert (1, "Submitted") in statuses(replies)
        held = {r.order_id: r.why_held for r in replies if isinstance(r, OrderStatus)}
        assert (held[2], held[3]) == ("child", "child,trigger")
        parents = {r.parent_id for r in replies if isinstance(r, OrderStatus) and r.order_id > 1}
        assert parents == {1}
        hold(simulator, "98.90", "98.95")
        hold(simulator, "105.00", "105.10")
        replies = await heard(client)
        assert [s for s in statuses(replies) if s[0] == 3][-1] == (3, "Cancelled")
        assert [r.request_id for r in replies if isinstance(r, ErrorMessage)] == [3]
        assert not simulator.venue.open_orders()
        await client.aclose()


async def test_a_child_of_nobody_is_refused() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        assert kinds(await told(client, order(1, parentId="77"))) == ["10006"]
        await client.aclose()


async def test_a_group_and_conditions_come_back_as_they_were_sent() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        sent = order(1, ocaGroup="either", ocaType="1", conditionsIgnoreRth="1")
        condition = ("1", "a", "1", "500", "265598", "SMART", "2")
        sent = ask.PlaceOrder(
            order_id=1,
            contract=sent.contract,
            texts=sent.texts,
            groups={"conditions": (condition,)},
        )
        [shown, status] = await told(client, sent)
        assert isinstance(shown, OpenOrder)
        assert isinstance(status, OrderStatus)
        assert shown.groups["conditions"] == (condition,)
        assert (shown.texts["ocaGroup"], shown.texts["ocaType"]) == ("either", "1")
        assert (status.status, status.why_held) == ("PreSubmitted", "condition")
        await client.aclose()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"goodAfterTime": "tomorrow"}, 336),
        ({"tif": "GTD", "goodTillDate": "2026"}, 337),
        ({"ocaGroup": "g", "ocaType": "9"}, 10324),
        ({"totalQuantity": "0", "cashQty": "100"}, 10244),
        ({"action": "HOLD"}, 303),
        ({"faGroup": "all"}, 330),
        ({"algoStrategy": "Guess"}, 439),
    ],
)
async def test_an_order_that_cannot_be_is_answered_with_its_code(
    change: dict[str, str], code: int
) -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        assert kinds(await told(client, order(1, **change))) == [str(code)]
        assert simulator.venue.open_orders() == ()
        simulator.check()
        await client.aclose()


async def test_what_is_not_simulated_is_refused_and_remembered() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        assert kinds(await told(client, order(1, hedgeType="D"))) == ["201"]
        with pytest.raises(AssertionError, match="hedging orders"):
            simulator.check()
        await client.aclose()


async def test_where_a_trailing_stop_stands_is_said_twice_as_clients_take_the_second() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "99.90", "100.10")
        trail = {"action": "SELL", "orderType": "TRAIL", "lmtPrice": "", "auxPrice": "1"}
        await told(client, order(1, **trail))
        hold(simulator, "101.90", "102.10")
        [shown, *_] = await told(client, ask.ReqOpenOrders())
        assert isinstance(shown, OpenOrder)
        assert shown.texts["trailStopPrice"] == shown.texts["adjustedTrailStopPrice"] == "101"
        await client.aclose()


async def test_a_pair_is_bought_by_what_it_costs() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "1.09995", "1.10005", con_id=12087792)
        pair = WireContract(con_id=12087792, exchange="IDEALPRO")
        texts = {**order().texts, "orderType": "LMT", "lmtPrice": "1.1", "totalQuantity": "0"}
        request = ask.PlaceOrder(order_id=1, contract=pair, texts={**texts, "cashQty": "110000"})
        replies = await told(client, request)
        shown = next(one for one in replies if isinstance(one, OpenOrder))
        assert shown.texts["totalQuantity"] == "100000"
        await client.aclose()


async def test_a_what_if_says_margins_and_cost_and_places_nothing() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "99.90", "100.10")
        market = {"orderType": "MKT", "lmtPrice": "", "totalQuantity": "1000"}
        [shown] = await told(client, order(1, whatIf="1", **market))
        assert isinstance(shown, OpenOrder)
        assert shown.texts["initMarginChange"] == "50000"  # half of 100,000 by Regulation T
        assert shown.texts["commission"] == "5"
        assert kinds(await told(client, order(1, whatIf="1", transmit="0", **market))) == ["413"]
        assert simulator.venue.open_orders() == ()
        await client.aclose()


async def test_a_combo_tells_of_itself_and_of_its_legs() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "99.90", "100.10")
        hold(simulator, "399.90", "400.10", con_id=272093)
        bag = WireContract(symbol="AAPL,MSFT", sec_type="BAG", exchange="SMART", currency="USD")
        legs = (
            ("265598", "4", "BUY", "SMART", "0", "0", "", "-1"),
            ("272093", "1", "SELL", "SMART", "0", "0", "", "-1"),
        )
        texts = {**order().texts, "orderType": "MKT", "lmtPrice": "", "totalQuantity": "2"}
        request = ask.PlaceOrder(order_id=1, contract=bag, texts=texts, groups={"comboLegs": legs})
        replies = await told(client, request)
        executed = [one for one in replies if isinstance(one, ExecDetails)]
        assert [(one.contract.sec_type, one.side, int(one.shares)) for one in executed] == [
            ("BAG", "BOT", 2),
            ("STK", "BOT", 8),
            ("STK", "SLD", 2),
        ]
        reports = [one.exec_id for one in replies if isinstance(one, CommissionReport)]
        assert reports == [one.exec_id for one in executed[1:]]
        nobody = (("1", "1", "BUY", "SMART", "0", "0", "", "-1"),)
        wrong = ask.PlaceOrder(order_id=2, contract=bag, texts=texts, groups={"comboLegs": nobody})
        assert kinds(await told(client, wrong)) == ["313"]
        await client.aclose()


async def test_executions_are_filtered_by_side_time_and_the_rest() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        hold(simulator, "99.90", "100.10")
        market = {"orderType": "MKT", "lmtPrice": ""}
        await told(client, order(1, **market))
        await simulator.advance(60)
        await told(client, order(2, action="SELL", **market))

        async def sides(**fields: Any) -> list[str]:
            replies = await told(client, ask.ReqExecutions(request_id=9, **fields))
            return [one.side for one in replies if isinstance(one, ExecDetails)]

        assert await sides() == ["BOT", "SLD"]
        assert await sides(side="BUY") == ["BOT"]
        assert await sides(side="SLD") == ["SLD"]
        assert await sides(time="20261118-15:00:30") == ["SLD"]
        assert await sides(time="20261118 10:00:30 US/Eastern") == ["SLD"]
        assert await sides(time="20261118 10:02:00") == []
        assert await sides(symbol="MSFT") == []
        assert kinds(await told(client, ask.ReqExecutions(request_id=9, time="noon"))) == ["321"]
        await client.aclose()


async def test_the_master_client_hears_of_everybody_and_others_of_themselves() -> None:
    async with gateway(permissions=Permissions(master_client_id=7)) as simulator:
        owner, master, other = [
            await RawClient.start(simulator.host, simulator.port, number) for number in (1, 7, 2)
        ]
        await told(owner, order(1))
        assert statuses(await heard(master)) == [(1, "PreSubmitted"), (1, "Submitted")]
        assert await heard(other) == []
        assert kinds(await told(master, ask.CancelOrder(order_id=1))) == ["10147"]
        for client in (owner, master, other):
            await client.aclose()


async def test_orders_typed_by_hand_are_bound_to_client_0_by_negative_ids() -> None:
    async with gateway() as simulator:
        zero = await RawClient.start(simulator.host, simulator.port, 0)
        other = await RawClient.start(simulator.host, simulator.port, 1)
        terms = Terms(action="BUY", quantity=Decimal(3), order_type="LMT", limit_price=Decimal(1))
        now = simulator.clock.utcnow()
        simulator.gateway.place_for(MANUAL, con_id=265598, terms=terms, now=now)
        seen = await told(other, ask.ReqAllOpenOrders())
        assert statuses(seen) == [(0, "Submitted")]
        assert kinds(await told(other, ask.ReqAutoOpenOrders(auto_bind=True))) == ["327"]
        replies = await told(zero, ask.ReqAutoOpenOrders(auto_bind=True))
        [bound] = [one for one in replies if isinstance(one, OrderBound)]
        assert (bound.client_id, bound.order_id) == (0, -1)
        simulator.gateway.place_for(MANUAL, con_id=265598, terms=terms, now=now)
        replies = await told(zero, ask.CancelOrder(order_id=-2))
        assert statuses(replies)[-1] == (-2, "Cancelled")
        await zero.aclose()
        await other.aclose()


async def test_an_order_of_a_client_that_is_not_there_is_seen_by_all_who_ask() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port, 1)
        terms = Terms(action="BUY", quantity=Decimal(3), order_type="LMT", limit_price=Decimal(1))
        owner = Owner(client_id=9, order_id=4)
        now = simulator.clock.utcnow()
        simulator.gateway.place_for(owner, con_id=265598, terms=terms, now=now)
        assert statuses(await told(client, ask.ReqOpenOrders())) == []
        assert statuses(await told(client, ask.ReqAllOpenOrders())) == [(4, "Submitted")]
        await client.aclose()


async def test_a_bust_comes_as_the_next_revision_and_a_position_of_nothing() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        await told(client, ask.ReqPositions())
        replies = await told(client, order(1, orderType="MKT", lmtPrice=""))
        [first] = [one for one in replies if isinstance(one, ExecDetails)]
        now = simulator.clock.utcnow()
        simulator.gateway.execute(BustExecution(exec_id=first.exec_id), now)
        simulator.flush()
        replies = await heard(client)
        [again] = [one for one in replies if isinstance(one, ExecDetails)]
        assert (again.exec_id, int(again.shares)) == (first.exec_id[:-1] + "2", 0)
        assert [one.position for one in replies if hasattr(one, "position")] == [0]
        await client.aclose()


async def test_an_order_for_a_shut_market_is_held_with_a_warning_until_it_opens() -> None:
    clock = ManualClock(DEFAULT_START.replace(hour=3))
    async with GatewaySimulator(clock=clock, sessions=True) as simulator:
        assert isinstance(simulator.venue.hours, ExchangeHours)
        client = await RawClient.start(simulator.host, simulator.port)
        replies = await told(client, order(1, orderType="MKT", lmtPrice=""))
        [warning] = [one for one in replies if isinstance(one, ErrorMessage)]
        assert warning.code == 399
        assert "2026-11-18 09:30:00 US/Eastern" in warning.text
        assert statuses(replies) == [(1, "PreSubmitted")]
        clock.advance(11.5 * 3_600)
        simulator.tick()
        assert statuses(await heard(client))[-1] == (1, "Filled")
        await told(client, order(2))
        clock.advance(10.5 * 3_600)  # eight in the evening: the day is over
        simulator.tick()
        assert statuses(await heard(client))[-1] == (2, "Cancelled")
        await client.aclose()


async def test_an_advisors_fill_is_divided_and_each_account_pays_its_part() -> None:
    accounts = {"DF1": Decimal(0), "DU1": Decimal(100_000), "DU2": Decimal(300_000)}
    async with gateway(accounts=accounts) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        groups = (
            "<?xml version='1.0' encoding='UTF-8'?><ListOfGroups><Group><name>all</name>"
            "<defaultMethod>NetLiq</defaultMethod><ListOfAccts varName='list'>"
            "<Account><acct>DU1</acct></Account><Account><acct>DU2</acct></Account>"
            "</ListOfAccts></Group></ListOfGroups>"
        )
        await told(client, ask.ReplaceFa(request_id=5, data_type=1, xml=groups))
        market = {"orderType": "MKT", "lmtPrice": "", "totalQuantity": "40"}
        replies = await told(client, order(1, faGroup="all", **market))
        told_of = [one for one in replies if isinstance(one, ExecDetails)]
        # the whole in the advisor's own account, and then what each of the others got of it
        assert [(one.account, int(one.shares)) for one in told_of] == [
            ("DF1", 40),
            ("DU1", 10),
            ("DU2", 30),
        ]
        await client.aclose()


async def test_completed_orders_leave_out_what_was_typed_by_hand_when_asked_to() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        terms = Terms(action="BUY", quantity=Decimal(3), order_type="MKT")
        now = simulator.clock.utcnow()
        simulator.gateway.place_for(MANUAL, con_id=265598, terms=terms, now=now)
        for api_only, count in ((False, 1), (True, 0)):
            replies = await told(client, ask.ReqCompletedOrders(api_only=api_only))
            assert sum(isinstance(one, CompletedOrder) for one in replies) == count
        await client.aclose()


async def test_a_limit_of_working_orders_per_side_is_kept_when_it_is_set() -> None:
    async with gateway(permissions=Permissions(orders_per_side=2)) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        replies = await told(client, order(1), order(2), order(3))
        assert [one.request_id for one in replies if isinstance(one, ErrorMessage)] == [3]
        await client.aclose()
