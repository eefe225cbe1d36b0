"""Tasks of the desk: each of them hears of the end, also the one that was handed in last."""

from __future__ import annotations

import asyncio

from ibkr_connector.orders.jobs import Jobs


async def test_a_job_that_has_not_begun_when_the_end_comes_begins_and_hears_of_it() -> None:
    heard: list[str] = []
    ended: list[BaseException | None] = []

    async def job() -> None:
        heard.append("began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    jobs = Jobs(on_end=ended.append)
    await jobs.start()
    closing = asyncio.create_task(jobs.aclose())
    await asyncio.sleep(0)  # the end is told, and nobody has turned to it yet
    assert jobs.is_running
    assert jobs.spawn(job()) is not None
    await closing
    assert heard == ["began", "cancelled"]
    assert ended == [None]
    late = job()
    assert jobs.spawn(late) is None
    assert len(heard) == 2
