"""What comes over a line into what readers get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.stream_port import (
    BarBacklog,
    BarChange,
    DepthChange,
    DepthOperation,
    StreamItem,
    StreamKind,
    StreamRequest,
)
from ibkr_connector.market.book import BrokenBook
from ibkr_connector.market.content import Content, Streamed, content_of
from ibkr_connector.model.contracts import stock
from ibkr_connector.model.market import Bar, DataType, Quote
from ibkr_connector.model.streams import BarUpdate, DepthBook, Gap, GapReason

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def content(kind: StreamKind) -> Content:
    return content_of(StreamRequest(kind=kind, contract=stock("AAPL"), bar_size="1 min", rows=3))


def bar(minute: int, close: str = "10") -> Bar:
    price = Decimal(close)
    return Bar(
        timestamp=NOW + timedelta(minutes=minute), open=price, high=price, low=price, close=price
    )


def told(of: Content, *items: StreamItem) -> list[Streamed | Gap]:
    found: list[Streamed | Gap] = []
    for item in items:
        of.take(item, found.append)
    return found


def shapes(records: Sequence[Streamed | Gap]) -> list[tuple[int, str, bool]]:
    return [
        (
            int((one.bar.timestamp - NOW).total_seconds() // 60),
            str(one.bar.close),
            one.is_final,
        )
        for one in records
        if isinstance(one, BarUpdate)
    ]


def test_a_bar_is_final_when_the_next_one_has_come() -> None:
    bars = content(StreamKind.BARS)
    records = told(
        bars,
        BarBacklog(bars=(bar(0), bar(1))),
        BarChange(bar=bar(1, "11")),
        BarChange(bar=bar(2, "12")),
    )
    assert shapes(records) == [
        (0, "10", True),
        (1, "10", False),
        (1, "11", False),
        (1, "11", True),
        (2, "12", False),
    ]


def test_history_that_comes_again_fills_the_gap_and_repeats_nothing() -> None:
    bars = content(StreamKind.BARS)
    told(bars, BarBacklog(bars=(bar(0), bar(1))))
    bars.restart()
    records = told(bars, BarBacklog(bars=tuple(bar(minute) for minute in range(5))))
    assert shapes(records) == [(1, "10", True), (2, "10", True), (3, "10", True), (4, "10", False)]


def test_a_late_reader_of_bars_gets_the_whole_series_first() -> None:
    bars = content(StreamKind.BARS)
    told(bars, BarBacklog(bars=(bar(0), bar(1), bar(2))))
    assert shapes(list(bars.current())) == [(0, "10", True), (1, "10", True), (2, "10", False)]


@given(st.lists(st.lists(st.integers(0, 8), max_size=5), max_size=8))
def test_final_bars_come_once_each_and_in_order_whatever_comes(backlogs: list[list[int]]) -> None:
    bars = content(StreamKind.BARS)
    records: list[Streamed | Gap] = []
    for minutes in backlogs:
        bars.take(BarBacklog(bars=tuple(bar(one) for one in sorted(minutes))), records.append)
    finals = [minute for minute, _, is_final in shapes(records) if is_final]
    assert finals == sorted(set(finals))


def test_five_second_bars_are_final_at_once_and_old_ones_are_not_repeated() -> None:
    bars = content(StreamKind.FIVE_SECONDS)
    assert shapes(told(bars, BarChange(bar=bar(0)))) == [(0, "10", True)]
    assert list(bars.current()) == []


def test_a_late_reader_of_quotes_gets_no_quote_of_a_line_that_was_lost() -> None:
    quotes = content(StreamKind.QUOTES)
    quote = Quote(contract=stock("AAPL"), timestamp=NOW, data_type=DataType.LIVE)
    assert told(quotes, quote) == [quote]
    assert list(quotes.current()) == [quote]
    quotes.restart()
    assert list(quotes.current()) == []


def insert(at: int, price: str) -> DepthChange:
    return DepthChange(
        position=at,
        operation=DepthOperation.INSERT,
        is_bid=True,
        price=Decimal(price),
        size=Decimal(1),
    )


def test_a_book_is_told_once_for_all_that_came_together() -> None:
    depth, records = content(StreamKind.DEPTH), list[Streamed | Gap]()
    for change in (insert(0, "10"), insert(0, "11"), insert(2, "9")):
        depth.take(change, records.append)
    assert records == []
    depth.flush(NOW, records.append)
    (book,) = records
    assert isinstance(book, DepthBook)
    assert [str(row.price) for row in book.bids] == ["11", "10", "9"]
    assert list(depth.current()) == [book]


def test_a_book_out_of_order_for_a_moment_is_held_back_and_for_longer_is_broken() -> None:
    depth, records = content(StreamKind.DEPTH), list[Streamed | Gap]()
    told(depth, insert(0, "10"), insert(1, "11"))
    depth.flush(NOW, records.append)
    assert records == []
    with pytest.raises(BrokenBook):
        depth.flush(NOW + timedelta(seconds=3), records.append)
    depth.restart()
    told(depth, insert(0, "10"))
    depth.flush(NOW, records.append)
    assert len(records) == 1


def crossing(price: str) -> tuple[DepthChange, DepthChange]:
    """Return the changes that make a book of a bid at 10 and an ask at a price."""
    ask = DepthChange(
        position=0,
        operation=DepthOperation.INSERT,
        is_bid=False,
        price=Decimal(price),
        size=Decimal(1),
    )
    return insert(0, "10"), ask


def shown(of: Content, seconds: float) -> None:
    of.flush(NOW + timedelta(seconds=seconds), lambda _: None)


def test_a_book_that_stays_crossed_is_broken_once_and_then_believed() -> None:
    depth = content(StreamKind.DEPTH)
    told(depth, *crossing("9"))
    for seconds in (0.0, 5.0, 10.0):
        shown(depth, seconds)
    with pytest.raises(BrokenBook, match="10 stays above the ask 9"):
        shown(depth, 10.5)
    depth.restart()
    for change in crossing("9"):
        told(depth, change)
        shown(depth, 11.0)
    shown(depth, 60.0)
    # it is whole again, and is watched again
    depth.restart()
    told(depth, *crossing("11"))
    shown(depth, 61.0)
    depth.restart()
    told(depth, *crossing("9"))
    shown(depth, 62.0)
    with pytest.raises(BrokenBook):
        shown(depth, 73.0)


def test_a_book_of_many_exchanges_may_stay_crossed() -> None:
    request = StreamRequest(kind=StreamKind.DEPTH, contract=stock("AAPL"), rows=3, smart_depth=True)
    depth = content_of(request)
    told(depth, *crossing("9"))
    shown(depth, 0.0)
    shown(depth, 3600.0)


def backlog(*minutes: int) -> BarBacklog:
    return BarBacklog(bars=tuple(map(bar, minutes)))


def test_bars_that_the_history_after_a_gap_does_not_reach_are_told_as_a_gap() -> None:
    bars = content(StreamKind.BARS)
    told(bars, backlog(0, 1, 2))
    bars.restart()
    gap, *rest = told(bars, backlog(30, 31, 32))
    assert gap == Gap(
        contract=stock("AAPL"),
        reason=GapReason.NOT_FILLED,
        start=NOW + timedelta(minutes=2),
        end=NOW + timedelta(minutes=30),
    )
    # the bar that grew before has ended nobody knows how, and is final for nobody
    assert shapes(rest) == [(30, "10", True), (31, "10", True), (32, "10", False)]
    assert [minute for minute, _, _ in shapes(list(bars.current()))] == [30, 31, 32]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_history_that_reaches_back_to_the_last_bar_leaves_no_gap(first: int) -> None:
    bars = content(StreamKind.BARS)
    told(bars, backlog(0, 1, 2))
    bars.restart()
    records = told(bars, backlog(*range(first, 6)))
    assert not any(isinstance(one, Gap) for one in records)
    assert [minute for minute, _, final in shapes(records) if final] == [2, 3, 4]


def test_bars_that_come_without_any_history_after_a_gap_have_one_too() -> None:
    bars = content(StreamKind.BARS)
    told(bars, backlog(0, 1))
    bars.restart()
    assert not any(isinstance(one, Gap) for one in told(bars, backlog()))
    gap, grown = told(bars, BarChange(bar=bar(9)))
    assert isinstance(gap, Gap)
    assert shapes([grown]) == [(9, "10", False)]
    assert shapes(told(bars, BarChange(bar=bar(10)))) == [(9, "10", True), (10, "10", False)]
