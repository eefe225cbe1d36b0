"""A letter box between two loops."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_connector.mailbox import Mailbox


def box(capacity: int = 4, *, newest: bool = False) -> Mailbox[object]:
    return Mailbox(
        capacity=capacity,
        lost=lambda count, first, last: ("lost", count, first, last),
        replaces=lambda _new, _old: newest,
    )


def drained(of: Mailbox[object]) -> list[object]:
    found = []
    while (letter := of.take()) is not None:
        found.append(letter)
    return found


def test_letters_come_out_in_order() -> None:
    letters = box()
    for number in range(4):
        letters.put(number)
    assert drained(letters) == [0, 1, 2, 3]


def test_what_does_not_fit_is_counted_where_it_was() -> None:
    letters = box(3)
    for number in range(8):
        letters.put(number)
    assert drained(letters) == [("lost", 5, 0, 4), 5, 6, 7]
    assert letters.dropped == 5


def test_a_letter_may_take_the_place_of_the_one_before() -> None:
    letters = box(newest=True)
    for number in range(8):
        letters.put(number)
    assert drained(letters) == [7]
    assert (letters.conflated, letters.dropped) == (7, 0)


def test_a_closed_box_hands_out_what_it_has_and_then_ends() -> None:
    letters = box()
    letters.put(1)
    letters.close()
    letters.put(2)
    assert letters.take() == 1
    with pytest.raises(StopAsyncIteration):
        letters.take()


def test_an_error_is_raised_once_behind_the_letters() -> None:
    letters = box()
    letters.put(1)
    letters.close(ValueError("over"))
    letters.close()
    assert letters.take() == 1
    with pytest.raises(ValueError, match="over"):
        letters.take()
    with pytest.raises(StopAsyncIteration):
        letters.take()


def test_a_box_for_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="none"):
        box(0)


async def test_a_cancelled_reader_loses_nothing() -> None:
    letters = box()
    reading = asyncio.ensure_future(letters.get_all())
    await asyncio.sleep(0)
    letters.put(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await letters.get_all() == [1]


async def test_ten_thousand_letters_cross_threads_whole_and_in_order() -> None:
    letters = box(100_000)

    def write() -> None:
        for number in range(10_000):
            letters.put(number)
        letters.close()

    thread = threading.Thread(target=write)
    thread.start()
    read: list[object] = []
    while len(read) < 10_000:
        read += await letters.get_all()
    with pytest.raises(StopAsyncIteration):
        await letters.get_all()
    thread.join()
    assert read == list(range(10_000))


async def test_a_reader_whose_loop_is_gone_harms_no_writer() -> None:
    letters = box()

    def read_a_while() -> None:
        async def reading() -> None:
            task = asyncio.ensure_future(letters.get_all())
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(reading())

    await asyncio.to_thread(read_a_while)
    letters.put(1)
    assert letters.take() == 1


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 5))
def test_every_letter_is_read_or_counted(steps: list[bool], capacity: int) -> None:
    letters, written, counted = box(capacity), 0, 0
    read: list[Any] = []
    for is_put in steps:
        if is_put:
            letters.put(written)
            written += 1
        elif (letter := letters.take()) is not None:
            if isinstance(letter, tuple):
                counted += letter[1]
            else:
                read.append(letter)
        assert len(letters) <= capacity + 1
    for letter in drained(letters):
        if isinstance(letter, tuple):
            counted += letter[1]
        else:
            read.append(letter)
    assert len(read) + counted == written
    assert read == sorted(read)
    assert counted == letters.dropped


async def test_readers_of_one_loop_are_woken_together() -> None:
    loop: Any = asyncio.get_running_loop()
    rung: list[Any] = []
    stock = loop.call_soon_threadsafe

    def ring(*call: Any) -> Any:
        rung.append(call)
        return stock(*call)

    boxes = [box() for _ in range(3)]

    def put_all() -> None:
        for number, one in enumerate(boxes):
            one.put(number)

    loop.call_soon_threadsafe = ring
    try:
        for turn in (1, 2):
            readers = [asyncio.create_task(one.get_all()) for one in boxes]
            await asyncio.sleep(0)
            writer = threading.Thread(target=put_all)
            writer.start()
            # the loop stands still meanwhile, so that all three come before it can look
            writer.join()
            assert await asyncio.gather(*readers) == [[0], [1], [2]]
            assert len(rung) == turn
    finally:
        loop.call_soon_threadsafe = stock
