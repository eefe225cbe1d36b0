"""One session kept alive, on virtual time and with sessions that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ibkr_connector.errors import (
    AccountError,
    AuthenticationError,
    ClientIdInUseError,
    ConfigurationError,
    ConnectionLostError,
    GatewayUnavailableError,
    NotConnectedError,
    PacingError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.port import DisconnectReason, GatewayNotice, SessionEnded, SessionInfo
from ibkr_connector.model.ids import ClientId
from ibkr_connector.model.status import BreakerState, ConnectionState, FarmState
from ibkr_connector.resilience.operation import ENDPOINTS, Operation
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.supervisor import (
    StateChange,
    Supervisor,
    SupervisorTiming,
    SyncCause,
    SyncPart,
)
from kit.fake_clock import FakeClock

S = ConnectionState
LINK_DOWN = GatewayNotice(code=1100, text="connectivity lost")
DATA_LOST = GatewayNotice(code=1101, text="restored, data lost")
DATA_KEPT = GatewayNotice(code=1102, text="restored, data maintained")


class FakeSession:
    """Answers probes until told not to."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.is_open = True
        self.mute = False
        self.hears = False
        self.closes = True
        self.probes = 0
        self.aborted: str | None = None
        self.closed = False
        self._received = world.clock.monotonic()

    @property
    def info(self) -> SessionInfo:
        return SessionInfo(
            host="h",
            port=1,
            client_id=ClientId(1),
            server_version=178,
            accounts=("DU1",),
            connected_since=datetime(2026, 1, 2, tzinfo=UTC),
        )

    @property
    def last_received(self) -> float:
        return self.world.clock.monotonic() if self.hears else self._received

    async def probe(self) -> float:
        self.probes += 1
        if self.mute:
            await asyncio.Event().wait()
        await self.world.clock.sleep(0.02)
        self._received = self.world.clock.monotonic()
        return 0.02

    def abort(self, reason: str) -> None:
        self.aborted = reason
        self.end(DisconnectReason.SILENT, reason)

    async def aclose(self) -> None:
        if not self.closes:
            await asyncio.Event().wait()
        self.closed = True
        self.end(DisconnectReason.ASKED)

    def end(self, reason: DisconnectReason = DisconnectReason.PEER, detail: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self.world.supervisor.note(SessionEnded(reason=reason, detail=detail))


class World:
    """A gateway that obeys the test, and a supervisor that has to live with it."""

    def __init__(self, **timing: Any) -> None:
        self.clock = FakeClock()
        self.pipeline = Pipeline(clock=self.clock)
        self.sessions: list[FakeSession] = []
        self.refusals: list[BaseException] = []
        self.open_takes_s = 0.0
        self.opening = 0
        self.most_opening = 0
        self.opened_at: list[float] = []
        self.attached: list[FakeSession | None] = []
        self.changes: list[StateChange] = []
        self.reads: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.contradiction: Exception | None = None
        self.supervisor: Supervisor[FakeSession] = Supervisor(
            open_session=self.open,
            attach=self.attached.append,
            detach=lambda: self.attached.append(None),
            verify=self.verify,
            parts=(
                SyncPart(name="orders", run=lambda: self.read("orders"), essential=True),
                SyncPart(name="positions", run=lambda: self.read("positions")),
                SyncPart(
                    name="subscriptions",
                    run=lambda: self.read("subscriptions"),
                    causes=frozenset({SyncCause.CONNECTED, SyncCause.DATA_LOST}),
                    in_background=True,
                ),
            ),
            pipeline=self.pipeline,
            clock=self.clock,
            timing=SupervisorTiming(**timing),
            draw=lambda: 1.0,
            on_state=self.changes.append,
        )

    async def open(self) -> FakeSession:
        self.opening += 1
        self.most_opening = max(self.most_opening, self.opening)
        self.opened_at.append(self.clock.monotonic())
        try:
            await self.clock.sleep(self.open_takes_s)
        finally:
            self.opening -= 1
        if self.refusals:
            raise self.refusals.pop(0)
        session = FakeSession(self, len(self.sessions))
        self.sessions.append(session)
        return session

    def verify(self, info: SessionInfo) -> None:
        assert info.accounts == ("DU1",)
        if self.contradiction is not None:
            raise self.contradiction

    async def read(self, name: str) -> None:
        self.reads.append(name)
        if name in self.hanging:
            await asyncio.Event().wait()
        if name in self.failing:
            raise self.failing[name]

    @property
    def session(self) -> FakeSession:
        return self.sessions[-1]

    def where(self) -> ConnectionState:
        return self.supervisor.state

    def visited(self) -> list[ConnectionState]:
        return [change.target for change in self.changes]

    def tasks(self) -> set[str]:
        mine = asyncio.current_task()
        return {task.get_name() for task in asyncio.all_tasks() if task is not mine}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.supervisor.stop()
    await world.pipeline.aclose()


# --- the first connection ---------------------------------------------------------------------


async def test_ready_comes_after_every_part_was_read(world: World) -> None:
    await world.supervisor.start()
    assert world.visited() == [S.CONNECTING, S.SYNCING, S.READY]
    assert world.reads == ["orders", "positions", "subscriptions"]
    assert world.attached == [world.session]


async def test_ready_does_not_wait_for_the_subscriptions(world: World) -> None:
    world.hanging.add("subscriptions")
    await world.supervisor.start()
    assert world.where() is S.READY
    assert world.reads == ["orders", "positions", "subscriptions"]


async def test_subscriptions_that_fail_behind_it_degrade_it_until_they_are_back(
    world: World,
) -> None:
    world.failing["subscriptions"] = RequestTimeoutError("some of them")
    await world.supervisor.start()
    await world.clock.settle()
    assert world.where() is S.DEGRADED
    assert world.supervisor.snapshot().degraded_by == ("subscriptions",)
    assert world.visited()[-2:] == [S.READY, S.DEGRADED]
    world.failing.clear()
    world.reads.clear()
    await world.clock.advance(30.0)
    assert world.where() is S.READY
    assert world.reads == ["subscriptions"]


async def test_subscriptions_that_hang_behind_it_degrade_it_at_their_deadline(
    world: World,
) -> None:
    world.hanging.add("subscriptions")
    await world.supervisor.start()
    await world.clock.advance(16.0)
    assert world.supervisor.snapshot().degraded_by == ("subscriptions",)


async def test_what_ends_in_the_background_says_nothing_while_the_rest_is_read_again(
    world: World,
) -> None:
    world.hanging.add("subscriptions")
    await world.supervisor.start()
    await world.clock.settle()
    world.hanging.add("positions")
    world.supervisor.note(DATA_LOST)
    # the subscriptions of before reach their deadline while the positions are read
    await world.clock.advance(10.0)
    assert world.where() is S.SYNCING
    world.changes.clear()
    await world.clock.advance(5.0)
    world.hanging.clear()
    await world.clock.advance(60.0)
    assert world.where() is S.READY
    assert world.visited().count(S.READY) == 1
    assert world.reads.count("subscriptions") >= 2


async def test_data_lost_during_the_restoring_is_restored_once_more(world: World) -> None:
    world.hanging.add("subscriptions")
    await world.supervisor.start()
    await world.clock.settle()
    world.hanging.clear()
    world.supervisor.note(DATA_LOST)
    await world.clock.advance(16.0)
    assert world.reads.count("subscriptions") == 2
    assert world.where() is S.READY


async def test_starting_again_is_harmless(world: World) -> None:
    await world.supervisor.start()
    await world.supervisor.start()
    assert len(world.sessions) == 1


async def test_concurrent_starts_share_one_attempt(world: World) -> None:
    world.open_takes_s = 1.0
    starts = [asyncio.create_task(world.supervisor.start()) for _ in range(10)]
    await world.clock.advance(1.0)
    await asyncio.gather(*starts)
    assert len(world.opened_at) == 1


@pytest.mark.parametrize(
    "error", [GatewayUnavailableError("x"), AuthenticationError("x"), ClientIdInUseError("x")]
)
async def test_a_failed_first_attempt_raises_its_error_and_leaves_nothing(
    error: Exception,
) -> None:
    world = World()
    world.refusals = [error]
    with pytest.raises(type(error)):
        await world.supervisor.start()
    assert world.where() is S.IDLE
    assert world.tasks() == set()
    assert world.supervisor.snapshot().last_error == str(error)
    await world.supervisor.start()
    assert world.where() is S.READY
    await world.supervisor.stop()


async def test_a_contradiction_refuses_to_start_and_closes_the_session(world: World) -> None:
    world.contradiction = ConfigurationError("live account in paper mode")
    with pytest.raises(ConfigurationError):
        await world.supervisor.start()
    assert world.session.closed
    assert world.session not in world.attached
    assert world.where() is S.IDLE


async def test_an_essential_part_that_fails_ends_the_first_attempt(world: World) -> None:
    world.failing["orders"] = AccountError("no")
    with pytest.raises(AccountError) as caught:
        await world.supervisor.start()
    assert caught.value.__notes__ == ["while reading orders from the broker"]
    assert world.session.closed


async def test_an_essential_part_that_hangs_ends_the_first_attempt(world: World) -> None:
    world.hanging.add("orders")
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.advance(15.0)
    with pytest.raises(RequestTimeoutError, match="15"):
        await start
    assert world.where() is S.IDLE


async def test_a_session_that_ends_during_the_sync_fails_the_start(world: World) -> None:
    world.hanging.add("positions")
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.settle()
    world.session.end(detail="reset")
    with pytest.raises(ConnectionLostError, match="peer: reset"):
        await start


async def test_a_session_that_was_over_before_it_was_looked_at_fails_the_start() -> None:
    world = World()
    attach = world.attached.append

    def ends(session: FakeSession | None) -> None:
        attach(session)
        if session is not None:
            session.is_open = False

    world.supervisor._attach = ends
    with pytest.raises(ConnectionLostError, match="right after the login"):
        await world.supervisor.start()


async def test_cancelling_the_only_start_abandons_the_attempt(world: World) -> None:
    world.open_takes_s = 5.0
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.advance(1.0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert (world.where(), world.opening) == (S.IDLE, 0)
    assert world.tasks() == set()


async def test_a_start_while_an_abandoned_attempt_ends_makes_its_own(world: World) -> None:
    world.hanging.add("orders")
    first = asyncio.ensure_future(world.supervisor.start())
    await world.clock.settle()
    world.session.closes = False
    first.cancel()
    await world.clock.settle()
    second = asyncio.ensure_future(world.supervisor.start())
    world.hanging.clear()
    await world.clock.advance(3.0)
    await second
    assert (first.cancelled(), world.where(), len(world.sessions)) == (True, S.READY, 2)


async def test_stopping_again_does_not_interrupt_the_closing(world: World) -> None:
    await world.supervisor.start()
    world.session.closes = False
    stops = []
    for _ in range(3):
        stops.append(asyncio.ensure_future(world.supervisor.stop()))
        await world.clock.settle()
    assert not any(stop.done() for stop in stops)
    await world.clock.advance(3.0)
    await asyncio.gather(*stops)
    assert (world.session.aborted, world.where()) == ("it did not close in time", S.STOPPED)


async def test_cancelling_one_of_two_starts_leaves_the_attempt_to_the_other(world: World) -> None:
    world.open_takes_s = 5.0
    starts = [asyncio.create_task(world.supervisor.start()) for _ in range(2)]
    await world.clock.advance(1.0)
    starts[0].cancel()
    await world.clock.advance(4.0)
    await starts[1]
    assert world.where() is S.READY


async def test_a_start_cancelled_as_it_comes_up_is_abandoned_too(world: World) -> None:
    world.open_takes_s = 5.0
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.advance(4.9)
    start.cancel()
    await world.clock.advance(0.2)
    with pytest.raises(asyncio.CancelledError):
        await start
    assert world.where() is S.IDLE


# --- stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["idle", "connecting", "syncing", "ready", "waiting", "stopped"])
async def test_stopping_at_any_point_ends_at_once_and_leaves_nothing(when: str) -> None:
    world = World()
    starting: asyncio.Task[None] | None = None
    if when == "connecting":
        world.open_takes_s = 100.0
    if when == "syncing":
        world.hanging.add("orders")
    if when != "idle":
        starting = asyncio.create_task(world.supervisor.start())
        await world.clock.settle()
    if when == "waiting":
        world.refusals = [GatewayUnavailableError()] * 9
        world.session.end()
        await world.clock.advance(4.0)
        assert world.where() is S.WAITING
    if when == "stopped":
        await world.supervisor.stop()
    before = world.clock.monotonic()
    await asyncio.gather(world.supervisor.stop(), world.supervisor.stop())
    assert (world.where(), world.clock.monotonic()) == (S.STOPPED, before)
    if starting is not None and when in {"connecting", "syncing"}:
        with pytest.raises(NotConnectedError):
            await starting
    await world.pipeline.aclose()
    await world.clock.settle()
    assert world.tasks() == set()
    assert all(session.closed for session in world.sessions)


async def test_it_can_be_started_again_after_a_stop(world: World) -> None:
    await world.supervisor.start()
    await world.supervisor.stop()
    await world.supervisor.start()
    assert world.where() is S.READY
    assert world.supervisor.snapshot().reconnect_count == 0


async def test_a_session_that_does_not_close_is_cut(world: World) -> None:
    await world.supervisor.start()
    world.session.closes = False
    stop = asyncio.create_task(world.supervisor.stop())
    await world.clock.advance(2.0)
    await stop
    assert world.session.aborted == "it did not close in time"


# --- losing and coming back ---------------------------------------------------------------------


async def test_a_lost_session_is_replaced_and_everything_is_read_again(world: World) -> None:
    await world.supervisor.start()
    world.reads.clear()
    world.session.end()
    await world.clock.advance(1.0)
    assert world.where() is S.READY
    assert world.reads == ["orders", "positions", "subscriptions"]
    assert world.attached == [world.sessions[0], None, world.sessions[1]]
    assert world.supervisor.snapshot().reconnect_count == 1


async def test_a_gateway_that_is_away_for_twelve_hours_is_found_again(world: World) -> None:
    await world.supervisor.start()
    away = [GatewayUnavailableError("down") for _ in range(10_000)]
    world.refusals = list(away)
    world.session.end()
    await world.clock.advance(12 * 3600.0)
    tried = len(away) - len(world.refusals)
    assert world.where() is S.WAITING
    assert 700 < tried < 740
    assert world.most_opening == 1
    snapshot = world.supervisor.snapshot()
    assert snapshot.attempt == tried
    assert 0.0 <= (snapshot.next_attempt_in_s or -1.0) <= 60.0
    assert snapshot.last_error is not None
    world.refusals = []
    await world.clock.advance(60.0)
    assert world.where() is S.READY
    ups = [c for c in world.changes if c.target is S.READY]
    assert len(ups) == 2


async def test_waits_double_up_to_the_cap(world: World) -> None:
    await world.supervisor.start()
    world.refusals = [GatewayUnavailableError() for _ in range(8)]
    world.session.end()
    await world.clock.advance(400.0)
    gaps = [b - a for a, b in zip(world.opened_at[1:], world.opened_at[2:], strict=False)]
    assert gaps == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


async def test_a_session_that_falls_over_at_once_does_not_shorten_the_wait(world: World) -> None:
    await world.supervisor.start()
    waits = []
    for _ in range(5):
        world.session.end()
        await world.clock.settle()
        waits.append(world.supervisor.snapshot().next_attempt_in_s)
        await world.clock.advance(60.0 if len(waits) == 4 else waits[-1] or 0.0)
        if len(waits) == 4:
            await world.clock.advance(60.0)
    assert waits == [1.0, 2.0, 4.0, 8.0, 1.0]


async def test_a_session_lost_twice_within_a_turn_starts_one_loop(world: World) -> None:
    await world.supervisor.start()
    session = world.session
    session.end()
    world.supervisor.note(SessionEnded(reason=DisconnectReason.PEER))
    await world.clock.advance(10.0)
    world.supervisor.note(GatewayNotice(code=2104, text="is OK:usfarm"))
    assert (len(world.sessions), world.most_opening, world.where()) == (2, 1, S.READY)


async def test_a_client_id_in_use_is_waited_out_at_its_own_pace(world: World) -> None:
    await world.supervisor.start()
    world.refusals = [ClientIdInUseError() for _ in range(5)]
    world.session.end()
    await world.clock.advance(1.0 + 5 * 5.0)
    assert world.where() is S.READY
    assert world.opened_at == [0.0, 1.0, 6.0, 11.0, 16.0, 21.0, 26.0]


async def test_a_client_id_that_stays_in_use_is_asked_for_less_and_less_often() -> None:
    world = World(client_id_wait_s=8.0)
    await world.supervisor.start()
    world.refusals = [*(ClientIdInUseError() for _ in range(4)), GatewayUnavailableError()]
    world.session.end()
    await world.clock.advance(30.0)
    assert world.opened_at == [0.0, 1.0, 6.0, 11.0, 13.0, 17.0, 25.0]
    assert world.where() is S.READY
    await world.supervisor.stop()


async def test_attempts_can_be_limited() -> None:
    world = World(max_attempts=3)
    await world.supervisor.start()
    world.refusals = [GatewayUnavailableError(str(n)) for n in range(9)]
    world.session.end()
    await world.clock.settle()
    ready = asyncio.create_task(world.supervisor.wait_ready())
    await world.clock.advance(60.0)
    assert (world.where(), len(world.opened_at)) == (S.STOPPED, 4)
    with pytest.raises(GatewayUnavailableError) as caught:
        await ready
    assert caught.value.__notes__ == ["gave up after 3 attempts to reconnect"]


async def test_reconnecting_can_be_switched_off() -> None:
    world = World(reconnect=False)
    await world.supervisor.start()
    world.session.end()
    await world.clock.settle()
    assert (world.where(), len(world.sessions)) == (S.STOPPED, 1)
    with pytest.raises(ConnectionLostError):
        await world.supervisor.wait_ready()
    assert world.tasks() == set()


async def test_an_essential_part_that_fails_later_costs_the_session(world: World) -> None:
    await world.supervisor.start()
    world.failing["orders"] = AccountError("no")
    world.session.end()
    await world.clock.advance(1.0)
    assert world.where() is S.WAITING
    world.failing.clear()
    await world.clock.advance(2.0)
    assert (world.where(), len(world.sessions)) == (S.READY, 3)


async def test_a_bug_in_opening_is_survived_on_reconnect(world: World) -> None:
    await world.supervisor.start()
    world.refusals = [KeyError("bug")]
    world.session.end()
    await world.clock.advance(3.0)
    assert world.where() is S.READY


async def test_a_new_session_closes_the_circuits(world: World) -> None:
    await world.supervisor.start()

    async def lost() -> None:
        raise ConnectionLostError

    for _ in range(5):
        with pytest.raises(ConnectionLostError):
            await world.pipeline.run(Operation(policy=ENDPOINTS["request"], call=lost))
    assert world.pipeline.breaker_states()["market"] is BreakerState.OPEN
    world.session.end()
    await world.clock.advance(1.0)
    assert world.pipeline.breaker_states()["market"] is BreakerState.CLOSED


# --- missing parts ------------------------------------------------------------------------------


async def test_a_part_that_does_not_answer_is_named_and_asked_again(world: World) -> None:
    world.hanging.add("positions")
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.advance(15.0)
    await start
    assert world.where() is S.DEGRADED
    assert world.supervisor.snapshot().degraded_by == ("positions",)
    world.reads.clear()
    world.hanging.clear()
    await world.clock.advance(30.0)
    assert world.reads == ["positions"]
    assert world.where() is S.READY
    assert world.supervisor.snapshot().degraded_by == ()


async def test_a_part_that_is_mistrusted_is_read_again_at_once_and_alone(world: World) -> None:
    await world.supervisor.start()
    world.reads.clear()
    world.supervisor.mistrust("positions")
    world.supervisor.mistrust("positions")
    assert world.supervisor.snapshot().degraded_by == ("positions",)
    await world.clock.advance(0.1)
    assert world.reads == ["positions"]
    assert world.where() is S.READY
    assert world.supervisor.snapshot().degraded_by == ()
    assert world.visited() == [S.CONNECTING, S.SYNCING, S.READY]


async def test_a_part_that_is_mistrusted_again_and_again_is_asked_for_in_its_time(
    world: World,
) -> None:
    await world.supervisor.start()
    world.reads.clear()
    world.failing["positions"] = AccountError("no")
    for _ in range(10):
        world.supervisor.mistrust("positions")
        await world.clock.advance(1.0)
    assert world.where() is S.DEGRADED
    assert world.reads == ["positions"]
    await world.clock.advance(30.0)
    assert world.reads == ["positions"] * 2


async def test_the_log_says_once_why_a_part_is_missing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.failing["positions"] = KeyError("a bug of ours")
    await world.supervisor.start()
    await world.clock.advance(90.0)
    said = [one for one in caplog.records if "positions could not be read" in one.getMessage()]
    assert len(said) == 1
    assert said[0].exc_info is not None


async def test_a_part_that_stays_missing_is_one_event(world: World) -> None:
    world.failing["positions"] = AccountError("no")
    await world.supervisor.start()
    await world.clock.advance(600.0)
    assert world.visited() == [S.CONNECTING, S.SYNCING, S.DEGRADED]
    assert world.reads.count("positions") == 21


async def test_a_part_that_fails_because_the_session_went_costs_the_session(world: World) -> None:
    await world.supervisor.start()

    async def dies() -> None:
        world.sessions[-1].is_open = False
        raise ConnectionLostError("mid-answer")

    world.read = lambda name: dies()  # type: ignore[method-assign]
    world.supervisor.note(DATA_KEPT)
    await world.clock.settle()
    assert world.where() is S.WAITING
    assert "mid-answer" in (world.supervisor.snapshot().last_error or "")
    del world.read


# --- may an order go now ------------------------------------------------------------------------


async def test_while_a_gateway_is_silent_one_asks_and_nobody_else_waits(world: World) -> None:
    await world.supervisor.start()
    world.session.hears = False
    world.session.mute = True
    await world.clock.advance(6.0)
    first = asyncio.create_task(world.supervisor.is_fresh())
    await world.clock.advance(3.0)
    assert await first is False
    began = world.clock.monotonic()
    assert [await world.supervisor.is_fresh() for _ in range(20)] == [False] * 20
    assert world.clock.monotonic() == began


async def test_the_first_word_after_a_silence_lets_orders_go_again(world: World) -> None:
    await world.supervisor.start()
    world.session.hears = False
    world.session.mute = True
    await world.clock.advance(6.0)
    first = asyncio.create_task(world.supervisor.is_fresh())
    await world.clock.advance(3.0)
    assert await first is False
    world.session.hears = True
    assert await world.supervisor.is_fresh() is True


# --- the link between gateway and IB ------------------------------------------------------------


async def test_fifty_reports_of_a_lost_link_are_one_event(world: World) -> None:
    await world.supervisor.start()
    world.changes.clear()
    for _ in range(50):
        world.supervisor.note(LINK_DOWN)
    await world.clock.advance(5.0)
    assert world.visited() == [S.DEGRADED]
    assert world.changes[0].degraded_by == ("broker link",)


async def test_a_link_back_without_the_data_reads_everything(world: World) -> None:
    await world.supervisor.start()
    world.supervisor.note(LINK_DOWN)
    world.reads.clear()
    world.supervisor.note(DATA_LOST)
    assert world.where() is S.SYNCING
    await world.clock.settle()
    assert world.where() is S.READY
    assert world.reads == ["orders", "positions", "subscriptions"]


async def test_a_link_back_with_the_data_leaves_subscriptions_alone(world: World) -> None:
    await world.supervisor.start()
    world.reads.clear()
    world.supervisor.note(LINK_DOWN)
    world.supervisor.note(DATA_KEPT)
    await world.clock.settle()
    assert (world.where(), world.reads) == (S.READY, ["orders", "positions"])
    assert world.supervisor.snapshot().reconnect_count == 0


async def test_lost_data_outranks_kept_data_whatever_comes_last(world: World) -> None:
    await world.supervisor.start()
    world.reads.clear()
    for notice in (DATA_LOST, DATA_KEPT):
        world.supervisor.note(notice)
    await world.clock.settle()
    assert world.reads == ["orders", "positions", "subscriptions"]


async def test_a_link_that_goes_during_the_sync_is_counted_after_it(world: World) -> None:
    world.hanging.add("positions")
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.settle()
    world.supervisor.note(LINK_DOWN)
    assert world.where() is S.SYNCING
    await world.clock.advance(15.0)
    await start
    assert world.supervisor.snapshot().degraded_by == ("broker link", "positions")
    world.reads.clear()
    await world.clock.advance(120.0)
    assert world.reads == [], "nothing is asked while the gateway cannot know"


async def test_a_link_that_comes_back_during_the_sync_reads_once_more(world: World) -> None:
    world.hanging.add("positions")
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.settle()
    world.supervisor.note(LINK_DOWN)
    world.supervisor.note(DATA_LOST)
    world.hanging.clear()
    await world.clock.advance(15.0)
    await start
    assert world.where() is S.READY
    assert world.reads.count("orders") == 2


async def test_a_link_reported_down_during_the_login_is_remembered(world: World) -> None:
    world.open_takes_s = 1.0
    start = asyncio.create_task(world.supervisor.start())
    await world.clock.settle()
    world.supervisor.note(LINK_DOWN)
    await world.clock.advance(1.0)
    await start
    assert world.supervisor.snapshot().degraded_by == ("broker link",)


async def test_farms_are_known_by_name_and_forgotten_with_the_session(world: World) -> None:
    await world.supervisor.start()
    world.supervisor.note(GatewayNotice(code=2103, text="is broken:usfarm"))
    assert world.supervisor.snapshot().farms == {"usfarm": FarmState.BROKEN}
    world.session.end()
    await world.clock.advance(1.0)
    assert world.supervisor.snapshot().farms == {}


async def test_other_notices_say_nothing(world: World) -> None:
    await world.supervisor.start()
    world.changes.clear()
    world.supervisor.note(GatewayNotice(code=10167, text="delayed data"))
    assert world.changes == []


# --- heartbeats ---------------------------------------------------------------------------------


async def test_a_heartbeat_is_asked_each_interval_and_its_time_is_kept(world: World) -> None:
    await world.supervisor.start()
    assert world.supervisor.snapshot().last_heartbeat is None
    await world.clock.advance(181.0)
    assert world.session.probes == 3
    snapshot = world.supervisor.snapshot()
    assert snapshot.heartbeat_rtt_ms == 20.0
    assert snapshot.last_heartbeat is not None
    assert snapshot.uptime_s == 181.0
    assert snapshot.connected_since is not None


async def test_a_silent_gateway_is_found_after_an_interval_and_two_timeouts(world: World) -> None:
    await world.supervisor.start()
    world.session.mute = True
    await world.clock.advance(79.9)
    assert world.where() is S.READY
    await world.clock.advance(0.1)
    assert world.sessions[0].aborted is not None
    assert world.where() is S.WAITING
    assert "heartbeats" in (world.supervisor.snapshot().last_error or "")
    await world.clock.advance(1.0)
    assert world.where() is S.READY


async def test_one_late_answer_is_forgiven(world: World) -> None:
    await world.supervisor.start()
    world.session.mute = True
    await world.clock.advance(69.9)
    world.session.mute = False
    await world.clock.advance(20.0)
    assert (world.where(), len(world.sessions)) == (S.READY, 1)


async def test_a_gateway_that_sends_but_does_not_answer_gets_one_more_chance(world: World) -> None:
    await world.supervisor.start()
    world.session.mute = world.session.hears = True
    await world.clock.advance(89.0)
    assert world.where() is S.READY
    await world.clock.advance(1.0)
    assert world.sessions[0].aborted is not None


async def test_a_heartbeat_that_could_not_be_sent_tells_nothing(world: World) -> None:
    await world.supervisor.start()

    async def unsent() -> float:
        raise NotConnectedError

    world.session.probe = unsent  # type: ignore[method-assign]
    await world.clock.advance(600.0)
    assert (world.where(), len(world.sessions)) == (S.READY, 1)


# --- waiting for it -----------------------------------------------------------------------------


async def test_waiting_has_a_deadline(world: World) -> None:
    await world.supervisor.start()
    world.refusals = [GatewayUnavailableError() for _ in range(99)]
    world.session.end()
    await world.clock.settle()
    ready = asyncio.create_task(world.supervisor.wait_ready(10.0))
    await world.clock.advance(10.0)
    with pytest.raises(RequestTimeoutError, match=r"10\.0"):
        await ready
    assert world.where() is S.WAITING


async def test_waiting_for_what_nobody_started_fails_at_once(world: World) -> None:
    with pytest.raises(NotConnectedError):
        await world.supervisor.wait_ready(10.0)


async def test_starting_while_it_reconnects_waits_for_it(world: World) -> None:
    await world.supervisor.start()
    world.session.end()
    await world.clock.settle()
    again = asyncio.create_task(world.supervisor.start())
    gone = asyncio.create_task(world.supervisor.start())
    await world.clock.settle()
    gone.cancel()
    await world.clock.advance(1.0)
    await again
    assert world.where() is S.READY


async def test_silence_tells_when_a_second_probe_may_not_be_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.supervisor.start()
    session, run = world.session, world.pipeline.run
    session.mute = True
    asked = 0

    async def run_once(operation: Operation[Any]) -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise PacingError("too soon after the last one")
        return await run(operation)

    monkeypatch.setattr(world.pipeline, "run", run_once)
    await world.clock.advance(60.0 + 2 * 10.0)
    assert session.aborted is not None
