"""History through a real socket: long, stored, resumed, checked, and every meaning of 162."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ibkr_connector import (
    AuthenticationError,
    ContractNotFoundError,
    HistoricalDataError,
    IBKRConnector,
    IBKRError,
    MarketDataPermissionError,
    NoDataError,
    PacingError,
)
from ibkr_connector.clock import SystemClock
from ibkr_connector.market.aggregate import MadeBar, TickBars, aggregated
from ibkr_connector.market.candles import save_candles
from ibkr_connector.market.history import HistoryWish
from ibkr_connector.market.rolling import RollingWindows
from ibkr_connector.model.contracts import Contract, SecurityType
from ibkr_connector.model.history import (
    DownloadBatch,
    DownloadProgress,
    GapKind,
    JobState,
    SplitKind,
)
from ibkr_connector.model.streams import BarUpdate, GapReason
from ibkr_connector.simulator import Answer, Cut, HostedSimulator, Permissions
from kit.market import asked, busy
from kit.november import november_each

__all__ = ["november_each"]

Make = Callable[..., IBKRConnector]
Gateways = Callable[..., HostedSimulator]

SPRING = datetime(2026, 1, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 1, tzinfo=UTC)
NINE_MONTHS: dict[str, Any] = {"start": SPRING, "end": AUTUMN, "bar_size": "1 hour"}


@pytest.fixture
def gateway(make_ibkr_gateway: Gateways) -> HostedSimulator:
    return make_ibkr_gateway(sessions=True)


def requests(gateway: HostedSimulator) -> list[tuple[str, str]]:
    """Return end and duration of the requests for bars."""
    return [
        (one.end, one.duration)
        for one in asked(gateway, "ReqHistoricalData")
        if one.what_to_show != "SCHEDULE"
    ]


async def test_a_long_span_is_fetched_in_legal_requests_merged_and_checked(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    told: list[DownloadProgress] = []
    async with make_connector(gateway.port) as ib:
        found = await ib.history.download("AAPL", **NINE_MONTHS, progress=told.append)
        summer = AUTUMN - timedelta(days=80)
        part = await ib.get_historical_data("AAPL", start=summer, end=AUTUMN, bar_size="1 hour")
    series = found.series
    assert (found.requests, found.gaps, found.calendar) == (9, (), "IB's schedule")
    assert found.splits == ()
    times = [bar.timestamp for bar in series.bars]
    assert times == sorted(set(times))
    assert SPRING <= times[0] < times[-1] < AUTUMN
    assert len({time.date() for time in times}) == 187  # trading days of the nine months
    assert (told[-1].done, told[-1].total, told[-1].bars) == (9, 9, len(series))
    # the same bars, whoever cuts them how
    assert part.columns == series.columns.between(summer, AUTUMN)
    assert {duration for _, duration in requests(gateway)} == {"1 M"}


def tell_when(
    told: DownloadProgress, *, after: int, done: asyncio.Event, loop: asyncio.AbstractEventLoop
) -> None:
    if told.done >= after:
        loop.call_soon_threadsafe(done.set)


async def test_killed_twice_and_cut_once_it_asks_nothing_twice(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    kept: list[tuple[str, str]] = []
    first, loop = 0, asyncio.get_running_loop()
    for killed_after in (2, 3):
        async with make_connector(gateway.port) as ib:
            done = asyncio.Event()
            tell = partial(tell_when, after=killed_after, done=done, loop=loop)
            before = await ib.history.coverage("AAPL", bar_size="1 hour")
            call = asyncio.ensure_future(
                ib.history.download("AAPL", **NINE_MONTHS, progress=tell, at_once=1)
            )
            await done.wait()
            call.cancel()
            await asyncio.wait([call])
            known = await ib.history.coverage("AAPL", bar_size="1 hour")
            assert len(known) == 1
            assert known[0].end > (before[0].end if before else SPRING)
            # the one that was open when it was killed brought nothing
            kept += [
                one
                for one in requests(gateway)[first:]
                if datetime.strptime(one[0], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC) <= known[0].end
            ]
            assert len(set(kept)) == len(kept) >= killed_after
            first = len(requests(gateway))
    # as often as it takes a slow machine to connect again
    async with make_connector(gateway.port, retry_max_attempts=1_000) as ib:
        gateway.do(lambda sim: sim.inject(Cut(on="ReqHistoricalData", handled=True)))
        found = await ib.history.download("AAPL", **NINE_MONTHS, at_once=1)
        again = await ib.history.download("AAPL", **NINE_MONTHS)
    times = [bar.timestamp for bar in found.series.bars]
    assert times == sorted(set(times))
    assert found.gaps == ()
    answered = kept + requests(gateway)[first:]
    # one was asked again, because the socket ended before its answer
    assert len(answered) - len(set(answered)) <= 1
    assert {end for end, _ in answered} >= {f"2026{month:02}01-00:00:00" for month in range(2, 11)}
    assert (again.requests, again.stored_bars) == (0, len(times))
    assert again.series.columns == found.series.columns


SIX = {
    "HMDS query returned no data: AAPL@SMART Trades": NoDataError,
    "Historical data request pacing violation": PacingError,
    "No market data permissions for NASDAQ STK": MarketDataPermissionError,
    "Trading TWS session is connected from a different IP address": AuthenticationError,
    "API historical data query cancelled: 7": HistoricalDataError,
    "Time length exceed max.": HistoricalDataError,
}


async def test_many_are_downloaded_in_a_table_of_jobs_and_go_on_where_they_were(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    wish: dict[str, Any] = {"start": AUTUMN - timedelta(days=60), "end": AUTUMN}
    wish["bar_size"] = "1 hour"
    told: list[DownloadBatch] = []
    async with make_connector(gateway.port) as ib:
        await ib.history.download("MSFT", **wish)
        before = len(requests(gateway))
        names = ["MSFT", "AAPL", "NOSUCHTHING", "IBM", "AAPL"]
        found = await ib.history.download_many(
            names, **wish, progress=told.append, contracts_at_once=2
        )
        after = len(requests(gateway))
        again = await ib.history.download_many(["AAPL", "IBM"], **wish)
        series = await ib.history.read("IBM", bar_size="1 hour")
        with pytest.raises(HistoricalDataError, match="no argument is called speed"):
            await ib.history.download_many(["AAPL"], speed=2)
    assert [job.contract for job in found.jobs] == ["MSFT", "AAPL", "NOSUCHTHING", "IBM"]
    states = [JobState.DONE, JobState.DONE, JobState.FAILED, JobState.DONE]
    assert [job.state for job in found.jobs] == states
    assert [type(error) for error in found.failures.values()] == [ContractNotFoundError]
    # one was there, and each of the others was asked for once
    assert [job.done for job in found.jobs] == [0, 2, 0, 2]
    assert after - before == 4
    assert (again.finished, len(requests(gateway)), again.failures) == (2, after, {})
    assert len(series) == found.jobs[3].bars > 0
    assert (found.finished, found.eta_s, found.jobs[3].gaps) == (4, 0.0, ())
    halfway = [table for table in told if 0 < table.finished < 4 and table.eta_s]
    assert halfway
    running = (job.state is JobState.RUNNING for table in told for job in table.jobs)
    assert any(running)
    assert max(sum(job.state is JobState.RUNNING for job in one.jobs) for one in told) == 2


@pytest.mark.parametrize("text", SIX)
async def test_each_meaning_of_162_is_its_own_error_and_never_an_empty_list(
    text: str, gateway: HostedSimulator, make_connector: Make
) -> None:
    message = f"Historical Market Data Service error message:{text}"
    gateway.do(
        lambda sim: sim.inject(Answer(to="ReqHistoricalData", code=162, text=message, times=100))
    )
    async with make_connector(gateway.port, retry_max_attempts=1) as ib:
        calls: tuple[Callable[[], Any], ...] = (
            lambda: ib.get_historical_data("AAPL", duration="1 D", bar_size="1 hour"),
            lambda: ib.get_historical_data("AAPL", start=AUTUMN, bar_size="1 hour"),
        )
        for number, call in enumerate(calls):
            if number and SIX[text] is PacingError:
                continue  # it would wait for the limits to come back
            with pytest.raises(IBKRError) as caught:
                await call()
            assert type(caught.value) is SIX[text]


async def test_what_is_stored_answers_questions_without_the_gateway(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    ib = make_connector(gateway.port)
    async with ib:
        await ib.history.download("AAPL", **NINE_MONTHS)
        await ib.get_historical_data("MSFT", **NINE_MONTHS, stored=True)
        stored = await ib.history.read("AAPL", bar_size="1 hour", start=AUTUMN - timedelta(days=7))
        lazy = await ib.history.scan("AAPL", bar_size="1 hour")
        gaps = await ib.history.gaps("MSFT", bar_size="1 hour")
        await ib.history.forget("MSFT", bar_size="1 hour", start=SPRING, end=AUTUMN)
    assert {bar.timestamp.month for bar in stored.bars} == {9}
    assert gaps == ()
    assert [one.symbol for one in await ib.history.stored()] == ["AAPL"]
    table = await ib.history.query("SELECT count(*) AS n FROM bars WHERE close > 0")
    assert table.to_pylist()[0]["n"] == len(lazy.collect())


async def test_the_calendar_knows_half_days_and_nights(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    start, end = datetime(2025, 11, 26, tzinfo=UTC), datetime(2025, 12, 2, tzinfo=UTC)
    async with make_connector(gateway.port) as ib:
        days = await ib.history.schedule("AAPL", start=start, end=end)
        nights = await ib.history.schedule("EUR.USD", start=start, end=end)
        found = await ib.history.download("AAPL", start=start, end=end, bar_size="5 mins")
    # the day before Thanksgiving, half of the Friday after it, and Monday
    assert [(one.day, (one.end - one.start).seconds / 3_600) for one in days] == [
        (date(2025, 11, 26), 6.5), (date(2025, 11, 28), 3.5), (date(2025, 12, 1), 6.5),
    ]  # fmt: skip
    assert any(one.start.date() < one.day for one in nights)
    assert found.gaps == ()
    assert len(found.series) == 78 + 42 + 78


async def test_a_calendar_library_stands_in_where_the_gateway_tells_no_schedule(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    start, end = datetime(2025, 11, 26, tzinfo=UTC), datetime(2025, 12, 2, tzinfo=UTC)
    wish: dict[str, Any] = {"start": start, "end": end, "bar_size": "30 mins"}
    async with make_connector(gateway.port) as ib:
        first = await ib.history.download("AAPL", **wish)
        refusal = Answer(to="ReqHistoricalData", code=321, text="Error validating request", times=1)
        gateway.do(lambda sim: sim.inject(refusal))
        again = await ib.history.download("AAPL", **wish)
    assert (first.calendar, first.gaps) == ("IB's schedule", ())
    # where both tell one, they are compared
    assert first.notes == ()
    # half days and holidays are known to it as well
    assert again.gaps == ()
    assert again.calendar.startswith("the exchange's calendar; the gateway tells none")


async def test_weeks_across_new_year_are_whole(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    start = datetime(2023, 6, 5, tzinfo=UTC)
    async with make_connector(gateway.port) as ib:
        cut = await ib.history.download("AAPL", start=start, end=AUTUMN, bar_size="1 week")
        whole = await ib.get_historical_data(
            "AAPL", duration="4 Y", end=AUTUMN + timedelta(days=7), bar_size="1 week"
        )
    assert cut.series.columns == whole.columns.between(start, AUTUMN)


async def test_one_answer_without_data_is_no_week_without_trading(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    start = AUTUMN - timedelta(days=21)
    wish: dict[str, Any] = {"start": start, "end": AUTUMN, "bar_size": "5 mins", "at_once": 1}
    sick = "Historical Market Data Service error message:HMDS query returned no data: AAPL"
    gateway.do(lambda sim: sim.inject(Answer(to="ReqHistoricalData", code=162, text=sick, times=1)))
    async with make_connector(gateway.port, retry_max_attempts=1) as ib:
        first = await ib.history.download("AAPL", **wish)
        again = await ib.history.download("AAPL", **wish)
        third = await ib.history.download("AAPL", **wish)
    assert first.gaps
    assert len(first.series) < len(again.series)
    assert (again.gaps, again.requests, third.requests) == ((), 1, 0)


async def test_a_week_without_a_session_is_known_to_be_empty(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(sessions=True)
    # from Christmas Eve's end to the next opening, on a weekend
    start, end = datetime(2025, 12, 27, tzinfo=UTC), datetime(2025, 12, 28, 23, tzinfo=UTC)
    sick = "Historical Market Data Service error message:HMDS query returned no data: AAPL"
    gateway.do(lambda sim: sim.inject(Answer(to="ReqHistoricalData", code=162, text=sick, times=1)))
    async with make_connector(gateway.port, retry_max_attempts=1) as ib:
        with pytest.raises(NoDataError):
            await ib.history.download("AAPL", start=start, end=end, bar_size="5 mins")
        (known,) = await ib.history.coverage("AAPL", bar_size="5 mins")
    assert (known.start, known.end) == (start, end)


async def test_bars_that_the_gateway_leaves_out_are_named(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        first = await ib.history.download(
            "AAPL", start=AUTUMN - timedelta(days=14), end=AUTUMN, bar_size="30 mins"
        )
        # a stretch that was lost on the disk, and is still taken for known
        key = await ib.history._do(lambda desk: desk.key_of(_wish({"bar_size": "30 mins"})))
        store = ib.history.store
        hole = first.series.bars[20].timestamp, first.series.bars[24].timestamp
        whole, known = store.read(key), store.coverage(key)
        store.forget(key)
        parts = [whole.between(SPRING, hole[0]), whole.between(hole[1], AUTUMN)]
        store.add(key, type(whole).merged(parts), known=known)
        (gap,) = await ib.history.gaps("AAPL", bar_size="30 mins")
    assert (gap.start, gap.end, gap.kind, gap.missing) == (*hole, GapKind.HOLE, 4)


def _wish(wish: dict[str, Any]) -> HistoryWish:
    return HistoryWish(contract="AAPL", **wish)


@pytest.mark.usefixtures("november_each")
async def test_times_before_history_began_are_not_asked_for(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        head = await ib.history.head_timestamp("ES 202612")
        end = datetime(head.year + 1, 1, 1, tzinfo=UTC)
        start = head - timedelta(days=3_650)
        wish: dict[str, Any] = {"start": start, "end": end, "bar_size": "1 day", "stored": True}
        first = await ib.get_historical_data("ES 202612", **wish)
        again = await ib.get_historical_data("ES 202612", **wish)
        known = await ib.history.coverage("ES 202612", bar_size="1 day")
    assert head.tzinfo is UTC
    assert first == again
    assert first.bars[0].timestamp.date() >= head.date()
    assert [(one.start.year, one.end) for one in known] == [(start.year, end)]
    assert len(requests(gateway)) == 1
    assert len(asked(gateway, "ReqHeadTimestamp")) == len(asked(gateway, "CancelHeadTimestamp"))


async def test_what_comes_up_to_now_only_is_one_request_or_refused(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        start = SystemClock().utcnow() - timedelta(days=700)
        series = await ib.get_historical_data(
            "AAPL", start=start, bar_size="1 day", what_to_show="ADJUSTED_LAST"
        )
        with pytest.raises(HistoricalDataError, match="too long"):
            await ib.get_historical_data(
                "AAPL", start=start, bar_size="1 min", what_to_show="ADJUSTED_LAST"
            )
    assert len(series) > 470
    assert requests(gateway) == [("", "2 Y")]


async def test_adjusted_prices_are_stored_and_replaced_when_a_split_changes_the_past(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    now = SystemClock().utcnow()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    wish: dict[str, Any] = {"bar_size": "1 day", "what_to_show": "ADJUSTED_LAST"}
    async with make_connector(gateway.port) as ib:
        await ib.history.download("AAPL", start=today - timedelta(days=300), bar_size="1 day")
        first = await ib.history.download("AAPL", start=today - timedelta(days=300), **wish)
        short = await ib.history.download("AAPL", start=today - timedelta(days=200), **wish)
        # what had been stored before a split four to one
        store, key = ib.history.store, await ib.history._do(lambda desk: desk.key_of(_wish(wish)))
        old, known = store.read(key), store.coverage(key)
        for column in (old.open, old.high, old.low, old.close):
            column[:] = type(column)("d", [price * 4 for price in column])
        store.replace(key, old, known=known)
        after = await ib.history.download("AAPL", start=today - timedelta(days=200), **wish)
        stored = await ib.history.read("AAPL", **wish)
        longer = await ib.history.download("AAPL", start=today - timedelta(days=600), **wish)
        by_key = await ib.history.stored()
    assert (first.requests, first.stored_bars, first.splits) == (1, 0, ())
    # some days are asked for again, to see that they are the same
    assert (short.requests, short.splits) == (1, ())
    assert short.series.columns == first.series.columns.between(today - timedelta(days=200), now)
    (note,) = after.splits
    assert (note.kind, note.ratio) == (SplitKind.ADJUSTED, Decimal(4))
    assert after.requests == 2
    assert after.series.columns == short.series.columns
    assert stored.bars[0] == first.series.bars[0]
    # an earlier beginning is another request, which brings all of it
    assert longer.requests == 1
    assert longer.series.columns.between(today - timedelta(days=300), now) == first.series.columns
    assert sorted(one.what_to_show for one in by_key) == ["ADJUSTED_LAST", "TRADES"]
    assert {end for end, duration in requests(gateway) if duration != "1 Y"} == {""}


@pytest.mark.usefixtures("november_each")
async def test_a_continuous_future_and_a_combination_are_stored_under_numbers_of_their_own(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    front = Contract(symbol="ES", security_type=SecurityType.CONTINUOUS_FUTURE, exchange="CME")
    spread = "ES 202703 - ES 202612"
    wish: dict[str, Any] = {
        "start": SystemClock().utcnow().replace(minute=0, second=0, microsecond=0)
        - timedelta(days=20),
        "bar_size": "1 hour",
        "what_to_show": "TRADES",
    }
    async with make_connector(gateway.port) as ib:
        number = (await ib.instruments.resolve(front)).con_id
        first = await ib.history.download(front, **wish)
        again = await ib.history.download(front, **wish)
        legs = await ib.history.download(spread, **{**wish, "what_to_show": "MIDPOINT"})
        twice = await ib.history.download(spread, **{**wish, "what_to_show": "MIDPOINT"})
        turned = await ib.history.coverage(
            "ES 202612 - ES 202703", bar_size="1 hour", what_to_show="MIDPOINT"
        )
        stored = await ib.history.stored()
        read = await ib.history.read(front, bar_size="1 hour", what_to_show="TRADES")
    assert len(again.series) >= len(first.series) > 100
    assert again.stored_bars > 100
    assert again.splits == ()
    last = read.bars[-1].timestamp + timedelta(seconds=1)
    assert read.columns == again.series.columns.between(wish["start"], last)
    assert twice.stored_bars > len(legs.series) - 10
    assert twice.requests == 1
    assert turned == ()
    # the contract that is in front has the same number at IB as the continuous future
    assert number is not None
    assert all(one.con_id < 0 for one in stored)
    assert len({one.con_id for one in stored}) == 2


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"start": AUTUMN, "end": SPRING}, "holds nothing"),
        ({"start": datetime(2026, 1, 1)}, "names no zone"),  # noqa: DTZ001
        ({"duration": "5 moons"}, "not a duration"),
        ({"duration": "200 Y"}, "at most 68 years"),
    ],
)
async def test_a_span_that_makes_no_sense_is_refused_before_anything_is_sent(
    wish: dict[str, Any], words: str, gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        with pytest.raises(HistoricalDataError) as caught:
            await ib.history.download("AAPL", **wish)
    assert words in f"{caught.value} {caught.value.hint}"
    assert asked(gateway, "ReqHistoricalData") == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"start": datetime(2026, 1, 1)}, "names no zone"),  # noqa: DTZ001
        ({"start": date(2026, 1, 1)}, "is no time"),
        ({"barsize": "1 min"}, "no argument is called barsize"),
    ],
)
async def test_questions_to_the_store_that_make_no_sense_are_refused_with_words(
    wish: dict[str, Any], words: str, gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        for ask in (ib.history.read, ib.history.coverage, ib.history.gaps, ib.history.forget):
            with pytest.raises(HistoricalDataError, match=words):
                await ask("AAPL", **wish)


async def test_a_disk_that_cannot_be_used_is_an_error_that_says_so(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        folder = ib.history.store.root / "bars"
        folder.mkdir(parents=True)
        number = (await ib.instruments.resolve("MSFT")).con_id
        (folder / f"con_id={number}").write_text("a file in the way")
        with pytest.raises(HistoricalDataError, match="the store of history cannot be used"):
            await ib.history.download("MSFT", duration="2 D", bar_size="1 hour")


PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime
from ibkr_connector import IBKRConnector, Settings

async def main():
    settings = Settings.load(port=int(sys.argv[1]), state_dir=sys.argv[2], client_id=77)
    async with IBKRConnector.create(settings) as ib:
        found = await ib.history.download(
            "AAPL", start=datetime(2025, 9, 1, tzinfo=UTC), end=datetime(2026, 9, 1, tzinfo=UTC),
            bar_size="1 min", at_once=1, progress=lambda told: print(told.done, flush=True))
        print("whole", len(found.series), len(found.gaps), found.stored_bars, flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "soak", reason="a year of minutes takes a minute"
)
@pytest.mark.timeout(300)
def test_a_year_of_minutes_survives_two_kills_of_its_process(
    make_ibkr_gateway: Gateways, tmp_path: Path
) -> None:
    gateway = make_ibkr_gateway(sessions=True, permissions=Permissions(historical_pacing=True))
    answers: list[tuple[str, str]] = []
    for killed_after in (11, 17, None):
        before = len(requests(gateway))
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(gateway.port), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            done = 0
            for line in process.stdout:
                if line.startswith("whole"):
                    _, bars, gaps, stored = line.split()
                    break
                done = int(line)
                if killed_after is not None and done >= killed_after:
                    process.send_signal(signal.SIGKILL)
                    break
            process.wait()
        # the one that was open when the process died was not answered to anybody
        answers += requests(gateway)[before : before + done]
    assert len(answers) == len(set(answers)) == 53
    assert 97_000 < int(bars) < 99_000
    assert int(gaps) == 0
    assert int(stored) > 30_000


async def test_an_answer_that_is_young_enough_is_given_again(
    gateway: HostedSimulator, make_connector: Make
) -> None:
    async with make_connector(gateway.port) as ib:
        first = await ib.get_market_data("AAPL", bar_size="5 mins")
        again = await ib.get_market_data("AAPL", bar_size="5 mins", max_age_s=60)
        fresh = await ib.get_market_data("AAPL", bar_size="5 mins")
    assert 0 < again.age_s < 60
    assert again.series == first.series
    assert fresh.age_s == 0
    assert len(requests(gateway)) == 2


async def test_trades_become_bars_that_know_of_a_lost_connection(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(60.0))
    made: list[MadeBar] = []
    async with make_connector(gateway.port) as ib, ib.stream_trades("AAPL") as trades:
        async for bar in aggregated(trades, TickBars(5)):
            made.append(bar)
            if len(made) == 2:
                gateway.do(lambda sim: sim.cut())
            if len(made) > 2 and made[-1].is_whole:
                break
    assert [bar.bar.trade_count for bar in made] == [5] * len(made)
    assert made[0].is_whole
    assert sum(not bar.is_whole for bar in made) == 1
    (lost,) = next(bar.gaps for bar in made if not bar.is_whole)
    assert lost.reason is GapReason.CONNECTION_LOST


async def test_bars_of_the_stream_keep_a_window_current(
    make_ibkr_gateway: Gateways, make_connector: Make
) -> None:
    gateway = make_ibkr_gateway(clock=busy(120.0))
    windows = RollingWindows(10)
    async with (
        make_connector(gateway.port) as ib,
        ib.stream_bars("AAPL", bar_size="1 min", duration="1800 S") as bars,
    ):
        async for update in bars:
            if isinstance(update, BarUpdate):
                windows.take("AAPL", update.bar)
                if len(windows["AAPL"]) == 10 and not update.is_final:
                    break
    window = windows["AAPL"]
    steps = (window.timestamp[1:] - window.timestamp[:-1]).astype(int)
    assert set(steps) == {60_000_000}
    assert window.session_high >= window.high.max()


async def test_what_is_downloaded_is_drawn(
    gateway: HostedSimulator, make_connector: Make, tmp_path: Path
) -> None:
    async with make_connector(gateway.port) as ib:
        series = await ib.get_historical_data("AAPL", duration="5 D", bar_size="30 mins")
    path = save_candles(series, tmp_path / "aapl.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
