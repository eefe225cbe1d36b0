"""The acceptance list of the simulator: market data (3) and history (4), over a socket."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.exchange.tape import read_tape
from ibkr_connector.simulator.quirks import Quirk
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    HeadTimestamp,
    HistogramData,
    HistoricalData,
    HistoricalDataUpdate,
    HistoricalSchedule,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
    MarketDataType,
    MarketDepthL2,
    RealTimeBar,
    TickByTickBidAsk,
    TickByTickLast,
    TickByTickMidpoint,
    TickPrice,
    TickReqParams,
    TickSnapshotEnd,
)
from ibkr_connector.simulator.wire.requests import (
    CancelMarketData,
    ReqHeadTimestamp,
    ReqHistogramData,
    ReqHistoricalData,
    ReqHistoricalTicks,
    ReqMarketData,
    ReqMarketDataType,
    ReqMarketDepth,
    ReqRealTimeBars,
    ReqTickByTick,
)
from kit.conversation import APPLE, Conversation, talk

LIVE_PRICES = {1, 2, 4, 6, 7, 9, 14}
DELAYED_PRICES = {66, 67, 68, 72, 73, 75, 76}
PAIR = WireContract(con_id=12087792, exchange="IDEALPRO")


def tick_by_tick(request_id: int, kind: str, contract: WireContract = APPLE) -> ReqTickByTick:
    """Ask for every change."""
    return ReqTickByTick(
        request_id=request_id,
        contract=contract,
        tick_type=kind,
        number_of_ticks=0,
        ignore_size=False,
    )


def history(request_id: int, **asked: Any) -> ReqHistoricalData:
    """Ask for an hour in minutes, unless told otherwise."""
    plain = ReqHistoricalData(
        request_id=request_id,
        contract=APPLE,
        duration="3600 S",
        bar_size="1 min",
        what_to_show="TRADES",
        regular_hours=False,
    )
    return replace(plain, **asked)


def prices(client: Conversation, request_id: int) -> dict[int, Decimal]:
    """Return the last price of each tick type that a request heard."""
    return {
        one.tick_type: one.price for one in client.all(TickPrice) if one.request_id == request_id
    }


# --- 3: market data -----------------------------------------------------------------------------


async def test_point_03_a_stream_begins_with_its_parameters_and_goes_on_with_time() -> None:
    async with talk() as (gateway, client):
        first, kind, *_ = await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        assert isinstance(first, TickReqParams)
        assert kind == MarketDataType(request_id=1, data_type=1)
        known = prices(client, 1)
        assert known.keys() >= LIVE_PRICES
        assert known[7] <= known[1] < known[2] <= known[6]
        await gateway.advance(30)
        assert await client.hear()
        await client.ask(CancelMarketData(request_id=1))
        await gateway.advance(30)
        assert await client.hear() == []


async def test_point_03_delayed_data_has_its_own_tick_types_and_says_10167() -> None:
    async with talk(permissions=Permissions(live_data=False)) as (_, client):
        await client.ask(ReqMarketDataType(data_type=3))
        await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        assert client.codes(1) == [10167]
        assert prices(client, 1).keys() >= DELAYED_PRICES
        assert not prices(client, 1).keys() & LIVE_PRICES
        assert client.last(MarketDataType).data_type == 3


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        pytest.param(Permissions(live_data=False), 354, id="delayed data not asked for"),
        pytest.param(Permissions(live_data=False, delayed_data=False), 10168, id="not enabled"),
    ],
)
async def test_point_03_what_is_not_subscribed_says_so(permissions: Permissions, code: int) -> None:
    async with talk(permissions=permissions) as (_, client):
        if code == 10168:
            await client.ask(ReqMarketDataType(data_type=3))
        await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        assert client.codes(1) == [code]
        assert prices(client, 1) == {}


async def test_point_03_another_session_takes_the_data_away() -> None:
    async with talk() as (gateway, client):
        await client.ask(ReqMarketData(request_id=1, contract=APPLE))
        gateway.quirk(Quirk.COMPETING_SESSION_10197)
        await gateway.advance(5)
        await client.hear()
        assert set(client.codes(1)) == {10197}


async def test_point_03_a_snapshot_ends_after_eleven_seconds() -> None:
    async with talk() as (gateway, client):
        await client.ask(ReqMarketData(request_id=1, contract=APPLE, snapshot=True))
        await gateway.advance(10)
        await client.hear()
        assert client.all(TickSnapshotEnd) == []
        await gateway.advance(2)
        await client.hear()
        assert client.all(TickSnapshotEnd) == [TickSnapshotEnd(request_id=1)]
        assert prices(client, 1).keys() >= LIVE_PRICES


async def test_point_03_tick_by_tick_depth_and_ticks_are_one_market() -> None:
    async with talk() as (gateway, client):
        await client.ask(
            ReqMarketData(request_id=1, contract=APPLE),
            ReqMarketDepth(request_id=2, contract=APPLE, rows=5, is_smart=True, options=""),
            tick_by_tick(3, "BidAsk"),
            tick_by_tick(4, "AllLast"),
            tick_by_tick(5, "MidPoint"),
        )
        await gateway.advance(20)
        await client.hear()
        shown = prices(client, 1)
        quote = client.last(TickByTickBidAsk)
        assert (quote.bid, quote.ask) == (shown[1], shown[2])
        # a midpoint says nothing while it stays
        assert abs(client.last(TickByTickMidpoint).midpoint - (shown[1] + shown[2]) / 2) <= 1
        assert shown[7] <= client.last(TickByTickLast).price <= shown[6]
        bids, asks = book(client.all(MarketDepthL2), 5)
        assert (bids[0], asks[0]) == (shown[1], shown[2])
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)


def book(rows: Sequence[MarketDepthL2], depth: int) -> tuple[list[Decimal], list[Decimal]]:
    """Replay a stream of depth and return the prices of bids and asks, the best first."""
    sides: dict[int, list[Decimal]] = {0: [], 1: []}
    for row in rows:
        side = sides[row.side]
        if row.operation == 0:
            side.insert(row.position, row.price)
        elif row.operation == 1:
            side[row.position] = row.price
        else:
            del side[row.position]
    assert all(len(side) == depth for side in sides.values())
    return sides[1], sides[0]


async def test_point_03_five_second_bars_and_the_newest_bar_follow_the_market() -> None:
    async with talk() as (gateway, client):
        bars = ReqRealTimeBars(
            request_id=1, contract=APPLE, bar_size=5, what_to_show="TRADES", regular_hours=False
        )
        await client.ask(bars, history(2, keep_up_to_date=True))
        await gateway.advance(61)
        await client.hear()
        five = client.all(RealTimeBar)
        start = int(DEFAULT_START.timestamp())
        assert [bar.time for bar in five] == list(range(start, start + 60, 5))
        updates = [one.bar for one in client.all(HistoricalDataUpdate)]
        # the minute of twelve such bars
        minute = [bar for bar in updates if bar.date == updates[0].date][-1]
        assert minute.high == max(bar.high for bar in five)
        assert minute.low == min(bar.low for bar in five)


RECORDED = {
    "ticks.csv": """time,symbol,price
2026-11-18T15:00:00Z,EUR.USD,1.1
2026-11-18T15:01:00Z,EUR.USD,1.2
""",
    "quotes.csv": """time,symbol,bid,ask,bid_size,ask_size
2026-11-18T15:00:00Z,EUR.USD,1.09995,1.10005,1000000,1000000
2026-11-18T15:01:00Z,EUR.USD,1.19995,1.20005,1000000,1000000
""",
    "script.yaml": """
- {at: 2026-11-18T15:00:00Z, symbol: EUR.USD, bid: 1.09995, ask: 1.10005}
- {at: 2026-11-18T15:01:00Z, symbol: EUR.USD, bid: 1.19995, ask: 1.20005}
""",
}


@pytest.mark.parametrize("name", RECORDED)
async def test_point_03_what_was_recorded_is_replayed(name: str, tmp_path: Path) -> None:
    recorded = tmp_path / name
    recorded.write_text(RECORDED[name])
    async with talk(tape=read_tape(recorded)) as (gateway, client):
        await client.ask(ReqMarketData(request_id=1, contract=PAIR))
        assert prices(client, 1)[1] < Decimal("1.1") < prices(client, 1)[2]
        await gateway.advance(61)
        await client.hear()
        assert prices(client, 1)[1] < Decimal("1.2") < prices(client, 1)[2]


async def test_point_03_lines_have_an_end() -> None:
    async with talk(permissions=Permissions(data_lines=2)) as (_, client):
        for number in (1, 2, 3):
            await client.ask(ReqMarketData(request_id=number, contract=APPLE))
        assert (client.codes(2), client.codes(3)) == ([], [101])
        await client.ask(CancelMarketData(request_id=1))
        await client.ask(ReqMarketData(request_id=4, contract=APPLE))
        assert client.codes(4) == []


async def test_point_03_books_have_an_end() -> None:
    async with talk() as (_, client):
        for number, con_id in enumerate((265598, 272093, 4815747, 8314), start=1):
            stock = WireContract(con_id=con_id, exchange="SMART")
            await client.ask(
                ReqMarketDepth(request_id=number, contract=stock, rows=5, is_smart=True, options="")
            )
        assert [client.codes(number) for number in (1, 2, 3, 4)] == [[], [], [], [309]]


async def test_point_03_tick_by_tick_streams_have_an_end() -> None:
    async with talk(permissions=Permissions(tick_by_tick_pacing=False)) as (_, client):
        stocks = (265598, 272093, 4815747, 8314, 208813719, 76792991)
        for number, con_id in enumerate(stocks, start=1):
            await client.ask(
                tick_by_tick(number, "Last", WireContract(con_id=con_id, exchange="SMART"))
            )
        assert client.codes(5) == []
        assert client.codes(6) == [10190]


# --- 4: history ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "size", "seconds"),
    [
        ("60 S", "1 secs", 1),
        ("1800 S", "1 min", 60),
        ("1 D", "5 mins", 300),
        ("2 D", "1 hour", 3_600),
        ("1 W", "1 hour", 3_600),
        ("1 M", "1 day", 86_400),
        ("1 Y", "1 week", 7 * 86_400),
    ],
)
async def test_point_04_bars_of_each_size_are_whole_and_in_order(
    duration: str, size: str, seconds: int
) -> None:
    async with talk() as (_, client):
        await client.ask(history(1, duration=duration, bar_size=size, format_date=2))
        bars = client.last(HistoricalData).bars
        assert len(bars) > 1
        dates = [bar.date for bar in bars]
        assert dates == sorted(set(dates))
        for bar in bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.low <= bar.wap <= bar.high
        if seconds < 86_400:
            steps = {int(b) - int(a) for a, b in itertools.pairwise(dates)}
            assert min(steps) == seconds


async def test_point_04_finer_bars_are_the_coarser_one() -> None:
    async with talk() as (_, client):
        await client.ask(history(1, duration="3600 S", bar_size="1 min"))
        await client.ask(history(2, duration="3600 S", bar_size="1 hour"))
        minutes, hours = (one.bars for one in client.all(HistoricalData))
        hour = hours[0]
        inside = [bar for bar in minutes if bar.date[:11] == hour.date[:11]]
        assert max(bar.high for bar in inside) == hour.high
        assert min(bar.low for bar in inside) == hour.low
        assert (inside[0].open, inside[-1].close) == (hour.open, hour.close)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param({"duration": "2 D", "bar_size": "1 secs"}, 162, id="too fine for its span"),
        pytest.param({"duration": "90000 S"}, 321, id="too many seconds"),
        pytest.param({"bar_size": "7 mins"}, 321, id="no such size"),
        pytest.param({"what_to_show": "NONSENSE"}, 321, id="no such data"),
        pytest.param({"end": "yesterday"}, 10314, id="no such moment"),
    ],
)
async def test_point_04_what_cannot_be_asked_is_refused(asked: dict[str, Any], code: int) -> None:
    async with talk() as (_, client):
        await client.ask(history(1, **asked))
        assert client.codes(1) == [code]
        assert client.all(HistoricalData) == []


@pytest.mark.parametrize(
    "quirk",
    [
        Quirk.HISTORY_NO_DATA,
        Quirk.HISTORY_PACING,
        Quirk.HISTORY_OTHER_ADDRESS,
        Quirk.HISTORY_NO_PERMISSION,
    ],
)
async def test_point_04_162_has_many_reasons(quirk: Quirk) -> None:
    async with talk(quirks=[quirk]) as (_, client):
        await client.ask(history(1))
        assert client.codes(1) == [162]


async def test_point_04_asking_too_often_is_a_pacing_violation() -> None:
    async with talk() as (gateway, client):
        small = {"duration": "60 S", "bar_size": "5 secs"}
        await client.ask(history(1, **small))
        await client.ask(history(2, **small))  # the same within 15 s
        assert (client.codes(1), client.codes(2)) == ([], [162])
        await gateway.advance(16)
        await client.ask(history(3, **small))
        assert client.codes(3) == []


async def test_point_04_at_most_sixty_in_ten_minutes() -> None:
    async with talk() as (gateway, client):
        for number in range(1, 62):
            await client.ask(history(number, duration=f"{60 + 5 * number} S", bar_size="5 secs"))
            await gateway.advance(3)
        refused = [number for number in range(1, 62) if client.codes(number)]
        assert refused == [61]


async def test_point_04_the_first_moment_the_schedule_and_the_histogram() -> None:
    async with talk() as (_, client):
        await client.ask(
            ReqHeadTimestamp(
                request_id=1,
                contract=APPLE,
                what_to_show="TRADES",
                regular_hours=True,
                format_date=2,
            ),
            history(2, duration="5 D", bar_size="1 day", what_to_show="SCHEDULE"),
            ReqHistogramData(request_id=3, contract=APPLE, regular_hours=False, period="1 day"),
        )
        assert int(client.last(HeadTimestamp).time) < DEFAULT_START.timestamp() - 365 * 86_400
        schedule = client.last(HistoricalSchedule)
        assert [one.date for one in schedule.sessions][-2:] == ["20261117", "20261118"]
        assert schedule.time_zone == "US/Eastern"
        rows = client.last(HistogramData).rows
        assert rows
        assert all(row.size > 0 for row in rows)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("TRADES", HistoricalTicksLast),
        ("BID_ASK", HistoricalTicksBidAsk),
        ("MIDPOINT", HistoricalTicks),
    ],
)
async def test_point_04_single_ticks_of_the_past_are_in_order(what: str, kind: type) -> None:
    async with talk() as (_, client):
        asked = ReqHistoricalTicks(
            request_id=1,
            contract=APPLE,
            start="20261118 14:00:00 UTC",
            count=50,
            what_to_show=what,
            regular_hours=False,
        )
        await client.ask(asked)
        answers: list[Any] = client.all(kind)
        times = [tick.time for one in answers for tick in one.ticks]
        assert len(times) > 20
        assert times == sorted(times)
        assert times[0] >= int((DEFAULT_START - timedelta(hours=1)).timestamp())
        assert answers[-1].done
