"""Long downloads on virtual time: paced, resumed, nothing twice, and never shorter in silence."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_connector.errors import (
    ConnectionLostError,
    HistoricalDataError,
    IBKRError,
    MarketDataPermissionError,
    NoDataError,
)
from ibkr_connector.market.bar_store import BarStore, SeriesKey
from ibkr_connector.market.chunks import BAR_S, start_of_duration
from ibkr_connector.market.download import Downloaded, Downloader
from ibkr_connector.market.intervals import Span, common
from ibkr_connector.model.bars import BarColumns, micros, moment
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.history import DownloadProgress, SplitKind
from ibkr_connector.model.ids import ConId
from ibkr_connector.model.market import BarSeries
from ibkr_connector.resilience.pipeline import Pipeline, PipelineTuning
from kit.fake_clock import EPOCH, FakeClock
from kit.quiet import settled

AAPL = Contract(symbol="AAPL", con_id=ConId(1))
YEAR = (micros(datetime(2025, 1, 1, tzinfo=UTC)), micros(datetime(2025, 12, 31, tzinfo=UTC)))


def key(bar_size: str, show: str = "TRADES") -> SeriesKey:
    return SeriesKey.of(AAPL, bar_size=bar_size, what_to_show=show, regular_hours_only=True)


class Market:
    """Answers from a list of times; remembers when it was asked for what."""

    def __init__(self, clock: FakeClock, times: array[int], *, scale: float = 1.0) -> None:
        self._clock = clock
        self._times = times
        self.scale = scale
        self.asked: list[tuple[float, str, datetime | None]] = []
        self.before: Callable[[int], None] = lambda number: None
        self.answer_s = 0.0

    async def bars(
        self,
        contract: Contract,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str,
        end: datetime | None = None,
        regular_hours_only: bool = True,
    ) -> BarSeries:
        del regular_hours_only
        self.asked.append((self._clock.monotonic(), duration, end))
        if self.answer_s:
            await self._clock.sleep(self.answer_s)
        self.before(len(self.asked))
        until = end or self._clock.utcnow()
        first = bisect_left(self._times, micros(start_of_duration(duration, until)))
        times = self._times[first : bisect_left(self._times, micros(until))]
        if not times:
            raise NoDataError("HMDS query returned no data")
        prices = array("d", [100.0 * self.scale] * len(times))
        columns = BarColumns(
            timestamp=times,
            open=prices,
            high=prices,
            low=prices,
            close=prices,
            volume=prices,
            average=prices,
            trade_count=array("q", [1] * len(times)),
        )
        return BarSeries.of_columns(
            columns, contract=contract, bar_size=bar_size, what_to_show=what_to_show
        )


def weekdays(span: Span, bar_size: str, *, open_s: int, hours: float) -> array[int]:
    """Return the bars of every weekday, from so many seconds after midnight UTC on."""
    times = array("q")
    day = moment(span[0]).replace(hour=0, minute=0, second=0, microsecond=0)
    step = BAR_S[bar_size] * 1_000_000
    while micros(day) < span[1]:
        if day.weekday() < 5:
            begin = micros(day) + open_s * 1_000_000
            times.extend(range(begin, begin + int(hours * 3_600_000_000), step))
        day += timedelta(days=1)
    return times


class Rig:
    """A downloader on virtual time before a market of a year of weekdays."""

    def __init__(self, times: array[int], place: Path | None = None) -> None:
        self.clock = FakeClock()
        self.market = Market(self.clock, times)
        self.pipeline = Pipeline(
            clock=self.clock, tuning=PipelineTuning(retry_max_attempts=1), draw=lambda: 1.0
        )
        self.store = None if place is None else BarStore(place)
        self.told: list[DownloadProgress] = []
        self.waited_for_ready = 0
        self.closed: list[Span] = []

    async def ready(self, at_most_s: float) -> None:
        assert at_most_s > 0
        self.waited_for_ready += 1

    async def believed(self, silent: list[Span]) -> list[Span]:
        return common(silent, self.closed)

    def start(self, bar_size: str, span: Span, show: str = "TRADES") -> asyncio.Task[Downloaded]:
        downloader = Downloader(
            source=self.market, pipeline=self.pipeline, clock=self.clock, ready=self.ready
        )
        return asyncio.create_task(
            downloader.run(
                AAPL,
                key(bar_size, show),
                span=span,
                store=self.store,
                believed=self.believed,
                progress=self.told.append,
            )
        )

    async def finish(self, task: asyncio.Task[Downloaded]) -> Downloaded:
        while not task.done():
            await self.clock.advance(1.0)
            if self.store is not None:
                await settled()  # a thread writes to the disk, in the machine's own time
        return await task


def fullest(moments: list[float], span_s: float) -> int:
    return max(bisect_left(moments, start + span_s) - n for n, start in enumerate(moments))


@pytest.mark.parametrize(("show", "weight"), [("TRADES", 1), ("BID_ASK", 2)])
async def test_small_bars_keep_every_limit_on_the_virtual_clock(show: str, weight: int) -> None:
    span = (micros(EPOCH) - 12 * 86_400_000_000, micros(EPOCH) - 2 * 86_400_000_000)
    rig = Rig(weekdays(span, "5 secs", open_s=52_200, hours=6.5))
    found = await rig.finish(rig.start("5 secs", span, show))
    assert found.requests == len(rig.market.asked) > 200
    moments = [at for at, _, _ in rig.market.asked]
    assert fullest(moments, 600.0) * weight <= 60
    assert fullest(moments, 2.0) * weight < 6
    assert len({end for _, _, end in rig.market.asked}) == len(moments)
    # and no slower than the limits ask for
    assert moments[-1] < (len(moments) * weight / 60 + 1) * 610
    assert rig.told[-1].done == rig.told[-1].total


async def test_a_year_of_minutes_killed_twice_asks_nothing_twice_and_holds_no_bar_twice(
    tmp_path: Path,
) -> None:
    times = weekdays(YEAR, "1 min", open_s=52_200, hours=6.5)
    rig = Rig(times, tmp_path)
    rig.market.answer_s = 0.5
    for killed_after in (17, 36):
        task = rig.start("1 min", YEAR)
        while len(rig.market.asked) < killed_after:
            await rig.clock.advance(0.25)
            await settled()
        task.cancel()
        await asyncio.wait([task])
        assert rig.told[-1].done >= killed_after // 4
        known = BarStore(tmp_path).coverage(key("1 min"))
        # questions that were open when it was killed have brought nothing, and are asked again
        rig.market.asked = [one for one in rig.market.asked if _is_known(one[2], known)]
    found = await rig.finish(rig.start("1 min", YEAR))
    ends = [end for _, _, end in rig.market.asked]
    assert len(ends) == len(set(ends)) == 53
    whole = BarColumns.merged(found.parts)
    assert len(whole) == len(times) > 98_000
    assert whole.timestamp == times
    assert found.stored_bars > 30_000
    assert BarStore(tmp_path).coverage(key("1 min")) == [YEAR]


def _is_known(end: datetime | None, known: list[Span]) -> bool:
    assert end is not None
    last = min(micros(end), YEAR[1]) - 1
    return any(start <= last < until for start, until in known)


MONTHS = (micros(datetime(2025, 1, 1, tzinfo=UTC)), micros(datetime(2025, 7, 1, tzinfo=UTC)))


def hourly(place: Path | None = None) -> Rig:
    return Rig(weekdays(MONTHS, "1 hour", open_s=52_200, hours=6), place)


async def test_a_second_download_asks_for_nothing(tmp_path: Path) -> None:
    rig = hourly(tmp_path)
    first = await rig.finish(rig.start("1 hour", MONTHS))
    again = await rig.finish(rig.start("1 hour", MONTHS))
    assert (first.requests, again.requests) == (6, 0)
    assert BarColumns.merged(first.parts) == BarColumns.merged(again.parts)
    assert again.stored_bars == first.bars
    assert rig.told[-1].total == 0


async def test_times_that_turned_out_empty_are_not_asked_for_again(tmp_path: Path) -> None:
    rig = Rig(array("q"), tmp_path)
    rig.closed = [MONTHS]
    first = await rig.finish(rig.start("1 hour", MONTHS))
    again = await rig.finish(rig.start("1 hour", MONTHS))
    assert (first.requests, again.requests) == (6, 0)


async def test_a_time_without_an_answer_is_known_only_where_the_calendar_agrees(
    tmp_path: Path,
) -> None:
    rig = hourly(tmp_path)

    def sick(number: int) -> None:
        if number == 3:
            raise NoDataError("HMDS query returned no data")

    rig.market.before = sick
    first = await rig.finish(rig.start("1 hour", MONTHS))
    again = await rig.finish(rig.start("1 hour", MONTHS))
    # what was left out is asked for once more, and then nothing is
    third = await rig.finish(rig.start("1 hour", MONTHS))
    assert (first.requests, again.requests, third.requests) == (6, 1, 0)
    whole = weekdays(MONTHS, "1 hour", open_s=52_200, hours=6)
    assert len(BarColumns.merged(first.parts)) < len(whole)
    assert BarColumns.merged(again.parts).timestamp == whole


async def test_the_newest_bar_of_data_that_lag_is_not_kept(tmp_path: Path) -> None:
    now = micros(EPOCH)
    lag = 15 * 60_000_000 + 30_000_000
    span = (now - 86_400_000_000, now)
    rig = Rig(array("q", range(span[0], now - lag, 60_000_000)), tmp_path)
    found = await rig.finish(rig.start("1 min", span))
    newest = BarColumns.merged(found.parts).timestamp[-1]
    # of its sixty seconds thirty were told, though it ended fourteen minutes ago
    assert newest + 60_000_000 < now
    ((_, known_until),) = BarStore(tmp_path).coverage(key("1 min"))
    assert known_until == newest
    assert BarStore(tmp_path).read(key("1 min")).timestamp[-1] == newest - 60_000_000


@pytest.mark.parametrize("bar_size", ["1 day", "1 week"])
async def test_a_day_is_not_kept_before_it_is_two_days_old(bar_size: str, tmp_path: Path) -> None:
    now = micros(EPOCH) // 86_400_000_000 * 86_400_000_000
    step = BAR_S[bar_size] * 1_000_000
    times = array("q", range(now - 20 * step, now + 1, step))
    rig = Rig(times, tmp_path)
    span = (times[0], micros(rig.clock.utcnow()))
    found = await rig.finish(rig.start(bar_size, span))
    assert BarColumns.merged(found.parts).timestamp[-1] == times[-1]
    stored = BarStore(tmp_path).read(key(bar_size)).timestamp
    assert stored[-1] + step + 2 * 86_400_000_000 <= micros(rig.clock.utcnow())


async def test_what_may_still_change_is_told_and_asked_for_again(tmp_path: Path) -> None:
    now = micros(EPOCH)
    span = (now - 5 * 86_400_000_000, now)
    rig = Rig(array("q", range(span[0], now + 3_600_000_000, 60_000_000)), tmp_path)
    await rig.clock.advance(30.0)
    span = (span[0], micros(rig.clock.utcnow()))
    found = await rig.finish(rig.start("1 min", span))
    whole = BarColumns.merged(found.parts)
    # the bar that is half a minute old is there, and not kept
    assert whole.timestamp[-1] == now
    assert BarStore(tmp_path).read(key("1 min")).timestamp[-1] == now - 60_000_000
    again = await rig.finish(rig.start("1 min", span))
    assert again.requests == 1
    assert BarColumns.merged(again.parts).timestamp == whole.timestamp


async def test_a_lost_connection_is_waited_for(tmp_path: Path) -> None:
    rig = hourly(tmp_path)

    def lose(number: int) -> None:
        if number in {2, 3}:
            raise ConnectionLostError("the socket ended")

    rig.market.before = lose
    found = await rig.finish(rig.start("1 hour", MONTHS))
    assert found.requests == 6
    assert rig.waited_for_ready == 2


async def test_a_connection_that_never_holds_ends_it_with_a_note(tmp_path: Path) -> None:
    rig = hourly(tmp_path)

    def lose(number: int) -> None:
        if number > 2:
            raise ConnectionLostError("the socket ended")

    rig.market.before = lose
    with pytest.raises(IBKRError) as caught:
        await rig.finish(rig.start("1 hour", MONTHS))
    assert "2 of 6 answers are stored" in caught.value.__notes__[-1]
    rig.market.before = lambda number: None
    rig.pipeline.reset_breakers()
    assert (await rig.finish(rig.start("1 hour", MONTHS))).requests == 4


@pytest.mark.parametrize("kind", [MarketDataPermissionError, HistoricalDataError])
async def test_a_refusal_is_never_a_shorter_series(kind: type[IBKRError]) -> None:
    rig = hourly()

    def refuse(number: int) -> None:
        if number == 4:
            raise kind("no")

    rig.market.before = refuse
    with pytest.raises(kind) as caught:
        await rig.finish(rig.start("1 hour", MONTHS))
    assert "of 6 answers are lost" in caught.value.__notes__[-1]


async def test_a_second_download_of_the_same_bars_waits_for_the_first(tmp_path: Path) -> None:
    rig = hourly(tmp_path)
    rig.market.answer_s = 1.0
    first, second = rig.start("1 hour", MONTHS), rig.start("1 hour", MONTHS)
    await rig.finish(first)
    found = await rig.finish(second)
    assert len(rig.market.asked) == 6
    assert found.stored_bars == len(BarColumns.merged((await first).parts))
    assert any(told.waits for told in rig.told)


async def test_whoever_looks_on_cannot_end_it(caplog: pytest.LogCaptureFixture) -> None:
    rig = hourly()

    def broken(told: DownloadProgress) -> None:
        raise ValueError(told.done)

    downloader = Downloader(
        source=rig.market, pipeline=rig.pipeline, clock=rig.clock, ready=rig.ready
    )
    task = asyncio.create_task(downloader.run(AAPL, key("1 hour"), span=MONTHS, progress=broken))
    assert (await rig.finish(task)).requests == 6
    assert "progress" in caplog.text


async def test_progress_tells_what_is_left(tmp_path: Path) -> None:
    rig = hourly(tmp_path)
    rig.market.answer_s = 2.0
    await rig.finish(rig.start("1 hour", MONTHS))
    assert [told.done for told in rig.told] == sorted(told.done for told in rig.told)
    assert rig.told[0].eta_s is None
    assert rig.told[-1].eta_s == 0.0
    half = next(told for told in rig.told if told.done == 3)
    assert half.eta_s == pytest.approx(half.elapsed_s)


async def test_stored_bars_in_another_scale_are_noted(tmp_path: Path) -> None:
    rig = hourly(tmp_path)
    half = (MONTHS[0], micros(datetime(2025, 3, 20, tzinfo=UTC)))
    await rig.finish(rig.start("1 hour", half))
    rig.market.scale = 0.25
    found = await rig.finish(rig.start("1 hour", MONTHS))
    (note,) = found.splits
    assert (note.kind, note.ratio) == (SplitKind.RESTATED, Decimal(4))
