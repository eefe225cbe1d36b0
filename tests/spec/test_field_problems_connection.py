"""
What users of IB suffer from, and the connection: a test for each row of the list, by its number.

Row 1 a bot that never comes back · 3 a gateway dead behind an open socket · 4 fills while away ·
7 connected, and no data · 8 client id in use · 17 loops and threads · 20 competing sessions ·
21 account summaries until 322 · 27 times without a zone
"""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest

from ibkr_connector.errors import ClientIdInUseError, NotConnectedError
from ibkr_connector.gateway import session
from ibkr_connector.gateway.stream_port import StreamKind
from ibkr_connector.market.streaming import StreamWish
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import (
    Answer,
    CompetingSession,
    CutAfter,
    HalfOpen,
    MissingEnd,
    Outage,
    Quirk,
    Refuse,
    Restart,
)
from ibkr_connector.simulator.wire.requests import ReqAccountSummary
from ibkr_connector.supervisor import SupervisorEvent
from kit.leaks import nothing_left
from kit.rig import Rig, rig

S = ConnectionState
E = SupervisorEvent
REST: Final = MappingProxyType(
    {"symbol": "AAPL", "action": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": "1"}
)
SYMBOLS: Final = ("AAPL", "MSFT", "SPY")

ROWS: Final = MappingProxyType(
    {
        1: (
            "test_row_1_whenever_the_socket_dies_one_loop_brings_it_back",
            "test_row_1_stop_ends_within_a_second",
            "component.chaos.test_storms:test_hours_of_flapping_are_one_loop_and_a_connection_"
            "for_each_session",
            "component.supervisor.test_outages_on_a_socket:test_the_nightly_restart_wakes_nobody",
        ),
        3: (
            "test_row_3_a_gateway_that_reads_nothing_is_found_and_takes_no_order",
            "component.supervisor.test_stopped_gateway:test_it_is_found_within_two_heartbeats",
        ),
        4: (
            "test_row_4_a_fill_while_away_is_one_fill_and_says_that_it_was_recovered",
            "test_row_4_positions_that_never_come_are_degraded_and_not_flat",
        ),
        7: ("test_row_7_streams_are_asked_for_again_once_where_data_was_lost_and_only_there",),
        8: ("test_row_8_an_id_in_use_is_typed_at_once_and_had_at_the_third_try",),
        17: (
            "component.connector.test_threads_and_loops:"
            "test_eight_threads_and_three_loops_at_once_get_right_answers",
            "component.connector.test_threads_and_loops:test_asyncio_run_works_twice_in_a_row",
            "component.notebooks.test_connector_in_a_notebook:"
            "test_a_notebook_connects_asks_and_connects_again",
        ),
        20: ("test_row_20_a_competing_session_is_one_event_and_at_most_one_question_a_minute",),
        21: (
            "test_row_21_there_is_one_account_summary_whatever_happens_to_the_link",
            "test_row_21_a_summary_that_is_refused_does_not_stop_the_rest",
        ),
        27: ("test_row_27_whatever_the_greeting_says_times_are_aware",),
    }
)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_tests_that_exist(row: int) -> None:
    for named in ROWS[row]:
        module, _, name = named.rpartition(":")
        if not module:
            assert name in globals()
            continue
        path = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
        assert f"def {name}(" in path.read_text("utf-8"), named


async def follow(made: Rig) -> None:
    for symbol in SYMBOLS:
        wish = StreamWish(kind=StreamKind.QUOTES, contract=symbol)
        await made.run(made.engine.streaming.open(wish))


async def place(made: Rig, **changes: Any) -> Any:
    return await made.run(made.place({**REST, **changes}))


# --- 1 ------------------------------------------------------------------------------------------


def _in_connect(made: Rig) -> None:
    made.simulator.inject(Refuse(times=1))
    made.simulator.cut()


def _in_handshake(made: Rig) -> None:
    made.simulator.inject(CutAfter(sent=10))
    made.simulator.cut()


def _in_sync(made: Rig) -> None:
    made.simulator.inject(CutAfter(sent=400))
    made.simulator.cut()


def _twice_in_50_ms(made: Rig) -> None:
    made.simulator.cut()
    made.simulator.later(0.05, made.simulator.cut)


@pytest.mark.parametrize("kill", [_in_connect, _in_handshake, _in_sync, _twice_in_50_ms])
async def test_row_1_whenever_the_socket_dies_one_loop_brings_it_back(
    tmp_path: Path, kill: Callable[[Rig], None]
) -> None:
    async with nothing_left(), rig(tmp_path) as made:
        kill(made)
        await made.until(lambda: made.state is not S.READY)
        await made.ready()
        names = Counter(task.get_name() for task in asyncio.all_tasks())
        assert names["ibkr-supervisor"] == names["ibkr-heartbeat"] == names["ibkr-sync"] == 1
        up = [one for one in made.changes if one.target is S.READY and one.source is S.SYNCING]
        lost = [one for one in made.changes if one.event is E.LOST and one.source is S.READY]
        assert len(up) == len(lost) + 1


async def test_row_1_stop_ends_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever waits for this, or for the clock, which stands still, waits for longer than a test may
    monkeypatch.setattr(session, "_CLOSE_WITHIN_S", 3600.0)
    async with nothing_left(), rig(tmp_path) as made:
        made.simulator.inject(Refuse())
        made.simulator.cut()
        await made.until(lambda: made.state is S.WAITING)
        async with asyncio.timeout(60):
            await made.engine.aclose()


# --- 3, 4 ---------------------------------------------------------------------------------------


async def test_row_3_a_gateway_that_reads_nothing_is_found_and_takes_no_order(
    tmp_path: Path,
) -> None:
    interval_s = 30.0
    async with rig(tmp_path, heartbeat_interval_s=interval_s) as made:
        await made.run(made.engine.instruments.resolve("AAPL"))
        made.simulator.inject(HalfOpen(lasts_s=3600.0))
        began = made.clock.monotonic()
        await made.advance(6)
        with pytest.raises(NotConnectedError, match="does not answer"):
            await place(made)
        await made.until(lambda: made.state is not S.READY)
        assert made.clock.monotonic() - began < 2 * interval_s
        made.simulator.clear_faults()
        await made.ready()
        assert made.asked("PlaceOrder") == 0


async def test_row_4_a_fill_while_away_is_one_fill_and_says_that_it_was_recovered(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        report = await place(made)
        made.simulator.inject(Restart(down_s=120.0))
        await made.until(lambda: made.state is not S.READY)
        made.simulator.fill_order(1, report.order_id)
        assert len(made.simulator.venue.executions()) == 1
        await made.ready()
        (fill,) = made.engine.orders.report(report.order_id).fills
        assert fill.recovered
        assert fill.quantity == 1
        for _ in range(3):
            made.simulator.cut()
            await made.until(lambda: made.state is not S.READY)
            await made.ready()
        assert len(made.engine.orders.report(report.order_id).fills) == 1


async def test_row_4_positions_that_never_come_are_degraded_and_not_flat(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        report = await place(made)
        made.simulator.fill_order(1, report.order_id)
        await made.until(lambda: len(made.engine.positions(None)) == 1)
        made.simulator.inject(MissingEnd(of="PositionEnd", lasts_s=300.0))
        made.simulator.cut()
        await made.until(lambda: made.state is S.DEGRADED)
        assert made.engine.status().degraded_by == ("positions",)
        assert len(made.engine.positions(None)) == 1
        await made.ready()


# --- 7, 8 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data_lost", "again"), [(True, 1), (False, 0)])
async def test_row_7_streams_are_asked_for_again_once_where_data_was_lost_and_only_there(
    tmp_path: Path, data_lost: bool, again: int
) -> None:
    async with rig(tmp_path) as made:
        await follow(made)
        before = made.asked("ReqMarketData")
        assert before == len(SYMBOLS)
        made.simulator.inject(Outage(lasts_s=20.0, repeats=50, data_lost=data_lost))
        await made.until(lambda: made.state is S.DEGRADED)
        await made.ready()
        await made.advance(60)
        assert made.asked("ReqMarketData") - before == again * len(SYMBOLS)
        assert [one.event for one in made.changes].count(E.LINK_DOWN) == 1


async def test_row_8_an_id_in_use_is_typed_at_once_and_had_at_the_third_try(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, connect=False, client_id_policy="wait") as made:
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE)
        connecting = asyncio.ensure_future(made.engine.connect())
        began = made.clock.monotonic()
        await made.until(lambda: made.engine.status().last_error is not None, step_s=0.01)
        assert made.clock.monotonic() - began < 0.5
        assert isinstance(made.engine._supervisor._last_error, ClientIdInUseError)
        await made.until(lambda: made.logins() == 2)
        made.simulator.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
        await made.run(connecting)
        assert made.logins() == 3
        assert made.engine.status().client_id == 1


# --- 20, 21, 27 ---------------------------------------------------------------------------------


async def test_row_20_a_competing_session_is_one_event_and_at_most_one_question_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    minutes = 10
    async with rig(tmp_path) as made:
        await follow(made)
        before = made.asked("ReqMarketData")
        made.simulator.inject(CompetingSession(lasts_s=minutes * 60.0, copies=20))
        await made.until(lambda: made.engine.status().competing_session)
        await made.advance((minutes - 1) * 60)
        asked = made.asked("ReqMarketData") - before
        assert asked <= minutes * len(SYMBOLS)
        assert sum("logged in elsewhere" in one.message for one in caplog.records) == 1
        assert made.state is S.READY
        await made.advance(180)
        assert not made.engine.status().competing_session


async def test_row_21_there_is_one_account_summary_whatever_happens_to_the_link(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as made:
        before = made.asked("ReqAccountSummary")
        for _ in range(10):
            made.simulator.notice(1100, "lost")
            made.simulator.notice(1102, "restored - data maintained")
            await made.settle()
            await made.ready()
        assert made.asked("ReqAccountSummary") == before == 1
        for _ in range(5):
            made.simulator.cut()
            await made.until(lambda: made.state is not S.READY)
            await made.ready()
        ids = {
            one.request.request_id
            for one in made.simulator.log
            if isinstance(one.request, ReqAccountSummary)
        }
        assert len(ids) == 1


async def test_row_21_a_summary_that_is_refused_does_not_stop_the_rest(tmp_path: Path) -> None:
    async with rig(tmp_path, connect=False) as made:
        text = "Maximum number of account summary requests exceeded"
        made.simulator.inject(Answer(to="ReqAccountSummary", code=322, text=text, times=1000))
        await made.run(made.engine.connect())
        # the account window tells the same figures
        assert made.engine.summary(None).total_value == Decimal(1_000_000)
        asked = made.asked("ReqAccountSummary")
        await made.advance(3600)
        assert made.asked("ReqAccountSummary") - asked <= 130
        report = await place(made)
        assert report.order_id


ZONES = [Quirk.HELLO_ZONE_WINDOWS, Quirk.HELLO_ZONE_NOT_UTF8, Quirk.HELLO_ZONE_MISSING]


@pytest.mark.parametrize("quirk", [*ZONES, Quirk.ZONE_ABBREVIATED, Quirk.ZONE_IANA])
async def test_row_27_whatever_the_greeting_says_times_are_aware(
    tmp_path: Path, quirk: Quirk
) -> None:
    async with rig(tmp_path, connect=False) as made:
        made.simulator.quirk(quirk)
        await made.run(made.engine.connect())
        report = await place(made)
        made.simulator.fill_order(1, report.order_id)
        made.simulator.flush()
        await made.until(lambda: bool(made.engine.orders.report(report.order_id).fills))
        (fill,) = made.engine.orders.report(report.order_id).fills
        assert fill.time.utcoffset() == timedelta(0)
        if quirk not in ZONES or quirk is Quirk.HELLO_ZONE_WINDOWS:
            assert abs(fill.time - made.clock.utcnow()) < timedelta(seconds=5)


def test_the_modules_of_other_rows_can_be_imported() -> None:
    # so that a test that is only named here cannot be one that never runs
    for named in (name for row in ROWS.values() for name in row if ":" in name):
        importlib.import_module(named.split(":")[0])
