"""Bars beside a calendar: half days, DST, sessions through the night, and splits."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_connector.market.gaps import find_gaps, find_jumps, restated, revised
from ibkr_connector.model.bars import BarColumns, micros
from ibkr_connector.model.history import GapKind, Session, SplitKind, TimeSpan

NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
ALWAYS = [TimeSpan(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2040, 1, 1, tzinfo=UTC))]
MINUTE = timedelta(minutes=1)


def columns(times: Iterable[datetime], price: float = 10.0) -> BarColumns:
    stamps = sorted(micros(moment) for moment in times)
    prices = array("d", [price] * len(stamps))
    return BarColumns(
        timestamp=array("q", stamps),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=prices,
        average=prices,
        trade_count=array("q", [1] * len(stamps)),
    )


def stock_session(day: date, close: time = time(16)) -> Session:
    return Session(
        start=datetime.combine(day, time(9, 30), NEW_YORK).astimezone(UTC),
        end=datetime.combine(day, close, NEW_YORK).astimezone(UTC),
        day=day,
    )


def future_session(day: date) -> Session:
    """From five in the evening before to four in the afternoon, in Chicago."""
    return Session(
        start=datetime.combine(day - timedelta(days=1), time(17), CHICAGO).astimezone(UTC),
        end=datetime.combine(day, time(16), CHICAGO).astimezone(UTC),
        day=day,
    )


def every(session: Session, step: timedelta = MINUTE) -> list[datetime]:
    return [
        session.start + number * step for number in range(-((session.start - session.end) // step))
    ]


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(
    st.lists(days, min_size=1, max_size=3, unique=True),
    st.sampled_from((stock_session, future_session)),
    st.sampled_from((1, 5, 30)),
)
@settings(max_examples=25)
def test_whole_sessions_have_no_gap_whatever_the_clocks_do(
    told: list[date], session_of: object, minutes: int
) -> None:
    sessions = [session_of(day) for day in told]  # type: ignore[operator]
    step = timedelta(minutes=minutes)
    bars = columns(moment for one in sessions for moment in every(one, step))
    size = "1 min" if minutes == 1 else f"{minutes} mins"
    assert find_gaps(bars, sessions, bar_size=size, within=ALWAYS) == ()


@given(days, st.sampled_from((stock_session, future_session)), st.data())
@settings(max_examples=25)
def test_what_is_taken_out_is_what_is_missing(
    day: date, session_of: object, data: st.DataObject
) -> None:
    session: Session = session_of(day)  # type: ignore[operator]
    times = every(session)
    gone = data.draw(st.sets(st.sampled_from(times), max_size=6))
    gaps = find_gaps(columns(set(times) - gone), [session], bar_size="1 min", within=ALWAYS)
    assert sum(gap.missing for gap in gaps) == len(gone)
    assert {gap.start + number * MINUTE for gap in gaps for number in range(gap.missing)} == gone
    assert all(gap.kind is GapKind.HOLE for gap in gaps)


def test_a_session_without_a_bar_is_missing_as_a_whole() -> None:
    first, second = stock_session(date(2026, 11, 18)), stock_session(date(2026, 11, 19))
    (gap,) = find_gaps(columns(every(first)), [first, second], bar_size="1 min", within=ALWAYS)
    assert (gap.kind, gap.missing, gap.start, gap.end) == (
        GapKind.SESSION, 390, second.start, second.end,
    )  # fmt: skip


def test_half_a_day_is_a_whole_session() -> None:
    half = stock_session(date(2026, 11, 27), time(13))
    assert find_gaps(columns(every(half)), [half], bar_size="1 min", within=ALWAYS) == ()
    assert len(every(half)) == 210


def test_a_first_bar_that_is_short_is_no_gap() -> None:
    session = stock_session(date(2026, 11, 18))
    # bars of an hour stand on whole hours, and the session begins at half past
    hours = [session.start, *(session.start.replace(hour=h, minute=0) for h in range(15, 21))]
    assert find_gaps(columns(hours), [session], bar_size="1 hour", within=ALWAYS) == ()
    (gap,) = find_gaps(columns(hours[1:]), [session], bar_size="1 hour", within=ALWAYS)
    assert (gap.start, gap.missing) == (session.start, 1)


def test_a_day_without_its_bar_is_missing() -> None:
    week = [stock_session(date(2026, 11, day)) for day in (16, 17, 18)]
    dated = columns(datetime(2026, 11, day, tzinfo=UTC) for day in (16, 18))
    (gap,) = find_gaps(dated, week, bar_size="1 day", within=ALWAYS)
    assert (gap.start, gap.kind) == (week[1].start, GapKind.SESSION)


def test_nothing_is_missing_where_nobody_looked() -> None:
    session = stock_session(date(2026, 11, 18))
    looked = [TimeSpan(start=session.start, end=session.start + 10 * MINUTE)]
    bars = columns(every(session)[:10])
    assert find_gaps(bars, [session], bar_size="1 min", within=looked) == ()
    assert find_gaps(bars, [session], bar_size="1 min", within=[]) == ()
    assert find_gaps(BarColumns(), [session], bar_size="1 week", within=ALWAYS) == ()


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [(400.0, 100.5, "4"), (30.0, 20.1, "1.5"), (2.0, 20.4, "0.1"), (100.0, 94.0, None)],
)
def test_a_jump_by_the_ratio_of_a_split_is_noted(
    before: float, after: float, ratio: str | None
) -> None:
    first, second = stock_session(date(2026, 11, 18)), stock_session(date(2026, 11, 19))
    bars = BarColumns.merged([columns(every(first), before), columns(every(second), after)])
    notes = find_jumps(bars, bar_size="1 min")
    assert [(n.at, n.ratio, n.kind) for n in notes] == (
        [] if ratio is None else [(second.start, Decimal(ratio), SplitKind.JUMP)]
    )


def test_a_fall_within_a_session_is_no_split() -> None:
    session = stock_session(date(2026, 11, 18))
    times = every(session)
    bars = BarColumns.merged([columns(times[:100], 40.0), columns(times[100:], 10.0)])
    assert find_jumps(bars, bar_size="1 min") == ()


def test_stored_bars_that_are_told_in_another_scale_are_noted() -> None:
    times = every(stock_session(date(2026, 11, 18)))
    stored = columns(times, 400.0)
    note = restated(stored, columns(times[50:], 100.0))
    assert note is not None
    assert (note.ratio, note.kind) == (Decimal(4), SplitKind.RESTATED)
    assert restated(stored, columns(times, 400.1)) is None
    assert restated(columns(times[:10], 400.0), columns(times[50:], 100.0)) is None
    # figures that differ, and not by one ratio, are another story
    assert (
        restated(
            columns(times[:2], 400.0),
            BarColumns.merged([columns(times[:1], 100.0), columns(times[1:2], 300.0)]),
        )
        is None
    )


def test_a_dividend_or_one_corrected_bar_says_that_an_adjusted_past_is_another_one() -> None:
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17, 18)]
    stored = columns(days, price=100.0)
    assert revised(stored, columns(days, price=100.0)) is None
    # a dividend of 0.24 on a price of 190
    paid = revised(stored, columns(days, price=100.0 * (1 - 0.24 / 190)))
    assert paid is not None
    assert (paid.at, paid.kind, paid.ratio) == (days[0], SplitKind.ADJUSTED, Decimal("1.001265"))
    low = array("d", [100.0, 99.0, 100.0])
    told = revised(stored, replace(columns(days, price=100.0), low=low))
    assert told is not None
    assert told.at == days[1]
    # what is not in both says nothing
    assert revised(stored, columns([datetime(2026, 11, 19, tzinfo=UTC)], price=1.0)) is None
