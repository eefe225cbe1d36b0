"""Each quirk does what its row says, to a client that is nothing but a socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from ibkr_connector.simulator import GatewaySimulator, Quirk
from ibkr_connector.simulator.exchange.commands import SetQuote
from ibkr_connector.simulator.quirks import QUIRKS
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.fields import UNSET_DOUBLE
from ibkr_connector.simulator.wire.frames import FrameReader
from ibkr_connector.simulator.wire.replies import (
    CommissionReport,
    CurrentTime,
    ErrorMessage,
    ExecDetails,
    MarketDataType,
    NextValidId,
    OpenOrder,
    OrderStatus,
    Pnl,
    Position,
    Reply,
    TickPrice,
)
from kit.faults import (
    APPLE,
    ASK_TIME,
    NOW,
    available,
    gateway,
    heard,
    kinds,
    order,
    segment,
    settle,
)
from kit.ports import held_port
from kit.raw_client import HELLO, RawClient, frame

Client = RawClient
Check = Callable[[GatewaySimulator, RawClient], Awaitable[None]]

MARKET = order(orderType="MKT")
NASDAQ = WireContract(con_id=265598, exchange="NASDAQ")
TICKS = ask.ReqMarketData(request_id=7, contract=APPLE)
BARS = ask.ReqRealTimeBars(
    request_id=8, contract=APPLE, bar_size=5, what_to_show="TRADES", regular_hours=False
)
HISTORY = ask.ReqHistoricalData(
    request_id=9,
    contract=APPLE,
    end="",
    bar_size="1 min",
    duration="600 S",
    regular_hours=False,
    what_to_show="TRADES",
    format_date=1,
    keep_up_to_date=True,
)
EXECUTIONS = ask.ReqExecutions(request_id=5)


async def told(client: RawClient, *requests: Any) -> list[Reply]:
    client.write(b"".join(frame(request) for request in requests))
    return await heard(client)


def texts(replies: Sequence[Reply], code: int) -> list[str]:
    return [one.text for one in replies if isinstance(one, ErrorMessage) and one.code == code]


def of(replies: Sequence[Reply], kind: type[Any]) -> list[Any]:
    return [one for one in replies if isinstance(one, kind)]


def before(replies: Sequence[Reply], first: str, second: str) -> bool:
    names = kinds(list(replies))
    return names.index(first) < names.index(second)


# --- connecting: these are on before the socket opens ---------------------------------------------


async def hello_of(simulator: GatewaySimulator) -> bytes:
    client = await RawClient.open(simulator.host, simulator.port)
    client.write(HELLO)
    await settle()
    reader = FrameReader()
    reader.feed(await available(client))
    await client.aclose()
    payload = reader.payload()
    assert payload is not None
    return payload


@pytest.mark.parametrize(
    ("quirk", "end"),
    [
        (Quirk.HELLO_ZONE_WINDOWS, b"10:00:00 Eastern Standard Time\0"),
        (Quirk.HELLO_ZONE_NOT_UTF8, "10:00:00 中国标准时间\0".encode("gb18030")),
        (Quirk.HELLO_ZONE_MISSING, b"10:00:00\0"),
        (Quirk.CLOCK_SKEW, b"09:58:30 EST\0"),
    ],
)
async def test_the_greeting_says_the_time_as_told(quirk: Quirk, end: bytes) -> None:
    async with gateway(quirks=[quirk]) as simulator:
        assert (await hello_of(simulator)).endswith(end)


async def test_accept_then_close_says_nothing() -> None:
    async with gateway(quirks=[Quirk.ACCEPT_THEN_CLOSE]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        assert await client.rest() == b""
        await client.aclose()


@pytest.mark.parametrize(
    ("quirk", "frames"), [(Quirk.SILENT_AFTER_HELLO, 0), (Quirk.SILENT_AFTER_START, 1)]
)
async def test_silence_begins_where_it_is_told_to(quirk: Quirk, frames: int) -> None:
    async with gateway(quirks=[quirk]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        client.write(HELLO + frame(ask.StartApi(client_id=1)) + ASK_TIME)
        await settle()
        reader = FrameReader()
        reader.feed(await available(client))
        assert len(list(reader.payloads())) == frames
        await client.aclose()


async def test_every_client_id_is_in_use() -> None:
    async with gateway(quirks=["client_id_in_use"]) as simulator:
        for _ in range(2):
            client = await RawClient.open(simulator.host, simulator.port)
            client.write(HELLO)
            await client.fields()
            client.write(frame(ask.StartApi(client_id=1)) + frame(order()))
            assert kinds([await client.reply()]) == ["326"]
            with pytest.raises(EOFError):
                await client.fields()
            await client.aclose()
        assert simulator.venue.open_orders() == ()


@pytest.mark.parametrize(
    ("quirk", "names"),
    [
        (Quirk.NEXT_ID_FIRST, ["NextValidId", "ManagedAccounts", "2104", "2106", "2158"]),
        (Quirk.NEXT_ID_AFTER_FARMS, ["ManagedAccounts", "2104", "2106", "2158", "NextValidId"]),
    ],
)
async def test_the_start_comes_in_another_order(quirk: Quirk, names: list[str]) -> None:
    async with gateway(quirks=[quirk]) as simulator:
        assert kinds(await started(simulator)) == names


async def started(simulator: GatewaySimulator) -> list[Reply]:
    client = await RawClient.open(simulator.host, simulator.port)
    client.write(HELLO)
    await client.fields()
    got = await told(client, ask.StartApi(client_id=1))
    await client.aclose()
    return got


async def test_the_next_id_rolls_back() -> None:
    async with gateway(next_order_id=500, quirks=[Quirk.NEXT_ID_ROLLBACK]) as simulator:
        assert [one.order_id for one in of(await started(simulator), NextValidId)] == [1]


async def test_an_order_by_hand_is_client_0_with_id_0_and_negative_once_bound() -> None:
    async with gateway(quirks=[Quirk.MANUAL_ORDER]) as simulator:
        other = await RawClient.start(simulator.host, simulator.port, 4)
        shown = of(await told(other, ask.ReqAllOpenOrders()), OrderStatus)
        assert [(one.client_id, one.order_id) for one in shown] == [(0, 0)]
        await other.aclose()
        zero = await RawClient.start(simulator.host, simulator.port, 0)
        bound = of(await told(zero, ask.ReqOpenOrders()), OrderStatus)
        assert [one.order_id < 0 for one in bound] == [True]
        await zero.aclose()


# --- with a client that has started ---------------------------------------------------------------


async def link_lost(simulator: GatewaySimulator, client: Client, *, lost: bool) -> None:
    await told(client, TICKS)
    simulator.quirk(Quirk.LINK_LOST_DATA_LOST if lost else Quirk.LINK_LOST_DATA_KEPT)
    assert kinds(await heard(client)) == ["1100"] * 3 + ["2103", "2105", "2157"]
    await simulator.advance(9)
    assert await heard(client) == []
    await simulator.advance(1)
    back = "1101" if lost else "1102"
    assert [one for one in kinds(await heard(client)) if one.isdigit()] == [
        back,
        "2104",
        "2106",
        "2158",
    ]
    await simulator.advance(5)
    assert bool(of(await heard(client), TickPrice)) is not lost
    # the lines are free again
    assert simulator.gateway.lines_used == (0 if lost else 1)


async def link_kept(simulator: GatewaySimulator, client: Client) -> None:
    await link_lost(simulator, client, lost=False)


async def link_data_lost(simulator: GatewaySimulator, client: Client) -> None:
    await link_lost(simulator, client, lost=True)
    assert of(await told(client, TICKS), TickPrice)


def blip(quirk: Quirk, first: str, *after: str, lasts: float) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        assert kinds(await heard(client)) == [first]
        await simulator.advance(lasts)
        assert kinds(await heard(client)) == list(after)

    return check


async def farm_stops_ticks(simulator: GatewaySimulator, client: Client) -> None:
    await told(client, TICKS)
    simulator.quirk(Quirk.DATA_FARM_BLIP)
    await simulator.advance(4)
    assert kinds(await heard(client)) == ["2103"]
    await simulator.advance(5)
    got = await heard(client)
    assert kinds(got)[0] == "2104"
    assert of(got, TickPrice)


async def half_open(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.HALF_OPEN)
    assert await told(client, ask.ReqCurrentTime()) == []
    simulator.quirk(Quirk.HALF_OPEN, on=False)
    assert kinds(await heard(client)) == ["CurrentTime"]


async def port_reset(simulator: GatewaySimulator, client: Client) -> None:
    old = simulator.port
    simulator.quirk(Quirk.PORT_RESET)
    said = await client.reply()
    assert isinstance(said, ErrorMessage)
    assert (said.code, said.text.endswith(f"port - {simulator.port}")) == (1300, True)
    with pytest.raises(EOFError):
        await client.fields()
    assert simulator.port != old
    again = await RawClient.start(simulator.host, simulator.port)
    await again.aclose()
    with pytest.raises(OSError):  # noqa: PT011 - refused: nobody listens there any more
        await RawClient.open(simulator.host, old)


def restart(quirk: Quirk, days: float, away_s: float) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        client.write(frame(order()))
        await heard(client)
        simulator.quirk(quirk)
        clock = simulator.clock
        clock.advance(days * 86_400 - 1)  # type: ignore[attr-defined]
        simulator.tick()
        assert simulator.connections
        await simulator.advance(1)
        assert not simulator.connections
        refused = await RawClient.open(simulator.host, simulator.port)
        assert await refused.rest() == b""
        await refused.aclose()
        await simulator.advance(away_s)
        again = await RawClient.start(simulator.host, simulator.port)
        assert len(simulator.venue.open_orders()) == 1
        await again.aclose()

    return check


async def clock_skew(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.CLOCK_SKEW)
    assert await told(client, ask.ReqCurrentTime()) == [CurrentTime(time=NOW - 90)]


async def split(simulator: GatewaySimulator, client: Client) -> None:
    client.write(ASK_TIME)
    whole = await segment(client)
    simulator.quirk(Quirk.SPLIT_SEGMENTS)
    # segments may pile up on their way: how they were written is seen where they were
    (connection,) = simulator.connections.values()
    written: list[bytes] = []
    transport: Any = connection._transport
    write = transport.write

    def noted(data: bytes) -> None:
        written.append(data)
        write(data)

    transport.write = noted
    client.write(ASK_TIME)
    assert await available(client) == whole
    assert written == [whole[at : at + 3] for at in range(0, len(whole), 3)]


async def merged(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.MERGED_SEGMENTS)
    for _ in range(3):
        assert await told(client, ask.ReqCurrentTime()) == []
    await simulator.advance(0.5)
    reader = FrameReader()
    reader.feed(await segment(client))
    assert len(list(reader.payloads())) == 3


async def latin1(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.LATIN1_TEXT)
    client.write(frame(ask.CancelOrder(order_id=99)))
    data = await segment(client)
    assert "requête".encode("latin-1") in data
    reader = FrameReader()
    reader.feed(data)
    payload = reader.payload()
    assert payload is not None
    assert payload.endswith(b"\0")


async def rate(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.MESSAGE_RATE)
    for breach in range(3):
        client.write(ASK_TIME * 51)
        got = kinds(await heard(client))
        assert got == ["CurrentTime"] * 50 + ["100"], breach
        await simulator.advance(1)
    with pytest.raises(EOFError):
        await client.fields()


def cut(quirk: Quirk, orders: int, *, answered: bool) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        client.write(frame(order()))
        assert bool(await client.rest()) is answered
        assert len(simulator.venue.open_orders()) == orders

    return check


async def cut_in_bracket(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.DROP_IN_BRACKET)
    client.write(frame(order(1)))
    assert of(await heard(client), OrderStatus)
    client.write(frame(order(2, parentId="1", action="SELL", lmtPrice="900")))
    assert await client.rest() == b""
    assert len(simulator.venue.open_orders()) == 1


async def status_twice(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.STATUS_TWICE)
    statuses = of(await told(client, order()), OrderStatus)
    assert statuses[0::2] == statuses[1::2]


async def no_status(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.FILL_WITHOUT_STATUS)
    got = await told(client, MARKET)
    assert of(got, ExecDetails)
    assert "Filled" not in [one.status for one in of(got, OrderStatus)]


async def execution_first(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.EXECUTION_FIRST)
    assert before(await told(client, MARKET), "ExecDetails", "OpenOrder")


async def commission_first(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.COMMISSION_FIRST)
    assert before(await told(client, MARKET), "CommissionReport", "ExecDetails")


async def commission_late(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.COMMISSION_LATE)
    assert not of(await told(client, MARKET), CommissionReport)
    await simulator.advance(2)
    assert of(await heard(client), CommissionReport)


async def commission_never(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.COMMISSION_NEVER)
    await told(client, MARKET)
    await simulator.advance(60)
    assert not of(await told(client, EXECUTIONS), CommissionReport)


async def commission_unset(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.COMMISSION_UNSET)
    (report,) = of(await told(client, MARKET), CommissionReport)
    assert report.commission == Decimal(UNSET_DOUBLE)


async def no_replay(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.NO_COMMISSION_REPLAY)
    assert of(await told(client, MARKET), CommissionReport)
    again = await told(client, EXECUTIONS)
    assert (len(of(again, ExecDetails)), of(again, CommissionReport)) == (1, [])


async def corrected(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.EXECUTION_CORRECTED)
    (first,) = of(await told(client, MARKET), ExecDetails)
    await simulator.advance(1)
    (second,) = of(await heard(client), ExecDetails)
    stem, _, revision = second.exec_id.rpartition(".")
    assert first.exec_id == f"{stem}.01"
    assert (int(revision), second.price) == (2, first.price + Decimal("0.01"))


async def busted(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.EXECUTION_BUSTED)
    await told(client, MARKET)
    await simulator.advance(1)
    await heard(client)
    held = await told(client, ask.ReqPositions())
    assert kinds(held)[-1] == "PositionEnd"
    assert {one.position for one in of(held, Position)} <= {0}


def rejected(quirk: Quirk, *, code_first: bool) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        got = await told(client, order(totalQuantity="100000000", lmtPrice="100"))
        assert "201" in kinds(got)
        at = next(
            index
            for index, one in enumerate(got)
            if isinstance(one, OrderStatus) and one.status == "Inactive"
        )
        assert (kinds(got).index("201") < at) is code_first

    return check


def loses(quirk: Quirk, code: int) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        await told(client, order())
        got = await told(client, ask.CancelOrder(order_id=1))
        assert of(got, OrderStatus)[-1].status == "Filled"
        assert [one for one in kinds(got) if one.isdigit()] == [str(code)]
        # somebody else's unknown id is refused as always
        assert kinds(await told(client, ask.CancelOrder(order_id=50))) == ["10147"]

    return check


async def fill_after_cancel(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.FILL_AFTER_202)
    await told(client, order())
    got = await told(client, ask.CancelOrder(order_id=1))
    statuses = [one.status for one in of(got, OrderStatus)]
    assert (statuses[0], statuses[-1]) == ("Cancelled", "Filled")
    assert before(got, "202", "ExecDetails")


async def preset(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.PRESET_TIF)
    got = kinds(await told(client, order(1, orderType="MKT", tif="")))
    assert (got[0], "ExecDetails" in got) == ("10349", True)
    assert kinds(await told(client, order(2, tif="", whatIf="1"))) == ["10349"]
    assert "10349" not in kinds(await told(client, order(3, tif="DAY")))


async def precautions(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.ORDER_PRECAUTIONS)
    assert kinds(await told(client, order(1))) == ["383"]
    assert kinds(await told(client, order(2, whatIf="1"))) == ["383"]
    assert not simulator.venue.open_orders()


async def warned(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.WARNING_399)
    got = await told(client, order())
    assert "Warning:" in texts(got, 399)[0]
    assert len(simulator.venue.open_orders()) == 1


async def located(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.LOCATE_404)
    assert "404" not in kinds(await told(client, order(1)))
    got = await told(client, order(2, action="SELL", orderType="STP", auxPrice="1", lmtPrice=""))
    assert texts(got, 404)
    assert {one.why_held for one in of(got, OrderStatus)} == {"locate"}


async def outside_hours(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.OUTSIDE_HOURS_2109)
    assert "2109" not in kinds(await told(client, order(1)))
    assert "2109" in kinds(await told(client, order(2, outsideRth="1")))


async def what_if_twice(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.WHAT_IF_TWICE)
    first, second = of(await told(client, order(whatIf="1")), OpenOrder)
    assert first.texts["initMarginAfter"] == UNSET_DOUBLE
    assert first.texts["warningText"]
    assert second.texts["initMarginAfter"] != UNSET_DOUBLE


async def foreign(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.FOREIGN_ORDER)
    assert await told(client, ask.ReqOpenOrders()) != []
    assert not of(await told(client, ask.ReqOpenOrders()), OrderStatus)
    (status,) = of(await told(client, ask.ReqAllOpenOrders()), OrderStatus)
    assert (status.client_id, status.order_id) == (99, 1)


async def read_only(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.READ_ONLY_API)
    got = await told(client, order(4), ask.ReqOpenOrders(), ask.ReqPositions())
    assert [(one.request_id, one.code) for one in of(got, ErrorMessage)] == [(4, 321), (-1, 321)]
    assert kinds(got)[-1] == "PositionEnd"


async def no_position_end(simulator: GatewaySimulator, client: Client) -> None:
    await told(client, MARKET)
    simulator.quirk(Quirk.POSITIONS_WITHOUT_END)
    assert kinds(await told(client, ask.ReqPositions())) == ["Position"]


async def no_account_end(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.ACCOUNT_WITHOUT_END)
    request = ask.ReqAccountUpdates(subscribe=True, account="DU1234567")
    got = kinds(await told(client, request))
    assert ("AccountValue" in got, "AccountDownloadEnd" in got) == (True, False)


async def pnl(simulator: GatewaySimulator, client: Client) -> list[bool]:
    await told(client, MARKET)
    client.write(frame(ask.ReqPnl(request_id=3, account="DU1234567", model="")))
    await simulator.advance(10)
    return [one.daily is None for one in of(await heard(client), Pnl)]


async def unset_first(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.UNSET_FIRST)
    unset = await pnl(simulator, client)
    assert unset[:4] == [True, True, True, False]


async def no_unset_first(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.NO_UNSET_FIRST)
    assert set(await pnl(simulator, client)) == {False}


async def slots_kept(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.SUMMARY_SLOTS_KEPT)
    for number in (1, 2):
        await told(client, summary(number), ask.CancelAccountSummary(request_id=number))
    assert kinds(await told(client, summary(3))) == ["322"]
    assert "AccountSummary" in kinds(await told(client, summary(2)))


def summary(number: int) -> ask.ReqAccountSummary:
    return ask.ReqAccountSummary(request_id=number, group="All", tags="NetLiquidation")


def history(quirk: Quirk, text: str) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        for _ in range(2):
            got = await told(client, HISTORY)
            assert kinds(got) == ["162"]
            assert text in texts(got, 162)[0]

    return check


def answered(quirk: Quirk, request: Any, code: int) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        for _ in range(2):
            got = await told(client, request)
            assert [(one.code, one.request_id) for one in of(got, ErrorMessage)] == [
                (code, request.request_id)
            ]
            assert len(got) == 1
        simulator.quirk(quirk, on=False)
        assert str(code) not in kinds(await told(client, request))

    return check


async def delayed_follows(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.NOT_SUBSCRIBED_10089)
    assert kinds(await told(client, TICKS)) == ["10089"]
    got = await told(client, ask.ReqMarketDataType(data_type=3), TICKS)
    assert of(got, TickPrice)


async def partly(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.PARTLY_SUBSCRIBED_10090)
    got = await told(client, TICKS)
    assert (kinds(got)[0], bool(of(got, TickPrice))) == ("10090", True)


async def delayed(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.DELAYED_10167)
    got = await told(client, TICKS)
    assert kinds(got)[0] == "10167"
    assert [one.data_type for one in of(got, MarketDataType)] == [3]
    assert {one.tick_type for one in of(got, TickPrice)} >= {66, 67, 68}
    assert not {one.tick_type for one in of(got, TickPrice)} & {1, 2, 4}


async def competing(simulator: GatewaySimulator, client: Client) -> None:
    await told(client, TICKS)
    simulator.quirk(Quirk.COMPETING_SESSION_10197)
    got = await heard(client)
    assert [(one.request_id, one.code) for one in of(got, ErrorMessage)] == [(7, 10197)] * 10
    await simulator.advance(29)
    assert await heard(client) == []
    await simulator.advance(5)
    assert of(await heard(client), TickPrice)


async def no_price(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.NO_PRICE_FIRST)
    bids = [one for one in of(await told(client, TICKS), TickPrice) if one.tick_type == 1]
    assert (bids[0].price, bids[0].size) == (-1, 0)
    assert bids[1].price > 0


async def depth_reset(simulator: GatewaySimulator, client: Client) -> None:
    depth = ask.ReqMarketDepth(request_id=6, contract=NASDAQ, rows=3)
    rows = [one for one in kinds(await told(client, depth)) if one.startswith("MarketDepth")]
    refused = ask.ReqMarketDepth(request_id=66, contract=APPLE, rows=3)
    assert kinds(await told(client, refused)) == ["10092"]
    simulator.quirk(Quirk.DEPTH_RESET_317)
    got = kinds(await heard(client))
    assert got[0] == "317"
    assert len(got) - 1 == len(rows) > 0


def ends(quirk: Quirk, request: ask.Request, name: str, code: str) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        await told(client, request)
        await simulator.advance(10)
        assert name in kinds(await heard(client))
        simulator.quirk(quirk)
        assert kinds(await heard(client)) == [code]
        await simulator.advance(30)
        assert await heard(client) == []

    return check


def zone(quirk: Quirk, end: str) -> Check:
    async def check(simulator: GatewaySimulator, client: Client) -> None:
        simulator.quirk(quirk)
        (execution,) = of(await told(client, MARKET), ExecDetails)
        assert execution.time.endswith(end)
        assert execution.time.startswith("20261118 10:00:00")

    return check


async def time_once(simulator: GatewaySimulator, client: Client) -> None:
    simulator.quirk(Quirk.TIME_ONCE_A_SECOND)
    client.write(ASK_TIME * 3)
    assert kinds(await heard(client)) == ["CurrentTime"]
    await simulator.advance(1)
    assert kinds(await told(client, ask.ReqCurrentTime())) == ["CurrentTime"]


CHECKS: dict[Quirk, Check] = {
    Quirk.LINK_LOST_DATA_KEPT: link_kept,
    Quirk.LINK_LOST_DATA_LOST: link_data_lost,
    Quirk.LINK_BROKEN_QUIETLY: blip(
        Quirk.LINK_BROKEN_QUIETLY, "2110", "2104", "2106", "2158", lasts=10
    ),
    Quirk.DATA_FARM_BLIP: farm_stops_ticks,
    Quirk.HISTORY_FARM_BLIP: blip(Quirk.HISTORY_FARM_BLIP, "2105", "2106", lasts=5),
    Quirk.HALF_OPEN: half_open,
    Quirk.PORT_RESET: port_reset,
    # from Wednesday 10:00 in New York
    Quirk.DAILY_RESTART: restart(Quirk.DAILY_RESTART, 13.75 / 24, 60),
    Quirk.WEEKLY_LOGOUT: restart(Quirk.WEEKLY_LOGOUT, 4 - 9 / 24, 3_600),
    Quirk.CLOCK_SKEW: clock_skew,
    Quirk.SPLIT_SEGMENTS: split,
    Quirk.MERGED_SEGMENTS: merged,
    Quirk.LATIN1_TEXT: latin1,
    Quirk.MESSAGE_RATE: rate,
    Quirk.DROP_BEFORE_ORDER: cut(Quirk.DROP_BEFORE_ORDER, 0, answered=False),
    Quirk.DROP_BEFORE_ACK: cut(Quirk.DROP_BEFORE_ACK, 1, answered=False),
    Quirk.DROP_AFTER_ACK: cut(Quirk.DROP_AFTER_ACK, 1, answered=True),
    Quirk.DROP_IN_BRACKET: cut_in_bracket,
    Quirk.STATUS_TWICE: status_twice,
    Quirk.FILL_WITHOUT_STATUS: no_status,
    Quirk.EXECUTION_FIRST: execution_first,
    Quirk.COMMISSION_FIRST: commission_first,
    Quirk.COMMISSION_LATE: commission_late,
    Quirk.COMMISSION_NEVER: commission_never,
    Quirk.COMMISSION_UNSET: commission_unset,
    Quirk.NO_COMMISSION_REPLAY: no_replay,
    Quirk.EXECUTION_CORRECTED: corrected,
    Quirk.EXECUTION_BUSTED: busted,
    Quirk.INACTIVE_THEN_201: rejected(Quirk.INACTIVE_THEN_201, code_first=False),
    Quirk.REJECTED_THEN_INACTIVE: rejected(Quirk.REJECTED_THEN_INACTIVE, code_first=True),
    Quirk.CANCEL_LOSES_10148: loses(Quirk.CANCEL_LOSES_10148, 10148),
    Quirk.CANCEL_LOSES_10147: loses(Quirk.CANCEL_LOSES_10147, 10147),
    Quirk.CANCEL_LOSES_161: loses(Quirk.CANCEL_LOSES_161, 161),
    Quirk.FILL_AFTER_202: fill_after_cancel,
    Quirk.PRESET_TIF: preset,
    Quirk.ORDER_PRECAUTIONS: precautions,
    Quirk.WARNING_399: warned,
    Quirk.LOCATE_404: located,
    Quirk.OUTSIDE_HOURS_2109: outside_hours,
    Quirk.WHAT_IF_TWICE: what_if_twice,
    Quirk.FOREIGN_ORDER: foreign,
    Quirk.READ_ONLY_API: read_only,
    Quirk.POSITIONS_WITHOUT_END: no_position_end,
    Quirk.ACCOUNT_WITHOUT_END: no_account_end,
    Quirk.UNSET_FIRST: unset_first,
    Quirk.NO_UNSET_FIRST: no_unset_first,
    Quirk.SUMMARY_SLOTS_KEPT: slots_kept,
    Quirk.HISTORY_NO_DATA: history(Quirk.HISTORY_NO_DATA, "no data"),
    Quirk.HISTORY_PACING: history(Quirk.HISTORY_PACING, "pacing violation"),
    Quirk.HISTORY_OTHER_ADDRESS: history(Quirk.HISTORY_OTHER_ADDRESS, "different IP address"),
    Quirk.HISTORY_NO_PERMISSION: history(Quirk.HISTORY_NO_PERMISSION, "permissions"),
    Quirk.REAL_TIME_PACING_420: answered(Quirk.REAL_TIME_PACING_420, BARS, 420),
    Quirk.MAX_TICKERS_101: answered(Quirk.MAX_TICKERS_101, TICKS, 101),
    Quirk.NOT_SUBSCRIBED_354: answered(Quirk.NOT_SUBSCRIBED_354, TICKS, 354),
    Quirk.NOT_SUBSCRIBED_10168: answered(Quirk.NOT_SUBSCRIBED_10168, TICKS, 10168),
    Quirk.NOT_SUBSCRIBED_10089: delayed_follows,
    Quirk.PARTLY_SUBSCRIBED_10090: partly,
    Quirk.DELAYED_10167: delayed,
    Quirk.COMPETING_SESSION_10197: competing,
    Quirk.NO_PRICE_FIRST: no_price,
    Quirk.DEPTH_RESET_317: depth_reset,
    Quirk.UPDATES_FAILED_10182: ends(
        Quirk.UPDATES_FAILED_10182, HISTORY, "HistoricalDataUpdate", "10182"
    ),
    Quirk.BUST_EVENT_10225: ends(Quirk.BUST_EVENT_10225, BARS, "RealTimeBar", "10225"),
    Quirk.ZONE_ABBREVIATED: zone(Quirk.ZONE_ABBREVIATED, " EST"),
    Quirk.ZONE_IANA: zone(Quirk.ZONE_IANA, " America/New_York"),
    Quirk.ZONE_MISSING: zone(Quirk.ZONE_MISSING, "10:00:00"),
    Quirk.TIME_ONCE_A_SECOND: time_once,
}
BEFORE_CONNECTING = {
    Quirk.HELLO_ZONE_WINDOWS,
    Quirk.HELLO_ZONE_NOT_UTF8,
    Quirk.HELLO_ZONE_MISSING,
    Quirk.ACCEPT_THEN_CLOSE,
    Quirk.SILENT_AFTER_HELLO,
    Quirk.SILENT_AFTER_START,
    Quirk.CLIENT_ID_IN_USE,
    Quirk.NEXT_ID_FIRST,
    Quirk.NEXT_ID_AFTER_FARMS,
    Quirk.NEXT_ID_ROLLBACK,
    Quirk.MANUAL_ORDER,
}


@pytest.mark.parametrize("quirk", CHECKS, ids=str)
async def test_the_quirk_does_what_its_row_says(quirk: Quirk) -> None:
    # nobody else may listen at the port that a gateway has left
    with held_port() as port:
        async with gateway(port=port) as simulator:
            client = await RawClient.start(simulator.host, simulator.port)
            await CHECKS[quirk](simulator, client)
            await client.aclose()


def test_every_quirk_has_a_row_and_a_test() -> None:
    assert set(QUIRKS) == set(Quirk)
    assert set(CHECKS) | BEFORE_CONNECTING == set(Quirk)
    assert all(row.what and row.source for row in QUIRKS.values())


async def test_an_unknown_quirk_is_an_error_that_names_its_neighbours() -> None:
    async with gateway() as simulator:
        with pytest.raises(ValueError, match=r"no quirk called 'commission_soon'.*commission_late"):
            simulator.quirk("commission_soon")


async def test_pacing_in_the_gateway_delays_instead_of_refusing() -> None:
    async with gateway(quirks=[Quirk.MESSAGE_RATE]) as simulator:
        client = await RawClient.open(simulator.host, simulator.port)
        client.write(b"API\0" + len(PACED).to_bytes(4, "big") + PACED)
        await client.fields()
        client.write(frame(ask.StartApi(client_id=1)))
        await heard(client)
        client.write(ASK_TIME * 120)
        assert len(await heard(client)) == 50
        await simulator.advance(1)
        assert len(await heard(client)) == 50
        await simulator.advance(1)
        assert kinds(await heard(client)) == ["CurrentTime"] * 20
        await client.aclose()


PACED = b"v157..178 +PACEAPI"


async def test_a_quirk_is_off_again_when_it_was_switched_off() -> None:
    async with gateway(quirks=[Quirk.STATUS_TWICE]) as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        simulator.clear_faults()
        assert simulator.quirks == {Quirk.STATUS_TWICE}
        twice = of(await told(client, order(1)), OrderStatus)
        simulator.quirk(Quirk.STATUS_TWICE, on=False)
        once = of(await told(client, order(2)), OrderStatus)
        assert len(twice) == 2 * len(once)
        await client.aclose()


async def test_the_market_may_be_held_through_the_venue() -> None:
    async with gateway() as simulator:
        client = await RawClient.start(simulator.host, simulator.port)
        quote = SetQuote(con_id=265598, bid=Decimal(10), ask=Decimal(11))
        simulator.gateway.execute(quote, simulator.clock.utcnow())
        (execution,) = of(await told(client, MARKET), ExecDetails)
        assert execution.price == 11
        await client.aclose()
