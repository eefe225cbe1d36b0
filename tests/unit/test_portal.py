"""The door between threads and loops: real threads, real loops, events instead of sleeps."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from ibkr_connector.errors import NotConnectedError, RequestTimeoutError, WrongThreadError
from ibkr_connector.inbox import AT_ONCE
from ibkr_connector.portal import Portal

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal.start("test-portal")
    yield portal
    portal.stop()
    assert "test-portal" not in [thread.name for thread in threading.enumerate()]


class Work:
    """Work that begins, waits to be cancelled, and says what became of it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("never reached")

    async def until_begun(self) -> None:
        await asyncio.to_thread(self.begun.wait, 60.0)


async def thread_name() -> str:
    return threading.current_thread().name


async def test_work_runs_on_the_portals_own_loop(portal: Portal) -> None:
    async def loops() -> tuple[str, asyncio.AbstractEventLoop, asyncio.AbstractEventLoop]:
        current = asyncio.get_event_loop_policy().get_event_loop()
        return threading.current_thread().name, asyncio.get_running_loop(), current

    name, running, current = await portal.call(loops)
    assert name == "test-portal"
    assert running is current, "libraries that look for the thread's loop find it"
    assert running is not asyncio.get_running_loop()


async def test_on_the_portals_loop_a_call_runs_in_place(portal: Portal) -> None:
    async def outer() -> bool:
        mine = asyncio.current_task()

        async def inner() -> bool:
            return asyncio.current_task() is mine

        return await portal.call(inner)

    assert await portal.call(outer)


async def test_an_error_keeps_its_identity_and_its_traceback(portal: Portal) -> None:
    error = KeyError("mine")

    async def deep_inside() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        await portal.call(deep_inside)
    assert caught.value is error
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "deep_inside" in names


async def test_context_variables_travel_with_the_call(portal: Portal) -> None:
    async def who() -> str:
        return WHO.get()

    WHO.set("me")
    assert await portal.call(who) == "me"


async def test_cancelling_the_caller_cancels_the_work_and_waits_for_its_end(
    portal: Portal,
) -> None:
    work = Work()
    caller = asyncio.create_task(portal.call(work))
    await work.until_begun()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.cancelled.is_set()


async def test_of_many_that_come_together_the_first_go_on_before_the_last_begin(
    portal: Portal,
) -> None:
    steps: list[str] = []

    async def work(number: int) -> None:
        steps.append(f"{number} begins")
        await asyncio.sleep(0)
        steps.append(f"{number} goes on")

    many = AT_ONCE * 3
    gate = threading.Event()
    held = asyncio.create_task(portal.call(lambda: _held_by(gate)))
    callers = [asyncio.create_task(portal.call(partial(work, number))) for number in range(many)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(held, *callers)
    begun = [step for step in steps if step.endswith("begins")]
    assert begun == [f"{number} begins" for number in range(many)], "in the order of their coming"
    assert steps.index("0 goes on") < steps.index(f"{many - 1} begins")


async def test_callers_whose_work_ends_together_are_woken_once_behind_the_last_of_them(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, ended, ended_when_woken = asyncio.Event(), list[int](), list[int]()

    async def work(number: int) -> None:
        await gate.wait()
        ended.append(number)

    async def opens() -> None:
        gate.set()

    callers = [asyncio.create_task(portal.call(partial(work, number))) for number in range(20)]
    await asyncio.sleep(0)
    await portal.call(thread_name)  # by now they all wait at the gate
    here = asyncio.get_running_loop()
    wake = here.call_soon_threadsafe

    def woken(callback: Callable[[], object]) -> asyncio.Handle:
        ended_when_woken.append(len(ended))
        return wake(callback)

    monkeypatch.setattr(here, "call_soon_threadsafe", woken)
    await asyncio.gather(portal.call(opens), *callers)
    assert ended_when_woken == [20]


async def _held_by(gate: threading.Event, entered: threading.Event | None = None) -> None:
    # keeps the loop itself, so that all the others come together
    if entered is not None:
        entered.set()
    gate.wait(60.0)


async def test_who_is_cancelled_before_his_work_begins_has_none_done(portal: Portal) -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)

    many = AT_ONCE * 2
    gate = threading.Event()
    held = asyncio.create_task(portal.call(lambda: _held_by(gate)))
    callers = [asyncio.create_task(portal.call(partial(work, number))) for number in range(many)]
    await asyncio.sleep(0)
    callers[-1].cancel()
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(held, *callers, return_exceptions=True)
    assert isinstance(ended[-1], asyncio.CancelledError)
    assert begun == [*range(many - 1)]


async def test_a_portal_that_stops_begins_nothing_more_of_what_came_together(
    portal: Portal,
) -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)

    gate, entered = threading.Event(), threading.Event()
    held = asyncio.create_task(portal.call(lambda: _held_by(gate, entered)))
    await asyncio.to_thread(entered.wait, 60.0)
    callers = [asyncio.create_task(portal.call(partial(work, number))) for number in range(200)]
    await asyncio.sleep(0)
    portal.stop(0.0)
    gate.set()
    ended = await asyncio.gather(held, *callers, return_exceptions=True)
    assert begun == []
    assert all(isinstance(one, NotConnectedError) for one in ended[1:])


async def test_a_timeout_of_the_caller_is_his_timeout(portal: Portal) -> None:
    work = Work()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await portal.call(work)
    assert work.cancelled.is_set() or not work.begun.is_set()


async def test_an_impatient_caller_is_passed_on_each_time(portal: Portal) -> None:
    first, begun, cancels = threading.Event(), threading.Event(), list[int]()

    async def stubborn() -> None:
        begun.set()
        while len(cancels) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancels.append(1)
                first.set()

    caller = asyncio.create_task(portal.call(stubborn))
    await asyncio.to_thread(begun.wait, 60.0)
    caller.cancel()
    await asyncio.to_thread(first.wait, 60.0)
    assert not caller.done()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert len(cancels) == 2


async def test_a_caller_cancelled_as_his_result_arrives_stays_cancelled(portal: Portal) -> None:
    async def quick() -> int:
        return 1

    caller = asyncio.create_task(portal.call(quick))
    await asyncio.sleep(0)
    # While this thread is held up here, the portal answers: first the result is queued at this
    # loop, then the caller is cancelled, before he could look at it.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(portal.run, thread_name).result(60.0)
    asyncio.get_running_loop().call_soon(caller.cancel)
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_work_that_cancels_itself_cancels_its_caller(portal: Portal) -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await portal.call(gives_up)


def test_a_thread_without_a_loop_blocks_for_the_result(portal: Portal) -> None:
    assert portal.run(thread_name) == "test-portal"


def test_a_blocking_call_brings_the_error_home(portal: Portal) -> None:
    async def fails() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        portal.run(fails)


def test_a_blocking_call_ends_after_its_timeout_and_cancels_the_work(portal: Portal) -> None:
    work = Work()
    with pytest.raises(RequestTimeoutError) as caught:
        portal.run(work, timeout_s=0.05)
    assert caught.value.replay_safe is False
    assert work.cancelled.wait(60.0)


def test_an_interrupted_blocking_call_cancels_the_work(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()

    def interrupted(_self: object, _timeout: float | None = None) -> None:
        work.begun.wait(60.0)
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        portal.run(work)
    assert work.cancelled.wait(60.0)


async def test_blocking_on_a_thread_with_a_loop_is_refused(portal: Portal) -> None:
    with pytest.raises(WrongThreadError):
        portal.run(thread_name)

    async def from_inside() -> None:
        portal.run(thread_name)

    with pytest.raises(WrongThreadError):
        await portal.call(from_inside)


async def test_stopping_cancels_work_and_tells_its_callers(portal: Portal) -> None:
    work = Work()
    caller = asyncio.create_task(portal.call(work))
    await work.until_begun()
    await asyncio.to_thread(portal.stop)
    with pytest.raises(NotConnectedError):
        await caller
    assert work.cancelled.is_set()
    assert not portal.is_running
    with pytest.raises(NotConnectedError):
        await portal.call(thread_name)
    portal.stop()


async def test_who_ends_while_the_portal_stops_is_told_before_the_others_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ibkr_connector.portal.ROUND_S", 600.0)
    portal = Portal.start("waited-for-portal")
    work, begun, release = Work(), threading.Event(), threading.Event()

    async def lingering() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(release.wait, 600.0)

    obedient = asyncio.create_task(portal.call(work))
    other = asyncio.create_task(portal.call(lingering))
    await work.until_begun()
    await asyncio.to_thread(begun.wait, 60.0)
    portal.stop(0)
    told, _ = await asyncio.wait((obedient, other), timeout=60, return_when="FIRST_COMPLETED")
    release.set()
    for caller in (obedient, other):
        with pytest.raises(NotConnectedError):
            await caller
    assert told == {obedient}
    portal.stop()


async def test_work_that_will_not_end_does_not_hold_the_stop_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ibkr_connector.portal.ROUND_S", 0.01)
    portal = Portal.start("stubborn-portal")
    begun, release = threading.Event(), threading.Event()

    async def stubborn() -> None:
        loop = asyncio.get_running_loop()
        begun.set()
        while not release.is_set():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                continue

    caller = asyncio.create_task(portal.call(stubborn))
    await asyncio.to_thread(begun.wait, 60.0)
    await asyncio.to_thread(portal.stop, 0.3)
    with pytest.raises(NotConnectedError):
        await caller
    release.set()


def test_stopping_from_inside_only_starts_the_end(portal: Portal) -> None:
    async def stop() -> bool:
        portal.stop()
        return portal.is_running

    assert portal.run(stop) is False
    with pytest.raises(NotConnectedError):
        portal.run(thread_name)


def test_a_loop_that_cannot_be_made_is_an_error_and_not_a_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more_files() -> asyncio.AbstractEventLoop:
        raise OSError("too many open files")

    caught: list[object] = []
    monkeypatch.setattr(threading, "excepthook", caught.append)
    monkeypatch.setattr(asyncio.events, "new_event_loop", no_more_files)
    with pytest.raises(NotConnectedError, match="could not start"):
        Portal.start("broken-portal")


def test_two_loops_in_a_row_use_one_portal(portal: Portal) -> None:
    async def main() -> str:
        return await portal.call(thread_name)

    assert [asyncio.run(main()) for _ in range(2)] == ["test-portal"] * 2


def test_a_caller_whose_loop_is_gone_harms_nobody(portal: Portal) -> None:
    work = Work()

    async def main() -> None:
        portal_call = portal.call(work)
        task = asyncio.ensure_future(portal_call)
        await work.until_begun()
        assert not task.done()

    asyncio.run(main())
    assert work.cancelled.wait(60.0)
    assert portal.run(thread_name) == "test-portal"


def test_eight_threads_with_three_loops_each_all_get_their_own_answers(portal: Portal) -> None:
    async def echo(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number, WHO.get()

    async def main(thread: int, turn: int) -> None:
        WHO.set(f"{thread}/{turn}")
        numbers = range(40)
        doomed = [asyncio.ensure_future(portal.call(Work())) for _ in range(5)]
        answers = await asyncio.gather(
            *(portal.call(lambda n=n: echo(n)) for n in numbers)  # type: ignore[misc]
        )
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        assert answers == [(n, f"{thread}/{turn}") for n in numbers]

    def life(thread: int) -> None:
        for turn in range(3):
            asyncio.run(main(thread, turn))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(life, range(8)))
    assert not portal._jobs

    async def others() -> int:
        return len(asyncio.all_tasks()) - 2

    assert portal.run(others) == 0, "no task but the portal's own and this one is left"


def test_a_process_that_exits_without_stopping_ends_at_once() -> None:
    script = """
import asyncio
from ibkr_connector.inbox import AT_ONCE
from ibkr_connector.portal import Portal
portal = Portal.start("left-behind")
async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("told", flush=True)
async def spawn():
    global task
    task = asyncio.create_task(portal.call(forever))
    await asyncio.sleep(0)
portal.run(spawn)
async def main():
    asyncio.ensure_future(portal.call(forever))
    await asyncio.sleep(0.05)
asyncio.run(main())
print("done", flush=True)
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "done" in ended.stdout
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_is_told_that_it_has_no_portal() -> None:
    script = """
import os
from ibkr_connector.errors import NotConnectedError
from ibkr_connector.inbox import AT_ONCE
from ibkr_connector.portal import Portal
portal = Portal.start("parent")
async def nothing():
    return None
child = os.fork()
if child == 0:
    assert not portal.is_running and not portal.owns_current_thread
    try:
        portal.run(nothing)
    except NotConnectedError as error:
        assert "fork" in str(error)
        portal.stop()
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
portal.run(nothing)
portal.stop()
"""
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)


async def test_a_result_that_comes_just_after_the_cancellation_does_not_leave_the_caller_waiting(
    portal: Portal,
) -> None:
    over = threading.Event()

    async def work() -> int:
        return 1

    async def tell() -> None:
        for _ in range(5):  # until what the work has made is on its way
            await asyncio.sleep(0)
        over.set()

    calling = asyncio.ensure_future(portal.call(work))
    telling = asyncio.ensure_future(portal.call(tell))
    await asyncio.sleep(0)
    # this loop stands still: the result waits in front of it when the caller is cancelled
    assert over.wait(timeout=60)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(60):
            await calling
    await telling
