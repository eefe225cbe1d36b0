"""An order book, row by row."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.gateway.stream_port import DepthChange, DepthOperation
from ibkr_connector.market.book import Book, BrokenBook

INSERT, UPDATE, DELETE = DepthOperation


def change(
    operation: DepthOperation, at: int, price: str | None = None, size: int = 1
) -> DepthChange:
    return DepthChange(
        position=at,
        operation=operation,
        is_bid=True,
        price=None if price is None else Decimal(price),
        size=Decimal(size),
    )


def prices(book: Book) -> list[str]:
    return [str(row.price) for row in book.bids]


def test_rows_are_inserted_changed_and_deleted_by_position() -> None:
    book = Book(5)
    for step in (
        change(INSERT, 0, "10"),
        change(INSERT, 0, "11"),
        change(INSERT, 1, "10.5"),
        change(UPDATE, 1, "10.4", 7),
        change(DELETE, 0),
    ):
        book.apply(step)
    assert prices(book) == ["10.4", "10"]
    assert book.bids[0].size == 7
    assert book.asks == ()


def test_a_row_that_is_pushed_out_at_the_bottom_is_gone() -> None:
    book = Book(2)
    for price in ("10", "11", "12"):
        book.apply(change(INSERT, 0, price))
    assert prices(book) == ["12", "11"]


@pytest.mark.parametrize(
    "bad",
    [change(UPDATE, 0, "10"), change(DELETE, 0), change(INSERT, 1, "10"), change(INSERT, 0)],
)
def test_a_change_that_does_not_fit_breaks_the_book(bad: DepthChange) -> None:
    with pytest.raises(BrokenBook):
        Book(5).apply(bad)


def test_a_side_out_of_order_is_noticed() -> None:
    book = Book(5)
    book.apply(change(INSERT, 0, "10"))
    book.apply(change(INSERT, 1, "11"))
    with pytest.raises(BrokenBook, match="out of order"):
        book.check()


def test_negative_prices_and_a_missing_size_are_legal() -> None:
    book = Book(5)
    book.apply(
        DepthChange(position=0, operation=INSERT, is_bid=False, price=Decimal("-1.5"), size=None)
    )
    assert (book.asks[0].price, book.asks[0].size) == (Decimal("-1.5"), Decimal(0))


@given(st.lists(st.tuples(st.sampled_from(list(DepthOperation)), st.integers(0, 6)), max_size=60))
def test_a_book_is_never_longer_than_its_rows_whatever_comes(
    steps: list[tuple[DepthOperation, int]],
) -> None:
    book, kept = Book(5), 0
    for operation, at in steps:
        try:
            book.apply(change(operation, at, "10"))
        except BrokenBook:
            assert at >= kept
        else:
            kept = min(5, kept + {INSERT: 1, UPDATE: 0, DELETE: -1}[operation])
        assert len(book.bids) == kept
