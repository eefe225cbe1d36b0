"""What is asked on the wire, and what becomes of the answers."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.errors import (
    AccountError,
    ConnectionLostError,
    ContractError,
    ContractNotFoundError,
    GatewayUnavailableError,
    HistoricalDataError,
    IBKRError,
    MarketDataPermissionError,
    NoDataError,
    NotConnectedError,
    OrderValidationError,
    PacingError,
    ReadOnlyError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.link import GatewayLink
from ibkr_connector.gateway.port import (
    DisconnectReason,
    GatewayEvent,
    OpenOrderSeen,
    OrderTicket,
    PositionRow,
    SessionEnded,
)
from ibkr_connector.gateway.session import Session
from ibkr_connector.model.contracts import forex, index, stock
from ibkr_connector.model.ids import OrderId
from ibkr_connector.model.market import DataType
from ibkr_connector.model.orders import Action, OrderType, SendDisposition, TimeInForce
from kit import wire_rows as rows
from kit.scripted_gateway import ScriptedGateway

AAPL = stock("AAPL")


def ticket(order_id: int = 100, **changes: Any) -> OrderTicket:
    fields: dict[str, Any] = {
        "order_id": OrderId(order_id),
        "order_ref": "ref-1",
        "contract": AAPL,
        "action": Action.BUY,
        "quantity": Decimal("0.10"),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal("101.50"),
        "stop_price": None,
        "time_in_force": TimeInForce.DAY,
        "outside_regular_hours": False,
        "account": "DU1",
    }
    return OrderTicket(**(fields | changes))


@pytest.fixture(autouse=True)
def clock_answers(gateway: ScriptedGateway) -> None:
    gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]


# --- contracts ----------------------------------------------------------------------------------


async def test_contract_details_are_read_field_by_field(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["9"] = lambda f: [rows.contract_data(f[2]), (52, 1, f[2])]
    (details,) = await session.contract_details(AAPL)
    assert details.contract.con_id == 265598
    assert details.contract.strike is None
    assert details.min_tick == Decimal("0.01")
    assert details.valid_exchanges == ("SMART", "NASDAQ")
    assert details.market_rule_ids == (26, 240)
    assert details.long_name == "APPLE INC"
    assert session.open_calls == 0


async def test_an_unknown_contract_says_what_to_check(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["9"] = lambda f: [rows.error(int(f[2]), 200, "No security definition")]
    with pytest.raises(ContractNotFoundError, match="check symbol"):
        await session.contract_details(AAPL)


async def test_a_row_that_cannot_be_read_fails_its_request_and_not_the_session(
    gateway: ScriptedGateway, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.answers["9"] = lambda f: [rows.contract_data(f[2], kind="???"), (52, 1, f[2])]
    with pytest.raises(IBKRError, match="cannot be read"):
        await session.contract_details(AAPL)
    gateway.answers["16"] = lambda _: [(5, 100, "short"), (53, 1)]
    with pytest.raises(IBKRError, match="cannot be read"):
        await session.open_orders()
    gateway.say(999, "new", "message")
    assert await session.probe() >= 0
    assert "message '999' of 3 fields is not readable" in caplog.text


# --- quotes -------------------------------------------------------------------------------------


def ticks(number: str, *, delayed: bool = False) -> list[tuple[Any, ...]]:
    kinds = (66, 67, 68, 72, 73, 75, 74) if delayed else (1, 2, 4, 6, 7, 9, 8)
    bid, ask, last, high, low, close, volume = kinds
    return [
        (81, number, "0.01", "9c0001", 3),
        (58, 1, number, 3 if delayed else 1),
        (1, 6, number, bid, "100.1", "5", 1),
        (1, 6, number, ask, "100.2", "7", 1),
        (1, 6, number, last, "100.15", "1", 0),
        (1, 6, number, high, "101", "0", 0),
        (1, 6, number, low, "99", "0", 0),
        (1, 6, number, close, "98", "0", 0),
        (2, 6, number, volume, "12345"),
        (45, 6, number, 49, "0"),
    ]


async def test_a_quote_returns_as_soon_as_it_is_complete_and_cancels_its_line(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: ticks(f[2])
    quote = await session.quote(AAPL, data_type=DataType.LIVE)
    assert (quote.bid, quote.ask, quote.last) == tuple(map(Decimal, ("100.1", "100.2", "100.15")))
    assert (quote.bid_size, quote.volume, quote.close) == (
        Decimal(5),
        Decimal(12345),
        Decimal(98),
    )
    assert quote.open is None
    assert not quote.is_delayed
    request = gateway.of(1)[0]
    assert await gateway.wait_for(2) == ["2", "2", request[2]]
    assert not gateway.of(59)


async def test_the_data_type_is_sent_once_and_stays_for_the_connection(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: ticks(f[2], delayed=True)
    first = await session.quote(AAPL, data_type=DataType.DELAYED)
    await session.quote(AAPL, data_type=DataType.DELAYED)
    assert first.is_delayed
    assert first.bid == Decimal("100.1")
    assert gateway.of(59) == [["59", "1", "3"]]
    assert gateway.received.index(gateway.of(59)[0]) < gateway.received.index(gateway.of(1)[0])


async def test_delayed_prices_in_answer_to_a_live_request_are_marked_delayed(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [
        rows.error(int(f[2]), 10167, "Displaying delayed market data"),
        *[tick for tick in ticks(f[2], delayed=True) if tick[0] != 58],
    ]
    assert (await session.quote(AAPL, data_type=DataType.LIVE)).is_delayed


async def test_a_missing_subscription_is_an_error_for_live_data(
    gateway: ScriptedGateway, session: Session
) -> None:
    refusals = iter((354, 10089, 10168, 10186))
    gateway.answers["1"] = lambda f: [rows.error(int(f[2]), next(refusals))]
    for code in (354, 10089, 10168, 10186):
        with pytest.raises(MarketDataPermissionError) as caught:
            await session.quote(AAPL, data_type=DataType.LIVE)
        assert caught.value.code == code
    assert len(gateway.of(1)) == 4
    await gateway.wait_for(2, count=4)


async def test_delayed_data_that_is_promised_is_waited_for(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [rows.error(int(f[2]), 10089), *ticks(f[2], delayed=True)]
    assert (await session.quote(AAPL, data_type=DataType.DELAYED)).is_delayed


async def test_a_promise_of_delayed_data_that_is_not_kept_is_the_error_it_was(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [rows.error(int(f[2]), 10089), (57, 1, f[2])]
    with pytest.raises(MarketDataPermissionError):
        await session.quote(AAPL, data_type=DataType.DELAYED)


async def test_a_snapshot_without_a_price_is_no_data(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [
        (1, 6, f[2], 1, "-1", "0", 0),
        (1, 6, f[2], 4, "0", "0", 0),
        (2, 6, f[2], 0, "0"),
        (1, 6, f[2], 15, "42", "0", 0),
        (57, 1, f[2]),
    ]
    with pytest.raises(NoDataError):
        await session.quote(AAPL, data_type=DataType.LIVE)


async def test_a_currency_needs_no_last_price_and_an_index_no_bid(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [
        (1, 6, f[2], 1, "1.1", "5", 0),
        (1, 6, f[2], 2, "1.2", "5", 0),
    ]
    pair = await session.quote(forex("EUR.USD"), data_type=DataType.LIVE)
    assert (pair.midpoint, pair.last) == (Decimal("1.15"), None)
    gateway.answers["1"] = lambda f: [(1, 6, f[2], 4, "5000.5", "0", 0)]
    level = await session.quote(index("SPX"), data_type=DataType.LIVE)
    assert (level.last, level.bid, level.last_size) == (Decimal("5000.5"), None, None)


# --- bars ---------------------------------------------------------------------------------------


def history(number: str, *bars: tuple[Any, ...]) -> tuple[Any, ...]:
    flat = [field for row in bars for field in row]
    return (17, number, "", "", len(bars), *flat)


async def get_bars(session: Session, **changes: Any) -> Any:
    options = {"duration": "1 D", "bar_size": "1 min", "what_to_show": "TRADES"}
    return await session.bars(AAPL, **(options | changes))


async def test_bars_are_exact_ascending_and_in_utc(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["20"] = lambda f: [
        history(
            f[1],
            ("20261120", "1.10", "1.2", "1.0", "1.15", "-1", "-1", "-1"),
            ("1795185000", "1.1", "1.2", "1.0", "1.15", "12.5", "1.14", "3"),
        )
    ]
    series = await get_bars(
        session, end=datetime(2026, 11, 20, 16, tzinfo=timezone(timedelta(hours=2)))
    )
    day, minute = series
    assert day.timestamp == datetime(2026, 11, 20, tzinfo=UTC)
    assert str(day.open) == "1.10"
    assert (day.volume, day.average, day.trade_count) == (None, None, None)
    assert minute.timestamp == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert (minute.volume, minute.average, minute.trade_count) == (
        Decimal("12.5"),
        Decimal("1.14"),
        3,
    )
    request = gateway.of(20)[0]
    assert request[15:20] == ["20261120-14:00:00", "1 min", "1 D", "1", "TRADES"]
    assert request[20] == "2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HMDS query returned no data: X", NoDataError),
        ("Historical data request pacing violation", PacingError),
        ("something else", HistoricalDataError),
    ],
)
async def test_the_historical_service_says_no_in_several_ways(
    text: str, expected: type[IBKRError], gateway: ScriptedGateway, session: Session
) -> None:
    message = f"Historical Market Data Service error message:{text}"
    gateway.answers["20"] = lambda f: [rows.error(int(f[1]), 162, message)]
    with pytest.raises(expected) as caught:
        await get_bars(session)
    assert type(caught.value) is expected


async def test_an_answer_without_bars_is_no_data_and_one_without_prices_is_an_error(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["20"] = lambda f: [history(f[1])]
    with pytest.raises(NoDataError):
        await get_bars(session)
    gateway.answers["20"] = lambda f: [
        history(f[1], ("1795185000", "", "1", "1", "1", "1", "1", "1"))
    ]
    with pytest.raises(IBKRError, match="cannot be read"):
        await get_bars(session)


async def test_the_echo_of_a_cancelled_history_request_bothers_nobody(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["25"] = lambda f: [
        rows.error(int(f[2]), 162, "API historical data query cancelled")
    ]
    call = asyncio.ensure_future(get_bars(session))
    await gateway.wait_for(20)
    call.cancel()
    await asyncio.wait([call])
    await gateway.wait_for(25)
    await session.probe()
    assert events == []


# --- accounts and orders ------------------------------------------------------------------------


async def test_closed_positions_are_left_out_and_updates_are_events(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["61"] = lambda _: [rows.position("10"), rows.position("0", con_id=8), (62, 1)]
    (held,) = await session.positions()
    assert (held.quantity, held.average_cost) == (Decimal(10), Decimal("100.25"))
    gateway.say(*rows.position("0"))
    await session.probe()
    assert isinstance(events[-1], PositionRow)
    assert events[-1].quantity == 0


async def test_a_read_only_gateway_refuses_open_orders_without_an_id(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["16"] = lambda _: [
        rows.error(-1, 321, "The API interface is in Read-Only mode")
    ]
    with pytest.raises(ReadOnlyError):
        await session.open_orders()
    gateway.answers["61"] = lambda _: [rows.error(-1, 2104), rows.error(-1, 321)]
    with pytest.raises(AccountError):
        await session.positions()


async def test_one_window_is_opened_per_account_and_kept(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["6"] = lambda f: (
        [
            (6, 2, "ExchangeRate", "1.1", "EUR", f[3]),
            rows.portfolio(account=f[3]),
            (54, 1, f[3]),
        ]
        if f[2] == "1"
        else []
    )
    (row,) = await session.portfolio("DU1")
    assert (row.market_price, row.unrealized_pnl, row.realized_pnl) == (
        Decimal("102.5"),
        Decimal("22.5"),
        None,
    )
    gateway.say(*rows.portfolio("3"))
    await session.probe()
    (row,) = await session.portfolio("DU1")
    assert row.quantity == 3
    assert len(gateway.of(6)) == 1
    await session.portfolio("DU2")
    assert [fields[3] for fields in gateway.of(6)] == ["DU1", "DU2"]


async def test_executions_are_marked_recovered_and_are_no_events(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["7"] = lambda f: [
        rows.execution(number=f[2]),
        (55, 1, f[2]),
        rows.commission(),
    ]
    (fill,) = await session.executions()
    assert fill.recovered
    await session.probe()
    assert [type(event).__name__ for event in events] == ["CommissionReported"]


async def test_an_open_order_is_a_row_and_an_event(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    gateway.answers["16"] = lambda _: [
        rows.open_order(),
        rows.open_order(103, perm_id=9002, order_type="MKT", limit="0", client_id=3),
        (53, 1),
    ]
    mine, foreign = await session.open_orders()
    assert (mine.limit_price, mine.stop_price, mine.order_ref) == (Decimal("101.5"), None, "ref-1")
    assert (foreign.limit_price, foreign.client_id) == (None, 3)
    assert [e.order for e in events if isinstance(e, OpenOrderSeen)] == [mine, foreign]
    # Only our own client's ids push ours up.
    assert session.reserve_order_id(floor=OrderId(0)) == 101


async def test_completed_orders_say_what_they_do_not_know(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["99"] = lambda _: [rows.completed_order(), (102,)]
    (order,) = await session.completed_orders()
    assert (order.perm_id, order.quantity, order.filled_quantity) == (9001, None, None)
    assert (order.status, order.completed_status) == ("Filled", "Filled")


async def test_order_ids_only_go_up(session: Session) -> None:
    taken = [session.reserve_order_id(floor=OrderId(floor)) for floor in (0, 0, 500, 3)]
    assert taken == [100, 101, 500, 501]
    await session.send_order(ticket(900))
    assert session.reserve_order_id(floor=OrderId(0)) == 901
    await session.aclose()
    with pytest.raises(NotConnectedError):
        session.reserve_order_id(floor=OrderId(0))


async def test_the_figures_of_an_order_are_on_the_wire_as_they_were_written(
    gateway: ScriptedGateway, session: Session
) -> None:
    await session.send_order(ticket(stop_price=Decimal("1E+2"), outside_regular_hours=True))
    fields = await gateway.wait_for(3)
    assert fields[16:22] == ["BUY", "0.10", "LMT", "101.50", "100", "DAY"]
    assert fields[23] == "DU1"
    assert fields[26] == "ref-1"


async def test_two_hundred_orders_leave_in_the_order_of_their_calls(
    gateway: ScriptedGateway, session: Session
) -> None:
    await asyncio.gather(*(session.send_order(ticket(100 + n)) for n in range(200)))
    await gateway.wait_for(3, count=200)
    assert [int(fields[1]) for fields in gateway.of(3)] == list(range(100, 300))


@pytest.mark.parametrize(
    "changes",
    [
        {"order_ref": "a\0b"},
        {"quantity": Decimal("NaN")},
        {"limit_price": Decimal("Infinity")},
        {"account": "DU\ud800"},
    ],
)
async def test_an_order_that_cannot_be_written_is_refused_before_a_byte_leaves(
    changes: dict[str, Any], gateway: ScriptedGateway, session: Session
) -> None:
    with pytest.raises(OrderValidationError, match="nothing was sent") as caught:
        await session.send_order(ticket(**changes))
    assert caught.value.disposition is SendDisposition.UNSENT
    gateway.answers["49"] = lambda _: [(49, 1, 1_795_000_000)]
    await session.probe()
    assert not gateway.of(3)


async def test_a_contract_that_cannot_be_written_is_refused(session: Session) -> None:
    with pytest.raises(ContractError):
        await session.contract_details(stock("AA\0PL"))
    assert session.open_calls == 0


# --- the escape hatch and the link --------------------------------------------------------------


async def raise_(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (TimeoutError(), RequestTimeoutError),
        (ConnectionError("gone"), ConnectionLostError),
        (OSError("no route"), GatewayUnavailableError),
    ],
)
async def test_nothing_foreign_passes_the_escape_hatch(
    raised: Exception, expected: type[IBKRError], session: Session
) -> None:
    with pytest.raises(expected) as caught:
        await session.request(lambda _: raise_(raised))
    assert caught.value.__cause__ is raised


async def test_an_error_of_the_users_own_code_is_left_alone(session: Session) -> None:
    with pytest.raises(ZeroDivisionError):
        await session.request(lambda _: raise_(ZeroDivisionError()))


async def test_the_escape_hatch_sees_what_it_asks_for(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers |= {
        "61": lambda _: [rows.position(), (62, 1)],
        "16": lambda _: [rows.open_order(), rows.order_status(), (53, 1)],
        "99": lambda _: [rows.completed_order(perm_id=1), (102,)],
        "7": lambda f: [rows.execution(number=f[2]), (55, 1, f[2])],
        "9": lambda f: [rows.contract_data(f[2]), (52, 1, f[2])],
        "20": lambda f: [history(f[1], ("1795185000", "1", "1", "1", "1", "1", "1", "1"))],
    }

    async def everything(ib: Any) -> list[int]:
        apple = (await ib.reqContractDetailsAsync(_apple()))[0].contract
        return [
            len(await ib.reqPositionsAsync()),
            len(await ib.reqAllOpenOrdersAsync()),
            len(await ib.reqCompletedOrdersAsync(False)),
            len(await ib.reqExecutionsAsync()),
            len(await ib.reqHistoricalDataAsync(apple, "", "1 D", "1 min", "TRADES", True)),
            int((await ib.reqCurrentTimeAsync()).timestamp()) // 1_795_000_000,
        ]

    assert await session.request(everything) == [1] * 6
    assert not session._wrapper._results


async def test_a_stream_of_the_escape_hatch_ticks(
    gateway: ScriptedGateway, session: Session
) -> None:
    gateway.answers["1"] = lambda f: [
        rows.error(int(f[2]), 10167),
        (1, 6, f[2], 1, "100.1", "5", 1),
        (2, 6, f[2], 0, "6"),
        (45, 6, f[2], 49, "0"),
        (58, 1, f[2], 1),
    ]

    async def first_tick(ib: Any) -> Any:
        ticker = ib.reqMktData(_apple())
        await ticker.updateEvent
        return ticker

    ticker = await session.request(first_tick)
    assert (ticker.bid, ticker.bidSize) == (100.1, 6.0)


def _apple() -> Any:
    from ib_async.contract import Stock

    return Stock("AAPL", "SMART", "USD", conId=265598)


async def test_the_link_hands_calls_on_and_refuses_without_a_session(
    gateway: ScriptedGateway, connect: Callable[[], Awaitable[Session]]
) -> None:
    link = GatewayLink()
    with pytest.raises(NotConnectedError):
        _ = link.client_id
    session = await connect()
    link.attach(session)
    assert link.session is session
    assert link.client_id == 7
    assert link.reserve_order_id(floor=OrderId(300)) == 300
    gateway.answers |= {
        "61": lambda _: [(62, 1)],
        "16": lambda _: [(53, 1)],
        "99": lambda _: [(102,)],
        "7": lambda f: [(55, 1, f[2])],
        "6": lambda f: [(54, 1, f[3])],
        "9": lambda f: [rows.contract_data(f[2]), (52, 1, f[2])],
        "62": lambda f: [(64, 1, f[2])],
        "1": lambda f: ticks(f[2]),
        "20": lambda f: [history(f[1], ("1795185000", "1", "1", "1", "1", "1", "1", "1"))],
    }
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: link.contract_details(AAPL),
        lambda: link.quote(AAPL, data_type=DataType.LIVE),
        lambda: link.bars(AAPL, duration="1 D", bar_size="1 min", what_to_show="TRADES"),
        link.account_values,
        link.positions,
        lambda: link.portfolio("DU1"),
        lambda: link.send_order(ticket(300)),
        lambda: link.send_cancel(OrderId(300)),
        link.open_orders,
        link.completed_orders,
        link.executions,
        lambda: link.request(lambda ib: ib.reqCurrentTimeAsync()),
    ]
    for call in calls:
        await call()
    link.detach()
    for call in calls:
        with pytest.raises(NotConnectedError) as caught:
            await call()
        assert caught.value.disposition is SendDisposition.UNSENT
    # A gateway that restarts its count does not restart ours.
    link.attach(await connect())
    assert link.reserve_order_id(floor=OrderId(1)) == 301


# --- the socket and the library -----------------------------------------------------------------


async def test_the_socket_is_kept_alive_and_does_not_wait_to_fill_packets(session: Session) -> None:
    transport = session._client.conn.transport
    assert transport is not None
    raw = transport.get_extra_info("socket")
    assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


async def test_the_library_is_quiet_and_a_level_that_the_user_set_stays(
    connect: Callable[[], Awaitable[Session]],
) -> None:
    library = logging.getLogger("ib_async")
    before = library.level
    try:
        library.setLevel(logging.NOTSET)
        await connect()
        assert library.level == logging.WARNING
        library.setLevel(logging.DEBUG)
        await connect()
        assert library.level == logging.DEBUG
    finally:
        library.setLevel(before)


async def test_last_received_moves_with_every_byte(
    gateway: ScriptedGateway, session: Session
) -> None:
    before = session.last_received
    gateway.say_bytes(b"\0")
    gateway.say_bytes(b"\0\0\x020")
    gateway.say_bytes(b"\0")
    await session.probe()
    assert session.last_received > before


async def test_nonsense_in_the_middle_of_a_session_ends_it(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    call = asyncio.ensure_future(session.positions())
    await gateway.wait_for(61)
    gateway.say_bytes(b"\xff" * 8)
    with pytest.raises(ConnectionLostError):
        await call
    (ended,) = events
    assert isinstance(ended, SessionEnded)
    assert "expected a frame" in ended.detail


async def test_closing_by_the_escape_hatch_ends_the_session_as_asked(
    session: Session, events: list[GatewayEvent]
) -> None:
    async def leave(ib: Any) -> None:
        ib.disconnect()

    await session.request(leave)
    assert [e.reason for e in events if isinstance(e, SessionEnded)] == [DisconnectReason.ASKED]
    with pytest.raises(NotConnectedError):
        await session.request(leave)


async def test_an_order_of_the_escape_hatch_is_followed_by_its_trade(
    gateway: ScriptedGateway, session: Session, events: list[GatewayEvent]
) -> None:
    from ib_async.order import LimitOrder

    async def place(ib: Any) -> Any:
        return ib.placeOrder(_apple(), LimitOrder("BUY", 10, 101.5))

    trade = await session.request(place)
    gateway.say_all(
        [
            rows.open_order(trade.order.orderId),
            rows.execution(order_id=trade.order.orderId),
            rows.commission(),
            rows.order_status(
                trade.order.orderId, "Filled", filled="10", remaining="0", price="101.5"
            ),
        ]
    )
    await session.probe()
    assert trade.isDone()
    assert len(trade.fills) == 1
    # And our own ears hear the same.
    assert len(events) == 4
