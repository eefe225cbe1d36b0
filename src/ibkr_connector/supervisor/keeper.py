"""
`Supervisor`: keeps one session alive.

Owns the one task in which a session is opened, verified, synchronised, watched, and, when it is
lost, tried again. What follows from what is `states.TABLE`; this is the shell that makes it happen.
It never places, repeats or drops anything for the user: it says where the connection stands, and
`ready` only when every part of the broker's state has been read again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Generic, TypeVar

from ibkr_connector.clock import Clock
from ibkr_connector.codes import LinkEffect, link_effect
from ibkr_connector.errors import (
    ClientIdInUseError,
    NotConnectedError,
    RequestTimeoutError,
)
from ibkr_connector.gateway.port import GatewayNotice, SessionEnded, SessionInfo
from ibkr_connector.model.status import ConnectionState, FarmState
from ibkr_connector.resilience import backoff
from ibkr_connector.resilience.pipeline import Pipeline
from ibkr_connector.resilience.timers import Timers

from .notices import with_notice
from .records import SessionLike, StateChange, SupervisorSnapshot, SupervisorTiming, SyncPart
from .states import UP, SupervisorEvent, advance
from .watch import Watch

__all__ = ["Supervisor"]

S = TypeVar("S", bound=SessionLike)

NO_FARMS: Mapping[str, FarmState] = MappingProxyType({})


class Supervisor(Generic[S]):
    """
    Keeps one session alive from `start` to `stop`. Lives on one loop.

    Args:
        open_session: Makes one attempt and returns a logged-in session or raises its typed error.
        attach: Told each session before anything is asked of it.
        detach: Told when that session is of no more use.
        verify: Refuses a session whose accounts contradict the mode, by raising.
        parts: What must be read before the state is `ready`, in this order.
        pipeline: Carries the heartbeats; its circuits are closed for each new session, because
            what a dead socket has failed says nothing about the new one.
        clock: The one time base.
        timing: The numbers.
        draw: Random numbers from 0 to 1 for the waits; a generator of its own when not given.
        on_state: Told each event after it, on the loop; must be quick and must not raise.
    """

    def __init__(
        self,
        *,
        open_session: Callable[[], Awaitable[S]],
        attach: Callable[[S], None],
        detach: Callable[[], None],
        verify: Callable[[SessionInfo], None],
        parts: Sequence[SyncPart],
        pipeline: Pipeline,
        clock: Clock,
        timing: SupervisorTiming | None = None,
        draw: Callable[[], float] | None = None,
        on_state: Callable[[StateChange], None] | None = None,
    ) -> None:
        self._open_session = open_session
        self._attach = attach
        self._detach = detach
        self._verify = verify
        self._parts = tuple(parts)
        self._pipeline = pipeline
        self._clock = clock
        self._timing = timing or SupervisorTiming()
        self._draw = draw or random.Random().random
        self._on_state = on_state
        self._timers = Timers(clock)

        self._state = ConnectionState.IDLE
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: SupervisorEvent | None = None
        self._starters = 0
        self._verdict: Exception | None = None
        self._last_error: Exception | None = None

        # from `start` until it ends
        self._was_up = False
        self._sessions = 0
        self._failures = 0
        self._attempt = 0
        self._retry_at: float | None = None
        self._id_in_use_since: float | None = None

        # of the session at hand
        self._watch: Watch | None = None
        self._farms = NO_FARMS
        self._link_was_down = False

    # --- what the owner asks --------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """Where the connection is."""
        return self._state

    async def start(self) -> None:
        """
        Make the first connection, and keep it from then on.

        Harmless when there is one; concurrent callers share one attempt. When the last of them is
        cancelled before the connection is up, the attempt is abandoned.

        Raises:
            IBKRError: Why the first attempt failed; nothing is left running.
        """
        if self._task is None:
            self._begin()
        self._starters += 1
        try:
            await self.wait_ready()
        except asyncio.CancelledError:
            if self._starters == 1 and not self._was_up:
                await self._end(SupervisorEvent.GIVE_UP)
            raise
        finally:
            self._starters -= 1

    async def stop(self) -> None:
        """Close the session, or end whatever attempt or wait there is, at once; idempotent."""
        await self._end(SupervisorEvent.STOP)

    async def wait_ready(self, deadline_s: float | None = None) -> None:
        """
        Wait until there is a synchronised session, whole or in part.

        Raises:
            RequestTimeoutError: There was none in time.
            NotConnectedError: Nobody is trying to get one.
            IBKRError: Why the last attempt failed, when it was the last.
        """
        limit = (
            nullcontext()
            if deadline_s is None or self._task is None
            else self._timers.limit(self._clock.monotonic() + deadline_s)
        )
        try:
            with limit:
                while self._state not in UP:
                    if self._task is None:
                        raise self._verdict or NotConnectedError("the connection is closed")
                    await self._changed.wait()
        except TimeoutError:
            raise RequestTimeoutError(f"no connection within {deadline_s} s") from None

    def note(self, event: GatewayNotice | SessionEnded) -> None:
        """Take one event of the session; what says nothing about the connection is ignored."""
        if isinstance(event, SessionEnded):
            if self._watch is not None:
                self._watch.ended(event)
            return
        self._farms = with_notice(self._farms, event)
        effect = link_effect(event.code)
        if effect is None:
            return
        if self._watch is not None:
            self._watch.link(effect)
        else:
            # Said while the login was still under way: the watch is told when there is one.
            self._link_was_down = effect is LinkEffect.DOWN

    def snapshot(self) -> SupervisorSnapshot:
        """Return how the connection stands; only reads, so any thread may ask."""
        watch, now, retry_at = self._watch, self._clock.monotonic(), self._retry_at
        picture = SupervisorSnapshot(
            state=self._state,
            attempt=self._attempt,
            next_attempt_in_s=None if retry_at is None else max(0.0, retry_at - now),
            reconnect_count=max(0, self._sessions - 1),
            farms=self._farms,
            last_error=None if self._last_error is None else str(self._last_error),
        )
        if watch is None or watch.up_at is None:
            return picture
        rtt_s = watch.heartbeat.round_trip_s
        return replace(
            picture,
            degraded_by=watch.degraded_by,
            connected_since=watch.session.info.connected_since,
            uptime_s=now - watch.up_at,
            last_heartbeat=watch.heartbeat.answered_at,
            heartbeat_rtt_ms=None if rtt_s is None else rtt_s * 1000.0,
        )

    # --- the one task ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._was_up = False
        self._sessions = self._failures = self._attempt = 0
        self._id_in_use_since = self._ending = self._verdict = None
        self._advance(SupervisorEvent.START)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ibkr-supervisor")

    async def _end(self, event: SupervisorEvent) -> None:
        if self._task is not None:
            self._ending = event
            self._task.cancel()
            await asyncio.wait([self._task])
        elif event is SupervisorEvent.STOP and self._state is not ConnectionState.STOPPED:
            self._advance(event)

    async def _run(self) -> None:
        try:
            await self._keep()
        finally:
            await self._timers.aclose()
            self._task = self._retry_at = None
            if self._ending is not None:
                self._advance(self._ending)
            self._announce()

    async def _keep(self) -> None:
        while True:
            error = await self._one_session()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                # A task group that fails in the turn in which it is cancelled swallows the
                # cancellation (CPython 3.11 and 3.12); the loop must not go on because of it.
                raise asyncio.CancelledError
            self._last_error = error
            if not self._was_up:
                self._verdict = error
                self._advance(SupervisorEvent.GIVE_UP, error)
                return
            self._advance(SupervisorEvent.LOST, error)
            wait_s = self._wait_s(error)
            if wait_s is None:
                self._verdict = error
                self._advance(SupervisorEvent.GIVE_UP, error)
                return
            self._retry_at = self._clock.monotonic() + wait_s
            await self._clock.sleep(wait_s)
            self._retry_at = None
            self._advance(SupervisorEvent.RETRY)

    async def _one_session(self) -> Exception:
        """Open a session and serve it; return why there is none any more."""
        self._attempt += 1
        self._farms, self._link_was_down = NO_FARMS, False
        try:
            session = await self._open_session()
        except Exception as error:  # noqa: BLE001  # whatever it is, there is no session
            return error
        watch = Watch(
            session,
            parts=self._parts,
            pipeline=self._pipeline,
            clock=self._clock,
            timers=self._timers,
            timing=self._timing,
            tell=self._advance,
        )
        try:
            self._verify(session.info)
            self._attach(session)
            self._watch = watch
            self._pipeline.reset_breakers()
            self._advance(SupervisorEvent.OPENED)
            if self._link_was_down:
                watch.link(LinkEffect.DOWN)
            return await watch.run()
        except Exception as error:  # noqa: BLE001  # the same
            return error
        finally:
            self._watch = None
            self._detach()
            self._rate(watch)
            await self._close(session)

    async def _close(self, session: S) -> None:
        try:
            with self._timers.limit(self._clock.monotonic() + self._timing.close_s):
                await session.aclose()
        except TimeoutError:
            session.abort("it did not close in time")

    def _rate(self, watch: Watch) -> None:
        # A session that falls over at once must not make the next wait short again.
        if (
            watch.up_at is not None
            and self._clock.monotonic() - watch.up_at >= self._timing.stable_s
        ):
            self._failures = 0

    def _wait_s(self, error: Exception) -> float | None:
        """Return the wait before the next attempt; `None` when there shall be none."""
        timing, now = self._timing, self._clock.monotonic()
        if not timing.reconnect:
            return None
        if isinstance(error, ClientIdInUseError):
            if self._id_in_use_since is None:
                self._id_in_use_since = now
            if now - self._id_in_use_since < timing.client_id_wait_s:
                return error.retry_after_s or timing.base_s
        else:
            self._id_in_use_since = None
        self._failures += 1
        if timing.max_attempts is not None and self._failures > timing.max_attempts:
            error.add_note(f"gave up after {timing.max_attempts} attempts to reconnect")
            return None
        return backoff.delay(
            self._failures, base_s=timing.base_s, cap_s=timing.cap_s, draw=self._draw()
        )

    def _advance(self, event: SupervisorEvent, error: Exception | None = None) -> None:
        source, self._state = self._state, advance(self._state, event)
        if self._state in UP and source not in UP:
            # Reached from `syncing`, at the login or when the link came back.
            if self._attempt:
                self._sessions += 1
            self._was_up, self._attempt = True, 0
        if self._on_state is not None:
            self._on_state(
                StateChange(
                    event=event,
                    source=source,
                    target=self._state,
                    degraded_by=self._watch.degraded_by if self._watch is not None else (),
                    error=error,
                )
            )
        self._announce()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
