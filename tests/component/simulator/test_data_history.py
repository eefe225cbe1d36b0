"""Bars: of the past, kept up to date, and every five seconds, over a socket."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ibkr_connector.simulator import Permissions
from ibkr_connector.simulator.dialogue import bars as live_bars
from ibkr_connector.simulator.dialogue.feed import Entitlement
from ibkr_connector.simulator.server import DEFAULT_START
from ibkr_connector.simulator.wire import requests as ask
from ibkr_connector.simulator.wire.contracts import WireContract
from ibkr_connector.simulator.wire.replies import (
    Bar,
    ErrorMessage,
    HeadTimestamp,
    HistoricalData,
    HistoricalDataUpdate,
    HistoricalSchedule,
    RealTimeBar,
)
from kit.data_client import APPLE, EURO, data_client, errors, of_type

BITCOIN = WireContract(symbol="BTC", sec_type="CRYPTO", currency="USD", exchange="PAXOS")
PAIR = WireContract(symbol="AAPL,MSFT", sec_type="BAG", currency="USD", exchange="SMART")


def history(request_id: int, **said: object) -> ask.ReqHistoricalData:
    fields = {
        "contract": APPLE,
        "bar_size": "1 min",
        "duration": "1800 S",
        "what_to_show": "TRADES",
        "format_date": 2,
        "regular_hours": False,
        **said,
    }
    return ask.ReqHistoricalData(request_id=request_id, **fields)  # type: ignore[arg-type]


def head(request_id: int, contract: WireContract = APPLE) -> ask.ReqHeadTimestamp:
    return ask.ReqHeadTimestamp(request_id=request_id, contract=contract, what_to_show="TRADES")


def live(
    request_id: int, contract: WireContract = APPLE, what: str = "TRADES"
) -> ask.ReqRealTimeBars:
    return ask.ReqRealTimeBars(
        request_id=request_id,
        contract=contract,
        bar_size=5,
        what_to_show=what,
        regular_hours=False,
    )


def prices(bar: Bar | RealTimeBar) -> tuple[Decimal, ...]:
    return bar.open, bar.high, bar.low, bar.close


# --- the past ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"])
async def test_bars_are_whole_and_in_order(what: str) -> None:
    async with data_client() as client:
        said = of_type(await client.ask(history(1, what_to_show=what)), HistoricalData)[0]
        times = [int(bar.date) for bar in said.bars]
        assert [DEFAULT_START.timestamp() - 60 * n for n in range(30, 0, -1)] == times
        assert all(bar.low <= min(bar.open, bar.close) for bar in said.bars)
        assert all(bar.high >= max(bar.open, bar.close) for bar in said.bars)


async def test_day_bars_carry_dates() -> None:
    async with data_client() as client:
        said = of_type(
            await client.ask(history(1, bar_size="1 day", duration="1 W")), HistoricalData
        )[0]
        assert said.bars[-1].date == "20261118"
        assert all(len(bar.date) == 8 for bar in said.bars)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("login", "20261118 09:59:00 US/Eastern"),
        ("instrument", "20261118 09:59:00 US/Eastern"),
        ("utc", "20261118-14:59:00"),
    ],
)
async def test_times_are_written_in_the_zone_of_the_setting(zone: str, text: str) -> None:
    async with data_client() as client:
        client.gateway.gateway.feed.zone = zone
        said = of_type(await client.ask(history(1, format_date=1)), HistoricalData)[0]
        assert text == said.bars[-1].date


async def test_a_combo_has_the_sum_of_its_legs() -> None:
    async with data_client() as client:
        legs = (
            ask.ComboLeg(con_id=265598, ratio=2, action="BUY", exchange="SMART"),
            ask.ComboLeg(con_id=272093, ratio=1, action="SELL", exchange="SMART"),
        )
        microsoft = WireContract(con_id=272093, exchange="SMART")
        said = of_type(
            await client.ask(
                history(1, contract=PAIR, legs=legs),
                history(2),
                history(3, contract=microsoft),
            ),
            HistoricalData,
        )
        whole, apple, other = ([bar.close for bar in one.bars] for one in said)
        assert [2 * one - two for one, two in zip(apple, other, strict=True)] == whole


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"bar_size": "7 mins"}, 321),
        ({"end": "soon"}, 10314),
        ({"contract": EURO}, 162),
        ({"contract": BITCOIN}, 10299),
        ({"what_to_show": "SCHEDULE"}, 10295),
        ({"bar_size": "1 secs", "duration": "1 D"}, 162),
        ({"contract": PAIR}, 321),
        ({"contract": WireContract(con_id=265598)}, 321),
        ({"bar_size": "1 min", "duration": "1 Y"}, 162),
    ],
)
async def test_a_bad_request_for_bars_is_refused(said: dict[str, object], code: int) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(history(1, **said)))


@pytest.mark.parametrize(
    ("right", "text"),
    [
        (Entitlement.NONE, "No market data permissions for NASDAQ STK"),
        (Entitlement.API, "requires additional subscription for API"),
    ],
)
async def test_history_needs_the_right_to_the_data(right: Entitlement, text: str) -> None:
    async with data_client() as client:
        client.gateway.gateway.feed.entitlements["STK"] = right
        said = of_type(await client.ask(history(1)), ErrorMessage)
        assert [one.code for one in said] == [162]
        assert text in said[0].text


async def test_delayed_history_ends_a_quarter_of_an_hour_ago() -> None:
    async with data_client(Permissions(live_data=False)) as client:
        said = of_type(await client.ask(history(1)), HistoricalData)[0]
        last = int(said.bars[-1].date)
        assert DEFAULT_START.timestamp() - 16 * 60 == last


async def test_a_schedule_has_the_sessions_of_its_days() -> None:
    async with data_client() as client:
        asked = history(
            1, what_to_show="SCHEDULE", bar_size="1 day", duration="1 W", regular_hours=True
        )
        said = of_type(await client.ask(asked), HistoricalSchedule)[0]
        assert said.time_zone == "US/Eastern"
        assert (
            said.sessions[-1].start,
            said.sessions[-1].end,
            said.sessions[-1].date,
        ) == ("20261118-09:30:00", "20261118-16:00:00", "20261118")
        assert "20261115" not in {one.date for one in said.sessions}


async def test_days_of_a_schedule_are_trading_days() -> None:
    async with data_client() as client:
        asked = history(1, what_to_show="SCHEDULE", bar_size="1 day", duration="5 D")
        said = of_type(await client.ask(asked), HistoricalSchedule)[0]
        assert [one.date for one in said.sessions] == [
            "20261112",
            "20261113",
            "20261116",
            "20261117",
            "20261118",
        ]


async def test_fine_bars_are_paced_and_the_switch_turns_it_off() -> None:
    fine = history(1, bar_size="5 secs")
    async with data_client() as client:
        said = of_type(await client.ask(fine, fine), ErrorMessage)
        assert [one.code for one in said] == [162]
        assert "pacing violation" in said[0].text
        await client.after(15)
        assert errors(await client.ask(fine)) == []
    async with data_client(Permissions(historical_pacing=False)) as client:
        assert errors(await client.ask(*[fine] * 10)) == []


async def test_bars_of_a_minute_are_not_paced() -> None:
    async with data_client() as client:
        assert errors(await client.ask(*[history(1)] * 10)) == []


# --- kept up to date --------------------------------------------------------------------------


async def test_bars_that_are_kept_end_like_those_of_the_past() -> None:
    async with data_client() as client:
        await client.ask(history(1, keep_up_to_date=True))
        updates = of_type(await client.after(126), HistoricalDataUpdate)
        last = {one.bar.date: one.bar for one in updates}
        again = of_type(await client.ask(history(2)), HistoricalData)[0]
        closed = {bar.date: bar for bar in again.bars}
        first = str(int(DEFAULT_START.timestamp()))
        assert closed[first] == last[first]
        assert len(last) == 3


async def test_the_newest_bar_is_updated_every_five_seconds() -> None:
    async with data_client() as client:
        await client.ask(history(1, keep_up_to_date=True))
        counts = [len(of_type(await client.after(5), HistoricalDataUpdate)) for _ in range(6)]
        assert sum(1 for count in counts if count) >= 5


async def test_a_bar_that_ended_is_told_whole_before_the_next_begins() -> None:
    async with data_client() as client:
        await client.ask(history(1, keep_up_to_date=True))
        dates = [one.bar.date for one in of_type(await client.after(180), HistoricalDataUpdate)]
        assert dates == sorted(dates)


async def test_an_id_that_is_kept_is_taken_until_it_is_cancelled() -> None:
    async with data_client() as client:
        kept, cancel = history(1, keep_up_to_date=True), ask.CancelHistoricalData(request_id=1)
        said = of_type(await client.ask(kept, kept, cancel, cancel), ErrorMessage)
        assert [one.code for one in said] == [386, 162, 366]
        assert "API historical data query cancelled: 1" in said[1].text
        assert of_type(await client.after(20), HistoricalDataUpdate) == []


async def test_fifty_requests_may_be_open() -> None:
    async with data_client() as client:
        kept = [history(n, keep_up_to_date=True, duration="60 S") for n in range(51)]
        assert errors(await client.ask(*kept)) == [(50, 322)]


async def test_bars_are_lost_with_the_service() -> None:
    async with data_client() as client:
        await client.ask(history(1, keep_up_to_date=True))
        live_bars.lose_updates(client.gateway.gateway)
        said = await client.after(20)
        assert errors(said) == [(1, 10182)]
        assert of_type(said, HistoricalDataUpdate) == []


# --- when history begins ----------------------------------------------------------------------


async def test_history_has_a_beginning_and_the_question_stays_open() -> None:
    async with data_client() as client:
        said = of_type(await client.ask(head(1)), HeadTimestamp)
        assert len(said) == 1
        assert errors(await client.ask(head(1))) == [(1, 386)]
        cancel = ask.CancelHeadTimestamp(request_id=1)
        assert errors(await client.ask(cancel, cancel)) == [(1, 366)]


async def test_the_beginning_of_trades_of_a_currency_is_refused() -> None:
    async with data_client() as client:
        assert errors(await client.ask(head(1, EURO))) == [(1, 162)]


# --- every five seconds -----------------------------------------------------------------------


async def test_live_bars_are_the_bars_of_the_past() -> None:
    async with data_client() as client:
        await client.ask(live(1))
        said = of_type(await client.after(60), RealTimeBar)
        assert [DEFAULT_START.timestamp() + 5 * n for n in range(12)] == [one.time for one in said]
        past = of_type(
            await client.ask(history(2, bar_size="5 secs", duration="60 S")), HistoricalData
        )[0]
        assert [prices(bar) for bar in past.bars] == [prices(bar) for bar in said]
        assert [bar.volume for bar in past.bars] == [bar.volume for bar in said]


async def test_live_bars_begin_at_full_five_seconds() -> None:
    async with data_client() as client:
        await client.after(3)
        await client.ask(live(1))
        said = of_type(await client.after(9), RealTimeBar)
        assert [one.time - int(DEFAULT_START.timestamp()) for one in said] == [0, 5]


async def test_midpoints_have_no_volume() -> None:
    async with data_client() as client:
        await client.ask(live(1, EURO, "MIDPOINT"))
        said = of_type(await client.after(5), RealTimeBar)
        assert [(Decimal(-1), Decimal(-1), -1)] == [
            (one.volume, one.wap, one.count) for one in said
        ]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (live(1, what="BID_ASK"), 321),
        (live(1, EURO), 420),
        (live(1, WireContract(symbol="NOPE", sec_type="STK", exchange="SMART")), 200),
    ],
)
async def test_a_bad_request_for_live_bars_is_refused(
    asked: ask.ReqRealTimeBars, code: int
) -> None:
    async with data_client() as client:
        assert [(1, code)] == errors(await client.ask(asked))


async def test_live_bars_need_live_data() -> None:
    async with data_client(Permissions(live_data=False)) as client:
        assert errors(await client.ask(live(1))) == [(1, 420)]


async def test_live_bars_share_the_long_window_of_history() -> None:
    async with data_client(Permissions(data_lines=100)) as client:
        asked = [live(number) for number in range(61)]
        assert errors(await client.ask(*asked)) == [(60, 420)]


async def test_a_bust_ends_live_bars() -> None:
    async with data_client() as client:
        await client.ask(live(1))
        live_bars.bust(client.gateway.gateway, 265598)
        said = await client.after(20)
        assert errors(said) == [(1, 10225)]
        assert of_type(said, RealTimeBar) == []
        assert errors(await client.ask(live(1))) == []


async def test_cancelled_live_bars_end() -> None:
    async with data_client() as client:
        cancel = ask.CancelRealTimeBars(request_id=1)
        assert errors(await client.ask(live(1), cancel, cancel)) == [(1, 300)]
        assert of_type(await client.after(10), RealTimeBar) == []


async def test_a_clock_that_leaps_brings_no_more_than_ten_minutes_of_live_bars() -> None:
    async with data_client() as client:
        await client.ask(live(1))
        client.gateway.clock.advance(timedelta(hours=5).total_seconds())  # type: ignore[attr-defined]
        said = of_type(await client.after(1), RealTimeBar)
        assert 100 <= len(said) <= 121
