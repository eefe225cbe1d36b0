"""
The oddities of TWS that its users ran into, each a switch of the simulator with a test.

Everything is said over a socket; what TWS does that no document promises is on only where the
switch is. The list is that of the projects that met them.
"""

from __future__ import annotations

import pytest

from ibkr_connector.simulator.quirks import QUIRKS, Quirk
from ibkr_connector.simulator.wire.replies import (
    AccountSummaryEnd,
    CommissionReport,
    CompletedOrdersEnd,
    CurrentTime,
    ErrorMessage,
    ExecDetails,
    OpenOrderEnd,
    OrderStatus,
)
from ibkr_connector.simulator.wire.requests import (
    CancelAccountSummary,
    ReqAccountSummary,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqCurrentTime,
    ReqOpenOrders,
    StartApi,
)
from kit.broker import set_quote
from kit.conversation import Conversation, order, standing_still, talk

FARMS_ARE_WELL = {2104, 2106, 2158}
LARGEST_DOUBLE = "1.7976931348623157E308"


@pytest.mark.parametrize("quirk", Quirk)
def test_every_switch_says_what_it_does_and_who_says_so(quirk: Quirk) -> None:
    row = QUIRKS[quirk]
    assert row.what.strip()
    assert row.source.strip()


async def test_the_time_is_told_once_a_second_and_a_second_question_is_not_answered() -> None:
    async with talk(quirks=[Quirk.TIME_ONCE_A_SECOND]) as (gateway, client):
        assert [type(one) for one in await client.ask(ReqCurrentTime())] == [CurrentTime]
        assert await client.ask(ReqCurrentTime()) == []
        await gateway.advance(1.1)
        assert [type(one) for one in await client.ask(ReqCurrentTime())] == [CurrentTime]


async def test_a_read_only_api_refuses_lists_of_orders_under_no_request() -> None:
    async with talk(quirks=[Quirk.READ_ONLY_API]) as (_, client):
        for request in (ReqOpenOrders(), ReqAllOpenOrders(), ReqCompletedOrders(api_only=False)):
            refused = await client.ask(request)
            assert [
                (one.request_id, one.code) for one in refused if isinstance(one, ErrorMessage)
            ] == [(-1, 321)]
            assert not {OpenOrderEnd, CompletedOrdersEnd} & {type(one) for one in refused}
        await client.ask(order(1))
        assert client.codes(1) == [321]


async def test_two_account_summaries_live_and_the_third_is_322() -> None:
    async with talk() as (_, client):
        for number in (1, 2, 3):
            await client.ask(
                ReqAccountSummary(request_id=number, group="All", tags="NetLiquidation")
            )
        assert client.codes(3) == [322]
        await client.ask(CancelAccountSummary(request_id=1))
        await client.ask(ReqAccountSummary(request_id=4, group="All", tags="NetLiquidation"))
        assert [one.request_id for one in client.all(AccountSummaryEnd)] == [1, 2, 4]


async def test_a_gateway_that_keeps_the_slots_of_cancelled_summaries() -> None:
    async with talk(quirks=[Quirk.SUMMARY_SLOTS_KEPT]) as (_, client):
        for number in (1, 2):
            await client.ask(
                ReqAccountSummary(request_id=number, group="All", tags="NetLiquidation")
            )
        await client.ask(CancelAccountSummary(request_id=1))
        await client.ask(ReqAccountSummary(request_id=3, group="All", tags="NetLiquidation"))
        assert client.codes(3) == [322]
        await client.ask(ReqAccountSummary(request_id=1, group="All", tags="NetLiquidation"))
        assert client.codes(1) == []


async def test_what_2110_broke_is_ended_by_the_farms_notices_alone() -> None:
    async with talk() as (gateway, client):
        begun = len(client.codes())
        gateway.quirk(Quirk.LINK_BROKEN_QUIETLY)
        await gateway.advance(30)
        await client.hear()
        said = client.codes()[begun:]
        assert said[0] == 2110
        assert set(said) & FARMS_ARE_WELL
        assert not set(said) & {1100, 1101, 1102}


async def test_a_forwarder_accepts_the_socket_and_closes_it() -> None:
    async with standing_still(quirks=[Quirk.ACCEPT_THEN_CLOSE]) as gateway:
        client = await Conversation.dial(gateway)
        assert await client.hear() == []
        assert client.is_closed
        assert gateway.accepted == 1


async def test_an_order_preset_is_told_with_10349_and_the_order_lives() -> None:
    async with talk(quirks=[Quirk.PRESET_TIF]) as (gateway, client):
        await client.ask(order(1, tif=""))
        assert client.codes(1) == [10349]
        assert len(gateway.venue.open_orders()) == 1
        assert client.last(OrderStatus).status in {"PreSubmitted", "Submitted"}


async def test_a_commission_may_be_the_largest_double() -> None:
    async with talk(quirks=[Quirk.COMMISSION_UNSET]) as (gateway, client):
        set_quote(gateway, bid="189.98", ask="190.02", last="190.00")
        await client.ask(order(1, orderType="MKT"))
        reports = [frame for frame in client.frames if frame[0] == "59"]
        assert [frame[3] for frame in reports] == [LARGEST_DOUBLE]
        assert client.last(CommissionReport).exec_id == client.last(ExecDetails).exec_id


async def test_an_execution_is_corrected_under_the_next_revision_of_its_id() -> None:
    async with talk(quirks=[Quirk.EXECUTION_CORRECTED]) as (gateway, client):
        set_quote(gateway, bid="189.98", ask="190.02", last="190.00")
        await client.ask(order(1, orderType="MKT"))
        await gateway.advance(2)
        await client.hear()
        first, second = client.all(ExecDetails)
        assert first.exec_id.rpartition(".")[0] == second.exec_id.rpartition(".")[0]
        assert [one.exec_id.rpartition(".")[2] for one in (first, second)] == ["01", "02"]
        assert abs(first.price - second.price).as_tuple().exponent == -2
        assert first.price != second.price


async def test_a_gateway_may_say_nothing_at_all_to_a_client_that_it_does_not_like() -> None:
    # 10.40.1b did so with clients that had no callbacks for protobuf
    async with standing_still(quirks=[Quirk.SILENT_AFTER_START]) as gateway:
        client = await Conversation.open(gateway)
        assert await client.ask(StartApi(client_id=1)) == []
        assert await client.ask(ReqCurrentTime()) == []
        assert not client.is_closed
