"""
What bare ib_async does wrong, by the letters of its list of experiments, and what we do instead.

A id-less requests · B warnings that end nothing · C, M false cancellations · D, N foreign orders ·
E corrections · F summary subscriptions · G handlers · H leaks · I lost queue · J client id (see
test_connecting) · K silent parts · L what-if · O naive times
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from ib_async.contract import Stock
from ib_async.order import MarketOrder

from ibkr_connector.errors import (
    ConnectionLostError,
    ContractError,
    HistoricalDataError,
    IBKRError,
    NotConnectedError,
    OrderRejectedError,
)
from ibkr_connector.gateway.port import (
    CommissionReported,
    DisconnectReason,
    Execution,
    GatewayEvent,
    GatewayNotice,
    OpenOrderSeen,
    OrderFault,
    OrderStatusSeen,
    OrderTicket,
    SessionEnded,
)
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.market import DataType
from ibkr_connector.model.orders import Action, OrderType, SendDisposition, TimeInForce
from kit import wire_rows as rows
from kit.scripted_gateway import ScriptedGateway

AAPL = stock("AAPL")


def ticket(order_id: int = 100) -> OrderTicket:
    return OrderTicket(
        order_id=OrderId(order_id),
        order_ref="ref-1",
        contract=AAPL,
        action=Action.BUY,
        quantity=Decimal(10),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("101.50"),
        stop_price=None,
        time_in_force=TimeInForce.DAY,
        outside_regular_hours=False,
        account="DU1",
    )


async def settle(session: Session) -> None:
    """Everything that the gateway has said before this has been taken."""
    await session.probe()


@pytest.fixture(autouse=True)
def clock_answers(gateway: ScriptedGateway) -> None:
    gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]


ID_LESS: dict[str, tuple[int, list[tuple[Any, ...]], Callable[[Session], Awaitable[Any]]]] = {
    "positions": (61, [rows.position(), (62, 1)], lambda s: s.positions()),
    "open_orders": (16, [rows.open_order(), (53, 1)], lambda s: s.open_orders()),
    "completed_orders": (99, [rows.completed_order(), (102,)], lambda s: s.completed_orders()),
    "portfolio": (6, [rows.portfolio(), (54, 1, "DU1")], lambda s: s.portfolio("DU1")),
    "account_values": (
        62,
        [(63, 1, 1 << 30, "DU1", "NetLiquidation", "1000", "USD"), (64, 1, 1 << 30)],
        lambda s: s.account_values(),
    ),
}


@pytest.mark.parametrize("name", ID_LESS)
async def test_a_ten_concurrent_calls_without_an_id_all_complete(
    name: str, gateway: ScriptedGateway, session: Session
) -> None:
    number, answer, call = ID_LESS[name]
    calls = [asyncio.ensure_future(call(session)) for _ in range(10)]
    await gateway.wait_for(number)
    gateway.say_all(answer)
    results = await asyncio.gather(*calls)
    assert all(len(result) == 1 for result in results)
    assert len(gateway.of(number)) == 1


async def test_a_late_answer_of_an_abandoned_question_does_not_cut_the_next_one_short(
    gateway: ScriptedGateway, session: Session
) -> None:
    abandoned = asyncio.ensure_future(session.open_orders())
    await gateway.wait_for(16)
    gateway.say(*rows.open_order(100, perm_id=1))
    await settle(session)
    abandoned.cancel()
    with pytest.raises(asyncio.CancelledError):
        await abandoned

    again = asyncio.ensure_future(session.open_orders())
    await gateway.wait_for(16, count=2)
    gateway.say_all([rows.open_order(101, perm_id=2), (53, 1)])
    assert {order.perm_id for order in await again} == {1, 2}

    third = asyncio.ensure_future(session.open_orders())
    await gateway.wait_for(16, count=3)
    gateway.say_all([rows.open_order(100, perm_id=1), rows.open_order(101, perm_id=2), (53, 1)])
    assert {order.perm_id for order in await third} == {1, 2}


async def test_b_a_validation_error_ends_the_request_that_it_names(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["9"] = lambda fields: [rows.error(int(fields[2]), 321, "Missing<br>exchange")]
    with pytest.raises(ContractError, match="Missing exchange") as caught:
        await session.contract_details(AAPL)
    assert caught.value.code == 321
    gateway.answers["20"] = lambda fields: [rows.error(int(fields[1]), 321)]
    with pytest.raises(HistoricalDataError):
        await session.bars(AAPL, duration="1 D", bar_size="1 min", what_to_show="TRADES")
    assert session.open_calls == 0


async def test_b_a_validation_error_ends_a_request_of_the_escape_hatch(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["9"] = lambda fields: [rows.error(int(fields[2]), 321)]
    with pytest.raises(IBKRError) as caught:
        await session.request(lambda ib: ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD")))
    assert caught.value.code == 321
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "code",
    [
        10349,
        10148,
        10147,
        201,
        202,
        103,
        161,
        10318,
        10311,
        399,
        404,
        2109,
        110,
        2102,
        321,
        434,
        492,
    ],
)
async def test_c_no_error_code_is_ever_turned_into_an_order_status(
    code: int, gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    await session.send_order(ticket())
    gateway.say_all(
        [
            rows.open_order(),
            rows.order_status(),
            rows.error(100, code),
            rows.execution(),
            rows.order_status(status="Filled", filled="10", remaining="0", price="101.5"),
        ]
    )
    await settle(session)
    statuses = [event.status for event in events if isinstance(event, OrderStatusSeen)]
    assert statuses == ["Submitted", "Filled"]
    assert [event.code for event in events if isinstance(event, OrderFault)] == [code]


async def test_d_fills_of_unknown_and_of_typed_orders_are_events(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.say_all(
        [
            rows.execution("0001.01.01", order_id=555, client_id=3, perm_id=1),
            rows.execution("0002.01.01", order_id=0, client_id=0, perm_id=2),
            rows.execution("0003.01.01", order_id=2147483647, client_id=0, perm_id=3),
        ]
    )
    await settle(session)
    fills = [event for event in events if isinstance(event, Execution)]
    assert [(fill.order_id, fill.client_id) for fill in fills] == [(555, 3), (0, 0), (0, 0)]
    assert not any(fill.recovered for fill in fills)


async def test_e_a_correction_is_passed_on_as_it_is(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.say_all(
        [
            rows.execution("0001.01.01", shares="10"),
            rows.execution("0001.01.02", shares="9"),
            rows.execution("0001.01.02", shares="9"),
        ]
    )
    await settle(session)
    fills = [(str(e.exec_id), int(e.quantity)) for e in events if isinstance(e, Execution)]
    assert fills == [("0001.01.01", 10), ("0001.01.02", 9), ("0001.01.02", 9)]


async def test_f_a_restored_link_opens_no_second_account_summary(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["62"] = lambda fields: [
        (63, 1, fields[2], "DU1", "NetLiquidation", "1000.5", "USD"),
        (64, 1, fields[2]),
    ]
    values = await session.account_values()
    assert [(value.tag, value.value) for value in values] == [("NetLiquidation", "1000.5")]
    for _ in range(10):
        gateway.say_all([rows.error(-1, 1100), rows.error(-1, 1102)])
    await settle(session)
    assert await session.account_values() == values
    assert len(gateway.of(62)) == 1
    assert [e.code for e in events if isinstance(e, GatewayNotice)] == [1100, 1102] * 10

    gateway.say(*rows.error(-1, 1101))
    await settle(session)
    await session.account_values()
    assert len({fields[2] for fields in gateway.of(62)}) == 1
    assert len(gateway.of(62)) == 2


async def test_g_a_sink_that_raises_ends_the_session_and_is_not_swallowed(
    gateway: ScriptedGateway, connect: Callable[[], Awaitable[Session]], events: list[GatewayEvent]
) -> None:
    seen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
    session = await connect()

    def refuse(event: GatewayEvent) -> None:
        if isinstance(event, OrderStatusSeen):
            raise LookupError("a bug above")
        events.append(event)

    session._wrapper._sink = refuse
    gateway.say(*rows.order_status())
    await gateway.hung_up.wait()
    assert [type(context["exception"]) for context in seen] == [LookupError]
    assert not session.is_open


ABANDONED: dict[str, tuple[int, int | None, Callable[[Session], Awaitable[Any]]]] = {
    "contract_details": (9, None, lambda s: s.contract_details(AAPL)),
    "bars": (
        20,
        25,
        lambda s: s.bars(AAPL, duration="1 D", bar_size="1 min", what_to_show="TRADES"),
    ),
    "quote": (1, 2, lambda s: s.quote(AAPL, data_type=DataType.LIVE)),
    "executions": (7, None, lambda s: s.executions()),
    "account_values": (62, 63, lambda s: s.account_values()),
    "positions": (61, None, lambda s: s.positions()),
    "portfolio": (6, 6, lambda s: s.portfolio("DU1")),
    "request": (
        9,
        None,
        lambda s: s.request(lambda ib: ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD"))),
    ),
}


@pytest.mark.parametrize("name", ABANDONED)
async def test_h_an_abandoned_call_leaves_no_entry_and_tells_the_gateway(
    name: str, gateway: ScriptedGateway, session: Session
) -> None:
    asked, stopped, call = ABANDONED[name]
    attempt = asyncio.ensure_future(call(session))
    await gateway.wait_for(asked)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await settle(session)
    assert session.open_calls == 0
    wrapper = session._wrapper
    assert not wrapper._futures
    assert not wrapper._results
    assert not wrapper._reqId2Contract
    if stopped is not None:
        assert gateway.of(stopped)


async def test_h_ten_thousand_abandoned_requests_leave_nothing(
    gateway: ScriptedGateway, session: Session
) -> None:
    session._client.MaxRequests = 0
    for _ in range(100):
        batch = [asyncio.ensure_future(session.contract_details(AAPL)) for _ in range(100)]
        await asyncio.sleep(0)
        for attempt in batch:
            attempt.cancel()
        await asyncio.wait(batch)
    assert session.open_calls == 0
    await gateway.wait_for(9, count=10_000)
    # Late answers to them are nobody's.
    gateway.say_all([rows.contract_data(gateway.of(9)[-1][2]), (52, 1, gateway.of(9)[-1][2])])
    gateway.say(*rows.error(int(gateway.of(9)[0][2]), 200))
    await settle(session)
    assert session.open_calls == 0
    assert not session._wrapper._results


async def test_i_an_order_goes_past_a_full_queue_and_is_sent_when_the_call_returns(
    gateway: ScriptedGateway, session: Session
) -> None:
    waiting = [asyncio.ensure_future(session.contract_details(AAPL)) for _ in range(200)]
    await asyncio.sleep(0)
    assert session._client._msgQ
    assert session._client.throttled == 1
    await session.send_order(ticket())
    fields = await gateway.wait_for(3)
    assert session._client._msgQ
    assert fields[1] == "100"
    for attempt in waiting:
        attempt.cancel()
    await asyncio.wait(waiting)


async def test_i_a_socket_that_ends_with_part_of_an_order_says_that_it_may_be_written(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.stop_reading()
    longer_than_any_buffer = replace(ticket(), order_ref="x" * 16_000_000)
    sending = asyncio.ensure_future(session.send_order(longer_than_any_buffer))
    behind = asyncio.ensure_future(session.send_order(ticket(101)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    session.abort("no heartbeat")
    with pytest.raises(ConnectionLostError) as caught:
        await sending
    assert caught.value.disposition is SendDisposition.MAYBE_WRITTEN
    assert not caught.value.retryable
    with pytest.raises(NotConnectedError) as unsent:
        await behind
    assert unsent.value.disposition is SendDisposition.UNSENT


async def test_i_an_order_behind_a_single_stuck_byte_is_not_called_sent(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.stop_reading()
    transport: Any = session._client.conn.transport
    while not transport.get_write_buffer_size():
        transport.write(b"\0" * 1024)
    sending = asyncio.ensure_future(session.send_order(ticket()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    session.abort("no heartbeat")
    with pytest.raises(NotConnectedError) as caught:
        await sending
    assert caught.value.disposition is SendDisposition.UNSENT


async def test_i_an_order_behind_a_closed_socket_is_unsent(session: Session) -> None:
    session.abort("no heartbeat")
    with pytest.raises(NotConnectedError) as caught:
        await session.send_order(ticket())
    assert caught.value.disposition is SendDisposition.UNSENT


async def test_k_a_part_that_is_never_answered_stays_open_until_its_caller_gives_up(
    gateway: ScriptedGateway, session: Session
) -> None:
    call = asyncio.ensure_future(session.positions())
    await gateway.wait_for(61)
    gateway.say(*rows.position())
    await settle(session)
    assert not call.done()
    call.cancel()
    await asyncio.wait([call])


async def test_l_a_what_if_by_the_escape_hatch_ends_with_its_rejection(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["3"] = lambda fields: [rows.error(int(fields[1]), 201, "no margin")]
    with pytest.raises(IBKRError) as caught:
        await session.request(
            lambda ib: ib.whatIfOrderAsync(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 1))
        )
    assert caught.value.code == 201
    assert not any(isinstance(event, OrderFault | OpenOrderSeen) for event in events)


async def test_m_a_cancel_verdict_is_an_event_and_the_fill_that_follows_too(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    await session.send_cancel(OrderId(100))
    assert await gateway.wait_for(4) == ["4", "1", "100", ""]
    gateway.say_all(
        [
            rows.error(100, 10148, "kann nicht storniert werden"),
            rows.order_status(status="Filled", filled="10", remaining="0", price="101.5"),
        ]
    )
    await settle(session)
    assert [type(event) for event in events] == [OrderFault, OrderStatusSeen]


async def test_n_a_status_of_another_clients_order_is_an_event(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.say_all([rows.order_status(5, "Held for review", client_id=3), rows.order_status(-2)])
    await settle(session)
    first, second = events
    assert isinstance(first, OrderStatusSeen)
    assert (first.client_id, first.status, first.average_fill_price) == (3, "Held for review", None)
    assert isinstance(second, OrderStatusSeen)
    assert second.order_id == -2


@pytest.mark.parametrize(
    "text",
    [
        "20261120-14:31:00",
        "20261120 09:31:00 US/Eastern",
        "20261120  09:31:00",
        "2026-11-20 09:31:00.0",
        "1795185060",
    ],
)
async def test_o_every_form_of_a_time_is_aware_and_utc(
    text: str, gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.say(*rows.execution(time=text))
    await settle(session)
    (fill,) = events
    assert isinstance(fill, Execution)
    assert fill.time == datetime(2026, 11, 20, 14, 31, tzinfo=UTC)


async def test_o_a_fill_with_an_unknown_zone_counts_and_is_reported(
    gateway: ScriptedGateway,
    session: Session,
    events: list[GatewayEvent],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway.say(*rows.execution(time="20261120 09:31:00 Mars/Olympus"))
    await settle(session)
    (fill,) = events
    assert isinstance(fill, Execution)
    assert fill.time.utcoffset() is not None
    assert "unknown time zone 'Mars/Olympus'" in caplog.text


async def test_everything_open_fails_at_once_when_the_gateway_hangs_up(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    calls = [asyncio.ensure_future(call(session)) for _, _, call in ABANDONED.values()]
    await gateway.wait_for(61)
    gateway.hang_up()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionLostError}
    assert [e.reason for e in events if isinstance(e, SessionEnded)] == [DisconnectReason.PEER]
    assert session.open_calls == 0


async def test_everything_open_fails_at_once_when_we_close(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    calls = [asyncio.ensure_future(call(session)) for _, _, call in ABANDONED.values()]
    await gateway.wait_for(61)
    await session.aclose()
    await session.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionLostError}
    assert [e.reason for e in events if isinstance(e, SessionEnded)] == [DisconnectReason.ASKED]
    with pytest.raises(NotConnectedError):
        await session.positions()


async def test_a_silent_gateway_is_cut_off_with_that_reason(
    session: Session, events: list[GatewayEvent]
) -> None:
    session.abort("two heartbeats missed")
    assert events == [SessionEnded(reason=DisconnectReason.SILENT, detail="two heartbeats missed")]


async def test_commissions_first_late_or_unset_are_never_zero(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.say_all(
        [
            rows.commission("0001.01.01", amount=rows.UNSET),
            rows.commission("0001.01.01", amount=""),
            rows.commission("0001.01.01", amount="1.05", realized="-3"),
        ]
    )
    await settle(session)
    seen = [(e.commission, e.realized_pnl) for e in events if isinstance(e, CommissionReported)]
    assert seen == [(None, None), (None, None), (Decimal("1.05"), Decimal(-3))]


async def test_a_rejected_contract_error_class_is_the_tables(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["9"] = lambda fields: [rows.error(int(fields[2]), 200)]
    with pytest.raises(ContractError) as caught:
        await session.contract_details(AAPL)
    assert not isinstance(caught.value, OrderRejectedError)
    assert caught.value.request_id == int(gateway.of(9)[0][2])
