"""What comes over a line into what readers get."""

from __future__ import annotations

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
from ibkr_connector.model.streams import BarUpdate, DepthBook

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


def content(kind: StreamKind) -> Content:
    return content_of(StreamRequest(kind=kind, contract=stock("AAPL"), bar_size="1 min", rows=3))


def bar(minute: int, close: str = "10") -> Bar:
    price = Decimal(close)
    return Bar(
        timestamp=NOW + timedelta(minutes=minute), open=price, high=price, low=price, close=price
    )


def told(of: Content, *items: StreamItem) -> list[Streamed]:
    found: list[Streamed] = []
    for item in items:
        of.take(item, found.append)
    return found


def shapes(records: list[Streamed]) -> list[tuple[int, str, bool]]:
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
    records: list[Streamed] = []
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
    depth, records = content(StreamKind.DEPTH), list[Streamed]()
    for change in (insert(0, "10"), insert(0, "11"), insert(2, "9")):
        depth.take(change, records.append)
    assert records == []
    depth.flush(NOW, records.append)
    (book,) = records
    assert isinstance(book, DepthBook)
    assert [str(row.price) for row in book.bids] == ["11", "10", "9"]
    assert list(depth.current()) == [book]


def test_a_book_out_of_order_for_a_moment_is_held_back_and_for_longer_is_broken() -> None:
    depth, records = content(StreamKind.DEPTH), list[Streamed]()
    told(depth, insert(0, "10"), insert(1, "11"))
    depth.flush(NOW, records.append)
    assert records == []
    with pytest.raises(BrokenBook):
        depth.flush(NOW + timedelta(seconds=3), records.append)
    depth.restart()
    told(depth, insert(0, "10"))
    depth.flush(NOW, records.append)
    assert len(records) == 1
