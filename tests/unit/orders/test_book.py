"""Who waits for an order is told in time, or that it is too late."""

import asyncio
from pathlib import Path

import pytest

from kit.order_desk import bench, buy


async def test_what_comes_in_the_turn_in_which_a_wait_ends_has_come_in_time(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        report = await b.run(lambda: b.desk.place(buy()))
        book, key, told = b.desk._book, report.order_ref, False
        waiting = asyncio.ensure_future(book.until(key, lambda _: told, timeout_s=1.0))
        await b.settle()
        b.clock.advance(1.0)
        told = True
        book.wake(key)
        assert (await waiting).key == key


async def test_who_has_waited_long_enough_is_told_so_and_waits_no_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        report = await b.run(lambda: b.desk.place(buy()))
        book, key = b.desk._book, report.order_ref
        waiting = asyncio.ensure_future(book.until(key, lambda _: False, timeout_s=1.0))
        await b.settle()
        assert key in book._waiting
        await b.pass_time(1.0)
        with pytest.raises(TimeoutError):
            await waiting
        assert key not in book._waiting
