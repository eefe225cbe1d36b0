"""The operations of market depth make the old book into the new one, whatever both are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.simulator.dialogue.depth import Row, changes, max_streams

ROWS = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from(["", "ARCA", "BATS"]), st.integers(1, 3)),
    max_size=8,
    unique_by=lambda row: row[:2],
).map(
    lambda rows: [Row(Decimal(price), Decimal(size), maker) for price, maker, size in sorted(rows)]
)
INSERT, UPDATE, DELETE = 0, 1, 2


def applied(book: Sequence[Row], operations: Sequence[tuple[int, int, Row]]) -> list[Row]:
    """Do to a book what a client of the API does."""
    found = list(book)
    for operation, position, row in operations:
        if operation == INSERT:
            found.insert(position, row)
        elif operation == UPDATE:
            found[position] = row
        else:
            del found[position]
    return found


@given(old=ROWS, new=ROWS)
def test_the_changes_of_a_book_done_one_by_one_give_the_new_book(
    old: list[Row], new: list[Row]
) -> None:
    assert new == applied(old, list(changes(old, new)))


@given(old=ROWS, new=ROWS)
def test_they_mean_the_same_to_a_client_whose_inserts_overwrite(
    old: list[Row], new: list[Row]
) -> None:
    book = dict(enumerate(old))
    for operation, position, row in changes(old, new):
        if operation == DELETE:
            del book[position]
        else:
            book[position] = row
    assert dict(enumerate(new)) == book


@given(book=ROWS)
def test_a_book_that_did_not_change_needs_no_operation(book: list[Row]) -> None:
    assert list(changes(book, book)) == []


def test_another_size_is_an_update_in_its_place() -> None:
    old = [Row(Decimal(10), Decimal(1)), Row(Decimal(9), Decimal(1))]
    new = [Row(Decimal(10), Decimal(1)), Row(Decimal(9), Decimal(5))]
    assert [(UPDATE, 1, new[1])] == list(changes(old, new))


def test_a_row_more_is_inserted_at_the_end() -> None:
    old = [Row(Decimal(9), Decimal(1))]
    new = [Row(Decimal(10), Decimal(1)), *old]
    assert [(UPDATE, 0, new[0]), (INSERT, 1, new[1])] == list(changes(old, new))


def test_three_books_may_be_open_with_few_lines_and_sixty_with_many() -> None:
    assert [max_streams(lines) for lines in (100, 600, 50_000)] == [3, 6, 60]
